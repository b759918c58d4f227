//! As an owner who lost the state file I lose no text, and can make altfill
//! know its own texts again.

use crate::support::{FakeModel, FakePhoto, FakeSite, Workspace};
use serde_json::json;

const N: usize = 8;
const MINE: &str = "Our dog asleep under the table";

/// A filled archive whose state file is gone, with another model to upgrade to.
fn library() -> (FakeSite, FakeModel, Workspace) {
    let (site, model) = (FakeSite::with_photos(N), FakeModel::openai());
    site.add("coast/mine", FakePhoto::new("Mine").alt(MINE).verified(1));
    let mut workspace = Workspace::album(&site, &model);
    let _ = workspace.run(&["run", "--json"]).expect(0).counted();
    std::fs::remove_dir_all(workspace.path("state")).expect("the state was there");
    std::fs::create_dir(workspace.path("state")).expect("a scratch directory");
    workspace.add_model("better", &model);
    workspace.set("model", "better");
    model.forget();
    site.forget();
    (site, model, workspace)
}

#[test]
fn without_a_state_no_existing_text_is_touched() {
    let (site, model, workspace) = library();
    for command in ["run", "upgrade"] {
        let output = workspace.run(&[command, "--json"]).expect(0).counted();
        assert_eq!(output.number("/skipped/unproven"), N as u64, "{command}");
        assert_eq!(output.number("/skipped/person"), 1, "{command}");
    }
    assert!(site.writes().is_empty());
    assert_eq!(model.count(), 0);
}

#[test]
fn adopting_shows_samples_and_wants_to_be_told_twice() {
    let (site, model, workspace) = library();
    let sample = site.alts()[0].1.clone();
    for args in [&["adopt"][..], &["adopt", "--yes"]] {
        let output = workspace.run(args);
        assert_ne!(output.code, Some(0), "{output}");
        output.says(&["--trust-tag"]);
        assert!(format!("{output}").contains(&sample), "no sample: {output}");
        let upgrade = workspace.run(&["upgrade", "--json"]).expect(0).counted();
        assert_eq!(upgrade.number("/skipped/unproven"), N as u64);
    }
    assert!(site.writes().is_empty());
    assert_eq!(model.count(), 0);
}

#[test]
fn an_adopted_text_is_ours_and_a_persons_is_not() {
    let (site, model, workspace) = library();
    let _ = workspace.run(&["adopt", "--yes", "--trust-tag"]).expect(0);
    assert!(
        site.writes().is_empty(),
        "adopting changes nothing on the site"
    );
    assert_eq!(model.count(), 0);
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/model_calls"), 0);
    let output = workspace.run(&["upgrade", "--json"]).expect(0).counted();
    assert_eq!(output.number("/written"), N as u64);
    assert_eq!(site.alt("coast/mine"), MINE);
    assert_eq!(site.verified("coast/mine"), Some(json!(1)));
}

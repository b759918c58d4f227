//! As a careful owner I look at what would be written before it is, and pay for
//! it only once.

use crate::support::{FakeModel, FakeSite, Place, Workspace};
use serde_json::json;

const N: usize = 8;

fn library() -> (FakeSite, FakeModel, Workspace) {
    let (site, model) = (FakeSite::with_photos(N), FakeModel::openai());
    let workspace = Workspace::album(&site, &model);
    (site, model, workspace)
}

#[test]
fn a_preview_writes_nothing_and_the_next_run_publishes_it_for_free() {
    let (site, model, workspace) = library();
    let output = workspace
        .run(&["run", "--preview", "--json"])
        .expect(0)
        .counted();
    assert_eq!(output.number("/waiting"), N as u64);
    assert_eq!(output.number("/written"), 0);
    assert!(site.writes().is_empty());
    let again = workspace
        .run(&["run", "--preview", "--json"])
        .expect(0)
        .counted();
    assert_eq!(again.number("/model_calls"), 0);
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/written"), N as u64);
    assert_eq!(output.number("/model_calls"), 0);
    assert_eq!(model.count(), N);
    let captions = model.captions();
    assert!(site.alts().iter().all(|(_, alt)| captions.contains(alt)));
}

#[test]
fn a_changed_prompt_makes_old_drafts_worthless() {
    let (site, model, mut workspace) = library();
    let _ = workspace.run(&["run", "--preview", "--json"]).expect(0);
    let old = model.captions();
    workspace.set_model(
        "fake",
        "prompt",
        json!("Describe this photo in one plain sentence."),
    );
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/model_calls"), N as u64);
    for (id, alt) in site.alts() {
        assert!(
            !alt.is_empty() && !old.contains(&alt),
            "{id} got an old draft"
        );
    }
}

#[test]
fn an_upgrade_can_be_previewed_too() {
    let (site, model, mut workspace) = library();
    let _ = workspace.run(&["run", "--json"]).expect(0);
    let better = FakeModel::openai();
    workspace.add_model("better", &better);
    workspace.set("model", "better");
    site.forget();
    let output = workspace
        .run(&["upgrade", "--preview", "--json"])
        .expect(0)
        .counted();
    assert_eq!(output.number("/waiting"), N as u64);
    assert!(site.writes().is_empty());
    // A backfill has nothing to do with drafts for an upgrade.
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/site_writes"), 0);
    let output = workspace.run(&["upgrade", "--json"]).expect(0).counted();
    assert_eq!(output.number("/model_calls"), 0);
    assert_eq!(output.number("/written"), N as u64);
    assert_eq!((model.count(), better.count()), (N, N));
}

#[test]
fn a_dry_run_asks_no_model_fetches_no_pixels_and_records_nothing() {
    let (site, model, workspace) = library();
    let output = workspace.run(&["run", "--dry-run", "--json"]).expect(0);
    assert_eq!(output.number("/model_calls"), 0);
    assert_eq!(model.count(), 0);
    assert_eq!(site.count(Place::Pixels), 0);
    assert!(site.writes().is_empty());
    assert!(workspace.state().is_none(), "a dry run made a state file");
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/run"), 1);
    assert_eq!(output.number("/written"), N as u64);
}

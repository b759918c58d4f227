//! As an owner I let a better model redo what the old one wrote, and take it
//! back when I don't like it.

use crate::support::{FakeModel, FakePhoto, FakeSite, SiteWrite, Workspace};
use serde_json::json;

const N: usize = 12;
const MINE: &str = "The three of us on the summit";

struct Story {
    site: FakeSite,
    old: FakeModel,
    new: FakeModel,
    workspace: Workspace,
    /// What the old model wrote, by photo.
    first: Vec<(String, String)>,
    /// Photos whose text is a person's by now.
    people: Vec<String>,
}

/// An archive that the old model has filled, in which people then changed one
/// of our texts, vouched for one, cleared one and had one of their own.
fn story() -> Story {
    let (old, new) = (FakeModel::openai(), FakeModel::ollama());
    let site = FakeSite::with_photos(N);
    site.add("alps-2019/mine", FakePhoto::new("Mine").alt(MINE));
    let mut workspace = Workspace::album(&site, &old);
    let _ = workspace.run(&["run", "--json"]).expect(0).counted();
    let ids = site.ids();
    site.edit_by_person(&ids[1], MINE, None);
    site.edit_by_person(&ids[2], &site.alt(&ids[2]), Some(json!(1)));
    site.edit_by_person(&ids[3], "", None);
    let people = vec![
        ids[1].clone(),
        ids[2].clone(),
        ids[3].clone(),
        "alps-2019/mine".to_owned(),
    ];
    let first = site.alts();
    workspace.add_model("new", &new);
    workspace.set("model", "new");
    site.forget();
    Story {
        site,
        old,
        new,
        workspace,
        first,
        people,
    }
}

fn changed(writes: &[SiteWrite]) -> Vec<&str> {
    let mut ids: Vec<&str> = writes.iter().map(|write| write.photo.as_str()).collect();
    ids.sort_unstable();
    ids
}

#[test]
fn a_run_with_another_model_says_how_many_texts_an_upgrade_would_change() {
    let mut story = story();
    story.workspace.set("site.recheck", "0s");
    let outdated = |options: &[&str]| {
        let output = story.workspace.run(options).expect(0).counted();
        output.json()["outdated"].clone()
    };
    assert_eq!(outdated(&["run", "--json"]), N as u64 - 3);
    let upgrade = story.workspace.run(&["upgrade", "--dry-run", "--json"]);
    assert_eq!(upgrade.expect(0).number("/dry_run/wanted"), N as u64 - 3);
    let words = story.workspace.run(&["run"]).expect(0);
    let advice = "9  of our texts are by another model or prompt (altfill upgrade)";
    assert!(words.stdout.contains(advice), "{words}");

    let upgrade = story.workspace.run(&["upgrade", "--json"]).expect(0);
    assert_eq!(upgrade.json()["outdated"], json!(null));
    assert_eq!(outdated(&["run", "--json"]), json!(null));
    // What an undo puts back is as wanted, and no upgrade is about it.
    let run = upgrade.number("/run").to_string();
    let _ = story.workspace.run(&["undo", &run, "--yes"]).expect(0);
    assert_eq!(outdated(&["run", "--json"]), json!(null));
}

#[test]
fn an_upgrade_changes_exactly_our_own_unmodified_texts() {
    let story = story();
    let output = story
        .workspace
        .run(&["upgrade", "--json"])
        .expect(0)
        .counted();
    assert_eq!(output.json()["mode"], "upgrade");
    assert_eq!(output.number("/written"), N as u64 - 3);
    let ours: Vec<String> = story.site.ids();
    let mut ours: Vec<&str> = ours.iter().map(String::as_str).collect();
    ours.retain(|id| story.people.iter().all(|person| person != id));
    ours.sort_unstable();
    let writes = story.site.writes();
    assert_eq!(changed(&writes), ours);
    let captions = story.new.captions();
    assert!(
        writes
            .iter()
            .all(|write| captions.contains(&story.site.alt(&write.photo)))
    );
    for (id, text) in story
        .first
        .iter()
        .filter(|(id, _)| story.people.contains(id))
    {
        assert_eq!(story.site.alt(id), *text, "{id}");
    }
}

#[test]
fn an_upgrade_with_the_same_recipe_does_nothing() {
    let story = story();
    let _ = story.workspace.run(&["upgrade", "--json"]).expect(0);
    story.site.forget();
    story.new.forget();
    for command in ["upgrade", "run"] {
        let output = story
            .workspace
            .run(&[command, "--json"])
            .expect(0)
            .counted();
        assert_eq!(output.number("/model_calls"), 0, "{command}");
        assert!(story.site.writes().is_empty(), "{command}");
    }
    assert_eq!(story.new.count(), 0);
}

#[test]
fn an_undo_puts_the_first_texts_back_for_good() {
    let story = story();
    let upgrade = story.workspace.run(&["upgrade", "--json"]).expect(0);
    let run = upgrade.number("/run").to_string();
    let _ = story
        .workspace
        .run(&["undo", &run, "--yes", "--json"])
        .expect(0);
    assert_eq!(story.site.alts(), story.first);
    let (old, new) = (story.old.count(), story.new.count());
    story.site.forget();
    for command in ["run", "upgrade", "run"] {
        let output = story
            .workspace
            .run(&[command, "--json"])
            .expect(0)
            .counted();
        assert_eq!(output.number("/model_calls"), 0, "{command}");
    }
    assert!(story.site.writes().is_empty());
    assert_eq!((old, new), (story.old.count(), story.new.count()));
}

#[test]
fn an_undo_of_a_run_names_what_a_later_run_replaced() {
    let story = story();
    let upgrade = story.workspace.run(&["upgrade", "--json"]).expect(0);
    let replaced = upgrade.number("/written");
    let after = story.site.alts();
    let undo = ["undo", "1", "--yes", "--json"];
    let output = story.workspace.run(&undo).expect(0).counted();
    assert_eq!(output.number("/skipped/replaced"), replaced, "{output}");
    assert_eq!(output.number("/conflict"), 3, "people's changes: {output}");
    assert_eq!(story.site.alts(), after);
    let undo = ["undo", &upgrade.number("/run").to_string(), "--yes"];
    let _ = story.workspace.run(&undo).expect(0);
    let output = story.workspace.run(&["undo", "1", "--yes", "--json"]);
    assert_eq!(output.number("/written"), replaced, "{output}");
}

#[test]
fn our_old_words_that_a_person_put_back_stay() {
    let story = story();
    let _ = story.workspace.run(&["upgrade", "--json"]).expect(0);
    let ours: Vec<&(String, String)> = story
        .first
        .iter()
        .filter(|(id, _)| !story.people.contains(id))
        .collect();
    let (id, old) = ours
        .iter()
        .find(|(id, old)| story.site.alt(id) != *old)
        .expect("a new text");
    story.site.edit_by_person(id, old, None);
    let output = story
        .workspace
        .run(&["undo", "1", "--yes", "--json"])
        .expect(0);
    assert_eq!(output.number("/written"), 0, "{output}");
    assert_eq!(story.site.alt(id), *old, "a person chose it");
}

#[test]
fn an_undo_leaves_alone_what_a_person_changed_since() {
    let story = story();
    let upgrade = story.workspace.run(&["upgrade", "--json"]).expect(0);
    let run = upgrade.number("/run").to_string();
    let touched = story.site.ids()[5].clone();
    story.site.edit_by_person(&touched, MINE, None);
    let _ = story
        .workspace
        .run(&["undo", &run, "--yes", "--json"])
        .expect(0);
    for (id, text) in &story.first {
        let wanted = if *id == touched { MINE } else { text };
        assert_eq!(story.site.alt(id), wanted, "{id}");
    }
}

#[test]
fn an_undo_of_a_backfill_empties_the_texts_and_the_marks_again() {
    let (site, model) = (FakeSite::with_photos(6), FakeModel::openai());
    let before: Vec<_> = site.ids().iter().map(|id| site.photo(id).record).collect();
    let workspace = Workspace::album(&site, &model);
    let run = workspace
        .run(&["run", "--json"])
        .expect(0)
        .number("/run")
        .to_string();
    // Without a yes, and without anybody to ask, nothing happens.
    let asked = workspace.run(&["undo", &run]);
    assert_ne!(asked.code, Some(0), "{asked}");
    assert_eq!(site.writes().len(), 6);
    let unmarked =
        |record: &&serde_json::Map<String, serde_json::Value>| !record.contains_key("verified");
    let unmarked = before.iter().filter(unmarked).count();
    let undone = workspace.run(&["undo", &run, "--yes"]).expect(0);
    assert!(unmarked > 0);
    undone.says(&[&format!(
        "{unmarked} photos had no mark before that run and have one now"
    )]);
    for (id, record) in site.ids().iter().zip(before) {
        assert_eq!(site.alt(id), "");
        // A missing mark can't be brought back, but it must not say "person".
        if let Some(mark) = record.get("verified") {
            assert_eq!(site.verified(id).as_ref(), Some(mark), "{id}");
        } else {
            assert_ne!(site.verified(id), Some(json!(1)), "{id}");
        }
    }
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/skipped/undone"), 6);
    assert_eq!(model.count(), 6);
}

#[test]
fn an_undo_of_a_run_that_never_was_says_so() {
    let (site, model) = (FakeSite::with_photos(1), FakeModel::openai());
    let workspace = Workspace::album(&site, &model);
    let _ = workspace.run(&["run"]).expect(0);
    let output = workspace.run(&["undo", "77", "--yes"]);
    assert!(matches!(output.code, Some(1 | 2)), "{output}");
    output.says(&["77"]);
}

#[test]
fn an_upgrade_of_a_model_that_wrote_nothing_is_a_mistake_that_is_named() {
    let (site, model) = (FakeSite::with_photos(2), FakeModel::openai());
    let workspace = Workspace::album(&site, &model);
    let _ = workspace.run(&["run", "--json"]).expect(0);
    let refused = workspace.run(&["upgrade", "--from", "lava"]).expect(2);
    refused.says(&["lava", "by fake"]);
    let refused = workspace.run(&["upgrade", "--below", "7"]).expect(2);
    refused.says(&["--below", "0 to 1"]);
    let refused = workspace.run(&["fix", ""]).expect(2);
    refused.says(&["<ID>"]);
    assert_eq!(workspace.rows("SELECT number FROM runs").len(), 1);
}

//! As the owner of an archive I ask what ever happened to one photo.

use crate::support::{FakeModel, FakePhoto, FakeSite, Workspace};
use serde_json::{Value, json};

fn events(workspace: &Workspace, id: &str) -> Vec<Value> {
    let output = workspace.run(&["history", id, "--json"]).expect(0).json();
    assert_eq!(output["photo"], id);
    output["events"].as_array().expect("a list").clone()
}

#[test]
fn every_text_call_and_write_is_told_in_order_with_its_run_and_model() {
    let (site, model) = (FakeSite::start(), FakeModel::openai());
    site.add("coast/a", FakePhoto::new("Dunes").verified(0));
    let mut workspace = Workspace::album(&site, &model);
    let _ = workspace.run(&["run", "--json"]).expect(0);
    let better = FakeModel::openai();
    workspace.add_model("better", &better);
    workspace.set("model", "better");
    let _ = workspace.run(&["upgrade", "--json"]).expect(0);
    let _ = workspace.run(&["undo", "2", "--yes", "--json"]).expect(0);
    site.edit_by_person("coast/a", "Marram grass", Some(json!(1)));
    let _ = workspace.run(&["run", "--json"]).expect(0);
    site.edit_by_person("coast/a", "Marram grass on a dune", Some(json!(1)));
    let _ = workspace.run(&["run", "--json"]).expect(0);
    let _ = workspace.run(&["run", "--json"]).expect(0);

    let all = events(&workspace, "coast/a");
    let told: Vec<(String, Value, Value)> = all
        .iter()
        .map(|event| {
            let what = event["what"].as_str().unwrap_or_default().to_owned();
            (what, event["run"].clone(), event["model"].clone())
        })
        .collect();
    let one = |what: &str, run: i64, model: Value| (what.to_owned(), json!(run), model);
    let (fake, none) = (json!("fake"), Value::Null);
    assert_eq!(
        told,
        [
            one("seen", 1, none.clone()),
            one("asked", 1, fake.clone()),
            one("drafted", 1, fake.clone()),
            one("wrote", 1, fake),
            one("asked", 2, json!("better")),
            one("drafted", 2, json!("better")),
            one("wrote", 2, json!("better")),
            one("wrote", 3, none.clone()),
            one("seen", 4, none.clone()),
            one("seen", 5, none),
        ],
        "{all:#?}"
    );
    assert_eq!(all[6]["state"], "undone");
    assert_eq!(all[7]["takes_back_run"], 2);
    assert_eq!(all[8]["text"], "Marram grass");
    assert_eq!(all[9]["owner"], "person");
    let times: Vec<&str> = all
        .iter()
        .filter_map(|event| event["at"].as_str())
        .collect();
    assert!(times.is_sorted() && times[0].ends_with('Z'), "{times:?}");

    let text = workspace.run(&["history", "coast/a"]).expect(0).stdout;
    for part in [
        "run 1, backfill",
        "written as a machine's, by fake",
        "put back what run 2 replaced",
        "seen with a person's text",
        "text: Marram grass on a dune",
    ] {
        assert!(text.contains(part), "{part:?} is missing in: {text}");
    }
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
}

#[test]
fn failures_are_kept_too() {
    let (site, model) = (FakeSite::start(), FakeModel::openai());
    site.add("coast/cut", FakePhoto::new("Cut").pixels(&b"no image"[..]));
    let workspace = Workspace::album(&site, &model);
    let _ = workspace.run(&["run", "--json"]).expect(3);
    let all = events(&workspace, "coast/cut");
    let failed = all.iter().find(|event| event["what"] == "failed");
    let failed = failed.unwrap_or_else(|| panic!("{all:#?}"));
    assert_eq!(
        (&failed["run"], &failed["parked"]),
        (&json!(1), &json!(true))
    );
    assert!(
        failed["error"]
            .as_str()
            .is_some_and(|error| error.contains("coast/cut"))
    );
}

#[test]
fn an_unknown_photo_is_said_with_those_that_are_alike() {
    let (site, model) = (FakeSite::start(), FakeModel::openai());
    site.add("coast/lighthouse", FakePhoto::new("Light"));
    let workspace = Workspace::album(&site, &model);
    let empty = workspace.run(&["history", "coast/lighthouse"]).expect(2);
    empty.says(&["no run has seen a photo coast/lighthouse"]);
    let _ = workspace.run(&["run", "--json"]).expect(0);
    let near = workspace.run(&["history", "coast/lighthose"]).expect(2);
    near.says(&["no run has seen", "did you mean coast/lighthouse?"]);
    let far = workspace.run(&["history", "zzz"]).expect(2);
    far.says(&["album/name"]);
}

#[test]
fn a_state_file_from_before_keeps_what_it_knows() {
    // A file of the first format is brought up, and its last look is not lost.
    let (site, model) = (FakeSite::start(), FakeModel::openai());
    site.add(
        "coast/a",
        FakePhoto::new("Dunes").alt("Two dogs").verified(1),
    );
    let workspace = Workspace::album(&site, &model);
    let _ = workspace.run(&["run", "--json"]).expect(0);
    let state = rusqlite::Connection::open(workspace.path("state/altfill.db")).expect("a file");
    state
        .execute_batch(
            "DROP TABLE sightings; DROP TABLE failures; DROP INDEX drafts_by_run;
             DROP INDEX photos_by_owner;
             ALTER TABLE sites DROP COLUMN listing_mark;
             ALTER TABLE sites DROP COLUMN listing_key;
             ALTER TABLE sites DROP COLUMN swept_at;
             ALTER TABLE photos DROP COLUMN pending;
             ALTER TABLE photos DROP COLUMN gone;
             ALTER TABLE drafts DROP COLUMN decided_at; PRAGMA user_version = 1;",
        )
        .expect("the first format");
    drop(state);
    let all = events(&workspace, "coast/a");
    assert_eq!(all.len(), 1, "{all:#?}");
    assert_eq!(
        (&all[0]["text"], &all[0]["run"]),
        (&json!("Two dogs"), &json!(1))
    );
    let _ = workspace.run(&["run", "--json"]).expect(0);
    assert_eq!(events(&workspace, "coast/a").len(), 1);
}

//! As an owner who made a mistake I get one clear sentence: what, where, and
//! what to do. Nothing panics, and nothing that was earned is lost.

use crate::support::photos::{self, Metadata};
use crate::support::{
    Act, FakeModel, FakePhoto, FakeSite, Output, Reply, SITE_TOKEN, When, Workspace,
};
use serde_json::json;
use std::time::Duration;

fn library() -> (FakeSite, FakeModel, Workspace) {
    let (site, model) = (FakeSite::with_photos(6), FakeModel::openai());
    let workspace = Workspace::album(&site, &model);
    (site, model, workspace)
}

/// Runs and expects an error with this exit code and these words on stderr.
fn fails(workspace: &Workspace, code: i32, words: &[&str]) -> Output {
    let output = workspace.run(&["run", "--json"]).expect(code);
    output.says(words);
    output
}

#[test]
fn missing_settings_are_named() {
    let workspace = Workspace::empty();
    fails(&workspace, 2, &["pipeline.toml"]);
    let (_site, _model, workspace) = library();
    std::fs::remove_file(workspace.path("models.yaml")).expect("it was there");
    fails(&workspace, 2, &["models.yaml"]);
}

#[test]
fn malformed_settings_are_shown_with_their_line() {
    let (_site, _model, workspace) = library();
    let good = std::fs::read_to_string(workspace.path("pipeline.toml")).expect("settings");
    workspace.write("pipeline.toml", format!("modle = \"x\"\n{good}"));
    fails(&workspace, 2, &["pipeline.toml", "modle = ", "model"]);
    workspace.write("pipeline.toml", "model = \"unfinished\nstate = 3\n");
    fails(&workspace, 2, &["pipeline.toml", "1"]);
    workspace.write(
        "pipeline.toml",
        good.replace("concurrency = 8", "concurrency = \"many\""),
    );
    fails(&workspace, 2, &["pipeline.toml", "concurrency", "many"]);
}

#[test]
fn malformed_models_are_shown_with_their_line() {
    let (_site, _model, workspace) = library();
    let good = std::fs::read_to_string(workspace.path("models.yaml")).expect("models");
    workspace.write("models.yaml", format!("{good}{good}"));
    fails(&workspace, 2, &["models.yaml", "fake"]);
    workspace.write(
        "models.yaml",
        good.replace("provider: openai", "provider: opanai"),
    );
    fails(&workspace, 2, &["models.yaml", "opanai", "openai"]);
    workspace.write("models.yaml", "fake: [1, 2");
    fails(&workspace, 2, &["models.yaml"]);
}

#[test]
fn an_unknown_model_is_named_with_the_nearest_known_one() {
    let (_site, _model, mut workspace) = library();
    workspace.set("model", "fakee");
    fails(&workspace, 2, &["fakee", "fake"]);
}

#[test]
fn a_missing_variable_is_named() {
    let (_site, _model, workspace) = library();
    for (variable, code) in [("SITE_TOKEN", 2), ("MODEL_KEY", 2)] {
        let program = workspace.altfill(&["run"]).without_env(variable);
        let output = program.run().expect(code);
        output.says(&[variable]);
    }
}

#[test]
fn an_unreachable_site_is_named_with_its_address() {
    let (site, model, mut workspace) = library();
    workspace.set("run.outage_patience", "1s");
    // Its port stays taken, or another test would get it.
    site.down_for(Duration::from_secs(600));
    let output = workspace.run(&["run", "--json"]);
    assert!(matches!(output.code, Some(1 | 4)), "{output}");
    output.says(&[site.url().trim_start_matches("http://")]);
    assert_eq!(model.count(), 0);
}

#[test]
fn a_wrong_token_stops_the_run_and_names_the_variable() {
    let (site, model, workspace) = library();
    site.token("another");
    let output = fails(&workspace, 1, &["SITE_TOKEN"]);
    assert!(!output.stderr.contains(SITE_TOKEN));
    assert_eq!(model.count(), 0);
    assert!(
        site.requests().len() <= 20,
        "every photo was tried with a bad token"
    );
}

#[test]
fn a_token_that_expires_on_the_way_loses_nothing() {
    let (site, model, workspace) = library();
    site.add_many(24);
    workspace.list(&site);
    // The run can't be over before the token is another one.
    model.script(When::chat().from(9), Act::late(Duration::from_secs(5)));
    let mut running = workspace.spawn(&["run", "--json"]);
    assert!(running.until(|| !site.writes().is_empty()));
    site.token("another");
    let output = running.wait().expect(1).counted();
    output.says(&["SITE_TOKEN"]);
    site.token(SITE_TOKEN);
    model.behave();
    let _ = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(site.writes().len(), 30);
    assert_eq!(model.count(), 30, "what was paid for is written later");
}

#[test]
fn a_photo_that_is_forbidden_with_a_good_token_is_only_that_photo() {
    let (site, _model, workspace) = library();
    let id = site.ids()[2].clone();
    site.script(When::get().photo(&id), Act::reply(Reply::html(403)));
    let output = fails(&workspace, 3, &[&id]).counted();
    assert_eq!(output.number("/failed"), 1);
    assert_eq!(output.number("/written"), 5);
}

#[test]
fn a_foreign_state_file_is_refused_untouched() {
    let (_site, model, workspace) = library();
    workspace.write(
        "state/altfill.db",
        "These are somebody's notes, no database.",
    );
    fails(&workspace, 1, &["altfill.db"]);
    let kept = std::fs::read_to_string(workspace.path("state/altfill.db")).expect("a file");
    assert_eq!(kept, "These are somebody's notes, no database.");
    std::fs::remove_file(workspace.path("state/altfill.db")).expect("it was there");
    let other = rusqlite::Connection::open(workspace.path("state/altfill.db")).expect("a file");
    other
        .execute_batch("CREATE TABLE recipes (name TEXT); PRAGMA user_version = 1;")
        .expect("plain SQL");
    drop(other);
    fails(&workspace, 1, &["altfill.db"]);
    assert_eq!(model.count(), 0);
}

#[test]
fn a_newer_state_file_is_refused_politely() {
    let (_site, _model, workspace) = library();
    let _ = workspace.run(&["run"]).expect(0);
    let newer = rusqlite::Connection::open(workspace.path("state/altfill.db")).expect("a file");
    newer
        .execute_batch("PRAGMA user_version = 9999;")
        .expect("plain SQL");
    drop(newer);
    fails(&workspace, 1, &["altfill.db", "newer"]);
}

#[test]
fn the_state_file_of_another_site_is_refused() {
    let (_site, model, mut workspace) = library();
    let _ = workspace.run(&["run"]).expect(0);
    workspace.set("site.name", "another-site");
    model.forget();
    let output = workspace.run(&["run", "--json"]);
    assert!(matches!(output.code, Some(1 | 2)), "{output}");
    output.says(&["fake-site", "another-site"]);
    assert_eq!(model.count(), 0);
}

#[test]
fn a_state_file_of_a_mistyped_site_without_photos_is_taken_over() {
    let (_site, _model, mut workspace) = library();
    workspace.set("site.name", "mistyped");
    let manifest = std::fs::read_to_string(workspace.path("photos.txt")).expect("a manifest");
    workspace.write("photos.txt", "");
    let _ = workspace.run(&["run", "--json"]).expect(0);
    workspace.set("site.name", "fake-site");
    workspace.write("photos.txt", manifest);
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/written"), 6, "{output}");
}

#[test]
fn a_state_that_cannot_be_written_is_named_before_anything_is_paid() {
    let (_site, model, mut workspace) = library();
    workspace.write("plain-file", "");
    workspace.set("state", "plain-file/altfill.db");
    fails(&workspace, 1, &["plain-file"]);
    assert_eq!(model.count(), 0);
}

#[test]
fn a_missing_manifest_is_an_error() {
    let (_site, _model, workspace) = library();
    std::fs::remove_file(workspace.path("photos.txt")).expect("it was there");
    let output = workspace.run(&["run", "--json"]);
    assert!(matches!(output.code, Some(1 | 2)), "{output}");
    output.says(&["photos.txt"]);
}

#[test]
fn a_line_of_a_manifest_that_is_no_photo_is_named_by_its_number() {
    let (site, _model, workspace) = library();
    let good = site.ids().join("\n");
    workspace.write(
        "photos.txt",
        format!("just-a-name\n{good}\n../../etc/passwd\n"),
    );
    let output = workspace.run(&["run", "--json"]).counted();
    output.says(&["photos.txt", "1", "just-a-name"]);
    assert_eq!(output.number("/written"), 6);
    assert!(
        site.requests()
            .iter()
            .all(|request| !request.path.contains("etc"))
    );
}

#[test]
fn a_photo_that_the_site_does_not_have_is_only_that_photo() {
    let (site, _model, workspace) = library();
    let gone = site.ids()[1].clone();
    site.remove(&gone);
    let output = fails(&workspace, 3, &[&gone]).counted();
    assert_eq!(output.number("/failed"), 1);
    assert_eq!(output.number("/written"), 5);
}

#[test]
fn unusable_images_cost_no_call_and_stop_nothing() {
    let (site, model, workspace) = library();
    let whole = photos::photo(3, 320, 240, Metadata::None);
    site.add("bad/none", FakePhoto::new("None").no_pixels());
    site.add("bad/empty", FakePhoto::new("Empty").pixels(Vec::new()));
    site.add(
        "bad/cut",
        FakePhoto::new("Cut").pixels(photos::truncated(&whole)),
    );
    site.add(
        "bad/text",
        FakePhoto::new("Text").pixels(b"not a picture at all".to_vec()),
    );
    let page = FakePhoto::new("Page").pixels(b"<html>Log in, please</html>".to_vec());
    site.add("bad/page", page);
    site.add(
        "good/png",
        FakePhoto::new("A PNG named JPEG").pixels(photos::png(5)),
    );
    workspace.list(&site);
    let output = workspace.run(&["run", "--json"]).expect(3).counted();
    assert_eq!(output.number("/failed"), 5, "{output}");
    assert_eq!(output.number("/written"), 7);
    assert_eq!(model.count(), 7);
    output.says(&["bad/none", "bad/empty", "bad/cut", "bad/text", "bad/page"]);
    // Unreadable files are parked until their pixels change.
    site.forget();
    let again = workspace.run(&["run", "--json"]).counted();
    assert!(again.number("/skipped/parked") >= 3, "{again}");
    assert_eq!(model.count(), 7);
    site.add("bad/cut", FakePhoto::new("Cut").pixels(whole));
    let output = workspace.run(&["run", "--json"]).counted();
    assert_eq!(output.number("/written"), 1, "{output}");
}

#[test]
fn an_image_that_unpacks_to_too_many_pixels_is_only_that_photo() {
    let (site, _model, mut workspace) = library();
    workspace.set("photo.max_pixels", 400_000);
    let large = photos::photo(2, 1200, 800, Metadata::None);
    site.add("bad/bomb", FakePhoto::new("Bomb").pixels(large));
    workspace.list(&site);
    let output = fails(&workspace, 3, &["bad/bomb"]).counted();
    assert_eq!(output.number("/failed"), 1);
    assert_eq!(output.number("/written"), 6);
}

#[test]
fn a_site_that_answers_pages_for_people_is_found_out_early() {
    let (site, model, workspace) = library();
    site.add_many(60);
    workspace.list(&site);
    site.script(When::get(), Act::reply(Reply::html(200)));
    let output = workspace.run(&["run", "--json"]);
    assert!(matches!(output.code, Some(1 | 3)), "{output}");
    output.says(&[site.url().trim_start_matches("http://")]);
    assert_eq!(model.count(), 0);
}

#[test]
fn one_broken_answer_of_the_site_is_asked_again() {
    let breaks = [
        Act::reply(Reply::html(500)),
        Act::reply(Reply::html(503).with("retry-after", "1")),
        Act::reply(Reply::html(429).with("retry-after", "1")),
        Act::reset(),
        Act::cut_in_headers(),
        Act::cut_in_body(),
    ];
    for act in breaks {
        for when in [When::get(), When::pixels(), When::patch()] {
            let (site, model, workspace) = library();
            site.script(when.clone().nth(2), act.clone());
            let output = workspace.run(&["run", "--json"]).counted();
            assert_eq!(output.code, Some(0), "{when:?} {act:?}: {output}");
            assert_eq!(output.number("/written"), 6);
            assert_eq!(model.count(), 6, "{when:?} {act:?}");
        }
    }
}

#[test]
fn half_a_json_is_no_answer() {
    let (site, _model, workspace) = library();
    let id = site.ids()[4].clone();
    site.script(When::get().photo(&id), Act::half_body());
    let output = fails(&workspace, 3, &[&id]).counted();
    assert_eq!(output.number("/failed"), 1);
    assert_eq!(output.number("/written"), 5);
}

#[test]
fn a_site_that_never_answers_is_left_after_its_timeout() {
    let (site, _model, mut workspace) = library();
    workspace.set("site.timeout", "1s");
    workspace.set("run.outage_patience", "3s");
    site.script(When::any(), Act::never());
    let output = workspace
        .altfill(&["run", "--json"])
        .patience(Duration::from_secs(60))
        .run();
    assert!(matches!(output.code, Some(1 | 4)), "{output}");
    output.says(&[site.url().trim_start_matches("http://")]);
}

#[test]
fn wrong_command_lines_end_with_2() {
    let (_site, _model, workspace) = library();
    for args in [
        &["rnu"][..],
        &["run", "--no-such-flag"],
        &["undo"],
        &["run", "--limit", "few"],
    ] {
        let output = workspace.run(args).expect(2);
        assert!(
            !output.stderr.is_empty() && output.stdout.is_empty(),
            "{output}"
        );
    }
}

#[test]
fn a_cloud_model_without_a_price_cannot_keep_a_budget() {
    let (_site, _model, mut workspace) = library();
    workspace.set_model("fake", "deployment", json!("cloud"));
    workspace.set("run.max_cost", 1.0);
    fails(&workspace, 2, &["price", "fake"]);
}

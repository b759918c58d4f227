//! As the one who pays I set a limit for a run or a day, and no night costs
//! more, whatever stops and starts again; and I can see what was spent.

use crate::support::{Act, Fail, FakeModel, FakeSite, Reply, When, Workspace};
use rusqlite::Connection;
use serde_json::{Value, json};
use std::time::Duration;

const N: usize = 18;

/// Half a cent or so for each call that is answered, at most a little more than
/// one by the estimate.
const PRICE: [f64; 2] = [10.0, 10.0];

fn library(model: &FakeModel) -> (FakeSite, Workspace) {
    let site = FakeSite::with_photos(N);
    let mut workspace = Workspace::album(&site, model);
    let [input, output] = PRICE;
    workspace.set_model("fake", "price", json!({"input": input, "output": output}));
    (site, workspace)
}

/// What all calls are booked at.
fn booked(workspace: &Workspace) -> f64 {
    let rows = workspace.rows("SELECT total(cost) AS cost FROM calls");
    rows[0]["cost"].as_f64().expect("a sum")
}

/// Changes the state file, as time or a crash would.
fn change(workspace: &Workspace, sql: &str) {
    let state = Connection::open(workspace.path("state/altfill.db")).expect("the state file");
    state
        .execute_batch(sql)
        .expect("a change that fits the schema");
}

fn status(workspace: &Workspace) -> Value {
    workspace.run(&["status", "--json"]).expect(0).json()
}

/// Tells a story about one day's money; again, if midnight (UTC) came between.
fn within_a_day(story: fn()) {
    let today = || jiff::Timestamp::now().as_second() / 86_400;
    loop {
        let day = today();
        let outcome = std::panic::catch_unwind(story);
        if today() == day {
            return outcome.unwrap_or_else(|why| std::panic::resume_unwind(why));
        }
    }
}

#[test]
fn a_day_costs_no_more_than_its_limit_however_often_a_run_is_started() {
    within_a_day(|| {
        let model = FakeModel::openai();
        model.latency(Duration::from_millis(20));
        let (site, mut workspace) = library(&model);
        workspace.set("run.max_cost_per_day", 0.08);
        let first = workspace
            .run(&["run", "--json", "--limit", "4"])
            .expect(0)
            .counted();
        assert_eq!(first.number("/written"), 4);
        let second = workspace.run(&["run", "--json"]).expect(4).counted();
        assert_eq!(second.ended(), "budget");
        second.says(&["$0.08", "UTC"]);
        assert!(second.number("/written") > 0 && site.writes().len() < N);
        // Estimates are never below what the fake counts, so the limit itself holds.
        let spent = booked(&workspace);
        assert!(spent > 0.06 && spent <= 0.08, "{spent}");
        let made = model.count();
        let third = workspace.run(&["run", "--json"]).expect(4).counted();
        assert_eq!((third.ended().as_str(), model.count()), ("budget", made));
        let first = site.ids()[0].clone();
        let fix = ["fix", first.as_str(), "--json"];
        assert_eq!(workspace.run(&fix).expect(4).ended(), "budget");
        assert_eq!(model.count(), made, "fix costs money too");
        assert_eq!(workspace.tries(), 0, "no photo pays for it");
        let shown = status(&workspace);
        assert_eq!(shown["today"]["limit_usd"], json!(0.08));
        let today = shown["today"]["cost_usd"].as_f64().expect("a sum");
        assert!((today - spent).abs() < 1e-9, "{shown}");
    });
}

#[test]
fn a_new_day_has_its_own_money() {
    let model = FakeModel::openai();
    let (site, mut workspace) = library(&model);
    workspace.set("run.max_cost_per_day", 0.08);
    assert_eq!(
        workspace.run(&["run", "--json"]).expect(4).ended(),
        "budget"
    );
    let before = site.writes().len();
    change(&workspace, "UPDATE calls SET sent_at = sent_at - 86400000");
    let _ = workspace.run(&["run", "--json"]).counted();
    assert!(site.writes().len() > before);
    assert!(booked(&workspace) > 0.08);
}

#[test]
fn what_fix_and_killed_runs_cost_counts_towards_the_day() {
    within_a_day(|| {
        let model = FakeModel::openai();
        let (site, mut workspace) = library(&model);
        workspace.set("run.max_cost_per_day", 0.02);
        // As a killed run leaves it: sent, and never answered.
        let _ = workspace.run(&["run", "--json", "--limit", "1"]).expect(0);
        change(
            &workspace,
            "UPDATE calls SET state = 'sent', cost = NULL, reply = NULL, estimate = 0.019;
             UPDATE runs SET ended = NULL",
        );
        let today = status(&workspace)["today"]["cost_usd"].as_f64();
        assert_eq!(today, Some(0.019), "it may have been paid for");
        let made = model.count();
        let output = workspace.run(&["run", "--json"]).expect(4).counted();
        assert_eq!((output.ended().as_str(), model.count()), ("budget", made));
        assert!((booked(&workspace) - 0.019).abs() < 1e-9);
        change(&workspace, "UPDATE calls SET cost = 0.0001");
        let second = site.ids()[1].clone();
        let fix = ["fix", second.as_str(), "--replace-human", "--yes", "--json"];
        let _ = workspace.run(&fix).expect(0);
        let rows = workspace
            .rows("SELECT cost FROM calls JOIN runs ON runs.number = calls.run WHERE mode = 'fix'");
        assert!(rows[0]["cost"].as_f64().expect("a cost") > 0.0);
    });
}

#[test]
fn a_reply_that_is_lost_or_empty_is_booked_at_its_estimate_and_an_error_is_not() {
    let lost = FakeModel::openai();
    lost.script(When::chat().nth(1), Act::lose_reply());
    let garbled = FakeModel::openai();
    garbled.script(When::chat().nth(1), Act::half_body());
    let refused = FakeModel::openai();
    refused.script(When::chat().nth(1), Act::fail(Fail::Internal));
    let throttled = FakeModel::openai();
    let busy = Fail::RateLimit(Some("0".to_owned()));
    throttled.script(When::chat().nth(1), Act::fail(busy));
    for (model, state, paid) in [
        (lost, "lost", true),
        (garbled, "failed", true),
        (refused, "failed", false),
        (throttled, "failed", false),
    ] {
        let (_site, mut workspace) = library(&model);
        workspace.set("run.concurrency", 1);
        let output = workspace.run(&["run", "--json", "--limit", "2"]).expect(0);
        let calls = workspace.rows("SELECT state, cost, estimate FROM calls ORDER BY id");
        assert_eq!(calls[0]["state"], state, "{calls:?}");
        let expected = if paid {
            &calls[0]["estimate"]
        } else {
            &Value::Null
        };
        assert_eq!(&calls[0]["cost"], expected, "{calls:?}");
        let told = output.json()["cost_usd"].as_f64().expect("a cost");
        assert!(
            (told - booked(&workspace)).abs() < 1e-9,
            "the summary and the books differ"
        );
    }
}

#[test]
fn a_model_that_counts_no_tokens_is_booked_at_its_estimate() {
    let model = FakeModel::openai();
    let (_site, workspace) = library(&model);
    let body = json!({"model": "m", "choices": [{"finish_reason": "stop",
        "message": {"content": "A red boat lies on the sand."}}]});
    model.script(When::chat(), Act::reply(Reply::json(200, &body)));
    let output = workspace.run(&["run", "--json", "--limit", "2"]).expect(0);
    let calls = workspace.rows("SELECT cost, estimate FROM calls");
    assert!(
        calls.iter().all(|call| call["cost"] == call["estimate"]),
        "{calls:?}"
    );
    let told = output.json()["cost_usd"].as_f64().expect("a cost");
    assert!((told - booked(&workspace)).abs() < 1e-9);
}

#[test]
fn a_limit_with_a_cloud_model_without_a_price_is_refused() {
    let model = FakeModel::openai();
    let (_site, mut workspace) = library(&model);
    workspace.set_model("fake", "price", Value::Null);
    workspace.set_model("fake", "deployment", json!("cloud"));
    workspace.set("run.max_cost_per_day", 1.0);
    let output = workspace.run(&["run", "--json"]).expect(2);
    output.says(&["fake", "no price", "run.max_cost_per_day"]);
    assert_eq!(model.count(), 0);
}

#[test]
fn status_shows_what_each_model_cost_by_month_and_marks_what_has_no_price() {
    let (paid, free) = (FakeModel::openai(), FakeModel::ollama());
    let (_site, mut workspace) = library(&paid);
    workspace.add_model("free", &free);
    let _ = workspace.run(&["run", "--json", "--limit", "3"]).expect(0);
    let _ = workspace
        .run(&["run", "--json", "--limit", "2", "--model", "free"])
        .expect(0);
    change(
        &workspace,
        "INSERT INTO calls (purpose, run, model, state, sent_at, cost, estimate)
         VALUES ('caption', 1, 'fake', 'answered', 1761000000000, 1.5, 1.5),
                ('caption', 1, 'fake', 'lost', 1761000000000, NULL, NULL)",
    );
    // Neither the site's token nor a key is needed to look, nor the photos.
    std::fs::remove_file(workspace.path("photos.txt")).expect("the list was there");
    let look = |args: &[&str]| {
        let program = workspace.altfill(args).without_env("SITE_TOKEN");
        program.without_env("MODEL_KEY").run().expect(0)
    };
    let spent = look(&["status", "--json"]).json()["spent"].clone();
    let spent = spent.as_array().expect("a list").clone();
    let told: Vec<_> = spent
        .iter()
        .map(|row| {
            (
                row["model"].as_str().expect("a name"),
                row["calls"].as_u64(),
                row["calls_without_price"].as_u64(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("fake", Some(3), Some(0)),
            ("free", Some(2), Some(0)),
            ("fake", Some(2), Some(1))
        ]
    );
    assert!(spent[0]["cost_usd"].as_f64() > Some(0.0));
    // It runs at home, where a call costs no money.
    assert_eq!(spent[1]["cost_usd"], json!(0.0));
    assert_eq!(
        (&spent[2]["month"], &spent[2]["cost_usd"]),
        (&json!("2025-10"), &json!(1.5))
    );
    let text = look(&["status"]).stdout;
    for expected in [
        "2025-10",
        "$1.50*",
        "$0.00",
        "all models",
        "* not in the sum: 1 calls",
    ] {
        assert!(text.contains(expected), "{expected} is missing: {text}");
    }
    let models = look(&["models"]).stdout;
    assert!(models.contains("free"), "{models}");
    // A command that needs the site still says what is missing.
    let run = workspace
        .altfill(&["run"])
        .without_env("SITE_TOKEN")
        .run()
        .expect(2);
    run.says(&["SITE_TOKEN is not set"]);
    let undo = workspace
        .altfill(&["undo", "1"])
        .without_env("SITE_TOKEN")
        .run()
        .expect(2);
    undo.says(&["SITE_TOKEN is not set"]);
}

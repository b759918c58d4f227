//! As the author of a program that follows runs I get one line for each thing
//! that happens, in the form that the schema promises.

use crate::support::{
    Act, Fail, FakeModel, FakePhoto, FakeSite, Output, Reply, Say, When, Workspace,
};
use jsonschema::Validator;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::sync::LazyLock;
use std::time::Duration;

static SCHEMA: LazyLock<Validator> = LazyLock::new(|| {
    let schema = include_str!("../../docs/schema/events.schema.json");
    let mut schema: Value = serde_json::from_str(schema).expect("the schema is JSON");
    jsonschema::meta::validate(&schema).expect("it is a schema");
    // For others, fields may be added; here, none without a word in the schema.
    schema["unevaluatedProperties"] = json!(false);
    schema["$defs"]["summary"]["additionalProperties"] = json!(false);
    let models = "/$defs/summary/properties/models/additionalProperties";
    let model = schema.pointer_mut(models).expect("a model's share");
    model["additionalProperties"] = json!(false);
    jsonschema::validator_for(&schema).expect("it can be compiled")
});

/// The lines of a text, each of them as the schema has it.
fn valid(text: &str) -> Vec<Value> {
    let lines = text.lines().map(|line| {
        let line: Value = serde_json::from_str(line).expect("one object a line");
        if let Err(error) = SCHEMA.validate(&line) {
            panic!("{line}\nis not what the schema says: {error}");
        }
        line
    });
    lines.collect()
}

/// Runs altfill with an events file of its own.
fn followed(workspace: &Workspace, args: &[&str]) -> (Output, Vec<Value>) {
    let file = workspace.path("events.jsonl");
    let _ = std::fs::remove_file(&file);
    let path = file.to_str().expect("plain text");
    let output = workspace.altfill(args).args(&["--events", path]).run();
    let text = std::fs::read_to_string(&file).expect("the events are there");
    (output, valid(&text))
}

fn named<'l>(lines: &'l [Value], event: &str) -> Vec<&'l Value> {
    lines.iter().filter(|line| line["event"] == event).collect()
}

/// Fails unless the lines tell what the summary counts: each photo once.
fn agree(lines: &[Value]) {
    let ended = lines.last().expect("at least one line");
    assert_eq!(ended["event"], "ended", "the last line: {ended}");
    assert_eq!(named(lines, "ended").len(), 1);
    let summary = &ended["summary"];
    let mut told: BTreeMap<String, u64> = BTreeMap::new();
    let mut photos = Vec::new();
    for photo in named(lines, "photo") {
        let outcome = photo["outcome"].as_str().expect("text").to_owned();
        let key = match outcome.as_str() {
            "skipped" => format!("skipped {}", photo["reason"].as_str().expect("a reason")),
            _ => outcome,
        };
        *told.entry(key).or_default() += 1;
        photos.push(photo["photo"].as_str().expect("text"));
    }
    for outcome in [
        "written",
        "held",
        "failed",
        "conflict",
        "waiting",
        "not_reached",
    ] {
        let told = told.get(outcome).copied().unwrap_or_default();
        assert_eq!(summary[outcome], told, "{outcome}");
    }
    for (reason, count) in summary["skipped"].as_object().expect("an object") {
        let told = told
            .get(&format!("skipped {reason}"))
            .copied()
            .unwrap_or_default();
        assert_eq!(*count, told, "skipped {reason}");
    }
    assert_eq!(summary["seen"], photos.len());
    photos.sort_unstable();
    photos.dedup();
    assert_eq!(summary["seen"], photos.len(), "a photo is told twice");
}

#[test]
fn each_photo_is_told_once_with_its_outcome_and_reason() {
    let (site, model) = (FakeSite::with_photos(6), FakeModel::openai());
    site.add("coast/told", FakePhoto::new("Told").alt("Dogs").verified(1));
    site.add("coast/broken", FakePhoto::new("Broken").no_pixels());
    site.add("coast/refused", FakePhoto::new("Title of the refused"));
    site.add("coast/edited", FakePhoto::new("Title of the edited"));
    let refused = When::chat().text("Title of the refused");
    model.script(refused, Act::say(Say::Filtered));
    let looked_at = When::pixels().photo("coast/edited");
    site.edit_after(looked_at, "coast/edited", "A person's words", None);
    let workspace = Workspace::album(&site, &model);
    let (output, lines) = followed(&workspace, &["run", "--json"]);
    let output = output.expect(3).counted();
    agree(&lines);
    let started = &lines[0];
    assert_eq!(
        (
            &started["event"],
            &started["mode"],
            &started["action"],
            &started["site"]
        ),
        (
            &json!("started"),
            &json!("backfill"),
            &json!("write"),
            &json!("fake-site")
        )
    );
    let of = |id: &str| {
        let photos = named(&lines, "photo");
        let photo = photos.into_iter().find(|photo| photo["photo"] == id);
        let photo = photo.unwrap_or_else(|| panic!("{id} is not told"));
        (
            photo["outcome"].clone(),
            photo["reason"].as_str().unwrap_or_default().to_owned(),
        )
    };
    assert_eq!(of("coast/told"), (json!("skipped"), "person".to_owned()));
    assert_eq!(of("coast/refused").0, "held");
    let why = of("coast/refused").1;
    assert!(why.split(',').any(|reason| reason == "refusal"), "{why}");
    assert_eq!(of("coast/broken").0, "failed");
    assert!(
        of("coast/broken").1.contains("404"),
        "{:?}",
        of("coast/broken")
    );
    assert_eq!(of("coast/edited").0, "conflict");
    let ended = lines.last().expect("lines");
    assert_eq!(
        (&ended["exit_code"], &ended["reason"]),
        (&json!(3), &json!("complete"))
    );
    assert_eq!(ended["summary"], output.json());
    let text = lines.iter().map(Value::to_string).collect::<String>();
    for (_, alt) in site.alts().iter().filter(|(_, alt)| alt.len() > 8) {
        assert!(
            !text.contains(alt.as_str()),
            "a text is in the events: {alt}"
        );
    }
    let mode = std::fs::metadata(workspace.path("events.jsonl")).expect("a file");
    assert_eq!(mode.permissions().mode() & 0o777, 0o600);
    // The others that change something, too.
    let run = output.number("/run").to_string();
    for args in [
        &["undo", run.as_str(), "--yes", "--json"][..],
        &["run", "--dry-run", "--json"],
        &["run", "--preview", "--json"],
        &["upgrade", "--json"],
        &[
            "fix",
            "coast/told",
            "--text",
            "Two dogs",
            "--replace-human",
            "--yes",
            "--json",
        ],
        &["adopt", "--yes", "--trust-tag", "--json"],
    ] {
        let (output, lines) = followed(&workspace, args);
        assert!(matches!(output.code, Some(0 | 3)), "{args:?}: {output}");
        agree(&lines);
    }
}

#[test]
fn an_interrupted_run_says_so_in_its_last_line() {
    let (site, model) = (FakeSite::with_photos(40), FakeModel::openai());
    let workspace = Workspace::album(&site, &model);
    model.script(When::chat().from(9), Act::late(Duration::from_secs(5)));
    let args = ["--events", "events.jsonl", "run", "--json"];
    let args = [&args[2..], &args[..2]].concat();
    let mut running = workspace.spawn(&args);
    assert!(running.until(|| model.count() > 8));
    running.signal(Signal::SIGTERM);
    let _ = running.wait().expect(143);
    let text = std::fs::read_to_string(workspace.path("events.jsonl")).expect("events");
    let lines = valid(&text);
    agree(&lines);
    assert_eq!(named(&lines, "stopping")[0]["reason"], "interrupted");
    let ended = lines.last().expect("lines");
    assert_eq!(
        (&ended["exit_code"], &ended["reason"]),
        (&json!(143), &json!("interrupted"))
    );
}

#[test]
fn an_outage_is_a_pause_and_what_comes_after_it_a_resumption() {
    let (site, model) = (FakeSite::with_photos(8), FakeModel::openai());
    model.script(When::chat().from(3).times(2), Act::fail(Fail::Overloaded));
    let mut workspace = Workspace::album(&site, &model);
    workspace.set("run.concurrency", 1);
    let (output, lines) = followed(&workspace, &["run", "--json"]);
    let _ = output.expect(0).counted();
    agree(&lines);
    let order = |event: &str| {
        let place = |line: &Value| line["event"] == event && line["whom"] == "fake";
        lines.iter().position(place)
    };
    assert!(
        order("paused") < order("resumed") && order("paused").is_some(),
        "{lines:#?}"
    );

    // The site's outage, too; and one that lasts ends the run.
    site.script(When::get(), Act::reply(Reply::html(503)));
    // Longer than the four tries take after which a wait is told.
    workspace.set("run.outage_patience", "10s");
    let (output, lines) = followed(&workspace, &["upgrade", "--json"]);
    let _ = output.expect(4);
    agree(&lines);
    let paused = named(&lines, "paused");
    assert!(
        paused.iter().any(|line| line["whom"] == "the site"
            && line["reason"]
                .as_str()
                .is_some_and(|why| why.contains("503"))),
        "{lines:#?}"
    );
    assert_eq!(lines.last().expect("lines")["reason"], "outage");
}

#[test]
fn what_can_not_begin_ends_too() {
    let (site, model) = (FakeSite::with_photos(2), FakeModel::openai());
    let mut workspace = Workspace::album(&site, &model);
    workspace.set("run.concurrency", 0);
    let (output, lines) = followed(&workspace, &["run", "--json"]);
    let _ = output.expect(2);
    let [ended] = &lines[..] else {
        panic!("{lines:?}")
    };
    assert_eq!(
        (&ended["exit_code"], &ended["reason"]),
        (&json!(2), &json!("not_started"))
    );
    assert!(
        ended["error"]
            .as_str()
            .is_some_and(|why| why.contains("concurrency")),
        "{ended}"
    );
    assert!(ended["run"].is_null());
    workspace.unset("run.concurrency");
    model.key("another");
    let (output, lines) = followed(&workspace, &["run", "--json"]);
    let _ = output.expect(1);
    agree(&lines);
    let ended = lines.last().expect("lines");
    assert_eq!(
        (&ended["exit_code"], &ended["reason"]),
        (&json!(1), &json!("stopped"))
    );
    assert!(
        ended["error"]
            .as_str()
            .is_some_and(|why| why.contains("MODEL_KEY")),
        "{ended}"
    );
}

#[test]
fn on_standard_output_there_are_events_and_nothing_else() {
    let (site, model) = (FakeSite::with_photos(3), FakeModel::openai());
    let workspace = Workspace::album(&site, &model);
    let both = workspace.run(&["run", "--json", "--events", "-"]).expect(2);
    both.says(&["--events -", "--json", "standard output"]);
    assert_eq!(model.count(), 0);
    let output = workspace.run(&["run", "--events", "-"]).expect(0);
    agree(&valid(&output.stdout));
    output.says(&["Run 1: complete"]);
}

#[test]
fn a_file_that_can_not_be_opened_is_said_before_anything_is_done() {
    let (site, model) = (FakeSite::with_photos(2), FakeModel::openai());
    let workspace = Workspace::album(&site, &model);
    let output = workspace
        .run(&["run", "--events", "no/such/events.jsonl"])
        .expect(2);
    output.says(&["no/such/events.jsonl", "--events"]);
    assert_eq!((model.count(), site.requests().len()), (0, 0));
    // A full disk is said once, and fails nothing.
    let output = workspace
        .run(&["run", "--json", "--events", "/dev/full"])
        .expect(0);
    assert_eq!(
        output
            .stderr
            .matches("/dev/full can't be written to")
            .count(),
        1,
        "{output}"
    );
    assert_eq!(output.number("/written"), 2);
    let program = workspace.altfill(&["run", "--events", "-"]);
    let output = program.after("exec > /dev/full").run().expect(0);
    let said = output.stderr.matches("events can't be written").count();
    assert_eq!(said, 1, "{output}");
}

#[test]
fn a_log_may_be_renamed_or_cut_off_while_a_run_is_on() {
    let (site, model) = (FakeSite::with_photos(30), FakeModel::openai());
    let mut workspace = Workspace::album(&site, &model);
    workspace.set("run.concurrency", 2);
    model.latency(Duration::from_millis(30));
    let args = ["run", "--json", "--events", "events.jsonl"];
    let read = |name: &str| std::fs::read_to_string(workspace.path(name)).expect("events");
    let mut running = workspace.spawn(&args);
    assert!(running.until(|| model.count() > 4));
    let from = workspace.path("events.jsonl");
    std::fs::rename(&from, workspace.path("events.jsonl.1")).expect("the same disk");
    let _ = running.wait().expect(0);
    assert!(!from.exists(), "a run keeps the file that it opened");
    agree(&valid(&read("events.jsonl.1")));
    // The next run begins a new one; cutting that off leaves no hole.
    site.script(When::get().from(5), Act::late(Duration::from_secs(8)));
    let mut running = workspace.spawn(&args);
    assert!(running.until(|| from.exists() && read("events.jsonl").len() > 200));
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(&from)
        .expect("a file");
    file.set_len(0).expect("cut off");
    let _ = running.wait().expect(0);
    let lines = valid(&read("events.jsonl"));
    assert_eq!(lines.last().expect("lines")["event"], "ended");
}

//! As an administrator I see in Prometheus how the nights went, and hear when
//! they don't go well.

use crate::support::{Act, Fail, FakeModel, FakePhoto, FakeSite, Say, When, Workspace, there_is};
use serde_json::json;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// The metrics of a file by name and labels; each file has to please promtool.
fn read(path: &Path) -> Vec<(String, f64)> {
    let text = std::fs::read_to_string(path).expect("the metrics are there");
    pleases_promtool(&text);
    let samples = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            (name.to_owned(), value.parse().expect("a number"))
        });
    samples.collect()
}

fn pleases_promtool(text: &str) {
    if !there_is("promtool", "prometheus") {
        return;
    }
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool starts");
    let mut pipe = promtool.stdin.take().expect("a pipe");
    pipe.write_all(text.as_bytes()).expect("it reads");
    drop(pipe);
    let said = promtool.wait_with_output().expect("it ends");
    // It ends with 3 where it only dislikes something.
    let words = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.status.success() && words.is_empty(), "{words}\n{text}");
}

/// The value of the one sample whose name and labels have all of these.
fn value(samples: &[(String, f64)], parts: &[&str]) -> Option<f64> {
    let fits = |name: &str| parts.iter().all(|part| name.contains(part));
    let mut found = samples.iter().filter(|(name, _)| fits(name));
    let value = found.next().map(|(_, value)| *value);
    assert!(found.next().is_none(), "{parts:?} is not one sample");
    value
}

#[test]
fn a_run_leaves_its_numbers_and_a_failing_one_keeps_the_last_success() {
    let (site, model) = (FakeSite::with_photos(5), FakeModel::openai());
    site.add("coast/told", FakePhoto::new("Told").alt("Dogs").verified(1));
    site.add("coast/refused", FakePhoto::new("Title of the refused"));
    let refused = When::chat().text("Title of the refused");
    model.script(refused, Act::say(Say::Filtered));
    let mut workspace = Workspace::album(&site, &model);
    workspace.set_model("fake", "price", json!({"input": 2.0, "output": 8.0}));
    workspace.set("metrics.file", "altfill.prom");
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    let path = workspace.path("altfill.prom");
    let mode = std::fs::metadata(&path)
        .expect("a file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o644, "node exporter is another user");
    let samples = read(&path);
    let of = |parts: &[&str]| value(&samples, parts);
    for (outcome, count) in [
        ("written", 5.0),
        ("held", 1.0),
        ("skipped", 1.0),
        ("failed", 0.0),
    ] {
        let label = format!("outcome=\"{outcome}\"");
        assert_eq!(
            of(&["altfill_run_photos{", &label]),
            Some(count),
            "{outcome}"
        );
    }
    assert_eq!(
        of(&["altfill_run_photos_skipped{", "\"person\""]),
        Some(1.0)
    );
    assert_eq!(of(&["altfill_run_queue_photos"]), Some(0.0));
    assert_eq!(of(&["altfill_run_exit_code{"]), Some(0.0));
    assert_eq!(of(&["altfill_run_active"]), Some(0.0));
    assert_eq!(of(&["altfill_run_ended{", "\"complete\""]), Some(1.0));
    assert_eq!(of(&["altfill_run_ended{", "\"outage\""]), Some(0.0));
    assert_eq!(of(&["altfill_archive_photos{", "\"ours\""]), Some(5.0));
    assert_eq!(of(&["altfill_run_info{", "mode=\"backfill\""]), Some(1.0));
    let json = output.json();
    let cost = of(&["altfill_run_cost_dollars{", "\"fake\""]).expect("a cost");
    assert!(
        (cost - json["cost_usd"].as_f64().expect("known")).abs() < 1e-9,
        "{cost}"
    );
    let tokens = of(&["altfill_run_tokens{", "\"input\""]);
    assert_eq!(tokens, json["tokens"]["input"].as_f64());
    let first = of(&["altfill_last_success_timestamp_seconds"]).expect("a success");
    assert_eq!(
        of(&["altfill_last_complete_timestamp_seconds"]),
        Some(first)
    );
    assert!(
        samples
            .iter()
            .all(|(name, _)| name.contains("site=\"fake-site\"")),
        "{samples:?}"
    );

    // A bad key: the last success stays, and the code says what is wrong.
    model.key("another");
    site.add("coast/new", FakePhoto::new("New"));
    workspace.list(&site);
    let _ = workspace.run(&["run", "--json"]).expect(1);
    let samples = read(&path);
    assert_eq!(value(&samples, &["altfill_run_exit_code{"]), Some(1.0));
    assert_eq!(
        value(&samples, &["altfill_last_success_timestamp_seconds"]),
        Some(first)
    );
    // The same from the state file alone, and from the old file alone where the
    // settings can't be read.
    std::fs::remove_file(&path).expect("it was there");
    let _ = workspace.run(&["run", "--json"]).expect(1);
    let samples = read(&path);
    assert_eq!(
        value(&samples, &["altfill_last_success_timestamp_seconds"]),
        Some(first)
    );
    workspace.set("run.concurrency", 0);
    let args = ["run", "--json", "--metrics-file", "altfill.prom"];
    let _ = workspace.run(&args).expect(2);
    let samples = read(&path);
    assert_eq!(value(&samples, &["altfill_run_exit_code{"]), Some(2.0));
    assert_eq!(
        value(&samples, &["altfill_run_ended{", "\"not_started\""]),
        Some(1.0)
    );
    assert_eq!(
        value(&samples, &["altfill_last_success_timestamp_seconds"]),
        Some(first)
    );
    assert!(
        samples
            .iter()
            .all(|(name, _)| name.contains("site=\"fake-site\"")),
        "{samples:?}"
    );
    workspace.unset("run.concurrency");

    // Stopped early on purpose is a success, but not a complete one.
    model.key(crate::support::MODEL_KEY);
    let _ = workspace
        .run(&["run", "--json", "--max-cost", "0.0000001"])
        .expect(4);
    let samples = read(&path);
    assert_eq!(
        value(&samples, &["altfill_run_ended{", "\"budget\""]),
        Some(1.0)
    );
    let success = value(&samples, &["altfill_last_success_timestamp_seconds"]);
    assert!(success > Some(first), "{success:?}");
    assert_eq!(
        value(&samples, &["altfill_last_complete_timestamp_seconds"]),
        Some(first)
    );
}

#[test]
fn a_cost_that_nobody_knows_has_no_sample() {
    let (site, model) = (FakeSite::with_photos(2), FakeModel::openai());
    let mut workspace = Workspace::album(&site, &model);
    workspace.set_model("fake", "deployment", json!("cloud"));
    let args = ["run", "--json", "--metrics-file", "altfill.prom"];
    let output = workspace.run(&args).expect(0);
    assert_eq!(output.number("/models/fake/calls_without_price"), 2);
    let samples = read(&workspace.path("altfill.prom"));
    assert_eq!(value(&samples, &["altfill_run_cost_dollars"]), None);
    assert_eq!(
        value(&samples, &["altfill_run_calls_without_price{"]),
        Some(2.0)
    );
    // At home a call costs no money.
    site.add("coast/new", FakePhoto::new("New"));
    workspace.list(&site);
    workspace.set_model("fake", "deployment", json!("local"));
    let output = workspace.run(&args).expect(0);
    assert_eq!(output.number("/models/fake/calls_without_price"), 0);
    let samples = read(&workspace.path("altfill.prom"));
    assert_eq!(value(&samples, &["altfill_run_cost_dollars{"]), Some(0.0));
    assert_eq!(value(&samples, &["altfill_run_calls_without_price"]), None);
}

#[test]
fn a_run_that_is_on_writes_how_it_stands_and_what_it_waits_for() {
    let (site, model) = (FakeSite::with_photos(12), FakeModel::openai());
    let mut workspace = Workspace::album(&site, &model);
    workspace.set("run.concurrency", 1);
    workspace.set("run.heartbeat", "1s");
    model.script(When::chat().from(3), Act::fail(Fail::Overloaded));
    let mut running = workspace.spawn(&["run", "--json", "--metrics-file", "altfill.prom"]);
    let path = workspace.path("altfill.prom");
    let waits = || {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        text.contains("altfill_run_waiting{site=\"fake-site\"} 1\n")
    };
    assert!(running.until(waits), "it never says that it waits");
    let samples = read(&path);
    assert_eq!(value(&samples, &["altfill_run_active"]), Some(1.0));
    assert_eq!(value(&samples, &["altfill_run_exit_code"]), None);
    assert_eq!(
        value(&samples, &["altfill_run_end_timestamp_seconds"]),
        None
    );
    assert!(value(&samples, &["altfill_run_queue_photos"]) > Some(0.0));
    // Who comes in between leaves the file to the run.
    let _ = workspace
        .run(&["run", "--json", "--metrics-file", "altfill.prom"])
        .expect(5);
    let samples = read(&path);
    assert_eq!(value(&samples, &["altfill_run_active"]), Some(1.0));
    let _ = running.kill();
    let left = std::fs::read_dir(workspace.directory()).expect("our own directory");
    let names = left.map(|entry| entry.expect("an entry").file_name());
    let names: Vec<_> = names
        .filter(|name| name.to_string_lossy().contains(".prom"))
        .collect();
    assert_eq!(
        names,
        ["altfill.prom"],
        "the collector reads every .prom file"
    );
}

#[test]
fn a_place_that_can_not_be_written_to_is_said_before_the_run() {
    let (site, model) = (FakeSite::with_photos(2), FakeModel::openai());
    let mut workspace = Workspace::album(&site, &model);
    std::fs::create_dir(workspace.path("folder")).expect("a directory");
    workspace.write("file", "in the way");
    for place in [
        "no/such/altfill.prom",
        "folder",
        "file/altfill.prom",
        "/proc/altfill.prom",
        "/dev/full",
    ] {
        let output = workspace.run(&["run", "--metrics-file", place]).expect(2);
        output.says(&["metrics", place]);
        workspace.set("metrics.file", place);
        let output = workspace.run(&["run"]).expect(2);
        output.says(&["metrics", place]);
        workspace.unset("metrics.file");
    }
    let output = workspace
        .run(&["run", "--dry-run", "--metrics-file", "a.prom"])
        .expect(2);
    output.says(&["--metrics-file", "dry run"]);
    assert_eq!((model.count(), site.requests().len()), (0, 0));
    // One that goes away later is said once, and fails nothing.
    workspace.set("run.heartbeat", "1s");
    model.latency(Duration::from_millis(2500));
    let folder = workspace.path("folder");
    site.after(When::pixels().nth(1), move |_| {
        // The run may write to it at that very moment.
        while folder.exists() {
            let _ = std::fs::remove_dir_all(&folder);
        }
    });
    let output = workspace
        .run(&["run", "--json", "--metrics-file", "folder/a.prom"])
        .expect(0);
    assert_eq!(
        output
            .stderr
            .matches("the metrics can't be written")
            .count(),
        1,
        "{output}"
    );
    assert_eq!(output.number("/written"), 2);
}

#[test]
fn looking_and_working_by_hand_leave_the_nightly_metrics_alone() {
    let (site, model) = (FakeSite::with_photos(2), FakeModel::openai());
    let mut workspace = Workspace::album(&site, &model);
    workspace.set("metrics.file", "altfill.prom");
    for args in [
        &["run", "--dry-run"][..],
        &["run", "--preview"],
        &["fix", &site.ids()[0], "--text", "Ours"],
        &["adopt", "--yes"],
    ] {
        let _ = workspace.run(args);
        assert!(!workspace.path("altfill.prom").exists(), "{args:?}");
    }
    let fix = [
        "fix",
        &site.ids()[1],
        "--text",
        "A pier",
        "--metrics-file",
        "fix.prom",
    ];
    let _ = workspace.run(&fix).expect(0);
    let samples = read(&workspace.path("fix.prom"));
    assert_eq!(
        value(&samples, &["altfill_run_info{", "mode=\"fix\""]),
        Some(1.0)
    );
}

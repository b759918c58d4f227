//! As an operator I read afterwards what a run did, and may pass the logs on:
//! no key, no caption, no prompt is in them unless I asked for the bodies, and
//! no key even then.

use crate::support::{Act, Fail, FakeModel, FakeSite, Output, Reply, SITE_TOKEN, When, Workspace};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const N: usize = 6;

/// A key with characters that JSON and addresses write in other ways.
const CANARY: &str = "sk-canary/7f+3a=\"9b\\0c";

fn library(model: &FakeModel) -> (FakeSite, Workspace) {
    let site = FakeSite::with_photos(N);
    let mut workspace = Workspace::album(&site, model);
    workspace.set_model("fake", "price", json!({"input": 2.0, "output": 8.0}));
    (site, workspace)
}

fn mode(path: &Path) -> u32 {
    let metadata = std::fs::metadata(path).expect("it is there");
    metadata.permissions().mode() & 0o777
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).expect("the log is there");
    let lines = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("one object a line"));
    lines.collect()
}

fn events<'l>(lines: &'l [Value], name: &str) -> Vec<&'l Value> {
    lines.iter().filter(|line| line["event"] == name).collect()
}

#[test]
fn the_log_says_what_a_run_did_one_object_a_line() {
    let model = FakeModel::openai();
    model.script(When::chat().nth(2), Act::fail(Fail::Internal));
    let (site, workspace) = library(&model);
    let path = workspace.path("run.log");
    let args = [
        "--log-json",
        path.to_str().expect("plain text"),
        "run",
        "--json",
    ];
    let output = workspace.run(&args).expect(0).counted();
    assert_eq!(mode(&path), 0o600);
    let log = lines(&path);
    let documented = include_str!("../../docs/CONFIGURATION.md");
    for line in &log {
        assert!(
            line["timestamp"]
                .as_str()
                .is_some_and(|time| time.ends_with('Z')),
            "{line}"
        );
        for field in line.as_object().expect("an object").keys() {
            assert!(
                documented.contains(&format!("`{field}`")),
                "{field} is not documented"
            );
        }
        let event = line["event"]
            .as_str()
            .expect("nothing but events in a good run");
        assert!(
            documented.contains(&format!("| `{event}` |")),
            "{event} is not documented"
        );
    }
    let started = events(&log, "run_started");
    assert_eq!(
        (started.len(), &started[0]["mode"]),
        (1, &json!("backfill"))
    );
    let calls = events(&log, "call");
    assert_eq!(calls.len() as u64, output.number("/model_calls"));
    let ids = workspace.rows("SELECT id FROM calls ORDER BY id");
    for row in &ids {
        let call = calls.iter().find(|call| call["call"] == row["id"]);
        let call = call.unwrap_or_else(|| panic!("call {row:?} is missing"));
        assert_eq!(call["model"], "fake");
        assert!(call["ms"].is_u64());
        if call["outcome"] == "ok" {
            assert!(
                call["photo"]
                    .as_str()
                    .is_some_and(|id| site.ids().contains(&id.to_owned()))
            );
            assert!(call["input_tokens"].as_u64() > Some(0), "{call}");
            assert!(call["cost_usd"].as_f64() > Some(0.0), "{call}");
        } else {
            assert_eq!(
                (&call["outcome"], &call["cost_usd"]),
                (&json!("outage"), &Value::Null)
            );
            assert!(
                call["problem"]
                    .as_str()
                    .is_some_and(|why| why.contains("500")),
                "{call}"
            );
        }
    }
    let written = events(&log, "photo");
    assert_eq!(
        written
            .iter()
            .filter(|photo| photo["outcome"] == "written")
            .count(),
        N
    );
    let ended = events(&log, "run_ended");
    assert_eq!(
        (&ended[0]["ended"], &ended[0]["written"]),
        (&json!("complete"), &json!(N))
    );
    let text = std::fs::read_to_string(&path).expect("the log is there");
    for (_, alt) in site.alts() {
        assert!(!text.contains(&alt), "a caption is in the log");
    }
    assert!(!text.contains("screen reader"), "the prompt is in the log");
    // A second run appends.
    let _ = workspace.run(&args).expect(0);
    let log = lines(&path);
    assert_eq!(events(&log, "run_started").len(), 2);
}

#[test]
fn the_log_says_what_ended_a_run_that_could_not_go_on() {
    let model = FakeModel::openai();
    let (_site, mut workspace) = library(&model);
    model.key("another");
    let path = workspace.path("run.log");
    let log_json = path.to_str().expect("plain text").to_owned();
    let args = ["--log-json", log_json.as_str(), "run", "--json"];
    let _ = workspace.run(&args).expect(1);
    let log = lines(&path);
    let told = events(&log, "error");
    assert!(
        told[0]["message"]
            .as_str()
            .is_some_and(|text| text.contains("MODEL_KEY")),
        "{told:?}"
    );
    assert_eq!(events(&log, "run_ended")[0]["ended"], "stopped");
    workspace.set("run.concurrency", 0);
    let _ = workspace.run(&args).expect(2);
    let log = lines(&path);
    let told = events(&log, "error");
    assert!(
        told[1]["message"]
            .as_str()
            .is_some_and(|text| text.contains("concurrency")),
        "{told:?}"
    );
}

#[test]
fn a_log_that_can_not_be_written_fails_no_run() {
    let model = FakeModel::openai();
    let (_site, workspace) = library(&model);
    let nowhere = workspace.path("no/such/directory/run.log");
    let args = [
        "--log-json",
        nowhere.to_str().expect("plain text"),
        "run",
        "--json",
    ];
    workspace
        .run(&args)
        .expect(2)
        .says(&["--log-json", "no/such/directory"]);
    assert_eq!(model.count(), 0);
    let file = workspace.path("file");
    workspace.write("file", "in the way");
    let bodies = file.to_str().expect("plain text");
    let args = [
        "--log-json",
        "/dev/full",
        "--log-bodies",
        bodies,
        "run",
        "--json",
    ];
    let output = workspace.run(&args).expect(0).counted();
    assert_eq!(output.number("/written"), N as u64);
    for told in ["/dev/full can't be written to", "can't be kept in"] {
        assert_eq!(output.stderr.matches(told).count(), 1, "{output}");
    }
}

#[test]
fn verbose_shows_one_line_a_call_and_no_text() {
    let model = FakeModel::openai();
    model.script(When::chat().nth(3), Act::fail(Fail::Internal));
    let (site, workspace) = library(&model);
    let output = workspace.run(&["-v", "run", "--json"]).expect(0).counted();
    let calls: Vec<&str> = output
        .stderr
        .lines()
        .filter(|line| line.starts_with("call "))
        .collect();
    assert_eq!(calls.len(), model.count(), "{output}");
    for line in &calls {
        let about =
            site.ids().iter().any(|id| line.contains(id.as_str())) || line.contains("test image");
        assert!(
            about && line.contains("fake") && line.contains(" ms"),
            "{line}"
        );
        let good = line.ends_with(", ok") && line.contains(" tokens") && line.contains('$');
        assert!(good || line.contains("outage: "), "{line}");
    }
    for (_, alt) in site.alts() {
        assert!(
            !output.stderr.contains(&alt),
            "a caption is shown: {output}"
        );
    }
}

#[test]
fn more_verbose_shows_each_request() {
    let model = FakeModel::openai();
    let (site, workspace) = library(&model);
    let output = workspace.run(&["-vv", "run", "--json"]).expect(0).counted();
    let lines_with = |what: &str| output.stderr.lines().filter(|l| l.contains(what)).count();
    let written = site.ids().len();
    assert_eq!(lines_with("PATCH http://"), written, "{output}");
    assert_eq!(lines_with("POST http://"), model.count(), "{output}");
    for (how, what) in [("PATCH", ": 200 OK, "), ("POST", ": HTTP 200, ")] {
        let line = output.stderr.lines().find(|line| line.contains(how));
        let line = line.unwrap_or_default();
        assert!(line.contains(what) && line.ends_with(" ms"), "{line}");
    }
    assert!(lines_with("GET http://") >= written, "{output}");
    let bare = workspace.run(&["run", "--json"]).expect(0);
    assert!(!bare.stderr.contains("http://"), "{bare}");
}

/// All that a run left, the directory of bodies included.
fn nothing_leaked(workspace: &Workspace, output: &Output) {
    let left = format!("{output}\n{}", workspace.everything());
    let escaped = serde_json::to_string(CANARY).expect("text is JSON");
    let twice = serde_json::to_string(&escaped).expect("text is JSON");
    let percent = percent_encoding::utf8_percent_encode(CANARY, percent_encoding::NON_ALPHANUMERIC);
    let forms = [
        CANARY,
        &escaped[1..escaped.len() - 1],
        &twice[3..twice.len() - 3],
        &percent.to_string(),
        "sk-canary",
        SITE_TOKEN,
    ];
    for form in forms {
        let at = left.find(form);
        let around = at.map(|at| left[..at].chars().rev().take(120).collect::<String>());
        assert_eq!(
            at, None,
            "{form} is left behind, after (reversed) {around:?}"
        );
    }
}

#[test]
fn bodies_show_what_was_said_but_no_key_and_no_picture() {
    for model in [
        FakeModel::openai(),
        FakeModel::anthropic(),
        FakeModel::gemini(),
        FakeModel::ollama(),
    ] {
        model.key(CANARY);
        // Servers that send the key back: in JSON, as text, in an address.
        let percent =
            percent_encoding::utf8_percent_encode(CANARY, percent_encoding::NON_ALPHANUMERIC);
        let echo = json!({"error": {"message": format!("busy, key {CANARY}; see https://h/v1?key={percent}&x=1")}});
        let echo = Reply::json(503, &echo).with("x-request-id", CANARY);
        model.script(When::chat().nth(2), Act::reply(echo));
        let page = format!("<a href=\"https://h/?key={CANARY}\">{CANARY}</a>");
        model.script(
            When::chat().nth(4),
            Act::reply(Reply::bytes(502, "text/html", page)),
        );
        let (site, mut workspace) = library(&model);
        workspace.set_model("fake", "api_key_env", json!("MODEL_KEY"));
        let bodies = workspace.path("deep/bodies");
        let log = workspace.path("run.log");
        let paths = [&log, &bodies].map(|path| path.to_str().expect("plain text"));
        let args = [
            "-vvv",
            "--log-json",
            paths[0],
            "--log-bodies",
            paths[1],
            "run",
            "--json",
        ];
        let output = workspace
            .altfill(&args)
            .env("MODEL_KEY", CANARY)
            .run()
            .expect(0)
            .counted();
        assert_eq!(output.number("/written"), N as u64);
        nothing_leaked(&workspace, &output);
        assert_eq!(mode(&bodies), 0o700);
        let calls = workspace.rows("SELECT id FROM calls");
        assert!(calls.len() >= N + 2);
        for call in &calls {
            let id = call["id"].as_i64().expect("a number");
            for what in ["request", "reply"] {
                let path = bodies.join(format!("call-{id:08}.{what}.json"));
                assert_eq!(mode(&path), 0o600);
                let text = std::fs::read_to_string(&path).expect("it was kept");
                let kept: Value = serde_json::from_str(&text).expect("it is JSON");
                if what == "reply" {
                    assert!(kept["status"].is_u64() && !kept["body"].is_null(), "{kept}");
                } else {
                    assert!(text.contains("screen reader"), "the prompt is kept: {text}");
                    assert!(
                        text.contains("<JPEG of ") && !text.contains("/9j/"),
                        "{text}"
                    );
                    let shown = kept["headers"].to_string();
                    assert!(shown.contains("***"), "{shown}");
                }
            }
        }
        let everything = workspace.everything();
        for (_, alt) in site.alts() {
            assert!(everything.contains(&alt), "replies are kept");
        }
    }
}

#[test]
fn a_key_in_an_address_of_models_yaml_is_refused_and_not_repeated() {
    let model = FakeModel::gemini();
    let (_site, mut workspace) = library(&model);
    let url = format!("{}?key=gateway-secret-1&alt=json", model.base_url());
    workspace.set_model("fake", "base_url", json!(url));
    let output = workspace.run(&["-vvv", "run", "--json"]).expect(2);
    output.says(&["base_url", "query"]);
    let shown = output.to_string();
    assert!(!shown.contains("gateway-secret-1"), "{shown}");
}

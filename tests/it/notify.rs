//! As an administrator I hear of nights that began, went well, went badly or
//! never came, and whoever can't be told changes nothing.

use crate::support::{Act, FakeModel, FakePhoto, FakeSite, Receiver, Reply, When, Workspace};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use nix::sys::signal::Signal;
use ring::hmac;
use serde_json::{Value, json};
use std::time::Duration;

const UUID: &str = "5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278";
const KEY: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

type Misbehave = fn(&Receiver);
type Change = fn(&mut Workspace);

struct Story {
    site: FakeSite,
    model: FakeModel,
    receiver: Receiver,
    workspace: Workspace,
}

impl Story {
    fn new() -> Self {
        let (site, model) = (FakeSite::with_photos(3), FakeModel::openai());
        let mut workspace = Workspace::album(&site, &model);
        let receiver = Receiver::start();
        workspace.set("notify.ping_env", "PING_URL");
        workspace.set("notify.webhook_env", "WEBHOOK_URL");
        workspace.set("notify.webhook_key_file", "webhook.key");
        workspace.write("webhook.key", format!("{KEY}\n"));
        let mut story = Self {
            site,
            model,
            receiver,
            workspace,
        };
        story.secrets();
        story
    }

    /// The addresses, as lines of `.env`.
    fn secrets(&mut self) {
        let ping = self.receiver.url(&format!("/ping/{UUID}"));
        let hook = self.receiver.url("/hook/t0ps3cret?key=abcdefgh");
        let text = format!("PING_URL={ping}\nWEBHOOK_URL={hook}\n");
        self.workspace.write(".env", text);
    }

    /// Pings and messages as they came.
    fn all_heard(&self) -> Vec<String> {
        let heard = self.receiver.heard();
        heard
            .iter()
            .map(|request| request.replace(UUID, "UUID"))
            .collect()
    }

    /// Pings and messages, each once: when the machine stands still, one that
    /// was taken is sent again.
    fn heard(&self) -> Vec<String> {
        let mut heard = Vec::new();
        for request in self.all_heard() {
            if !heard.contains(&request) {
                heard.push(request);
            }
        }
        heard
    }

    /// The one message, whose signature is good; it may have come twice.
    fn message(&self) -> Value {
        let requests = self.receiver.requests();
        let mut messages = requests
            .iter()
            .filter(|request| request.path.starts_with("/hook"));
        let message = messages.next().expect("a message");
        let header = |name: &str| message.header(name).expect("a header").to_owned();
        let id = header("webhook-id");
        assert!(
            messages.all(|again| again.header("webhook-id") == Some(&id)),
            "more than one message"
        );
        let key = BASE64_STANDARD
            .decode(&KEY["whsec_".len()..])
            .expect("Base64");
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        let mut signed = format!("{id}.{}.", header("webhook-timestamp"));
        let body = String::from_utf8(message.body.clone()).expect("text");
        signed.push_str(&body);
        let signature = header("webhook-signature");
        let signature = signature.strip_prefix("v1,").expect("version 1");
        let tag = BASE64_STANDARD.decode(signature).expect("Base64");
        hmac::verify(&key, signed.as_bytes(), &tag).expect("a good signature");
        let sent: i64 = header("webhook-timestamp").parse().expect("seconds");
        let now = jiff::Timestamp::now().as_second();
        assert!((now - sent).abs() < 300, "receivers refuse old messages");
        serde_json::from_str(&body).expect("JSON")
    }
}

fn sorted(mut texts: Vec<String>) -> Vec<String> {
    texts.sort();
    texts
}

#[test]
fn a_good_night_is_a_start_a_success_and_a_signed_summary() {
    let story = Story::new();
    let output = story.workspace.run(&["run", "--json"]).expect(0).counted();
    let heard = story.heard();
    assert_eq!(heard[0], "POST /ping/UUID/start");
    assert_eq!(
        sorted(heard[1..].to_vec()),
        ["POST /hook/t0ps3cret", "POST /ping/UUID"]
    );
    // Nobody is told again before two seconds are over.
    if output.took < Duration::from_secs(2) {
        assert_eq!(story.all_heard().len(), 3, "{:?}", story.all_heard());
    }
    let message = story.message();
    assert_eq!(message["type"], "altfill.run.succeeded");
    assert_eq!(message["data"]["summary"], output.json());
    assert_eq!(
        (
            &message["data"]["exit_code"],
            &message["data"]["site"],
            &message["data"]["reason"]
        ),
        (&json!(0), &json!("fake-site"), &json!("complete"))
    );
    let pings = story.receiver.requests();
    let ping = pings
        .iter()
        .find(|request| request.path.ends_with(UUID))
        .expect("a ping");
    let body = String::from_utf8_lossy(&ping.body).into_owned();
    assert!(
        body.contains("exit code 0") && body.contains("3  written"),
        "{body}"
    );
}

#[test]
fn exit_codes_are_successes_or_failures_as_documented() {
    let mut story = Story::new();
    story
        .site
        .add("a/broken", FakePhoto::new("Broken").no_pixels());
    story.workspace.list(&story.site);
    let last = |story: &Story, code: i32, args: &[&str]| {
        story.receiver.forget();
        let _ = story.workspace.run(args).expect(code);
        let message = story.message();
        assert_eq!(message["data"]["exit_code"], code);
        let heard = story.heard();
        let end = heard
            .into_iter()
            .find(|request| request.contains("/ping") && !request.ends_with("/start"));
        (
            end.expect("a ping"),
            message["type"].as_str().expect("text").to_owned(),
        )
    };
    let well = (
        "POST /ping/UUID".to_owned(),
        "altfill.run.succeeded".to_owned(),
    );
    let badly = (
        "POST /ping/UUID/fail".to_owned(),
        "altfill.run.failed".to_owned(),
    );
    assert_eq!(last(&story, 3, &["run", "--json"]), well);
    story
        .site
        .add("a/other", FakePhoto::new("Broken").no_pixels());
    story.workspace.list(&story.site);
    story.workspace.set("notify.success_codes", vec![0, 4]);
    assert_eq!(last(&story, 3, &["run", "--json"]), badly);
    story.site.add("a/good", FakePhoto::new("Good"));
    story.workspace.list(&story.site);
    story
        .workspace
        .set_model("fake", "price", json!({"input": 2.0, "output": 8.0}));
    let broke = ["run", "--json", "--max-cost", "0.0000001"];
    assert_eq!(last(&story, 4, &broke), well);
    story.workspace.set("notify.success_codes", vec![0, 3]);
    assert_eq!(last(&story, 4, &broke), badly);
    story.model.key("another");
    assert_eq!(last(&story, 1, &["run", "--json"]), badly);
    let error = story.message()["data"]["error"].clone();
    assert!(
        error.as_str().is_some_and(|why| why.contains("MODEL_KEY")),
        "{error}"
    );
    // What could not begin has no start, but an end.
    story.workspace.unset("site.token_env");
    story.workspace.set(
        "site.auth",
        toml::Table::from_iter([("scheme".to_owned(), "x".into())]),
    );
    assert_eq!(last(&story, 2, &["run"]), badly);
    assert!(
        !story
            .heard()
            .iter()
            .any(|request| request.ends_with("/start"))
    );
}

#[test]
fn an_interrupted_night_is_a_failure_and_a_second_signal_waits_for_nobody() {
    let mut story = Story::new();
    story.workspace.set("run.drain", "1s");
    story
        .model
        .script(When::chat(), Act::late(Duration::from_secs(60)));
    let mut running = story.workspace.spawn(&["run", "--json"]);
    // All three, so that none is counted later.
    assert!(running.until(|| story.model.count() == 3));
    running.signal(Signal::SIGTERM);
    let _ = running.wait().expect(143);
    assert_eq!(story.message()["data"]["reason"], "interrupted");
    assert!(
        story
            .heard()
            .iter()
            .any(|request| request.ends_with("/fail"))
    );

    story.receiver.forget();
    story.receiver.hangs("/");
    let before = story.model.count();
    let mut running = story.workspace.spawn(&["run", "--json"]);
    assert!(running.until(|| story.model.count() > before));
    running.signal(Signal::SIGTERM);
    // It has taken the first signal once it tells how the run ended.
    let ended = |request: &String| request.ends_with("/fail");
    assert!(running.until(|| story.heard().iter().any(ended)));
    running.signal(Signal::SIGTERM);
    let output = running.wait().expect(143);
    output.says(&["altfill was told to end"]);
}

#[test]
fn looking_and_working_by_hand_tell_nobody() {
    let story = Story::new();
    let ids = story.site.ids();
    for args in [
        &["run", "--dry-run"][..],
        &["run", "--preview"],
        &["fix", &ids[0], "--text", "A pier"],
        &["undo", "1", "--yes"],
        &["adopt", "--yes"],
        &["status"],
    ] {
        let _ = story.workspace.run(args);
        assert_eq!(story.heard(), Vec::<String>::new(), "{args:?}");
    }
}

#[test]
fn whoever_can_not_be_told_changes_nothing_and_is_not_named() {
    let misbehaviours: [(&str, Misbehave); 5] = [
        ("404", |r| r.answers("/", None, Reply::html(404))),
        ("500", |r| r.answers("/", None, Reply::html(500))),
        ("redirects are not followed", |r| {
            let elsewhere = r.url("/elsewhere");
            for path in ["/ping", "/hook"] {
                r.answers(path, None, Reply::redirect(302, &elsewhere));
            }
        }),
        ("no answer within", |r| r.hangs("/")),
        ("refused", |r| r.down_for(Duration::from_secs(60))),
    ];
    for (says, misbehave) in misbehaviours {
        let story = Story::new();
        misbehave(&story.receiver);
        let log = ["--log-json", "run.log", "-vvv"];
        let args = [&log[..], &["run", "--json", "--events", "events.jsonl"]].concat();
        let output = story.workspace.run(&args).expect(0).counted();
        assert_eq!(output.number("/written"), 3, "{says}");
        output.says(&[
            "not notified: notify.ping",
            "not notified: notify.webhook",
            says,
        ]);
        assert!(
            !story
                .heard()
                .iter()
                .any(|request| request.contains("elsewhere")),
            "{says}"
        );
        std::fs::remove_file(story.workspace.path(".env")).expect("it was there");
        std::fs::remove_file(story.workspace.path("webhook.key")).expect("it was there");
        let left = format!("{output}{}", story.workspace.everything());
        for secret in [UUID, "t0ps3cret", "abcdefgh", &KEY["whsec_".len()..]] {
            assert!(
                !left.contains(secret),
                "{says}: {secret} is left behind: {output}"
            );
        }
    }
}

#[test]
fn one_that_stumbles_is_told_again() {
    let mut story = Story::new();
    // Time for all tries before the run ends.
    story.workspace.set("run.concurrency", 1);
    story.model.latency(Duration::from_millis(1500));
    story
        .receiver
        .answers(&format!("/ping/{UUID}"), Some(2), Reply::html(503));
    let output = story.workspace.run(&["run", "--json"]).expect(0);
    assert!(!output.stderr.contains("not notified"), "{output}");
    let starts = story.all_heard();
    let starts = starts.iter().filter(|request| request.ends_with("/start"));
    assert_eq!(starts.count(), 3, "two tries failed, the third was taken");
}

#[test]
fn three_addresses_of_their_own_and_plain_gets_will_do() {
    let mut story = Story::new();
    for key in ["ping_env", "webhook_env", "webhook_key_file"] {
        story.workspace.unset(&format!("notify.{key}"));
    }
    story.workspace.set("notify.success_file", "ok.url");
    story
        .workspace
        .write("ok.url", story.receiver.url("/push/abc?status=up&msg=OK"));
    story.workspace.set("notify.fail_env", "FAIL_URL");
    story.workspace.set("notify.ping_method", "GET");
    let fail = story.receiver.url("/push/abc?status=down");
    let run = |story: &Story, code| {
        let _ = story
            .workspace
            .altfill(&["run"])
            .env("FAIL_URL", &fail)
            .run()
            .expect(code);
        let requests = story.receiver.requests();
        let mut told: Vec<_> = requests
            .iter()
            .map(|r| format!("{} {}", r.method, r.query))
            .collect();
        // Where the machine stood still for two seconds, it was told again.
        told.dedup();
        told
    };
    assert_eq!(run(&story, 0), ["GET status=up&msg=OK"]);
    story.receiver.forget();
    story.model.key("another");
    story.site.add("a/new", FakePhoto::new("New"));
    story.workspace.list(&story.site);
    assert_eq!(run(&story, 1), ["GET status=down"]);
}

#[test]
fn mistakes_are_said_before_the_run_without_the_secret() {
    let (site, model) = (FakeSite::with_photos(1), FakeModel::openai());
    let mistakes: [(&[&str], Change); 8] = [
        (&["notify.ping_env", "PING_URL is not set"], |w| {
            w.set("notify.ping_env", "PING_URL");
        }),
        (&["notify.ping_env", "names no variable"], |w| {
            w.set("notify.ping_env", "https://hc-ping.com/5ecr3t-uuid");
        }),
        (&["notify.ping_file", "no address"], |w| {
            w.set("notify.ping_file", "ping");
            w.write("ping", "5ecr3t-uuid");
        }),
        (&["notify.ping_file", "http:// or https://"], |w| {
            w.set("notify.ping_file", "ping");
            w.write("ping", "ftp://example.org/5ecr3t-uuid");
        }),
        (&["webhook", "key to sign"], |w| {
            w.set("notify.webhook_file", "hook");
            w.write("hook", "https://example.org/5ecr3t-uuid");
        }),
        (&["notify.webhook_key_file", "24 bytes"], |w| {
            w.set("notify.webhook_file", "hook");
            w.write("hook", "https://example.org/");
            w.set("notify.webhook_key_file", "key");
            w.write("key", "5ecr3t-uuid");
        }),
        (&["unknown key `ping`", "ping_env"], |w| {
            w.set("notify.ping", "https://hc-ping.com/5ecr3t-uuid");
        }),
        (&["success_codes", "0, 3 and 4"], |w| {
            w.set("notify.success_codes", vec![0, 1]);
        }),
    ];
    for (says, change) in mistakes {
        let mut workspace = Workspace::album(&site, &model);
        change(&mut workspace);
        let output = workspace.run(&["run"]).expect(2);
        output.says(says);
        // An address that was pasted in the wrong place is at most in its line.
        let told = output.stderr.lines().filter(|line| !line.contains(" | "));
        let told: String = told.collect();
        assert!(!told.contains("5ecr3t-uuid"), "{output}");
    }
    assert_eq!((model.count(), site.requests().len()), (0, 0));
}

#[test]
fn a_check_tries_everybody_without_an_alarm() {
    let story = Story::new();
    let output = story.workspace.run(&["check", "--notify"]).expect(0);
    assert_eq!(
        story.heard(),
        [
            "POST /ping/UUID/start",
            "POST /ping/UUID",
            "POST /hook/t0ps3cret"
        ]
    );
    assert_eq!(story.message()["type"], "altfill.test");
    assert_eq!(
        output
            .stdout
            .lines()
            .filter(|line| line.starts_with("ok "))
            .count(),
        3
    );
    assert!(!output.to_string().contains(UUID), "{output}");
    assert_eq!(story.site.requests().len(), 0, "the site is not asked");
    story.receiver.answers("/hook", None, Reply::html(401));
    let output = story.workspace.run(&["check", "--notify"]).expect(1);
    assert!(output.stdout.contains("FAIL  notify.webhook"), "{output}");
    assert!(output.stdout.contains("401"), "{output}");
    let (site, model) = (FakeSite::with_photos(1), FakeModel::openai());
    let nobody = Workspace::album(&site, &model);
    nobody
        .run(&["check", "--notify"])
        .expect(2)
        .says(&["nobody to notify"]);
}

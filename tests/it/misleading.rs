//! As an owner I meet services whose headers, counts and errors mislead. Whatever
//! they say, it costs no photo its turn, no run its end, and no more money than I
//! allowed.

use crate::support::{Act, Fail, FakeModel, FakeSite, Reply, Say, When, Workspace};
use serde_json::{Value, json};
use std::time::Duration;

const N: usize = 10;

/// The one photo that is different: text of its prompt alone.
const ODD: &str = "page 0007";

fn library(model: &FakeModel) -> (FakeSite, Workspace) {
    let site = FakeSite::with_photos(N);
    let mut workspace = Workspace::album(&site, model);
    workspace.set_model("fake", "price", json!({"input": 10.0, "output": 10.0}));
    workspace.set("run.concurrency", 2);
    (site, workspace)
}

fn all_but_one(name: &str, workspace: &Workspace, code: i32, count: &str) {
    let output = workspace.run(&["run", "--json"]).counted();
    assert_eq!(output.code, Some(code), "{name}: {output}");
    assert_eq!(output.ended(), "complete", "{output}");
    assert_eq!(output.number(count), 1, "{name}: {output}");
    assert_eq!(output.number("/written"), N as u64 - 1, "{output}");
}

fn too_large() -> Reply {
    let message = "Request too large for m on tokens per min (TPM): Limit 30000, Requested 35000.";
    let body = json!({"error": {"message": message, "type": "tokens", "param": null,
        "code": "rate_limit_exceeded"}});
    Reply::json(429, &body)
}

#[test]
fn a_wait_that_no_clock_can_hold_is_an_outage() {
    for wait in ["10000000000000000000", "9223372036854775800"] {
        let model = FakeModel::openai();
        let (_site, workspace) = library(&model);
        let busy = Fail::RateLimit(Some(wait.to_owned()));
        model.script(When::chat().from(4), Act::fail(busy));
        let output = workspace.run(&["run", "--json"]).expect(4).counted();
        assert_eq!(output.ended(), "outage", "{wait}: {output}");
        assert_eq!(workspace.tries(), 0, "{wait}");
    }
}

#[test]
fn a_service_that_says_now_again_and_again_is_not_asked_without_a_pause() {
    let model = FakeModel::openai();
    let (_site, mut workspace) = library(&model);
    workspace.set("run.outage_patience", "6s");
    let busy = Fail::RateLimit(Some("0".to_owned()));
    model.script(When::chat(), Act::fail(busy));
    let output = workspace.run(&["run", "--json"]).expect(4).counted();
    assert_eq!(output.ended(), "outage", "{output}");
    assert!(model.count() <= 20, "{} calls", model.count());
}

/// A good reply in the words of each wire format, with these counts.
fn counted(name: &str, counts: &(Value, Value)) -> Reply {
    let text = "A red boat lies on the wet sand.";
    let (input, output) = counts;
    let body = match name {
        "openai" => json!({"model": "m", "choices": [{"finish_reason": "stop",
            "message": {"content": text}}],
            "usage": {"prompt_tokens": input, "completion_tokens": output}}),
        "anthropic" => json!({"type": "message", "model": "m", "stop_reason": "end_turn",
            "content": [{"type": "text", "text": text}],
            "usage": {"input_tokens": input, "output_tokens": output,
                "cache_read_input_tokens": input}}),
        "gemini" => json!({"candidates": [{"finishReason": "STOP",
            "content": {"parts": [{"text": text}]}}],
            "usageMetadata": {"promptTokenCount": input, "candidatesTokenCount": output,
                "thoughtsTokenCount": 7}}),
        _ => json!({"model": "m", "done": true, "done_reason": "stop",
            "message": {"role": "assistant", "content": text},
            "prompt_eval_count": input, "eval_count": output}),
    };
    Reply::json(200, &body)
}

#[test]
fn counts_that_cannot_be_true_are_booked_at_the_estimate() {
    let all = [
        (json!(u64::MAX), json!(u64::MAX)),
        (json!(9_300_000_000_000_000_000_u64), json!(60)),
        (json!(900), json!(4_000_000_000_000_000_000_u64)),
        (json!(900), json!("60")),
        (json!(900), json!(-60)),
        (json!(900), Value::Null),
        (json!(900), json!(0)),
        (Value::Null, json!(60)),
    ];
    for (name, model) in [
        ("openai", FakeModel::openai()),
        ("anthropic", FakeModel::anthropic()),
        ("gemini", FakeModel::gemini()),
        ("ollama", FakeModel::ollama()),
    ] {
        let (_site, mut workspace) = library(&model);
        workspace.set("run.concurrency", 1);
        for (n, counts) in (1..).zip(&all) {
            let act = Act::reply(counted(name, counts));
            model.script(When::chat().nth(n), act);
        }
        let most = all.len().to_string();
        let args = ["run", "--json", "--limit", &most];
        let output = workspace.run(&args).expect(0).counted();
        let calls = workspace.rows("SELECT cost, estimate FROM calls ORDER BY id");
        assert_eq!(calls.len(), all.len(), "{name}: {output}");
        for (call, counts) in calls.iter().zip(&all) {
            // What was thought is counted beside a text of nothing.
            let thought = name == "gemini" && counts.1 == 0;
            assert!(
                thought || call["cost"] == call["estimate"],
                "{name}, {counts:?}: {call:?}"
            );
        }
        for command in [["status", "--json"], ["report", "--json"]] {
            let _ = workspace.run(&command).expect(0);
        }
        model.behave();
        let act = Act::reply(counted(name, &all[0]));
        model.script(When::chat(), act);
        let _ = workspace.run(&["models", "--check"]).expect(0);
    }
}

/// Each reply costs about fifty times its estimate.
#[test]
fn when_calls_cost_more_than_expected_only_those_in_flight_go_beyond_the_limit() {
    for at_once in [1, 4] {
        let model = FakeModel::openai();
        model.latency(Duration::from_millis(300));
        let (_site, mut workspace) = library(&model);
        workspace.set("run.concurrency", at_once);
        workspace.set("run.max_cost", 0.4);
        let dear = counted("openai", &(json!(50_000), json!(9)));
        model.script(When::chat(), Act::reply(dear));
        let output = workspace.run(&["run", "--json"]).expect(4).counted();
        assert_eq!(output.ended(), "budget", "{output}");
        let most = usize::try_from(at_once).expect("a few");
        assert!(
            model.count() <= most,
            "{at_once} at once: {} calls",
            model.count()
        );
    }
}

#[test]
fn a_photo_that_alone_is_always_refused_fails_alone() {
    let model = FakeModel::openai();
    let (_site, workspace) = library(&model);
    model.script(When::chat().text(ODD), Act::reply(too_large()));
    all_but_one("429 for one photo", &workspace, 3, "/failed");
}

#[test]
fn more_room_that_is_refused_or_too_dear_leaves_the_first_reply() {
    for (name, reply) in [
        ("429", too_large()),
        (
            "402",
            Reply::json(402, &json!({"error": {"message": "Insufficient credits"}})),
        ),
    ] {
        let model = FakeModel::openai();
        let (_site, workspace) = library(&model);
        let cut = Say::Length("A long red boat that".to_owned());
        model.script(When::chat().text(ODD).nth(1), Act::say(cut));
        model.script(When::chat().text(ODD).from(2), Act::reply(reply));
        all_but_one(name, &workspace, 0, "/held");
    }
    let model = FakeModel::openai();
    let (_site, mut workspace) = library(&model);
    workspace.set("run.concurrency", 1);
    // A call costs at most some $0.35, and one with more room above a dollar.
    workspace.set_model("fake", "price", json!({"input": 0.1, "output": 1000.0}));
    workspace.set("run.max_cost", 1.0);
    let reply = counted("openai", &(json!(900), json!(1)));
    let cut = Say::Length("A long red boat that".to_owned());
    model.script(When::chat().text(ODD).nth(1), Act::say(cut));
    model.script(When::chat(), Act::reply(reply));
    all_but_one("too dear", &workspace, 0, "/held");
}

#[test]
fn a_model_that_uses_all_its_tokens_before_the_first_word_is_found_out() {
    for (name, model) in [
        ("openai", FakeModel::openai()),
        ("ollama", FakeModel::ollama()),
        ("anthropic", FakeModel::anthropic()),
        ("gemini", FakeModel::gemini()),
    ] {
        let (site, workspace) = library(&model);
        model.script(When::chat(), Act::say(Say::Length(String::new())));
        let output = workspace.run(&["run", "--json"]).expect(1).counted();
        assert_eq!(output.number("/held"), 0, "{name}: {output}");
        output.says(&["fake", "test image", "max_tokens"]);
        assert!(model.count() <= 9, "{name}: {} calls", model.count());
        assert_eq!(workspace.tries(), 0, "{name}");
        model.behave();
        let _ = workspace.run(&["run", "--json"]).expect(0).counted();
        assert!(site.alts().iter().all(|(_, alt)| !alt.is_empty()), "{name}");
    }
    let model = FakeModel::openai();
    let (_site, workspace) = library(&model);
    let nothing = Act::say(Say::Length(String::new()));
    model.script(When::chat().text(ODD), nothing);
    all_but_one("no word for one photo", &workspace, 0, "/held");
}

#[test]
fn a_firewall_that_minds_one_picture_does_not_stop_the_run() {
    for status in [403, 404] {
        let model = FakeModel::openai();
        let (_site, workspace) = library(&model);
        model.script(When::chat().text(ODD), Act::reply(Reply::html(status)));
        all_but_one("a page", &workspace, 3, "/failed");
    }
}

#[test]
fn photos_that_a_server_breaks_over_are_no_outage_however_short_our_patience() {
    let model = FakeModel::openai();
    let (_site, mut workspace) = library(&model);
    workspace.set("run.outage_patience", "1s");
    let six = When::chat().text("page 000");
    model.script(six, Act::fail(Fail::Internal));
    let output = workspace.run(&["run", "--json"]).expect(3).counted();
    assert_eq!(output.ended(), "complete", "{output}");
    assert!(output.number("/failed") >= 8, "{output}");
}

#[test]
fn an_empty_error_beside_a_text_is_none() {
    for error in [json!(""), json!({}), Value::Null] {
        let model = FakeModel::openai();
        let (_site, workspace) = library(&model);
        let body = json!({"error": error, "model": "m", "choices": [{"finish_reason": "stop",
            "message": {"content": "A red boat lies on the wet sand."}}]});
        model.script(When::chat().nth(1), Act::reply(Reply::json(200, &body)));
        let output = workspace.run(&["run", "--json", "--limit", "2"]).expect(0);
        assert_eq!(output.number("/written"), 2, "{error}: {output}");
        assert_eq!(model.count(), 2, "{error}");
    }
}

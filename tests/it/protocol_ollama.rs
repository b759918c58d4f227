//! As an owner of a machine with Ollama I get every reply of its own API taken
//! for what it is.
//!
//! Replies as in Ollama's API documentation and in the texts of its server.

#![expect(
    clippy::needless_pass_by_value,
    reason = "bodies are literals, which read better without a reference"
)]

use crate::protocol::{
    CAPTION, Means, Place, Row, are_lived_with, are_understood, plain, row, stop_a_run,
};
use crate::support::{Act, Fail, FakePhoto, Reply, When};
use Means::{Cut, Later, Photo, Says, Settings, Wait};
use altfill::archive::Ending;
use serde_json::{Value, json};

fn entry() -> Value {
    json!({"model": "gemma3", "settings": {"max_tokens": 200, "num_ctx": 4096, "think": false, "keep_alive": "30m"}})
}

fn error(text: &str) -> Value {
    json!({ "error": text })
}

fn settings() -> Vec<Row> {
    vec![
        row("404 model not found", 404, &error("model 'gemma3' not found"), Settings).says("ollama pull gemma3"),
        row("404 try pulling it first", 404, &error("model \"gemma3\" not found, try pulling it first"), Settings).says("ollama pull gemma3"),
        row("400 does not support thinking", 400, &error("\"gemma3\" does not support thinking"), Settings).says("thinking"),
        row("400 does not support chat", 400, &error("\"gemma3\" does not support chat"), Settings).says("chat"),
        row("400 bad option type", 400, &error("option \"num_ctx\" must be of type integer"), Settings).says("num_ctx"),
        row("400 keep_alive without a unit", 400, &error("time: missing unit in duration \"300\""), Settings),
        row("401 unauthorized", 401, &json!({"error": "unauthorized", "signin_url": "https://ollama.com/connect?name=box&key=x"}), Settings).says("ollama signin"),
        row("403 cloud disabled", 403, &error("cloud models are disabled"), Settings),
        row(
            "500 not a vision model",
            500,
            &error("image input is not supported - hint: if this is unexpected, you may need to provide the mmproj"),
            Settings,
        )
        .says("vision"),
    ]
}

fn pictures() -> Vec<Row> {
    vec![
        row(
            "400 invalid base64",
            400,
            &error("illegal base64 data at input byte 4"),
            Photo,
        ),
        row(
            "500 decode WebP image",
            500,
            &error("failed to decode WebP image: invalid format"),
            Photo,
        ),
        row(
            "400 context length",
            400,
            &error("the prompt is too long: 5200 tokens exceed the context length of 4096"),
            Photo,
        )
        .says("num_ctx"),
        row(
            "400 context size",
            400,
            &error("exceeds the available context size. try increasing it"),
            Photo,
        )
        .says("num_ctx"),
    ]
}

fn later() -> Vec<Row> {
    vec![
        row(
            "503 server busy",
            503,
            &error("server busy, please try again.  maximum pending requests exceeded"),
            Wait(None),
        ),
        row(
            "429 of its cloud",
            429,
            &error("too many requests"),
            Wait(Some(1.0)),
        )
        .with("retry-after", "1"),
        plain(
            "502 of a proxy",
            Reply::bytes(502, "text/plain", "Bad Gateway"),
            Later,
        ),
        row(
            "500 runner stopped",
            500,
            &error(
                "model runner has unexpectedly stopped, this may be due to resource limitations or an internal error, check ollama server logs for details",
            ),
            Later,
        ),
        row(
            "500 out of memory",
            500,
            &error("llama runner process has terminated: cudaMalloc failed: out of memory"),
            Later,
        ),
        // Its documentation: errors after the start of a reply come under 200.
        plain(
            "200 error as the last line of a stream",
            Reply::bytes(
                200,
                "application/x-ndjson",
                "{\"model\":\"gemma3\",\"message\":{\"role\":\"assistant\",\"content\":\"A bro\"},\"done\":false}\n{\"error\":\"an error was encountered while running the model: unexpected EOF\"}\n",
            ),
            Later,
        ),
        row(
            "200 done_reason load",
            200,
            &json!({"model": "gemma3", "message": {"role": "assistant", "content": ""}, "done_reason": "load", "done": true}),
            Later,
        ),
        row(
            "200 done_reason unload",
            200,
            &json!({"model": "gemma3", "message": {"role": "assistant", "content": ""}, "done_reason": "unload", "done": true}),
            Later,
        ),
    ]
}

fn said(message: Value, reason: &str) -> Value {
    json!({
        "model": "gemma3", "created_at": "2026-01-01T00:00:00.000000001Z", "message": message,
        "done": true, "done_reason": reason, "total_duration": 9_000_000_000_u64, "load_duration": 1_000_000_000,
        "prompt_eval_count": 900, "prompt_eval_duration": 3_000_000_000_u64, "eval_count": 60, "eval_duration": 5_000_000_000_u64,
    })
}

fn successes() -> Vec<Row> {
    let content = |text: &str| json!({"role": "assistant", "content": text});
    vec![
        row(
            "200 stop",
            200,
            &said(content(CAPTION), "stop"),
            Says(CAPTION),
        ),
        row(
            "200 thinking is no caption",
            200,
            &said(
                json!({"role": "assistant", "content": CAPTION, "thinking": "The user wants alt text."}),
                "stop",
            ),
            Says(CAPTION),
        ),
        row(
            "200 length",
            200,
            &said(content("A brown dog runs along a"), "length"),
            Cut("A brown dog runs along a"),
        ),
        // Trap 6.
        row(
            "200 thinking used up the cap",
            200,
            &said(
                json!({"role": "assistant", "content": "", "thinking": "The user wants alt text. First I look at"}),
                "length",
            ),
            Cut(""),
        ),
        // Trap 5.
        row(
            "200 done false without a reason",
            200,
            &json!({"model": "gemma3", "message": {"role": "assistant", "content": "A dog a dog a dog a dog"}, "done": false}),
            Photo,
        ),
        plain(
            "200 a stream in spite of stream: false",
            Reply::bytes(
                200,
                "application/x-ndjson",
                "{\"model\":\"gemma3\",\"message\":{\"role\":\"assistant\",\"content\":\"A brown dog runs \"},\"done\":false}\n{\"model\":\"gemma3\",\"message\":{\"role\":\"assistant\",\"content\":\"along a wet beach.\"},\"done\":false}\n{\"model\":\"gemma3\",\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"done\":true,\"done_reason\":\"stop\",\"eval_count\":9}\n",
            ),
            Says(CAPTION),
        ),
    ]
}

#[test]
fn every_row_of_ollama_is_understood() {
    let rows = [settings(), pictures(), later(), successes()].concat();
    are_understood("ollama", &entry(), &rows);
}

#[test]
fn a_run_lives_with_every_row_of_ollama() {
    let rows = [pictures(), later(), successes()].concat();
    are_lived_with("ollama", &entry(), &rows);
}

#[test]
fn the_rows_of_ollama_that_stop_a_run_stop_it_at_once() {
    stop_a_run("ollama", &entry(), &settings());
}

#[test]
fn counters_that_ollama_leaves_out_are_not_missed() {
    let place = Place::new("ollama", &entry());
    let body = json!({"model": "gemma3", "message": {"role": "assistant", "content": CAPTION}, "done": true, "done_reason": "stop"});
    place
        .fake
        .script(When::chat(), Act::reply(Reply::json(200, &body)));
    let Ok(Ending::Done(reply)) = place.client().hear("Describe.") else {
        panic!("a caption")
    };
    assert_eq!((reply.text.as_str(), reply.usage), (CAPTION, None));
}

/// Traps 8 and 10, and the defaults that would hurt: the cap is always there,
/// no stream, the same options in every request (a change of `num_ctx` reloads
/// the model), also in the one about the test image; bare base64.
#[test]
fn every_request_to_ollama_asks_for_the_same_model_in_memory() {
    let place = Place::new("ollama", &entry());
    let (site, workspace) = place.library();
    site.add_many(6);
    workspace.list(&site);
    // One photo that fails makes the test image be sent.
    place
        .fake
        .script(When::chat().nth(1), Act::fail(Fail::BadImage));
    let _ = workspace
        .run(&["run", "--json", "--concurrency", "1"])
        .expect(3)
        .counted();
    let calls = place.fake.calls();
    assert_eq!(calls.len(), 7, "six photos and the test image");
    for call in &calls {
        let body = &call.body;
        assert_eq!(
            body["options"],
            json!({"num_ctx": 4096, "num_predict": 200}),
            "{body}"
        );
        assert_eq!(
            (&body["stream"], &body["think"]),
            (&json!(false), &json!(false)),
            "{body}"
        );
        assert_eq!(body["keep_alive"], "30m", "{body}");
        let user = body["messages"]
            .as_array()
            .and_then(|messages| messages.last());
        assert_eq!(
            user.map(|user| &user["images"]),
            Some(&json!(["IMAGE"])),
            "{body}"
        );
    }
    assert!(place.fake.violations().is_empty());
}

/// "L twice, then I": a runner that dies over one photo costs that photo, and
/// neither the run nor the others.
#[test]
fn a_photo_that_brings_ollama_down_every_time_costs_only_itself() {
    let place = Place::new("ollama", &entry());
    let (site, workspace) = place.library();
    site.add_many(5);
    site.add("coast/deadly", FakePhoto::new("Deadly cliffs"));
    workspace.list(&site);
    place.fake.script(
        When::chat().text("Deadly cliffs"),
        Act::fail(Fail::Internal),
    );
    let output = workspace.run(&["run", "--json"]).expect(3).counted();
    assert_eq!(output.number("/written"), 5, "{output}");
    assert_eq!(output.number("/failed"), 1, "{output}");
    assert_eq!(workspace.tries(), 1);
    let deadly = place
        .fake
        .calls()
        .into_iter()
        .filter(|call| call.prompt.contains("Deadly"));
    let deadly = deadly.count();
    assert!((3..=6).contains(&deadly), "{deadly} calls for one photo");
    output.says(&["coast/deadly", "unexpectedly stopped"]);
}

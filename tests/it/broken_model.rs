//! As an owner I may choose a model that can't do the job, or that breaks in the
//! middle of the night: a few calls show it, and no photo pays for it.

use crate::support::{Act, Fail, FakeModel, FakeSite, Reply, Say, When, Workspace};
use serde_json::{Value, json};
use std::time::Duration;

const N: usize = 18;
const AT_ONCE: usize = 4;

/// What a model that is broken may still be asked: by the photos whose turn had
/// come (those in flight and as many that wait for a place), and once about the
/// test image.
const A_FEW: usize = 2 * AT_ONCE + 1;

fn library(model: &FakeModel) -> (FakeSite, Workspace) {
    let site = FakeSite::with_photos(N);
    let mut workspace = Workspace::album(&site, model);
    workspace.set("run.concurrency", AT_ONCE as i64);
    workspace.set("run.outage_patience", "2s");
    (site, workspace)
}

fn models() -> [(&'static str, FakeModel); 4] {
    [
        ("openai", FakeModel::openai()),
        ("ollama", FakeModel::ollama()),
        ("anthropic", FakeModel::anthropic()),
        ("gemini", FakeModel::gemini()),
    ]
}

/// Nothing was written, no photo lost a try, and once the model is well, the
/// next run has all of them.
fn unharmed(name: &str, site: &FakeSite, workspace: &Workspace, model: &FakeModel) {
    assert_eq!(workspace.tries(), 0, "{name}: a photo paid for the model");
    model.behave();
    let output = workspace.run(&["run", "--json"]).counted();
    assert_eq!(output.code, Some(0), "{name}: {output}");
    for (id, alt) in site.alts() {
        assert!(!alt.is_empty(), "{name}, {id}: {output}");
    }
}

#[test]
fn a_model_that_fails_on_everything_is_found_out_with_the_test_image() {
    for (name, model) in models() {
        let (site, workspace) = library(&model);
        model.script(When::chat(), Act::fail(Fail::BadImage));
        let output = workspace.run(&["run", "--json"]).expect(1).counted();
        assert_eq!(output.ended(), "stopped", "{name}: {output}");
        assert_eq!(output.number("/failed"), 0, "{name}: {output}");
        output.says(&["fake", "test image", "models.yaml"]);
        assert!(model.count() <= A_FEW, "{name}: {} calls", model.count());
        unharmed(name, &site, &workspace, &model);
    }
}

/// Every form in which a model can fail on each and every picture.
#[test]
fn a_model_that_says_nothing_useful_is_found_out_whatever_it_says() {
    let error = |message: &str| json!({"error": {"message": message, "type": "odd", "param": null, "code": null}});
    for (name, reply) in [
        (
            "an unknown 400",
            Reply::json(400, &error("The input was rejected.")),
        ),
        ("a 422 without words", Reply::empty(422)),
        ("413", Reply::html(413)),
        ("200 without choices", Reply::json(200, &json!({"id": "x"}))),
        (
            "200 with no choice",
            Reply::json(200, &json!({"choices": []})),
        ),
        (
            "500 that is not to be asked again",
            Reply::json(500, &error("odd")).with("x-should-retry", "false"),
        ),
    ] {
        let model = FakeModel::openai();
        let (site, workspace) = library(&model);
        model.script(When::chat(), Act::reply(reply));
        let output = workspace.run(&["run", "--json"]).counted();
        assert_eq!(output.code, Some(1), "{name}: {output}");
        assert!(model.count() <= A_FEW, "{name}: {} calls", model.count());
        unharmed(name, &site, &workspace, &model);
    }
}

/// Of a model that always says that it is done and never writes a word, on any
/// wire format.
#[test]
fn a_model_that_never_writes_a_word_is_found_out_and_no_photo_is_held_for_it() {
    for (name, model) in models() {
        let (site, workspace) = library(&model);
        model.script(When::chat(), Act::say(Say::Empty));
        let output = workspace.run(&["run", "--json"]).expect(1).counted();
        assert_eq!(output.number("/held"), 0, "{name}: {output}");
        assert_eq!(output.number("/failed"), 0, "{name}: {output}");
        output.says(&["fake", "test image", "without any text"]);
        assert!(model.count() <= A_FEW, "{name}: {} calls", model.count());
        unharmed(name, &site, &workspace, &model);
    }
}

/// One photo that a model has nothing to say about is held, paid for once.
#[test]
fn a_photo_that_a_model_finds_no_words_for_is_held_and_not_asked_about_again() {
    let model = FakeModel::openai();
    let (_site, workspace) = library(&model);
    model.script(When::chat().nth(1), Act::say(Say::Empty));
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/held"), 1, "{output}");
    assert_eq!(output.number("/written"), N as u64 - 1, "{output}");
    let before = model.count();
    let _ = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(model.count(), before);
}

#[test]
fn a_model_that_breaks_in_the_middle_of_a_run_costs_no_photo_a_try() {
    for (name, model) in models() {
        let (site, workspace) = library(&model);
        model.latency(Duration::from_millis(30));
        model.script(When::chat().from(7), Act::fail(Fail::BadImage));
        let output = workspace.run(&["run", "--json"]).expect(1).counted();
        assert_eq!(output.number("/written"), 6, "{name}: {output}");
        assert!(
            model.count() <= 6 + A_FEW,
            "{name}: {} calls",
            model.count()
        );
        unharmed(name, &site, &workspace, &model);
    }
}

/// A server that answers 500 to every picture looks like one that is down: it is
/// given the time of an outage, with ever longer waits, and then left.
#[test]
fn a_model_that_answers_500_to_every_picture_is_left_after_a_few_calls() {
    for (name, model) in models() {
        let (site, workspace) = library(&model);
        model.script(When::chat(), Act::fail(Fail::Internal));
        let output = workspace.run(&["run", "--json"]).expect(4).counted();
        assert_eq!(output.ended(), "outage", "{name}: {output}");
        assert!(
            model.count() <= 6 * AT_ONCE,
            "{name}: {} calls",
            model.count()
        );
        assert!(site.writes().is_empty(), "{name}");
        unharmed(name, &site, &workspace, &model);
    }
}

fn blind() -> [(&'static str, FakeModel, Reply); 6] {
    let openai = |status: u16, message: &str| {
        let body = json!({"error": {"message": message, "type": "invalid_request_error", "param": null, "code": null}});
        Reply::json(status, &body)
    };
    let flat = |status: u16, body: Value| Reply::json(status, &body);
    [
        (
            "vllm",
            FakeModel::openai(),
            openai(400, "llama is not a multimodal model"),
        ),
        (
            "llama-server",
            FakeModel::openai(),
            openai(
                500,
                "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj",
            ),
        ),
        (
            "deepseek",
            FakeModel::openai(),
            flat(
                422,
                json!({"error": {"message": "Failed to deserialize the JSON body into the target type: messages[1]: unknown variant `image_url`, expected `text`"}}),
            ),
        ),
        (
            "openrouter",
            FakeModel::openai(),
            flat(
                404,
                json!({"error": {"message": "No endpoints found that support image input", "code": 404}}),
            ),
        ),
        (
            "ollama",
            FakeModel::ollama(),
            flat(
                500,
                json!({"error": "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj"}),
            ),
        ),
        (
            "anthropic",
            FakeModel::anthropic(),
            flat(
                400,
                json!({"type": "error", "error": {"type": "invalid_request_error", "message": "'claude-2.1' does not support image input."}}),
            ),
        ),
    ]
}

#[test]
fn a_model_without_eyes_is_told_from_a_bad_photo_at_the_first_call() {
    for (name, model, reply) in blind() {
        let (site, workspace) = library(&model);
        model.script(When::chat(), Act::reply(reply));
        let output = workspace.run(&["run", "--json"]).counted();
        assert_eq!(output.code, Some(1), "{name}: {output}");
        output.says(&["vision", "fake"]);
        assert!(model.count() <= AT_ONCE, "{name}: {} calls", model.count());
        unharmed(name, &site, &workspace, &model);
    }
}

#[test]
fn a_broken_model_gives_way_to_the_fallback_after_a_few_calls() {
    for (name, fail, most) in [
        ("fails on everything", Fail::BadImage, A_FEW),
        ("500 to everything", Fail::Internal, 6 * AT_ONCE),
    ] {
        let (model, spare) = (FakeModel::openai(), FakeModel::ollama());
        let (site, mut workspace) = library(&model);
        workspace.add_model("spare", &spare);
        workspace.set("fallback", vec!["spare"]);
        model.script(When::chat(), Act::fail(fail));
        let output = workspace.run(&["run", "--json"]).counted();
        assert_eq!(output.code, Some(0), "{name}: {output}");
        assert_eq!(
            output.number("/models/spare/generated"),
            N as u64,
            "{name}: {output}"
        );
        assert!(model.count() <= most, "{name}: {} calls", model.count());
        assert_eq!(workspace.tries(), 0, "{name}");
        assert_eq!(site.writes().len(), N, "{name}");
    }
}

/// A server that ignores a wrong model name, as local ones do: the texts are
/// made, and the record says by whom.
#[test]
fn a_server_that_ignores_the_model_name_does_not_hide_who_answered() {
    let model = FakeModel::openai();
    let (_site, mut workspace) = library(&model);
    workspace.set_model("fake", "model", json!("qwen2.5-vl-72b"));
    let body = json!({"model": "tinyllava-1b.gguf", "choices": [{"index": 0, "finish_reason": "stop",
        "message": {"role": "assistant", "content": "A brown dog runs along a wet beach."}}]});
    model.script(When::chat(), Act::reply(Reply::json(200, &body)));
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/written"), N as u64);
    let rows = workspace.rows("SELECT DISTINCT model_answered FROM calls");
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["model_answered"], "tinyllava-1b.gguf");
    output.says(&["qwen2.5-vl-72b", "tinyllava-1b.gguf"]);
    let told = output.stderr.matches("tinyllava-1b.gguf").count();
    assert_eq!(told, 1, "once is enough: {output}");
}

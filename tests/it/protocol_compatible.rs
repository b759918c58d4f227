//! As an owner I use anything that speaks like OpenAI (Mistral, OpenRouter,
//! llama.cpp, vLLM, LM Studio, Ollama under `/v1`), each with its own way of
//! saying no.
//!
//! Replies as in the services' documentation and in the sources of the servers;
//! some as they were publicly posted.

#![expect(
    clippy::needless_pass_by_value,
    reason = "bodies are literals, which read better without a reference"
)]

use crate::protocol::{
    CAPTION, Means, Place, Row, are_lived_with, are_understood, plain, row, stop_a_run,
};
use crate::support::{Act, Fail, FakePhoto, OutputCap, Reply, When};
use Means::{Cut, Later, Money, Photo, Refused, Says, Settings, Wait};
use altfill::archive::Ending;
use serde_json::{Value, json};

fn said(message: &Value, finish: &str) -> Value {
    json!({
        "id": "cmpl-1", "object": "chat.completion", "created": 1_700_000_000, "model": "fake-vision",
        "choices": [{"index": 0, "finish_reason": finish, "message": message}],
        "usage": {"prompt_tokens": 900, "completion_tokens": 60, "total_tokens": 960},
    })
}

fn content(content: Value) -> Value {
    json!({"role": "assistant", "content": content})
}

/// Checks a list of rows in all three ways.
fn check(provider: &str, changes: &Value, rows: &[Row]) {
    are_understood(provider, changes, rows);
    are_lived_with(provider, changes, rows);
    stop_a_run(provider, changes, rows);
}

#[test]
fn every_row_of_mistral_is_lived_with() {
    let flat = |kind: &str, message: &str, code: Value| json!({"object": "error", "message": message, "type": kind, "param": null, "code": code});
    let detail = |place: Value, message: &str, kind: &str| json!({"detail": [{"type": kind, "loc": place, "msg": message, "input": null}]});
    let thinking = json!([
        {"type": "thinking", "thinking": [{"type": "text", "text": "The user wants alt text."}]},
        {"type": "text", "text": CAPTION},
    ]);
    let rows = [
        row("401", 401, &json!({"detail": "Unauthorized"}), Settings).says("MODEL_KEY"),
        row(
            "401 flat",
            401,
            &json!({"message": "Unauthorized", "request_id": "4f7"}),
            Settings,
        )
        .says("MODEL_KEY"),
        row(
            "422 detail naming a setting",
            422,
            &detail(
                json!(["body", "top_k"]),
                "Extra inputs are not permitted",
                "extra_forbidden",
            ),
            Settings,
        )
        .says("top_k"),
        row(
            "422 detail naming the picture",
            422,
            &detail(
                json!(["body", "messages", 1, "content"]),
                "Image could not be loaded",
                "value_error",
            ),
            Photo,
        ),
        row(
            "400 invalid model",
            400,
            &flat("invalid_model", "Invalid model: fake-vision", json!("1500")),
            Settings,
        )
        .says("`model`"),
        row(
            "429 flat with code 1300",
            429,
            &flat(
                "rate_limited",
                "Requests rate limit exceeded",
                json!("1300"),
            ),
            Wait(None),
        ),
        row(
            "500",
            500,
            &flat(
                "internal_server_error",
                "Service unavailable.",
                json!("1000"),
            ),
            Later,
        ),
        row(
            "502",
            502,
            &json!({"message": "An invalid response was received from the upstream server"}),
            Later,
        ),
        row(
            "503",
            503,
            &flat("service_unavailable", "Service unavailable.", json!("3000")),
            Later,
        ),
        row(
            "504",
            504,
            &json!({"message": "The upstream server is timing out"}),
            Later,
        ),
        row(
            "200 stop",
            200,
            &said(&content(json!(CAPTION)), "stop"),
            Says(CAPTION),
        ),
        row(
            "200 thinking is no caption",
            200,
            &said(&content(thinking), "stop"),
            Says(CAPTION),
        ),
        row(
            "200 length",
            200,
            &said(&content(json!("A brown dog runs along a")), "length"),
            Cut("A brown dog runs along a"),
        ),
        row(
            "200 model_length",
            200,
            &said(&content(json!("A brown dog runs along")), "model_length"),
            Cut("A brown dog runs along"),
        ),
        row(
            "200 finish_reason error",
            200,
            &said(&content(json!("A brown")), "error"),
            Later,
        ),
        row(
            "200 tool_calls",
            200,
            &said(&content(json!("")), "tool_calls"),
            Says(""),
        ),
    ];
    check(
        "mistral",
        &json!({"dialect": "mistral", "model": "pixtral-12b-2409"}),
        &rows,
    );
}

#[test]
fn mistral_gets_a_random_seed_and_no_settings_that_it_does_not_have() {
    let settings = json!({"max_tokens": 200, "seed": 7, "top_k": 40, "logprobs": true});
    let changes =
        json!({"dialect": "mistral", "model": "mistral/pixtral-12b-2409", "settings": settings});
    let place = Place::new("mistral", &changes);
    // The fake's own list is OpenAI's, which doesn't have this name.
    let heard = place.client().hear("Describe.");
    let Ok(Ending::Settings(told)) = heard else {
        panic!("{heard:?}")
    };
    assert!(told.contains("random_seed"), "{told}");
    assert_eq!(
        place.fake.violations().len(),
        1,
        "{:?}",
        place.fake.violations()
    );
}

#[test]
fn every_row_of_openrouter_is_lived_with() {
    // `code` is a number; the same errors come under HTTP 200 once the provider
    // behind it has begun to answer (trap 4).
    let error = |code: u16, message: &str| json!({"error": {"code": code, "message": message}});
    let upstream = json!({"error": {"code": 429, "message": "Provider returned error",
        "metadata": {"raw": "google/gemma-3 is temporarily rate-limited upstream", "provider_name": "Chutes"}}});
    let flagged = json!({"error": {"code": 403, "message": "Input was flagged",
        "metadata": {"reasons": ["violence"], "flagged_input": "…", "provider_name": "OpenAI"}}});
    let mut rows = Vec::new();
    for status in [None, Some(200)] {
        let name = |code: u16| match status {
            None => format!("{code}"),
            Some(_) => format!("200 with error {code}"),
        };
        let of =
            |code: u16, body: &Value, means| row(&name(code), status.unwrap_or(code), body, means);
        rows.extend([
            of(401, &error(401, "No auth credentials found"), Settings).says("MODEL_KEY"),
            of(
                402,
                &error(
                    402,
                    "Insufficient credits. Add more using https://openrouter.ai/credits",
                ),
                Money,
            )
            .says("credits"),
            of(403, &flagged, Photo),
            of(
                404,
                &error(404, "No endpoints found for fake-vision."),
                Settings,
            )
            .says("`model`"),
            of(408, &error(408, "Request timed out"), Later),
            of(429, &upstream, Wait(None)),
            of(502, &error(502, "Provider returned error"), Later),
            of(
                503,
                &error(
                    503,
                    "No allowed providers are available for the selected model.",
                ),
                Later,
            ),
            of(400, &error(400, "Provider returned error"), Photo),
        ]);
    }
    let choice = json!({"id": "gen-1", "provider": "Chutes", "model": "google/gemma-3-27b-it", "choices": [
        {"index": 0, "finish_reason": "error", "native_finish_reason": "MALFORMED", "message": {"role": "assistant", "content": ""},
         "error": {"code": 502, "message": "Upstream error"}}]});
    let broken = json!({"id": "gen-1", "provider": "Chutes", "model": "google/gemma-3-27b-it", "choices": [
        {"index": 0, "finish_reason": "error", "native_finish_reason": "MALFORMED", "message": {"role": "assistant", "content": "A"}}]});
    rows.extend([
        row("200 with an error of the choice", 200, &choice, Later),
        row("200 finish_reason error", 200, &broken, Later).says("MALFORMED"),
        row("429 with a reset in milliseconds", 429, &error(429, "Rate limit exceeded: free-models-per-min."), Wait(Some(10.0)))
            .with("date", "Fri, 31 May 2024 12:00:00 GMT")
            .with("x-ratelimit-remaining", "0")
            .with("x-ratelimit-reset", "1717156810000"),
        row("200 reasoning is no caption", 200, &said(&json!({"role": "assistant", "content": CAPTION, "reasoning": "The user wants alt text.", "refusal": null}), "stop"), Says(CAPTION)),
        row("200 content_filter", 200, &said(&content(Value::Null), "content_filter"), Refused),
    ]);
    check(
        "openrouter",
        &json!({"dialect": "openrouter", "model": "google/gemma-3-27b-it"}),
        &rows,
    );
}

/// Its guide asks for text before images, because of how it parses.
#[test]
fn openrouter_gets_the_text_before_the_photo() {
    let place = Place::new("openrouter", &json!({"dialect": "openrouter"}));
    assert!(place.client().hear("Describe.").is_ok());
    let parts = &place.fake.calls()[0].body["messages"][1]["content"];
    assert_eq!(
        (&parts[0]["type"], &parts[1]["type"]),
        (&json!("text"), &json!("image_url"))
    );
}

#[test]
fn the_model_and_the_provider_that_really_answered_are_recorded() {
    let place = Place::new(
        "openrouter",
        &json!({"dialect": "openrouter", "model": "google/gemma-3-27b-it"}),
    );
    let (site, workspace) = place.library();
    site.add_many(1);
    workspace.list(&site);
    let mut body = said(&content(json!(CAPTION)), "stop");
    body["model"] = json!("google/gemma-3-27b-it:free");
    body["provider"] = json!("Chutes");
    place
        .fake
        .script(When::chat(), Act::reply(Reply::json(200, &body)));
    let _ = workspace.run(&["run", "--json"]).expect(0).counted();
    let rows = workspace.rows("SELECT model, model_answered FROM calls");
    assert_eq!(rows[0]["model"], "fake");
    assert_eq!(
        rows[0]["model_answered"],
        "google/gemma-3-27b-it:free via Chutes"
    );
}

#[test]
fn every_row_of_llama_server_is_lived_with() {
    let error = |code: u16, message: &str, kind: &str| json!({"error": {"code": code, "message": message, "type": kind}});
    let rows = [
        row("401 of its own key", 401, &error(401, "Invalid API Key", "authentication_error"), Settings).says("MODEL_KEY"),
        row("404", 404, &error(404, "File Not Found", "not_found_error"), Settings),
        row("500 without mmproj", 500, &error(500, "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj", "server_error"), Settings).says("vision"),
        row("503 while it loads", 503, &error(503, "Loading model", "unavailable_error"), Later),
        row("500 once", 500, &error(500, "slot unavailable", "server_error"), Later),
        // A bad image is a 500 here.
        row("500 for a bad image", 500, &error(500, "Failed to load image or audio file", "server_error"), Photo),
        row("400 for a bad image", 400, &error(400, "Failed to load image or audio file", "invalid_request_error"), Photo),
        row("400 context", 400, &error(400, "the request exceeds the available context size, try increasing it", "exceed_context_size_error"), Photo).says("num_ctx"),
        row("200 reasoning_content is no caption", 200, &said(&json!({"role": "assistant", "content": CAPTION, "reasoning_content": "The user wants alt text."}), "stop"), Says(CAPTION)),
        row("200 nothing but reasoning_content", 200, &said(&json!({"role": "assistant", "content": null, "reasoning_content": "Hm."}), "length"), Cut("")),
    ];
    check("llama-server", &json!({}), &rows);
}

#[test]
fn every_row_of_vllm_is_lived_with() {
    let flat = |code: u16, kind: &str, message: &str| json!({"object": "error", "message": message, "type": kind, "param": null, "code": code});
    let nested = |code: u16, kind: &str, message: &str| json!({"error": {"message": message, "type": kind, "param": null, "code": code}});
    let rows = [
        row("401 of its own key", 401, &json!({"error": "Unauthorized"}), Settings).says("MODEL_KEY"),
        row("404 flat", 404, &flat(404, "NotFoundError", "The model `fake-vision` does not exist."), Settings).says("`model`"),
        row("404 nested", 404, &nested(404, "NotFoundError", "The model `fake-vision` does not exist."), Settings).says("`model`"),
        row("400 no images allowed", 400, &flat(400, "BadRequestError", "At most 0 image(s) may be provided in one request. You can set `--limit-mm-per-prompt` to increase this limit if the model supports it."), Settings).says("vision"),
        row("400 not a multimodal model", 400, &nested(400, "BadRequestError", "fake-vision is not a multimodal model None"), Settings).says("vision"),
        row("400 model length", 400, &flat(400, "BadRequestError", "This model's maximum context length is 2048 tokens. However, you requested 2500 tokens in the messages."), Photo),
        row("400 bad picture", 400, &nested(400, "BadRequestError", "cannot identify image file <_io.BytesIO object at 0x7f>"), Photo),
        row("422 detail", 422, &json!({"detail": [{"type": "extra_forbidden", "loc": ["body", "num_ctx"], "msg": "Extra inputs are not permitted", "input": 4096}]}), Settings).says("num_ctx"),
        row("500", 500, &flat(500, "InternalServerError", "EngineCore encountered an issue."), Later),
        plain("503 in plain text", Reply::bytes(503, "text/plain", "Service Unavailable"), Later),
        row("200 reasoning is no caption", 200, &said(&json!({"role": "assistant", "content": CAPTION, "reasoning": "Hm.", "reasoning_content": "Hm.", "tool_calls": []}), "stop"), Says(CAPTION)),
    ];
    check("vllm", &json!({}), &rows);
}

#[test]
fn every_row_of_lm_studio_is_lived_with() {
    // Its `error` is a plain string; a wrong address is answered with 200.
    let rows = [
        row(
            "401 of its own token",
            401,
            &json!({"error": "Unauthorized"}),
            Settings,
        ),
        row(
            "404 model",
            404,
            &json!({"error": "Model \"fake-vision\" not found. Please check the model id."}),
            Settings,
        )
        .says("`model`"),
        row(
            "400 no model loaded",
            400,
            &json!({"error": "No models loaded. Please load a model in the developer page or use the `lms load` command."}),
            Settings,
        ),
        row(
            "200 to a wrong address",
            200,
            &json!({"error": "Unexpected endpoint or method. (POST /v1/chat/completion)"}),
            Settings,
        )
        .says("base_url"),
        row(
            "400 WebP rejected",
            400,
            &json!({"error": "'url' field must be a base64 encoded image."}),
            Photo,
        ),
        row(
            "400 images not supported",
            400,
            &json!({"error": "Model does not support images. Please use a model that does."}),
            Settings,
        )
        .says("vision"),
        row(
            "400 context",
            400,
            &json!({"error": "Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens"}),
            Photo,
        ),
        row(
            "500 the model crashed",
            500,
            &json!({"error": "The model has crashed without additional information. (Exit code: 6)"}),
            Later,
        ),
        row(
            "200 with an error once it has begun",
            200,
            &json!({"error": "The model has crashed without additional information. (Exit code: null)"}),
            Later,
        ),
        row(
            "200 text",
            200,
            &said(&content(json!(CAPTION)), "stop"),
            Says(CAPTION),
        ),
    ];
    check("lmstudio", &json!({}), &rows);
}

#[test]
fn every_row_of_ollama_under_v1_is_lived_with() {
    let error = |message: &str, kind: &str| json!({"error": {"message": message, "type": kind, "param": null, "code": null}});
    let rows = [
        row("404", 404, &error("model \"fake-vision\" not found, try pulling it first", "not_found_error"), Settings).says("ollama pull"),
        row("400 invalid image", 400, &error("invalid image input", "invalid_request_error"), Photo),
        row("500 no vision", 500, &error("image input is not supported - hint: if this is unexpected, you may need to provide the mmproj", "api_error"), Settings).says("vision"),
        row("500", 500, &error("model runner has unexpectedly stopped", "api_error"), Later),
        row("503", 503, &error("server busy, please try again.  maximum pending requests exceeded", "api_error"), Later),
        row("200 reasoning is no caption", 200, &said(&json!({"role": "assistant", "content": CAPTION, "reasoning": "Hm."}), "stop"), Says(CAPTION)),
    ];
    check("openai-compatible", &json!({}), &rows);
}

/// Trap 7: several servers ignore the newer name of the cap silently, and their
/// output then runs on to ten times the context.
#[test]
fn every_compatible_server_gets_the_cap_under_the_name_that_it_knows() {
    for (provider, dialect) in [
        ("openai-compatible", "compatible"),
        ("llama-server", "compatible"),
        ("vllm", "compatible"),
        ("lmstudio", "compatible"),
        ("mistral", "mistral"),
        ("openrouter", "openrouter"),
    ] {
        let place = Place::new(
            provider,
            &json!({"dialect": dialect, "settings": {"max_tokens": 123}}),
        );
        place.fake.output_cap(OutputCap::MaxTokens);
        let heard = place.client().hear("Describe.");
        assert!(
            matches!(heard, Ok(Ending::Done(_))),
            "{provider}: {heard:?}"
        );
        assert_eq!(place.fake.calls()[0].body["max_tokens"], 123, "{provider}");
    }
}

/// "500 once L then I": a server that answers 500 to one picture every time.
#[test]
fn a_photo_that_a_compatible_server_never_survives_costs_only_itself() {
    let place = Place::new("llama-server", &json!({}));
    let (site, workspace) = place.library();
    site.add("coast/deadly", FakePhoto::new("Deadly cliffs"));
    site.add_many(5);
    workspace.list(&site);
    place.fake.script(
        When::chat().text("Deadly cliffs"),
        Act::fail(Fail::Internal),
    );
    let output = workspace.run(&["run", "--json"]).expect(3).counted();
    assert_eq!(output.number("/written"), 5, "{output}");
    assert_eq!(workspace.tries(), 1);
    let calls = place.fake.calls();
    let deadly = calls
        .iter()
        .filter(|call| call.prompt.contains("Deadly"))
        .count();
    assert!((3..=6).contains(&deadly), "{deadly} calls for one photo");
}

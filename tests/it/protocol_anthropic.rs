//! As an owner of an Anthropic key I get every reply of its messages taken for
//! what it is.
//!
//! Replies as in Anthropic's errors guide, its vision guide and its SDK's types.

#![expect(
    clippy::needless_pass_by_value,
    reason = "bodies are literals, which read better without a reference"
)]

use crate::protocol::{
    CAPTION, Means, Place, Row, are_lived_with, are_understood, row, stop_a_run,
};
use Means::{Cut, Later, Money, Photo, Refused, Says, Settings, Wait};
use altfill::archive::Ending;
use serde_json::{Value, json};

fn entry() -> Value {
    json!({"model": "claude-sonnet-4-5"})
}

fn error(kind: &str, message: &str) -> Value {
    json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_011CSHoEeqs5C35K2UUqR7Fy"})
}

const INVALID: &str = "invalid_request_error";

fn settings() -> Vec<Row> {
    vec![
        row(
            "401 authentication_error",
            401,
            &error("authentication_error", "invalid x-api-key"),
            Settings,
        )
        .says("MODEL_KEY"),
        row(
            "403 permission_error",
            403,
            &error(
                "permission_error",
                "Your API key does not have permission to use the specified resource.",
            ),
            Settings,
        )
        .says("MODEL_KEY"),
        row(
            "404 not_found_error",
            404,
            &error("not_found_error", "model: claude-sonnet-4-5"),
            Settings,
        )
        .says("`model`"),
    ]
}

fn money() -> Vec<Row> {
    vec![
        row(
            "402 billing_error",
            402,
            &error(
                "billing_error",
                "There is an issue with your billing or payment information.",
            ),
            Money,
        ),
        // Trap 2: the spend limit is a 400 like any bad request.
        row(
            "400 credit balance",
            400,
            &error(
                INVALID,
                "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.",
            ),
            Money,
        ),
        row(
            "400 spend limit",
            400,
            &error(
                INVALID,
                "You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.",
            ),
            Money,
        ),
        row(
            "400 spend limit of a workspace",
            400,
            &error(INVALID, "This workspace has reached its spend limit."),
            Money,
        ),
    ]
}

fn pictures() -> Vec<Row> {
    vec![
        row(
            "400 image size",
            400,
            &error(
                INVALID,
                "messages.0.content.0.image.source.base64: image exceeds 5 MB maximum: 5316864 bytes > 5242880 bytes",
            ),
            Photo,
        ),
        row(
            "400 image dimensions",
            400,
            &error(
                INVALID,
                "messages.0.content.0.image.source.base64.data: At least one of the image dimensions exceed max allowed size: 8000 pixels",
            ),
            Photo,
        ),
        row(
            "400 media type",
            400,
            &error(
                INVALID,
                "messages.0.content.0.image.source.base64.data: Image does not match the provided media type image/jpeg",
            ),
            Photo,
        ),
        row(
            "400 could not process image",
            400,
            &error(INVALID, "Could not process image"),
            Photo,
        ),
        row(
            "413 request_too_large",
            413,
            &error("request_too_large", "Request exceeds the maximum size"),
            Photo,
        ),
        // Whether the photo or the model is to blame is the breaker's to find out.
        row(
            "400 of another kind",
            400,
            &error(
                INVALID,
                "messages: text content blocks must contain non-whitespace text",
            ),
            Photo,
        ),
    ]
}

fn later() -> Vec<Row> {
    let limit = || {
        error(
            "rate_limit_error",
            "This request would exceed the rate limit for your organization of 50 requests per minute.",
        )
    };
    vec![
        row("429 rate_limit_error", 429, &limit(), Wait(Some(1.0))).with("retry-after", "1"),
        // Trap 15: the reset is a time, read against the reply's own date.
        row(
            "429 with the reset as a time",
            429,
            &limit(),
            Wait(Some(50.0)),
        )
        .with("date", "Mon, 01 Jun 2026 12:00:00 GMT")
        .with("anthropic-ratelimit-requests-limit", "50")
        .with("anthropic-ratelimit-requests-remaining", "0")
        .with("anthropic-ratelimit-requests-reset", "2026-06-01T12:00:50Z"),
        row(
            "409 conflict_error",
            409,
            &error(
                "conflict_error",
                "The request conflicts with the current state of the resource.",
            ),
            Wait(None),
        ),
        row(
            "500 api_error",
            500,
            &error("api_error", "Internal server error"),
            Later,
        ),
        row(
            "504 timeout_error",
            504,
            &error("timeout_error", "The request timed out while processing."),
            Later,
        ),
        row(
            "529 overloaded_error",
            529,
            &error("overloaded_error", "Overloaded"),
            Later,
        ),
    ]
}

fn said(content: Value, reason: &str, details: Value) -> Value {
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5-20250929",
        "content": content, "stop_reason": reason, "stop_sequence": null, "stop_details": details,
        "usage": {"input_tokens": 1100, "output_tokens": 60, "cache_creation_input_tokens": 30,
            "cache_read_input_tokens": 4, "service_tier": "standard"},
    })
}

fn successes() -> Vec<Row> {
    let text = |text: &str| json!([{"type": "text", "text": text}]);
    let thoughts = json!([
        {"type": "thinking", "thinking": "The user wants alt text.", "signature": "EqQB"},
        {"type": "redacted_thinking", "data": "EmwK"},
        {"type": "text", "text": "A brown dog runs "},
        {"type": "text", "text": "along a wet beach."},
    ]);
    let details = json!({"category": "harm", "explanation": "The image was not described."});
    vec![
        row(
            "200 end_turn",
            200,
            &said(text(CAPTION), "end_turn", Value::Null),
            Says(CAPTION),
        ),
        row(
            "200 stop_sequence",
            200,
            &said(text(CAPTION), "stop_sequence", Value::Null),
            Says(CAPTION),
        ),
        row(
            "200 only text blocks are the caption",
            200,
            &said(thoughts, "end_turn", Value::Null),
            Says(CAPTION),
        ),
        row(
            "200 nothing but thinking",
            200,
            &said(
                json!([{"type": "thinking", "thinking": "Hm.", "signature": "E"}]),
                "end_turn",
                Value::Null,
            ),
            Says(""),
        ),
        row(
            "200 max_tokens",
            200,
            &said(text("A brown dog runs along a"), "max_tokens", Value::Null),
            Cut("A brown dog runs along a"),
        ),
        row(
            "200 model_context_window_exceeded",
            200,
            &said(
                text("A brown dog"),
                "model_context_window_exceeded",
                Value::Null,
            ),
            Cut("A brown dog"),
        ),
        // Trap 13.
        row(
            "200 refusal",
            200,
            &said(json!([]), "refusal", Value::Null),
            Refused,
        ),
        row(
            "200 refusal with words",
            200,
            &said(text("I can't describe this."), "refusal", Value::Null),
            Refused,
        ),
        row(
            "200 refusal with an explanation",
            200,
            &said(json!([]), "refusal", details),
            Refused,
        ),
    ]
}

#[test]
fn every_row_of_anthropic_is_understood() {
    let rows = [settings(), money(), pictures(), later(), successes()].concat();
    are_understood("anthropic", &entry(), &rows);
}

#[test]
fn a_run_lives_with_every_row_of_anthropic() {
    let rows = [pictures(), later(), successes()].concat();
    are_lived_with("anthropic", &entry(), &rows);
}

#[test]
fn the_rows_of_anthropic_that_stop_a_run_stop_it_at_once() {
    stop_a_run("anthropic", &entry(), &[settings(), money()].concat());
}

#[test]
fn tokens_from_and_to_the_cache_of_anthropic_are_input_too() {
    let place = Place::new("anthropic", &entry());
    let body = said(
        json!([{"type": "text", "text": CAPTION}]),
        "end_turn",
        Value::Null,
    );
    let reply = crate::support::Reply::json(200, &body);
    place.fake.script(
        crate::support::When::chat(),
        crate::support::Act::reply(reply),
    );
    let Ok(Ending::Done(reply)) = place.client().hear("Describe.") else {
        panic!("a caption")
    };
    let usage = reply.usage.expect("a usage");
    assert_eq!((usage.input, usage.output), (1134, 60));
    assert_eq!(reply.model.as_deref(), Some("claude-sonnet-4-5-20250929"));
}

/// Trap 12, for Anthropic: newer models refuse sampling settings.
#[test]
fn newer_models_of_anthropic_get_no_sampling_settings() {
    let settings = json!({"max_tokens": 200, "temperature": 0, "top_p": 0.9, "top_k": 40, "seed": 1, "num_ctx": 4096});
    let place = Place::new(
        "anthropic",
        &json!({"model": "claude-opus-4-7", "settings": settings}),
    );
    for refused in ["temperature", "top_p", "top_k"] {
        place.fake.refuses_setting(refused);
    }
    assert!(place.client().hear("Describe.").is_ok());
    assert!(
        place.fake.violations().is_empty(),
        "{:?}",
        place.fake.violations()
    );
    // Older ones still take them.
    let place = Place::new(
        "anthropic",
        &json!({"model": "claude-haiku-4-5", "settings": settings}),
    );
    assert!(place.client().hear("Describe.").is_ok());
    let body = &place.fake.calls()[0].body;
    assert_eq!(
        (&body["temperature"], &body["max_tokens"]),
        (&json!(0), &json!(200))
    );
}

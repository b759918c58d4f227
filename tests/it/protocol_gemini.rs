//! As an owner of a Gemini key I get every reply of `generateContent` taken for
//! what it is.
//!
//! Replies as in Google's API reference, its troubleshooting guide and the
//! types of its SDK; bodies of 429 as they were publicly posted.

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
    json!({"model": "gemini-2.5-flash"})
}

fn error(code: u16, status: &str, message: &str, details: Value) -> Value {
    json!({"error": {"code": code, "message": message, "status": status, "details": details}})
}

fn quota(id: &str, value: Option<&str>, delay: &str) -> Value {
    let mut violation = json!({
        "quotaMetric": "generativelanguage.googleapis.com/generate_content_free_tier_requests",
        "quotaId": id,
        "quotaDimensions": {"location": "global", "model": "gemini-2.5-flash"},
    });
    if let Some(value) = value {
        violation["quotaValue"] = json!(value);
    }
    let message = "You exceeded your current quota, please check your plan and billing details.";
    error(
        429,
        "RESOURCE_EXHAUSTED",
        message,
        json!([
            {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]},
            {"@type": "type.googleapis.com/google.rpc.Help", "links": [{"description": "Learn more about Gemini API quotas", "url": "https://ai.google.dev/gemini-api/docs/rate-limits"}]},
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay},
        ]),
    )
}

fn settings() -> Vec<Row> {
    let key = json!([{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com", "metadata": {"service": "generativelanguage.googleapis.com"}}]);
    let nothing = json!([]);
    let bad_key = error(
        400,
        "INVALID_ARGUMENT",
        "API key not valid. Please pass a valid API key.",
        key.clone(),
    );
    vec![
        // Trap 3: a bad key is a 400 like any bad request.
        row("400 API_KEY_INVALID", 400, &bad_key, Settings).says("MODEL_KEY"),
        row("400 API_KEY_INVALID in other words", 400, &error(400, "INVALID_ARGUMENT", "Bad.", key), Settings).says("MODEL_KEY"),
        row("400 API_KEY_INVALID in an array of one", 400, &json!([bad_key]), Settings).says("MODEL_KEY"),
        row("403 PERMISSION_DENIED", 403, &error(403, "PERMISSION_DENIED", "Your API key doesn't have the required permissions.", nothing.clone()), Settings),
        row(
            "404 NOT_FOUND",
            404,
            &error(404, "NOT_FOUND", "models/gemini-2.5-flash is not found for API version v1beta, or is not supported for generateContent.", nothing.clone()),
            Settings,
        )
        .says("`model`"),
        row("400 FAILED_PRECONDITION", 400, &error(400, "FAILED_PRECONDITION", "User location is not supported for the API use.", nothing), Settings).says("location"),
    ]
}

fn money() -> Vec<Row> {
    vec![
        // Trap 3: the delay beside a daily quota is misleadingly short.
        row(
            "429 PerDay with a short retryDelay",
            429,
            &quota(
                "GenerateRequestsPerDayPerProjectPerModel-FreeTier",
                Some("50"),
                "22s",
            ),
            Money,
        ),
        row(
            "429 with a limit of 0",
            429,
            &quota(
                "GenerateRequestsPerMinutePerProjectPerModel-FreeTier",
                Some("0"),
                "22s",
            ),
            Money,
        ),
        row(
            "429 with a limit of 0 in words",
            429,
            &error(
                429,
                "RESOURCE_EXHAUSTED",
                "You exceeded your current quota. * Quota exceeded for metric: generate_content_free_tier_requests, limit: 0",
                json!([]),
            ),
            Money,
        ),
    ]
}

fn pictures() -> Vec<Row> {
    let bad = |message| error(400, "INVALID_ARGUMENT", message, json!([]));
    vec![
        row(
            "400 naming the image",
            400,
            &bad(
                "Unable to process input image. Please retry or report in https://developers.generativeai.google/guide/troubleshooting",
            ),
            Photo,
        ),
        row(
            "400 naming the image in an array of one",
            400,
            &json!([bad("Provided image is not valid.")]),
            Photo,
        ),
    ]
}

fn later() -> Vec<Row> {
    let nothing = json!([]);
    vec![
        // Trap 15: the wait is in the body.
        row(
            "429 PerMinute with RetryInfo",
            429,
            &quota(
                "GenerateRequestsPerMinutePerProjectPerModel-FreeTier",
                Some("10"),
                "22s",
            ),
            Wait(Some(22.0)),
        ),
        row(
            "429 PerMinute with a fraction",
            429,
            &quota("GenerateRequestsPerMinutePerProjectPerModel", None, "0.25s"),
            Wait(Some(0.25)),
        ),
        row(
            "429 without details",
            429,
            &error(
                429,
                "RESOURCE_EXHAUSTED",
                "Resource has been exhausted (e.g. check quota).",
                nothing.clone(),
            ),
            Wait(None),
        ),
        row(
            "408",
            408,
            &error(
                408,
                "DEADLINE_EXCEEDED",
                "Request timeout.",
                nothing.clone(),
            ),
            Later,
        ),
        row(
            "500 INTERNAL",
            500,
            &error(
                500,
                "INTERNAL",
                "An internal error has occurred. Please retry.",
                nothing.clone(),
            ),
            Later,
        ),
        row(
            "502",
            502,
            &error(502, "UNAVAILABLE", "Bad gateway.", nothing.clone()),
            Later,
        ),
        row(
            "503 UNAVAILABLE",
            503,
            &error(
                503,
                "UNAVAILABLE",
                "The model is overloaded. Please try again later.",
                nothing.clone(),
            ),
            Later,
        ),
        row(
            "503 in an array of one",
            503,
            &json!([error(
                503,
                "UNAVAILABLE",
                "The model is overloaded.",
                nothing.clone()
            )]),
            Later,
        ),
        row(
            "504 DEADLINE_EXCEEDED",
            504,
            &error(
                504,
                "DEADLINE_EXCEEDED",
                "Deadline expired before operation could complete.",
                nothing,
            ),
            Later,
        ),
    ]
}

fn said(candidate: Value) -> Value {
    json!({
        "modelVersion": "gemini-2.5-flash-001", "candidates": [candidate],
        "usageMetadata": {"promptTokenCount": 300, "candidatesTokenCount": 60, "thoughtsTokenCount": 40, "totalTokenCount": 400},
    })
}

fn successes() -> Vec<Row> {
    let text = |text: &str| json!({"role": "model", "parts": [{"text": text}]});
    let finished =
        |reason: &str| said(json!({"content": text("A brown dog"), "finishReason": reason}));
    let mut rows = vec![
        row(
            "200 STOP",
            200,
            &said(json!({"content": text(CAPTION), "finishReason": "STOP", "avgLogprobs": -0.2})),
            Says(CAPTION),
        ),
        row(
            "200 thoughts are skipped",
            200,
            &said(
                json!({"content": {"parts": [{"text": "The user wants alt text.", "thought": true}, {"text": "A brown dog runs "}, {"text": "along a wet beach."}]}, "finishReason": "STOP"}),
            ),
            Says(CAPTION),
        ),
        row(
            "200 MAX_TOKENS",
            200,
            &finished("MAX_TOKENS"),
            Cut("A brown dog"),
        ),
        row(
            "200 MAX_TOKENS used up by thinking",
            200,
            &said(json!({"content": {"role": "model"}, "finishReason": "MAX_TOKENS"})),
            Cut(""),
        ),
        row(
            "200 content missing",
            200,
            &said(json!({"finishReason": "STOP"})),
            Says(""),
        ),
        row(
            "200 parts missing",
            200,
            &said(json!({"content": {"role": "model"}, "finishReason": "STOP"})),
            Says(""),
        ),
        row("200 LANGUAGE", 200, &finished("LANGUAGE"), Photo),
        row("200 OTHER", 200, &finished("OTHER"), Photo),
        // Trap 13: a blocked prompt has no candidates at all.
        row(
            "200 blocked prompt",
            200,
            &json!({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 300, "totalTokenCount": 300}, "modelVersion": "gemini-2.5-flash"}),
            Refused,
        ),
        row(
            "200 blocked prompt with an empty list",
            200,
            &json!({"candidates": [], "promptFeedback": {"blockReason": "SAFETY"}}),
            Refused,
        ),
        row(
            "200 neither candidates nor a reason",
            200,
            &json!({"usageMetadata": {"promptTokenCount": 300}}),
            Photo,
        ),
    ];
    let withheld = [
        "SAFETY",
        "RECITATION",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "IMAGE_SAFETY",
        "IMAGE_OTHER",
    ];
    rows.extend(
        withheld.map(|reason| row(&format!("200 {reason}"), 200, &finished(reason), Refused)),
    );
    rows
}

#[test]
fn every_row_of_gemini_is_understood() {
    let rows = [settings(), money(), pictures(), later(), successes()].concat();
    are_understood("gemini", &entry(), &rows);
}

#[test]
fn a_run_lives_with_every_row_of_gemini() {
    let rows = [pictures(), later(), successes()].concat();
    are_lived_with("gemini", &entry(), &rows);
}

#[test]
fn the_rows_of_gemini_that_stop_a_run_stop_it_at_once() {
    stop_a_run("gemini", &entry(), &[settings(), money()].concat());
}

#[test]
fn thinking_of_gemini_is_paid_as_output() {
    let place = Place::new("gemini", &entry());
    let body = said(json!({"content": {"parts": [{"text": CAPTION}]}, "finishReason": "STOP"}));
    let reply = crate::support::Reply::json(200, &body);
    place.fake.script(
        crate::support::When::chat(),
        crate::support::Act::reply(reply),
    );
    let Ok(Ending::Done(reply)) = place.client().hear("Describe.") else {
        panic!("a caption")
    };
    let usage = reply.usage.expect("a usage");
    assert_eq!((usage.input, usage.output), (300, 100));
}

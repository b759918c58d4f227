//! As an owner of an OpenAI key I get every reply of its chat completions taken
//! for what it is: my key, my money, my settings, my photo, or their outage.
//!
//! Replies as in OpenAI's API description, error-codes guide and images guide.

#![expect(
    clippy::needless_pass_by_value,
    reason = "bodies are literals, which read better without a reference"
)]

use crate::protocol::{
    CAPTION, Means, Place, Row, are_lived_with, are_understood, row, stop_a_run,
};
use crate::support::{Act, Call, FakeModel, FakeSite, OutputCap, Reply, When, Workspace};
use Means::{Cut, Later, Money, Photo, Refused, Says, Settings, Wait};
use serde_json::{Value, json};
use std::time::Duration;

fn dialect() -> Value {
    json!({"dialect": "openai", "model": "gpt-4o"})
}

fn error(message: &str, kind: &str, param: Option<&str>, code: Option<&str>) -> Value {
    json!({"error": {"message": message, "type": kind, "param": param, "code": code}})
}

const INVALID: &str = "invalid_request_error";

/// Keys, permissions, models and settings: nobody can be asked.
fn settings() -> Vec<Row> {
    let param = |param, code| {
        let message = format!("Unsupported value: '{param}' does not support 0 with this model.");
        error(&message, INVALID, Some(param), Some(code))
    };
    vec![
        row(
            "401 invalid_api_key",
            401,
            &error("Incorrect API key provided: sk-fake*****f1. You can find your API key at https://platform.openai.com/account/api-keys.", INVALID, None, Some("invalid_api_key")),
            Settings,
        )
        .says("MODEL_KEY"),
        row(
            "403 region",
            403,
            &error("Country, region, or territory not supported", "request_forbidden", None, Some("unsupported_country_region_territory")),
            Settings,
        )
        .says("region"),
        row(
            "403 permission",
            403,
            &error("You have insufficient permissions for this operation. Missing scopes: model.request.", INVALID, None, None),
            Settings,
        )
        .says("scopes"),
        row(
            "404 model_not_found",
            404,
            &error("The model `gpt-4o` does not exist or you do not have access to it.", INVALID, None, Some("model_not_found")),
            Settings,
        )
        .says("`model`"),
        row("400 unsupported_value temperature", 400, &param("temperature", "unsupported_value"), Settings).says("temperature"),
        row(
            "400 unsupported_parameter max_tokens",
            400,
            &error("Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.", INVALID, Some("max_tokens"), Some("unsupported_parameter")),
            Settings,
        )
        .says("omit"),
        row(
            "400 bad schema",
            400,
            &error("Invalid schema for response_format 'caption': In context=(), 'additionalProperties' is required to be supplied and to be false.", INVALID, Some("response_format"), None),
            Settings,
        ),
        row(
            "400 service tier",
            400,
            &error("Invalid service_tier argument", INVALID, Some("service_tier"), None),
            Settings,
        ),
    ]
}

/// 429 that no waiting helps against.
fn money() -> Vec<Row> {
    let spent = "You exceeded your current quota, please check your plan and billing details.";
    let code = |code| error(spent, "insufficient_quota", None, Some(code));
    let mut rows: Vec<Row> = [
        "insufficient_quota",
        "credit_balance_exhausted",
        "organization_spend_limit_exceeded",
        "project_spend_limit_exceeded",
        "organization_usage_limit_exceeded",
    ]
    .into_iter()
    .map(|name| {
        let body = error(spent, INVALID, None, Some(name));
        row(&format!("429 code {name}"), 429, &body, Money)
    })
    .collect();
    rows.push(row(
        "429 type insufficient_quota with a newer code",
        429,
        &code("monthly_allowance_exceeded"),
        Money,
    ));
    rows.push(
        row(
            "429 insufficient_quota with a short retry-after",
            429,
            &code("insufficient_quota"),
            Money,
        )
        .with("retry-after", "1"),
    );
    rows
}

/// The picture is to blame, and nothing else.
fn pictures() -> Vec<Row> {
    [
        "invalid_image",
        "invalid_image_format",
        "invalid_image_mode",
        "invalid_image_url",
        "image_too_large",
        "image_too_small",
        "image_parse_error",
        "image_file_too_large",
        "unsupported_image_media_type",
        "invalid_base64_image",
        "empty_image_file",
        "image_content_policy_violation",
    ]
    .into_iter()
    .map(|code| {
        let body = error("This input was not accepted.", INVALID, None, Some(code));
        row(&format!("400 {code}"), 400, &body, Photo)
    })
    .collect()
}

/// Limits and outages: the same again, later.
fn later() -> Vec<Row> {
    let limited = "Rate limit reached for gpt-4o in organization org-x on requests per min (RPM): Limit 3, Used 3, Requested 1.";
    let server = |message| error(message, "server_error", None, None);
    vec![
        row(
            "429 rate_limit_exceeded",
            429,
            &error(limited, "requests", None, Some("rate_limit_exceeded")),
            Wait(None),
        ),
        row(
            "429 rate_limit_exceeded on tokens, with a duration as reset",
            429,
            &error(limited, "tokens", None, Some("rate_limit_exceeded")),
            Wait(Some(0.012)),
        )
        .with("x-ratelimit-remaining-tokens", "0")
        .with("x-ratelimit-reset-tokens", "12ms"),
        row(
            "429 rate_limit_exceeded with minutes as reset",
            429,
            &error(limited, "requests", None, Some("rate_limit_exceeded")),
            Wait(Some(360.0)),
        )
        .with("x-ratelimit-remaining-requests", "0")
        .with("x-ratelimit-reset-requests", "6m0s")
        .with("x-ratelimit-remaining-tokens", "9000")
        .with("x-ratelimit-reset-tokens", "12ms"),
        row("503 Slow Down", 503, &server("Slow Down"), Wait(None)),
        row(
            "503 overloaded",
            503,
            &server("The engine is currently overloaded, please try again later"),
            Later,
        ),
        row(
            "500",
            500,
            &server("The server had an error while processing your request"),
            Later,
        ),
        row("502", 502, &server("Bad gateway"), Later),
        row("504", 504, &server("Gateway timeout"), Later),
        row("408", 408, &server("Request timed out"), Later),
        row(
            "409",
            409,
            &server("The resource was updated by another process"),
            Later,
        ),
    ]
}

fn said(message: Value, finish: &str) -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1_700_000_000, "model": "gpt-4o-2026-01-01",
        "choices": [{"index": 0, "finish_reason": finish, "message": message, "logprobs": null}],
        "usage": {"prompt_tokens": 900, "completion_tokens": 60,
            "prompt_tokens_details": {"cached_tokens": 0}, "completion_tokens_details": {"reasoning_tokens": 0}},
        "service_tier": "default",
    })
}

/// HTTP 200: a text, or one of the forms in which there is none.
fn successes() -> Vec<Row> {
    let content =
        |content: Value| json!({"role": "assistant", "content": content, "refusal": null});
    let refusal = json!({"role": "assistant", "content": null, "refusal": "I'm sorry, I can't help with that."});
    vec![
        row(
            "200 text",
            200,
            &said(content(json!(CAPTION)), "stop"),
            Says(CAPTION),
        ),
        row(
            "200 content as a list of parts",
            200,
            &said(
                content(
                    json!([{"type": "text", "text": "A brown dog runs "}, {"type": "text", "text": "along a wet beach."}]),
                ),
                "stop",
            ),
            Says(CAPTION),
        ),
        row(
            "200 content null",
            200,
            &said(content(Value::Null), "stop"),
            Says(""),
        ),
        row("200 refusal", 200, &said(refusal, "stop"), Refused),
        row(
            "200 refusal as a part of the content is no caption",
            200,
            &said(
                content(json!([{"type": "refusal", "refusal": "I can't help with that."}])),
                "stop",
            ),
            Says(""),
        ),
        row(
            "200 content_filter",
            200,
            &said(content(Value::Null), "content_filter"),
            Refused,
        ),
        row(
            "200 content_filter after half a text",
            200,
            &said(content(json!("A brown dog")), "content_filter"),
            Refused,
        ),
        row(
            "200 length",
            200,
            &said(content(json!("A brown dog runs along a")), "length"),
            Cut("A brown dog runs along a"),
        ),
        row(
            "200 length before the first word",
            200,
            &said(content(json!("")), "length"),
            Cut(""),
        ),
        row(
            "200 tool_calls",
            200,
            &said(content(Value::Null), "tool_calls"),
            Says(""),
        ),
        row(
            "200 function_call",
            200,
            &said(content(Value::Null), "function_call"),
            Says(""),
        ),
    ]
}

#[test]
fn every_row_of_openai_is_understood() {
    let rows = [settings(), money(), pictures(), later(), successes()].concat();
    are_understood("openai", &dialect(), &rows);
}

#[test]
fn a_run_lives_with_every_row_of_openai() {
    let rows = [pictures(), later(), successes()].concat();
    are_lived_with("openai", &dialect(), &rows);
}

#[test]
fn the_rows_of_openai_that_stop_a_run_stop_it_at_once() {
    stop_a_run("openai", &dialect(), &[settings(), money()].concat());
}

/// Trap 12: models that reason refuse sampling settings, and the old name of
/// the cap on output.
#[test]
fn models_of_openai_that_reason_get_no_sampling_settings() {
    let settings =
        json!({"max_tokens": 200, "temperature": 0, "top_p": 0.9, "top_k": 40, "num_ctx": 4096});
    for model in ["gpt-5-mini", "o4-mini", "gpt-5.6"] {
        let changes = json!({"dialect": "openai", "model": model, "settings": settings});
        let place = Place::new("openai", &changes);
        place.fake.output_cap(OutputCap::MaxCompletionTokens);
        for refused in ["temperature", "top_p"] {
            place.fake.refuses_setting(refused);
        }
        let heard = place.client().hear("Describe.");
        let violations = place.fake.violations();
        assert!(violations.is_empty(), "{model}: {violations:?}");
        assert!(heard.is_ok(), "{model}: {heard:?}");
    }
    // What is not known to reason is told by `omit`.
    let changes = json!({"dialect": "openai", "model": "brand-new", "settings": settings, "omit": ["temperature", "top_p"]});
    let place = Place::new("openai", &changes);
    place.fake.refuses_setting("temperature");
    place.fake.refuses_setting("top_p");
    assert!(place.client().hear("Describe.").is_ok());
    assert!(place.fake.violations().is_empty());
}

/// Trap 11: newer models charge for every pixel that is sent, so what is sent
/// is small whatever the photo is, and `detail` is what the entry says.
#[test]
fn a_large_photo_is_sent_small_and_with_the_detail_of_the_entry() {
    let site = FakeSite::start();
    let file = crate::support::photos::photo(9, 3000, 2250, crate::support::photos::Metadata::None);
    site.add(
        "large/one",
        crate::support::FakePhoto::new("Large").pixels(file),
    );
    let model = FakeModel::openai();
    let mut workspace = Workspace::album(&site, &model);
    workspace.set_model("fake", "image", json!({"detail": "low"}));
    let _ = workspace.run(&["run", "--json"]).expect(0).counted();
    let call = &model.calls()[0];
    let hash = call.image.as_deref().expect("a call with an image");
    let facts = model.image(hash).expect("an image that was looked at");
    assert_eq!((facts.width, facts.height), (1024, 768));
    let part = &call.body["messages"][1]["content"][0];
    assert_eq!(part["image_url"]["detail"], "low", "{}", call.body);
}

/// OpenAI's 503 "Slow Down": back to a lower rate, and no faster than that for a
/// quarter of an hour, whatever succeeds in the meantime.
#[test]
fn slow_down_lowers_the_rate_and_keeps_it_low() {
    let model = FakeModel::openai();
    let site = FakeSite::with_photos(120);
    let mut workspace = Workspace::album(&site, &model);
    workspace.set("run.concurrency", 16);
    // Long enough for many to be in flight on a busy machine.
    model.latency(Duration::from_secs(1));
    let slow = json!({"error": {"message": "Slow Down", "type": "server_error"}});
    model.script(
        When::chat().nth(40),
        Act::reply(Reply::json(503, &slow).with("retry-after", "1")),
    );
    let mut running = workspace.spawn(&["run", "--json"]);
    assert!(running.until(|| model.calls().iter().any(|call| call.status == Some(503))));
    model.latency(Duration::from_millis(400));
    let _ = running.wait().expect(0).counted();
    let calls = model.calls();
    let refused = calls.iter().find(|call| call.status == Some(503));
    let refused = refused.expect("a refusal").ended;
    // The gate is closed for a second; those that were let through before that
    // was heard are none of those after it.
    let on_the_way = refused.map(|at| at + Duration::from_millis(900));
    let most = |calls: &[&Call]| {
        let in_flight = |at| {
            calls
                .iter()
                .filter(move |c| c.started <= at && c.ended > Some(at))
        };
        calls
            .iter()
            .map(|call| in_flight(call.started).count())
            .max()
    };
    let before: Vec<&Call> = calls.iter().filter(|c| Some(c.started) < refused).collect();
    let after: Vec<&Call> = calls
        .iter()
        .filter(|c| Some(c.started) > on_the_way)
        .collect();
    assert!(most(&before) > Some(8), "{:?}", most(&before));
    assert!(
        after.len() > 50 && most(&after) <= Some(8),
        "{:?}",
        most(&after)
    );
}

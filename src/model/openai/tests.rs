//! Requests and replies of chat completions in all their flavours.

use super::*;
use crate::config::Provider;
use crate::model::testing::{
    Class, class, done, entry, entry_with, long_talk, reply, reply_with, talk,
};
use std::time::Duration;

const URL: &str = "data:image/jpeg;base64,/9j/4A==";

fn with(dialect: Dialect) -> ModelEntry {
    let mut entry = entry(Provider::OpenAi);
    entry.dialect = dialect;
    entry
}

fn judged(dialect: Dialect, status: u16, body: &str) -> Ending {
    Judge::new(&with(dialect)).judge(&reply(status, body))
}

#[test]
fn a_request_is_as_small_as_possible() {
    for (dialect, cap) in [
        (Dialect::OpenAi, "max_completion_tokens"),
        (Dialect::Mistral, "max_tokens"),
        (Dialect::Compatible, "max_tokens"),
    ] {
        let body = Shape::new(&with(dialect)).body(&talk());
        assert_eq!(
            body,
            json!({"model": "test-model",
                "messages": [
                    {"role": "system", "content": "Be brief."},
                    {"role": "user", "content": [
                        {"type": "image_url", "image_url": {"url": URL}},
                        {"type": "text", "text": "Describe."}]}],
                cap: 300}),
            "{dialect:?}"
        );
    }
}

#[test]
fn openrouter_gets_the_text_first() {
    let body = Shape::new(&with(Dialect::OpenRouter)).body(&talk());
    assert_eq!(
        body["messages"][1]["content"],
        json!([{"type": "text", "text": "Describe."},
            {"type": "image_url", "image_url": {"url": URL}}])
    );
}

#[test]
fn settings_stand_beside_the_messages_and_detail_with_the_image() {
    let mut entry = entry_with(
        Provider::OpenAi,
        json!({"temperature": 0.2, "top_k": 40, "seed": 7, "num_ctx": 4096,
            "reasoning_effort": "low", "stop_sequences": ["\n"], "max_completion_tokens": 800}),
    );
    entry.image.detail = Some("low".to_owned());
    let body = Shape::new(&entry).body(&long_talk());
    assert_eq!(
        body,
        json!({"model": "test-model",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": [
                    {"type": "image_url", "image_url": {"url": URL, "detail": "low"}},
                    {"type": "text", "text": "Describe."}]},
                {"role": "assistant", "content": "A dog."},
                {"role": "user", "content": "What colour?"}],
            "max_completion_tokens": 800, "reasoning_effort": "low", "seed": 7, "stop": ["\n"],
            "temperature": 0.2})
    );
    entry.dialect = Dialect::Mistral;
    let body = Shape::new(&entry).body(&talk());
    assert_eq!((&body["random_seed"], body.get("seed")), (&json!(7), None));
}

#[test]
fn the_name_of_the_cap_can_be_swapped() {
    let mut entry = with(Dialect::Compatible);
    entry.omit.insert("max_tokens".to_owned());
    let body = Shape::new(&entry).body(&talk());
    assert_eq!(body["max_completion_tokens"], 300);
    assert!(body.get("max_tokens").is_none());
    entry.omit.insert("max_completion_tokens".to_owned());
    assert_eq!(
        Shape::new(&entry).body(&talk()).as_object().unwrap().len(),
        2
    );
}

#[test]
fn addresses_follow_the_dialect() {
    assert!(OpenAi::new(&with(Dialect::OpenAi)).is_ok());
    let error = OpenAi::new(&with(Dialect::Compatible)).err().unwrap();
    assert!(error.to_string().contains("base_url"), "{error}");
}

#[test]
fn a_reply_is_read_tolerantly() {
    let ending = judged(
        Dialect::OpenAi,
        200,
        r#"{"model":"M-2026-01-01","choices":[{"finish_reason":"stop","message":{"content":"A dog.","refusal":null},"logprobs":null}],
        "usage":{"prompt_tokens":900,"completion_tokens":60,"completion_tokens_details":{"reasoning_tokens":0}},"service_tier":"default"}"#,
    );
    let usage = Usage {
        input: 900,
        output: 60,
    };
    assert_eq!(
        done(&ending),
        ("A dog.", Finish::Stop, Some(usage), Some("M-2026-01-01"))
    );
    for (body, expected, finish) in [
        (
            r#"{"choices":[{"finish_reason":"stop","message":{"content":null}}]}"#,
            "",
            Finish::Stop,
        ),
        (
            r#"{"choices":[{"message":{"content":"A dog."}}]}"#,
            "A dog.",
            Finish::Stop,
        ),
        (
            r#"{"choices":[{"finish_reason":"stop","message":{"content":[{"type":"thinking","text":"Hm"},{"type":"text","text":"A dog."}]}}]}"#,
            "A dog.",
            Finish::Stop,
        ),
        (
            r#"{"choices":[{"finish_reason":"stop","message":{"content":"","reasoning_content":"Hm"}}]}"#,
            "",
            Finish::Stop,
        ),
        (
            r#"{"choices":[{"finish_reason":"length","message":{"content":"A do"}}]}"#,
            "A do",
            Finish::Length,
        ),
        (
            r#"{"choices":[{"finish_reason":"length","message":{"content":null}}]}"#,
            "",
            Finish::Length,
        ),
        (
            r#"{"choices":[{"finish_reason":"model_length","message":{"content":"A"}}]}"#,
            "A",
            Finish::Length,
        ),
        (
            r#"{"choices":[{"finish_reason":"stop","message":{"content":null,"refusal":"I can't."}}]}"#,
            "I can't.",
            Finish::Refused,
        ),
        (
            r#"{"choices":[{"finish_reason":"content_filter","message":{"content":null}}]}"#,
            "",
            Finish::Refused,
        ),
    ] {
        let ending = judged(Dialect::OpenAi, 200, body);
        let (text, ended, usage, model) = done(&ending);
        assert_eq!((text, ended), (expected, finish), "{body}");
        assert_eq!((usage, model), (None, None), "{body}");
    }
    let relayed = judged(
        Dialect::OpenRouter,
        200,
        r#"{"model":"a/b","provider":"Acme","choices":[{"message":{"content":"A dog."}}]}"#,
    );
    assert_eq!(done(&relayed).3, Some("a/b via Acme"));
}

#[test]
fn every_error_row_of_openai_has_its_class() {
    use Class::{Outage, Photo, Quota, Retry, Settings};
    let code = |code: &str| {
        format!(r#"{{"error":{{"message":"m","type":"t","param":null,"code":"{code}"}}}}"#)
    };
    let kind = |kind: &str| {
        format!(r#"{{"error":{{"message":"m","type":"{kind}","param":null,"code":null}}}}"#)
    };
    let param = |param: &str| {
        format!(
            r#"{{"error":{{"message":"m","type":"invalid_request_error","param":"{param}","code":null}}}}"#
        )
    };
    let mut rows = vec![
        (401, code("invalid_api_key"), Settings),
        (403, code("unsupported_country_region_territory"), Settings),
        (404, code("model_not_found"), Settings),
        (429, code("rate_limit_exceeded"), Retry),
        (429, kind("requests"), Retry),
        (429, kind("insufficient_quota"), Quota),
        (400, code("unsupported_value"), Settings),
        (400, code("unsupported_parameter"), Settings),
        (400, param("response_format.json_schema"), Settings),
        (400, param("service_tier"), Settings),
        (400, param("messages.[0].content"), Photo),
        (400, code("context_length_exceeded"), Photo),
        (400, kind("invalid_request_error"), Photo),
        (408, String::new(), Outage),
        (409, String::new(), Outage),
        (500, kind("server_error"), Outage),
        (502, "<html>".to_owned(), Outage),
        (504, String::new(), Outage),
        (503, kind("overloaded"), Outage),
        (
            503,
            r#"{"error":{"message":"Slow Down","type":"server_error"}}"#.to_owned(),
            Retry,
        ),
    ];
    rows.extend(
        [
            "credit_balance_exhausted",
            "organization_spend_limit_exceeded",
            "project_spend_limit_exceeded",
            "organization_usage_limit_exceeded",
            "insufficient_quota",
        ]
        .map(|name| (429, code(name), Quota)),
    );
    rows.extend(
        [
            "invalid_image",
            "invalid_image_format",
            "image_too_large",
            "image_too_small",
            "image_parse_error",
            "image_file_too_large",
            "unsupported_image_media_type",
            "invalid_base64_image",
            "empty_image_file",
            "image_content_policy_violation",
        ]
        .map(|name| (400, code(name), Photo)),
    );
    for (status, body, expected) in rows {
        assert_eq!(
            class(&judged(Dialect::OpenAi, status, &body)),
            expected,
            "{status} {body}"
        );
    }
}

#[test]
fn the_errors_of_compatible_servers_have_their_class() {
    use Class::{Outage, Photo, Quota, Retry, Settings};
    use Dialect::{Compatible, Mistral, OpenRouter};
    for (dialect, status, body, expected) in [
        (
            Mistral,
            422,
            r#"{"detail":[{"loc":["body","top_k"],"msg":"Extra inputs are not permitted","type":"extra_forbidden"}]}"#,
            Settings,
        ),
        (
            Mistral,
            422,
            r#"{"detail":[{"loc":["body","messages",0,"content"],"msg":"Field required","type":"missing"}]}"#,
            Photo,
        ),
        (
            Mistral,
            429,
            r#"{"object":"error","message":"Requests rate limit exceeded","type":"rate_limited","code":"1300"}"#,
            Retry,
        ),
        (
            Mistral,
            401,
            r#"{"message":"Unauthorized","request_id":"r"}"#,
            Settings,
        ),
        (Mistral, 401, r#"{"detail":"Unauthorized"}"#, Settings),
        (Mistral, 500, "Internal Server Error", Outage),
        (Mistral, 503, "", Outage),
        (
            OpenRouter,
            401,
            r#"{"error":{"code":401,"message":"No auth credentials found"}}"#,
            Settings,
        ),
        (
            OpenRouter,
            402,
            r#"{"error":{"code":402,"message":"Insufficient credits"}}"#,
            Quota,
        ),
        (
            OpenRouter,
            403,
            r#"{"error":{"code":403,"message":"Input flagged","metadata":{"reasons":["violence"]}}}"#,
            Photo,
        ),
        (
            OpenRouter,
            408,
            r#"{"error":{"code":408,"message":"Timed out"}}"#,
            Outage,
        ),
        (
            OpenRouter,
            502,
            r#"{"error":{"code":502,"message":"Provider returned error"}}"#,
            Outage,
        ),
        (
            OpenRouter,
            503,
            r#"{"error":{"code":503,"message":"No provider"}}"#,
            Outage,
        ),
        (
            OpenRouter,
            429,
            r#"{"error":{"code":429,"message":"Rate limited"}}"#,
            Retry,
        ),
        (
            OpenRouter,
            400,
            r#"{"error":{"code":400,"message":"Bad"}}"#,
            Photo,
        ),
        (
            OpenRouter,
            404,
            r#"{"error":{"code":404,"message":"No endpoints found that support image input"}}"#,
            Settings,
        ),
        (
            Compatible,
            503,
            r#"{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}"#,
            Outage,
        ),
        (
            Compatible,
            500,
            r#"{"error":{"code":500,"message":"image input is not supported - hint: if this is unexpected, you may need to provide the mmproj","type":"server_error"}}"#,
            Settings,
        ),
        (
            Compatible,
            500,
            r#"{"error":{"code":500,"message":"Failed to load image or audio file","type":"server_error"}}"#,
            Photo,
        ),
        (
            Compatible,
            500,
            r#"{"error":{"code":500,"message":"unknown","type":"server_error"}}"#,
            Outage,
        ),
        (
            Compatible,
            400,
            r#"{"error":{"code":400,"message":"the request exceeds the available context size","type":"exceed_context_size_error"}}"#,
            Photo,
        ),
        (
            Compatible,
            404,
            r#"{"error":{"message":"The model `x` does not exist.","type":"NotFoundError","param":null,"code":404}}"#,
            Settings,
        ),
        (
            Compatible,
            404,
            r#"{"error":{"message":"model \"x\" not found, try pulling it first","type":"api_error","param":null,"code":null}}"#,
            Settings,
        ),
        (Compatible, 404, "404 page not found", Settings),
        (
            Compatible,
            400,
            r#"{"object":"error","message":"At most 0 image(s) may be provided","type":"BadRequestError","param":null,"code":400}"#,
            Settings,
        ),
        (
            Compatible,
            400,
            r#"{"error":"Model does not support images. Please use a model that does."}"#,
            Settings,
        ),
        (
            Compatible,
            404,
            r#"{"error":"No models loaded. Please load a model in the developer page."}"#,
            Settings,
        ),
        (Compatible, 400, r#"{"error":"something odd"}"#, Photo),
    ] {
        let ending = judged(dialect, status, body);
        assert_eq!(
            class(&ending),
            expected,
            "{dialect:?} {status} {body}: {ending:?}"
        );
    }
}

#[test]
fn errors_under_status_200_are_errors() {
    use Class::{Outage, Photo, Quota, Retry, Settings};
    for (body, expected) in [
        (
            r#"{"error":{"code":502,"message":"Provider returned error"}}"#,
            Outage,
        ),
        (r#"{"error":{"code":429,"message":"Rate limited"}}"#, Retry),
        (r#"{"error":{"code":401,"message":"No key"}}"#, Settings),
        (r#"{"error":{"code":402,"message":"No money"}}"#, Quota),
        (r#"{"error":{"message":"?"}}"#, Outage),
        (
            r#"{"object":"error","message":"broken","type":"InternalServerError","code":500}"#,
            Outage,
        ),
        (
            r#"{"choices":[{"finish_reason":"error","native_finish_reason":"oops","message":{"content":"A"}}]}"#,
            Outage,
        ),
        (
            r#"{"choices":[{"error":{"code":403,"message":"Flagged"},"message":{"content":"A"}}]}"#,
            Photo,
        ),
        (r#"{"choices":[]}"#, Photo),
        (r#"{"choices":[{"mess"#, Outage),
        ("<!doctype html><title>Sign in</title>", Outage),
        ("", Outage),
        ("upstream connect error", Outage),
    ] {
        let ending = judged(Dialect::OpenRouter, 200, body);
        assert_eq!(class(&ending), expected, "{body}");
    }
}

#[test]
fn a_rate_limit_names_its_wait() {
    let headers = [
        ("x-ratelimit-remaining-tokens", "0"),
        ("x-ratelimit-reset-tokens", "6m0s"),
    ];
    let body = r#"{"error":{"message":"m","code":"rate_limit_exceeded"}}"#;
    let ending = Judge::new(&with(Dialect::OpenAi)).judge(&reply_with(429, &headers, body));
    let wait = Some(Duration::from_secs(360));
    let told = "HTTP 429 (rate_limit_exceeded): m".to_owned();
    assert_eq!(ending, Ending::RetryAfter(wait, told));
}

#[test]
fn refused_settings_say_where_to_change_them() {
    let body = r#"{"error":{"message":"Unsupported value: 'temperature' does not support 0 with this model.","type":"invalid_request_error","param":"temperature","code":"unsupported_value"}}"#;
    let ending = judged(Dialect::OpenAi, 400, body);
    let Ending::Settings(text) = ending else {
        panic!("{ending:?}")
    };
    assert!(
        text.contains("temperature") && text.contains("`omit`"),
        "{text}"
    );
}

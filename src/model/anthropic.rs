//! Anthropic's messages.

use super::chat::{address, base64};
use super::ending::{Who, json as parse, text, tokens, used};
use super::fault::Fault;
use super::http::{Endpoint, KeyStyle};
use super::tokens::Estimator;
use super::{Conversation, Model, ModelError, Part, Role, Turn, settings, wait};
use crate::archive::{Ending, Finish, RawReply, Reply, Unanswered, Usage};
use crate::config::ModelEntry;
use async_trait::async_trait;
use serde_json::{Map, Value, json};

const HOME: &str = "https://api.anthropic.com";

/// The version of the API that this file speaks.
pub(super) const VERSION: &str = "2023-06-01";

/// How a spending limit is worded. It comes as an ordinary 400, so it would
/// otherwise look like trouble with every photo of the archive in turn.
const OUT_OF_MONEY: &[&str] = &[
    "spend limit",
    "credit balance",
    "usage limit",
    "spending limit",
];

/// A model of Anthropic's.
pub(super) struct Anthropic {
    endpoint: Endpoint,
    shape: Shape,
    estimator: Estimator,
    who: Who,
}

/// What of a request the conversation does not change.
struct Shape {
    model: String,
    cap: u32,
    beside: Map<String, Value>,
}

impl Anthropic {
    pub(super) fn new(entry: &ModelEntry) -> Result<Self, ModelError> {
        let url = address(entry, HOME, &["v1", "messages"])?;
        let endpoint = Endpoint::new(entry, url, KeyStyle::Header("x-api-key"))?
            .header("anthropic-version", VERSION);
        Ok(Self {
            endpoint,
            shape: Shape::new(entry),
            estimator: Estimator::new(entry),
            who: Who::new(entry),
        })
    }
}

#[async_trait]
impl Model for Anthropic {
    async fn send(&self, conversation: &Conversation) -> Result<RawReply, Unanswered> {
        self.endpoint.post(&self.shape.body(conversation)).await
    }

    fn judge(&self, reply: &RawReply) -> Ending {
        judge(&self.who, reply)
    }

    fn estimate(&self, conversation: &Conversation) -> Usage {
        self.estimator.estimate(conversation)
    }
}

impl Shape {
    fn new(entry: &ModelEntry) -> Self {
        let beside = settings::sent(entry).map(|(name, value)| match name {
            "stop" => ("stop_sequences".to_owned(), settings::list(value)),
            name => (name.to_owned(), value.clone()),
        });
        Self {
            model: entry.model.clone(),
            cap: settings::output_cap(entry),
            beside: beside.collect(),
        }
    }

    fn body(&self, conversation: &Conversation) -> Value {
        // The cap is required here, so no `omit` can leave it out.
        let cap = conversation.cap.unwrap_or(self.cap);
        let mut body = json!({"model": self.model, "max_tokens": cap});
        if let Some(system) = &conversation.system {
            body["system"] = system.as_str().into();
        }
        body["messages"] = conversation.turns.iter().map(message).collect();
        for (name, value) in &self.beside {
            body[name.as_str()] = value.clone();
        }
        body
    }
}

fn message(turn: &Turn) -> Value {
    let role = match turn.role {
        Role::User => "user",
        Role::Assistant => "assistant",
    };
    if turn.images().next().is_none() {
        return json!({"role": role, "content": turn.text()});
    }
    let parts = turn.parts.iter().map(|part| match part {
        Part::Text(text) => json!({"type": "text", "text": text}),
        Part::Image(image) => json!({"type": "image", "source": {
            "type": "base64", "media_type": "image/jpeg", "data": base64(image)}}),
    });
    json!({"role": role, "content": parts.collect::<Vec<_>>()})
}

fn judge(who: &Who, reply: &RawReply) -> Ending {
    if !(200..300).contains(&reply.status) {
        return refused(who, reply.status, &Fault::read(&reply.body), reply);
    }
    let Some(body) = parse(&reply.body) else {
        return who.unreadable(&reply.body);
    };
    if let Some(fault) = Fault::inside(&body) {
        return refused(who, fault.status.unwrap_or(500), &fault, reply);
    }
    let Some(blocks) = body.get("content").and_then(Value::as_array) else {
        return who.unreadable(&reply.body);
    };
    let words = blocks
        .iter()
        .filter(|block| block.get("type").and_then(Value::as_str) == Some("text"))
        .filter_map(|block| text(block, "/text"));
    let mut words: String = words.collect();
    let finish = match text(&body, "/stop_reason") {
        Some("max_tokens" | "model_context_window_exceeded") => Finish::Length,
        Some("refusal") => Finish::Refused,
        _ => Finish::Stop,
    };
    if finish == Finish::Refused && words.is_empty() {
        let why = text(&body, "/stop_details/explanation");
        words.push_str(why.unwrap_or_default());
    }
    Ending::Done(Reply {
        text: words,
        finish,
        usage: usage(&body),
        model: text(&body, "/model").map(str::to_owned),
    })
}

/// What was read from and written to the cache is input too.
fn usage(body: &Value) -> Option<Usage> {
    let input = [
        "/usage/input_tokens",
        "/usage/cache_creation_input_tokens",
        "/usage/cache_read_input_tokens",
    ];
    let counted = tokens(body, &input[..1]);
    let output = tokens(body, &["/usage/output_tokens"]);
    used(counted.and(tokens(body, &input)), output)
}

fn refused(who: &Who, status: u16, fault: &Fault, reply: &RawReply) -> Ending {
    let told = fault.tell(status);
    if fault.is(&["billing_error"]) || (fault.says(OUT_OF_MONEY) && status < 500) {
        return match status {
            429 if wait::asked(reply).is_some() => Ending::RetryAfter(wait::asked(reply), told),
            _ => Ending::Quota(told),
        };
    }
    if fault.is(&["authentication_error", "permission_error"]) {
        return who.bad_key(&told);
    }
    if fault.is(&["not_found_error"]) {
        return who.unknown_model(&told, fault);
    }
    if fault.is(&["request_too_large"]) {
        return Ending::Photo(told);
    }
    if status == 409 || fault.is(&["conflict_error", "rate_limit_error"]) {
        return Ending::RetryAfter(wait::asked(reply), told);
    }
    if fault.is(&["api_error", "timeout_error", "overloaded_error"]) {
        return Ending::Outage(told);
    }
    who.by_status(status, fault, reply)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Provider;
    use crate::model::testing::{
        Class, JPEG_BASE64, class, done, entry, entry_with, long_talk, reply, reply_with, talk,
    };
    use std::time::Duration;

    fn judged(status: u16, body: &str) -> Ending {
        judge(&Who::new(&entry(Provider::Anthropic)), &reply(status, body))
    }

    #[test]
    fn a_request_is_as_small_as_possible() {
        let body = Shape::new(&entry(Provider::Anthropic)).body(&talk());
        assert_eq!(
            body,
            json!({"model": "test-model", "max_tokens": 300, "system": "Be brief.",
                "messages": [{"role": "user", "content": [
                    {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg",
                        "data": JPEG_BASE64}},
                    {"type": "text", "text": "Describe."}]}]})
        );
    }

    #[test]
    fn settings_are_those_that_anthropic_knows() {
        let mut entry = entry_with(
            Provider::Anthropic,
            json!({"temperature": 0.5, "top_k": 40, "seed": 1, "frequency_penalty": 1,
                "num_ctx": 4096, "stop": "\n", "thinking": {"type": "disabled"}}),
        );
        entry.omit.insert("max_tokens".to_owned());
        let body = Shape::new(&entry).body(&long_talk());
        assert_eq!(
            body,
            json!({"model": "test-model", "max_tokens": 300, "system": "Be brief.",
                "messages": [
                    {"role": "user", "content": [
                        {"type": "image", "source": {"type": "base64",
                            "media_type": "image/jpeg", "data": JPEG_BASE64}},
                        {"type": "text", "text": "Describe."}]},
                    {"role": "assistant", "content": "A dog."},
                    {"role": "user", "content": "What colour?"}],
                "stop_sequences": ["\n"], "temperature": 0.5,
                "thinking": {"type": "disabled"}, "top_k": 40})
        );
    }

    #[test]
    fn only_text_blocks_are_read_and_cached_input_counts() {
        let ending = judged(
            200,
            r#"{"type":"message","model":"M","content":[{"type":"thinking","thinking":"Hm"},{"type":"text","text":"A "},{"type":"text","text":"dog."}],
            "stop_reason":"end_turn","stop_details":null,
            "usage":{"input_tokens":1100,"output_tokens":60,"cache_creation_input_tokens":20,"cache_read_input_tokens":3,"service_tier":"standard"}}"#,
        );
        let usage = Usage {
            input: 1123,
            output: 60,
        };
        assert_eq!(
            done(&ending),
            ("A dog.", Finish::Stop, Some(usage), Some("M"))
        );
    }

    #[test]
    fn every_way_to_stop_is_understood() {
        for (reason, finish) in [
            ("\"end_turn\"", Finish::Stop),
            ("\"stop_sequence\"", Finish::Stop),
            ("\"tool_use\"", Finish::Stop),
            ("\"pause_turn\"", Finish::Stop),
            ("null", Finish::Stop),
            ("\"max_tokens\"", Finish::Length),
            ("\"model_context_window_exceeded\"", Finish::Length),
            ("\"refusal\"", Finish::Refused),
        ] {
            let body =
                format!(r#"{{"content":[{{"type":"text","text":"A"}}],"stop_reason":{reason}}}"#);
            assert_eq!(
                done(&judged(200, &body)),
                ("A", finish, None, None),
                "{reason}"
            );
        }
        let silent = r#"{"content":[],"stop_reason":"refusal","stop_details":{"category":null,"explanation":null}}"#;
        assert_eq!(done(&judged(200, silent)).0, "");
        let told = r#"{"content":[],"stop_reason":"refusal","stop_details":{"explanation":"No."}}"#;
        assert_eq!(done(&judged(200, told)).0, "No.");
    }

    #[test]
    fn every_error_row_of_anthropic_has_its_class() {
        use Class::{Outage, Photo, Quota, Retry, Settings};
        for (status, kind, message, expected) in [
            (401, "authentication_error", "invalid x-api-key", Settings),
            (402, "billing_error", "payment", Quota),
            (403, "permission_error", "not allowed", Settings),
            (404, "not_found_error", "model: claude-x", Settings),
            (
                400,
                "invalid_request_error",
                "You have reached your specified API spend limit.",
                Quota,
            ),
            (
                400,
                "invalid_request_error",
                "Your credit balance is too low to access the API.",
                Quota,
            ),
            (
                400,
                "invalid_request_error",
                "messages.0.content.0.image.source.base64: image exceeds 5 MB maximum",
                Photo,
            ),
            (
                400,
                "invalid_request_error",
                "Could not process image",
                Photo,
            ),
            (
                400,
                "invalid_request_error",
                "image dimensions exceed max allowed size: 8000 pixels",
                Photo,
            ),
            (
                400,
                "invalid_request_error",
                "messages.0: media_type does not match",
                Photo,
            ),
            (
                413,
                "request_too_large",
                "Request exceeds the maximum size",
                Photo,
            ),
            (
                400,
                "invalid_request_error",
                "max_tokens: 999999 > 8192",
                Settings,
            ),
            (400, "invalid_request_error", "something else", Photo),
            (409, "conflict_error", "conflict", Retry),
            (429, "rate_limit_error", "slow", Retry),
            (500, "api_error", "internal", Outage),
            (504, "timeout_error", "timeout", Outage),
            (529, "overloaded_error", "Overloaded", Outage),
        ] {
            let body = json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "r"});
            assert_eq!(
                class(&judged(status, &body.to_string())),
                expected,
                "{status} {message}"
            );
        }
        for (status, body, expected) in [
            (
                200,
                r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
                Outage,
            ),
            (200, r#"{"type":"message"}"#, Photo),
            (200, "", Outage),
            (200, "<html>", Outage),
            (502, "<html>", Outage),
            (409, "", Retry),
            (413, "<html><title>413 Request Entity Too Large", Photo),
        ] {
            assert_eq!(class(&judged(status, body)), expected, "{status} {body}");
        }
    }

    #[test]
    fn a_refused_setting_is_the_entrys_fault() {
        let entry = entry_with(Provider::Anthropic, json!({"temperature": 0}));
        let body = r#"{"type":"error","error":{"type":"invalid_request_error","message":"temperature: not supported by this model"}}"#;
        let ending = judge(&Who::new(&entry), &reply(400, body));
        assert_eq!(class(&ending), Class::Settings);
    }

    #[test]
    fn the_wait_comes_from_the_exhausted_limit() {
        let headers = [
            ("date", "Fri, 31 May 2024 12:00:00 GMT"),
            ("anthropic-ratelimit-tokens-remaining", "0"),
            ("anthropic-ratelimit-tokens-reset", "2024-05-31T12:00:07Z"),
        ];
        let body = r#"{"type":"error","error":{"type":"rate_limit_error","message":"m"}}"#;
        let who = Who::new(&entry(Provider::Anthropic));
        let ending = judge(&who, &reply_with(429, &headers, body));
        let wait = Some(Duration::from_secs(7));
        assert_eq!(
            ending,
            Ending::RetryAfter(wait, "HTTP 429 (rate_limit_error): m".to_owned())
        );
    }
}

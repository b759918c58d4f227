//! Google's `generateContent`.

use super::chat::{address, base64};
use super::ending::{Who, json as parse, text, tokens, used};
use super::fault::Fault;
use super::http::{Endpoint, KeyStyle};
use super::tokens::Estimator;
use super::{Conversation, Model, ModelError, Part, Role, Turn, settings, wait};
use crate::archive::{Ending, Finish, RawReply, Reply, Unanswered, Usage};
use crate::config::ModelEntry;
use crate::policy::retry;
use async_trait::async_trait;
use serde_json::{Map, Value, json};

const HOME: &str = "https://generativelanguage.googleapis.com";

/// Settings that stand beside the contents instead of in `generationConfig`.
const BESIDE: &[&str] = &["safety_settings", "tools", "tool_config", "cached_content"];

/// Reasons why an answer was withheld.
const WITHHELD: &[&str] = &[
    "SAFETY",
    "RECITATION",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
];

/// A model of Google's.
pub(super) struct Gemini {
    endpoint: Endpoint,
    shape: Shape,
    estimator: Estimator,
    who: Who,
}

/// What of a request the conversation does not change.
struct Shape {
    config: Map<String, Value>,
    beside: Map<String, Value>,
}

impl Gemini {
    pub(super) fn new(entry: &ModelEntry) -> Result<Self, ModelError> {
        let model = entry.model.trim_start_matches("models/");
        let call = format!("{model}:generateContent");
        let path = ["v1beta", "models", &call];
        // A base that names a version of the API itself keeps it.
        let versioned = entry.base_url.as_ref().is_some_and(|url| {
            url.path_segments()
                .into_iter()
                .flatten()
                .any(|part| part == "v1" || part == "v1alpha")
        });
        let path = if versioned { &path[1..] } else { &path[..] };
        let url = address(entry, HOME, path)?;
        Ok(Self {
            endpoint: Endpoint::new(entry, url, KeyStyle::Header("x-goog-api-key"))?,
            shape: Shape::new(entry),
            estimator: Estimator::new(entry),
            who: Who::new(entry),
        })
    }
}

#[async_trait]
impl Model for Gemini {
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
        let mut config = Map::new();
        let mut beside = Map::new();
        config.insert(
            "maxOutputTokens".to_owned(),
            settings::output_cap(entry).into(),
        );
        if let Some(resolution) = entry.image.detail.as_deref().filter(|d| *d != "auto") {
            config.insert("mediaResolution".to_owned(), media_resolution(resolution));
        }
        for (name, value) in settings::sent(entry) {
            let camel = camel_case(name);
            match camel.as_str() {
                "generationConfig" => config.extend(value.as_object().cloned().unwrap_or_default()),
                "stop" | "stopSequences" => {
                    config.insert("stopSequences".to_owned(), settings::list(value));
                }
                "randomSeed" => {
                    config.insert("seed".to_owned(), value.clone());
                }
                "thinkingBudget" | "thinkingLevel" => {
                    config.entry("thinkingConfig").or_insert_with(|| json!({}))[camel] =
                        value.clone();
                }
                "mediaResolution" => {
                    let value = value
                        .as_str()
                        .map_or_else(|| value.clone(), media_resolution);
                    config.insert(camel, value);
                }
                _ if BESIDE.iter().any(|known| camel_case(known) == camel) => {
                    beside.insert(camel, value.clone());
                }
                _ => {
                    config.insert(camel, value.clone());
                }
            }
        }
        Self { config, beside }
    }

    fn body(&self, conversation: &Conversation) -> Value {
        let mut body = json!({});
        if let Some(system) = &conversation.system {
            body["systemInstruction"] = json!({"parts": [{ "text": system }]});
        }
        body["contents"] = conversation.turns.iter().map(content).collect();
        body["generationConfig"] = Value::Object(self.config.clone());
        if let Some(cap) = conversation.cap {
            body["generationConfig"]["maxOutputTokens"] = cap.into();
        }
        for (name, value) in &self.beside {
            body[name.as_str()] = value.clone();
        }
        body
    }
}

fn content(turn: &Turn) -> Value {
    let role = match turn.role {
        Role::User => "user",
        Role::Assistant => "model",
    };
    let parts = turn.parts.iter().map(|part| match part {
        Part::Text(text) => json!({ "text": text }),
        Part::Image(image) => {
            json!({"inlineData": {"mimeType": "image/jpeg", "data": base64(image)}})
        }
    });
    json!({"role": role, "parts": parts.collect::<Vec<_>>()})
}

/// `low` becomes `MEDIA_RESOLUTION_LOW`; a full name stays.
fn media_resolution(name: &str) -> Value {
    let name = name.to_uppercase();
    if name.starts_with("MEDIA_RESOLUTION_") {
        name.into()
    } else {
        format!("MEDIA_RESOLUTION_{name}").into()
    }
}

fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        camel.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        camel.push_str(letters.as_str());
    }
    camel
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
    let done = |text: String, finish| {
        Ending::Done(Reply {
            usage: usage(&body, !text.is_empty()),
            text,
            finish,
            model: self::text(&body, "/modelVersion").map(str::to_owned),
        })
    };
    let Some(candidate) = body.pointer("/candidates/0") else {
        // A blocked prompt has no candidates at all.
        return match text(&body, "/promptFeedback/blockReason") {
            Some(_) => done(String::new(), Finish::Refused),
            None => who.unreadable(&reply.body),
        };
    };
    let words = words(candidate);
    match text(candidate, "/finishReason") {
        None | Some("STOP" | "FINISH_REASON_UNSPECIFIED") => done(words, Finish::Stop),
        Some("MAX_TOKENS") => done(words, Finish::Length),
        Some(reason) if WITHHELD.contains(&reason) || reason.starts_with("IMAGE_") => {
            done(words, Finish::Refused)
        }
        // LANGUAGE, OTHER, and whatever comes next.
        Some(reason) => Ending::Photo(format!("the model stopped with {reason}")),
    }
}

/// What the model said, without what it thought.
fn words(candidate: &Value) -> String {
    let parts = candidate
        .pointer("/content/parts")
        .and_then(Value::as_array);
    parts
        .into_iter()
        .flatten()
        .filter(|part| part.get("thought") != Some(&Value::Bool(true)))
        .filter_map(|part| text(part, "/text"))
        .collect()
}

/// What it thought is paid for like what it said.
fn usage(body: &Value, spoke: bool) -> Option<Usage> {
    let said = "/usageMetadata/candidatesTokenCount";
    let thought = "/usageMetadata/thoughtsTokenCount";
    let input = tokens(body, &["/usageMetadata/promptTokenCount"]);
    let output = tokens(body, &[said, thought]);
    // A prompt that is blocked has no output, and what has none is left out here.
    let blocked = body.pointer("/candidates/0").is_none();
    let counted = !spoke || tokens(body, &[said]).is_some();
    used(input, output.filter(|_| counted).or(blocked.then_some(0)))
}

fn refused(who: &Who, status: u16, fault: &Fault, reply: &RawReply) -> Ending {
    let told = fault.tell(status);
    // A bad key is a 400 here; only the reason tells it from a bad request.
    let reason = detail(fault, "ErrorInfo").and_then(|info| text(info, "/reason"));
    if reason.is_some_and(|reason| reason.starts_with("API_KEY_"))
        || fault.says(&["api key not", "api key expired", "valid api key"])
    {
        return who.bad_key(&told);
    }
    if status == 429 {
        // The delay beside a daily quota is misleadingly short.
        return if daily(fault) {
            Ending::Quota(told)
        } else {
            let delay = detail(fault, "RetryInfo").and_then(|info| text(info, "/retryDelay"));
            let wait = delay.and_then(retry::unit_duration);
            Ending::RetryAfter(wait.or_else(|| wait::asked(reply)), told)
        };
    }
    if fault.is(&["FAILED_PRECONDITION"]) {
        return Ending::Settings(format!("{told}; check region and billing of the project"));
    }
    if status == 400 && fault.says(&["invalid json payload", "unknown name"]) {
        return who.bad_setting(&told);
    }
    who.by_status(status, fault, reply)
}

/// Whether a quota violation lasts until the next day, or for good.
fn daily(fault: &Fault) -> bool {
    let violations = detail(fault, "QuotaFailure")
        .and_then(|failure| failure.get("violations"))
        .and_then(Value::as_array);
    let lasting = |violation: &Value| {
        let id = text(violation, "/quotaId").unwrap_or_default();
        let value = violation.get("quotaValue");
        id.contains("PerDay") || value.is_some_and(|value| value == "0" || value == 0)
    };
    violations.into_iter().flatten().any(lasting)
        || fault.message.contains("limit: 0,")
        || fault.message.ends_with("limit: 0")
}

fn detail<'a>(fault: &'a Fault, kind: &str) -> Option<&'a Value> {
    fault
        .details
        .iter()
        .find(|detail| text(detail, "/@type").is_some_and(|name| name.ends_with(kind)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Provider;
    use crate::model::testing::{
        Class, JPEG_BASE64, class, done, entry, entry_with, long_talk, reply, talk,
    };
    use std::time::Duration;
    use url::Url;

    fn judged(status: u16, body: &str) -> Ending {
        judge(&Who::new(&entry(Provider::Gemini)), &reply(status, body))
    }

    #[test]
    fn a_request_is_as_small_as_possible() {
        let body = Shape::new(&entry(Provider::Gemini)).body(&talk());
        assert_eq!(
            body,
            json!({"systemInstruction": {"parts": [{"text": "Be brief."}]},
                "contents": [{"role": "user", "parts": [
                    {"inlineData": {"mimeType": "image/jpeg", "data": JPEG_BASE64}},
                    {"text": "Describe."}]}],
                "generationConfig": {"maxOutputTokens": 300}})
        );
    }

    #[test]
    fn settings_get_googles_names_and_places() {
        let mut entry = entry_with(
            Provider::Gemini,
            json!({"temperature": 1, "top_p": 0.9, "top_k": 40, "thinking_budget": 0,
                "stop": "\n", "response_mime_type": "text/plain", "seed": 3,
                "safety_settings": [], "num_ctx": 4096, "generationConfig": {"x": 1}}),
        );
        entry.image.detail = Some("medium".to_owned());
        let body = Shape::new(&entry).body(&long_talk());
        assert_eq!(
            body["generationConfig"],
            json!({"maxOutputTokens": 300, "mediaResolution": "MEDIA_RESOLUTION_MEDIUM",
                "x": 1, "responseMimeType": "text/plain", "seed": 3, "stopSequences": ["\n"],
                "temperature": 1, "thinkingConfig": {"thinkingBudget": 0}, "topK": 40,
                "topP": 0.9})
        );
        assert_eq!(body["safetySettings"], json!([]));
        assert_eq!(
            body["contents"][1],
            json!({"role": "model", "parts": [{"text": "A dog."}]})
        );
        entry
            .settings
            .insert("media_resolution".to_owned(), json!("MEDIA_RESOLUTION_LOW"));
        let body = Shape::new(&entry).body(&talk());
        assert_eq!(
            body["generationConfig"]["mediaResolution"],
            "MEDIA_RESOLUTION_LOW"
        );
    }

    #[test]
    fn the_address_names_the_model() {
        for base in ["https://h", "https://h/v1beta", "https://h/v1beta/models"] {
            let mut entry = entry(Provider::Gemini);
            entry.base_url = Some(Url::parse(base).unwrap());
            entry.model = "models/gemini-2.5-flash".to_owned();
            assert!(Gemini::new(&entry).is_ok());
        }
    }

    #[test]
    fn a_reply_is_read_without_its_thoughts_but_pays_for_them() {
        let ending = judged(
            200,
            r#"{"modelVersion":"M","candidates":[{"content":{"parts":[{"text":"Hm","thought":true},{"text":"A dog."}]},"finishReason":"STOP","avgLogprobs":-0.2}],
            "usageMetadata":{"promptTokenCount":300,"candidatesTokenCount":60,"thoughtsTokenCount":40,"totalTokenCount":400}}"#,
        );
        let usage = Usage {
            input: 300,
            output: 100,
        };
        assert_eq!(
            done(&ending),
            ("A dog.", Finish::Stop, Some(usage), Some("M"))
        );
        let wrapped = judged(
            200,
            r#"[{"candidates":[{"content":{"parts":[{"text":"A"}]}}]}]"#,
        );
        assert_eq!(done(&wrapped).0, "A");
    }

    #[test]
    fn every_finish_reason_has_its_meaning() {
        for (reason, finish) in [
            ("SAFETY", Finish::Refused),
            ("RECITATION", Finish::Refused),
            ("BLOCKLIST", Finish::Refused),
            ("PROHIBITED_CONTENT", Finish::Refused),
            ("SPII", Finish::Refused),
            ("IMAGE_SAFETY", Finish::Refused),
            ("MAX_TOKENS", Finish::Length),
        ] {
            let body = format!(r#"{{"candidates":[{{"finishReason":"{reason}"}}]}}"#);
            assert_eq!(
                done(&judged(200, &body)),
                ("", finish, None, None),
                "{reason}"
            );
        }
        for reason in ["OTHER", "LANGUAGE", "SOMETHING_NEW"] {
            let body = format!(r#"{{"candidates":[{{"finishReason":"{reason}"}}]}}"#);
            assert_eq!(class(&judged(200, &body)), Class::Photo, "{reason}");
        }
        let blocked =
            r#"{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":9}}"#;
        let usage = Usage {
            input: 9,
            output: 0,
        };
        assert_eq!(
            done(&judged(200, blocked)),
            ("", Finish::Refused, Some(usage), None)
        );
        assert_eq!(class(&judged(200, r#"{"usageMetadata":{}}"#)), Class::Photo);
    }

    #[test]
    fn every_error_row_of_gemini_has_its_class() {
        use Class::{Outage, Photo, Quota, Retry, Settings};
        let error = |code: u16, status: &str, message: &str, details: Value| json!({"error": {"code": code, "message": message, "status": status, "details": details}});
        let key = json!([{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}]);
        let quota = |id: &str, value: &str| {
            json!([
                {"@type": "type.googleapis.com/google.rpc.QuotaFailure",
                    "violations": [{"quotaId": id, "quotaValue": value}]},
                {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "22s"}])
        };
        for (status, body, expected) in [
            (
                400,
                error(
                    400,
                    "INVALID_ARGUMENT",
                    "API key not valid. Please pass a valid API key.",
                    key.clone(),
                ),
                Settings,
            ),
            (400, error(400, "INVALID_ARGUMENT", "odd", key), Settings),
            (
                403,
                error(403, "PERMISSION_DENIED", "no", json!([])),
                Settings,
            ),
            (
                404,
                error(404, "NOT_FOUND", "models/x is not found", json!([])),
                Settings,
            ),
            (
                400,
                error(
                    400,
                    "FAILED_PRECONDITION",
                    "User location is not supported",
                    json!([]),
                ),
                Settings,
            ),
            (
                429,
                error(
                    429,
                    "RESOURCE_EXHAUSTED",
                    "m",
                    quota("GenerateRequestsPerMinutePerProject", "15"),
                ),
                Retry,
            ),
            (
                429,
                error(
                    429,
                    "RESOURCE_EXHAUSTED",
                    "m",
                    quota("GenerateRequestsPerDayPerProject", "50"),
                ),
                Quota,
            ),
            (
                429,
                error(
                    429,
                    "RESOURCE_EXHAUSTED",
                    "m",
                    quota("GenerateRequestsPerMinutePerProject", "0"),
                ),
                Quota,
            ),
            (
                429,
                error(
                    429,
                    "RESOURCE_EXHAUSTED",
                    "Quota exceeded, limit: 0",
                    json!([]),
                ),
                Quota,
            ),
            (429, error(429, "RESOURCE_EXHAUSTED", "m", json!([])), Retry),
            (
                400,
                error(
                    400,
                    "INVALID_ARGUMENT",
                    "Unable to process input image.",
                    json!([]),
                ),
                Photo,
            ),
            (
                400,
                error(
                    400,
                    "INVALID_ARGUMENT",
                    "Invalid JSON payload received. Unknown name \"minP\"",
                    json!([]),
                ),
                Settings,
            ),
            (
                400,
                error(
                    400,
                    "INVALID_ARGUMENT",
                    "Request contains an invalid argument.",
                    json!([]),
                ),
                Photo,
            ),
            (408, json!({}), Outage),
            (500, error(500, "INTERNAL", "m", json!([])), Outage),
            (502, json!({}), Outage),
            (
                503,
                error(503, "UNAVAILABLE", "The model is overloaded.", json!([])),
                Outage,
            ),
            (504, error(504, "DEADLINE_EXCEEDED", "m", json!([])), Outage),
        ] {
            assert_eq!(
                class(&judged(status, &body.to_string())),
                expected,
                "{status} {body}"
            );
            let wrapped = json!([body]).to_string();
            assert_eq!(
                class(&judged(status, &wrapped)),
                expected,
                "{status} {wrapped}"
            );
        }
    }

    #[test]
    fn the_wait_is_in_the_body() {
        let body = r#"{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED","details":[
            {"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"22.5s"}]}}"#;
        let wait = Some(Duration::from_millis(22_500));
        let told = "HTTP 429 (RESOURCE_EXHAUSTED): m".to_owned();
        assert_eq!(judged(429, body), Ending::RetryAfter(wait, told));
    }
}

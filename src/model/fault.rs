//! What a service says went wrong, read out of any of the shapes in which
//! services say it: an object, a string, a list of details, flat fields, a web
//! page, plain text, or nothing.

use crate::archive::RawReply;
use serde_json::Value;

/// How much of a service's own words goes into a message.
const LONGEST_MESSAGE: usize = 300;

/// An error as a service described it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Fault {
    /// The error code, a number as its digits.
    pub(super) code: Option<String>,
    /// The kind of error: `type`, or Google's `status`.
    pub(super) kind: Option<String>,
    /// The request field that is to blame.
    pub(super) param: Option<String>,
    /// The explanation on one line, shortened; may be empty.
    pub(super) message: String,
    /// The HTTP status that the body names, where it does.
    pub(super) status: Option<u16>,
    /// Google's typed details.
    pub(super) details: Vec<Value>,
    /// Whether the body is a web page, so that no model wrote it.
    pub(super) page: bool,
    /// Whether the body was JSON with an error in a known shape.
    pub(super) structured: bool,
    /// Whether it stands in a reply that claims success.
    pub(super) within: bool,
}

impl Fault {
    /// Reads the body of a reply that is no success.
    pub(super) fn read(body: &str) -> Self {
        let body = body.trim_start_matches('\u{feff}').trim();
        if let Ok(value) = serde_json::from_str::<Value>(body) {
            return Self::described(&value).unwrap_or_else(|| Self {
                message: one_line(body),
                ..Self::default()
            });
        }
        if is_page(body) {
            return Self {
                message: page_text(body),
                page: true,
                ..Self::default()
            };
        }
        Self {
            message: one_line(body),
            ..Self::default()
        }
    }

    /// The error inside a reply that claims success (OpenRouter and Ollama put
    /// errors there once they have started to answer).
    pub(super) fn inside(value: &Value) -> Option<Self> {
        let says_error = ["object", "type"]
            .iter()
            .any(|key| value.get(key).and_then(Value::as_str) == Some("error"));
        let alone = value.as_object().is_some_and(|fields| fields.len() == 1);
        let none = match value.get("error") {
            None | Some(Value::Null | Value::Bool(false)) => true,
            // Beside a text an empty error is none; alone it is all there is.
            Some(error) => !alone && is_empty(error),
        };
        if none && !says_error {
            return None;
        }
        Self::described(value).map(|fault| Self {
            within: true,
            ..fault
        })
    }

    fn described(value: &Value) -> Option<Self> {
        if let Some(first) = value.as_array().and_then(|list| list.first()) {
            return Self::described(first);
        }
        let object = value.as_object()?;
        match object.get("error") {
            Some(Value::String(text)) => {
                let mut fault = Self::from_fields(value);
                let more = std::mem::take(&mut fault.message);
                fault.message = one_line(text);
                if !more.is_empty() && more != fault.message {
                    fault.message = one_line(&format!("{text}: {more}"));
                }
                return Some(fault);
            }
            Some(inner @ Value::Object(_)) => return Some(Self::from_fields(inner)),
            _ => {}
        }
        if let Some(first) = object.get("errors").and_then(|errors| errors.get(0)) {
            return Self::described(first).or_else(|| {
                first.as_str().map(|text| Self {
                    message: one_line(text),
                    structured: true,
                    ..Self::default()
                })
            });
        }
        if let Some(detail) = object.get("detail") {
            return Some(Self::from_detail(detail));
        }
        let flat = ["message", "msg", "error_description"];
        flat.iter()
            .any(|key| object.contains_key(*key))
            .then(|| Self::from_fields(value))
    }

    fn from_fields(fields: &Value) -> Self {
        let text = |key: &str| match fields.get(key) {
            Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
            Some(Value::Number(number)) => Some(number.to_string()),
            _ => None,
        };
        let mut fault = match fields.get("message") {
            // Mistral has nested its details below `message`.
            Some(inner @ Value::Object(_)) => Self::described(inner).unwrap_or_default(),
            _ => Self::default(),
        };
        if fault.message.is_empty() {
            let message = text("message").or_else(|| text("msg"));
            fault.message = one_line(&message.unwrap_or_default());
        }
        // OpenRouter keeps the words of the provider behind it there.
        let raw = fields.pointer("/metadata/raw").and_then(Value::as_str);
        if let Some(raw) = raw.filter(|raw| !raw.trim().is_empty()) {
            fault.message = one_line(&format!("{}: {raw}", fault.message));
        }
        fault.code = text("code");
        fault.kind = text("type").or_else(|| text("status"));
        fault.param = text("param").or(fault.param);
        fault.status = ["code", "status", "statusCode"]
            .iter()
            .filter_map(|key| fields.get(*key))
            .find_map(http_status);
        fault.details = fields
            .get("details")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        fault.structured = true;
        fault
    }

    /// FastAPI's `detail`: a text, an object, or a list with one entry per
    /// wrong field.
    fn from_detail(detail: &Value) -> Self {
        if let Some(text) = detail.as_str() {
            return Self {
                message: one_line(text),
                structured: true,
                ..Self::default()
            };
        }
        let Some(list) = detail.as_array() else {
            return Self::from_fields(detail);
        };
        let place = |entry: &Value| {
            let path = entry.get("loc")?.as_array()?.iter();
            let path = path.filter(|part| part.as_str() != Some("body"));
            let path: Vec<_> = path
                .map(|part| {
                    part.as_str()
                        .map_or_else(|| part.to_string(), str::to_owned)
                })
                .collect();
            Some(path.join("."))
        };
        let told: Vec<_> = list
            .iter()
            .map(|entry| {
                let said = entry.get("msg").and_then(Value::as_str);
                let said = said.or(entry.as_str()).unwrap_or("not accepted");
                match place(entry) {
                    Some(place) if !place.is_empty() => format!("{place}: {said}"),
                    _ => said.to_owned(),
                }
            })
            .collect();
        let first = list.first();
        let kind = first.and_then(|entry| entry.get("type"));
        Self {
            kind: kind.and_then(Value::as_str).map(str::to_owned),
            param: first.and_then(place).filter(|place| !place.is_empty()),
            message: one_line(&told.join("; ")),
            structured: true,
            ..Self::default()
        }
    }

    /// Whether code or kind is one of these names.
    pub(super) fn is(&self, names: &[&str]) -> bool {
        [&self.code, &self.kind]
            .into_iter()
            .flatten()
            .any(|own| names.iter().any(|name| own.eq_ignore_ascii_case(name)))
    }

    /// Whether the message contains one of these texts, given in lower case.
    pub(super) fn says(&self, texts: &[&str]) -> bool {
        let message = self.message.to_lowercase();
        texts.iter().any(|text| message.contains(text))
    }

    /// One line for people: the status, the code, the service's own words.
    pub(super) fn tell(&self, status: u16) -> String {
        let code = self
            .code
            .as_deref()
            .filter(|code| *code != status.to_string())
            .or(self.kind.as_deref());
        let code = code.map(|code| format!(" ({code})")).unwrap_or_default();
        let page = if self.page { ", a web page" } else { "" };
        let words = self.message.trim_end_matches('.');
        let colon = if words.is_empty() { "" } else { ": " };
        if self.within && self.status.is_none() {
            return format!("an error in place of a reply{code}{colon}{words}");
        }
        format!("HTTP {status}{code}{page}{colon}{words}")
    }
}

fn is_empty(error: &Value) -> bool {
    match error {
        Value::String(text) => text.trim().is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

fn http_status(value: &Value) -> Option<u16> {
    let number = match value {
        Value::Number(number) => number.as_u64()?,
        Value::String(text) => text.parse().ok()?,
        _ => return None,
    };
    u16::try_from(number)
        .ok()
        .filter(|status| (400..600).contains(status))
}

/// What a reply says whose body is a web page, and no error of an API.
pub fn page(reply: &RawReply) -> Option<String> {
    let fault = Fault::read(&reply.body);
    fault.page.then(|| fault.tell(reply.status))
}

/// Whether a body is HTML (or XML), whatever its content type claims.
pub(super) fn is_page(body: &str) -> bool {
    body.trim_start_matches('\u{feff}')
        .trim_start()
        .starts_with('<')
}

fn page_text(body: &str) -> String {
    let lower = body.to_ascii_lowercase();
    for tag in ["title", "h1"] {
        let found = lower.find(&format!("<{tag}")).and_then(|start| {
            let start = start + body[start..].find('>')? + 1;
            let end = start + lower[start..].find(&format!("</{tag}"))?;
            Some(one_line(&body[start..end]))
        });
        if let Some(text) = found.filter(|text| !text.is_empty()) {
            return text;
        }
    }
    String::new()
}

/// Collapses white space and control characters and cuts what is too long.
pub(super) fn one_line(text: &str) -> String {
    let mut line = String::new();
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    for word in words.filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        // Enough to know that it is too long, without copying all of it.
        if line.len() > 8 * LONGEST_MESSAGE {
            break;
        }
    }
    if let Some((cut, _)) = line.char_indices().nth(LONGEST_MESSAGE) {
        line.truncate(cut);
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_of_an_error_body_is_read() {
        let cases: [(&str, Option<&str>, Option<&str>, &str); 19] = [
            (
                r#"{"error":{"message":"Bad","type":"invalid_request_error","param":null,"code":"unsupported_value"}}"#,
                Some("unsupported_value"),
                Some("invalid_request_error"),
                "Bad",
            ),
            (
                r#"{"error":"model 'x' not found"}"#,
                None,
                None,
                "model 'x' not found",
            ),
            (
                r#"{"error":"unauthorized","signin_url":"https://a.example/?key=1"}"#,
                None,
                None,
                "unauthorized",
            ),
            (
                r#"{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}"#,
                Some("503"),
                Some("unavailable_error"),
                "Loading model",
            ),
            (
                r#"[{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT"}}]"#,
                Some("400"),
                Some("INVALID_ARGUMENT"),
                "API key not valid.",
            ),
            (
                r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"r"}"#,
                None,
                Some("overloaded_error"),
                "Overloaded",
            ),
            (
                r#"{"detail":[{"loc":["body","top_k"],"msg":"Extra inputs are not permitted","type":"extra_forbidden"}]}"#,
                None,
                Some("extra_forbidden"),
                "top_k: Extra inputs are not permitted",
            ),
            (r#"{"detail":"Not Found"}"#, None, None, "Not Found"),
            (
                r#"{"object":"error","message":"Rate limited","type":"rate_limited","code":"1300"}"#,
                Some("1300"),
                Some("rate_limited"),
                "Rate limited",
            ),
            (
                r#"{"object":"error","message":{"detail":[{"loc":["body","seed"],"msg":"no"}]},"type":"invalid_request_error"}"#,
                None,
                Some("invalid_request_error"),
                "seed: no",
            ),
            (
                r#"{"error":{"code":429,"message":"Provider returned error","metadata":{"raw":"slow\ndown"}}}"#,
                Some("429"),
                None,
                "Provider returned error: slow down",
            ),
            (r#"{"error":{"message":null,"code":null}}"#, None, None, ""),
            (r#"{"error":true,"message":"broken"}"#, None, None, "broken"),
            (
                r#"{"errors":[{"message":"first","code":7}]}"#,
                Some("7"),
                None,
                "first",
            ),
            (
                "<!DOCTYPE html><html><head><title>\n 502 Bad Gateway </title></head></html>",
                None,
                None,
                "502 Bad Gateway",
            ),
            (
                "upstream connect\nerror",
                None,
                None,
                "upstream connect error",
            ),
            ("", None, None, ""),
            (r#"{"error":{"mess"#, None, None, r#"{"error":{"mess"#),
            ("[]", None, None, "[]"),
        ];
        for (body, code, kind, message) in cases {
            let fault = Fault::read(body);
            assert_eq!(fault.code.as_deref(), code, "{body}");
            assert_eq!(fault.kind.as_deref(), kind, "{body}");
            assert_eq!(fault.message, message, "{body}");
        }
        assert!(Fault::read("  <html>").page);
        assert_eq!(Fault::read(r#"{"error":{"code":502}}"#).status, Some(502));
        assert_eq!(Fault::read(r#"{"error":{"code":"1300"}}"#).status, None);
    }

    #[test]
    fn a_success_is_not_mistaken_for_an_error() {
        for body in [
            r#"{"message":{"role":"assistant","content":"A dog."},"done":true}"#,
            r#"{"error":null,"choices":[]}"#,
            r#"{"type":"message","content":[]}"#,
        ] {
            let value = serde_json::from_str(body).unwrap();
            assert_eq!(Fault::inside(&value), None, "{body}");
        }
        let value = serde_json::json!({"error": {"code": 502, "message": "m"}});
        assert_eq!(Fault::inside(&value).unwrap().status, Some(502));
    }

    #[test]
    fn an_empty_error_is_none_and_one_under_a_success_is_told_without_a_status() {
        for error in [
            serde_json::json!(""),
            serde_json::json!({}),
            serde_json::json!([]),
            serde_json::json!(null),
            serde_json::json!(false),
        ] {
            let value = serde_json::json!({"error": error, "choices": [{}]});
            assert_eq!(Fault::inside(&value), None, "{value}");
        }
        let fault = Fault::inside(&serde_json::json!({"error": {"message": "odd"}})).unwrap();
        assert_eq!(fault.tell(500), "an error in place of a reply: odd");
    }

    #[test]
    fn long_and_wild_messages_become_one_short_line() {
        let wild = format!("a\u{1b}[31m\r\n\tb {}", "x".repeat(10_000));
        let fault = Fault::read(&wild);
        assert!(
            fault.message.starts_with("a [31m b xxx"),
            "{}",
            fault.message
        );
        assert_eq!(fault.message.chars().count(), LONGEST_MESSAGE + 1);
    }

    #[test]
    fn a_fault_is_told_with_status_and_code() {
        let fault = Fault::read(r#"{"error":{"message":"Slow.","code":"rate_limit_exceeded"}}"#);
        assert_eq!(fault.tell(429), "HTTP 429 (rate_limit_exceeded): Slow");
        let fault = Fault::read(r#"{"error":{"message":"m","code":503}}"#);
        assert_eq!(fault.tell(503), "HTTP 503: m");
        assert_eq!(Fault::read("<p>").tell(502), "HTTP 502, a web page");
    }
}

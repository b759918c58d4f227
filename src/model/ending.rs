//! What an unsuccessful reply means, as far as all providers agree; each wire
//! format looks for its own codes first and leaves the rest to this.
//!
//! The classes are those of [`Ending`]. Two decisions hold everywhere:
//!
//! - A web page or an empty body under a success status comes from something
//!   between us and the model, never from the photo: an outage. JSON that is
//!   broken or has nothing of a reply in it may well be this photo's fault (a
//!   server that dies over it), so it is the photo's; when it happens to several
//!   photos in a row, the caption stage's breaker finds out who is to blame.
//! - An unknown 4xx is the photo's for the same reason; an unknown 5xx is an
//!   outage. Nothing unknown ever stops a run.

use super::fault::{Fault, is_page};
use super::wait;
use crate::archive::{Ending, RawReply, Usage};
use crate::config::{ModelEntry, Provider};
use serde_json::Value;

/// Phrases with which servers say that a model has no eyes.
const BLIND: &[&str] = &[
    "image input is not supported",
    "mmproj",
    "not support image",
    "n't support image",
    "support image input",
    "required for image input",
    "not a multimodal model",
    "not support vision",
    "not support multimodal",
    "at most 0 image",
    "image_url is only supported",
    "unknown variant `image_url`",
];

/// Phrases with which servers say that prompt and image are too long together.
const TOO_LONG: &[&str] = &[
    "context length",
    "context size",
    "context window",
    "maximum context",
    "prompt is too long",
    "too many tokens",
];

/// Words that only an error about the picture contains.
const PICTURE: &[&str] = &["image", "base64", "media_type", "media type", "picture"];

/// Whom a reply came from, as far as a message to a person needs it.
#[derive(Clone, Debug)]
pub(super) struct Who {
    entry: String,
    model: String,
    key: Option<String>,
    settings: Vec<String>,
    ollama: bool,
}

impl Who {
    pub(super) fn new(entry: &ModelEntry) -> Self {
        Self {
            entry: entry.name.as_str().to_owned(),
            model: entry.model.clone(),
            key: entry.key_place(),
            settings: entry.settings.keys().cloned().collect(),
            ollama: entry.provider == Provider::Ollama,
        }
    }

    /// The provider's id of the model.
    pub(super) fn model(&self) -> &str {
        &self.model
    }

    /// The key is missing, wrong, or not allowed to do this.
    pub(super) fn bad_key(&self, told: &str) -> Ending {
        Ending::Settings(match &self.key {
            Some(variable) => {
                format!("{told}; check the key in {variable} and what it is allowed to use")
            }
            None if self.ollama => format!("{told}; run `ollama signin`, or choose a local model"),
            None => format!(
                "{told}; set `api_key_env` of `{}` to the variable that holds the key",
                self.entry
            ),
        })
    }

    /// The service does not know the model.
    pub(super) fn unknown_model(&self, told: &str, fault: &Fault) -> Ending {
        let pull = self.ollama || fault.says(&["try pulling", "ollama pull"]);
        Ending::Settings(if pull {
            format!("{told}; run `ollama pull {}`", self.model)
        } else {
            format!("{told}; check `model` of `{}`", self.entry)
        })
    }

    /// Something answers, but not the API.
    pub(super) fn wrong_address(&self, told: &str) -> Ending {
        Ending::Settings(format!("{told}; check `base_url` of `{}`", self.entry))
    }

    /// The service refuses a setting.
    pub(super) fn bad_setting(&self, told: &str) -> Ending {
        Ending::Settings(format!(
            "{told}; change it in `settings` of `{}`, or list it under `omit`",
            self.entry
        ))
    }

    /// The model can't see.
    pub(super) fn blind(&self, told: &str) -> Ending {
        Ending::Settings(format!(
            "{told}; `{}` can't see images here: choose a vision model (or give the server its \
             image projector)",
            self.model
        ))
    }

    /// Prompt and image are more than the model takes at once.
    pub(super) fn too_long(told: &str) -> Ending {
        Ending::Photo(format!(
            "{told}; a smaller image or a larger context (`num_ctx`) may help"
        ))
    }

    /// The ending that the wording alone gives away, whatever the provider:
    /// `None` where it gives nothing away.
    pub(super) fn by_words(&self, status: u16, fault: &Fault) -> Option<Ending> {
        if !matches!(status, 400 | 404 | 413 | 415 | 422 | 500 | 501) {
            return None;
        }
        let told = fault.tell(status);
        if fault.says(BLIND) && !fault.says(&["image format", "image media"]) {
            return Some(self.blind(&told));
        }
        if status == 404 {
            return None;
        }
        if fault.says(TOO_LONG) {
            return Some(Self::too_long(&told));
        }
        if fault.says(PICTURE) {
            return Some(Ending::Photo(told));
        }
        if matches!(status, 400 | 422) && self.names_setting(fault) {
            return Some(self.bad_setting(&told));
        }
        None
    }

    /// Whether the message speaks of a setting that the entry sends. Settings
    /// with ordinary words as names (`seed`, `stop`) would be found everywhere
    /// and don't count.
    fn names_setting(&self, fault: &Fault) -> bool {
        let unmistakable = |name: &&String| name.contains('_') || name.len() >= 8;
        let own = self.settings.iter().filter(unmistakable);
        let always = ["max_tokens", "max_completion_tokens"];
        own.map(String::as_str)
            .chain(always)
            .any(|name| fault.says(&[&name.to_lowercase()]))
    }

    /// What the status means where nothing more precise is known.
    pub(super) fn by_status(&self, status: u16, fault: &Fault, reply: &RawReply) -> Ending {
        if let Some(ending) = self.by_words(status, fault) {
            return ending;
        }
        let told = fault.tell(status);
        let retry = reply.header("x-should-retry").map(str::trim);
        match status {
            301 | 308 => self.wrong_address(&format!("HTTP {status}: the API has moved")),
            401 | 403 | 407 => self.bad_key(&told),
            402 => Ending::Quota(told),
            404 | 405 | 410 if fault.structured => self.unknown_model(&told, fault),
            404 | 405 | 410 => self.wrong_address(&told),
            429 => match wait::asked(reply) {
                // The service itself says that waiting won't help.
                None if retry == Some("false") => Ending::Quota(told),
                wait => Ending::RetryAfter(wait, told),
            },
            408 | 409 | 425 => Ending::Outage(told),
            400..=499 if retry == Some("true") => Ending::Outage(told),
            400..=499 => Ending::Photo(told),
            500..=599 if retry == Some("false") => Ending::Photo(told),
            _ => Ending::Outage(told),
        }
    }

    /// A success status with a body that is no reply in this wire format.
    pub(super) fn unreadable(&self, body: &str) -> Ending {
        let body = body.trim_start_matches('\u{feff}').trim_start();
        if body.is_empty() {
            Ending::Outage("an empty reply".to_owned())
        } else if is_page(body) {
            Ending::Outage(format!(
                "a web page instead of a reply; is `base_url` of `{}` right?",
                self.entry
            ))
        } else if serde_json::from_str::<serde::de::IgnoredAny>(body).is_err()
            && body.starts_with(['{', '['])
        {
            Ending::Outage("a reply that is cut off".to_owned())
        } else if body.starts_with(['{', '[']) {
            Ending::Photo("a reply without content".to_owned())
        } else {
            Ending::Outage(format!("no JSON: {}", super::fault::one_line(body)))
        }
    }
}

/// The body of a success as JSON; a one-element array counts as its element.
pub(super) fn json(body: &str) -> Option<Value> {
    let value: Value = serde_json::from_str(body.trim_start_matches('\u{feff}')).ok()?;
    match value {
        Value::Array(mut list) if list.len() == 1 => list.pop(),
        other => Some(other),
    }
}

/// More tokens than one picture and its text can have: who names more has not
/// counted.
const MOST_TOKENS: u64 = 100_000_000;

/// Tokens that a reply counts, in one or several fields. `None` where all of
/// them are missing, or one of them can't be a count.
pub(super) fn tokens(value: &Value, pointers: &[&str]) -> Option<u64> {
    let fields = pointers.iter().filter_map(|pointer| value.pointer(pointer));
    let mut sum = None;
    for field in fields.filter(|field| !field.is_null()) {
        let count = field.as_u64().filter(|count| *count <= MOST_TOKENS)?;
        sum = Some(count + sum.unwrap_or(0));
    }
    sum.filter(|sum| *sum <= MOST_TOKENS)
}

/// What a reply says that it used. Who counts one half only has not counted.
pub(super) fn used(input: Option<u64>, output: Option<u64>) -> Option<Usage> {
    Some(Usage {
        input: input?,
        output: output?,
    })
}

/// A text somewhere in a reply, unless it is empty.
pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{Class, class, entry, entry_with, reply, reply_with};
    use serde_json::json;

    fn judge(status: u16, body: &str) -> Ending {
        let reply = reply(status, body);
        let sampling = json!({"temperature": 0, "top_p": 1, "stop": "\n", "seed": 1});
        Who::new(&entry_with(Provider::OpenAi, sampling)).by_status(
            status,
            &Fault::read(body),
            &reply,
        )
    }

    #[test]
    fn every_status_has_its_class() {
        use Class::{Outage, Photo, Quota, Retry, Settings};
        for (status, expected) in [
            (301, Settings),
            (302, Outage),
            (307, Outage),
            (308, Settings),
            (400, Photo),
            (401, Settings),
            (402, Quota),
            (403, Settings),
            (404, Settings),
            (405, Settings),
            (407, Settings),
            (408, Outage),
            (409, Outage),
            (413, Photo),
            (415, Photo),
            (418, Photo),
            (422, Photo),
            (425, Outage),
            (429, Retry),
            (451, Photo),
            (500, Outage),
            (502, Outage),
            (503, Outage),
            (504, Outage),
            (522, Outage),
            (529, Outage),
        ] {
            for body in [
                "",
                "<html><title>Oops</title>",
                "plain",
                r#"{"error":"text"}"#,
            ] {
                assert_eq!(class(&judge(status, body)), expected, "{status} {body}");
            }
        }
    }

    #[test]
    fn words_decide_where_the_status_is_vague() {
        use Class::{Outage, Photo, Settings};
        for (status, message, expected) in [
            (
                500,
                "image input is not supported - hint: you may need to provide the mmproj",
                Settings,
            ),
            (
                400,
                "Model does not support images. Please use a model that does.",
                Settings,
            ),
            (404, "No endpoints found that support image input", Settings),
            (
                400,
                "At most 0 image(s) may be provided in one request.",
                Settings,
            ),
            (500, "failed to decode WebP image", Photo),
            (500, "Failed to load image or audio file", Photo),
            (400, "invalid base64", Photo),
            (400, "unsupported image format: webp", Photo),
            (400, "the request exceeds the available context size", Photo),
            (400, "temperature: Extra inputs are not permitted", Settings),
            (400, "top_p is not allowed", Settings),
            (400, "max_tokens is too large: 100000", Settings),
            (400, "something else", Photo),
            (500, "something else", Outage),
            // No photo error is mistaken for a setting because of a short name.
            (400, "please stop and seed again", Photo),
        ] {
            let body = json!({ "error": message }).to_string();
            assert_eq!(class(&judge(status, &body)), expected, "{status} {message}");
        }
    }

    #[test]
    fn messages_say_what_to_do() {
        let said = |ending: &Ending| format!("{ending:?}");
        let key = said(&judge(401, r#"{"error":{"message":"Invalid key"}}"#));
        assert!(key.contains("TEST_KEY"), "{key}");
        let moved = said(&judge(301, ""));
        assert!(moved.contains("base_url"), "{moved}");
        let pull = said(&judge(
            404,
            r#"{"error":{"message":"model \"m\" not found, try pulling it first"}}"#,
        ));
        assert!(pull.contains("`ollama pull test-model`"), "{pull}");
    }

    #[test]
    fn should_retry_decides_where_the_status_leaves_it_open() {
        use Class::{Outage, Photo, Quota, Retry};
        let who = Who::new(&entry(Provider::Anthropic));
        for (status, headers, expected) in [
            (429, vec![("x-should-retry", "false")], Quota),
            (
                429,
                vec![("x-should-retry", "false"), ("retry-after", "9")],
                Retry,
            ),
            (500, vec![("x-should-retry", "false")], Photo),
            (400, vec![("x-should-retry", "true")], Outage),
            (500, vec![("x-should-retry", "true")], Outage),
        ] {
            let reply = reply_with(status, &headers, "{}");
            let ending = who.by_status(status, &Fault::read("{}"), &reply);
            assert_eq!(class(&ending), expected, "{status} {headers:?}");
        }
    }

    #[test]
    fn only_counts_that_can_be_true_count() {
        for (fields, expected) in [
            (json!({"a": 3, "b": 4}), Some(7)),
            (json!({"a": 3, "b": null}), Some(3)),
            (json!({"b": 4}), Some(4)),
            (json!({"a": 100_000_000}), Some(100_000_000)),
            (json!({"a": 0}), Some(0)),
            (json!({}), None),
            (json!({"a": null}), None),
            (json!({"a": 100_000_001}), None),
            (json!({"a": 60_000_000, "b": 60_000_000}), None),
            (json!({"a": u64::MAX, "b": u64::MAX}), None),
            (json!({"a": 9.3e18}), None),
            (json!({"a": 3, "b": "4"}), None),
            (json!({"a": -3}), None),
        ] {
            assert_eq!(tokens(&fields, &["/a", "/b"]), expected, "{fields}");
        }
        assert_eq!(used(Some(1), None), None);
        assert_eq!(used(None, Some(1)), None);
    }

    #[test]
    fn a_success_that_is_no_reply_is_an_outage_unless_it_is_json_without_content() {
        use Class::{Outage, Photo};
        let who = Who::new(&entry(Provider::OpenAi));
        for (body, expected) in [
            ("", Outage),
            ("  \n", Outage),
            ("\u{feff}<!DOCTYPE html><p>", Outage),
            ("upstream connect error", Outage),
            (r#"{"choices":[{"mess"#, Outage),
            ("{}", Photo),
        ] {
            assert_eq!(class(&who.unreadable(body)), expected, "{body}");
        }
    }
}

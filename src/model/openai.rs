//! Chat completions: OpenAI, and everything that speaks like it (Mistral,
//! OpenRouter, vLLM, llama.cpp, LM Studio, Ollama's `/v1`).
//!
//! Only OpenAI itself knows the output cap as `max_completion_tokens`; the
//! others want `max_tokens`, and some ignore the newer name silently. `omit:
//! [max_tokens]` (or the other) swaps the two, and naming both sends no cap.

use super::chat::{address, data_url};
use super::ending::{Who, json as parse, text, tokens, used};
use super::fault::Fault;
use super::http::{Endpoint, KeyStyle};
use super::tokens::Estimator;
use super::{Conversation, Model, ModelError, Part, Role, Turn, settings, wait};
use crate::archive::{Ending, Finish, RawReply, Reply, Unanswered, Usage};
use crate::config::{Dialect, ModelEntry};
use async_trait::async_trait;
use serde_json::{Map, Value, json};
use url::Url;

/// Codes for money and spending limits. They come with status 429 as well, and
/// in `type` as well as in `code` (OpenAI's error-codes guide).
const OUT_OF_MONEY: &[&str] = &[
    "insufficient_quota",
    "credit_balance_exhausted",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
    "organization_usage_limit_exceeded",
    "billing_hard_limit_reached",
    "billing_not_active",
];

/// Codes that blame the picture (OpenAI's API specification).
const BAD_PICTURE: &[&str] = &[
    "invalid_image",
    "invalid_image_format",
    "invalid_image_url",
    "invalid_image_mode",
    "image_too_large",
    "image_too_small",
    "image_parse_error",
    "image_file_too_large",
    "image_file_not_found",
    "failed_to_download_image",
    "unsupported_image_media_type",
    "invalid_base64_image",
    "empty_image_file",
    "image_content_policy_violation",
    "content_policy_violation",
];

/// Codes that say that prompt and image are too long together (OpenAI's and
/// llama.cpp's).
const TOO_LONG: &[&str] = &["context_length_exceeded", "exceed_context_size_error"];

/// Codes that blame a setting.
const BAD_SETTING: &[&str] = &[
    "unsupported_value",
    "unsupported_parameter",
    "unknown_parameter",
    "invalid_json_schema",
    "extra_forbidden",
];

/// A model behind chat completions.
pub(super) struct OpenAi {
    endpoint: Endpoint,
    shape: Shape,
    estimator: Estimator,
    judge: Judge,
}

/// What of a request the conversation does not change.
struct Shape {
    model: String,
    dialect: Dialect,
    detail: Option<String>,
    /// What the cap on output is called, where one is sent.
    cap: Option<&'static str>,
    beside: Map<String, Value>,
}

struct Judge {
    who: Who,
    dialect: Dialect,
}

impl OpenAi {
    pub(super) fn new(entry: &ModelEntry) -> Result<Self, ModelError> {
        let home = match entry.dialect {
            Dialect::OpenAi => "https://api.openai.com/v1",
            Dialect::Mistral => "https://api.mistral.ai/v1",
            Dialect::OpenRouter => "https://openrouter.ai/api/v1",
            Dialect::Compatible => "",
        };
        let url = address(entry, home, &["chat", "completions"])?;
        let mut endpoint = Endpoint::new(entry, url, KeyStyle::Bearer)?;
        if entry.dialect == Dialect::Compatible {
            endpoint = endpoint.hint(how_to_start(entry));
        }
        Ok(Self {
            endpoint,
            shape: Shape::new(entry),
            estimator: Estimator::new(entry),
            judge: Judge::new(entry),
        })
    }
}

#[async_trait]
impl Model for OpenAi {
    async fn send(&self, conversation: &Conversation) -> Result<RawReply, Unanswered> {
        self.endpoint.post(&self.shape.body(conversation)).await
    }

    fn judge(&self, reply: &RawReply) -> Ending {
        self.judge.judge(reply)
    }

    fn estimate(&self, conversation: &Conversation) -> Usage {
        self.estimator.estimate(conversation)
    }
}

impl Shape {
    fn new(entry: &ModelEntry) -> Self {
        let mut beside = Map::new();
        let names = ["max_tokens", "max_completion_tokens"];
        let first = usize::from(entry.dialect == Dialect::OpenAi);
        let cap = [names[first], names[1 - first]]
            .into_iter()
            .find(|name| !entry.omit.contains(*name));
        if let Some(name) = cap {
            beside.insert(name.to_owned(), settings::output_cap(entry).into());
        }
        for (name, value) in settings::sent(entry) {
            let name = match (entry.dialect, name) {
                (Dialect::Mistral, "seed") => "random_seed",
                (Dialect::OpenAi, "random_seed") => "seed",
                (_, "stop_sequences") => "stop",
                (_, name) => name,
            };
            beside.insert(name.to_owned(), value.clone());
        }
        Self {
            model: entry.model.clone(),
            dialect: entry.dialect,
            detail: entry.image.detail.clone(),
            cap,
            beside,
        }
    }

    fn body(&self, conversation: &Conversation) -> Value {
        let system = conversation.system.iter();
        let mut messages: Vec<_> = system
            .map(|text| json!({"role": "system", "content": text}))
            .collect();
        messages.extend(conversation.turns.iter().map(|turn| self.message(turn)));
        let mut body = json!({"model": self.model, "messages": messages});
        for (name, value) in &self.beside {
            body[name.as_str()] = value.clone();
        }
        if let (Some(name), Some(cap)) = (self.cap, conversation.cap) {
            body[name] = cap.into();
        }
        body
    }

    fn message(&self, turn: &Turn) -> Value {
        let role = match turn.role {
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        if turn.images().next().is_none() {
            return json!({"role": role, "content": turn.text()});
        }
        let mut parts: Vec<_> = turn.parts.iter().collect();
        if self.dialect == Dialect::OpenRouter {
            // Its guide asks for text before images, because of how it parses.
            parts.sort_by_key(|part| matches!(part, Part::Image(_)));
        }
        let parts: Vec<_> = parts.into_iter().map(|part| self.part(part)).collect();
        json!({"role": role, "content": parts})
    }

    fn part(&self, part: &Part) -> Value {
        match part {
            Part::Text(text) => json!({"type": "text", "text": text}),
            Part::Image(image) => {
                let mut url = json!({ "url": data_url(image) });
                if let Some(detail) = &self.detail {
                    url["detail"] = detail.as_str().into();
                }
                json!({"type": "image_url", "image_url": url})
            }
        }
    }
}

impl Judge {
    fn new(entry: &ModelEntry) -> Self {
        Self {
            who: Who::new(entry),
            dialect: entry.dialect,
        }
    }

    fn judge(&self, reply: &RawReply) -> Ending {
        if !(200..300).contains(&reply.status) {
            return self.refused(reply.status, &Fault::read(&reply.body), reply);
        }
        let Some(body) = parse(&reply.body) else {
            return self.who.unreadable(&reply.body);
        };
        if let Some(fault) = Fault::inside(&body) {
            return self.refused(fault.status.unwrap_or(500), &fault, reply);
        }
        let Some(choice) = body.pointer("/choices/0") else {
            return self.who.unreadable(&reply.body);
        };
        if let Some(fault) = Fault::inside(choice) {
            return self.refused(fault.status.unwrap_or(502), &fault, reply);
        }
        let refusal = text(choice, "/message/refusal");
        let finish = match text(choice, "/finish_reason") {
            _ if refusal.is_some() => Finish::Refused,
            Some("content_filter") => Finish::Refused,
            Some("length" | "model_length" | "max_tokens") => Finish::Length,
            Some("error") => {
                let native = text(choice, "/native_finish_reason").unwrap_or("no reason given");
                return Ending::Outage(format!("the model broke off with an error ({native})"));
            }
            _ => Finish::Stop,
        };
        Ending::Done(Reply {
            text: refusal.map_or_else(|| content(choice), str::to_owned),
            finish,
            usage: usage(&body),
            model: answered(&body),
        })
    }

    fn refused(&self, status: u16, fault: &Fault, reply: &RawReply) -> Ending {
        let who = &self.who;
        let told = fault.tell(status);
        if fault.is(OUT_OF_MONEY) {
            return Ending::Quota(told);
        }
        if fault.is(BAD_PICTURE) {
            return Ending::Photo(told);
        }
        if fault.is(TOO_LONG) {
            return Who::too_long(&told);
        }
        if fault.is(BAD_SETTING) && !blames_message(fault) {
            return who.bad_setting(&told);
        }
        if fault.is(&["model_not_found", "invalid_model"]) || fault.says(&["no models loaded"]) {
            return who.unknown_model(&told, fault);
        }
        // LM Studio says so under status 200.
        if fault.says(&["unexpected endpoint or method"]) {
            return who.wrong_address(&told);
        }
        if status == 403 && self.dialect == Dialect::OpenRouter {
            // Moderation flagged this input; a bad key is 401 there.
            return Ending::Photo(told);
        }
        if status == 503 && fault.says(&["slow down"]) {
            return Ending::RetryAfter(wait::asked(reply), told);
        }
        // What the words give away comes before the parameter: "image_url is
        // not supported" may well carry a parameter of its own.
        if let Some(ending) = who.by_words(status, fault) {
            return ending;
        }
        if matches!(status, 400 | 422) && fault.param.is_some() && !blames_message(fault) {
            return who.bad_setting(&told);
        }
        who.by_status(status, fault, reply)
    }
}

/// What to do when nothing answers, by the ports that local servers use unless
/// told otherwise.
fn how_to_start(entry: &ModelEntry) -> String {
    let port = entry.base_url.as_ref().and_then(Url::port);
    let model = &entry.model;
    match port.filter(|_| !entry.cloud) {
        Some(1234) => "is LM Studio's server running? `lms server start` starts it".to_owned(),
        Some(8000) => format!("is vLLM running? `vllm serve {model}` starts it"),
        Some(8080) => "is llama.cpp's server running? `llama-server -m MODEL.gguf --mmproj \
                       PROJECTOR.gguf` starts it"
            .to_owned(),
        Some(11434) => "is Ollama running? `ollama serve` starts it".to_owned(),
        _ => "is the server running, and `base_url` right?".to_owned(),
    }
}

/// Whether the field to blame is in the messages, and so about this photo.
fn blames_message(fault: &Fault) -> bool {
    fault.param.as_deref().is_some_and(|param| {
        ["messages", "input", "content"]
            .iter()
            .any(|field| param.starts_with(field))
    })
}

/// The text of a choice: a string, `null`, or parts of which only text counts.
fn content(choice: &Value) -> String {
    match choice.pointer("/message/content") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => parts
            .iter()
            .filter(|part| part.get("type").and_then(Value::as_str) == Some("text"))
            .filter_map(|part| text(part, "/text"))
            .collect(),
        _ => String::new(),
    }
}

fn usage(body: &Value) -> Option<Usage> {
    let of = |name| tokens(body, &[name]);
    let input = of("/usage/prompt_tokens").or(of("/usage/input_tokens"));
    let output = of("/usage/completion_tokens").or(of("/usage/output_tokens"));
    used(input, output)
}

/// The model that answered, and who ran it where a relay says so.
fn answered(body: &Value) -> Option<String> {
    let model = text(body, "/model")?;
    Some(match text(body, "/provider") {
        Some(provider) => format!("{model} via {provider}"),
        None => model.to_owned(),
    })
}

#[cfg(test)]
mod tests;

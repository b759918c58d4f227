//! Anthropic's messages: request check, replies and errors, by its SDK's types
//! and its errors guide.

use super::openai::push_text;
use super::strict::{Fault, positive, text, unknown_key};
use super::{Asked, Manners, Tokens};
use crate::support::http::{Reply, Request};
use crate::support::script::{Fail, Say};
use serde_json::{Value, json};

const KNOWN: [&str; 15] = [
    "model",
    "max_tokens",
    "messages",
    "system",
    "temperature",
    "top_p",
    "top_k",
    "stop_sequences",
    "stream",
    "metadata",
    "thinking",
    "tools",
    "tool_choice",
    "service_tier",
    "output_config",
];

/// Checks and reads a request.
pub(crate) fn understand(
    manners: &Manners,
    request: &Request,
    body: serde_json::Result<Value>,
) -> Result<Asked, Fault> {
    if request.header("x-api-key") != Some(manners.key.as_str()) {
        let reply = failure("", &Fail::BadKey);
        let what = "no x-api-key, or a wrong one".to_owned();
        return Err(Fault { what, reply });
    }
    if request.header("anthropic-version").is_none() {
        return Err(invalid("anthropic-version: header is required"));
    }
    let body = body.map_err(|_| invalid("The request body is not valid JSON"))?;
    let object = body
        .as_object()
        .ok_or_else(|| invalid("The request body is not an object"))?;
    if let Some(key) = unknown_key(object, &KNOWN) {
        return Err(invalid(&format!("{key}: Extra inputs are not permitted")));
    }
    for name in &manners.refused_settings {
        if object.contains_key(name) {
            return Err(invalid(&format!(
                "`{name}` is not supported for this model."
            )));
        }
    }
    if !positive(object, "max_tokens") {
        return Err(invalid("max_tokens: Field required"));
    }
    let model = text(&body, "model").ok_or_else(|| invalid("model: Field required"))?;
    let messages = body.get("messages").and_then(Value::as_array);
    let messages = messages.ok_or_else(|| invalid("messages: Field required"))?;
    let mut asked = Asked {
        model: model.to_owned(),
        prompt: String::new(),
        images: Vec::new(),
    };
    if let Some(system) = body.get("system") {
        read_content(system, &mut asked)?;
    }
    for message in messages {
        if !matches!(text(message, "role"), Some("user" | "assistant")) {
            return Err(invalid(
                "messages.0.role: Input should be 'user' or 'assistant'",
            ));
        }
        read_content(message.get("content").unwrap_or(&Value::Null), &mut asked)?;
    }
    Ok(asked)
}

fn read_content(content: &Value, asked: &mut Asked) -> Result<(), Fault> {
    if let Some(words) = content.as_str() {
        push_text(asked, words);
        return Ok(());
    }
    let blocks = content.as_array();
    for block in blocks.ok_or_else(|| invalid("content: Field required"))? {
        match text(block, "type") {
            Some("text") => {
                let words = text(block, "text").filter(|words| !words.is_empty());
                push_text(
                    asked,
                    words.ok_or_else(|| invalid("text content blocks must be non-empty"))?,
                );
            }
            Some("image") => {
                let source = block.get("source").unwrap_or(&Value::Null);
                let right = text(source, "type") == Some("base64")
                    && text(source, "media_type") == Some("image/jpeg");
                let data = text(source, "data").filter(|_| right);
                let data = data.ok_or_else(|| invalid("image.source: no base64 JPEG"))?;
                asked.images.push(data.to_owned());
            }
            _ => return Err(invalid("content: unknown block type")),
        }
    }
    Ok(())
}

fn invalid(message: &str) -> Fault {
    Fault {
        what: message.to_owned(),
        reply: error(400, "invalid_request_error", message),
    }
}

/// An error in Anthropic's envelope.
pub(crate) fn error(status: u16, kind: &str, message: &str) -> Reply {
    let body = json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_011CSHoEeqs5C35K2UUqR7Fy"});
    Reply::json(status, &body).with("request-id", "req_011CSHoEeqs5C35K2UUqR7Fy")
}

/// A documented error.
pub(crate) fn failure(model: &str, fail: &Fail) -> Reply {
    match fail {
        Fail::RateLimit(wait) => {
            let reply = error(
                429,
                "rate_limit_error",
                "This request would exceed your rate limit.",
            )
            .with("anthropic-ratelimit-requests-remaining", "0")
            .with("anthropic-ratelimit-requests-reset", "2030-01-01T00:00:00Z");
            match wait {
                Some(value) => reply.with("retry-after", value),
                None => reply,
            }
        }
        // The trap: a used-up balance is a 400 like any bad request.
        Fail::Quota => error(
            400,
            "invalid_request_error",
            "Your credit balance is too low to access the API. You have reached your specified API usage limits (spend limit).",
        ),
        Fail::BadKey => error(401, "authentication_error", "invalid x-api-key"),
        Fail::NoModel => error(404, "not_found_error", &format!("model: {model}")),
        Fail::BadImage => error(
            400,
            "invalid_request_error",
            "messages.0.content.0.image.source.base64.data: Could not process image",
        ),
        Fail::BadSetting(name) => error(
            400,
            "invalid_request_error",
            &format!("{name}: Input should be a valid value"),
        ),
        Fail::Overloaded => error(529, "overloaded_error", "Overloaded"),
        Fail::Internal => error(500, "api_error", "Internal server error"),
    }
}

/// A reply with a text, or with what stands for none.
pub(crate) fn success(number: u64, model: &str, say: &Say, tokens: Tokens) -> Reply {
    let block = |text: &str| json!([{"type": "text", "text": text}]);
    let (reason, content) = match say {
        Say::Text(text) => ("end_turn", block(text)),
        Say::Length(text) => ("max_tokens", block(text)),
        Say::Refusal(text) => ("refusal", block(text)),
        Say::Filtered => ("refusal", json!([])),
        Say::Empty => ("end_turn", json!([])),
    };
    let body = json!({
        "id": format!("msg_{number:024}"),
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": reason,
        "stop_sequence": null,
        "stop_details": null,
        "usage": {
            "input_tokens": tokens.input,
            "output_tokens": tokens.output,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "service_tier": "standard",
        },
    });
    Reply::json(200, &body)
}

//! OpenAI's chat completions: request check, replies and errors, by the
//! published OpenAPI description, the images guide and the error-codes guide.

use super::strict::{Fault, positive, text, unknown_key};
use super::{Asked, Manners, Tokens};
use crate::support::http::{Reply, Request};
use crate::support::script::{Fail, Say};
use serde_json::{Value, json};

/// Under which name a request has to limit the output. OpenAI has deprecated
/// `max_tokens`, and its reasoning models refuse it; several compatible servers
/// know nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum OutputCap {
    /// `max_completion_tokens`, as at OpenAI.
    MaxCompletionTokens,
    /// `max_tokens`, as at Mistral, Ollama and LM Studio.
    MaxTokens,
    /// Exactly one of the two.
    #[default]
    Either,
}

/// Fields of a chat completion request. `top_k` is not one of them.
const KNOWN: [&str; 28] = [
    "model",
    "messages",
    "max_completion_tokens",
    "max_tokens",
    "temperature",
    "top_p",
    "n",
    "stop",
    "seed",
    "stream",
    "frequency_penalty",
    "presence_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "reasoning_effort",
    "response_format",
    "service_tier",
    "store",
    "metadata",
    "modalities",
    "user",
    "safety_identifier",
    "prompt_cache_key",
    "verbosity",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
];

/// Checks and reads a request.
pub(crate) fn understand(
    manners: &Manners,
    request: &Request,
    body: serde_json::Result<Value>,
) -> Result<Asked, Fault> {
    let wanted = format!("Bearer {}", manners.key);
    if request.header("authorization") != Some(wanted.as_str()) {
        let reply = failure("", &Fail::BadKey);
        let what = "no bearer key, or a wrong one".to_owned();
        return Err(Fault { what, reply });
    }
    let json_sent = request
        .header("content-type")
        .is_some_and(|kind| kind.starts_with("application/json"));
    let body =
        body.map_err(|_| invalid("We could not parse the JSON body of your request.", None))?;
    let object = body
        .as_object()
        .filter(|_| json_sent)
        .ok_or_else(|| invalid("The body has to be a JSON object.", None))?;
    if let Some(key) = unknown_key(object, &KNOWN)
        && !manners.mistral
    {
        let message = format!("Unrecognized request argument supplied: {key}");
        return Err(invalid(&message, Some("unknown_parameter")));
    }
    for name in &manners.refused_settings {
        if object.contains_key(name) {
            let message =
                format!("Unsupported parameter: '{name}' is not supported with this model.");
            return Err(invalid(&message, Some("unsupported_parameter")));
        }
    }
    let caps = ["max_completion_tokens", "max_tokens"].map(|key| positive(object, key));
    let capped = match manners.output_cap {
        OutputCap::MaxCompletionTokens => caps == [true, false],
        OutputCap::MaxTokens => caps == [false, true],
        OutputCap::Either => caps[0] != caps[1],
    };
    if !capped {
        return Err(invalid(
            "The output cap is missing, doubled or of the wrong kind.",
            Some("unsupported_parameter"),
        ));
    }
    if object
        .get("stream")
        .is_some_and(|stream| stream != &Value::Bool(false))
    {
        return Err(invalid("This server doesn't stream.", None));
    }
    let model =
        text(&body, "model").ok_or_else(|| invalid("you must provide a model parameter", None))?;
    let messages = body.get("messages").and_then(Value::as_array);
    let messages = messages
        .filter(|messages| !messages.is_empty())
        .ok_or_else(|| {
            invalid(
                "'messages' has to be an array with at least one item.",
                None,
            )
        })?;
    let mut asked = Asked {
        model: model.to_owned(),
        prompt: String::new(),
        images: Vec::new(),
    };
    for message in messages {
        read_message(message, &mut asked)?;
    }
    Ok(asked)
}

fn read_message(message: &Value, asked: &mut Asked) -> Result<(), Fault> {
    let roles = ["system", "developer", "user", "assistant"];
    if !text(message, "role").is_some_and(|role| roles.contains(&role)) {
        return Err(invalid(
            "A message has no role, or an unknown one.",
            Some("invalid_value"),
        ));
    }
    match message.get("content") {
        Some(Value::String(content)) => push_text(asked, content),
        Some(Value::Array(parts)) => {
            for part in parts {
                read_part(part, asked)?;
            }
        }
        _ => return Err(invalid("A message has no content.", Some("invalid_type"))),
    }
    Ok(())
}

fn read_part(part: &Value, asked: &mut Asked) -> Result<(), Fault> {
    match text(part, "type") {
        Some("text") => {
            let words =
                text(part, "text").ok_or_else(|| invalid("A text part has no text.", None))?;
            push_text(asked, words);
        }
        Some("image_url") => {
            let image = part.get("image_url").and_then(Value::as_object);
            let image = image
                .ok_or_else(|| invalid("image_url has to be an object.", Some("invalid_type")))?;
            if let Some(key) = unknown_key(image, &["url", "detail"]) {
                return Err(invalid(
                    &format!("Unknown parameter: {key}"),
                    Some("unknown_parameter"),
                ));
            }
            let details = ["low", "high", "auto", "original"];
            let detail = image.get("detail").map_or(Some("auto"), Value::as_str);
            if !detail.is_some_and(|detail| details.contains(&detail)) {
                return Err(invalid("Invalid value for detail.", Some("invalid_value")));
            }
            let data = image
                .get("url")
                .and_then(Value::as_str)
                .and_then(|url| url.strip_prefix("data:image/jpeg;base64,"))
                .ok_or_else(|| {
                    invalid(
                        "Invalid image: no data URL of a JPEG.",
                        Some("invalid_image_url"),
                    )
                })?;
            asked.images.push(data.to_owned());
        }
        _ => return Err(invalid("A part of an unknown type.", Some("invalid_value"))),
    }
    Ok(())
}

/// Adds a text to the joined prompt.
pub(crate) fn push_text(asked: &mut Asked, words: &str) {
    if !asked.prompt.is_empty() {
        asked.prompt.push('\n');
    }
    asked.prompt.push_str(words);
}

fn invalid(message: &str, code: Option<&str>) -> Fault {
    Fault {
        what: message.to_owned(),
        reply: error(400, message, "invalid_request_error", code),
    }
}

/// An error in OpenAI's envelope.
pub(crate) fn error(status: u16, message: &str, kind: &str, code: Option<&str>) -> Reply {
    let body = json!({"error": {"message": message, "type": kind, "param": null, "code": code}});
    Reply::json(status, &body).with("x-request-id", "req_0123456789abcdef")
}

/// A documented error.
pub(crate) fn failure(model: &str, fail: &Fail) -> Reply {
    let invalid = "invalid_request_error";
    match fail {
        Fail::RateLimit(wait) => {
            let message = format!(
                "Rate limit reached for {model} on requests per min (RPM): Limit 3, Used 3, Requested 1."
            );
            let reply = error(429, &message, "requests", Some("rate_limit_exceeded"))
                .with("x-ratelimit-limit-requests", "3")
                .with("x-ratelimit-remaining-requests", "0");
            match wait {
                Some(value) => reply.with("retry-after", value),
                None => reply,
            }
        }
        Fail::Quota => error(
            429,
            "You exceeded your current quota, please check your plan and billing details.",
            "insufficient_quota",
            Some("insufficient_quota"),
        ),
        Fail::BadKey => error(
            401,
            "Incorrect API key provided.",
            invalid,
            Some("invalid_api_key"),
        ),
        Fail::NoModel => error(
            404,
            &format!("The model `{model}` does not exist or you do not have access to it."),
            invalid,
            Some("model_not_found"),
        ),
        Fail::BadImage => error(
            400,
            "The image could not be parsed.",
            invalid,
            Some("image_parse_error"),
        ),
        Fail::BadSetting(name) => error(
            400,
            &format!("Unsupported value: '{name}' does not support this value with this model."),
            invalid,
            Some("unsupported_value"),
        ),
        Fail::Overloaded => error(
            503,
            "The engine is currently overloaded, please try again later.",
            "server_error",
            None,
        ),
        Fail::Internal => error(
            500,
            "The server had an error while processing your request.",
            "server_error",
            None,
        ),
    }
}

/// A reply with a text, or with what stands for none.
pub(crate) fn success(number: u64, model: &str, say: &Say, tokens: Tokens) -> Reply {
    let (finish, content, refusal) = match say {
        Say::Text(text) => ("stop", json!(text), Value::Null),
        Say::Length(text) => ("length", json!(text), Value::Null),
        Say::Refusal(text) => ("stop", Value::Null, json!(text)),
        Say::Filtered => ("content_filter", Value::Null, Value::Null),
        Say::Empty => ("stop", json!(""), Value::Null),
    };
    let body = json!({
        "id": format!("chatcmpl-{number}"),
        "object": "chat.completion",
        "created": 1_700_000_000_u64 + number,
        "model": format!("{model}-2026-01-01"),
        "choices": [{
            "index": 0,
            "finish_reason": finish,
            "message": {"role": "assistant", "content": content, "refusal": refusal, "annotations": []},
            "logprobs": null,
        }],
        "usage": {
            "prompt_tokens": tokens.input,
            "completion_tokens": tokens.output,
            "total_tokens": tokens.input + tokens.output,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        },
        "service_tier": "default",
        "system_fingerprint": "fp_0123456789",
    });
    Reply::json(200, &body).with("x-request-id", &format!("req_{number}"))
}

/// What `GET /v1/models` says.
pub(crate) fn models() -> Reply {
    Reply::json(200, &json!({"object": "list", "data": []}))
}

/// Tokens of one image at high detail on the tile models (base 85, 170 a tile).
pub(crate) fn image_tokens(width: u32, height: u32) -> u64 {
    let (mut width, mut height) = (f64::from(width), f64::from(height));
    let fit = (2048.0 / width.max(height)).min(1.0);
    (width, height) = (width * fit, height * fit);
    let short = (768.0 / width.min(height)).min(1.0);
    let tiles = (width * short / 512.0).ceil() * (height * short / 512.0).ceil();
    85 + 170 * tiles as u64
}

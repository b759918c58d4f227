//! Ollama's native `/api/chat`: request check, replies and errors, by its
//! documentation and the types of its API.

use super::openai::push_text;
use super::strict::{Fault, positive, text};
use super::{Asked, Tokens};
use crate::support::http::{Reply, Request};
use crate::support::script::{Fail, Say};
use serde_json::{Map, Value, json};

/// Checks and reads a request. The real server ignores fields that it doesn't
/// know; a missing output cap or a forgotten `stream: false` would not be an
/// error there, only a disaster, so here it is one.
pub(crate) fn understand(
    _request: &Request,
    body: serde_json::Result<Value>,
) -> Result<Asked, Fault> {
    let body = body.map_err(|problem| invalid(&problem.to_string()))?;
    let model = text(&body, "model").ok_or_else(|| invalid("model is required"))?;
    if body.get("stream") != Some(&Value::Bool(false)) {
        return Err(invalid("stream is not false: the reply would be a stream"));
    }
    let options = body.get("options").and_then(Value::as_object);
    let options = options.ok_or_else(|| invalid("options.num_predict is missing"))?;
    check_options(options)?;
    if let Some(Value::String(time)) = body.get("keep_alive")
        && !time.ends_with(|last: char| last.is_ascii_alphabetic())
    {
        return Err(invalid("time: missing unit in duration"));
    }
    if body
        .get("think")
        .is_some_and(|think| think == &Value::Bool(true))
    {
        return Err(invalid(&format!("\"{model}\" does not support thinking")));
    }
    let messages = body.get("messages").and_then(Value::as_array);
    let messages = messages.ok_or_else(|| invalid("messages have to be an array"))?;
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

fn check_options(options: &Map<String, Value>) -> Result<(), Fault> {
    if !positive(options, "num_predict") {
        return Err(invalid("options.num_predict is missing"));
    }
    for key in ["temperature", "top_p", "min_p", "repeat_penalty"] {
        if options.get(key).is_some_and(|value| !value.is_number()) {
            return Err(invalid(&format!(
                "option \"{key}\" must be of type float32"
            )));
        }
    }
    for key in ["num_ctx", "top_k", "seed", "num_gpu", "num_batch"] {
        if options.get(key).is_some_and(|value| !value.is_i64()) {
            return Err(invalid(&format!(
                "option \"{key}\" must be of type integer"
            )));
        }
    }
    Ok(())
}

fn read_message(message: &Value, asked: &mut Asked) -> Result<(), Fault> {
    let roles = ["system", "user", "assistant", "tool"];
    if !text(message, "role").is_some_and(|role| roles.contains(&role)) {
        return Err(invalid("invalid role"));
    }
    let content = text(message, "content");
    push_text(
        asked,
        content.ok_or_else(|| invalid("content has to be a text"))?,
    );
    let Some(images) = message.get("images") else {
        return Ok(());
    };
    let images = images.as_array();
    for image in images.ok_or_else(|| invalid("images have to be an array"))? {
        let data = image.as_str().filter(|data| !data.starts_with("data:"));
        let data = data.ok_or_else(|| invalid("illegal base64 data at input byte 4"))?;
        asked.images.push(data.to_owned());
    }
    Ok(())
}

fn invalid(message: &str) -> Fault {
    Fault {
        what: message.to_owned(),
        reply: error(400, message),
    }
}

/// An error in Ollama's form.
pub(crate) fn error(status: u16, message: &str) -> Reply {
    Reply::json(status, &json!({"error": message}))
}

/// A documented error.
pub(crate) fn failure(model: &str, fail: &Fail) -> Reply {
    match fail {
        Fail::RateLimit(wait) => {
            let reply = error(429, "too many requests");
            match wait {
                Some(value) => reply.with("retry-after", value),
                None => reply,
            }
        }
        // Only Ollama's cloud has quotas; it documents no form of its own.
        Fail::Quota => error(429, "you have reached your usage limit"),
        Fail::BadKey => Reply::json(
            401,
            &json!({"error": "unauthorized", "signin_url": "https://ollama.example/connect"}),
        ),
        Fail::NoModel => error(404, &format!("model '{model}' not found")),
        Fail::BadImage => error(400, "illegal base64 data at input byte 0"),
        Fail::BadSetting(name) => error(400, &format!("option \"{name}\" must be of type integer")),
        Fail::Overloaded => error(
            503,
            "server busy, please try again. maximum pending requests exceeded",
        ),
        Fail::Internal => error(
            500,
            "model runner has unexpectedly stopped, this may be due to resource limitations or an internal error",
        ),
    }
}

/// A reply with a text, or with what stands for none. Counters that are zero
/// are left out, as the real server does.
pub(crate) fn success(model: &str, say: &Say, tokens: Tokens) -> Reply {
    let (reason, content) = match say {
        Say::Text(text) | Say::Refusal(text) => ("stop", text.as_str()),
        Say::Length(text) => ("length", text.as_str()),
        Say::Filtered | Say::Empty => ("stop", ""),
    };
    let mut body = json!({
        "model": model,
        "created_at": "2026-01-01T00:00:00.000000001Z",
        "message": {"role": "assistant", "content": content},
        "done": true,
        "done_reason": reason,
        "total_duration": 900_000_000_u64,
        "load_duration": 100_000_000,
        "prompt_eval_duration": 300_000_000,
        "eval_duration": 500_000_000,
    });
    let counts = [
        ("prompt_eval_count", tokens.input),
        ("eval_count", tokens.output),
    ];
    for (key, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
        body[key] = json!(count);
    }
    Reply::json(200, &body)
}

/// What `GET /api/tags` says.
pub(crate) fn tags() -> Reply {
    let digest = "0a109f422b47e3a30ba2b10eca18548e944e8a23073ee3f3e947efcf3c45e59f";
    Reply::json(
        200,
        &json!({"models": [{"name": "fake-vision:latest", "model": "fake-vision:latest", "digest": digest, "size": 1}]}),
    )
}

/// What `POST /api/show` says.
pub(crate) fn show(capabilities: &[String]) -> Reply {
    Reply::json(200, &json!({"capabilities": capabilities, "details": {}}))
}

/// What a chat without messages says: the model is in memory now.
pub(crate) fn loaded(model: &str) -> Reply {
    Reply::json(
        200,
        &json!({
            "model": model,
            "created_at": "2026-01-01T00:00:00.000000001Z",
            "message": {"role": "assistant", "content": ""},
            "done_reason": "load",
            "done": true,
        }),
    )
}

//! Google's `generateContent`: request check, replies and errors, by its SDK's
//! types and its guides.

use super::openai::push_text;
use super::strict::{Fault, nothing, positive, text, unknown_key};
use super::{Asked, Manners, Tokens};
use crate::support::http::{Reply, Request};
use crate::support::script::{Fail, Say};
use serde_json::{Value, json};

const KNOWN: [&str; 7] = [
    "contents",
    "generationConfig",
    "systemInstruction",
    "safetySettings",
    "tools",
    "toolConfig",
    "cachedContent",
];

/// Fields of `generationConfig`, by the SDK's types.
const CONFIG: [&str; 20] = [
    "stopSequences",
    "responseMimeType",
    "responseSchema",
    "responseJsonSchema",
    "responseModalities",
    "candidateCount",
    "maxOutputTokens",
    "temperature",
    "topP",
    "topK",
    "seed",
    "presencePenalty",
    "frequencyPenalty",
    "responseLogprobs",
    "logprobs",
    "enableEnhancedCivicAnswers",
    "speechConfig",
    "thinkingConfig",
    "imageConfig",
    "mediaResolution",
];

/// Checks and reads a request.
pub(crate) fn understand(
    manners: &Manners,
    request: &Request,
    body: serde_json::Result<Value>,
) -> Result<Asked, Fault> {
    if request.header("x-goog-api-key") != Some(manners.key.as_str()) {
        let reply = failure("", &Fail::BadKey);
        let what = "no x-goog-api-key, or a wrong one".to_owned();
        return Err(Fault { what, reply });
    }
    let body = body.map_err(|_| invalid("Invalid JSON payload received."))?;
    let object = body
        .as_object()
        .ok_or_else(|| invalid("Invalid JSON payload received."))?;
    if let Some(key) = unknown_key(object, &KNOWN) {
        let message =
            format!("Invalid JSON payload received. Unknown name \"{key}\": Cannot find field.");
        return Err(invalid(&message));
    }
    let none = nothing();
    let config = object.get("generationConfig").unwrap_or(&none);
    let capped = config
        .as_object()
        .is_some_and(|config| positive(config, "maxOutputTokens"));
    if !capped {
        return Err(invalid("maxOutputTokens is missing"));
    }
    if let Some(config) = config.as_object()
        && let Some(key) = unknown_key(config, &CONFIG)
    {
        let message = format!(
            "Invalid JSON payload received. Unknown name \"{key}\" at 'generation_config': Cannot find field."
        );
        return Err(invalid(&message));
    }
    for name in &manners.refused_settings {
        if config.get(name).is_some() {
            return Err(invalid(&format!("{name} is not supported by this model.")));
        }
    }
    let model = request.path.rsplit('/').next().unwrap_or_default();
    let mut asked = Asked {
        model: model.trim_end_matches(":generateContent").to_owned(),
        prompt: String::new(),
        images: Vec::new(),
    };
    if let Some(system) = object.get("systemInstruction") {
        read_parts(system, &mut asked)?;
    }
    let contents = object.get("contents").and_then(Value::as_array);
    for content in contents.ok_or_else(|| invalid("contents is not specified"))? {
        if !matches!(text(content, "role"), None | Some("user" | "model")) {
            return Err(invalid("Please use a valid role: user, model."));
        }
        read_parts(content, &mut asked)?;
    }
    Ok(asked)
}

fn read_parts(content: &Value, asked: &mut Asked) -> Result<(), Fault> {
    let parts = content.get("parts").and_then(Value::as_array);
    for part in parts.ok_or_else(|| invalid("parts is not specified"))? {
        if let Some(words) = text(part, "text") {
            push_text(asked, words);
        } else if let Some(image) = part.get("inlineData") {
            let right = text(image, "mimeType") == Some("image/jpeg");
            let data = text(image, "data").filter(|_| right);
            asked.images.push(
                data.ok_or_else(|| invalid("Unsupported MIME type"))?
                    .to_owned(),
            );
        } else {
            return Err(invalid("part must have one initialized field"));
        }
    }
    Ok(())
}

fn invalid(message: &str) -> Fault {
    Fault {
        what: message.to_owned(),
        reply: error(400, "INVALID_ARGUMENT", message, &[]),
    }
}

/// An error in Google's envelope.
pub(crate) fn error(status: u16, name: &str, message: &str, details: &[Value]) -> Reply {
    let body =
        json!({"error": {"code": status, "message": message, "status": name, "details": details}});
    Reply::json(status, &body)
}

fn quota(id: &str, delay: &str) -> Reply {
    let details = [
        json!({"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": id}]}),
        json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}),
    ];
    error(
        429,
        "RESOURCE_EXHAUSTED",
        "You exceeded your current quota.",
        &details,
    )
}

/// A documented error. The wait of a rate limit is in the body.
pub(crate) fn failure(model: &str, fail: &Fail) -> Reply {
    match fail {
        Fail::RateLimit(wait) => {
            let delay = format!("{}s", wait.as_deref().unwrap_or("1"));
            quota("GenerateRequestsPerMinutePerProjectPerModel", &delay)
        }
        // The trap: a used-up day comes with a misleading short delay.
        Fail::Quota => quota("GenerateRequestsPerDayPerProjectPerModel", "22s"),
        Fail::BadKey => error(
            400,
            "INVALID_ARGUMENT",
            "API key not valid. Please pass a valid API key.",
            &[
                json!({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}),
            ],
        ),
        Fail::NoModel => error(
            404,
            "NOT_FOUND",
            &format!("models/{model} is not found for API version v1beta."),
            &[],
        ),
        Fail::BadImage => error(
            400,
            "INVALID_ARGUMENT",
            "Unable to process input image.",
            &[],
        ),
        Fail::BadSetting(name) => error(
            400,
            "INVALID_ARGUMENT",
            &format!("{name} is not supported."),
            &[],
        ),
        Fail::Overloaded => error(
            503,
            "UNAVAILABLE",
            "The model is overloaded. Please try again later.",
            &[],
        ),
        Fail::Internal => error(500, "INTERNAL", "An internal error has occurred.", &[]),
    }
}

/// A reply with a text, or with what stands for none. A blocked prompt has no
/// candidates at all.
pub(crate) fn success(model: &str, say: &Say, tokens: Tokens) -> Reply {
    let parts = |text: &str| json!({"role": "model", "parts": [{"text": text}]});
    let usage = json!({
        "promptTokenCount": tokens.input,
        "candidatesTokenCount": tokens.output,
        "totalTokenCount": tokens.input + tokens.output,
    });
    let candidate = match say {
        Say::Text(text) => {
            json!({"content": parts(text), "finishReason": "STOP", "avgLogprobs": -0.2})
        }
        Say::Length(text) => json!({"content": parts(text), "finishReason": "MAX_TOKENS"}),
        Say::Refusal(_) => json!({"finishReason": "SAFETY"}),
        Say::Empty => json!({"content": {"role": "model"}, "finishReason": "STOP"}),
        Say::Filtered => {
            let body = json!({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "modelVersion": model, "usageMetadata": usage});
            return Reply::json(200, &body);
        }
    };
    Reply::json(
        200,
        &json!({"modelVersion": model, "candidates": [candidate], "usageMetadata": usage}),
    )
}

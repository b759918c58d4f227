//! What all fake models are strict about.

use super::Face;
use crate::support::http::Reply;
use crate::support::photos::{ImageFacts, inspect_jpeg};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// What is wrong with a request, and what the service says to it.
pub(crate) struct Fault {
    /// For the test's log.
    pub(crate) what: String,
    /// For the client.
    pub(crate) reply: Reply,
}

/// An image as it has to be sent: padded base64 on one line, of a whole JPEG.
pub(crate) fn image(text: &str) -> Result<ImageFacts, String> {
    let file = STANDARD
        .decode(text)
        .map_err(|error| format!("not padded single-line base64: {error}"))?;
    inspect_jpeg(&file)
}

/// What each service says to an image that it can't read.
pub(crate) fn bad_image(face: Face, what: &str) -> Reply {
    match face {
        Face::OpenAi => super::openai::error(
            400,
            "You uploaded an unsupported image. Please make sure your image is valid.",
            "invalid_request_error",
            Some("image_parse_error"),
        ),
        Face::Ollama => super::ollama::error(400, &format!("illegal base64 data: {what}")),
        Face::Anthropic => super::anthropic::error(
            400,
            "invalid_request_error",
            "messages.0.content.0.image.source.base64.data: Could not process image",
        ),
        Face::Gemini => super::gemini::error(
            400,
            "INVALID_ARGUMENT",
            "Unable to process input image.",
            &[],
        ),
    }
}

/// The first key of an object that isn't among the known ones.
pub(crate) fn unknown_key<'a>(object: &'a Map<String, Value>, known: &[&str]) -> Option<&'a str> {
    object
        .keys()
        .map(String::as_str)
        .find(|key| !known.contains(key))
}

/// A whole positive number under a key.
pub(crate) fn positive(object: &Map<String, Value>, key: &str) -> bool {
    object
        .get(key)
        .and_then(Value::as_u64)
        .is_some_and(|number| number > 0)
}

/// A text under a key.
pub(crate) fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

/// An empty object, where a JSON value is wanted and there is none.
pub(crate) fn nothing() -> Value {
    json!({})
}

//! What Mistral's chat completions know beside, and unlike, OpenAI's: the
//! fields of its published API description. Others are refused with a list of
//! details, as every API is that is built on pydantic.

use super::Manners;
use super::strict::{Fault, unknown_key};
use crate::support::http::Reply;
use serde_json::{Value, json};

/// Fields of a request. `seed` is called `random_seed`; there are neither log
/// probabilities nor `top_k`.
const KNOWN: [&str; 19] = [
    "model",
    "messages",
    "temperature",
    "top_p",
    "max_tokens",
    "stream",
    "stop",
    "random_seed",
    "metadata",
    "response_format",
    "tools",
    "tool_choice",
    "presence_penalty",
    "frequency_penalty",
    "n",
    "prediction",
    "parallel_tool_calls",
    "prompt_mode",
    "safe_prompt",
];

/// Refuses fields that Mistral doesn't know; nothing for other servers.
pub(crate) fn check(manners: &Manners, body: &serde_json::Result<Value>) -> Result<(), Fault> {
    let object = body.as_ref().ok().and_then(Value::as_object);
    let Some(object) = object.filter(|_| manners.mistral) else {
        return Ok(());
    };
    let Some(key) = unknown_key(object, &KNOWN) else {
        return Ok(());
    };
    let detail = json!({"detail": [{
        "type": "extra_forbidden",
        "loc": ["body", key],
        "msg": "Extra inputs are not permitted",
        "input": object[key],
    }]});
    Err(Fault {
        what: format!("{key}: Extra inputs are not permitted"),
        reply: Reply::json(422, &detail),
    })
}

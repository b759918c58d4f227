//! Looking whether a model is there, without asking it anything: no picture is
//! sent, nothing is loaded, nothing is paid.

use super::anthropic;
use super::chat::address;
use super::fault::{Fault, one_line};
use super::http::{Endpoint, KeyStyle};
use super::ollama::Ollama;
use crate::archive::{Ending, RawReply, Unanswered};
use crate::config::{ModelEntry, Provider};
use serde_json::Value;
use std::time::Duration;

/// How long a server may take to say what it has.
const LONGEST: Duration = Duration::from_secs(20);

/// What a look at a model's server shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Glance {
    /// The model is there.
    There(String),
    /// The server answers, but says nothing of the model.
    Unsure(String),
    /// It can't be used: what is wrong, and what to do.
    Wrong(String),
}

/// Looks at the server of an entry. Its key is assumed to be set where it needs
/// one. Programs and the embedded model have no server and are there.
pub async fn glance(entry: &ModelEntry) -> Glance {
    let looked = match entry.provider {
        Provider::Embedded => Ok(Glance::There("it is inside the program".to_owned())),
        Provider::Command => Ok(Glance::There("a program on this machine".to_owned())),
        Provider::Ollama => ollama(entry).await,
        Provider::OpenAi => listed(entry, "https://api.openai.com/v1", &["models"], &[]).await,
        Provider::Anthropic => {
            let path = ["v1", "models", entry.model.as_str()];
            listed(entry, "https://api.anthropic.com/v1", &path, &["x-api-key"]).await
        }
        Provider::Gemini => {
            let id = entry.model.trim_start_matches("models/");
            let home = "https://generativelanguage.googleapis.com/v1beta";
            listed(entry, home, &["v1beta", "models", id], &["x-goog-api-key"]).await
        }
    };
    looked.unwrap_or_else(Glance::Wrong)
}

async fn ollama(entry: &ModelEntry) -> Result<Glance, String> {
    let ollama = Ollama::new(entry).map_err(|error| error.to_string())?;
    match ollama.look().await {
        Ok(()) => Ok(Glance::There("Ollama has it".to_owned())),
        Err(Ending::Settings(why) | Ending::Outage(why) | Ending::Photo(why)) => Err(why),
        Err(_) => Ok(Glance::Unsure(
            "Ollama answers, but says nothing of it".to_owned(),
        )),
    }
}

/// Asks an API for its models, or for this one of them.
async fn listed(
    entry: &ModelEntry,
    home: &str,
    path: &[&str],
    key: &[&'static str],
) -> Result<Glance, String> {
    let text = |error: super::ModelError| error.to_string();
    let url = address(entry, home, path).map_err(text)?;
    let style = key
        .first()
        .map_or(KeyStyle::Bearer, |name| KeyStyle::Header(name));
    let mut endpoint = Endpoint::new(entry, url.clone(), style).map_err(text)?;
    if entry.provider == Provider::Anthropic {
        endpoint = endpoint.header("anthropic-version", anthropic::VERSION);
    }
    let reply = endpoint.at(url, LONGEST).get().await;
    let reply = reply.map_err(|unanswered| match unanswered {
        Unanswered::NotSent(why) if !entry.cloud => format!("{why}; is the server running?"),
        Unanswered::NotSent(why) | Unanswered::Lost(why) => why,
    })?;
    understand(entry, &reply)
}

/// What the reply to such a request says of the model.
fn understand(entry: &ModelEntry, reply: &RawReply) -> Result<Glance, String> {
    let id = &entry.model;
    let said = || {
        let fault = Fault::read(&reply.body);
        let words = one_line(&fault.message);
        if words.is_empty() {
            format!("HTTP {}", reply.status)
        } else {
            format!("HTTP {}: {words}", reply.status)
        }
    };
    match reply.status {
        200..=299 => {}
        401 | 403 => {
            let key = entry.api_key_env.as_deref().unwrap_or("api_key_env");
            return Err(format!("the key is refused ({}); check {key}", said()));
        }
        404 if entry.provider != Provider::OpenAi => {
            return Err(format!(
                "there is no model {id} ({}); check `model`",
                said()
            ));
        }
        404 | 405 => {
            return Ok(Glance::Unsure(
                "the server answers, but lists no models".to_owned(),
            ));
        }
        _ => return Ok(Glance::Unsure(format!("the server answers {}", said()))),
    }
    let Ok(body) = serde_json::from_str::<Value>(&reply.body) else {
        return Err(
            "the server answers with something that is no JSON; check `base_url`".to_owned(),
        );
    };
    let Some(list) = body.get("data").and_then(Value::as_array) else {
        return Ok(Glance::There("the API has it".to_owned()));
    };
    let names: Vec<&str> = list
        .iter()
        .filter_map(|one| one.get("id")?.as_str())
        .collect();
    if names.contains(&id.as_str()) {
        return Ok(Glance::There("the server lists it".to_owned()));
    }
    if names.is_empty() {
        return Ok(Glance::Unsure(
            "the server answers, but lists no models".to_owned(),
        ));
    }
    // Aliases such as `…-latest` need not be in a list.
    let few: Vec<&str> = names.iter().take(4).copied().collect();
    Ok(Glance::Unsure(format!(
        "the server does not list {id}; it lists {}{}",
        few.join(", "),
        if names.len() > few.len() { ", …" } else { "" }
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::entry;

    fn reply(status: u16, body: &str) -> RawReply {
        RawReply {
            status,
            headers: Vec::new(),
            body: body.to_owned(),
        }
    }

    #[test]
    fn a_reply_tells_whether_the_model_is_there() {
        let entry = entry(Provider::OpenAi);
        let id = entry.model.clone();
        let listed = format!(r#"{{"data": [{{"id": "other"}}, {{"id": "{id}"}}]}}"#);
        let look = |status, body: &str| understand(&entry, &reply(status, body));
        assert!(matches!(look(200, &listed), Ok(Glance::There(_))));
        assert!(
            matches!(look(200, r#"{"data": [{"id": "other"}]}"#), Ok(Glance::Unsure(why)) if why.contains("other"))
        );
        assert!(matches!(look(404, "not found"), Ok(Glance::Unsure(_))));
        assert!(matches!(look(500, ""), Ok(Glance::Unsure(why)) if why.contains("500")));
        let refused = look(401, r#"{"error": {"message": "Bad key"}}"#);
        assert!(refused.unwrap_err().contains("Bad key"));
        assert!(look(200, "<html>").unwrap_err().contains("base_url"));
    }
}

//! Which model servers answer on this machine, and what they have.

use super::vision::{Vision, vision_of};
use serde_json::{Value, json};
use std::time::Duration;
use url::Url;

/// A server on this machine answers soon, or refuses at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// Models that are looked at one by one.
const MOST: usize = 40;

/// Servers that speak OpenAI's format, by the name of their provider in
/// `models.yaml` and their usual address.
const OTHERS: [(&str, &str); 3] = [
    ("lmstudio", "http://127.0.0.1:1234/v1/models"),
    ("vllm", "http://127.0.0.1:8000/v1/models"),
    ("llamacpp", "http://127.0.0.1:8080/v1/models"),
];

/// A model that a server on this machine has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalModel {
    /// The name of its provider in `models.yaml`.
    pub provider: &'static str,
    /// Its id there.
    pub id: String,
    /// Whether it takes pictures.
    pub vision: Vision,
}

/// Asks the servers that are usual on a machine of one's own for their models.
/// Ollama's address may be another one; those of the others are their defaults.
pub async fn local_models(ollama: &Url) -> Vec<LocalModel> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(PATIENCE);
    let Ok(client) = builder.build() else {
        return Vec::new();
    };
    let others = OTHERS.map(|(provider, address)| listed(&client, provider, address));
    let (mut found, others) = tokio::join!(
        of_ollama(&client, ollama),
        futures_util::future::join_all(others)
    );
    found.extend(others.into_iter().flatten());
    found
}

async fn answer(request: reqwest::RequestBuilder) -> Option<Value> {
    let response = request.send().await.ok()?;
    if !response.status().is_success() {
        return None;
    }
    response.json().await.ok()
}

async fn of_ollama(client: &reqwest::Client, home: &Url) -> Vec<LocalModel> {
    let at = |path: &str| {
        let mut url = home.clone();
        url.set_path(path);
        url
    };
    let tags = answer(client.get(at("/api/tags"))).await;
    let ids: Vec<String> = tags.as_ref().map(names_in_tags).unwrap_or_default();
    let mut found = Vec::new();
    for id in ids.into_iter().take(MOST) {
        let shown = answer(client.post(at("/api/show")).json(&json!({"model": id}))).await;
        let told = shown.as_ref().and_then(sees);
        found.push(LocalModel {
            provider: "ollama",
            vision: told.unwrap_or_else(|| vision_of(&id)),
            id,
        });
    }
    found
}

fn names_in_tags(tags: &Value) -> Vec<String> {
    let list = tags.get("models").and_then(Value::as_array);
    let name = |model: &Value| Some(model.get("name")?.as_str()?.to_owned());
    list.into_iter().flatten().filter_map(name).collect()
}

/// What Ollama says of a model's eyes; old versions say nothing.
fn sees(shown: &Value) -> Option<Vision> {
    let list = shown.get("capabilities")?.as_array()?;
    Some(if list.iter().any(|capability| capability == "vision") {
        Vision::Yes
    } else {
        Vision::No
    })
}

async fn listed(
    client: &reqwest::Client,
    provider: &'static str,
    address: &str,
) -> Vec<LocalModel> {
    let list = answer(client.get(address)).await;
    // Anything may listen at such a port.
    let list = list.filter(|list| list.get("object").is_some_and(|kind| kind == "list"));
    let models = list.as_ref().and_then(|list| list.get("data")?.as_array());
    let model = |model: &Value| {
        let id = model.get("id")?.as_str()?.to_owned();
        Some(LocalModel {
            provider,
            vision: vision_of(&id),
            id,
        })
    };
    models.into_iter().flatten().filter_map(model).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ollama_tells_what_it_has_and_who_sees() {
        let tags = json!({"models": [{"name": "llava:13b"}, {"size": 1}, {"name": "qwen3:8b"}]});
        assert_eq!(names_in_tags(&tags), ["llava:13b", "qwen3:8b"]);
        assert_eq!(
            sees(&json!({"capabilities": ["completion", "vision"]})),
            Some(Vision::Yes)
        );
        assert_eq!(
            sees(&json!({"capabilities": ["completion"]})),
            Some(Vision::No)
        );
        assert_eq!(sees(&json!({})), None);
    }
}

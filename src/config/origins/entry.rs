//! One entry of `models.yaml`, each key with where it comes from.

use super::written::{find, line, quoted, written_as};
use super::{Comes, Shown, text};
use crate::config::source::Source;
use crate::config::tree::Value;
use crate::config::{ModelEntry, Provider};
use secrecy::ExposeSecret as _;
use serde_json::{Value as Json, json};

/// The keys of one entry of `models.yaml`.
pub(super) fn model(source: &Source, entry: &ModelEntry) -> Vec<Shown> {
    let root = source.yaml().ok();
    let root = root.as_ref().and_then(|root| match &root.value {
        Value::Table(fields) => Some(fields.as_slice()),
        _ => None,
    });
    let own = root.and_then(|fields| {
        fields
            .iter()
            .find(|field| field.name == entry.name.as_str())
    });
    let keys = own.and_then(|field| match &field.node.value {
        Value::Table(keys) => Some(keys.as_slice()),
        _ => None,
    });
    let shown = |key: &str, value: Json| {
        let written = keys.and_then(|keys| find(keys, key));
        let said = written.and_then(|field| match key {
            // One wire format has many names.
            "provider" | "dialect" | "ca_file" | "api_key_file" => field.node.value.to_json(),
            _ => None,
        });
        let value = said.unwrap_or(value);
        Shown {
            key: format!("{}.{key}", quoted(entry.name.as_str())),
            value: written_as(key, &value),
            comes: written.map_or(Comes::Default, |field| line(source, field)),
        }
    };
    let mut list = vec![
        shown(
            "deployment",
            if entry.cloud { "cloud" } else { "local" }.into(),
        ),
        shown(
            "provider",
            format!("{:?}", entry.provider).to_lowercase().into(),
        ),
        match entry.provider {
            Provider::OpenAi => shown(
                "dialect",
                format!("{:?}", entry.dialect).to_lowercase().into(),
            ),
            _ => shown("dialect", Json::Null),
        },
        shown("model", entry.model.as_str().into()),
        shown("description", entry.description.clone().into()),
        shown(
            "prompt",
            entry
                .prompt
                .clone()
                .map_or_else(|| "(built in)".into(), Json::from),
        ),
        shown(
            "base_url",
            entry.base_url.as_ref().map(url::Url::as_str).into(),
        ),
        shown("api_key_env", entry.api_key_env.clone().into()),
    ];
    list.push(shown("api_key_file", Json::Null));
    list.push(shown("ca_file", Json::Null));
    if let Some(variable) = &entry.api_key_env {
        let set = entry
            .api_key
            .as_ref()
            .is_some_and(|key| !key.expose_secret().is_empty());
        let value = if set {
            format!("(set, from ${variable})")
        } else {
            format!("(not set: ${variable} is empty)")
        };
        let key = format!("{}.key", quoted(entry.name.as_str()));
        list.push(Shown {
            key,
            value,
            comes: Comes::Variable(variable.clone()),
        });
    }
    list.push(shown("settings.max_tokens", entry.max_tokens.into()));
    for (name, value) in &entry.settings {
        list.push(shown(&format!("settings.{name}"), value.clone()));
    }
    list.push(shown("omit", json!(entry.omit)));
    let price = entry
        .price
        .map(|price| json!({"input": price.input, "output": price.output}));
    list.push(shown("price", price.unwrap_or_default()));
    let limits = &entry.limits;
    list.push(shown("limits.concurrency", limits.concurrency.into()));
    list.push(shown(
        "limits.requests_per_minute",
        limits.requests_per_minute.into(),
    ));
    list.push(shown(
        "limits.tokens_per_minute",
        limits.tokens_per_minute.into(),
    ));
    list.push(shown("limits.timeout", text(limits.timeout)));
    list.push(shown("image.long_edge", entry.image.long_edge.into()));
    list.push(shown("image.detail", entry.image.detail.clone().into()));
    let context = entry.context.as_ref().map(|fields| {
        let names = fields.iter().map(|field| Json::from(field.as_str()));
        names.collect::<Json>()
    });
    list.push(shown("context", context.unwrap_or_default()));
    list.push(shown("command", json!(entry.command)));
    list
}

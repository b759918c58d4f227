//! What of an entry belongs to the recipe of a text.

use super::settings;
use crate::archive::Fingerprint;
use crate::config::{ModelEntry, Provider};
use serde_json::Value;

/// Settings that change where or how fast a model runs, not what it says.
const SHAPELESS: &[&str] = &[
    "keep_alive",
    "num_gpu",
    "main_gpu",
    "num_thread",
    "num_batch",
    "low_vram",
    "numa",
    "use_mmap",
    "use_mlock",
    "service_tier",
    "user",
    "metadata",
    "store",
    "logprobs",
    "top_logprobs",
];

/// A hash over everything in an entry that shapes the model's answer: provider,
/// dialect, model id, output cap, the settings as sent, the preparation of the
/// image, and the program of a `command` entry.
///
/// Left out on purpose: the prompt (it has its own fingerprint), limits, price,
/// key and description; settings about memory and speed; and `base_url`. A model
/// that moved to another machine or port is the same model, and a changed port
/// must not make a whole archive due for an upgrade. Whoever puts another model
/// behind the same id says so by changing the entry's `model`.
pub fn settings_fingerprint(entry: &ModelEntry) -> String {
    let mut hash = Fingerprint::new("model settings")
        .part("provider", format!("{:?}", entry.provider).as_bytes())
        .part("model", entry.model.as_bytes())
        .part("long edge", &entry.image.long_edge.to_le_bytes())
        .part("cap", &settings::output_cap(entry).to_le_bytes());
    if entry.provider == Provider::OpenAi {
        hash = hash.part("dialect", format!("{:?}", entry.dialect).as_bytes());
    }
    if let Some(detail) = &entry.image.detail {
        hash = hash.part("detail", detail.as_bytes());
    }
    for (name, value) in settings::sent(entry).filter(|(name, _)| !SHAPELESS.contains(name)) {
        let value = sorted(value).to_string();
        hash = hash.part(&format!("setting {name}"), value.as_bytes());
    }
    for argument in &entry.command {
        hash = hash.part("argument", argument.as_bytes());
    }
    hash.finish()
}

/// The same value with the keys of all objects in order: the order in which a
/// person wrote them means nothing.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| key.as_str());
            let entries = entries.into_iter();
            Value::Object(
                entries
                    .map(|(key, value)| (key.clone(), sorted(value)))
                    .collect(),
            )
        }
        Value::Array(list) => Value::Array(list.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Dialect, Price};
    use crate::model::testing::{entry, entry_with};
    use serde_json::json;
    use url::Url;

    #[test]
    fn whatever_shapes_the_answer_changes_the_fingerprint() {
        let base = settings_fingerprint(&entry(Provider::OpenAi));
        let changes: [fn(&mut ModelEntry); 8] = [
            |entry| entry.model = "other".to_owned(),
            |entry| entry.provider = Provider::Ollama,
            |entry| entry.dialect = Dialect::Mistral,
            |entry| entry.max_tokens = 301,
            |entry| entry.image.long_edge = 1568,
            |entry| entry.image.detail = Some("low".to_owned()),
            |entry| entry.command = vec!["x".to_owned()],
            |entry| {
                entry.settings.insert("temperature".to_owned(), json!(0));
            },
        ];
        let mut seen = vec![base];
        for (number, change) in changes.iter().enumerate() {
            let mut entry = entry(Provider::OpenAi);
            change(&mut entry);
            let fingerprint = settings_fingerprint(&entry);
            assert!(!seen.contains(&fingerprint), "change {number}");
            seen.push(fingerprint);
        }
    }

    #[test]
    fn what_does_not_shape_the_answer_leaves_the_fingerprint_alone() {
        let base = settings_fingerprint(&entry(Provider::Ollama));
        let changes: [fn(&mut ModelEntry); 7] = [
            |entry| entry.base_url = Some(Url::parse("http://other:1").unwrap()),
            |entry| entry.api_key = Some("other".to_owned().into()),
            |entry| entry.limits.concurrency = Some(9),
            |entry| entry.description = Some("better".to_owned()),
            |entry| {
                entry.price = Some(Price {
                    input: 1.0,
                    output: 2.0,
                });
            },
            |entry| entry.dialect = Dialect::Compatible,
            |entry| {
                entry.settings.insert("keep_alive".to_owned(), json!("30m"));
            },
        ];
        for (number, change) in changes.iter().enumerate() {
            let mut entry = entry(Provider::Ollama);
            change(&mut entry);
            assert_eq!(settings_fingerprint(&entry), base, "change {number}");
        }
        let one = entry_with(
            Provider::Ollama,
            json!({"format": {"a": 1, "b": {"c": 2, "d": 3}}}),
        );
        let two = entry_with(
            Provider::Ollama,
            json!({"format": {"b": {"d": 3, "c": 2}, "a": 1}}),
        );
        assert_eq!(settings_fingerprint(&one), settings_fingerprint(&two));
    }
}

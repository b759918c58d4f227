//! Which settings of an entry are sent, and under which name. An entry may have
//! been written for another tool or another provider, so what a provider is
//! known to refuse is left out; what nobody here knows is sent as written,
//! because new settings appear faster than new versions of this program.

use super::tokens::{Claude, openai_reasons};
use crate::config::{Dialect, ModelEntry, Provider};
use serde_json::Value;

/// Parts of a request that are ours to fill in.
const RESERVED: &[&str] = &[
    "model",
    "messages",
    "contents",
    "input",
    "prompt",
    "system",
    "images",
    "stream",
    "stream_options",
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "maxOutputTokens",
    "num_predict",
];

/// Other names of the cap on output, of which one may stand in `settings`.
const CAPS: &[&str] = &[
    "max_completion_tokens",
    "max_output_tokens",
    "maxOutputTokens",
    "num_predict",
];

/// Settings that only local servers know.
const LOCAL: &[&str] = &[
    "num_ctx",
    "num_batch",
    "num_gpu",
    "num_thread",
    "num_keep",
    "main_gpu",
    "low_vram",
    "numa",
    "use_mmap",
    "use_mlock",
    "keep_alive",
    "think",
    "format",
    "options",
    "min_p",
    "typical_p",
    "tfs_z",
    "mirostat",
    "mirostat_tau",
    "mirostat_eta",
    "repeat_penalty",
    "repeat_last_n",
    "repetition_penalty",
    "penalize_newline",
    "shift",
    "truncate",
];

/// Settings of chat completions that other APIs refuse.
const CHAT_ONLY: &[&str] = &[
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "n",
    "response_format",
    "reasoning_effort",
    "user",
    "verbosity",
    "store",
    "parallel_tool_calls",
];

/// Settings that steer how a word is drawn; reasoning models refuse them.
const SAMPLING: &[&str] = &[
    "temperature",
    "top_p",
    "top_k",
    "presence_penalty",
    "frequency_penalty",
];

/// The cap on output tokens: `max_tokens`, or what `settings` says under the
/// provider's own name for it. An endless output (Ollama's −1) is no cap.
pub(super) fn output_cap(entry: &ModelEntry) -> u32 {
    CAPS.iter()
        .filter_map(|name| entry.settings.get(*name)?.as_u64())
        .find_map(|cap| u32::try_from(cap).ok().filter(|cap| *cap > 0))
        .unwrap_or(entry.max_tokens)
}

/// The cap for asking again after a reply that ended at its cap: four times as
/// much and at least 1024, since what ran out of room was mostly thinking, but
/// never beyond 16,384, so that a model that can't stop costs little. `None`
/// where there is no more room to give, or nobody to take it.
pub fn raised_cap(entry: &ModelEntry) -> Option<u32> {
    const FEWEST: u32 = 1024;
    const MOST: u32 = 16_384;
    let uncapped = ["max_tokens", "max_completion_tokens"]
        .iter()
        .all(|name| entry.omit.contains(*name));
    let takes_none = match entry.provider {
        Provider::Command | Provider::Embedded => true,
        Provider::OpenAi => uncapped,
        Provider::Ollama | Provider::Anthropic | Provider::Gemini => false,
    };
    let cap = output_cap(entry);
    let raised = cap.saturating_mul(4).clamp(FEWEST, MOST);
    (!takes_none && raised > cap).then_some(raised)
}

/// The settings to send, with the names as written.
pub(super) fn sent(entry: &ModelEntry) -> impl Iterator<Item = (&str, &Value)> {
    entry
        .settings
        .iter()
        .map(|(name, value)| (name.as_str(), value))
        .filter(|(name, _)| !RESERVED.contains(name) && !entry.omit.contains(*name))
        .filter(|(name, _)| !dropped(entry, name))
}

/// Says once, when a model is connected, which settings do not reach it.
pub(super) fn warn_of_dropped(entry: &ModelEntry) {
    for name in entry.settings.keys().filter(|name| dropped(entry, name)) {
        tracing::debug!(model = %entry.name, setting = %name, "left out: this model refuses it");
    }
}

fn dropped(entry: &ModelEntry, name: &str) -> bool {
    let any = |lists: &[&[&str]]| lists.iter().any(|list| list.contains(&name));
    match (entry.provider, entry.dialect) {
        (Provider::Ollama, _) => {
            any(&[&["logit_bias", "n", "response_format", "reasoning_effort"]])
        }
        (Provider::OpenAi, Dialect::OpenAi) => {
            any(&[LOCAL, &["top_k"]]) || (openai_reasons(&entry.model) && any(&[SAMPLING]))
        }
        (Provider::OpenAi, Dialect::Mistral) => {
            any(&[LOCAL, &["top_k", "logprobs", "top_logprobs", "logit_bias"]])
        }
        (Provider::OpenAi, Dialect::OpenRouter) => {
            any(&[&["num_ctx", "keep_alive", "think", "format", "options"]])
        }
        // Local servers ignore what they don't know, and know very different things.
        (Provider::OpenAi, Dialect::Compatible) => false,
        (Provider::Anthropic, _) => {
            let foreign = [
                "seed",
                "random_seed",
                "presence_penalty",
                "frequency_penalty",
            ];
            any(&[LOCAL, CHAT_ONLY, &foreign])
                || (Claude::of(&entry.model).refuses_sampling() && any(&[SAMPLING]))
        }
        (Provider::Gemini, _) => any(&[LOCAL, CHAT_ONLY]),
        (Provider::Command | Provider::Embedded, _) => true,
    }
}

/// `stop` as the list that some providers insist on.
pub(super) fn list(value: &Value) -> Value {
    match value {
        Value::Array(_) => value.clone(),
        other => Value::Array(vec![other.clone()]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::entry as entry_of;

    #[test]
    fn more_room_is_bounded_and_given_only_where_a_cap_is_sent() {
        for (cap, raised) in [
            (1, Some(1024)),
            (300, Some(1200)),
            (1500, Some(6000)),
            (10_000, Some(16_384)),
            (16_384, None),
            (1_000_000, None),
        ] {
            let mut entry = entry_of(Provider::Ollama);
            entry.max_tokens = cap;
            assert_eq!(raised_cap(&entry), raised, "{cap}");
        }
        for provider in [Provider::Command, Provider::Embedded] {
            assert_eq!(raised_cap(&entry_of(provider)), None);
        }
        let mut entry = entry_of(Provider::OpenAi);
        entry.omit.insert("max_tokens".to_owned());
        assert!(raised_cap(&entry).is_some());
        entry.omit.insert("max_completion_tokens".to_owned());
        assert_eq!(raised_cap(&entry), None);
    }
    use crate::model::testing::entry_with;
    use serde_json::json;

    fn names(provider: Provider, dialect: Dialect, model: &str) -> Vec<String> {
        let everything = json!({
            "temperature": 0, "top_p": 0.9, "top_k": 40, "num_ctx": 4096, "seed": 1,
            "logprobs": true, "keep_alive": "30m", "new_setting": 1, "stream": true,
            "max_output_tokens": 5
        });
        let mut entry = entry_with(provider, everything);
        entry.dialect = dialect;
        entry.model = model.to_owned();
        sent(&entry).map(|(name, _)| name.to_owned()).collect()
    }

    #[test]
    fn each_provider_gets_what_it_accepts() {
        use Dialect::{Compatible, Mistral, OpenAi, OpenRouter};
        for (provider, dialect, model, expected) in [
            (
                Provider::OpenAi,
                OpenAi,
                "gpt-4o",
                "logprobs new_setting seed temperature top_p",
            ),
            (
                Provider::OpenAi,
                OpenAi,
                "gpt-5-mini",
                "logprobs new_setting seed",
            ),
            (
                Provider::OpenAi,
                OpenAi,
                "o4-mini",
                "logprobs new_setting seed",
            ),
            (
                Provider::OpenAi,
                Mistral,
                "pixtral-12b",
                "new_setting seed temperature top_p",
            ),
            (
                Provider::OpenAi,
                OpenRouter,
                "openai/gpt-4o",
                "logprobs new_setting seed temperature top_k top_p",
            ),
            (
                Provider::OpenAi,
                Compatible,
                "local",
                "keep_alive logprobs new_setting num_ctx seed temperature top_k top_p",
            ),
            (
                Provider::Anthropic,
                OpenAi,
                "claude-haiku-4-5",
                "new_setting temperature top_k top_p",
            ),
            (
                Provider::Anthropic,
                OpenAi,
                "claude-opus-4-7",
                "new_setting",
            ),
            (
                Provider::Gemini,
                OpenAi,
                "gemini-2.5-flash",
                "new_setting seed temperature top_k top_p",
            ),
            (
                Provider::Ollama,
                OpenAi,
                "gemma3",
                "keep_alive logprobs new_setting num_ctx seed temperature top_k top_p",
            ),
        ] {
            let sent = names(provider, dialect, model).join(" ");
            assert_eq!(sent, expected, "{provider:?} {dialect:?} {model}");
        }
    }

    #[test]
    fn the_cap_has_several_names_but_is_never_endless() {
        let cap = |settings| output_cap(&entry_with(Provider::Ollama, settings));
        assert_eq!(cap(json!({})), 300);
        assert_eq!(cap(json!({"num_predict": 80})), 80);
        assert_eq!(cap(json!({"num_predict": -1})), 300);
        assert_eq!(cap(json!({"max_completion_tokens": 900})), 900);
        assert_eq!(cap(json!({"max_output_tokens": 0})), 300);
    }

    #[test]
    fn what_is_to_be_omitted_is_never_sent() {
        let mut entry = entry_with(Provider::OpenAi, json!({"temperature": 0, "seed": 1}));
        entry.omit.insert("temperature".to_owned());
        assert_eq!(
            sent(&entry).map(|(name, _)| name).collect::<Vec<_>>(),
            ["seed"]
        );
    }
}

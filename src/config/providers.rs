//! The providers that entries of `models.yaml` can name: wire format, address
//! and key of each, and which settings they do not take.

use super::models::{Dialect, Provider};
use std::time::Duration;
use url::Url;

/// What is known of a provider.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ProviderFacts {
    /// Its name, then its aliases: values of `provider`, and prefixes of `model`.
    pub(super) names: &'static [&'static str],
    pub(super) provider: Provider,
    pub(super) dialect: Dialect,
    /// Where its API lives unless the entry says otherwise.
    pub(super) base_url: Option<&'static str>,
    /// The variables that may hold its key, the usual one first; none where no
    /// key is needed.
    pub(super) key_variables: &'static [&'static str],
    /// Whether photos leave the owner's machines.
    pub(super) cloud: bool,
}

/// All of them. Addresses and variables are those of the providers' own
/// documentation; the local ports are the defaults of those servers.
pub(super) const PROVIDERS: [ProviderFacts; 13] = [
    local(&["ollama"], Provider::Ollama, "http://127.0.0.1:11434/"),
    ProviderFacts {
        names: &["openai"],
        provider: Provider::OpenAi,
        dialect: Dialect::OpenAi,
        base_url: Some("https://api.openai.com/v1"),
        key_variables: &["OPENAI_API_KEY"],
        cloud: true,
    },
    ProviderFacts {
        names: &["anthropic"],
        provider: Provider::Anthropic,
        dialect: Dialect::Compatible,
        base_url: Some("https://api.anthropic.com/v1"),
        key_variables: &["ANTHROPIC_API_KEY"],
        cloud: true,
    },
    ProviderFacts {
        names: &["gemini", "google"],
        provider: Provider::Gemini,
        dialect: Dialect::Compatible,
        base_url: Some("https://generativelanguage.googleapis.com/v1beta"),
        key_variables: &["GEMINI_API_KEY", "GOOGLE_API_KEY"],
        cloud: true,
    },
    ProviderFacts {
        names: &["mistral"],
        provider: Provider::OpenAi,
        dialect: Dialect::Mistral,
        base_url: Some("https://api.mistral.ai/v1"),
        key_variables: &["MISTRAL_API_KEY"],
        cloud: true,
    },
    ProviderFacts {
        names: &["openrouter"],
        provider: Provider::OpenAi,
        dialect: Dialect::OpenRouter,
        base_url: Some("https://openrouter.ai/api/v1"),
        key_variables: &["OPENROUTER_API_KEY"],
        cloud: true,
    },
    ProviderFacts {
        names: &["huggingface"],
        provider: Provider::OpenAi,
        dialect: Dialect::Compatible,
        base_url: Some("https://router.huggingface.co/v1"),
        key_variables: &["HF_TOKEN"],
        cloud: true,
    },
    local(
        &["lmstudio", "lm-studio"],
        Provider::OpenAi,
        "http://127.0.0.1:1234/v1",
    ),
    local(&["vllm"], Provider::OpenAi, "http://127.0.0.1:8000/v1"),
    local(
        &["llamacpp", "llama.cpp", "llama-server"],
        Provider::OpenAi,
        "http://127.0.0.1:8080/v1",
    ),
    ProviderFacts {
        base_url: None,
        ..local(&["openai-compatible", "compatible"], Provider::OpenAi, "")
    },
    ProviderFacts {
        base_url: None,
        ..local(&["command"], Provider::Command, "")
    },
    ProviderFacts {
        base_url: None,
        ..local(&["embedded"], Provider::Embedded, "")
    },
];

const fn local(
    names: &'static [&'static str],
    provider: Provider,
    base_url: &'static str,
) -> ProviderFacts {
    ProviderFacts {
        names,
        provider,
        dialect: Dialect::Compatible,
        base_url: Some(base_url),
        key_variables: &[],
        cloud: false,
    }
}

impl ProviderFacts {
    /// How long one call may take unless the entry says otherwise. Local models
    /// wait in a queue and may have to be loaded first.
    pub(super) fn timeout(&self) -> Duration {
        Duration::from_secs(match self.provider {
            Provider::Command => 300,
            _ if self.cloud => 120,
            _ => 600,
        })
    }
}

/// The provider of this name, whatever its case.
pub(super) fn by_name(name: &str) -> Option<&'static ProviderFacts> {
    PROVIDERS.iter().find(|facts| {
        facts
            .names
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name.trim()))
    })
}

/// Every name and alias.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    PROVIDERS.iter().flat_map(|facts| facts.names).copied()
}

/// The provider whose own API lives at this address, regional hosts included.
pub(super) fn by_host(url: &Url) -> Option<&'static ProviderFacts> {
    let host = url.host_str()?;
    PROVIDERS.iter().filter(|facts| facts.cloud).find(|facts| {
        let own = facts.base_url.and_then(|base| Url::parse(base).ok());
        let own = own.as_ref().and_then(Url::host_str).unwrap_or_default();
        host == own || host.ends_with(&format!(".{own}"))
    })
}

/// Splits `provider/model` where the part before the slash names a provider.
pub(super) fn prefix(model: &str) -> Option<(&'static ProviderFacts, &str)> {
    let (name, rest) = model.split_once('/')?;
    // `embedded/x` and `command/x` are ordinary names of models.
    let facts = by_name(name).filter(|facts| facts.base_url.is_some())?;
    (!rest.is_empty()).then_some((facts, rest))
}

/// The id that goes over the wire: without the provider's own prefix.
pub(super) fn model_id<'m>(model: &'m str, facts: &ProviderFacts) -> &'m str {
    match prefix(model) {
        Some((named, rest)) if named == facts => {
            // OpenRouter has models of its own, such as `openrouter/auto`; the
            // others are `vendor/model` there.
            if facts.dialect == Dialect::OpenRouter && !rest.contains('/') {
                model
            } else {
                rest
            }
        }
        _ => model,
    }
}

/// Settings that only Ollama knows.
const OLLAMA_ONLY: [&str; 14] = [
    "keep_alive",
    "think",
    "num_ctx",
    "num_gpu",
    "num_thread",
    "num_batch",
    "num_keep",
    "repeat_penalty",
    "repeat_last_n",
    "mirostat",
    "mirostat_eta",
    "mirostat_tau",
    "tfs_z",
    "typical_p",
];

/// Whether a setting belongs to other APIs and is refused, or means nothing, at
/// this one. Such a setting is not sent, and the owner is told.
///
/// Only settings that are known to be foreign are listed: a new one of the
/// provider's own must get through, and if it is wrong the provider says so.
/// OpenAI and Mistral have no `top_k`; Mistral has no log probabilities and
/// calls its seed `random_seed`; Anthropic and Gemini have `top_k`, but none of
/// OpenAI's fields. Ollama ignores what it does not know, and the compatible
/// servers differ, so that nothing is held back from either.
pub(super) fn is_foreign(setting: &str, provider: Provider, dialect: Dialect) -> bool {
    const OPENAI_ONLY: [&str; 7] = [
        "frequency_penalty",
        "presence_penalty",
        "logit_bias",
        "logprobs",
        "top_logprobs",
        "reasoning_effort",
        "verbosity",
    ];
    let own: &[&str] = match (provider, dialect) {
        (Provider::Ollama | Provider::Command | Provider::Embedded, _)
        | (Provider::OpenAi, Dialect::Compatible) => return false,
        (Provider::OpenAi, Dialect::OpenAi) => &["top_k", "min_p"],
        (Provider::OpenAi, Dialect::Mistral) => &[
            "top_k",
            "min_p",
            "logprobs",
            "top_logprobs",
            "logit_bias",
            "verbosity",
        ],
        (Provider::OpenAi, Dialect::OpenRouter) => &[],
        (Provider::Anthropic, _) => {
            if OPENAI_ONLY.contains(&setting) {
                return true;
            }
            &["seed", "min_p"]
        }
        (Provider::Gemini, _) => &["logit_bias", "reasoning_effort", "verbosity", "min_p"],
    };
    OLLAMA_ONLY.contains(&setting) || own.contains(&setting)
}

/// Settings that are easily written one level too high in an entry.
pub(super) fn is_setting(name: &str) -> bool {
    let common = [
        "max_tokens",
        "temperature",
        "top_p",
        "top_k",
        "seed",
        "stop",
        "reasoning_effort",
    ];
    common.contains(&name) || MAX_TOKENS.contains(&name) || OLLAMA_ONLY.contains(&name)
}

/// What the cap on output is called by one API or another.
pub(super) const MAX_TOKENS: [&str; 6] = [
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "maxOutputTokens",
    "max_new_tokens",
    "num_predict",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_stripped_only_where_it_names_the_provider() {
        for (provider, model, expected) in [
            ("anthropic", "anthropic/claude-x", "claude-x"),
            (
                "mistral",
                "mistral/pixtral-12b-latest",
                "pixtral-12b-latest",
            ),
            ("gemini", "google/gemini-x", "gemini-x"),
            ("google", "gemini/gemini-x", "gemini-x"),
            ("openrouter", "anthropic/claude-x", "anthropic/claude-x"),
            (
                "openrouter",
                "openrouter/anthropic/claude-x",
                "anthropic/claude-x",
            ),
            ("openrouter", "openrouter/auto", "openrouter/auto"),
            (
                "vllm",
                "mistralai/Pixtral-12B-2409",
                "mistralai/Pixtral-12B-2409",
            ),
            ("ollama", "llava:13b", "llava:13b"),
            ("ollama", "hf.co/some/model", "hf.co/some/model"),
        ] {
            let facts = by_name(provider).expect(provider);
            assert_eq!(model_id(model, facts), expected, "{provider} {model}");
        }
    }

    #[test]
    fn a_host_tells_the_provider_but_a_lookalike_does_not() {
        for (address, expected) in [
            ("https://api.openai.com/v1", Some("openai")),
            ("https://eu.api.openai.com/v1", Some("openai")),
            ("https://api.openai.com.example.org/v1", None),
            ("https://notapi.openai.com.evil/", None),
            ("http://127.0.0.1:9/v1", None),
        ] {
            let url = Url::parse(address).expect("an address");
            let found = by_host(&url).map(|facts| facts.names[0]);
            assert_eq!(found, expected, "{address}");
        }
    }

    #[test]
    fn foreign_settings_are_told_from_own_ones() {
        use {Dialect as D, Provider as P};
        for (setting, provider, dialect, foreign) in [
            ("top_k", P::OpenAi, D::OpenAi, true),
            ("top_k", P::OpenAi, D::Mistral, true),
            ("top_k", P::OpenAi, D::OpenRouter, false),
            ("top_k", P::OpenAi, D::Compatible, false),
            ("top_k", P::Anthropic, D::Compatible, false),
            ("top_k", P::Gemini, D::Compatible, false),
            ("top_k", P::Ollama, D::Compatible, false),
            ("num_ctx", P::Ollama, D::Compatible, false),
            ("num_ctx", P::Anthropic, D::Compatible, true),
            ("keep_alive", P::OpenAi, D::OpenRouter, true),
            ("temperature", P::OpenAi, D::OpenAi, false),
            ("logprobs", P::Anthropic, D::Compatible, true),
            ("a_setting_of_tomorrow", P::OpenAi, D::OpenAi, false),
        ] {
            assert_eq!(
                is_foreign(setting, provider, dialect),
                foreign,
                "{setting} {provider:?} {dialect:?}"
            );
        }
    }

    #[test]
    fn every_default_address_is_valid_and_every_name_is_unique() {
        for facts in &PROVIDERS {
            if let Some(base) = facts.base_url {
                assert!(Url::parse(base).is_ok(), "{base}");
            }
        }
        let mut all: Vec<_> = names().collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}

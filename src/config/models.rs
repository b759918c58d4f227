//! The checked entries of `models.yaml`.

use super::Authorities;
use super::ConfigError;
use crate::archive::{ContextField, ModelName, Usage, Usd};
use secrecy::SecretString;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;
use url::Url;

/// The entries of `models.yaml` by name.
pub type Models = BTreeMap<ModelName, ModelEntry>;

/// Which wire format an entry speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Provider {
    /// Ollama's native `/api/chat`.
    Ollama,
    /// Chat completions, by OpenAI or anything compatible.
    OpenAi,
    /// Anthropic's messages.
    Anthropic,
    /// Google's `generateContent`.
    Gemini,
    /// A local program.
    Command,
    /// The model inside the program; it looks at colours and light only.
    Embedded,
}

/// Which flavour of chat completions an API speaks. It means something for
/// [`Provider::OpenAi`] only, and is [`Dialect::Compatible`] for all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dialect {
    /// OpenAI itself, which calls the cap on output `max_completion_tokens`;
    /// all others call it `max_tokens`.
    OpenAi,
    /// Mistral.
    Mistral,
    /// OpenRouter.
    OpenRouter,
    /// Any other server that is compatible with OpenAI's: vLLM, llama.cpp,
    /// LM Studio, Ollama under `/v1`, gateways.
    Compatible,
}

/// One model that altfill can ask.
#[derive(Clone, Debug)]
pub struct ModelEntry {
    /// Its name in `models.yaml`.
    pub name: ModelName,
    /// Its wire format.
    pub provider: Provider,
    /// The flavour of that format.
    pub dialect: Dialect,
    /// Whether photos leave the owner's machines.
    pub cloud: bool,
    /// One line for people.
    pub description: Option<String>,
    /// The provider's id of the model, without a `provider/` prefix.
    pub model: String,
    /// Where its API lives, version included (`https://api.openai.com/v1`,
    /// `https://api.anthropic.com/v1`, `http://127.0.0.1:11434/`): the paths of
    /// the wire format follow, with or without a slash at the end. Always set
    /// except for programs and the embedded model.
    pub base_url: Option<Url>,
    /// Certificate authorities that its server may have beside the machine's own.
    pub authorities: Option<Authorities>,
    /// The variable its key comes from; `None` where it needs no key. Where
    /// several may hold it and none is set: all, joined with "or".
    pub api_key_env: Option<String>,
    /// The file its key comes from, where the entry names one.
    pub api_key_file: Option<PathBuf>,
    /// The key, where that variable is set.
    pub api_key: Option<SecretString>,
    /// All variables that may hold its key, set or not.
    pub key_variables: Vec<String>,
    /// Variables with secrets of others (the site's token, other models' keys):
    /// a program started for [`Provider::Command`] does not get them.
    pub withheld: BTreeSet<String>,
    /// The entry's own prompt; `None` means the built-in one.
    pub prompt: Option<String>,
    /// Cap on output tokens; always sent.
    pub max_tokens: u32,
    /// Further sampling settings as the person wrote them (`temperature`,
    /// `top_p`, `top_k`, `num_ctx`, `think`, `keep_alive`, …), without
    /// `max_tokens`, without those listed in `omit`, and without those in
    /// `unsent`: all of these may be sent.
    pub settings: BTreeMap<String, serde_json::Value>,
    /// Settings that the person wrote, but that this API does not have (`top_k`
    /// at OpenAI and Mistral, say): not sent, and the person is warned.
    pub unsent: BTreeSet<String>,
    /// Settings that this model refuses, never sent.
    pub omit: BTreeSet<String>,
    /// What it costs; `None` means unknown, which is not zero.
    pub price: Option<Price>,
    /// How fast it may be asked.
    pub limits: ModelLimits,
    /// How the photo is prepared for it.
    pub image: ImageSettings,
    /// The context it may see; `None` means all that the settings allow.
    pub context: Option<BTreeSet<ContextField>>,
    /// The program and its arguments, for [`Provider::Command`].
    pub command: Vec<String>,
}

impl ModelEntry {
    /// Whether calls cost no money: it runs at home and has no price.
    pub fn costs_nothing(&self) -> bool {
        !self.cloud && self.price.is_none()
    }

    /// Where its key comes from, in words: a variable's name, or a file.
    pub fn key_place(&self) -> Option<String> {
        let file = self.api_key_file.as_ref();
        let file = file.map(|file| format!("the file {}", file.display()));
        self.api_key_env.clone().or(file)
    }

    /// Whether the model can be asked at all: its key, if it needs one, is set.
    ///
    /// # Errors
    /// [`ConfigError::NoKey`], which names the variable.
    pub fn ready(&self) -> Result<(), ConfigError> {
        match (&self.api_key_env, &self.api_key) {
            (Some(variable), None) => Err(ConfigError::NoKey {
                model: self.name.to_string(),
                variable: variable.clone(),
            }),
            _ => Ok(()),
        }
    }
}

/// Says for each entry which variables hold secrets of others: `others` (the
/// site's token and what else the settings name), the keys of all other entries,
/// and where a service's credentials are. What an entry names itself is its own.
pub(super) fn withhold<'a>(models: &mut Models, others: impl IntoIterator<Item = &'a str>) {
    let secrets: BTreeSet<String> = models
        .values()
        .flat_map(|entry| entry.key_variables.iter().cloned())
        .chain(others.into_iter().map(str::to_owned))
        .chain([super::environment::CREDENTIALS.to_owned()])
        .collect();
    for entry in models.values_mut() {
        let own = &entry.key_variables;
        entry.withheld = secrets
            .iter()
            .filter(|name| !own.contains(name))
            .cloned()
            .collect();
    }
}

/// US dollars per million tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Price {
    /// Input.
    pub input: f64,
    /// Output, thinking included.
    pub output: f64,
}

impl Price {
    /// What these tokens cost.
    pub fn of(self, usage: Usage) -> Usd {
        Usd((usage.input as f64 * self.input + usage.output as f64 * self.output) / 1e6)
    }
}

/// How fast a model may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelLimits {
    /// Calls in flight; `None` means as many as the run allows.
    pub concurrency: Option<usize>,
    /// Requests a minute.
    pub requests_per_minute: Option<u32>,
    /// Tokens a minute, in and out.
    pub tokens_per_minute: Option<u32>,
    /// How long one call may take, queueing and loading included.
    pub timeout: Duration,
}

/// How a photo is prepared for a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageSettings {
    /// The longer edge in pixels; smaller photos are not enlarged.
    pub long_edge: u32,
    /// The `detail` that OpenAI-style requests carry, where configured.
    pub detail: Option<String>,
}

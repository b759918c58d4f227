//! Everything about models: the conversation that is sent, one file per wire
//! format, and all HTTP to models.

mod allowance;
mod anthropic;
pub mod bodies;
mod chat;
mod checkup;
mod command;
mod embedded;
mod ending;
mod fault;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod gemini;
mod glance;
mod http;
mod identity;
mod load;
mod local;
mod ollama;
mod openai;
mod picture;
mod process;
mod prompt;
mod recipe;
mod settings;
#[cfg(any(test, fuzzing))]
#[cfg_attr(fuzzing, allow(dead_code))]
mod testing;
mod tokens;
mod vision;
mod wait;

pub use allowance::{allowances, hold};
pub use checkup::{Checkup, checkup, out_of_tokens};
pub use fault::page;
pub use glance::{Glance, glance};
pub use identity::is_another_model;
pub use load::{Load, load};
pub use local::{LocalModel, local_models};
pub use prompt::{PROMPT_VERSION, Prompt, conversation, prompt, prompt_fingerprint};
pub use recipe::settings_fingerprint;
pub use settings::raised_cap;
pub use tokens::estimate;
pub use vision::{Vision, vision};

use crate::archive::{Ending, Jpeg, RawReply, Unanswered, Usage};
use crate::config::{ModelEntry, Provider};
use async_trait::async_trait;
use std::sync::Arc;

/// What is said to a model, in the terms of every provider.
#[derive(Clone, Debug)]
pub struct Conversation {
    /// Standing instructions; a wire format without a place for them puts them
    /// before the first turn's text.
    pub system: Option<String>,
    /// The turns, the oldest first; the last one is the user's.
    pub turns: Vec<Turn>,
    /// The cap on output tokens, where it is another than the entry's.
    pub cap: Option<u32>,
}

/// Who says a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// We, on behalf of a person.
    User,
    /// The model.
    Assistant,
}

/// One turn of a conversation.
#[derive(Clone, Debug)]
pub struct Turn {
    /// Who says it.
    pub role: Role,
    /// Its parts, in order; images come before the text that speaks of them.
    pub parts: Vec<Part>,
}

/// A piece of a turn.
#[derive(Clone, Debug)]
pub enum Part {
    /// Plain text.
    Text(String),
    /// An image.
    Image(Jpeg),
}

/// One model, ready to be asked. An implementation keeps no limits and retries
/// nothing: the caption stage does both, so that every attempt is counted.
#[async_trait]
pub trait Model: Send + Sync {
    /// Sends one request and waits for the whole reply, at most for the
    /// entry's timeout.
    async fn send(&self, conversation: &Conversation) -> Result<RawReply, Unanswered>;

    /// Makes the model ready to answer within its timeout: a local server that
    /// loads models on demand loads this one now, however long that takes. Costs
    /// nothing, and may be done again at any time.
    ///
    /// # Errors
    /// What is wrong, as the ending of a call would say it: the server is down,
    /// doesn't have the model, or the model can't see. Whatever is not certain
    /// is no error here; the first call will tell.
    async fn warm_up(&self) -> Result<(), Ending> {
        Ok(())
    }

    /// Says what a reply means. Pure: a stored reply is judged the same way.
    fn judge(&self, reply: &RawReply) -> Ending;

    /// The tokens a request is expected to use, by the model's documented image
    /// arithmetic where there is one; the output at its cap.
    fn estimate(&self, conversation: &Conversation) -> Usage;
}

/// Why an entry of `models.yaml` can't be used at all.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The variable that should hold its key is not set.
    #[error("model `{model}`: the variable {variable} is not set; set it to the provider's key")]
    NoKey {
        /// The entry.
        model: String,
        /// The variable named by `api_key_env`.
        variable: String,
    },
    /// The key contains what no HTTP header can carry.
    #[error("model `{model}`: the key in {variable} contains characters that no key has")]
    BadKey {
        /// The entry.
        model: String,
        /// The variable named by `api_key_env`.
        variable: String,
    },
    /// There is no address to send requests to.
    #[error("model `{model}`: its address is unusable ({reason}); set `base_url`")]
    BadAddress {
        /// The entry.
        model: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A `command` entry without a program.
    #[error("model `{model}`: `command` is empty; it lists the program and its arguments")]
    NoCommand {
        /// The entry.
        model: String,
    },
    /// The HTTP client could not be set up, for example for lack of
    /// certificates on this machine.
    #[error("model `{model}`: no HTTP client could be set up")]
    Client {
        /// The entry.
        model: String,
        /// What the HTTP library said.
        #[source]
        source: reqwest::Error,
    },
}

/// Makes an entry ready to be asked. Nothing is sent; the HTTP client, with its
/// connections, is built here once.
pub fn connect(entry: &ModelEntry) -> Result<Arc<dyn Model>, ModelError> {
    settings::warn_of_dropped(entry);
    Ok(match entry.provider {
        Provider::Ollama => Arc::new(ollama::Ollama::new(entry)?),
        Provider::OpenAi => Arc::new(openai::OpenAi::new(entry)?),
        Provider::Anthropic => Arc::new(anthropic::Anthropic::new(entry)?),
        Provider::Gemini => Arc::new(gemini::Gemini::new(entry)?),
        Provider::Command => Arc::new(command::Command::new(entry)?),
        Provider::Embedded => Arc::new(embedded::Embedded),
    })
}

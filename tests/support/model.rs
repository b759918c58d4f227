//! Fake models: one server per wire format, strict about requests, scripted
//! about replies, with a log of every call.

mod anthropic;
mod calls;
mod gemini;
mod mistral;
mod ollama;
mod openai;
mod strict;

pub(crate) use calls::Call;
pub(crate) use openai::OutputCap;

use super::MODEL_KEY;
use super::http::Server;
use super::photos::ImageFacts;
use super::script::{Act, Instead, When};
use calls::Backend;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The wire format that a fake model speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Face {
    /// `POST /v1/chat/completions`.
    OpenAi,
    /// `POST /api/chat`.
    Ollama,
    /// `POST /v1/messages`.
    Anthropic,
    /// `POST /v1beta/models/{model}:generateContent`.
    Gemini,
}

/// How closely a fake model looks at images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Looks {
    /// Decodes every different image once.
    #[default]
    Closely,
    /// Only hashes the text of the image; for load tests.
    Barely,
}

/// What a fake model expects and does, beside its script.
pub(crate) struct Manners {
    pub(crate) face: Face,
    pub(crate) key: String,
    pub(crate) latency: Duration,
    pub(crate) looks: Looks,
    pub(crate) output_cap: OutputCap,
    /// Whether it is Mistral's API, which knows other fields.
    pub(crate) mistral: bool,
    /// Whether a setting such as `temperature` is refused, as by models that
    /// reason.
    pub(crate) refused_settings: Vec<String>,
    /// How long a connection may be idle.
    pub(crate) longest_idle: Option<Duration>,
}

/// A request, understood.
pub(crate) struct Asked {
    pub(crate) model: String,
    /// All its texts, joined by newlines, the system text first.
    pub(crate) prompt: String,
    /// The base64 texts of its images, in order.
    pub(crate) images: Vec<String>,
}

/// Token counts of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tokens {
    /// Prompt and images.
    pub(crate) input: u64,
    /// The text.
    pub(crate) output: u64,
}

/// A model server, listening on loopback until it is dropped.
pub(crate) struct FakeModel {
    server: Server,
    backend: Arc<Backend>,
}

impl FakeModel {
    /// Starts a server that speaks OpenAI's chat completions.
    pub(crate) fn openai() -> Self {
        Self::start(Face::OpenAi)
    }

    /// Starts a server that speaks Mistral's chat completions.
    pub(crate) fn mistral() -> Self {
        let model = Self::start(Face::OpenAi);
        model.backend.state().manners.mistral = true;
        model.output_cap(OutputCap::MaxTokens);
        model
    }

    /// Starts a server that speaks Ollama's native API.
    pub(crate) fn ollama() -> Self {
        Self::start(Face::Ollama)
    }

    /// Starts a server that speaks Anthropic's messages.
    pub(crate) fn anthropic() -> Self {
        Self::start(Face::Anthropic)
    }

    /// Starts a server that speaks Google's `generateContent`.
    pub(crate) fn gemini() -> Self {
        Self::start(Face::Gemini)
    }

    fn start(face: Face) -> Self {
        let backend = Arc::new(Backend::new(Manners {
            face,
            key: MODEL_KEY.to_owned(),
            latency: Duration::ZERO,
            looks: Looks::default(),
            output_cap: OutputCap::default(),
            mistral: false,
            refused_settings: Vec::new(),
            longest_idle: None,
        }));
        Self {
            server: Server::start(Arc::clone(&backend)),
            backend,
        }
    }

    /// Which wire format it speaks.
    pub(crate) fn face(&self) -> Face {
        self.backend.state().manners.face
    }

    /// Scheme, host and port, without a slash at the end.
    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    /// The address as `base_url` in models.yaml has it, with the version where
    /// the service's own clients put it there.
    pub(crate) fn base_url(&self) -> String {
        match self.face() {
            Face::OpenAi | Face::Anthropic => format!("{}/v1", self.url()),
            Face::Gemini => format!("{}/v1beta", self.url()),
            Face::Ollama => self.url(),
        }
    }

    /// How long every call takes, beside what the script adds.
    pub(crate) fn latency(&self, latency: Duration) {
        self.backend.state().manners.latency = latency;
    }

    /// How closely it looks at images.
    pub(crate) fn looks(&self, looks: Looks) {
        self.backend.state().manners.looks = looks;
    }

    /// Under which name an OpenAI-style request has to limit the output.
    pub(crate) fn output_cap(&self, cap: OutputCap) {
        self.backend.state().manners.output_cap = cap;
    }

    /// Refuses a setting, as models that reason refuse `temperature`.
    pub(crate) fn refuses_setting(&self, name: &str) {
        let mut state = self.backend.state();
        state.manners.refused_settings.push(name.to_owned());
    }

    /// Resets requests on connections that were idle for so long.
    pub(crate) fn longest_idle(&self, time: Duration) {
        self.backend.state().manners.longest_idle = Some(time);
    }

    /// Wants another key from now on.
    pub(crate) fn key(&self, key: &str) {
        key.clone_into(&mut self.backend.state().manners.key);
    }

    /// Misbehaves; of several rules that take a request, the first one counts.
    /// Requests that break the format are refused before the script is asked.
    pub(crate) fn script(&self, when: When, act: Act) {
        let fits = act.instead != Instead::KeepOld;
        assert!(fits, "a model keeps nothing: {act:?}");
        self.backend.state().acts.add(when, act);
    }

    /// Behaves again.
    pub(crate) fn behave(&self) {
        self.backend.state().acts.clear();
    }

    /// Refuses connections for a time.
    pub(crate) fn down_for(&self, time: Duration) {
        self.server.down_for(time);
    }

    /// Every call so far, in the order of arrival. What only asks what the
    /// server has (`/api/tags`, `/v1/models`) is no call.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.backend.state().calls.clone()
    }

    /// How many calls there were so far.
    pub(crate) fn count(&self) -> usize {
        self.backend.state().calls.len()
    }

    /// The captions that were sent off whole with status 200.
    pub(crate) fn captions(&self) -> Vec<String> {
        let calls = self.calls();
        calls.into_iter().filter_map(|call| call.caption).collect()
    }

    /// Most calls that were in flight at one time.
    pub(crate) fn most_in_flight(&self) -> usize {
        self.backend.state().most_in_flight
    }

    /// Everything that was wrong with requests so far.
    pub(crate) fn violations(&self) -> Vec<String> {
        self.backend.state().violations.clone()
    }

    /// What is known of an image by its hash in a [`Call`].
    pub(crate) fn image(&self, hash: &str) -> Option<ImageFacts> {
        self.backend.state().known_image(hash)
    }

    /// The file of an image by its hash in a [`Call`].
    pub(crate) fn picture(&self, hash: &str) -> Option<Vec<u8>> {
        self.backend.state().pictures.get(hash).cloned()
    }

    /// From the arrival of the first call to the end of the last one.
    pub(crate) fn span(&self) -> Duration {
        let calls = self.calls();
        let start = calls.iter().map(|call| call.started).min();
        let end = calls.iter().filter_map(|call| call.ended).max();
        match (start, end) {
            (Some(start), Some(end)) => end.saturating_duration_since(start),
            _ => Duration::ZERO,
        }
    }

    /// Calls that arrived since a moment.
    pub(crate) fn calls_since(&self, moment: Instant) -> Vec<Call> {
        let calls = self.calls();
        calls
            .into_iter()
            .filter(|call| call.started >= moment)
            .collect()
    }

    /// Forgets calls and violations, so that a second part of a test can count
    /// from zero. The captions' numbers go on.
    pub(crate) fn forget(&self) {
        let mut state = self.backend.state();
        state.calls.clear();
        state.violations.clear();
        state.most_in_flight = 0;
    }
}

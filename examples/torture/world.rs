//! What the fakes of one seed share: the site's truth, every model call, the
//! weather, and the moment at which the program is killed.

use super::captions::Saying;
use super::dice::Dice;
use super::history::{Errand, History};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How bad things are during one execution: probabilities for each request.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Weather {
    /// A hostile answer.
    pub(crate) hostile: f64,
    /// A short wait before the answer.
    pub(crate) slow: f64,
    /// A write that lands after its sender gave up.
    pub(crate) late: f64,
    /// A site that accepts a write and doesn't make it.
    pub(crate) pretends: f64,
    /// A person who edits at this very moment.
    pub(crate) edits: f64,
    /// A caption that must not be published.
    pub(crate) bad_text: f64,
}

/// When the program is killed by a request: at the n-th one, before or after it
/// is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trigger {
    /// Requests until then.
    pub(crate) after: u64,
    /// Whether the request is carried out first.
    pub(crate) executed: bool,
    /// What is sent.
    pub(crate) signal: Signal,
}

/// What a site does in its own way, for a whole seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Manners {
    /// It sends entity tags and honours `If-Match`.
    pub(crate) conditional: bool,
    /// What it answers to a change.
    pub(crate) patch_reply: PatchReply,
    /// It escapes ampersands and quotes and folds white space.
    pub(crate) cleans: bool,
}

/// What a site answers to a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PatchReply {
    /// The record as it is now.
    Item,
    /// Nothing, with 204.
    NoContent,
    /// Nothing, with 200.
    Empty,
    /// A page.
    Html,
}

/// One call of a model that arrived.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// The photo, where the prompt names one.
    pub(crate) photo: Option<String>,
    /// What it was about: model, prompt and image.
    pub(crate) key: String,
    /// In which execution.
    pub(crate) run: u64,
    /// What was said, where it left whole and was no error.
    pub(crate) said: Option<Saying>,
    /// The image that the client had been given last for this photo.
    pub(crate) pixels: Option<u32>,
    /// How long the answer was kept back, in milliseconds.
    pub(crate) delay: u64,
}

/// A text that was sent to the site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    /// For which photo.
    pub(crate) photo: String,
    /// The text.
    pub(crate) alt: String,
    /// The mark.
    pub(crate) verified: Option<u8>,
    /// What the execution was for.
    pub(crate) errand: Errand,
}

/// Everything that happens.
pub(crate) struct World {
    /// The chance of this seed.
    pub(crate) dice: Dice,
    /// The site's truth.
    pub(crate) history: History,
    /// The site's own way.
    pub(crate) manners: Manners,
    /// The token that the site wants now.
    pub(crate) token: String,
    /// How bad things are.
    pub(crate) weather: Weather,
    /// The execution that is on.
    pub(crate) run: u64,
    /// What it is for.
    pub(crate) errand: Errand,
    /// Whether it still runs.
    pub(crate) runs: bool,
    /// Its process.
    pub(crate) process: Option<Pid>,
    /// When it is killed.
    pub(crate) trigger: Option<Trigger>,
    /// Requests of this execution.
    pub(crate) requests: u64,
    /// Model calls, all of them.
    pub(crate) calls: Vec<Call>,
    /// So many of them were made after the moment that this world went back to.
    pub(crate) forgotten: usize,
    /// What was asked and is known to be paid for and kept.
    pub(crate) paid: HashMap<String, u64>,
    /// Texts that were sent to the site.
    pub(crate) sent: Vec<Sent>,
    /// Which image each photo's reader was given last.
    pub(crate) given: HashMap<String, u32>,
    /// The n-th request of a kind for a photo, for the dice.
    pub(crate) counts: HashMap<String, u64>,
    /// Faults by kind.
    pub(crate) faults: BTreeMap<String, u64>,
    /// Photos whose caption no model can make.
    pub(crate) refused: Vec<String>,
    /// Writes that are still to land late.
    pub(crate) on_their_way: u64,
    /// Numbers the texts that people write.
    pub(crate) words: u64,
}

impl World {
    /// An empty site.
    pub(crate) fn new(seed: u64, manners: Manners) -> Self {
        Self {
            dice: Dice::new(seed),
            history: History::default(),
            manners,
            token: super::support::SITE_TOKEN.to_owned(),
            weather: Weather::default(),
            run: 0,
            errand: Errand::Look,
            runs: false,
            process: None,
            trigger: None,
            requests: 0,
            calls: Vec::new(),
            forgotten: 0,
            paid: HashMap::new(),
            sent: Vec::new(),
            given: HashMap::new(),
            counts: HashMap::new(),
            faults: BTreeMap::new(),
            refused: Vec::new(),
            on_their_way: 0,
            words: 0,
        }
    }

    /// Counts a fault.
    pub(crate) fn fault(&mut self, kind: impl Into<String>) {
        *self.faults.entry(kind.into()).or_default() += 1;
    }

    /// How often this was asked for before.
    pub(crate) fn nth(&mut self, what: &str, whose: &str) -> u64 {
        let count = self.counts.entry(format!("{what} {whose}")).or_default();
        *count += 1;
        *count
    }

    /// Words that no other person wrote.
    pub(crate) fn words_of_a_person(&mut self) -> String {
        self.words += 1;
        format!("My own words about this day, no. {}", self.words)
    }

    /// The image that a text was made from, where a model wrote it.
    pub(crate) fn made_from(&self, text: &str) -> Option<u32> {
        let wrote = |call: &&Call| {
            let said = call
                .said
                .as_ref()
                .and_then(|said| said.publishable.as_ref());
            said.is_some_and(|said| said == text)
        };
        self.calls.iter().rev().find(wrote)?.pixels
    }

    /// A request arrived, or was carried out: is this the moment to kill?
    pub(crate) fn strikes(&mut self, executed: bool) {
        let Some(trigger) = self.trigger else { return };
        let now = self.requests == trigger.after && executed == trigger.executed;
        if let Some(process) = self.process.filter(|_| now) {
            self.trigger = None;
            // One that has ended by itself doesn't mind.
            let _ = kill(process, trigger.signal);
        }
    }
}

/// The world behind its lock.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<World>>);

impl Shared {
    /// Shares a world.
    pub(crate) fn new(world: World) -> Self {
        Self(Arc::new(Mutex::new(world)))
    }

    /// The world, locked.
    pub(crate) fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! The configured models: the first, then its fallbacks; each with its pace,
//! its health and its recipe.

use super::shared::Shared;
use crate::archive::{Ended, Ending, Fingerprint, Language, ModelName, Recipe, Reply, Usage, Usd};
use crate::checkpoint::Worth;
use crate::config::{ContextPolicy, ModelEntry, Provider, Settings};
use crate::model::{self, Load, Model, ModelError};
use crate::pace::{Lease, Leased, Limits, Pace};
use crate::photo::PREPARATION;
use crate::policy::retry;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The first wait in an outage; doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// The longest wait in an outage, so that its end is noticed soon.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// The models of a run.
pub struct Chain {
    members: Vec<Member>,
    /// Calls in flight over all models: `run.concurrency`.
    pub(super) calls: Semaphore,
}

/// Why the chain can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// A model can't be connected to.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A name is not in `models.yaml`. The settings are checked before, so this
    /// is met only when they were made by hand.
    #[error("there is no model \"{0}\" in models.yaml")]
    Unknown(ModelName),
}

/// One model of the chain.
pub(super) struct Member {
    pub(super) entry: ModelEntry,
    pub(super) model: Arc<dyn Model>,
    pub(super) pace: Pace,
    pub(super) probing: tokio::sync::Mutex<()>,
    /// The lease of the local server that loads it, and what that has to hold.
    lease: Option<(Arc<Lease>, Load)>,
    /// Whether it was made ready since it was in trouble last.
    ready: tokio::sync::Mutex<bool>,
    told_of_cap: AtomicBool,
    given_up: CancellationToken,
    /// Whether it was told already that another model answers.
    told_another: AtomicBool,
    health: Mutex<Health>,
}

#[derive(Debug, Default)]
struct Health {
    down: Option<Down>,
    trouble_since: Option<Instant>,
    rounds: u32,
    /// When the latest of the calls that gave a useful reply was sent.
    last_good: Option<Instant>,
}

/// Why a model is not asked any more in this run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Down {
    /// It was down for longer than our patience.
    Outage(String),
    /// Its quota or balance is used up.
    Quota(String),
    /// It fails on everything, the built-in test image included.
    Broken(String),
}

/// What to do about a model in trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Its gate was closed for this long; then try again.
    Wait(Duration),
    /// Its gate is closed already.
    Waits,
    /// Our patience is over.
    Down,
}

impl Chain {
    /// Connects to the configured models.
    pub fn connect(settings: &Settings) -> Result<Self, ChainError> {
        let mut leases: HashMap<String, Arc<Lease>> = HashMap::new();
        let members = settings
            .chain
            .iter()
            .map(|name| {
                let entry = settings
                    .models
                    .get(name)
                    .ok_or_else(|| ChainError::Unknown(name.clone()))?;
                let mut member = Member::new(
                    entry.clone(),
                    model::connect(entry)?,
                    settings.run.concurrency,
                );
                member.lease = model::load(entry).map(|load| {
                    let lease = leases.entry(load.server.clone()).or_default();
                    (Arc::clone(lease), load)
                });
                Ok(member)
            })
            .collect::<Result<_, ChainError>>()?;
        Ok(Self {
            members,
            calls: Semaphore::new(settings.run.concurrency.max(1)),
        })
    }

    /// A chain of models that are connected already, in this order, for
    /// simulations. `concurrency` is the number of calls in flight over all.
    pub fn of(models: Vec<(ModelEntry, Arc<dyn Model>)>, concurrency: usize) -> Self {
        let concurrency = concurrency.max(1);
        let members = models
            .into_iter()
            .map(|(entry, model)| Member::new(entry, model, concurrency));
        Self {
            members: members.collect(),
            calls: Semaphore::new(concurrency),
        }
    }

    /// No models, for runs that ask none.
    pub fn empty() -> Self {
        Self {
            members: Vec::new(),
            calls: Semaphore::new(1),
        }
    }

    pub(super) fn members(&self) -> &[Member] {
        &self.members
    }

    pub(super) fn member(&self, index: usize) -> &Member {
        &self.members[index]
    }

    /// The recipes of all models, in their order.
    pub(super) fn recipes(&self, language: &Language, context: &ContextPolicy) -> Vec<Recipe> {
        self.members
            .iter()
            .map(|member| member.recipe(language, context))
            .collect()
    }
}

impl Member {
    fn new(entry: ModelEntry, model: Arc<dyn Model>, concurrency: usize) -> Self {
        let limits = Limits {
            concurrency: entry
                .limits
                .concurrency
                .unwrap_or(concurrency)
                .min(concurrency),
            requests_per_second: entry
                .limits
                .requests_per_minute
                .map(|per_minute| f64::from(per_minute) / 60.0),
            tokens_per_minute: entry.limits.tokens_per_minute,
        };
        Self {
            entry,
            model,
            pace: Pace::new(limits),
            probing: tokio::sync::Mutex::default(),
            lease: None,
            ready: tokio::sync::Mutex::default(),
            told_of_cap: AtomicBool::new(false),
            given_up: CancellationToken::new(),
            told_another: AtomicBool::new(false),
            health: Mutex::default(),
        }
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn recipe(&self, language: &Language, context: &ContextPolicy) -> Recipe {
        let fields: Vec<&str> = context
            .fields
            .iter()
            .filter(|field| {
                self.entry
                    .context
                    .as_ref()
                    .is_none_or(|may| may.contains(field))
            })
            .map(|field| field.as_str())
            .collect();
        let hash = Fingerprint::new("recipe")
            .part(
                "settings",
                model::settings_fingerprint(&self.entry).as_bytes(),
            )
            .part("prompt", model::prompt_fingerprint(&self.entry).as_bytes())
            .part("preparation", PREPARATION.as_bytes())
            .part("long edge", &self.entry.image.long_edge.to_le_bytes())
            .part("language", language.as_str().as_bytes())
            .part("context", fields.join(",").as_bytes())
            .part(
                "notes",
                context.notes.as_deref().unwrap_or_default().as_bytes(),
            );
        Recipe::new(hash.finish())
    }

    /// What a use of tokens costs; `None` where no price is known.
    pub(super) fn cost(&self, usage: Usage) -> Option<Usd> {
        self.entry.price.map(|price| price.of(usage))
    }

    /// What a reply is worth. No prompt has no tokens, and no text has: a server
    /// that says so has not counted.
    pub(super) fn worth(&self, reply: &Reply) -> Worth {
        let counts = |usage: &Usage| {
            self.entry.provider == Provider::Embedded
                || usage.input > 0 && (usage.output > 0 || reply.text.is_empty())
        };
        let usage = reply.usage.filter(counts);
        Worth {
            usage,
            cost: usage.and_then(|usage| self.cost(usage)),
            answered: reply.model.clone(),
        }
    }

    /// Waits until its server is not in use with another model of the chain.
    pub(super) async fn lease(&self) -> Option<Leased<'_>> {
        let (lease, load) = self.lease.as_ref()?;
        Some(lease.take(&load.what).await)
    }

    /// Makes it ready to answer within its timeout: once, and again after
    /// trouble, since a server that was down has loaded nothing.
    pub(super) async fn ready(&self) -> Result<(), Ending> {
        let mut ready = self.ready.lock().await;
        let trouble = self.health().trouble_since.is_some();
        if *ready && !trouble {
            return Ok(());
        }
        *ready = false;
        self.model.warm_up().await?;
        *ready = true;
        Ok(())
    }

    /// Says once that replies end at the cap, since each of them is paid twice.
    pub(super) fn tell_of_cap(&self, shared: &Shared, raised: u32) {
        if self.told_of_cap.swap(true, Ordering::Relaxed) {
            return;
        }
        let Member { entry, .. } = self;
        let name = &entry.name;
        shared.notice(format!(
            "{name}: a reply ended at its cap of {} tokens and is asked for again with {raised}; \
             a larger `max_tokens` in its settings would spare that second call",
            entry.max_tokens
        ));
    }

    /// Why it is not asked any more.
    pub(super) fn down(&self) -> Option<Down> {
        self.health().down.clone()
    }

    /// Gives it up for this run; `false` if somebody did so before.
    pub(super) fn set_down(&self, down: Down) -> bool {
        let mut health = self.health();
        let first = health.down.is_none();
        health.down.get_or_insert(down);
        drop(health);
        self.given_up.cancel();
        first
    }

    /// Resolves once it is given up: nobody has to wait for it any longer.
    pub(super) async fn given_up(&self) {
        self.given_up.cancelled().await;
    }

    /// It gave a useful reply to a call that was sent at this moment.
    pub(super) fn good(&self, sent: Instant) {
        let mut health = self.health();
        health.last_good = health.last_good.max(Some(sent));
        health.trouble_since = None;
        health.rounds = 0;
    }

    /// What a person should know, once, when the name in a reply is another
    /// model's: a server that ignores a wrong name looks like a good one.
    pub(super) fn another(&self, answered: Option<&str>) -> Option<String> {
        let answered = answered.filter(|name| model::is_another_model(&self.entry.model, name))?;
        (!self.told_another.swap(true, Ordering::Relaxed)).then(|| {
            format!(
                "{}: asked for {}, but {answered} answers; is that the model you mean?",
                self.entry.name, self.entry.model
            )
        })
    }

    /// Whether it was given up because it fails on everything.
    pub(super) fn is_broken(&self) -> bool {
        matches!(self.health().down, Some(Down::Broken(_)))
    }

    /// Whether it gave any useful reply in this run.
    pub(super) fn has_answered(&self) -> bool {
        self.health().last_good.is_some()
    }

    /// Whether it gave a useful reply to a call that was sent after this moment.
    /// A reply that only arrived after it says nothing: the model may have broken
    /// in between.
    pub(super) fn good_since(&self, moment: Instant) -> bool {
        self.health().last_good.is_some_and(|good| good >= moment)
    }

    /// It is down or limits us: closes its gate for a while, unless that is on
    /// already or our patience is over.
    pub(super) fn trouble(
        &self,
        asked: Option<Duration>,
        why: &str,
        patience: Duration,
    ) -> Trouble {
        let mut health = self.health();
        let now = Instant::now();
        let since = *health.trouble_since.get_or_insert(now);
        let left = patience.saturating_sub(now - since);
        if self.pace.paused().is_some() {
            return Trouble::Waits;
        }
        // Times out of a header may be beyond any clock: nothing is added to now.
        if left.is_zero() || asked.is_some_and(|asked| asked > left) {
            return Trouble::Down;
        }
        self.pace.slow_down();
        health.rounds += 1;
        let backoff = retry::backoff(health.rounds, FIRST_WAIT, LONGEST_WAIT, fastrand::f64());
        let wait = match asked {
            // Whoever says "now" again and again is not to be believed.
            Some(asked) if asked < FIRST_WAIT && health.rounds > 1 => asked.max(backoff),
            Some(asked) => asked,
            None => backoff,
        };
        // One last look at the end of our patience, not after it.
        let wait = wait.min(left);
        self.pace.pause(wait, why);
        Trouble::Wait(wait)
    }
}

impl Down {
    /// How the run ends when no other model is left; `None`: it can't go on.
    pub(super) fn ended(&self) -> Option<Ended> {
        match self {
            Self::Outage(_) => Some(Ended::Outage),
            Self::Quota(_) => Some(Ended::Quota),
            Self::Broken(_) => None,
        }
    }

    pub(super) fn why(&self) -> &str {
        match self {
            Self::Outage(why) | Self::Quota(why) | Self::Broken(why) => why,
        }
    }
}

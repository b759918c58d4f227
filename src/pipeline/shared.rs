//! What all stages of one run share, and the one place where a photo's way ends.

use super::chain::Chain;
use super::fresh::Quickest;
use super::items::Looked;
use super::limit::Limit;
use super::proof::Proof;
use super::throttle::Throttle;
use super::{Action, Event, Observer, Outcome, Plan, Settled, Stop, Summary};
use crate::archive::{Moment, PhotoId, PixelVersion, Recipe, RunNumber, Skip};
use crate::checkpoint::{Checkpoint, CheckpointError, Failure};
use crate::model::Prompt;
use crate::model::bodies::Bodies;
use crate::policy::{Asked, Budget, retry};
use crate::site::{Site, SiteError};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore};

/// Answers in a row that are not what the API would say, from different photos,
/// before the address (and not the photos) is to blame.
const STRANGE_ANSWERS: u32 = 5;

pub(super) struct Shared {
    pub(super) plan: Plan,
    pub(super) run: RunNumber,
    pub(super) site: Arc<dyn Site>,
    pub(super) checkpoint: Checkpoint,
    pub(super) chain: Arc<Chain>,
    pub(super) recipes: Vec<Recipe>,
    pub(super) stop: Stop,
    pub(super) limit: Limit,
    pub(super) budget: Mutex<Budget>,
    pub(super) budget_changed: Notify,
    /// Keeps requests and replies, where the owner asked for it.
    pub(super) bodies: Option<Arc<Bodies>>,
    /// Images decoded at once: as many as there are processors.
    pub(super) decoding: Semaphore,
    /// Megabytes that pictures being decoded may take together.
    pub(super) memory: Semaphore,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) summary: Mutex<Summary>,
    pub(super) strange: Strange,
    /// Whether writing to this site is known to work.
    pub(super) proof: Proof,
    /// What writes know of the site's limits.
    pub(super) throttle: Throttle,
    /// How quickly the site shows a photo.
    pub(super) quickest: Quickest,
}

/// Bytes in the unit of [`Shared::memory`], rounded up and never nothing.
pub(super) fn megabytes(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(1_000_000).max(1)).unwrap_or(u32::MAX)
}

/// Watches for a site that answers something else than the API would.
#[derive(Debug, Default)]
pub(super) struct Strange {
    in_a_row: AtomicU32,
    ever_understood: AtomicBool,
}

/// How a failure of a photo is to be taken.
#[derive(Clone, Debug)]
pub(super) enum Blame {
    /// The site refuses or lacks it: tried again, ever more rarely.
    Site,
    /// A model could not do it: tried again, then parked.
    Model(PixelVersion),
    /// The file can't be read: parked until it changes.
    File(PixelVersion),
}

impl Shared {
    /// Tells whoever watches, and counts.
    pub(super) fn emit(&self, event: &Event) {
        self.summary().count(event);
        self.observer.event(event);
    }

    pub(super) fn notice(&self, text: String) {
        self.emit(&Event::Notice(text));
    }

    pub(super) fn summary(&self) -> MutexGuard<'_, Summary> {
        self.summary.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn budget(&self) -> MutexGuard<'_, Budget> {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The question that policy answers for this run.
    pub(super) fn asked<'a>(
        &'a self,
        now: Moment,
        pixels: Option<&'a PixelVersion>,
        basis: &'a str,
    ) -> Asked<'a> {
        Asked {
            mode: self.plan.mode,
            now,
            recipes: &self.recipes,
            narrow: &self.plan.narrow,
            replace_human: self.plan.replace_human,
            pixels,
            basis,
            longest_wait: if self.plan.retry_failed {
                Duration::ZERO
            } else {
                self.plan.run.retry_after_max
            },
        }
    }

    /// The prompt for one model of the chain.
    pub(super) fn prompt(&self, member: usize, context: &crate::archive::Context) -> Prompt {
        crate::model::prompt(
            &self.chain.member(member).entry,
            context,
            &self.plan.language,
        )
    }

    /// A photo's way ends before it took a place.
    pub(super) fn leave(&self, photo: PhotoId, outcome: Outcome) {
        self.emit(&Event::Settled(Settled {
            photo,
            outcome,
            generated: false,
            ticket: false,
        }));
    }

    /// A wanted photo's way ends.
    pub(super) fn settle(&self, photo: PhotoId, outcome: Outcome, generated: bool) {
        let used = generated
            || match outcome {
                Outcome::Written { .. } | Outcome::Waiting { .. } | Outcome::Held(_) => true,
                // It would have been done.
                Outcome::NotReached => self.plan.action == Action::DryRun,
                _ => false,
            };
        self.limit.done(used);
        self.emit(&Event::Settled(Settled {
            photo,
            outcome,
            generated,
            ticket: true,
        }));
    }

    /// The state file failed; the photo's turn comes again.
    pub(super) fn lost_state(&self, photo: PhotoId, error: &CheckpointError) {
        self.stop.broken_state(error);
        self.settle(photo, Outcome::NotReached, false);
    }

    /// Records a failure of one photo and ends its way.
    pub(super) async fn fail(&self, looked: Looked, error: String, blame: Blame, generated: bool) {
        let tries = looked.record.tries.saturating_add(1);
        let run = &self.plan.run;
        let wait = retry::backoff(tries, run.retry_after, run.retry_after_max, 1.0);
        let now = Moment::now();
        let due = Some(now.plus(wait));
        let (due, pixels) = match blame {
            Blame::Site => (due, None),
            Blame::Model(pixels) if tries < run.max_tries => (due, Some(pixels)),
            Blame::Model(pixels) | Blame::File(pixels) => (None, Some(pixels)),
        };
        let failure = Failure {
            slot: looked.slot,
            error: error.clone(),
            tries,
            due,
            pixels,
            at: now,
        };
        match self.checkpoint.note_failure(failure).await {
            Ok(()) => self.settle(looked.photo, Outcome::Failed(error), generated),
            Err(broken) => self.lost_state(looked.photo, &broken),
        }
    }

    /// Ends the way of a photo that the site had trouble with; or the run's.
    pub(super) async fn site_trouble(&self, looked: Looked, error: SiteError, generated: bool) {
        if let SiteError::Missing(_) = error
            && self.site.traits().lists
        {
            // It was deleted while we worked on it, or since the last run.
            let noted = self.checkpoint.note_gone(&looked.photo).await;
            return match noted {
                Ok(()) => self.settle(looked.photo, Outcome::Skipped(Skip::Gone), generated),
                Err(broken) => self.lost_state(looked.photo, &broken),
            };
        }
        if self.site_ends_the_run(&error) {
            self.settle(looked.photo, Outcome::NotReached, generated);
        } else if let SiteError::Conflict(why) = error {
            self.settle(looked.photo, Outcome::Conflict(why), generated);
        } else {
            self.fail(looked, error.to_string(), Blame::Site, generated)
                .await;
        }
    }

    /// Whether an error is everybody's; then the run stops.
    pub(super) fn site_ends_the_run(&self, error: &SiteError) -> bool {
        use super::{Fatal, Why};
        use crate::archive::Ended;
        match error {
            SiteError::Settings(message) => {
                let from = self.plan.token_from.as_deref();
                let from = from.filter(|_| message.contains("token"));
                let hint = from.map(|from| format!("check {from}, and what its token may do"));
                let message = message.clone();
                self.stop.fatal(Fatal { message, hint });
            }
            SiteError::Outage(why) => {
                self.notice(why.clone());
                self.stop.ask(Why::Early(Ended::Outage));
            }
            SiteError::Cancelled => {}
            SiteError::NotApi(message) if self.strange.again() => {
                if self.strange.ever_understood.load(Ordering::Relaxed) {
                    self.notice(format!("the site stopped making sense: {message}"));
                    self.stop.ask(Why::Early(Ended::Outage));
                } else {
                    let hint = "check site.base_url and site.preset in pipeline.toml";
                    let hint = Some(hint.to_owned());
                    self.stop.fatal(Fatal {
                        message: message.clone(),
                        hint,
                    });
                }
            }
            _ => return false,
        }
        true
    }
}

impl Strange {
    pub(super) fn understood(&self) {
        self.in_a_row.store(0, Ordering::Relaxed);
        self.ever_understood.store(true, Ordering::Relaxed);
    }

    fn again(&self) -> bool {
        self.in_a_row.fetch_add(1, Ordering::Relaxed) + 1 >= STRANGE_ANSWERS
    }
}

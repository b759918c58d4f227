//! What a run tells whoever watches it. The pipeline prints nothing.

use super::Settled;
use crate::archive::{CallId, Ended, Mode, ModelName, PhotoId, RunId, RunNumber, Usage, Usd};
use std::time::Duration;

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// The run began.
    Started {
        /// Its number.
        run: RunNumber,
        /// Its unique id.
        id: RunId,
        /// What it is for.
        mode: Mode,
    },
    /// The listing is read; so many photos are in it.
    Listed(u64),
    /// About how many there will be, where that is known before the listing ends.
    Expected(u64),
    /// A photo is being worked on: a text is wanted for it.
    Wanted(PhotoId),
    /// A model was asked.
    Called {
        /// The number of the call in the checkpoint.
        call: CallId,
        /// What came of it: `ok`, `length`, `refused`, `retry`, `outage`,
        /// `photo`, `settings`, `quota`, `lost` or `not_sent`.
        outcome: &'static str,
        /// Which model.
        model: ModelName,
        /// For which photo; `None` for a probe.
        photo: Option<PhotoId>,
        /// How long it took.
        took: Duration,
        /// Tokens, where the reply counts them.
        usage: Option<Usage>,
        /// What it cost, where that is known.
        cost: Option<Usd>,
        /// It costs no money: the model runs on the owner's machines, and has no
        /// price, or it refused or never got the request.
        free: bool,
        /// What went wrong, where something did.
        problem: Option<String>,
    },
    /// Somebody waits, and for what. Told by everybody who does, so that the
    /// same may come many times.
    Waiting {
        /// For whom.
        whom: String,
        /// For how long at least; zero where nobody knows.
        wait: Duration,
        /// Why.
        why: String,
    },
    /// What was waited for is there again. Of a model, its next good reply says
    /// so; this is told of the site.
    Resumed {
        /// Who was waited for.
        whom: String,
    },
    /// A text that stood on the site was taken into our record.
    Adopted(PhotoId),
    /// A photo's way ended.
    Settled(Settled),
    /// No new calls are made any more.
    Stopping(Ended),
    /// Something that a person should know.
    Notice(String),
}

/// Whoever watches a run. Called from many tasks; must not block for long.
pub trait Observer: Send + Sync {
    /// Something happened.
    fn event(&self, event: &Event);
}

/// Nobody watches.
#[derive(Debug)]
pub struct Silent;

impl Observer for Silent {
    fn event(&self, _: &Event) {}
}

//! What the checkpoint knows of one slot, as policy needs it.

use super::{DraftId, ModelName, Owner, PixelVersion, Recipe, WriteId};

/// A moment: milliseconds since 1970-01-01 UTC. Always passed in, so that
/// decisions can be tested at any time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub i64);

impl Moment {
    /// The wall clock's moment.
    pub fn now() -> Self {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Self(since.map_or(0, |time| {
            i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
        }))
    }

    /// This moment and a while.
    #[must_use]
    pub fn plus(self, wait: std::time::Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)),
        )
    }
}

/// Our last confirmed write of a slot, while it is in force.
#[derive(Clone, Debug, PartialEq)]
pub struct OurText {
    /// Its row in the journal.
    pub write: WriteId,
    /// The text as the site kept it.
    pub text: String,
    /// How it was made; `None` for a text that was adopted.
    pub recipe: Option<Recipe>,
    /// The model that made it, where known.
    pub model: Option<ModelName>,
    /// Which image it was made from, where known.
    pub pixels: Option<PixelVersion>,
    /// When it was written.
    pub at: Moment,
    /// Its score, where it has one: 0.0 (bad) to 1.0 (good).
    pub score: Option<f64>,
}

/// What the last look at the site showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastLook {
    /// When.
    pub at: Moment,
    /// The alt text then; empty where there was none.
    pub alt: String,
    /// Whose it was.
    pub owner: Owner,
}

/// Everything the checkpoint knows of one slot. The default is a slot never
/// seen before.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// Our text, if it was on the site when last seen.
    pub ours: Option<OurText>,
    /// The last look.
    pub look: Option<LastLook>,
    /// A person changed or vouched for a text of ours: it is theirs for good.
    pub person: bool,
    /// A person removed the text.
    pub cleared: bool,
    /// A person said that the photo is decorative.
    pub decorative: bool,
    /// Recipes whose texts were undone here.
    pub undone: Vec<Recipe>,
    /// A held or rejected draft, and the basis it was made on.
    pub held: Option<(DraftId, String)>,
    /// A draft that a person accepted and that is still to be written.
    pub accepted: Option<DraftId>,
    /// Failed tries since the last success.
    pub tries: u32,
    /// When the next try is due.
    pub due: Option<Moment>,
    /// Given up until the pixels change; the version then, where known.
    pub parked: Option<Option<PixelVersion>>,
}

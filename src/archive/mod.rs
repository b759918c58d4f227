//! The nouns everything else speaks of: photos, slots, owners, contexts,
//! recipes, calls, drafts, writes and runs.
//!
//! Nothing here does input or output, and nothing here knows another room.

mod call;
mod context;
mod draft;
mod photo;
mod recipe;
mod record;
mod run;

pub use call::{CallId, Ending, Finish, Purpose, RawReply, Reply, Unanswered, Usage, Usd};
pub use context::{Context, ContextField};
pub use draft::{Assessment, DraftId, Reason, Verdict};
pub use photo::{
    Jpeg, Language, Listed, Marking, News, Owner, PhotoId, PixelVersion, Pixels, Reading, SiteName,
    Slot, SlotKind, Tag, WriteId,
};
pub use recipe::{DraftKey, Fingerprint, Recipe};
pub use record::{LastLook, Moment, OurText, Record};
pub use run::{Ended, Mode, ModelName, RunId, RunNumber, Skip};

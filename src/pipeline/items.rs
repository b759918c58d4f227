//! What the stages hand to each other.

use crate::archive::{
    CallId, Context, DraftId, DraftKey, Jpeg, Owner, PhotoId, PixelVersion, Reading, Reason,
    Recipe, Record, Reply, Skip,
};
use crate::checkpoint::{SlotRow, StoredDraft};
use crate::model::Prompt;

/// From `look`: a photo whose text is wanted.
#[derive(Debug)]
pub(super) struct Looked {
    pub(super) photo: PhotoId,
    pub(super) slot: SlotRow,
    pub(super) record: Record,
    pub(super) reading: Reading,
    pub(super) owner: Owner,
}

/// What one model of the chain would be asked.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) prompt: Prompt,
    pub(super) context: Context,
    pub(super) key: DraftKey,
    pub(super) recipe: Recipe,
}

/// From `prepare`: a photo with everything a text can be made from.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) looked: Looked,
    pub(super) pixels: PixelVersion,
    /// One for each model of the chain, in its order.
    pub(super) asks: Vec<Ask>,
    pub(super) material: Material,
}

/// Where the text will come from.
#[derive(Debug)]
pub(super) enum Material {
    /// Models that need the same size share one image. Of the model with this
    /// index there may be a paid reply already that ended at its cap.
    Image(Vec<Jpeg>, Option<(usize, CutOff)>),
    /// A reply that was paid for but became no draft, of the model with this index.
    Reply(usize, CallId, Reply),
}

/// A reply that ended at its cap, and was not yet asked for with more room.
pub(super) type CutOff = (CallId, Reply);

/// From `caption` (or from earlier, where the text was there already): a photo
/// with a text that may be written.
#[derive(Debug)]
pub(super) struct Captioned {
    pub(super) looked: Looked,
    pub(super) text: ToWrite,
    pub(super) generated: bool,
}

/// The text to write.
#[derive(Debug)]
pub(super) enum ToWrite {
    /// A draft.
    Draft(StoredDraft),
    /// A text that a person gave, kept as this draft.
    Person(DraftId, String),
    /// The empty text, because a person called the photo decorative.
    Decorative,
}

/// How a photo's way ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Our text is on the site.
    Written {
        /// As the site kept it.
        text: String,
    },
    /// A new draft is held, for these reasons.
    Held(Vec<Reason>),
    /// It failed, and why.
    Failed(String),
    /// A person changed the photo in the meantime; nothing was written.
    Conflict(String),
    /// A draft is kept, and nothing written.
    Waiting {
        /// The draft's text.
        text: String,
    },
    /// The run ended before its turn, or only looked.
    NotReached,
    /// It was left alone.
    Skipped(Skip),
}

impl Outcome {
    /// The name in logs, events and metrics.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Written { .. } => "written",
            Self::Held(_) => "held",
            Self::Failed(_) => "failed",
            Self::Conflict(_) => "conflict",
            Self::Waiting { .. } => "waiting",
            Self::NotReached => "not_reached",
            Self::Skipped(_) => "skipped",
        }
    }

    /// The reason, where there is one: a skip's or a hold's names (several joined
    /// by commas), or the sentence that says what went wrong. Never a text.
    pub fn reason(&self) -> Option<String> {
        match self {
            Self::Skipped(skip) => Some(skip.as_str().to_owned()),
            Self::Held(reasons) => {
                let reasons: Vec<&str> = reasons.iter().map(|reason| reason.as_str()).collect();
                Some(reasons.join(","))
            }
            Self::Failed(why) | Self::Conflict(why) => Some(why.clone()),
            Self::Written { .. } | Self::Waiting { .. } | Self::NotReached => None,
        }
    }
}

/// A photo whose way ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Which.
    pub photo: PhotoId,
    /// How.
    pub outcome: Outcome,
    /// Whether this run made a draft for it.
    pub generated: bool,
    /// Whether it took one of the places that `--limit` gives.
    pub(super) ticket: bool,
}

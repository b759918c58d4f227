//! One execution of altfill: its identity, its mode, how it ended, and why a
//! photo was left alone.

use super::photo::text_newtype;
use std::fmt;

/// The name of an entry in `models.yaml`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelName(String);
text_newtype!(ModelName);

/// A time-ordered unique id (UUID version 7), so that a run from before a
/// restored backup can't be confused with one after it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(String);
text_newtype!(RunId);

/// The short number that people use for a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunNumber(pub i64);

impl fmt::Display for RunNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a run is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Fill in what is missing.
    Backfill,
    /// Make our own texts anew with a current recipe.
    Upgrade,
    /// One named photo, because a person asked.
    Fix,
    /// Put back what an earlier run replaced.
    Undo,
    /// Take machine-tagged texts into our record.
    Adopt,
}

impl Mode {
    /// The name in reports and in the checkpoint.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Backfill => "backfill",
            Self::Upgrade => "upgrade",
            Self::Fix => "fix",
            Self::Undo => "undo",
            Self::Adopt => "adopt",
        }
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Everything was looked at.
    Complete,
    /// `max_cost` was reached.
    Budget,
    /// The deadline was reached.
    Deadline,
    /// The model's quota or balance is used up.
    Quota,
    /// The site or the model was down for longer than our patience.
    Outage,
    /// A signal stopped it.
    Interrupted,
    /// Settings, a key or the state file made going on impossible.
    Stopped,
}

impl Ended {
    /// Every way to end.
    pub const ALL: [Self; 7] = [
        Self::Complete,
        Self::Budget,
        Self::Deadline,
        Self::Quota,
        Self::Outage,
        Self::Interrupted,
        Self::Stopped,
    ];

    /// The name in reports and in the checkpoint.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Budget => "budget",
            Self::Deadline => "deadline",
            Self::Quota => "quota",
            Self::Outage => "outage",
            Self::Interrupted => "interrupted",
            Self::Stopped => "stopped",
        }
    }
}

/// Why a photo is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Skip {
    /// A person wrote the text.
    Person,
    /// Tagged machine-made, but not by our record.
    Unproven,
    /// Ours, and nothing better is to be had.
    UpToDate,
    /// A person removed the text.
    Cleared,
    /// Known to be decorative: it is to have no text.
    Decorative,
    /// Undone, and not asked for again.
    Undone,
    /// A held or rejected draft waits for a person.
    Held,
    /// It failed lately and its next try is not due.
    NotDue,
    /// It failed for good, until its pixels change.
    Parked,
    /// Outside what the command line asked for.
    Excluded,
    /// The site listed it and does not have it any more.
    Gone,
    /// A later run of ours wrote another text.
    Replaced,
}

impl Skip {
    /// Every reason, in the order in which summaries list them.
    pub const ALL: [Self; 12] = [
        Self::Person,
        Self::Unproven,
        Self::UpToDate,
        Self::Cleared,
        Self::Decorative,
        Self::Undone,
        Self::Held,
        Self::NotDue,
        Self::Parked,
        Self::Excluded,
        Self::Gone,
        Self::Replaced,
    ];

    /// The name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Unproven => "unproven",
            Self::UpToDate => "up_to_date",
            Self::Cleared => "cleared",
            Self::Decorative => "decorative",
            Self::Undone => "undone",
            Self::Held => "held",
            Self::NotDue => "not_due",
            Self::Parked => "parked",
            Self::Excluded => "excluded",
            Self::Gone => "gone",
            Self::Replaced => "replaced",
        }
    }
}

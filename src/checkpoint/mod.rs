//! The local checkpoint: one ordinary SQLite file, and the only SQL.
//!
//! Every verb returns after its commit. Commits of verbs that arrive together
//! are grouped into one, never weakened: the file is in WAL mode with
//! `synchronous=FULL`, so what was acknowledged survives a power loss. All
//! database work is done on one writer thread; verbs take time and ids as
//! arguments, so that a second database could implement them.

mod backup;
mod calls;
mod decisions;
mod drafts;
mod error;
mod history;
mod listings;
mod lock;
mod open;
mod photos;
mod remember;
mod report;
mod runs;
mod schema;
mod status;
mod worker;
mod writes;

pub use backup::{BackupError, backup};
pub use calls::{CallOutcome, NewCall, Spent, StoredCall, Worth};
pub use decisions::{Completeness, Decided, Decision, OpenDraft, OpenDrafts, Refusal, Ruling};
pub use drafts::{JudgedReply, NewDraft, StoredDraft};
pub use error::CheckpointError;
pub use history::{Happening, What};
pub use listings::{LastListing, Swept};
pub use lock::Lock;
pub use open::{open, open_scratch_copy};
pub use photos::{Admitted, Failure, Look, SlotRow};
pub use report::{DraftFacts, Extent, ModelCost, PhotoFacts, WriteFacts};
pub use runs::{LastGood, RunRow};
pub use status::{ModelSpend, NextRun, Status};
pub use worker::Checkpoint;
pub use writes::{NewWrite, Previous, StoredWrite};

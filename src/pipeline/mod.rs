//! The way one photo takes: list, look, prepare, caption, write, settle.
//!
//! Each stage hands an owned value to the next through a bounded channel and
//! knows only its neighbour's type; whatever ends a photo's way goes straight
//! to `settle`, so that every photo is counted exactly once.

mod adopt;
mod ask;
mod attempt;
mod caption;
mod chain;
mod event;
mod fresh;
mod items;
mod limit;
mod list;
mod look;
mod plan;
mod prepare;
mod proof;
mod recover;
mod run;
mod shared;
mod stage;
mod stop;
mod summary;
mod throttle;
mod undo;
mod write;

pub use adopt::{Adoptable, adopt};
pub use chain::{Chain, ChainError};
pub use event::{Event, Observer, Silent};
pub use items::{Outcome, Settled};
pub use plan::{Action, Given, Plan};
pub use run::{Finished, Parts, RunError, run};
pub use stop::{Fatal, Stop, Why};
pub use summary::{DryRun, ModelShare, Skipped, Summary, Tokens};
pub use undo::undo;

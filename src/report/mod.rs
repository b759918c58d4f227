//! What a run did and how the archive stands, in the forms people and scripts
//! read: one file per form. Pure: values in, text out.

mod compose;
pub mod csv;
pub mod events;
mod facts;
pub mod history;
pub mod html;
pub mod json;
mod links;
pub mod metrics;
pub mod models;
pub mod sheet;
mod stories;
pub mod table;
pub mod terminal;

pub use compose::{Material, RunPhotos};
pub use facts::{Photo, Report, State};
pub use links::Links;
pub use stories::Stories;

use crate::archive::Usd;
use crate::checkpoint::Spent;
use crate::policy::UtcDay;

/// What the calendar day has cost so far.
#[derive(Clone, Debug)]
pub struct Today {
    /// The day.
    pub day: UtcDay,
    /// What its calls cost, those of all runs.
    pub spent: Spent,
    /// What they may cost at most (`run.max_cost_per_day`).
    pub limit: Option<Usd>,
}

impl Today {
    /// The day as `2026-11-21`.
    fn date(&self) -> String {
        jiff::Timestamp::from_millisecond(self.day.start().0).map_or_else(
            |_| "?".to_owned(),
            |time| time.strftime("%Y-%m-%d").to_string(),
        )
    }

    /// Calls whose cost is not known.
    fn unpriced(&self) -> u64 {
        self.spent.unpriced.iter().map(|(_, calls)| calls).sum()
    }
}

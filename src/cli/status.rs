//! `altfill status`: what is done, waiting, held and parked, and what it cost.

use super::args::{self, Global};
use super::exit::Exit;
use super::output::Output;
use super::setup::{scratch, settings};
use crate::archive::{ModelName, Moment, SlotKind};
use crate::policy::UtcDay;
use crate::report::{self, Today};

/// Runs shown.
const RUNS: usize = 5;

pub(super) async fn status(
    global: &Global,
    args: &args::Status,
    output: &Output,
) -> anyhow::Result<Exit> {
    let settings = settings(global, None, output)?;
    let checkpoint = scratch(&settings)?;
    let mut status = checkpoint
        .status(SlotKind::Alt, &settings.language, Moment::now())
        .await?;
    let today = UtcDay::of(Moment::now());
    let mut spent = checkpoint.spent(today.start(), today.end()).await?;
    let free = |model: &ModelName| settings.costs_nothing(model);
    spent.unpriced.retain(|(model, _)| !free(model));
    let rows = status.spent.iter_mut();
    for row in rows.filter(|row| free(&ModelName::new(&row.model))) {
        row.cost_usd.get_or_insert(0.0);
        row.calls_without_price = 0;
    }
    let today = Today {
        day: today,
        spent,
        limit: settings.run.max_cost_per_day,
    };
    let runs = checkpoint.last_runs(RUNS).await?;
    let text = if args.json {
        report::json::status(&status, &today, &runs)
    } else {
        report::terminal::status(&settings.site.name, &status, &today, &runs)
    };
    output.data(&text)?;
    Ok(Exit::Done)
}

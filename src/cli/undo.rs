//! `altfill undo RUN`: put back what a run changed.

use super::args::{self, Global};
use super::exit::{Exit, Usage};
use super::output::Output;
use super::setup::{Access, Setup, scratch, settings_with};
use super::vigil::{Duty, Vigil, watched};
use crate::archive::{Mode, RunNumber};
use crate::pipeline::{self, Plan};
use crate::policy;

/// Changes shown before a person confirms.
const SHOWN: usize = 5;

pub(super) async fn undo(
    global: &Global,
    args: args::Undo,
    output: &Output,
) -> anyhow::Result<Exit> {
    let watch = args.watch.clone();
    let duty = Duty::by_hand(args.json);
    let job = async |vigil: &Vigil| attended(global, args, vigil, output).await;
    watched(&watch, duty, output, job).await
}

async fn attended(
    global: &Global,
    args: args::Undo,
    vigil: &Vigil,
    output: &Output,
) -> anyhow::Result<Exit> {
    let settings = settings_with(vigil.needs(), global, None, output)?;
    vigil.learn(&settings)?;
    let target = RunNumber(args.run);
    let checkpoint = scratch(&settings)?;
    let Some(run) = checkpoint.run(target).await? else {
        let last = checkpoint.last_runs(1).await?;
        let hint = last.first().map_or_else(
            || "there was no run yet".to_owned(),
            |last| {
                format!(
                    "the last run is {}; `altfill status` lists them",
                    last.number
                )
            },
        );
        return Err(Usage::new(format!("there is no run {target}"), hint).into());
    };
    if run.mode == Mode::Undo.as_str() {
        let hint = "to get the machine's texts back, use `altfill fix` or a new recipe";
        return Err(Usage::new(format!("run {target} is itself an undo"), hint).into());
    }
    let mut writes = checkpoint.writes_of(target).await?;
    drop(checkpoint);
    let all = writes.len();
    writes.retain(|write| policy::takes_back(&run.mode, write.sent.1));
    if writes.len() < all {
        output.say(&format!(
            "{} of its texts were given by a person and stay",
            all - writes.len()
        ));
    }
    if !args.yes && !writes.is_empty() {
        let count = writes.len();
        for write in writes.iter().take(SHOWN) {
            let now = write.kept.as_deref().unwrap_or(&write.sent.0);
            let before = if write.before.0.is_empty() {
                "(no text)"
            } else {
                &write.before.0
            };
            output.say(&format!(
                "{}\n  now:    {now}\n  before: {before}",
                write.photo
            ));
        }
        if count > SHOWN {
            output.say(&format!("and {} more", count - SHOWN));
        }
        if !output.confirm(&format!(
            "Put back {count} texts that run {target} replaced?"
        ))? {
            return Ok(Exit::Done);
        }
    }
    let setup = Setup::connect(settings, global, Some(vigil), output).await?;
    let plan = Plan::new(Mode::Undo, &setup.settings);
    let job = async |parts| pipeline::undo(parts, target).await;
    setup
        .carry_out(plan, Access::Record, args.json, output, job)
        .await
}

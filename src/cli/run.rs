//! `altfill run` and `altfill upgrade`.

use super::args::{self, Global};
use super::exit::{Exit, Usage};
use super::output::Output;
use super::report;
use super::setup::{Access, Setup};
use super::vigil::{Duty, Vigil, watched};
use crate::archive::{Mode, ModelName, Moment, PhotoId};
use crate::pipeline::{self, Action, Plan};
use crate::policy::Narrow;

pub(super) async fn run(global: &Global, args: args::Run, output: &Output) -> anyhow::Result<Exit> {
    carry_out(global, Mode::Backfill, Narrow::default(), args, output).await
}

pub(super) async fn upgrade(
    global: &Global,
    args: args::Upgrade,
    output: &Output,
) -> anyhow::Result<Exit> {
    let older_than = args.older_than.map(|age| {
        let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
        Moment(Moment::now().0.saturating_sub(age))
    });
    let narrow = Narrow {
        from: args.from.map(ModelName::new),
        older_than,
        below: args.below,
    };
    carry_out(global, Mode::Upgrade, narrow, args.run, output).await
}

async fn carry_out(
    global: &Global,
    mode: Mode,
    narrow: Narrow,
    args: args::Run,
    output: &Output,
) -> anyhow::Result<Exit> {
    let action = match (args.dry, args.preview) {
        (true, _) => Action::DryRun,
        (false, true) => Action::Preview,
        (false, false) => Action::Write,
    };
    let duty = Duty {
        action,
        nightly: action == Action::Write,
        json: args.with.json,
    };
    let watch = args.watch.clone();
    let job = async |vigil: &Vigil| attended(global, mode, narrow, args, (vigil, output)).await;
    watched(&watch, duty, output, job).await
}

async fn attended(
    global: &Global,
    mode: Mode,
    narrow: Narrow,
    args: args::Run,
    (vigil, output): (&Vigil, &Output),
) -> anyhow::Result<Exit> {
    let action = vigil.action();
    let file = args.report.as_deref().map(report::File::by_extension);
    let file = file.transpose()?;
    let setup = Setup::watched(global, Some(&args.with), vigil, output).await?;
    if let Some(from) = &narrow.from {
        check_writer(&setup, from).await?;
    }
    let access = if action == Action::DryRun {
        Access::Look
    } else {
        Access::Record
    };
    let plan = Plan {
        action,
        narrow,
        albums: args.album,
        ids: args.id.into_iter().map(PhotoId::new).collect(),
        limit: args.limit,
        retry_failed: args.retry_failed,
        ..Plan::new(mode, &setup.settings)
    };
    if let Some(file) = file {
        return report::carry_out(&setup, plan, access, (args.with.json, output), &file).await;
    }
    setup
        .carry_out(plan, access, args.with.json, output, pipeline::run)
        .await
}

/// Refuses a model of which there is no text, before a mistyped name looks like
/// an archive that is up to date.
async fn check_writer(setup: &Setup, from: &ModelName) -> anyhow::Result<()> {
    let (checkpoint, _) = setup.state(Access::Look)?;
    let writers = checkpoint.writers().await?;
    if writers.contains(from) {
        return Ok(());
    }
    let names: Vec<&str> = writers.iter().map(ModelName::as_str).collect();
    let hint = if names.is_empty() {
        "there are no texts of ours yet; `altfill run` makes them".to_owned()
    } else {
        format!("our texts here are by {}", names.join(", "))
    };
    Err(Usage::new(
        format!("--from {from}: no text of ours is by this model"),
        &hint,
    )
    .into())
}

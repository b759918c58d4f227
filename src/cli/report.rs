//! `altfill report`, and `--report FILE` of what runs: how the archive stands
//! and what a run did, photo by photo.

use super::args::{self, Global};
use super::exit::{Exit, Usage};
use super::output::Output;
use super::replaced::Replaced;
use super::setup::{Access, Setup, scratch, settings};
use crate::archive::{ModelName, Moment, RunNumber, SlotKind};
use crate::checkpoint::{Checkpoint, Extent, ModelCost, RunRow};
use crate::config::Settings;
use crate::pipeline::{self, Action, Event, Observer, Parts, Plan};
use crate::report::{self, Links, Material, Report, RunPhotos, Stories};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

pub(super) async fn report(
    global: &Global,
    args: &args::Report,
    output: &Output,
) -> anyhow::Result<Exit> {
    let file = args.html.as_deref().map(|path| File::new(path, Form::Html));
    let file = file.transpose()?;
    let settings = settings(global, None, output)?;
    let checkpoint = scratch(&settings)?;
    let run = match args.run {
        None => None,
        Some(number) => {
            let number = RunNumber(number);
            let row = known_run(&checkpoint, number).await?;
            let extent = Extent::Run(number);
            let photos = checkpoint
                .photo_facts(extent, SlotKind::Alt, &settings.language)
                .await?;
            Some((row, RunPhotos::Recorded(photos)))
        }
    };
    let report = compose(&settings, &checkpoint, run, None).await?;
    match file {
        Some(file) => {
            file.write(&report, &settings, output)?;
            output.say(&format!("written: {}", file.place.path().display()));
        }
        None if args.json => output.data(&serde_json::to_string(&report)?)?,
        None if args.csv => output.exact(&report::csv::report(&report))?,
        None => output.data(&report::table::report(&report))?,
    }
    Ok(Exit::Done)
}

/// A run that the checkpoint knows, or an error that says which ones it does.
pub(super) async fn known_run(
    checkpoint: &Checkpoint,
    number: RunNumber,
) -> anyhow::Result<RunRow> {
    if let Some(row) = checkpoint.run(number).await? {
        return Ok(row);
    }
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
    Err(Usage::new(format!("there is no run {number}"), hint).into())
}

async fn compose(
    settings: &Settings,
    checkpoint: &Checkpoint,
    run: Option<(RunRow, RunPhotos)>,
    action: Option<&'static str>,
) -> anyhow::Result<Report> {
    let extent = run
        .as_ref()
        .map_or(Extent::Archive, |(row, _)| Extent::Run(row.number));
    let archive = checkpoint
        .photo_facts(Extent::Archive, SlotKind::Alt, &settings.language)
        .await?;
    let mut costs = checkpoint.model_costs(extent).await?;
    let free = |cost: &&mut ModelCost| settings.costs_nothing(&ModelName::new(&cost.model));
    for cost in costs.iter_mut().filter(free) {
        cost.cost_usd.get_or_insert(0.0);
        cost.calls_without_price = 0;
    }
    Ok(Report::new(Material {
        site: settings.site.name.to_string(),
        now: Moment::now(),
        archive,
        run,
        action,
        costs,
        links: &Links::new(settings),
    }))
}

/// What a report file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Html,
    Csv,
    Json,
}

/// A file that a report can be written to.
#[derive(Debug)]
pub(super) struct File {
    place: Replaced,
    form: Form,
}

impl File {
    /// Checks a path whose extension says the form, before anything is spent.
    pub(super) fn by_extension(path: &Path) -> anyhow::Result<Self> {
        let extension = path.extension().and_then(|extension| extension.to_str());
        let form = match extension.map(str::to_ascii_lowercase).as_deref() {
            Some("html" | "htm") => Form::Html,
            Some("csv") => Form::Csv,
            Some("json") => Form::Json,
            _ => {
                let message = format!("--report {}: which form is it to have?", path.display());
                let hint = "end the name with .html, .csv or .json";
                return Err(Usage::new(message, hint).into());
            }
        };
        Self::new(path, form)
    }

    fn new(path: &Path, form: Form) -> anyhow::Result<Self> {
        let place = Replaced::by_umask(path, ".altfill-report-");
        place.refuse_odd("the report")?;
        let folder = place.folder();
        if !folder.is_dir() {
            let message = format!(
                "the report can't be written: there is no directory {}",
                folder.display()
            );
            return Err(Usage::new(message, "create it, or name another file").into());
        }
        let file = Self { place, form };
        // Better now than after hours of a run that cost money.
        file.place.rehearse().map_err(|error| file.failed(&error))?;
        Ok(file)
    }

    fn failed(&self, error: &std::io::Error) -> anyhow::Error {
        let message = format!(
            "the report can't be written to {}: {error}",
            self.place.path().display()
        );
        let hint = "check the permissions and the free space of its directory";
        Usage::new(message, hint).into()
    }

    /// Writes the report; a reader sees the old file or the new one, whole.
    fn write(&self, report: &Report, settings: &Settings, output: &Output) -> anyhow::Result<()> {
        let mut text = match self.form {
            Form::Html => report::html::page(report, &settings.language),
            Form::Csv => report::csv::report(report),
            Form::Json => serde_json::to_string(report)?,
        };
        if !text.ends_with('\n') {
            text.push('\n');
        }
        let written = self.place.write(output.mask(&text).as_bytes());
        written.map_err(|error| self.failed(&error))
    }
}

/// Runs a plan, and writes what became of every photo to a file.
pub(super) async fn carry_out(
    setup: &Setup,
    plan: Plan,
    access: Access,
    (json, output): (bool, &Output),
    file: &File,
) -> anyhow::Result<Exit> {
    let action = plan.action;
    let seen = Arc::new(Mutex::new(Seen::default()));
    let job = async |mut parts: Parts| {
        lock(&seen).checkpoint = Some(parts.checkpoint.clone());
        parts.observer = Arc::new(Watch {
            seen: Arc::clone(&seen),
            action,
            next: parts.observer,
        });
        pipeline::run(parts).await
    };
    let exit = setup.carry_out(plan, access, json, output, job).await?;
    let Seen {
        checkpoint,
        run,
        stories,
    } = std::mem::take(&mut *lock(&seen));
    let (Some(checkpoint), Some(run)) = (checkpoint, run) else {
        return Ok(exit);
    };
    let row = known_run(&checkpoint, run).await?;
    let how = match action {
        Action::Write => "write",
        Action::Preview => "preview",
        Action::DryRun => "dry_run",
    };
    let run = Some((row, RunPhotos::Watched(stories)));
    let report = compose(&setup.settings, &checkpoint, run, Some(how)).await?;
    file.write(&report, &setup.settings, output)?;
    output.say(&format!("report: {}", file.place.path().display()));
    Ok(exit)
}

#[derive(Default)]
struct Seen {
    /// Kept open: that of a dry run is a copy which vanishes.
    checkpoint: Option<Checkpoint>,
    run: Option<RunNumber>,
    stories: Stories,
}

fn lock(seen: &Mutex<Seen>) -> std::sync::MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Remembers what happens to each photo, and passes it on.
struct Watch {
    seen: Arc<Mutex<Seen>>,
    action: Action,
    next: Arc<dyn Observer>,
}

impl Observer for Watch {
    fn event(&self, event: &Event) {
        {
            let mut seen = lock(&self.seen);
            if let Event::Started { run, .. } = event {
                seen.run = Some(*run);
            }
            seen.stories.hear(event, self.action);
        }
        self.next.event(event);
    }
}

//! From flags to the parts of a run: settings, site, checkpoint, models.

use super::args::{Global, With};
use super::exit::{Exit, Usage};
use super::log::{self, Logged};
use super::output::{Output, Volume};
use super::progress::Progress;
use super::signals;
use super::vigil::{Vigil, Vigilant};
use crate::archive::{Moment, PhotoId, SiteName};
use crate::checkpoint::{self, Checkpoint, Lock};
use crate::config::{self, Environment, Manifest, Needs, Overrides, PixelSource, Preset, Settings};
use crate::demo::{self, EmbeddedArchive};
use crate::model::bodies::Bodies;
use crate::pipeline::{Chain, Finished, Parts, Plan, RunError, Stop, Why};
use crate::policy::UtcDay;
use crate::report;
use crate::site::{self, Site, SiteError};
use anyhow::Context as _;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// What a command works with.
pub(super) struct Setup {
    pub(super) settings: Settings,
    pub(super) stop: Stop,
    pub(super) site: Arc<dyn Site>,
    /// Keeps watch, where the command may run unattended.
    vigil: Option<Vigil>,
    /// What `--log-bodies` asks for.
    bodies: Option<Arc<Bodies>>,
    /// Dropping it stops the embedded archive's server.
    embedded: Option<EmbeddedArchive>,
}

/// How the state file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// For a run that records what it does.
    Record,
    /// For one that only looks.
    Look,
}

/// The settings alone, for commands that need no site: its token, its list of
/// photos and its images may be missing.
pub(super) fn settings(
    global: &Global,
    with: Option<&With>,
    output: &Output,
) -> anyhow::Result<Settings> {
    settings_with(Needs::Name, global, with, output)
}

/// The settings, checked for what a command needs.
pub(super) fn settings_with(
    needs: Needs,
    global: &Global,
    with: Option<&With>,
    output: &Output,
) -> anyhow::Result<Settings> {
    let overrides = overrides(needs, global, with);
    let settings = config::load(&overrides, Environment::capture())?;
    output.keep_secret(settings.secrets());
    for warning in &settings.warnings {
        output.say(&format!("warning: {warning}"));
    }
    Ok(settings)
}

/// What the command line says of the settings.
pub(super) fn overrides(needs: Needs, global: &Global, with: Option<&With>) -> Overrides {
    Overrides {
        needs,
        config: global.config.clone(),
        model: with.and_then(|with| with.model.clone()),
        models: global.models.clone(),
        state: global.state.clone(),
        language: global.language.clone(),
        concurrency: with.and_then(|with| with.concurrency),
        max_cost: with.and_then(|with| with.max_cost),
        deadline: with.and_then(|with| with.deadline),
        until: with.and_then(|with| with.until),
    }
}

impl Setup {
    /// Reads the settings and connects to the site, for a command that is watched.
    pub(super) async fn watched(
        global: &Global,
        with: Option<&With>,
        vigil: &Vigil,
        output: &Output,
    ) -> anyhow::Result<Self> {
        let settings = settings_with(vigil.needs(), global, with, output)?;
        vigil.learn(&settings)?;
        Self::connect(settings, global, Some(vigil), output).await
    }

    /// Connects to the site of settings that were checked for it.
    pub(super) async fn connect(
        mut settings: Settings,
        global: &Global,
        vigil: Option<&Vigil>,
        output: &Output,
    ) -> anyhow::Result<Self> {
        let stop = vigil.map_or_else(Stop::default, |vigil| vigil.stop().clone());
        let leave = vigil.map_or_else(CancellationToken::new, |vigil| vigil.leave().clone());
        signals::listen(stop.clone(), leave);
        let embedded = match settings.site.preset {
            Preset::Embedded => Some(start_embedded(&mut settings, output).await?),
            _ => None,
        };
        // The embedded archive has a token of its own.
        let secrets = settings.secrets();
        output.keep_secret(secrets.clone());
        let bodies = global.log_bodies.clone();
        let patience = settings.run.outage_patience;
        let site = site::open(
            &settings.site,
            &settings.photo,
            stop.hard().clone(),
            patience,
        )
        .map_err(wrong_settings)?;
        Ok(Self {
            settings,
            stop,
            site,
            vigil: vigil.cloned(),
            bodies: bodies.map(|directory| Arc::new(Bodies::new(directory, secrets))),
            embedded,
        })
    }

    /// Opens the state file; the lock is held as long as the guard lives.
    pub(super) fn state(&self, access: Access) -> anyhow::Result<(Checkpoint, Option<Lock>)> {
        let (path, site) = (&self.settings.state, &self.settings.site.name);
        refuse_odd_state(path)?;
        Ok(match access {
            Access::Record => {
                let lock = Lock::take(path)?;
                let checkpoint = checkpoint::open(path, site)?;
                (checkpoint.without(self.settings.secrets()), Some(lock))
            }
            Access::Look => (checkpoint::open_scratch_copy(path, site)?, None),
        })
    }

    /// Runs something that takes parts, watched by bars, and prints its summary.
    pub(super) async fn carry_out<F>(
        &self,
        plan: Plan,
        access: Access,
        json: bool,
        output: &Output,
        job: impl FnOnce(Parts) -> F,
    ) -> anyhow::Result<Exit>
    where
        F: Future<Output = Result<Finished, RunError>>,
    {
        let finished = self.execute(plan, access, output, job).await?;
        let summary = &finished.summary;
        let exit = Exit::of(&finished);
        if json {
            output.data(&serde_json::to_string(summary)?)?;
        } else if output.volume > Volume::Quiet {
            self.show(&report::terminal::summary(summary), output)?;
            if let (Some(archive), Access::Record) = (&self.embedded, access) {
                let page = archive.save_page().await?;
                let text = format!("Photos and alt texts to look at: {}", page.display());
                self.show(&text, output)?;
            }
        }
        if let Some(Why::Fatal(fatal)) = &finished.why {
            output.fatal(fatal);
        }
        if exit == Exit::SomeFailed && output.volume == Volume::Quiet {
            // One line, whatever the number: this may become a mail.
            let (run, failed, seen) = (summary.run, summary.failed, summary.seen);
            output.error_line(&format!(
                "error: {failed} of {seen} photos failed; `altfill report --run {run}` names them"
            ));
        }
        Ok(exit)
    }

    /// Shows a result for people: on standard output, unless that belongs to
    /// events.
    fn show(&self, text: &str, output: &Output) -> anyhow::Result<()> {
        if self.vigil.as_ref().is_some_and(Vigil::takes_stdout) {
            output.say(text);
            return Ok(());
        }
        output.data(text)
    }

    /// A limit for the day can't count what nobody knows the cost of; whoever
    /// relies on it should know.
    async fn tell_uncounted(&self, checkpoint: &Checkpoint, output: &Output) -> anyhow::Result<()> {
        if self.settings.run.max_cost_per_day.is_none() {
            return Ok(());
        }
        let today = UtcDay::of(Moment::now());
        let spent = checkpoint.spent(today.start(), today.end()).await?;
        for (model, calls) in spent.unpriced {
            if !self.settings.costs_nothing(&model) {
                output.say(&format!(
                    "warning: {calls} calls of today to {model} have no known cost, so \
                     run.max_cost_per_day can't count them"
                ));
            }
        }
        Ok(())
    }

    /// Runs something that takes parts, watched by bars.
    pub(super) async fn execute<F>(
        &self,
        plan: Plan,
        access: Access,
        output: &Output,
        job: impl FnOnce(Parts) -> F,
    ) -> anyhow::Result<Finished>
    where
        F: Future<Output = Result<Finished, RunError>>,
    {
        let asks_models = matches!(
            plan.mode,
            crate::archive::Mode::Backfill
                | crate::archive::Mode::Upgrade
                | crate::archive::Mode::Fix
        ) && plan.given.is_none();
        let chain = if asks_models {
            Chain::connect(&self.settings)?
        } else {
            Chain::empty()
        };
        let (checkpoint, _lock) = self.state(access)?;
        if asks_models && access == Access::Record {
            self.tell_uncounted(&checkpoint, output).await?;
        }
        if let Some(until) = self.settings.run.until.filter(|_| asks_models) {
            let until = report::terminal::day_and_time(until);
            output.say(&format!("no new calls from {until} on"));
        }
        let vigil = self.vigil.as_ref().filter(|_| access == Access::Record);
        if let Some(vigil) = vigil {
            vigil.opened(&checkpoint).await;
        }
        let progress = Arc::new(Progress::new(output));
        let beating = tokio::spawn(beat(
            self.settings.run.heartbeat,
            Arc::clone(&progress),
            vigil.cloned(),
        ));
        let watched = Arc::new(Vigilant {
            vigil: self.vigil.clone(),
            next: Arc::clone(&progress),
        });
        let kept = checkpoint.clone();
        let finished = job(Parts {
            plan,
            site: Arc::clone(&self.site),
            checkpoint,
            chain: Arc::new(chain),
            stop: self.stop.clone(),
            observer: Arc::new(Logged(watched)),
            bodies: self.bodies.clone(),
        })
        .await;
        beating.abort();
        progress.finish();
        let finished = finished?;
        log::finished(&finished);
        if let Some(vigil) = &self.vigil {
            vigil.finished(&finished, &kept, &self.settings).await;
        }
        Ok(finished)
    }
}

/// Says and writes every now and then how a run stands.
async fn beat(every: Duration, progress: Arc<Progress>, vigil: Option<Vigil>) {
    loop {
        tokio::time::sleep(every).await;
        progress.heartbeat();
        if let Some(vigil) = &vigil {
            vigil.heartbeat();
        }
    }
}

/// Ids from the command line, refused where the site can have no such id.
pub(super) fn photo_ids(
    settings: &Settings,
    ids: impl IntoIterator<Item = String>,
) -> anyhow::Result<Vec<PhotoId>> {
    let checked = ids.into_iter().map(|id| {
        let id = PhotoId::new(id);
        match site::id_fault(&settings.site, &id) {
            Some(fault) => {
                let hint = "give the id as the listing has it; `altfill report --csv` lists all";
                Err(Usage::new(fault, hint).into())
            }
            None => Ok(id),
        }
    });
    checked.collect()
}

/// What can't be opened as it is described is a mistake in the settings, before
/// anything was sent.
fn wrong_settings(error: SiteError) -> anyhow::Error {
    match error {
        SiteError::Settings(message) => {
            let hint =
                "docs/sites tells what describes a site; docs/CONFIGURATION.md has every key";
            Usage::new(message, hint).into()
        }
        other => other.into(),
    }
}

/// Starts the embedded archive beside the state file, and points the settings
/// at it.
async fn start_embedded(
    settings: &mut Settings,
    output: &Output,
) -> anyhow::Result<EmbeddedArchive> {
    let folder = settings
        .state
        .parent()
        .map_or_else(PathBuf::new, PathBuf::from)
        .join("embedded");
    if !folder.join("archive.json").exists() {
        output.say("drawing the photos of the embedded archive (the first time only)");
    }
    let archive = EmbeddedArchive::start(&folder).await.with_context(|| {
        format!(
            "could not start the embedded archive in {}",
            folder.display()
        )
    })?;
    let site = &mut settings.site;
    site.base_url = archive.base_url.clone();
    site.token = Some(archive.token.clone());
    site.manifest = Some(Manifest::Ids(archive.ids.clone()));
    site.pixels = PixelSource::Url(demo::PIXELS.to_owned());
    Ok(archive)
}

/// What keeps a path from being a state file: something other than a file is there.
pub(super) fn odd_state(path: &Path) -> Option<String> {
    let shown = path.display();
    if path.symlink_metadata().is_err() {
        return None;
    }
    match std::fs::metadata(path) {
        Ok(found) if found.is_file() => None,
        Ok(found) if found.is_dir() => Some(format!("the state file {shown} is a directory")),
        Ok(_) => Some(format!("the state file {shown} is no regular file")),
        Err(_) => Some(format!(
            "the state file {shown} is a link that leads to no file"
        )),
    }
}

/// Refuses a state file that is none, before anything is read from it.
pub(super) fn refuse_odd_state(path: &Path) -> anyhow::Result<()> {
    match odd_state(path) {
        Some(message) => Err(Usage::new(message, ODD_STATE).into()),
        None => Ok(()),
    }
}

/// What to do about a state file that is none.
pub(super) const ODD_STATE: &str = "set `state` or --state to a file, or to where one can be made";

/// The state of a site, for commands that look at it and need no site.
pub(super) fn scratch(settings: &Settings) -> anyhow::Result<Checkpoint> {
    let site: &SiteName = &settings.site.name;
    refuse_odd_state(&settings.state)?;
    Ok(checkpoint::open_scratch_copy(&settings.state, site)?)
}

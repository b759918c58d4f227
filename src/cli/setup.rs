//! From flags to the parts of a run: settings, site, checkpoint, models.

use super::args::{Global, With};
use super::exit::{Exit, Usage};
use super::output::Output;
use super::progress::Progress;
use super::signals;
use crate::archive::SiteName;
use crate::checkpoint::{self, Checkpoint, Lock};
use crate::config::{self, Environment, Manifest, Overrides, PixelSource, Preset, Settings};
use crate::demo::{self, EmbeddedArchive};
use crate::pipeline::{Chain, Finished, Parts, Plan, RunError, Stop, Why};
use crate::report;
use crate::site::{self, Site, SiteError};
use anyhow::Context as _;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

/// What a command works with.
pub(super) struct Setup {
    pub(super) settings: Settings,
    pub(super) stop: Stop,
    pub(super) site: Arc<dyn Site>,
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

/// The settings alone, for commands that need no site.
pub(super) fn settings(
    global: &Global,
    with: Option<&With>,
    output: &Output,
) -> anyhow::Result<Settings> {
    let overrides = Overrides {
        config: global.config.clone(),
        model: with.and_then(|with| with.model.clone()),
        models: global.models.clone(),
        state: global.state.clone(),
        language: global.language.clone(),
        concurrency: with.and_then(|with| with.concurrency),
        max_cost: with.and_then(|with| with.max_cost),
        deadline: with.and_then(|with| with.deadline),
    };
    let settings = config::load(&overrides, Environment::capture())?;
    for warning in &settings.warnings {
        output.say(&format!("warning: {warning}"));
    }
    Ok(settings)
}

impl Setup {
    /// Reads the settings and connects to the site.
    pub(super) async fn new(
        global: &Global,
        with: Option<&With>,
        output: &Output,
    ) -> anyhow::Result<Self> {
        Self::with_settings(settings(global, with, output)?, output).await
    }

    pub(super) async fn with_settings(
        mut settings: Settings,
        output: &Output,
    ) -> anyhow::Result<Self> {
        let stop = Stop::default();
        signals::listen(stop.clone());
        let embedded = match settings.site.preset {
            Preset::Embedded => Some(start_embedded(&mut settings, output).await?),
            _ => None,
        };
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
            embedded,
        })
    }

    /// Opens the state file; the lock is held as long as the guard lives.
    pub(super) fn state(&self, access: Access) -> anyhow::Result<(Checkpoint, Option<Lock>)> {
        let (path, site) = (&self.settings.state, &self.settings.site.name);
        Ok(match access {
            Access::Record => {
                let lock = Lock::take(path)?;
                (checkpoint::open(path, site)?, Some(lock))
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
        if json {
            output.data(&serde_json::to_string(&finished.summary)?)?;
        } else if output.volume > super::output::Volume::Quiet {
            output.data(&report::terminal::summary(&finished.summary))?;
            if let (Some(archive), Access::Record) = (&self.embedded, access) {
                let page = archive.save_page().await?;
                output.data(&format!(
                    "Photos and alt texts to look at: {}",
                    page.display()
                ))?;
            }
        }
        if let Some(Why::Fatal(fatal)) = &finished.why {
            output.fatal(fatal);
        }
        Ok(Exit::of(&finished))
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
        let progress = Arc::new(Progress::new(output));
        let finished = job(Parts {
            plan,
            site: Arc::clone(&self.site),
            checkpoint,
            chain: Arc::new(chain),
            stop: self.stop.clone(),
            observer: Arc::clone(&progress) as Arc<dyn crate::pipeline::Observer>,
        })
        .await;
        progress.finish();
        Ok(finished?)
    }
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

/// The state of a site, for commands that look at it and need no site.
pub(super) fn scratch(settings: &Settings) -> anyhow::Result<Checkpoint> {
    let site: &SiteName = &settings.site.name;
    Ok(checkpoint::open_scratch_copy(&settings.state, site)?)
}

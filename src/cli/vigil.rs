//! What a command that may run unattended leaves for those who are not there:
//! metrics, events, notifications. It watches from before the settings are read
//! until the exit code is known, so that a run that can't even begin is told of
//! as well.

use super::args::Watch;
use super::exit::{Exit, Usage};
use super::log::LogFile;
use super::metrics::MetricsFile;
use super::output::{Output, with_causes};
use crate::archive::{Moment, SlotKind};
use crate::checkpoint::{Checkpoint, LastGood, Status};
use crate::config::{Needs, Settings};
use crate::notify::{GRACE, News, Notifier, Undelivered};
use crate::pipeline::{Action, Event, Finished, Observer, Stop, Summary, Why};
use crate::report::events::{End, Follow, time};
use crate::report::metrics::{self, Measures, NOT_STARTED};
use crate::report::terminal;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Watches one command. Cheap to clone.
#[derive(Clone)]
pub(super) struct Vigil(Arc<Inner>);

struct Inner {
    output: Output,
    duty: Duty,
    stop: Stop,
    /// Cancelled by a second signal: nobody is told any more.
    leave: CancellationToken,
    started: Moment,
    events: Option<Events>,
    state: Mutex<State>,
}

/// Where events go.
enum Events {
    File(LogFile),
    Stdout {
        /// Whether it was said that it can't be written to.
        failed: AtomicBool,
    },
}

struct State {
    follow: Follow,
    site: Option<String>,
    metrics: Option<MetricsFile>,
    notifier: Option<Notifier>,
    /// The start's notification on its way.
    starting: Option<JoinHandle<Vec<Undelivered>>>,
    local: BTreeSet<String>,
    summary: Option<Summary>,
    listed: Option<u64>,
    last: LastGood,
    archive: Option<Status>,
    fatal: Option<String>,
}

/// What kind of command is watched.
#[derive(Clone, Copy)]
pub(super) struct Duty {
    /// How far it goes.
    pub(super) action: Action,
    /// Whether it is one that runs unattended: only such a one notifies, and
    /// follows `[metrics]`.
    pub(super) nightly: bool,
    /// Whether its summary goes to stdout as JSON.
    pub(super) json: bool,
}

/// Runs a command under watch.
pub(super) async fn watched(
    watch: &Watch,
    duty: Duty,
    output: &Output,
    job: impl AsyncFnOnce(&Vigil) -> anyhow::Result<Exit>,
) -> anyhow::Result<Exit> {
    let vigil = Vigil::begin(watch, duty, output)?;
    let result = job(&vigil).await;
    vigil.end(&result).await;
    result
}

impl Duty {
    /// Of a command that a person gives and looks at.
    pub(super) fn by_hand(json: bool) -> Self {
        Self {
            action: Action::Write,
            nightly: false,
            json,
        }
    }
}

impl Vigil {
    /// Opens what was asked for, before anything is spent.
    fn begin(watch: &Watch, duty: Duty, output: &Output) -> anyhow::Result<Self> {
        if duty.action == Action::DryRun && watch.metrics_file.is_some() {
            let message = "--metrics-file has nothing to measure in a dry run";
            return Err(Usage::new(message, "leave one of the two out").into());
        }
        let metrics = watch
            .metrics_file
            .as_deref()
            .map(MetricsFile::new)
            .transpose()?;
        // The last: from here on, what is begun is ended with a line.
        let events = watch.events.as_deref();
        let events = events
            .map(|path| Events::open(path, duty, output))
            .transpose()?;
        Ok(Self(Arc::new(Inner {
            output: output.clone(),
            duty,
            stop: Stop::default(),
            leave: CancellationToken::new(),
            started: Moment::now(),
            events,
            state: Mutex::new(State {
                follow: Follow::new("", duty.action),
                site: None,
                metrics,
                notifier: None,
                starting: None,
                local: BTreeSet::new(),
                summary: None,
                listed: None,
                last: LastGood::default(),
                archive: None,
                fatal: None,
            }),
        })))
    }

    /// The settings are known.
    pub(super) fn learn(&self, settings: &Settings) -> anyhow::Result<()> {
        let Duty {
            action, nightly, ..
        } = self.0.duty;
        let mut state = self.state();
        state.site = Some(settings.site.name.to_string());
        state.follow = Follow::new(settings.site.name.as_str(), action);
        let local = settings.models.values().filter(|entry| !entry.cloud);
        state.local = local.map(|entry| entry.name.to_string()).collect();
        if nightly {
            if let (None, Some(path)) = (&state.metrics, &settings.metrics_file) {
                state.metrics = Some(MetricsFile::new(path)?);
            }
            let notify = settings.notify.clone();
            let leave = &self.0.leave;
            state.notifier = notify.map(|notify| Notifier::new(notify, leave.clone()));
        }
        Ok(())
    }

    /// What the command needs of its settings.
    pub(super) fn needs(&self) -> Needs {
        if self.0.duty.nightly {
            Needs::Unattended
        } else {
            Needs::Site
        }
    }

    /// How far the command goes.
    pub(super) fn action(&self) -> Action {
        self.0.duty.action
    }

    /// What stops the command; whoever waits here notices.
    pub(super) fn stop(&self) -> &Stop {
        &self.0.stop
    }

    /// What ends everything that is left to do after the run.
    pub(super) fn leave(&self) -> &CancellationToken {
        &self.0.leave
    }

    /// The state file is open.
    pub(super) async fn opened(&self, checkpoint: &Checkpoint) {
        let last = checkpoint.last_good_runs().await;
        self.state().last = last.unwrap_or_default();
        self.heartbeat();
    }

    /// Whether standard output belongs to events.
    pub(super) fn takes_stdout(&self) -> bool {
        matches!(self.0.events, Some(Events::Stdout { .. }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes how the run stands; to be called every now and then.
    pub(super) fn heartbeat(&self) {
        self.measure(None);
    }

    /// The run is over, and its state file still open.
    pub(super) async fn finished(
        &self,
        finished: &Finished,
        checkpoint: &Checkpoint,
        settings: &Settings,
    ) {
        let measured = self.state().metrics.is_some();
        let status = if measured {
            let language = &settings.language;
            let status = checkpoint.status(SlotKind::Alt, language, Moment::now());
            status.await.ok()
        } else {
            None
        };
        let last = checkpoint.last_good_runs().await;
        let mut state = self.state();
        state.summary = Some(finished.summary.clone());
        state.archive = status;
        state.last = last.unwrap_or(state.last);
        if let Some(Why::Fatal(fatal)) = &finished.why {
            state.fatal = Some(fatal.message.clone());
        }
    }

    /// Everything is over; `result` is what the program ends with. Nothing that
    /// fails here changes that.
    async fn end(&self, result: &anyhow::Result<Exit>) {
        let (exit, error) = match result {
            Ok(exit) => (*exit, None),
            Err(error) => (Exit::of_error(error), Some(with_causes(error))),
        };
        let code = exit.number();
        let (data, words, id, notifier, starting) = {
            let mut state = self.state();
            let error = error.or(state.fatal.clone());
            let error = error.map(|error| self.0.output.mask(&error).into_owned());
            let ended = state
                .summary
                .as_ref()
                .map_or(NOT_STARTED, |summary| summary.ended);
            let end = End {
                exit_code: code,
                ended,
                summary: state.summary.as_ref(),
                error: error.as_deref(),
            };
            let line = state.follow.end(&end, Moment::now());
            self.write(&line);
            let site = state.site.clone();
            let data = json!({
                "site": site,
                "exit_code": code,
                "reason": ended,
                "error": error,
                "summary": state.summary,
            });
            let words = words(code, ended, error.as_deref(), state.summary.as_ref());
            let id = state.summary.as_ref().map(|summary| summary.id.clone());
            let notifier = state.notifier.clone();
            (data, words, id, notifier, state.starting.take())
        };
        // While another run is on, the metrics are its own.
        if exit != Exit::Locked {
            self.measure(Some(code));
        }
        if let Some(notifier) = notifier {
            let id = id.unwrap_or_else(|| uuid::Uuid::now_v7().to_string());
            let id = format!("msg_{id}");
            self.tell(&notifier, starting, code, &words, &id, &data)
                .await;
        }
    }

    /// Notifies, for ten seconds at most.
    async fn tell(
        &self,
        notifier: &Notifier,
        starting: Option<JoinHandle<Vec<Undelivered>>>,
        code: u8,
        words: &str,
        id: &str,
        data: &Value,
    ) {
        let time = time(Moment::now());
        let news = News {
            exit_code: code,
            words,
            id,
            time: &time,
            data,
        };
        // A start that arrives after the end would look like another run.
        if let Some(mut starting) = starting {
            if let Ok(told) = tokio::time::timeout(GRACE, &mut starting).await {
                self.complain(told.unwrap_or_default());
            } else {
                starting.abort();
                let text = "not notified: the start of the run was not taken until its end";
                self.0.output.warn(text);
            }
        }
        self.complain(notifier.ended(&news).await);
    }

    fn complain(&self, undelivered: Vec<Undelivered>) {
        for one in undelivered {
            self.0.output.warn(&format!("not notified: {one}"));
        }
    }

    /// Writes the metrics, if anybody asked for them.
    fn measure(&self, code: Option<u8>) {
        let state = self.state();
        let Some(file) = &state.metrics else {
            return;
        };
        // Settings that can't be read tell neither the site nor its state file.
        let before = file.earlier();
        let site = state
            .site
            .clone()
            .or_else(|| before.0.clone())
            .unwrap_or_default();
        let last = LastGood {
            complete: state.last.complete.or(before.1.complete),
            success: state.last.success.or(before.1.success),
        };
        let ended = state
            .summary
            .as_ref()
            .map_or(NOT_STARTED, |summary| summary.ended);
        let page = metrics::page(&Measures {
            site: &site,
            started: self.0.started,
            now: Moment::now(),
            summary: state.summary.as_ref(),
            listed: state.listed,
            local: &state.local,
            waits: state.follow.waits(),
            end: code.map(|code| (code, ended)),
            last,
            archive: state.archive.as_ref(),
        });
        if let Some(problem) = file.write(&self.0.output.mask(&page)) {
            self.0.output.warn(&problem);
        }
    }

    fn write(&self, line: &Value) {
        let text = line.to_string();
        match &self.0.events {
            None => {}
            Some(Events::File(file)) => {
                // It says by itself, once, when it can't be written to.
                let _ = file.clone().write_all(format!("{text}\n").as_bytes());
            }
            Some(Events::Stdout { failed }) => {
                let masked = self.0.output.mask(&text);
                if let Err(error) = self.0.output.data(&masked)
                    && !failed.swap(true, Ordering::Relaxed)
                {
                    self.0
                        .output
                        .warn(&format!("events can't be written: {error}"));
                }
            }
        }
    }

    fn hear(&self, event: &Event) {
        let mut state = self.state();
        match event {
            Event::Started { run, id, mode } => {
                state.summary = Some(Summary::new(*run, id, *mode));
                let notifier = state.notifier.clone();
                if let Some(notifier) = notifier {
                    let words = format!("run {run} began");
                    let told = async move { notifier.started(&words).await };
                    state.starting = Some(tokio::spawn(told));
                }
            }
            Event::Listed(photos) => state.listed = Some(*photos),
            _ => {}
        }
        if let Some(summary) = &mut state.summary {
            summary.count(event);
        }
        // The lock is kept, so that lines stand in the order of events.
        for line in state.follow.hear(event, Moment::now()) {
            self.write(&line);
        }
    }
}

/// Keeps watch over a run, and passes on what it tells.
pub(super) struct Vigilant<O> {
    pub(super) vigil: Option<Vigil>,
    pub(super) next: Arc<O>,
}

impl<O: Observer> Observer for Vigilant<O> {
    fn event(&self, event: &Event) {
        if let Some(vigil) = &self.vigil {
            vigil.hear(event);
        }
        self.next.event(event);
    }
}

impl Events {
    fn open(path: &Path, duty: Duty, output: &Output) -> anyhow::Result<Self> {
        if path == Path::new("-") {
            if duty.json {
                let message = "--events - and --json both want standard output";
                let hint = "name a file for --events, or leave --json out: the last event has the \
                            summary";
                return Err(Usage::new(message, hint).into());
            }
            let failed = AtomicBool::new(false);
            return Ok(Self::Stdout { failed });
        }
        LogFile::open(path, output)
            .map(Self::File)
            .map_err(|error| {
                let message = format!("can't open the events file {}: {error}", path.display());
                Usage::new(message, "check the path given to --events").into()
            })
    }
}

/// What people are told in a few lines.
fn words(code: u8, ended: &str, error: Option<&str>, summary: Option<&Summary>) -> String {
    let mut text = format!("altfill: exit code {code}, {}", ended.replace('_', " "));
    if let Some(error) = error {
        let _ = write!(text, "\n{error}");
    }
    if let Some(summary) = summary {
        text.push('\n');
        text.push_str(&terminal::summary(summary));
    }
    text
}

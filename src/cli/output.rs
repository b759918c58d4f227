//! Where words go: data to stdout, everything for people to stderr, and never
//! through a bar.

use super::args::{Args, Global};
use super::exit::Usage;
use super::init::Unreachable;
use super::log::{self, LogFile};
use super::screen::{harmless, harmless_json};
use crate::checkpoint::CheckpointError;
use crate::config::{ConfigError, Environment, Secrets};
use crate::pipeline::{Fatal, RunError};
use crate::report::wrap::{COLUMNS, fold};
use indicatif::{MultiProgress, ProgressDrawTarget};
use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, PoisonError, RwLock};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;

/// How much is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Volume {
    /// Errors and data only.
    Quiet,
    /// The usual.
    Normal,
    /// One line per call.
    Verbose,
}

/// The two streams, and the bars on one of them.
#[derive(Clone, Debug)]
pub(super) struct Output {
    bars: MultiProgress,
    pub(super) volume: Volume,
    /// Whether a person watches stderr.
    pub(super) terminal: bool,
    /// Lines only: nothing is drawn over, no cursor moves.
    pub(super) plain: bool,
    level: tracing::Level,
    /// What must not be in anything that is said.
    secrets: Arc<RwLock<Secrets>>,
}

impl Output {
    pub(super) fn new(args: &Args) -> Self {
        let volume = match (args.global.quiet, args.global.verbose) {
            (true, _) => Volume::Quiet,
            (false, 0) => Volume::Normal,
            (false, _) => Volume::Verbose,
        };
        let level = match args.global.verbose {
            0 => tracing::Level::ERROR,
            1 => tracing::Level::WARN,
            2 => tracing::Level::DEBUG,
            _ => tracing::Level::TRACE,
        };
        let terminal = io::stderr().is_terminal();
        let dumb = Environment::capture().terminal_is_dumb();
        let plain = args.global.plain || !terminal || dumb;
        let bars = MultiProgress::new();
        if plain || volume == Volume::Quiet {
            bars.set_draw_target(ProgressDrawTarget::hidden());
        }
        Self {
            bars,
            volume,
            terminal,
            plain,
            level,
            secrets: Arc::default(),
        }
    }

    /// From now on these are masked in all that is said and logged. Nothing
    /// should contain them anyway; this is for what nobody thought of.
    pub(super) fn keep_secret(&self, secrets: Secrets) {
        *self.secrets.write().unwrap_or_else(PoisonError::into_inner) = secrets;
    }

    /// A text without secrets.
    pub(super) fn mask<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.secrets
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .mask(text)
    }

    /// Words for a bar, which is one line.
    pub(super) fn one_line(&self, text: &str) -> String {
        harmless(&self.mask(text)).replace(['\n', '\t'], " ")
    }

    pub(super) fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    fn level_of_connections(&self) -> LevelFilter {
        match self.level {
            tracing::Level::TRACE => LevelFilter::TRACE,
            _ => LevelFilter::ERROR,
        }
    }

    /// Sends the library's logs to stderr, and what `--log-json` asks for to its
    /// file. Stderr is quiet unless asked for: what a person must know comes as
    /// an event.
    pub(super) fn start_logging(&self, global: &Global) -> anyhow::Result<()> {
        let lines = tracing_subscriber::fmt::layer()
            .with_target(false)
            .with_ansi(false)
            .with_writer(self.clone())
            .with_filter(
                Targets::new()
                    .with_default(self.level)
                    // What becomes of connections is for those who ask for all.
                    .with_target("hyper_util", self.level_of_connections())
                    .with_target(log::TARGET, LevelFilter::OFF),
            );
        let file = global.log_json.as_ref().map(|path| {
            LogFile::open(path, self).map_err(|error| {
                let message = format!("can't open the log {}: {error}", path.display());
                Usage::new(message, "check the path given to --log-json")
            })
        });
        let level = if self.volume == Volume::Verbose {
            LevelFilter::DEBUG
        } else {
            LevelFilter::INFO
        };
        let objects = file.transpose()?.map(|file| {
            tracing_subscriber::fmt::layer()
                .json()
                .flatten_event(true)
                .with_current_span(false)
                .with_span_list(false)
                .with_target(false)
                .with_writer(file)
                // Other crates log what nobody here has looked at.
                .with_filter(Targets::new().with_target("altfill", level))
        });
        let subscriber = tracing_subscriber::registry().with(lines).with(objects);
        // A second initialisation happens in tests only.
        let _ = tracing::subscriber::set_global_default(subscriber);
        Ok(())
    }

    /// A line of data: JSON, or words for people. Neither has anything in it that
    /// a terminal would obey, wherever it goes: it may be a pager's.
    pub(super) fn data(&self, text: &str) -> anyhow::Result<()> {
        let masked = self.mask(text);
        if masked.starts_with(['{', '[']) {
            self.put(&harmless_json(&masked))
        } else {
            self.put(&harmless(&masked))
        }
    }

    /// Data whose every character counts, such as a table for a spreadsheet. Only
    /// a terminal gets it without what it would obey.
    pub(super) fn exact(&self, text: &str) -> anyhow::Result<()> {
        let masked = self.mask(text);
        if io::stdout().is_terminal() {
            self.put(&harmless(&masked))
        } else {
            self.put(&masked)
        }
    }

    fn put(&self, text: &str) -> anyhow::Result<()> {
        // Plain stdout: there are no colours that would have to be taken out, and
        // what looks like one is a text's own.
        self.bars
            .suspend(|| match writeln!(io::stdout(), "{text}") {
                // Whoever read our output has seen enough.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
                other => Ok(other?),
            })
    }

    /// A line for people, above the bars.
    pub(super) fn say(&self, text: &str) {
        if self.volume > Volume::Quiet {
            self.line(text);
        }
    }

    /// A line for people, however quiet they want it.
    pub(super) fn warn(&self, text: &str) {
        self.line(&format!("warning: {text}"));
    }

    /// What went wrong, and what to do.
    pub(super) fn error(&self, error: &anyhow::Error) {
        let text = with_causes(error);
        log::failed(&text);
        self.line(&format!("error: {text}"));
        if let Some(hint) = hint(error) {
            self.line(&format!("help: {hint}"));
        }
    }

    /// One of several things that are wrong.
    pub(super) fn error_line(&self, text: &str) {
        self.line(text);
    }

    /// What ended a run.
    pub(super) fn fatal(&self, fatal: &Fatal) {
        log::failed(&fatal.message);
        self.line(&format!("error: {}", fatal.message));
        if let Some(hint) = &fatal.hint {
            self.line(&format!("help: {hint}"));
        }
    }

    fn line(&self, text: &str) {
        // There is nobody left to tell if stderr itself is gone.
        let text = self.mask(text);
        let mut text = harmless(&text);
        // Where it goes into a pipe, or is heard, lines have no width.
        if self.terminal && !self.plain {
            text = fold(&text, COLUMNS).into();
        }
        self.bars.suspend(|| {
            let _ = writeln!(io::stderr(), "{text}");
        });
    }

    /// Whether somebody is there to answer.
    pub(super) fn is_answered(&self) -> bool {
        io::stdin().is_terminal() && self.terminal
    }

    /// Asks for a line of text on the terminal. An empty answer is one only where
    /// it may be.
    pub(super) fn ask(&self, question: &str, usual: Option<&str>) -> anyhow::Result<String> {
        let mut input = dialoguer::Input::<String>::new().with_prompt(question);
        match usual {
            Some("") => input = input.allow_empty(true),
            Some(usual) => input = input.default(usual.to_owned()),
            None => {}
        }
        let answer = self.bars.suspend(|| input.interact_text())?;
        Ok(answer.trim().to_owned())
    }

    /// Asks a yes-or-no question on the terminal.
    pub(super) fn confirm(&self, question: &str) -> anyhow::Result<bool> {
        if !io::stdin().is_terminal() || !self.terminal {
            let hint = "look at what is shown above, then run it again with --yes";
            return Err(Usage::new(format!("nobody is there to answer: {question}"), hint).into());
        }
        // A line that is ended with Enter, so that nothing of it is left for the
        // shell. Anything but a yes is a no.
        let answer = if self.plain {
            self.line(&format!("{question} Type yes or no, then Enter."));
            let mut answer = String::new();
            io::stdin().read_line(&mut answer)?;
            answer
        } else {
            self.ask(&format!("{} [y/N]", self.one_line(question)), Some(""))?
        };
        Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
    }
}

/// An error with its causes. Many errors tell their cause themselves, which is
/// not said twice.
pub(super) fn with_causes(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            let _ = write!(text, ": {cause}");
        }
    }
    text
}

fn hint(error: &anyhow::Error) -> Option<String> {
    if let Some(error) = error.downcast_ref::<ConfigError>() {
        return error.hint();
    }
    if let Some(error) = error.downcast_ref::<Usage>() {
        return error.hint.clone();
    }
    if error.is::<Unreachable>() {
        return Some(Unreachable::hint().to_owned());
    }
    let state = error.downcast_ref::<CheckpointError>().or_else(|| {
        error
            .downcast_ref::<RunError>()
            .map(|RunError::Checkpoint(state)| state)
    });
    state.map(|state| state.hint().to_owned())
}

/// A log line on its way to stderr, around the bars.
#[derive(Debug)]
pub(super) struct LogLine(Output);

impl Write for LogLine {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let masked = self.0.mask(&text);
        let plain = harmless(&masked);
        let bars = &self.0.bars;
        bars.suspend(|| io::stderr().write_all(plain.as_bytes()))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl<'a> MakeWriter<'a> for Output {
    type Writer = LogLine;

    fn make_writer(&'a self) -> Self::Writer {
        LogLine(self.clone())
    }
}

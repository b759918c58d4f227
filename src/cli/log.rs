//! `--log-json FILE`: what a run does, for machines. One JSON object a line,
//! appended; the fields are in `docs/CONFIGURATION.md`.
//!
//! What is logged are events, never texts: no caption, no prompt, no key. The
//! library's own warnings are in it too; they have a `message` and no `event`.

use super::output::Output;
use crate::archive::{Ended, PhotoId};
use crate::pipeline::{Event, Finished, Observer, Outcome, Settled, Summary};
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tracing_subscriber::fmt::MakeWriter;

/// The target of the lines that are meant for this file, and for nothing else.
pub(super) const TARGET: &str = "altfill::events";

/// The open file. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct LogFile(Arc<Opened>);

#[derive(Debug)]
struct Opened {
    file: File,
    path: PathBuf,
    output: Output,
    failed: AtomicBool,
}

impl LogFile {
    /// Opens a file to append to; a new one can be read by nobody else. One that
    /// is there keeps its permissions, since whatever rotates logs sets them.
    /// Lines are appended to nothing but lines.
    pub(super) fn open(path: &Path, output: &Output) -> io::Result<Self> {
        if !may_take_lines(path) {
            let message = "it is there already and holds no JSON lines";
            return Err(io::Error::other(message));
        }
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)?;
        Ok(Self(Arc::new(Opened {
            file,
            path: path.to_owned(),
            output: output.clone(),
            failed: AtomicBool::new(false),
        })))
    }
}

/// Whether lines can be appended to what is there: nothing, a pipe or a device, or
/// lines like ours.
fn may_take_lines(path: &Path) -> bool {
    let is_file = std::fs::metadata(path).is_ok_and(|found| found.is_file());
    let Some(mut file) = is_file.then(|| File::open(path).ok()).flatten() else {
        return true;
    };
    let mut first = [0];
    !matches!(file.read(&mut first), Ok(1)) || first == [b'{']
}

impl Write for LogFile {
    /// Takes one whole line, and writes it at once: lines of several processes
    /// that share the file are not torn. A failure is said once, and fails
    /// nothing else.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let opened = &self.0;
        let text = String::from_utf8_lossy(line);
        let masked = opened.output.mask(&text);
        let written = (&opened.file).write_all(masked.as_bytes());
        if let Err(error) = written
            && !opened.failed.swap(true, Ordering::Relaxed)
        {
            let place = opened.path.display();
            opened.output.warn(&format!(
                "{place} can't be written to: {error}; the run goes on"
            ));
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LogFile {
    type Writer = Self;

    fn make_writer(&'a self) -> Self::Writer {
        self.clone()
    }
}

/// Logs what a run tells, and passes it on.
pub(super) struct Logged<O>(pub(super) Arc<O>);

impl<O: Observer> Observer for Logged<O> {
    fn event(&self, event: &Event) {
        log(event);
        self.0.event(event);
    }
}

/// A line of the log. Fields that are `None` are left out.
macro_rules! line {
    ($event:literal $($fields:tt)*) => {
        tracing::info!(target: TARGET, event = $event $($fields)*)
    };
}

fn log(event: &Event) {
    match event {
        Event::Started { run, mode, .. } => line!(
            "run_started",
            run = run.0,
            mode = mode.as_str(),
            version = env!("CARGO_PKG_VERSION")
        ),
        Event::Listed(photos) => line!("listed", photos),
        Event::Expected(photos) => {
            tracing::debug!(target: TARGET, event = "expected", photos);
        }
        Event::Wanted(photo) => {
            tracing::debug!(target: TARGET, event = "wanted", photo = photo.as_str());
        }
        Event::Called {
            call,
            outcome,
            model,
            photo,
            took,
            usage,
            cost,
            free: _,
            problem,
        } => line!(
            "call",
            call = call.0,
            model = model.as_str(),
            photo = photo.as_ref().map(PhotoId::as_str),
            ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            input_tokens = usage.map(|usage| usage.input),
            output_tokens = usage.map(|usage| usage.output),
            cost_usd = cost.map(|cost| cost.0),
            outcome,
            problem
        ),
        Event::Waiting { whom, wait, why } => {
            line!("waiting", whom, seconds = wait.as_secs_f64(), why);
        }
        Event::Resumed { whom } => line!("resumed", whom),
        Event::Adopted(photo) => line!("adopted", photo = photo.as_str()),
        Event::Settled(settled) => photo(settled),
        Event::Stopping(ended) => line!("stopping", why = Ended::as_str(*ended)),
        Event::Notice(text) => line!("notice", text),
    }
}

/// How a photo's way ended. Most photos of a nightly run are left alone, so
/// these are there only with `-v`.
fn photo(settled: &Settled) {
    let photo = settled.photo.as_str();
    let generated = settled.generated;
    let (outcome, why) = (settled.outcome.as_str(), settled.outcome.reason());
    if let Outcome::Skipped(_) = settled.outcome {
        tracing::debug!(target: TARGET, event = "photo", photo, outcome, why);
        return;
    }
    line!("photo", photo, outcome, why, generated);
}

/// The end of a run.
pub(super) fn finished(finished: &Finished) {
    let Summary {
        run,
        ended,
        seen,
        written,
        held,
        failed,
        conflict,
        waiting,
        not_reached,
        generated,
        model_calls,
        tokens,
        cost_usd,
        seconds,
        ..
    } = &finished.summary;
    let (input_tokens, output_tokens) = (tokens.input, tokens.output);
    let skipped = finished.summary.skipped.total();
    line!(
        "run_ended",
        run,
        ended,
        seen,
        written,
        held,
        failed,
        conflict,
        waiting,
        not_reached,
        skipped,
        generated,
        model_calls,
        input_tokens,
        output_tokens,
        cost_usd,
        seconds
    );
}

/// What ended the program, or the run.
pub(super) fn failed(message: &str) {
    tracing::error!(target: TARGET, event = "error", message);
}

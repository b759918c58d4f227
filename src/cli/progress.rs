//! What a person sees while a run is on: a bar on a terminal, plain lines
//! otherwise.

use super::output::{Output, Volume};
use crate::archive::{Mode, PhotoId};
use crate::pipeline::{Event, Observer, Outcome, Settled};
use indicatif::{ProgressBar, ProgressStyle};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often a plain line says where the run is.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// How often a plain line repeats what the run waits for, as long as that stays
/// the same.
const SAID_AGAIN: Duration = Duration::from_secs(300);

/// Failures told one by one; the rest is in the summary's count.
const TOLD_FAILURES: u64 = 20;

/// Watches a run and draws it.
#[derive(Debug)]
pub(super) struct Progress {
    output: Output,
    photos: ProgressBar,
    waiting: ProgressBar,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    seen: u64,
    written: u64,
    kept: u64,
    held: u64,
    failed: u64,
    cost: Option<f64>,
    said: Instant,
    waiting: Option<Waiting>,
}

/// What the run waits for.
#[derive(Debug)]
struct Waiting {
    /// For whom and why, without the time.
    what: String,
    /// When it ends; where nobody knows that, with the next call.
    until: Option<Instant>,
    said: Instant,
}

impl Progress {
    pub(super) fn new(output: &Output) -> Self {
        let photos = output.bars().add(ProgressBar::no_length());
        let style = "{bar:24} {pos}/{len} photos  {msg}";
        photos.set_style(ProgressStyle::with_template(style).expect("the template is sound"));
        let waiting = output.bars().add(ProgressBar::new_spinner());
        waiting.set_style(ProgressStyle::with_template("{msg}").expect("the template is sound"));
        let state = State {
            seen: 0,
            written: 0,
            kept: 0,
            held: 0,
            failed: 0,
            cost: None,
            said: Instant::now(),
            waiting: None,
        };
        Self {
            output: output.clone(),
            photos,
            waiting,
            state: Mutex::new(state),
        }
    }

    /// Takes the bars away.
    pub(super) fn finish(&self) {
        self.waiting.finish_and_clear();
        self.photos.finish_and_clear();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody waits. Many do so for the same reason at a time: on a terminal
    /// the bar says it as long as it lasts, elsewhere one line does for all.
    fn waits(&self, whom: &str, wait: Duration, why: &str) {
        let what = format!("waiting for {whom} ({why})");
        let now = Instant::now();
        let until = (!wait.is_zero()).then(|| now + wait);
        let seconds = match wait.as_secs_f64() {
            seconds if seconds >= 1.0 => format!(", {seconds:.0} s"),
            _ => String::new(),
        };
        let text = format!("{what}{seconds}");
        let mut state = self.state();
        let known = state.waiting.as_ref().filter(|known| known.what == what);
        let said = known.map(|known| known.said);
        let fresh = said.is_none_or(|said| now.duration_since(said) >= SAID_AGAIN);
        let said = said.filter(|_| !fresh).unwrap_or(now);
        state.waiting = Some(Waiting { what, until, said });
        drop(state);
        if self.output.terminal {
            self.waiting.set_message(self.output.one_line(&text));
        } else if fresh {
            self.output.say(&text);
        }
    }

    /// Takes the words away once the wait is over. What was waited for is kept
    /// in mind: a limit makes a run wait again and again.
    fn goes_on(&self) {
        let over = self
            .state()
            .waiting
            .as_ref()
            .is_none_or(|waiting| waiting.until.is_none_or(|until| until <= Instant::now()));
        if over {
            self.waiting.set_message("");
        }
    }

    fn settled(&self, settled: &Settled) {
        let mut state = self.state();
        state.seen += 1;
        let photo = &settled.photo;
        let mut line = None;
        match &settled.outcome {
            Outcome::Written { .. } => {
                state.written += 1;
                if self.output.volume >= Volume::Verbose {
                    line = Some(format!("written {photo}"));
                }
            }
            Outcome::Waiting { text } => {
                state.kept += 1;
                line = Some(format!("draft   {photo}: {text}"));
            }
            Outcome::Held(reasons) => {
                state.held += 1;
                let why: Vec<String> = reasons.iter().map(ToString::to_string).collect();
                line = Some(format!("held    {photo}: {}", why.join("; ")));
            }
            Outcome::Failed(why) => {
                state.failed += 1;
                if state.failed <= TOLD_FAILURES || self.output.volume >= Volume::Verbose {
                    line = Some(format!("failed  {}", naming(photo, why)));
                } else if state.failed == TOLD_FAILURES + 1 {
                    line = Some("more photos failed; -v shows each".to_owned());
                }
            }
            Outcome::Conflict(why) => line = Some(format!("left    {}", naming(photo, why))),
            Outcome::NotReached | Outcome::Skipped(_) => {}
        }
        let message = state.message();
        let heartbeat = !self.output.terminal && state.said.elapsed() >= HEARTBEAT;
        if heartbeat {
            state.said = Instant::now();
        }
        let seen = state.seen;
        drop(state);
        if let Some(line) = line {
            self.output.say(&line);
        }
        self.photos.set_position(seen);
        self.photos.set_message(format!("{message}{}", self.rate()));
        if heartbeat {
            self.output.say(&format!("{seen} photos: {message}"));
        }
    }

    fn rate(&self) -> String {
        let rate = self.photos.per_sec();
        let eta = self.photos.eta();
        if self.photos.length().is_some() && rate > 0.0 && eta > Duration::ZERO {
            format!("  {rate:.1}/s, {} left", indicatif::HumanDuration(eta))
        } else {
            String::new()
        }
    }
}

/// A reason that says which photo it is about, once.
fn naming(photo: &PhotoId, why: &str) -> String {
    if why.contains(photo.as_str()) {
        why.to_owned()
    } else {
        format!("{photo}: {why}")
    }
}

impl State {
    fn message(&self) -> String {
        let mut parts = vec![format!("{} written", self.written)];
        for (count, word) in [
            (self.kept, "kept"),
            (self.held, "held"),
            (self.failed, "failed"),
        ] {
            if count > 0 {
                parts.push(format!("{count} {word}"));
            }
        }
        if let Some(cost) = self.cost {
            parts.push(crate::archive::Usd(cost).to_string());
        }
        parts.join(", ")
    }
}

impl Observer for Progress {
    fn event(&self, event: &Event) {
        match event {
            Event::Started { run, mode } => {
                let what = match mode {
                    Mode::Backfill => "filling in missing alt text",
                    Mode::Upgrade => "making our own texts anew",
                    Mode::Fix => "fixing one photo",
                    Mode::Undo => "putting back what was replaced",
                    Mode::Adopt => "looking for machine-made texts",
                };
                self.output.say(&format!("run {run}: {what}"));
            }
            Event::Listed(count) => self.photos.set_length(*count),
            Event::Called {
                call,
                outcome,
                model,
                photo,
                took,
                usage,
                cost,
                problem,
            } => {
                self.goes_on();
                if let Some(cost) = cost {
                    *self.state().cost.get_or_insert(0.0) += cost.0;
                }
                if self.output.volume >= Volume::Verbose {
                    let about = photo.as_ref().map_or("test image", |photo| photo.as_str());
                    let tokens = usage.map_or_else(
                        || "tokens unknown".to_owned(),
                        |usage| format!("{}+{} tokens", usage.input, usage.output),
                    );
                    let cost = cost.map_or_else(|| "no price".to_owned(), |cost| cost.to_string());
                    let end = match problem {
                        Some(problem) => format!("{outcome}: {problem}"),
                        None => (*outcome).to_owned(),
                    };
                    let (call, ms) = (call.0, took.as_millis());
                    self.output.say(&format!(
                        "call {call:<5} {model}, {about}, {ms} ms, {tokens}, {cost}, {end}"
                    ));
                }
            }
            Event::Waiting { whom, wait, why } => self.waits(whom, *wait, why),
            Event::Adopted(photo) => {
                if self.output.volume >= Volume::Verbose {
                    self.output.say(&format!("adopted {photo}"));
                }
            }
            Event::Settled(settled) => self.settled(settled),
            Event::Stopping(ended) => {
                let why = ended.as_str();
                self.output.say(&format!(
                    "stopping ({why}): no new calls; finishing what is in flight"
                ));
            }
            Event::Notice(text) => self.output.say(text),
            Event::Wanted(_) => {}
        }
    }
}

//! What a person sees while a run is on: a bar on a terminal, plain lines
//! otherwise.
//!
//! Plain lines are only ever added. Each can be understood by itself, by
//! somebody who hears it: what happened stands in words at its beginning.

use super::output::{Output, Volume};
use crate::archive::{Ended, Mode, PhotoId};
use crate::pipeline::{Event, Observer, Outcome, Settled};
use indicatif::{HumanDuration, ProgressBar, ProgressState, ProgressStyle};
use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often a plain line repeats what the run waits for, as long as that stays
/// the same.
const SAID_AGAIN: Duration = Duration::from_secs(300);

/// How often a bar is drawn while nothing happens.
const TICK: Duration = Duration::from_secs(1);

/// Failures, and held drafts, told one by one; the rest is in the summary's count.
const TOLD: u64 = 20;

/// Watches a run and draws it.
#[derive(Debug)]
pub(super) struct Progress {
    output: Output,
    photos: ProgressBar,
    waiting: ProgressBar,
    /// When the wait that the bar shows is over.
    ends: Arc<Mutex<Option<Instant>>>,
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
    listed: Option<u64>,
    waiting: Option<Waiting>,
    /// Somebody fixes one photo, and waits for its text.
    one_photo: bool,
}

/// What the run waits for.
#[derive(Debug)]
struct Waiting {
    /// For whom and why, without the time.
    what: String,
    /// For whom.
    whom: String,
    /// When it ends; where nobody knows that, with the next call.
    until: Option<Instant>,
    /// Since when, as far as nothing else was waited for in between.
    since: Instant,
    said: Instant,
    /// A limit makes a run wait again and again, so that what was waited for is
    /// kept in mind.
    ended: bool,
}

impl Progress {
    pub(super) fn new(output: &Output) -> Self {
        let photos = output.bars().add(ProgressBar::no_length());
        photos.set_style(style("{pos} photos so far  {msg}"));
        let waiting = output.bars().add(ProgressBar::new_spinner());
        let ends = Arc::new(Mutex::new(None));
        waiting.set_style(style("{msg}{left}").with_key("left", counting_down(&ends)));
        if !output.plain {
            // Times go on while nothing happens.
            photos.enable_steady_tick(TICK);
            waiting.enable_steady_tick(TICK);
        }
        let state = State {
            seen: 0,
            written: 0,
            kept: 0,
            held: 0,
            failed: 0,
            cost: None,
            listed: None,
            waiting: None,
            one_photo: false,
        };
        Self {
            output: output.clone(),
            photos,
            waiting,
            ends,
            state: Mutex::new(state),
        }
    }

    /// Takes the bars away.
    pub(super) fn finish(&self) {
        self.waiting.finish_and_clear();
        self.photos.finish_and_clear();
    }

    /// A line that says where the run is and what it waits for; to be called
    /// every now and then, whether anything happens or not. Bars show it
    /// themselves.
    pub(super) fn heartbeat(&self) {
        if self.output.plain {
            let line = self.state().heartbeat(Instant::now());
            self.output.say(&line);
        }
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
        let text = match wait.as_secs_f64() {
            seconds if seconds >= 1.0 => format!("{what}, {seconds:.0} s"),
            _ => what.clone(),
        };
        let mut state = self.state();
        let known = state.waiting.as_ref().filter(|known| known.what == what);
        let said = known.map(|known| known.said);
        let fresh = said.is_none_or(|said| now.duration_since(said) >= SAID_AGAIN);
        let said = said.filter(|_| !fresh).unwrap_or(now);
        let on = known.filter(|known| !known.ended);
        let since = on.map_or(now, |on| on.since);
        let whom = whom.to_owned();
        let shown = self.output.one_line(&what);
        state.waiting = Some(Waiting {
            what,
            whom,
            until,
            since,
            said,
            ended: false,
        });
        drop(state);
        if !self.output.plain {
            self.show_wait(shown, until);
        } else if fresh {
            self.output.say(&text);
        }
    }

    /// What the line below the bar says, and until when.
    fn show_wait(&self, what: String, until: Option<Instant>) {
        *self.ends.lock().unwrap_or_else(PoisonError::into_inner) = until;
        self.waiting.set_message(what);
    }

    /// Takes the words away once the wait is over. What was waited for is kept
    /// in mind: a limit makes a run wait again and again.
    fn goes_on(&self) {
        let over = self
            .state()
            .waiting
            .as_ref()
            .is_none_or(|waiting| waiting.over(Instant::now()));
        if over {
            self.show_wait(String::new(), None);
        }
    }

    /// Somebody who was waited for is there again.
    fn resumed(&self, whom: &str) {
        let mut state = self.state();
        let known = state.waiting.as_mut();
        let known = known.filter(|waiting| waiting.whom == whom && !waiting.ended);
        let waited = known.map(|waiting| waiting.ended = true).is_some();
        drop(state);
        self.show_wait(String::new(), None);
        if waited && self.output.plain {
            self.output.say(&format!("going on: {whom} answers again"));
        }
    }

    fn settled(&self, settled: &Settled) {
        let mut state = self.state();
        state.seen += 1;
        let photo = &settled.photo;
        let mut line = None;
        match &settled.outcome {
            Outcome::Written { text } => {
                state.written += 1;
                if state.one_photo {
                    let text = if text.is_empty() {
                        "no text: decorative"
                    } else {
                        text
                    };
                    line = Some(format!("written {photo}: {text}"));
                } else if self.output.volume >= Volume::Verbose {
                    line = Some(format!("written {photo}"));
                }
            }
            Outcome::Waiting { text } => {
                state.kept += 1;
                line = Some(format!("draft   {photo}: {text}"));
            }
            Outcome::Held(reasons) => {
                state.held += 1;
                if self.tells(state.held) {
                    let why: Vec<String> = reasons.iter().map(ToString::to_string).collect();
                    line = Some(format!("held    {photo}: {}", why.join("; ")));
                } else if state.held == TOLD + 1 {
                    line = Some("more drafts are held; -v shows each".to_owned());
                }
            }
            Outcome::Failed(why) => {
                state.failed += 1;
                if self.tells(state.failed) {
                    line = Some(format!("failed  {}", naming(photo, why)));
                } else if state.failed == TOLD + 1 {
                    line = Some("more photos failed; -v shows each".to_owned());
                }
            }
            Outcome::Conflict(why) => line = Some(format!("left    {}", naming(photo, why))),
            Outcome::NotReached | Outcome::Skipped(_) => {}
        }
        let message = state.message();
        let seen = state.seen;
        drop(state);
        if let Some(line) = line {
            self.output.say(&line);
        }
        self.photos.set_position(seen);
        self.photos.set_message(message);
    }

    /// It is known how many photos there are.
    fn counted(&self, photos: u64) {
        self.photos.set_length(photos);
        let style = style("{bar:24} {pos}/{len} photos  {msg}{pace}");
        self.photos.set_style(style.with_key("pace", pace));
        self.state().listed = Some(photos);
    }

    /// Whether the so-manieth of its kind is told.
    fn tells(&self, number: u64) -> bool {
        number <= TOLD || self.output.volume >= Volume::Verbose
    }
}

/// How fast it goes, and how long it takes at that.
fn pace(state: &ProgressState, line: &mut dyn fmt::Write) {
    let (rate, eta) = (state.per_sec(), state.eta());
    if rate > 0.0 && eta > Duration::ZERO {
        let left = HumanDuration(eta);
        // A line that can't be drawn is nobody's loss.
        let _ = match rate {
            quick if quick >= 1.0 => write!(line, "  {rate:.1}/s, {left} left"),
            _ => write!(line, "  {:.1}/min, {left} left", rate * 60.0),
        };
    }
}

/// The seconds that are left of a wait.
fn counting_down(
    ends: &Arc<Mutex<Option<Instant>>>,
) -> impl Fn(&ProgressState, &mut dyn fmt::Write) + Clone + Send + Sync + 'static {
    let ends = Arc::clone(ends);
    move |_, line| {
        let ends = *ends.lock().unwrap_or_else(PoisonError::into_inner);
        let left = ends.map(|ends| ends.saturating_duration_since(Instant::now()));
        if let Some(left) = left.filter(|left| !left.is_zero()) {
            let _ = write!(line, ", {} s", left.as_secs_f64().ceil());
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is sound")
}

/// A reason that says which photo it is about, once.
fn naming(photo: &PhotoId, why: &str) -> String {
    if why.contains(photo.as_str()) {
        why.to_owned()
    } else {
        format!("{photo}: {why}")
    }
}

impl Waiting {
    fn over(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| until <= now)
    }
}

impl State {
    /// Where the run is, in one line.
    fn heartbeat(&self, now: Instant) -> String {
        let of = self
            .listed
            .map_or(String::new(), |listed| format!(" of {listed}"));
        let mut line = format!("{}{of} photos: {}", self.seen, self.message());
        if let Some(waiting) = self.waiting.as_ref().filter(|waiting| !waiting.ended) {
            let since = now.duration_since(waiting.since).as_secs();
            let _ = write!(line, "; {}, for {since} s so far", waiting.what);
        }
        line
    }

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
            Event::Started { run, mode, .. } => {
                let what = match mode {
                    Mode::Backfill => "filling in missing alt text",
                    Mode::Upgrade => "making our own texts anew",
                    Mode::Fix => "fixing one photo",
                    Mode::Undo => "putting back what was replaced",
                    Mode::Adopt => "looking for machine-made texts",
                };
                self.state().one_photo = *mode == Mode::Fix;
                self.output.say(&format!("run {run}: {what}"));
            }
            Event::Listed(count) => self.counted(*count),
            Event::Expected(count) => {
                let listed = self.state().seen.max(*count);
                self.counted(listed);
            }
            Event::Called {
                call,
                outcome,
                model,
                photo,
                took,
                usage,
                cost,
                free,
                problem,
            } => {
                self.goes_on();
                if problem.is_none() {
                    let now = Instant::now();
                    if let Some(waiting) = &mut self.state().waiting {
                        let theirs = waiting.whom == model.as_str();
                        waiting.ended |= theirs && waiting.over(now);
                    }
                }
                if let Some(cost) = cost {
                    *self.state().cost.get_or_insert(0.0) += cost.0;
                }
                if self.output.volume >= Volume::Verbose {
                    let about = photo.as_ref().map_or("test image", |photo| photo.as_str());
                    let tokens = usage.map_or_else(
                        || "tokens unknown".to_owned(),
                        |usage| format!("{}+{} tokens", usage.input, usage.output),
                    );
                    let cost = match cost {
                        Some(cost) => cost.to_string(),
                        None if *free => "free".to_owned(),
                        None => "no price".to_owned(),
                    };
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
            Event::Resumed { whom } => self.resumed(whom),
            Event::Adopted(photo) => {
                if self.output.volume >= Volume::Verbose {
                    self.output.say(&format!("adopted {photo}"));
                }
            }
            Event::Settled(settled) => self.settled(settled),
            Event::Stopping(ended) => {
                let why = ended.as_str();
                let again = match ended {
                    Ended::Interrupted => " (Ctrl-C again leaves at once)",
                    _ => "",
                };
                self.output.say(&format!(
                    "stopping ({why}): no new calls; finishing what is in flight{again}"
                ));
            }
            Event::Notice(text) => self.output.say(text),
            Event::Wanted(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heartbeat_says_where_the_run_is_and_what_it_waits_for() {
        let now = Instant::now();
        let mut state = State {
            seen: 12,
            written: 9,
            kept: 0,
            held: 2,
            failed: 1,
            cost: Some(1.5),
            listed: None,
            waiting: None,
            one_photo: false,
        };
        let counted = "9 written, 2 held, 1 failed, $1.50";
        assert_eq!(state.heartbeat(now), format!("12 photos: {counted}"));
        state.listed = Some(48);
        state.waiting = Some(Waiting {
            what: "waiting for the site (503 Service Unavailable)".to_owned(),
            whom: "the site".to_owned(),
            until: None,
            since: now
                .checked_sub(Duration::from_secs(90))
                .expect("a machine that ran so long"),
            said: now,
            ended: false,
        });
        let waits = "waiting for the site (503 Service Unavailable), for 90 s so far";
        assert_eq!(
            state.heartbeat(now),
            format!("12 of 48 photos: {counted}; {waits}")
        );
    }
}

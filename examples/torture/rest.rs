//! When nothing goes wrong any more: the archive comes to rest, stays at rest,
//! and all is accounted for.

use super::dice::Chance;
use super::game::Game;
use super::history::Errand;
use super::ledger::Ledger;
use super::process::{End, Execution, Hardship};
use super::setting;
use super::world::{Weather, World};
use serde_json::Value;
use std::time::Duration;

/// Runs after everything has calmed down, before the archive must be at rest.
const CALM_RUNS: usize = 12;

impl Game {
    /// Everything calms down, and then something is taken back.
    pub(crate) fn calm(&mut self) {
        if self.rests() {
            self.undone_and_done();
        }
    }

    /// Everything calms down: the archive comes to rest, and stays at rest.
    pub(crate) fn rests(&mut self) -> bool {
        for photo in self.shared.lock().history.photos.values_mut() {
            photo.gone = false;
        }
        self.list_all();
        // What lands after everything came to rest, nobody can have seen.
        while self.shared.lock().on_their_way > 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
        setting::without_hurry(&mut self.workspace);
        let mut last = String::new();
        for _ in 0..CALM_RUNS {
            let before = self.traffic();
            let execution = self.quiet(Errand::Backfill, "run --json");
            let after = self.traffic();
            let counts = Counts::of(&execution);
            last = format!(
                "code {:?}, calls and writes {before:?}, then {after:?}, {}\n{}",
                execution.code, execution.stdout, execution.stderr
            );
            let says_so = execution.code == Some(0) && counts.is_some_and(Counts::is_rest);
            if says_so && before == after {
                self.at_rest();
                return true;
            }
            if counts.is_none_or(Counts::waits) {
                std::thread::sleep(Duration::from_millis(600));
            }
        }
        let what = format!("after {CALM_RUNS} runs without faults: {last}");
        self.shared
            .lock()
            .history
            .breaks("4, it comes to rest", what);
        false
    }

    pub(crate) fn quiet(&mut self, errand: Errand, line: &str) -> Execution {
        let args: Vec<String> = line.split(' ').map(str::to_owned).collect();
        self.execute(
            errand,
            &args,
            Weather::default(),
            (End::Itself, &Hardship::default()),
        )
    }

    /// After a run that found nothing to do and did nothing, all is accounted for.
    fn at_rest(&mut self) {
        let mut world = self.shared.lock();
        let state = self.workspace.path("state/altfill.db");
        let ledger = Ledger::open(&state).ok().flatten();
        match ledger.map(|ledger| ledger.at_rest(&mut world)) {
            Some(Ok(())) => {}
            other => {
                let what = format!(
                    "the state file can't be read at rest: {:?}",
                    other.map(Result::err)
                );
                world.history.breaks("the state file is sound", what);
            }
        }
        published(&mut world);
    }

    fn traffic(&self) -> (usize, usize) {
        let world = self.shared.lock();
        (world.calls.len(), world.sent.len())
    }

    /// Undoes a run without faults: what it wrote is as it was, and not offered
    /// again.
    fn undone_and_done(&mut self) {
        let mut random = self.dice.roll("undo", "", 0);
        let undoable = self.undoable();
        if undoable.is_empty() || random.happens(0.6) {
            return;
        }
        let number = *random.one_of(&undoable);
        let targets: Vec<u64> = self
            .runs
            .iter()
            .filter(|(run, _)| *run == number)
            .map(|(_, execution)| *execution)
            .collect();
        let line = format!("undo {number} --yes --json");
        let execution = self.quiet(Errand::Undo(targets.clone()), &line);
        self.figures.add("undone runs checked", 1);
        let (before, _) = self.traffic();
        let undone = self.undone_by_now(&targets);
        let again = self.quiet(Errand::Backfill, "run --json");
        let mut world = self.shared.lock();
        if execution.code != Some(0) {
            let what = format!(
                "undo of {number}: {} {}",
                execution.stdout, execution.stderr
            );
            world.history.breaks("7, undo", what);
        }
        let asked = world.calls[before..].iter();
        let asked = asked.filter(|call| call.photo.as_ref().is_some_and(|id| undone.contains(id)));
        let calls = asked.count();
        if calls > 0 {
            let what = format!("{calls} calls after undoing run {number}: {}", again.stdout);
            world
                .history
                .breaks("7, what was undone is not offered again", what);
        }
    }

    /// Photos that these executions wrote and that stand now as an undo left them.
    /// One whose image was replaced since its text was made is wanted for that.
    fn undone_by_now(&self, targets: &[u64]) -> Vec<String> {
        let world = self.shared.lock();
        let photos = world.history.photos.iter().filter(|(_, photo)| {
            let of_target = |run: Option<u64>| run.is_some_and(|run| targets.contains(&run));
            let made_from = world.made_from(&photo.stand.alt);
            photo.changes.iter().any(|change| of_target(change.run))
                && made_from.is_none_or(|pixels| pixels == photo.pixels)
        });
        photos.map(|(id, _)| id.clone()).collect()
    }
}

/// Whatever the machine wrote on the site passed the gate.
pub(crate) fn published(world: &mut World) {
    let mut found = Vec::new();
    for sent in &world.sent {
        if sent.alt.is_empty() || sent.verified == Some(1) || matches!(sent.errand, Errand::Undo(_))
        {
            continue;
        }
        let says = |text: &&String| **text == sent.alt;
        let made = world
            .calls
            .iter()
            .filter_map(|call| call.said.as_ref()?.publishable.as_ref())
            .any(|text| says(&text));
        if !made {
            found.push(("8, bad text is never published", format!("{sent:?}")));
        }
    }
    for (promise, what) in found {
        world.history.breaks(promise, what);
    }
}

/// What a summary says.
#[derive(Clone, Copy, Debug)]
struct Counts {
    done: u64,
    later: u64,
}

impl Counts {
    fn of(execution: &Execution) -> Option<Self> {
        let json: Value = serde_json::from_str(&execution.stdout).ok()?;
        let number = |pointer: &str| json.pointer(pointer).and_then(Value::as_u64);
        let sum = |keys: &[&str]| keys.iter().map(|key| number(key)).sum::<Option<u64>>();
        let done = [
            "/written",
            "/generated",
            "/model_calls",
            "/site_writes",
            "/held",
            "/failed",
            "/conflict",
            "/waiting",
            "/not_reached",
        ];
        Some(Self {
            done: sum(&done)?,
            later: sum(&["/skipped/not_due", "/failed"])?,
        })
    }

    fn is_rest(self) -> bool {
        self.done == 0 && self.later == 0
    }

    fn waits(self) -> bool {
        self.later > 0
    }
}

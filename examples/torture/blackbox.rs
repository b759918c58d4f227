//! Layer (c): the real program against a site, people and models that do their
//! worst, killed again and again; then everything calms down, and the archive
//! has to be as promised.

use super::dice::{Chance, Dice};
use super::figures::{Figures, Violation};
use super::history::{Consent, Errand};
use super::ledger::{Ended, Ledger};
use super::models::Model;
use super::process::{self, End, Execution, Hardship};
use super::setting;
use super::site::Site;
use super::support::http::Server;
use super::support::{MODEL_KEY, SITE_TOKEN, Workspace};
use super::world::{Shared, Trigger, Weather, World};
use fastrand::Rng;
use nix::sys::signal::Signal;
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Whether every execution is told of, for whoever looks into one seed.
pub(crate) static TELL: AtomicBool = AtomicBool::new(false);

/// Far above what a small archive needs, and below what the program is allowed.
const MOST_MEMORY_KIB: u64 = 250 * 1024;

/// Descriptors that a run of at most 16 requests in flight may have open.
const MOST_DESCRIPTORS: usize = 128;

/// Runs after everything has calmed down, before the archive must be at rest.
const CALM_RUNS: usize = 12;

/// What one seed gave.
pub(crate) struct Report {
    /// Promises broken.
    pub(crate) violations: Vec<Violation>,
    /// What happened.
    pub(crate) figures: Figures,
    /// There is nothing left to try with this seed or any later one.
    pub(crate) exhausted: bool,
}

/// Plays one seed from beginning to end.
pub(crate) fn play(seed: u64) -> Report {
    let mut game = Game::new(seed);
    game.chaos();
    game.calm();
    game.report("blackbox")
}

/// One seed at play.
pub(crate) struct Game {
    seed: u64,
    dice: Dice,
    pub(crate) shared: Shared,
    pub(crate) workspace: Workspace,
    pub(crate) figures: Figures,
    /// Which execution a run number of the state file belongs to.
    runs: Vec<(i64, u64)>,
    executions: u64,
    tokens: u32,
    _servers: Vec<Server>,
}

impl Game {
    /// An archive, people, models and settings by chance.
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Dice::new(seed).roll("world", "", 0);
        let mut world = World::new(seed, setting::manners(&mut random));
        setting::archive(&mut world, &mut random);
        let mut settings = random.clone();
        Self::with(seed, world, |servers| {
            setting::settings(&mut settings, servers)
        })
    }

    /// So many photos without any quirks.
    pub(crate) fn plain(seed: u64, photos: u32) -> Self {
        let world = setting::plain(seed, photos);
        Self::with(seed, world, setting::plain_settings)
    }

    fn with(seed: u64, world: World, settings: impl FnOnce([&Server; 3]) -> Workspace) -> Self {
        let shared = Shared::new(world);
        let site = Server::start(Arc::new(Site(shared.clone())));
        let first = Server::start(Arc::new(Model(shared.clone())));
        let second = Server::start(Arc::new(Model(shared.clone())));
        let workspace = settings([&site, &first, &second]);
        let game = Self {
            seed,
            dice: Dice::new(seed),
            shared,
            workspace,
            figures: Figures::default(),
            runs: Vec::new(),
            executions: 0,
            tokens: 0,
            _servers: vec![site, first, second],
        };
        game.list_all();
        game
    }

    fn list_all(&self) {
        let world = self.shared.lock();
        let ids: Vec<&str> = world.history.photos.keys().map(String::as_str).collect();
        self.workspace.write("photos.txt", ids.join("\n"));
    }

    /// Executions with faults, and people who edit in between.
    pub(crate) fn chaos(&mut self) {
        let mut random = self.dice.roll("chaos", "", 0);
        for _ in 0..random.u8(3..8) {
            self.between(&mut random);
            let (errand, args) = self.errand(&mut random);
            let weather = setting::weather(&mut random);
            let end = self.end(&mut random);
            let hardship = setting::hardship(&mut random);
            self.execute(errand, &args, weather, (end, &hardship));
        }
    }

    /// What happens while no run is on.
    fn between(&mut self, random: &mut Rng) {
        let mut world = self.shared.lock();
        let ids: Vec<String> = world.history.photos.keys().cloned().collect();
        for _ in 0..random.u8(..4) {
            let id = random.one_of(&ids).clone();
            world.a_person_acts(&id, random);
        }
        let mut listed = ids;
        if random.happens(0.5) {
            random.shuffle(&mut listed);
            listed.truncate(random.usize(1..=listed.len()));
            let again = random.one_of(&listed).clone();
            listed.push(again);
            listed.push("nowhere/no-such-photo".to_owned());
            world.fault("a listing that shifts and repeats itself");
        }
        drop(world);
        self.workspace.write("photos.txt", listed.join("\n"));
        if random.happens(0.06) {
            self.tokens += 1;
            self.shared.lock().token = format!("{SITE_TOKEN}-{}", self.tokens);
        }
    }

    /// What the next execution is for, with its command line.
    fn errand(&mut self, random: &mut Rng) -> (Errand, Vec<String>) {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let undoable = self.undoable();
        match random.u8(..20) {
            0 | 1 => (Errand::Upgrade, words("upgrade --model second --json")),
            2 | 3 if !undoable.is_empty() => {
                let number = *random.one_of(&undoable);
                let targets = self.runs.iter().filter(|(run, _)| *run == number);
                let targets = targets.map(|(_, execution)| *execution).collect();
                let line = format!("undo {number} --yes --json");
                (Errand::Undo(targets), words(&line))
            }
            4 => {
                let world = self.shared.lock();
                let ids: Vec<&String> = world.history.photos.keys().collect();
                let id = (*random.one_of(&ids)).clone();
                let line = format!("fix {id} --yes --json");
                if random.bool() {
                    let line = format!("{line} --replace-human");
                    (Errand::Fix(id, Consent::Given), words(&line))
                } else {
                    (Errand::Fix(id, Consent::None), words(&line))
                }
            }
            5 => (Errand::Preview, words("run --preview --json")),
            6 => (Errand::Look, words("run --dry-run --json")),
            7 => (Errand::Backfill, words("run --limit 3 --json")),
            _ => (Errand::Backfill, words("run --json")),
        }
    }

    fn undoable(&self) -> Vec<i64> {
        let ledger = Ledger::open(&self.state());
        let ledger = ledger.ok().flatten();
        ledger
            .and_then(|ledger| ledger.undoable().ok())
            .unwrap_or_default()
    }

    fn state(&self) -> std::path::PathBuf {
        self.workspace.path("state/altfill.db")
    }

    fn end(&mut self, random: &mut Rng) -> End {
        let while_it_works = Duration::from_millis(random.u64(5..300));
        match random.u8(..20) {
            0..6 => End::Kill(while_it_works),
            6..14 => {
                let photos = self.shared.lock().history.photos.len() as u64;
                self.shared.lock().trigger = Some(Trigger {
                    after: random.u64(1..photos * 3),
                    executed: random.bool(),
                    signal: Signal::SIGKILL,
                });
                End::Triggered
            }
            14 | 15 => {
                let signal = *random.one_of(&[Signal::SIGINT, Signal::SIGTERM]);
                let again = Duration::from_millis(random.u64(60..400));
                End::Asked(while_it_works, signal, random.bool().then_some(again))
            }
            _ => End::Itself,
        }
    }

    /// One execution, and all that can be checked after it.
    pub(crate) fn execute(
        &mut self,
        errand: Errand,
        args: &[String],
        weather: Weather,
        (end, hardship): (End, &Hardship),
    ) -> Execution {
        self.executions += 1;
        {
            let mut world = self.shared.lock();
            world.run = self.executions;
            world.errand = errand;
            world.weather = weather;
            world.requests = 0;
            if end != End::Triggered {
                world.trigger = None;
            }
        }
        let config = self.workspace.path("pipeline.toml").display().to_string();
        let mut line = vec!["--config", config.as_str()];
        line.extend(args.iter().map(String::as_str));
        let execution = process::execute(&self.workspace, &self.shared, &line, end, hardship);
        if TELL.load(Ordering::Relaxed) {
            println!(
                "run {}: {args:?} {end:?} {hardship:?} {weather:?}",
                self.executions
            );
            println!(
                "{:?} {:?} {}{}",
                execution.code, execution.signal, execution.stdout, execution.stderr
            );
        }
        self.count(&execution, end, hardship);
        self.judge(&execution, end, hardship);
        self.compare(&execution);
        execution
    }

    fn count(&mut self, execution: &Execution, end: End, hardship: &Hardship) {
        let figures = &mut self.figures;
        figures.add("executions", 1);
        if execution.signal == Some(9) {
            figures.add("kills", 1);
        }
        if matches!(end, End::Asked(..)) && execution.stopping.is_some() {
            figures.add("polite signals", 1);
        }
        if hardship.blocks.is_some() {
            figures.fault("disk: a limit of the file size", 1);
        }
        if execution.twin.is_some() {
            figures.fault("twin: a second run at the same time", 1);
        }
        if hardship.clock.is_some() && process::clock_library().is_some() {
            figures.fault("clock: jumped", 1);
        }
        let code = execution
            .code
            .map_or("signal".to_owned(), |code| code.to_string());
        figures.add(&format!("endings with {code}"), 1);
        figures.at_most("peak memory, MB", execution.peak_kib / 1024);
        figures.at_most("descriptors", execution.descriptors as u64);
    }

    /// What can be told from the process alone.
    fn judge(&mut self, execution: &Execution, end: End, hardship: &Hardship) {
        let run = self.executions;
        let mut world = self.shared.lock();
        let said = format!(
            "run {run} ({:?}), {:?}, code {:?}, signal {:?}\n--- stdout\n{}\n--- stderr\n{}",
            world.errand, end, execution.code, execution.signal, execution.stdout, execution.stderr
        );
        let mut broken = Vec::new();
        if execution.hung {
            broken.push("it never hangs");
        }
        let text = format!("{}{}", execution.stdout, execution.stderr);
        if text.contains("panicked") || text.contains("internal error") {
            broken.push("it never panics");
        }
        let records = !matches!(world.errand, Errand::Look);
        if records && execution.twin.is_some_and(|code| code != 5) {
            broken.push("two runs at once are refused");
        }
        let known = match execution.code {
            // The lock was with a second run.
            Some(5) if hardship.twin.is_some() => true,
            Some(code) => [0, 1, 3, 4, 130, 143].contains(&code),
            // Before it listens, a polite signal ends it as any other program.
            None => match end {
                End::Asked(..) => execution.signal.is_some(),
                _ => execution.signal == Some(9),
            },
        };
        if !known {
            broken.push("an exit code says how it ended");
        }
        if [SITE_TOKEN, MODEL_KEY]
            .iter()
            .any(|secret| text.contains(secret))
        {
            broken.push("9, secrets stay secret");
        }
        if execution.peak_kib > MOST_MEMORY_KIB || execution.descriptors > MOST_DESCRIPTORS {
            broken.push("it stays within its limits");
        }
        // Half a second of draining, four more for the stages, and a busy machine.
        let slow = |time: Option<Duration>, limit| time.is_some_and(|time| time.as_secs() >= limit);
        if slow(execution.stopping, 12) || slow(execution.leaving, 6) {
            broken.push("5, it stops when it is asked to");
        }
        for promise in broken {
            world.history.breaks(promise, said.clone());
        }
    }

    /// What the state file says.
    fn compare(&mut self, execution: &Execution) {
        let ended = match execution.code {
            Some(0 | 3 | 4) => Ended::Well,
            _ => Ended::Otherwise,
        };
        let run = self.executions;
        let mut world = self.shared.lock();
        // Whoever only looks keeps nothing of what was seen, and a run that stops
        // drops what it was reading.
        if matches!(execution.code, Some(0 | 3)) && world.errand != Errand::Look {
            world.history.ended_well(run);
        }
        let opened = Ledger::open(&self.workspace.path("state/altfill.db"));
        let compared = opened.and_then(|ledger| {
            let Some(ledger) = ledger else { return Ok(()) };
            for number in ledger.runs()? {
                if self.runs.iter().all(|(known, _)| *known != number) {
                    self.runs.push((number, run));
                }
            }
            ledger.compare(&mut world, ended)
        });
        if let Err(error) = compared {
            let what = format!("after run {run} the state file can't be read: {error}");
            world.history.breaks("the state file is sound", what);
        }
    }

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
        self.workspace.set("site.recheck", "0s");
        let mut last = String::new();
        for _ in 0..CALM_RUNS {
            let execution = self.quiet(Errand::Backfill, "run --json");
            let counts = Counts::of(&execution);
            last = format!(
                "code {:?}, {}\n{}",
                execution.code, execution.stdout, execution.stderr
            );
            if execution.code == Some(0) && counts.is_some_and(Counts::is_rest) {
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

    /// A run that finds nothing to do does nothing, and all is accounted for.
    fn at_rest(&mut self) {
        let before = self.traffic();
        let execution = self.quiet(Errand::Backfill, "run --json");
        let after = self.traffic();
        let idle = Counts::of(&execution).is_some_and(Counts::is_rest);
        let mut world = self.shared.lock();
        if before != after || execution.code != Some(0) || !idle {
            let what = format!(
                "calls and writes {before:?}, then {after:?}: {}",
                execution.stdout
            );
            world
                .history
                .breaks("4, run it again: nothing happens", what);
        }
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

    /// What this seed gave.
    pub(crate) fn report(mut self, layer: &str) -> Report {
        let world = self.shared.lock();
        if TELL.load(Ordering::Relaxed) {
            let copy = std::env::temp_dir().join(format!("torture-{}.db", self.seed));
            let _ = std::fs::copy(self.workspace.path("state/altfill.db"), &copy);
            println!("the state file: {}", copy.display());
            for (id, photo) in &world.history.photos {
                println!("{id}: {:#?}", photo.changes);
            }
        }
        for (kind, number) in &world.faults {
            self.figures.fault(kind, *number);
        }
        let windows = world.history.windows;
        let figures = &mut self.figures;
        figures.add("seeds", 1);
        figures.add("edits by people", world.history.edits);
        figures.add("writes that landed", world.history.landed);
        figures.add("model calls", world.calls.len() as u64);
        figures.add("edits lost in the round trip", windows.round_trip);
        figures.add("edits lost to a write that landed late", windows.late);
        figures.at_most("between read and write, ms", windows.longest_ms);
        let replay = format!(
            "cargo run --example torture -- --layer {layer} --seed {}",
            self.seed
        );
        let violations = world.history.broken.iter().map(|broken| Violation {
            seed: self.seed,
            promise: broken.promise.to_owned(),
            what: broken.what.clone(),
            replay: replay.clone(),
        });
        let violations: Vec<Violation> = violations.collect();
        figures.add("violations", violations.len() as u64);
        Report {
            violations,
            figures: figures.clone(),
            exhausted: false,
        }
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

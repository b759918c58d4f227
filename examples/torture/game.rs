//! One seed at play with the real program: its archive and its servers, its
//! executions, and what can be told after each of them.

use super::dice::Dice;
use super::figures::Figures;
use super::history::Errand;
use super::ledger::{Ended, Ledger};
use super::models::Model;
use super::process::{self, End, Execution, Hardship, ReadOnly};
use super::report::{Report, TELL};
use super::setting;
use super::site::Site;
use super::support::http::Server;
use super::support::{MODEL_KEY, SITE_TOKEN, Workspace};
use super::world::{Shared, Weather, World};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Far above what a small archive needs, and below what the program is allowed.
const MOST_MEMORY_KIB: u64 = 250 * 1024;

/// Descriptors that a run of at most 16 requests in flight may have open.
const MOST_DESCRIPTORS: usize = 128;

/// One seed at play.
pub(crate) struct Game {
    seed: u64,
    pub(crate) dice: Dice,
    pub(crate) shared: Shared,
    pub(crate) workspace: Workspace,
    pub(crate) figures: Figures,
    /// Which execution a run number of the state file belongs to.
    pub(crate) runs: Vec<(i64, u64)>,
    executions: u64,
    /// Tokens that the site has had before.
    pub(crate) tokens: u32,
    servers: Vec<Server>,
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
            servers: vec![site, first, second],
        };
        game.list_all();
        game
    }

    pub(crate) fn list_all(&self) {
        let world = self.shared.lock();
        let ids: Vec<&str> = world.history.photos.keys().map(String::as_str).collect();
        self.workspace.write("photos.txt", ids.join("\n"));
    }

    pub(crate) fn undoable(&self) -> Vec<i64> {
        let ledger = Ledger::open(&self.state());
        let ledger = ledger.ok().flatten();
        ledger
            .and_then(|ledger| ledger.undoable().ok())
            .unwrap_or_default()
    }

    pub(crate) fn state(&self) -> std::path::PathBuf {
        self.workspace.path("state/altfill.db")
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
        // What a process that was killed had sent is its own, not the next one's.
        self.servers.iter().for_each(Server::catch_up);
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
        if execution.sealed {
            figures.fault(&format!("disk: read-only: {:?}", hardship.read_only), 1);
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
        let unwritable = execution.sealed && hardship.read_only == Some(ReadOnly::File);
        if records && unwritable && matches!(execution.code, Some(0 | 3 | 4)) {
            broken.push("a state that can't be written is said to be so");
        }
        // A reader leaves an empty log; one with something in it was not folded in.
        let left = ["-wal", "-journal"].map(|end| {
            let path = self.workspace.path(&format!("state/altfill.db{end}"));
            std::fs::metadata(path).map_or(0, |file| file.len())
        });
        let open_still = left != [0, 0];
        // Where the disk fails, folding it in may fail as well.
        let faulty = hardship.blocks.is_some()
            || execution.sealed
            || hardship.under.iter().any(|word| word.contains("inject"));
        let closes = records && !faulty && hardship.twin.is_none();
        if closes && open_still && matches!(execution.code, Some(0 | 3 | 4)) {
            broken.push("it closes its files");
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
            ledger.sound(&mut world)?;
            ledger.compare(&mut world, ended)
        });
        if let Err(error) = compared {
            let what = format!("after run {run} the state file can't be read: {error}");
            world.history.breaks("the state file is sound", what);
        }
    }

    /// What this seed gave.
    pub(crate) fn report(mut self, layer: &str) -> Report {
        let world = self.shared.lock();
        let windows = world.history.windows;
        self.figures
            .at_most("between read and write, ms", windows.longest_ms);
        let state = self.workspace.path("state/altfill.db");
        Report::of(layer, self.seed, &world, &self.figures, &state)
    }
}

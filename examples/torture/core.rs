//! Layer (a): the decision core in this process, at the speed of memory. The
//! real pipeline runs over the real checkpoint, with a site and a model behind
//! the traits, on a clock that costs nothing; it is dropped in the middle where
//! the real program would be killed. The oracle is the one of the black box.

use super::dice::{Chance, Dice};
use super::figures::Figures;
use super::history::{Consent, Errand};
use super::ledger::{Ended as Ending, Ledger};
use super::report::{Report, TELL};
use super::rest;
use super::setting;
use super::simulated::Imagined;
use super::spoken::Spoken;
use super::world::{Shared, Weather, World};
use altfill::archive::{Mode, PhotoId, RunNumber, SiteName};
use altfill::checkpoint;
use altfill::model::Model;
use altfill::pipeline::{self, Action, Chain, Finished, Parts, Plan, Silent, Stop};
use altfill::policy::Narrow;
use fastrand::Rng;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// Runs after everything has calmed down, before the archive must be at rest.
const CALM_RUNS: usize = 8;

/// Plays one seed.
pub(crate) fn play(seed: u64) -> Report {
    let mut core = Core::new(seed);
    core.chaos();
    core.calm();
    core.report()
}

struct Core {
    seed: u64,
    dice: Dice,
    shared: Shared,
    folder: TempDir,
    figures: Figures,
    runs: Vec<(i64, u64)>,
    executions: u64,
}

/// What to do in one execution.
struct Job {
    errand: Errand,
    plan: Plan,
    undo: Option<i64>,
}

impl Core {
    fn new(seed: u64) -> Self {
        let dice = Dice::new(seed);
        let mut random = dice.roll("world", "", 0);
        let mut world = World::new(seed, setting::manners(&mut random));
        setting::few(&mut world, &mut random);
        Self {
            seed,
            dice,
            shared: Shared::new(world),
            folder: setting::in_memory(),
            figures: Figures::default(),
            runs: Vec::new(),
            executions: 0,
        }
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("altfill.db")
    }

    fn chaos(&mut self) {
        let mut random = self.dice.roll("chaos", "", 0);
        for _ in 0..random.u8(1..5) {
            self.between(&mut random);
            let job = self.job(&mut random);
            let weather = setting::weather(&mut random);
            let dies = random.happens(0.6);
            let dies = if dies { random.f64() / 5.0 } else { 0.0 };
            self.execute(job, weather, dies);
        }
    }

    fn between(&mut self, random: &mut Rng) {
        let mut world = self.shared.lock();
        let ids: Vec<String> = world.history.photos.keys().cloned().collect();
        for _ in 0..random.u8(..3) {
            let id = random.one_of(&ids).clone();
            world.a_person_acts(&id, random);
        }
    }

    fn job(&mut self, random: &mut Rng) -> Job {
        let plan = |mode| {
            let mut plan = Plan::new(mode, setting::of_the_core());
            plan.run.retry_after = Duration::ZERO;
            plan.run.retry_after_max = Duration::ZERO;
            plan
        };
        let job = |errand, plan| Job {
            errand,
            plan,
            undo: None,
        };
        let kind = random.u8(..12);
        let undoable = match kind {
            2 | 3 => self.undoable(),
            _ => Vec::new(),
        };
        match kind {
            0 | 1 => {
                let mut upgrade = plan(Mode::Upgrade);
                upgrade.narrow = Narrow::default();
                // Another context is another recipe.
                upgrade.context.notes = Some(format!("Notes no. {}", random.u8(..3)));
                job(Errand::Upgrade, upgrade)
            }
            2 | 3 if !undoable.is_empty() => {
                let number = *random.one_of(&undoable);
                Job {
                    errand: Errand::Undo(self.executions_of(number)),
                    plan: plan(Mode::Undo),
                    undo: Some(number),
                }
            }
            4 => {
                let mut fix = plan(Mode::Fix);
                let world = self.shared.lock();
                let ids: Vec<&String> = world.history.photos.keys().collect();
                let id = (*random.one_of(&ids)).clone();
                fix.ids = vec![PhotoId::new(id.clone())];
                let consent = *random.one_of(&[Consent::Given, Consent::None]);
                fix.replace_human = consent == Consent::Given;
                job(Errand::Fix(id, consent), fix)
            }
            5 => {
                let mut preview = plan(Mode::Backfill);
                preview.action = Action::Preview;
                job(Errand::Preview, preview)
            }
            6 => {
                let mut limited = plan(Mode::Backfill);
                limited.limit = Some(1);
                job(Errand::Backfill, limited)
            }
            _ => job(Errand::Backfill, plan(Mode::Backfill)),
        }
    }

    fn undoable(&self) -> Vec<i64> {
        let ledger = Ledger::open(&self.state()).ok().flatten();
        ledger
            .and_then(|ledger| ledger.undoable().ok())
            .unwrap_or_default()
    }

    fn executions_of(&self, number: i64) -> Vec<u64> {
        let runs = self.runs.iter().filter(|(run, _)| *run == number);
        runs.map(|(_, execution)| *execution).collect()
    }

    /// One execution; `dies` is the probability that the process is gone at any
    /// operation.
    fn execute(&mut self, job: Job, weather: Weather, dies: f64) -> Option<Finished> {
        self.executions += 1;
        {
            let mut world = self.shared.lock();
            world.run = self.executions;
            world.runs = true;
            world.errand = job.errand.clone();
            world.weather = weather;
            world.requests = 0;
        }
        fastrand::seed(self.seed ^ self.executions);
        let finished = self.run(job, dies);
        self.shared.lock().runs = false;
        self.figures.add("executions", 1);
        if finished.is_none() {
            self.figures.add("crashes", 1);
        }
        if TELL.load(Ordering::Relaxed) {
            let how = match &finished {
                None => "the process is gone".to_owned(),
                Some(finished) => format!("{finished:?}"),
            };
            let world = self.shared.lock();
            let (run, now) = (self.executions, world.history.now);
            println!("run {run}, until {now}: {:?}: {how}", world.errand);
        }
        self.compare(finished.as_ref());
        finished
    }

    fn run(&self, job: Job, dies: f64) -> Option<Finished> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        let crash = CancellationToken::new();
        let site = Arc::new(Imagined::new(self.shared.clone(), crash.clone(), dies));
        let names = setting::of_the_core().used_models();
        let models = names.map(|entry| {
            let model = Spoken(Arc::clone(&site), entry.model.clone());
            (entry.clone(), Arc::new(model) as Arc<dyn Model>)
        });
        let chain = Chain::of(models.collect(), setting::of_the_core().run.concurrency);
        let checkpoint = checkpoint::open(&self.state(), &SiteName::new("torture"));
        let parts = Parts {
            plan: job.plan,
            site,
            checkpoint: checkpoint.expect("a state file that a crash left"),
            chain: Arc::new(chain),
            stop: Stop::default(),
            observer: Arc::new(Silent),
            bodies: None,
        };
        runtime.block_on(async {
            let work = async {
                match job.undo {
                    Some(number) => pipeline::undo(parts, RunNumber(number)).await,
                    None => pipeline::run(parts).await,
                }
            };
            tokio::select! {
                biased;
                () = crash.cancelled() => None,
                finished = work => Some(finished.expect("the state file works")),
            }
        })
    }

    fn compare(&mut self, finished: Option<&Finished>) {
        let well =
            finished.is_some_and(|finished| !matches!(finished.why, Some(pipeline::Why::Fatal(_))));
        let ended = if well {
            Ending::Well
        } else {
            Ending::Otherwise
        };
        let run = self.executions;
        let mut world = self.shared.lock();
        // A run that stops drops what it was reading.
        let complete = finished.is_some_and(|finished| finished.why.is_none());
        if complete && world.errand != Errand::Look {
            world.history.ended_well(run);
        }
        // Readers leave an empty log; one with something in it was not folded in.
        let log = self.folder.path().join("altfill.db-wal");
        if std::fs::metadata(log).is_ok_and(|log| log.len() > 0) {
            let what = format!("after run {run} the log of the state file is not folded in");
            world.history.breaks("it closes its files", what);
        }
        let opened = Ledger::open(&self.state());
        let compared = opened.and_then(|ledger| {
            let Some(ledger) = ledger else { return Ok(()) };
            for number in ledger.runs()? {
                if self.runs.iter().all(|(known, _)| *known != number) {
                    self.runs.push((number, run));
                }
            }
            if finished.is_none() {
                ledger.sound(&mut world)?;
            }
            ledger.compare(&mut world, ended)
        });
        if let Err(error) = compared {
            let what = format!("after run {run} the state file can't be read: {error}");
            world.history.breaks("the state file is sound", what);
        }
    }

    fn calm(&mut self) {
        for photo in self.shared.lock().history.photos.values_mut() {
            photo.gone = false;
        }
        for _ in 0..CALM_RUNS {
            let before = self.traffic();
            let finished = self.backfill();
            if is_rest(&finished) {
                return self.at_rest(before);
            }
        }
        let what = format!("still busy after {CALM_RUNS} runs without faults");
        self.shared
            .lock()
            .history
            .breaks("4, it comes to rest", what);
    }

    fn traffic(&self) -> (usize, usize) {
        let world = self.shared.lock();
        (world.calls.len(), world.sent.len())
    }

    fn backfill(&mut self) -> Finished {
        let mut plan = Plan::new(Mode::Backfill, setting::of_the_core());
        plan.run.retry_after = Duration::ZERO;
        plan.run.retry_after_max = Duration::ZERO;
        let job = Job {
            errand: Errand::Backfill,
            plan,
            undo: None,
        };
        let finished = self.execute(job, Weather::default(), 0.0);
        finished.expect("nothing crashes without a reason")
    }

    /// A run said that there was nothing to do: then nothing was done, and all is
    /// accounted for.
    fn at_rest(&mut self, before: (usize, usize)) {
        let after = self.traffic();
        let mut world = self.shared.lock();
        if before != after {
            let what = format!("calls and writes {before:?}, then {after:?}");
            world
                .history
                .breaks("4, run it again: nothing happens", what);
        }
        let ledger = Ledger::open(&self.state()).ok().flatten();
        if !matches!(
            ledger.map(|ledger| ledger
                .sound(&mut world)
                .and_then(|()| ledger.at_rest(&mut world))),
            Some(Ok(()))
        ) {
            let what = "the state file can't be read at rest".to_owned();
            world.history.breaks("the state file is sound", what);
        }
        rest::published(&mut world);
    }

    fn report(self) -> Report {
        let world = self.shared.lock();
        Report::of("core", self.seed, &world, &self.figures, &self.state())
    }
}

fn is_rest(finished: &Finished) -> bool {
    let done = &finished.summary;
    let busy = done.written
        + done.generated
        + done.model_calls
        + done.site_writes
        + done.held
        + done.failed
        + done.conflict
        + done.not_reached
        + done.skipped.not_due;
    finished.why.is_none() && busy == 0
}

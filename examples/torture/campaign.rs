//! Many seeds, one after the other or side by side, with figures that survive
//! an interruption.

use super::figures::Figures;
use super::report::Report;
use super::seeds::Seeds;
use anyhow::Context;
use std::fs;
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often the figures so far are told.
const TELLING: Duration = Duration::from_secs(60);

/// How often they are kept. What a kill loses of them is played again.
const KEEPING: Duration = Duration::from_secs(2);

/// Seeds to play.
pub(crate) struct Campaign {
    /// Which.
    pub(crate) seeds: Range<u64>,
    /// Only every so many-th of them.
    pub(crate) every: u64,
    /// For how long.
    pub(crate) time: Duration,
    /// So many at the same time.
    pub(crate) jobs: usize,
    /// End at the first broken promise.
    pub(crate) first: bool,
    /// Where to keep what is done.
    pub(crate) progress: Option<PathBuf>,
}

struct Tally {
    figures: Figures,
    done: Seeds,
    clean: bool,
    told: Instant,
    kept: Instant,
}

impl Campaign {
    /// Plays them; true if no promise was broken, in earlier parts included.
    pub(crate) fn run(&self, play: impl Fn(u64) -> Report + Sync) -> anyhow::Result<bool> {
        let tally = Mutex::new(self.resume()?);
        let lock =
            || -> MutexGuard<'_, Tally> { tally.lock().unwrap_or_else(PoisonError::into_inner) };
        let next = AtomicU64::new(self.seeds.start);
        let end = Instant::now() + self.time;
        let work = || -> anyhow::Result<()> {
            while Instant::now() < end {
                let seed = next.fetch_add(self.every, Ordering::Relaxed);
                if seed >= self.seeds.end {
                    break;
                }
                if lock().done.contains(seed) {
                    continue;
                }
                let began = Instant::now();
                let mut report = play(seed);
                let took = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
                report.figures.add("milliseconds of all jobs", took);
                self.take(&mut lock(), seed, &report)?;
                let enough = self.first && !report.violations.is_empty();
                if report.exhausted || enough {
                    next.store(u64::MAX / 2, Ordering::Relaxed);
                }
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..self.jobs.max(1)).map(|_| scope.spawn(work)).collect();
            workers
                .into_iter()
                .try_for_each(|worker| worker.join().expect("a seed doesn't panic"))
        })?;
        let tally = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.keep(&tally)?;
        println!("{}", tally.figures);
        Ok(tally.clean)
    }

    fn take(&self, tally: &mut Tally, seed: u64, report: &Report) -> anyhow::Result<()> {
        for violation in &report.violations {
            println!("{violation}\n");
            tally.clean = false;
            self.note(&format!("{violation}\n\n"))?;
        }
        tally.figures.absorb(&report.figures);
        tally.done.insert(seed);
        if tally.told.elapsed() > TELLING {
            println!("seed {seed}\n{}", tally.figures);
            tally.told = Instant::now();
        }
        if tally.kept.elapsed() > KEEPING || !report.violations.is_empty() {
            self.keep(tally)?;
            tally.kept = Instant::now();
        }
        Ok(())
    }

    /// Writes down what was done so far.
    fn keep(&self, tally: &Tally) -> anyhow::Result<()> {
        let Some(path) = &self.progress else {
            return Ok(());
        };
        let text = format!("seeds {}\n{}", tally.done, tally.figures.lines());
        // Renamed into place, so that a kill leaves the old one or the new one.
        let fresh = path.with_extension("new");
        fs::write(&fresh, text)
            .and_then(|()| fs::rename(&fresh, path))
            .with_context(|| format!("can't keep the progress in {}", path.display()))
    }

    /// Keeps a broken promise beside the progress, in a file that only grows.
    fn note(&self, violation: &str) -> anyhow::Result<()> {
        let Some(path) = &self.progress else {
            return Ok(());
        };
        let path = path.with_extension("broken");
        let file = fs::OpenOptions::new().create(true).append(true).open(&path);
        file.and_then(|mut file| file.write_all(violation.as_bytes()))
            .with_context(|| format!("can't note a broken promise in {}", path.display()))
    }

    fn resume(&self) -> anyhow::Result<Tally> {
        let read = |path: &Path| {
            fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))
        };
        let text = match &self.progress {
            Some(path) if path.exists() => read(path)?,
            _ => String::new(),
        };
        let seeds = text.lines().find_map(|line| line.strip_prefix("seeds "));
        let figures = Figures::parse(&text);
        let violations = figures.sums.get("violations").copied().unwrap_or(0);
        Ok(Tally {
            done: Seeds::parse(seeds.unwrap_or_default()),
            clean: violations == 0,
            figures,
            told: Instant::now(),
            kept: Instant::now(),
        })
    }
}

//! Many seeds, one after the other or side by side, with figures that survive
//! an interruption.

use super::blackbox::Report;
use super::figures::Figures;
use anyhow::Context;
use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How often the figures so far are told.
const TELLING: Duration = Duration::from_secs(30);

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
    /// Where to keep what is done.
    pub(crate) progress: Option<PathBuf>,
}

struct Tally {
    figures: Figures,
    done: BTreeSet<u64>,
    clean: bool,
    told: Instant,
}

impl Campaign {
    /// Plays them; true if no promise was broken, in earlier parts included.
    pub(crate) fn run(&self, play: fn(u64) -> Report) -> anyhow::Result<bool> {
        let tally = Mutex::new(self.resume()?);
        let next = AtomicU64::new(self.seeds.start);
        let end = Instant::now() + self.time;
        let work = || -> anyhow::Result<()> {
            while Instant::now() < end {
                let seed = next.fetch_add(self.every, Ordering::Relaxed);
                if seed >= self.seeds.end {
                    break;
                }
                let known = tally
                    .lock()
                    .expect("nobody panics with it")
                    .done
                    .contains(&seed);
                if known {
                    continue;
                }
                let report = play(seed);
                let mut tally = tally.lock().expect("nobody panics with it");
                self.take(&mut tally, seed, &report)?;
                if report.exhausted {
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
        let tally = tally.into_inner().expect("nobody panics with it");
        println!("{}", tally.figures);
        Ok(tally.clean)
    }

    fn take(&self, tally: &mut Tally, seed: u64, report: &Report) -> anyhow::Result<()> {
        for violation in &report.violations {
            println!("{violation}\n");
            tally.clean = false;
        }
        tally.figures.absorb(&report.figures);
        tally.done.insert(seed);
        if tally.told.elapsed() > TELLING {
            println!("seed {seed}\n{}", tally.figures);
            tally.told = Instant::now();
        }
        let Some(path) = &self.progress else {
            return Ok(());
        };
        let seeds: Vec<String> = tally.done.iter().map(u64::to_string).collect();
        let text = format!("seeds {}\n{}", seeds.join(" "), tally.figures.lines());
        // Renamed into place, so that a kill leaves the old one or the new one.
        let fresh = path.with_extension("new");
        fs::write(&fresh, text)
            .and_then(|()| fs::rename(&fresh, path))
            .with_context(|| format!("can't keep the progress in {}", path.display()))
    }

    fn resume(&self) -> anyhow::Result<Tally> {
        let text = match &self.progress {
            Some(path) if path.exists() => fs::read_to_string(path)
                .with_context(|| format!("can't read {}", path.display()))?,
            _ => String::new(),
        };
        let seeds = text.lines().find_map(|line| line.strip_prefix("seeds "));
        let done = seeds.unwrap_or_default().split(' ');
        let figures = Figures::parse(&text);
        let violations = figures.sums.get("violations").copied().unwrap_or(0);
        Ok(Tally {
            done: done.filter_map(|seed| seed.parse().ok()).collect(),
            clean: violations == 0,
            figures,
            told: Instant::now(),
        })
    }
}

//! Layer (b): a fault at the n-th write or sync, for every n, as SQLite tests
//! itself. The seed is n; the campaign ends when no n-th one is left to hit.
//!
//! `strace` injects the faults into the real program. It counts the calls of
//! each thread for itself, and all work on the state file after its opening is
//! done by one thread.

use super::dice::{Chance, Dice};
use super::game::Game;
use super::history::Errand;
use super::process::{End, Execution, Hardship};
use super::report::Report;
use super::world::Weather;
use std::sync::atomic::{AtomicU64, Ordering};

/// Photos of each run, unless more are asked for: enough for several in flight
/// and for commits of every kind.
pub(crate) const PHOTOS: u32 = 16;

/// In larger archives, where far more writes are to be hit, only every so many-th
/// one is followed by more faults while it is mended, and by an undo.
const MORE_EVERY: u64 = 8;

/// Creating a state file takes fewer writes than this. Up to there a file that is
/// there already is tried too; later writes are the same for both.
const CREATION: u64 = 40;

/// Faults in a row while the run goes on that has to mend the first one.
const DURING_RECOVERY: u64 = 2;

/// What is done to the n-th call.
#[derive(Clone, Copy, Debug)]
struct Fault {
    name: &'static str,
    calls: &'static str,
    /// As strace writes it, in front of `:when=`.
    what: &'static str,
    /// Whether all later calls fail too.
    persistent: bool,
}

const FAULTS: [Fault; 8] = [
    fault("killed at a sync", SYNCS, "signal=KILL", false),
    fault("killed at a write", WRITES, "signal=KILL", false),
    fault("EIO at a sync, once", SYNCS, "error=EIO", false),
    fault("EIO at syncs from then on", SYNCS, "error=EIO", true),
    fault("EIO at a write, once", WRITES, "error=EIO", false),
    fault("EIO at writes from then on", WRITES, "error=EIO", true),
    fault("ENOSPC at a write, once", WRITES, "error=ENOSPC", false),
    fault(
        "ENOSPC at writes from then on",
        WRITES,
        "error=ENOSPC",
        true,
    ),
];

const SYNCS: &str = "fsync,fdatasync";
const WRITES: &str = "pwrite64";

const fn fault(
    name: &'static str,
    calls: &'static str,
    what: &'static str,
    persistent: bool,
) -> Fault {
    Fault {
        name,
        calls,
        what,
        persistent,
    }
}

/// The smallest n of each fault that found no n-th call, in this campaign.
static EXHAUSTED: [AtomicU64; FAULTS.len()] = [const { AtomicU64::new(u64::MAX) }; FAULTS.len()];

/// Two runs don't make quite as many calls: so many more are tried.
const MARGIN: u64 = 40;

/// Every fault at the n-th call, each on an archive of its own with so many photos.
pub(crate) fn play(n: u64, photos: u32) -> Report {
    let layer = if photos == PHOTOS {
        "points".to_owned()
    } else {
        format!("points --photos {photos}")
    };
    let more = photos <= PHOTOS || n.is_multiple_of(MORE_EVERY);
    let mut whole: Option<Report> = None;
    let mut hit = false;
    for (fault, exhausted) in FAULTS.into_iter().zip(&EXHAUSTED) {
        if n > exhausted.load(Ordering::Relaxed).saturating_add(MARGIN) {
            continue;
        }
        let begun: &[bool] = if n < CREATION {
            &[false, true]
        } else {
            &[false]
        };
        for begun in begun {
            let mut game = Game::plain(n, photos);
            if *begun {
                game.quiet(Errand::Backfill, "run --limit 1 --json");
            }
            // A run that had fewer such calls is one without a fault.
            if strike(&mut game, fault, n) {
                hit = true;
                game.figures.add("fault points hit", 1);
                if more {
                    recover(&mut game, n);
                    game.calm();
                } else {
                    game.rests();
                }
            } else {
                exhausted.fetch_min(n, Ordering::Relaxed);
            }
            let report = game.report(&layer);
            match &mut whole {
                Some(whole) => {
                    whole.figures.absorb(&report.figures);
                    whole.violations.extend(report.violations);
                }
                None => whole = Some(report),
            }
        }
    }
    match whole {
        Some(report) => Report {
            exhausted: !hit,
            ..report
        },
        None => Report::exhausted(),
    }
}

/// Runs with one fault; says whether it came to that.
fn strike(game: &mut Game, fault: Fault, n: u64) -> bool {
    let trace = game.workspace.path("trace");
    let more = if fault.persistent { "+" } else { "" };
    let inject = format!("inject={}:{}:when={n}{more}", fault.calls, fault.what);
    let trace_arg = format!("trace={}", fault.calls);
    let mut words = vec!["strace", "-f", "-qq"];
    // With its filter, strace 6.1 is faster and forgets to send signals.
    if !fault.what.starts_with("signal") {
        words.push("--seccomp-bpf");
    }
    let trace_path = trace.display().to_string();
    words.extend(["-o", &trace_path, "-e", &trace_arg, "-e", &inject]);
    let hardship = Hardship {
        under: words.into_iter().map(str::to_owned).collect(),
        ..Hardship::default()
    };
    let execution = backfill(game, &hardship);
    let traced = std::fs::read_to_string(&trace).unwrap_or_default();
    let hit = execution.signal == Some(9) || traced.contains("(INJECTED)");
    if hit {
        game.shared.lock().fault(format!("disk: {}", fault.name));
    }
    hit
}

/// More faults while the first one is being mended.
fn recover(game: &mut Game, n: u64) {
    for time in 0..DURING_RECOVERY {
        let mut random = Dice::new(n).roll("recovery", "", time);
        let fault = *random.one_of(&FAULTS);
        if strike(game, fault, random.u64(1..12)) {
            game.figures.add("faults during recovery", 1);
        }
    }
}

fn backfill(game: &mut Game, hardship: &Hardship) -> Execution {
    let args = ["run".to_owned(), "--json".to_owned()];
    let how = (End::Itself, hardship);
    game.execute(Errand::Backfill, &args, Weather::default(), how)
}

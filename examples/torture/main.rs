//! Breaks everything that can break around altfill, at random, and checks that
//! its promises hold. Every violation names a seed that plays it again.
//!
//! ```text
//! cargo build --release
//! cargo run --release --example torture -- --seed 1 --minutes 10
//! cargo run --release --example torture -- --seeds 1..1001 --progress torture.txt
//! ```
//!
//! `docs/RELIABILITY.md` says what is promised, what each layer proves, and
//! what the last long run gave.

#![expect(clippy::print_stdout, reason = "its findings are what it is for")]

mod blackbox;
mod campaign;
mod captions;
mod clock;
mod core;
mod dice;
mod disk;
mod figures;
mod game;
mod history;
mod hostile;
mod judging;
mod ledger;
mod models;
mod people;
mod points;
mod power;
mod process;
mod report;
mod rest;
mod seeds;
mod setting;
mod simulated;
mod site;
mod spoken;
mod trace;
mod world;

#[path = "../../tests/support/mod.rs"]
mod support;

use clap::Parser;
use std::num::NonZero;
use std::ops::Range;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Breaks everything around altfill at random and checks its promises.
#[derive(Parser)]
struct Args {
    /// What to break
    #[arg(long, value_enum, default_value_t = Layer::Blackbox)]
    layer: Layer,

    /// The first seed
    #[arg(long, value_name = "S")]
    seed: Option<u64>,

    /// Seeds from A up to, but not including, B
    #[arg(long, value_name = "A..B", value_parser = seeds, conflicts_with = "seed")]
    seeds: Option<Range<u64>>,

    /// Photos of each archive, in the layer points
    #[arg(long, value_name = "N", default_value_t = points::PHOTOS)]
    photos: u32,

    /// How long to go on with one seed after the other; without it, --seed
    /// plays one seed
    #[arg(long, value_name = "M")]
    minutes: Option<f64>,

    /// Only every N-th seed
    #[arg(long, value_name = "N", default_value = "1")]
    every: NonZero<u64>,

    /// Seeds that are played at the same time
    #[arg(long, value_name = "N", default_value_t = 1)]
    jobs: usize,

    /// End at the first broken promise
    #[arg(long)]
    first: bool,

    /// Tell of every execution and of every change of the site
    #[arg(long, short)]
    verbose: bool,

    /// A file that keeps what is done, so that a long campaign can be stopped
    /// and gone on with
    #[arg(long, value_name = "FILE")]
    progress: Option<PathBuf>,
}

/// The layers of the harness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Layer {
    /// The decision core in this process, thousands of schedules a minute
    Core,
    /// The real program among faults, edits and kills
    Blackbox,
    /// A fault at the n-th write or sync of the state file, where n is the seed
    Points,
    /// Power that goes at any moment, with any part of what was not synced
    Power,
}

fn seeds(text: &str) -> Result<Range<u64>, String> {
    let (from, to) = text.split_once("..").ok_or("write it like 1..100")?;
    let number = |text: &str| text.parse().map_err(|_| format!("{text:?} is no number"));
    Ok(number(from)?..number(to)?)
}

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    let seeds = match (&args.seeds, args.seed, args.minutes) {
        (Some(seeds), ..) => seeds.clone(),
        (None, Some(seed), None) => seed..seed + 1,
        (None, seed, _) => seed.unwrap_or(1)..u64::MAX,
    };
    report::TELL.store(args.verbose, std::sync::atomic::Ordering::Relaxed);
    let endless = Duration::from_secs(365 * 86_400);
    let minutes = args.minutes.unwrap_or(f64::INFINITY);
    let campaign = campaign::Campaign {
        seeds,
        every: args.every.get(),
        time: Duration::try_from_secs_f64(minutes * 60.0).unwrap_or(endless),
        jobs: args.jobs,
        first: args.first,
        progress: args.progress,
    };
    let clean = match args.layer {
        Layer::Blackbox => campaign.run(blackbox::play)?,
        Layer::Points => campaign.run(|n| points::play(n, args.photos))?,
        Layer::Core => campaign.run(core::play)?,
        Layer::Power => campaign.run(power::play)?,
    };
    Ok(ExitCode::from(u8::from(!clean)))
}

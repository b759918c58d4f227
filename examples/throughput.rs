//! How close altfill comes to what the model and the machine allow: the real
//! program against a fake site and fake models, each of whose calls takes a
//! fixed time.
//!
//! ```text
//! cargo build --release
//! cargo run --release --example throughput
//! ```
//!
//! Two bounds hold for the calls a second: calls in flight over the time of a
//! call, and the photos a second that all processors can prepare when they do
//! nothing else. The servers run in this process and on the same processors, so
//! what they need is missing in the measured rate.

#![expect(clippy::print_stdout, reason = "the table is what it is for")]

#[path = "../tests/support/mod.rs"]
mod support;

use altfill::photo::{self, Limits};
use anyhow::{Context, bail, ensure};
use clap::Parser;
use serde_json::json;
use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use support::model::{Face, Looks};
use support::photos::{self, Metadata};
use support::{Call, FakeModel, FakePhoto, FakeSite, Workspace, program};

/// The longer edge that models get unless models.yaml says otherwise.
const LONG_EDGE: u32 = 1024;

/// Far above the photos here.
const LIMITS: Limits = Limits {
    max_bytes: 64 << 20,
    max_pixels: 100_000_000,
    max_memory: 200_000_000,
};

/// How long preparing is measured, before each run, because a machine that
/// others use changes.
const PREPARING: Duration = Duration::from_secs(3);

/// Measures calls a second against what the model and the machine allow.
#[derive(Parser)]
struct Args {
    /// Photos on the site
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = clap::value_parser!(u32).range(2..))]
    photos: u32,

    /// What a call takes
    #[arg(long, value_name = "MS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..))]
    latency_ms: u64,

    /// Calls in flight, one run for each
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        default_value = "8,32"
    )]
    concurrency: Vec<NonZero<u16>>,

    /// A directory of JPEG files to serve; ones are generated where there are
    /// none [default: ../shared/photos beside the package]
    #[arg(long, value_name = "DIR")]
    pixels: Option<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let binary = program::binary();
    if !binary.is_file() {
        bail!("altfill itself is not built; run `cargo build --release` first");
    }
    if cfg!(debug_assertions) {
        println!("This is a debug build: its numbers say little. Use --release.");
    }
    let pictures = Pictures::find(&args)?;
    let latency = Duration::from_millis(args.latency_ms);
    println!("{} photos: {}", args.photos, pictures.origin);
    println!("each call takes {} ms", latency.as_millis());
    println!();
    println!("{}", Measured::HEAD);
    for &concurrency in &args.concurrency {
        let load = Load {
            photos: args.photos,
            latency,
            concurrency: concurrency.get(),
            face: Face::OpenAi,
        };
        println!("{}", load.measure(&pictures)?);
    }
    if let Some(concurrency) = args.concurrency.first() {
        let load = Load {
            photos: args.photos,
            latency,
            concurrency: concurrency.get(),
            face: Face::Ollama,
        };
        println!("{}", load.measure(&pictures)?);
    }
    println!();
    println!("rate      calls a second, from the first call to the last one");
    println!("model     calls a second that the model allows: in flight / time of a call");
    println!("prepare   photos a second that all processors prepare, doing nothing else");
    println!("ratio     rate / model");
    println!("of lower  rate / the lower one of model and prepare");
    println!("cpu       milliseconds of processor time a photo: preparing alone, all of");
    println!("          altfill, the fakes");
    Ok(())
}

/// The image files that the site serves in turn.
struct Pictures {
    files: Vec<Arc<[u8]>>,
    origin: String,
}

impl Pictures {
    fn find(args: &Args) -> anyhow::Result<Self> {
        let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/photos");
        let directory = args.pixels.clone().unwrap_or_else(usual);
        let mut paths = Vec::new();
        if directory.is_dir() {
            for entry in fs::read_dir(&directory).context("the pixels can't be listed")? {
                paths.push(entry.context("the pixels can't be listed")?.path());
            }
        } else if let Some(given) = &args.pixels {
            bail!("{} is no directory", given.display());
        }
        paths.retain(|path| path.extension().is_some_and(|end| end == "jpg"));
        // What a directory gives first is chance.
        paths.sort();
        if paths.is_empty() {
            return Ok(Self::generated());
        }
        let read = |path: &PathBuf| {
            let bytes = fs::read(path).with_context(|| format!("can't read {}", path.display()))?;
            Ok(Arc::from(bytes))
        };
        let files = paths.iter().map(read).collect::<anyhow::Result<Vec<_>>>()?;
        let origin = format!("{} real files in turn", files.len());
        Ok(Self { files, origin })
    }

    fn generated() -> Self {
        let file = |seed| Arc::from(photos::photo(seed, 1920, 1275, Metadata::None));
        Self {
            files: (0..5).map(file).collect(),
            origin: "generated ones of 1920x1275, in turn (no ../shared/photos)".to_owned(),
        }
    }

    /// What all processors can prepare.
    fn prepare(&self) -> anyhow::Result<Preparing> {
        let before = processor_time("self");
        let next = AtomicUsize::new(0);
        let start = Instant::now();
        let work = || {
            while start.elapsed() < PREPARING {
                let at = next.fetch_add(1, Ordering::Relaxed);
                photo::prepare(&self.files[at % self.files.len()], LONG_EDGE, LIMITS)?;
            }
            Ok(())
        };
        let processors = thread::available_parallelism().map_or(2, NonZero::get);
        thread::scope(|scope| {
            let workers: Vec<_> = (0..processors).map(|_| scope.spawn(work)).collect();
            let join = |worker: thread::ScopedJoinHandle<'_, anyhow::Result<()>>| {
                worker.join().expect("preparing doesn't panic")
            };
            workers.into_iter().try_for_each(join)
        })?;
        let (done, took) = (next.into_inner() as f64, start.elapsed());
        let used = processor_time("self").zip(before);
        Ok(Preparing {
            rate: done / took.as_secs_f64(),
            cpu: used
                .map(|(after, before)| after.saturating_sub(before).as_secs_f64() * 1000.0 / done),
        })
    }
}

/// What preparing takes when nothing else is done.
struct Preparing {
    /// Photos a second, on all processors.
    rate: f64,
    /// Milliseconds of processor time a photo.
    cpu: Option<f64>,
}

/// One run of altfill.
struct Load {
    photos: u32,
    latency: Duration,
    concurrency: u16,
    face: Face,
}

impl Load {
    fn measure(&self, pictures: &Pictures) -> anyhow::Result<Measured> {
        let prepare = pictures.prepare()?;
        let (site, model) = (self.site(pictures), self.model());
        let workspace = self.workspace(&site, &model);
        let before = processor_time("self");
        let mut running = workspace
            .altfill(&["run", "--json", "--quiet"])
            .patience(self.patience())
            .spawn();
        let mut used = Used::default();
        while !running.has_ended() {
            used.look(running.id());
            thread::sleep(Duration::from_millis(20));
        }
        let fakes = processor_time("self").zip(before);
        let output = running.wait().expect(0).counted();
        let faults = [model.violations(), missing(&site)].concat();
        ensure!(faults.is_empty(), "the run was not clean: {faults:?}");
        ensure!(
            output.number("/model_calls") == u64::from(self.photos),
            "the run needed more than one call for a photo: {output}"
        );
        let rate = rate(&model.calls()).context("there were too few calls")?;
        let a_photo = |time: Duration| time.as_secs_f64() * 1000.0 / f64::from(self.photos);
        Ok(Measured {
            face: self.face,
            concurrency: self.concurrency,
            rate,
            model: f64::from(self.concurrency) / self.latency.as_secs_f64(),
            prepare,
            most_in_flight: model.most_in_flight(),
            peak: used.peak_kib,
            altfill: used.processor_time.map(a_photo),
            fakes: fakes.map(|(after, before)| a_photo(after.saturating_sub(before))),
        })
    }

    fn site(&self, pictures: &Pictures) -> FakeSite {
        let site = FakeSite::start();
        for (number, file) in (0..self.photos).zip(pictures.files.iter().cycle()) {
            let photo = FakePhoto::new(&format!("A day in the hills, page {number}"));
            let id = format!("album-{}/p{number:05}", number % 20);
            site.add(&id, photo.pixels(Arc::clone(file)));
        }
        site
    }

    fn model(&self) -> FakeModel {
        let model = match self.face {
            Face::Ollama => FakeModel::ollama(),
            _ => FakeModel::openai(),
        };
        model.latency(self.latency);
        model.looks(Looks::Barely);
        model
    }

    fn workspace(&self, site: &FakeSite, model: &FakeModel) -> Workspace {
        let mut workspace = Workspace::album(site, model);
        workspace.set("site.concurrency", 64);
        workspace.set("run.concurrency", i64::from(self.concurrency));
        let limits = json!({"concurrency": self.concurrency, "timeout": "60s"});
        workspace.set_model("fake", "limits", limits);
        workspace
    }

    /// Ten times what the model needs, and at least some minutes.
    fn patience(&self) -> Duration {
        let model = self.latency * self.photos / u32::from(self.concurrency);
        (model * 10).max(Duration::from_secs(300))
    }
}

/// What is wrong with photos in the end: they have no text.
fn missing(site: &FakeSite) -> Vec<String> {
    let alts = site.alts().into_iter();
    alts.filter(|(_, alt)| alt.is_empty())
        .map(|(id, _)| format!("{id} has no text"))
        .collect()
}

/// Calls a second: one call less than there were, between the first one's
/// arrival and the last one's.
fn rate(calls: &[Call]) -> Option<f64> {
    let first = calls.iter().map(|call| call.started).min()?;
    let last = calls.iter().map(|call| call.started).max()?;
    let time = last.duration_since(first).as_secs_f64();
    (time > 0.0).then(|| (calls.len() - 1) as f64 / time)
}

/// What a process used, as far as `/proc` tells.
#[derive(Default)]
struct Used {
    peak_kib: Option<u64>,
    processor_time: Option<Duration>,
}

impl Used {
    /// Looks at a running process. Both numbers only grow, so the last look
    /// is good for all; one that is ending shows its memory no more.
    fn look(&mut self, id: u32) {
        let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        self.peak_kib = peak.or(self.peak_kib);
        self.processor_time = processor_time(&id.to_string()).or(self.processor_time);
    }
}

/// User and system time of a process so far.
fn processor_time(process: &str) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The second field is a name in parentheses that may hold spaces; the
    // fields after it begin with the third one, and the times are the 14th and
    // the 15th, in hundredths of a second.
    let (_, fields) = stat.rsplit_once(')')?;
    let times = fields.split_whitespace().skip(11).take(2);
    let ticks: Vec<u64> = times.filter_map(|field| field.parse().ok()).collect();
    Some(Duration::from_millis(ticks.iter().sum::<u64>() * 10))
}

/// One line of the table.
struct Measured {
    face: Face,
    concurrency: u16,
    rate: f64,
    model: f64,
    prepare: Preparing,
    most_in_flight: usize,
    peak: Option<u64>,
    altfill: Option<f64>,
    fakes: Option<f64>,
}

impl Measured {
    const HEAD: &str =
        "face    in flight  most    rate   model  ratio  prepare  of lower  peak RSS  cpu";
}

impl std::fmt::Display for Measured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let face = match self.face {
            Face::Ollama => "ollama",
            _ => "openai",
        };
        let peak = self.peak.map_or_else(
            || "-".to_owned(),
            |kib| format!("{:.0} MB", kib as f64 * 1024.0 / 1e6),
        );
        let time = |time: Option<f64>| {
            time.map_or_else(
                || "-".to_owned(),
                |milliseconds| format!("{milliseconds:.1}"),
            )
        };
        write!(
            f,
            "{face}  {:>9}  {:>4}  {:>6.2}  {:>6.2}  {:>5.3}  {:>7.1}  {:>8.3}  {peak:>8}  {}, {}, {}",
            self.concurrency,
            self.most_in_flight,
            self.rate,
            self.model,
            self.rate / self.model,
            self.prepare.rate,
            self.rate / self.model.min(self.prepare.rate),
            time(self.prepare.cpu),
            time(self.altfill),
            time(self.fakes),
        )
    }
}

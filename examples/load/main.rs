//! Whether altfill stays small: the real program on a huge archive, with its
//! memory and its open files looked at all the way.
//!
//! ```text
//! cargo build --release
//! cargo run --release --example load                               # 100,000 photos
//! cargo run --release --example load -- --photos 32 --site-ms 10000 --in-flight 8
//! cargo run --release --example load -- --photos 9 --per-minute 3
//! ```
//!
//! It ends with exit code 1 if memory grows by more than a fifth after the first
//! tenth of the photos, if it needs more than 250 MB, if it opens more files than
//! there may be requests on their way, or if a photo is left without its text.

#![expect(clippy::print_stdout, reason = "the table is what it is for")]

mod model;
mod site;
mod watch;

#[path = "../../tests/support/mod.rs"]
mod support;

use anyhow::{bail, ensure};
use clap::Parser;
use model::Model;
use site::Site;
use std::num::NonZero;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use support::http::Server;
use support::{Workspace, program};
use watch::{Samples, Usage};

/// How often the process is looked at.
const LOOKING: Duration = Duration::from_millis(100);

/// Rows of the table.
const ROWS: u32 = 10;

/// What a run may need at most.
const MOST_MEMORY_KIB: u64 = 250 * 1024;

/// How much more memory than in the second tenth any later one may need.
const GROWTH: f64 = 1.2;

/// Requests to the site at a time, for records and for images each.
const SITE: u16 = 64;

/// Open files beside the connections that may be open at a time.
const OTHER_FILES: usize = 32;

/// Watches memory and open files of a run over a huge archive.
#[derive(Parser)]
struct Args {
    /// Photos on the site
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
    photos: u32,

    /// Model calls in flight at most
    #[arg(long, value_name = "N", default_value = "256")]
    in_flight: NonZero<u16>,

    /// What a call takes
    #[arg(long, value_name = "MS", default_value_t = 50)]
    model_ms: u64,

    /// What any answer of the site takes
    #[arg(long, value_name = "MS", default_value_t = 50)]
    site_ms: u64,

    /// Requests that the model allows in any minute; it refuses more
    #[arg(long, value_name = "N")]
    per_minute: Option<NonZero<u16>>,
}

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    if !program::binary().is_file() {
        bail!("altfill itself is not built; run `cargo build --release` first");
    }
    let site = Site::new(args.photos, Duration::from_millis(args.site_ms));
    let site = Arc::new(site);
    let model = Model::new(Duration::from_millis(args.model_ms), args.per_minute);
    let model = Arc::new(model);
    let servers = [
        Server::start(Arc::clone(&site)),
        Server::start(Arc::clone(&model)),
    ];
    let workspace = workspace(&args, &servers);
    println!(
        "{} photos, {} calls in flight, {} ms a call, {} ms an answer of the site",
        args.photos, args.in_flight, args.model_ms, args.site_ms
    );
    println!();
    println!("{}", Samples::HEAD);
    let began = Instant::now();
    let mut running = workspace
        .altfill(&["run", "--json", "--quiet"])
        .patience(Duration::from_secs(6 * 3600))
        .spawn();
    let connections = usize::from(args.in_flight.get()) + 2 * usize::from(SITE);
    let mut samples = Samples::new(args.photos, ROWS, connections + OTHER_FILES);
    while !running.has_ended() {
        if let Some(usage) = Usage::of(running.id())
            && let Some(row) = samples.take(site.written(), usage)
        {
            println!("{row}");
        }
        thread::sleep(LOOKING);
    }
    let output = running.wait().expect(0).counted();
    let took = began.elapsed();
    if let Some(row) = samples.last() {
        println!("{row}");
    }
    println!();
    println!(
        "{:.0} s, {:.1} photos a second; {} calls, {} refused, at most {} in flight",
        took.as_secs_f64(),
        f64::from(args.photos) / took.as_secs_f64(),
        model.calls(),
        model.refused(),
        model.most_in_flight(),
    );
    println!("{}", samples.verdict());
    ensure!(
        output.number("/written") == u64::from(args.photos) && site.written() == args.photos,
        "not every photo has its text: {output}"
    );
    ensure!(
        model.calls() == u64::from(args.photos) + model.refused(),
        "a photo needed more than one call: {output}"
    );
    Ok(ExitCode::from(u8::from(!samples.are_flat())))
}

fn workspace(args: &Args, [site, model]: &[Server; 2]) -> Workspace {
    let mut workspace = Workspace::empty();
    let mut set = |key: &str, value: toml::Value| workspace.set(key, value);
    set("model", "fake".into());
    set("state", "state/altfill.db".into());
    set("site.name", "load".into());
    set("site.preset", "album".into());
    set("site.base_url", site.url().into());
    set("site.token_env", "SITE_TOKEN".into());
    set("site.manifest", "photos.txt".into());
    set("site.pixels", "/files/{album}/{name}.jpg".into());
    set("site.concurrency", i64::from(SITE).into());
    let calls = i64::from(args.in_flight.get());
    set("run.concurrency", calls.into());
    let entry = serde_json::json!({
        "deployment": "local", "provider": "openai", "model": "fake-vision",
        "base_url": format!("{}/v1", model.url()),
        "limits": {"concurrency": calls},
    });
    workspace.add_entry("fake", entry);
    let ids: Vec<String> = (0..args.photos).map(Site::id).collect();
    workspace.write("photos.txt", ids.join("\n"));
    std::fs::create_dir_all(workspace.path("state")).expect("a scratch directory");
    workspace
}

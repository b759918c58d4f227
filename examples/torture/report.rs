//! What one seed gave, whatever the layer.

use super::figures::{Figures, Violation};
use super::world::World;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether every execution is told of, for whoever looks into one seed.
pub(crate) static TELL: AtomicBool = AtomicBool::new(false);

/// What one seed gave.
pub(crate) struct Report {
    /// Promises broken.
    pub(crate) violations: Vec<Violation>,
    /// What happened.
    pub(crate) figures: Figures,
    /// There is nothing left to try with this seed or any later one.
    pub(crate) exhausted: bool,
}

impl Report {
    /// Nothing was left to try.
    pub(crate) fn exhausted() -> Self {
        Self {
            violations: Vec::new(),
            figures: Figures::default(),
            exhausted: true,
        }
    }

    /// Adds what the world remembers to what was counted on the way. `state` is
    /// the file that is kept for whoever looks into one seed.
    pub(crate) fn of(
        layer: &str,
        seed: u64,
        world: &World,
        counted: &Figures,
        state: &Path,
    ) -> Self {
        if TELL.load(Ordering::Relaxed) {
            let copy = std::env::temp_dir().join(format!("torture-{seed}.db"));
            let _ = std::fs::copy(state, &copy);
            println!("the state file: {}", copy.display());
            for (id, photo) in &world.history.photos {
                println!("{id}: {:#?}", photo.changes);
            }
        }
        let mut figures = counted.clone();
        for (kind, number) in &world.faults {
            figures.fault(kind, *number);
        }
        let windows = world.history.windows;
        figures.add("seeds", 1);
        figures.add("edits by people", world.history.edits);
        figures.add("writes that landed", world.history.landed);
        figures.add("model calls", world.calls.len() as u64);
        figures.add("edits lost in the round trip", windows.round_trip);
        figures.add("edits lost to a write that landed late", windows.late);
        let replay = format!("cargo run --example torture -- --layer {layer} --seed {seed}");
        let violations = world.history.broken.iter().map(|broken| Violation {
            seed,
            promise: broken.promise.to_owned(),
            what: broken.what.clone(),
            replay: replay.clone(),
        });
        let violations: Vec<Violation> = violations.collect();
        figures.add("violations", violations.len() as u64);
        Self {
            violations,
            figures,
            exhausted: false,
        }
    }
}

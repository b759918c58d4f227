//! Power loss: executions of the real program are traced, and at many moments
//! the disk is rebuilt as a power loss might have left it. Each such image is
//! opened again, and nothing that had been acknowledged may be missing from it.
//!
//! A request that left shows what had been acknowledged: before a model is
//! asked, its call is on record; before a text goes to the site, the reply, the
//! draft and the intent are.

use super::dice::{Chance, Dice};
use super::disk::Disk;
use super::game::Game;
use super::history::Errand;
use super::ledger::Ledger;
use super::process::{End, Hardship};
use super::report::Report;
use super::trace::{self, Step};
use super::world::Weather;
use altfill::archive::SiteName;
use altfill::checkpoint;
use fastrand::Rng;
use std::path::Path;
use std::time::Duration;

/// Photos of the archive.
const PHOTOS: u32 = 14;

/// Images made from each seed's trace.
const IMAGES: usize = 64;

/// Every so many-th image is given to the real program to go on from.
const REVIVED: usize = 32;

/// What had been acknowledged when the power went.
#[derive(Clone, Debug, Default)]
pub(crate) struct Acknowledged {
    /// Calls that were sent.
    pub(crate) calls: usize,
    /// Texts that were sent to the site, by photo.
    pub(crate) sent: Vec<(String, String)>,
}

/// Traces a few executions, some of them killed, and loses power in all of them.
pub(crate) fn play(seed: u64) -> Report {
    let mut game = Game::plain(seed, PHOTOS);
    let mut random = Dice::new(seed).roll("power", "", 0);
    let mut steps = Vec::new();
    for _ in 0..2 {
        let end = if random.happens(0.5) {
            End::Kill(Duration::from_millis(random.u64(60..900)))
        } else {
            End::Itself
        };
        steps.extend(traced(&mut game, end));
    }
    steps.extend(traced(&mut game, End::Itself));
    let shared = game.shared.clone();
    for image in 0..IMAGES {
        let cut = random.usize(..=steps.len());
        let mut disk = Disk::default();
        let mut known = Acknowledged::default();
        for step in &steps[..cut] {
            disk.take(step);
            known.note(step);
        }
        let folder = tempfile::tempdir().expect("a scratch directory");
        disk.lose_power(&mut random, folder.path())
            .expect("files in a scratch directory");
        game.figures.add("power-loss images", 1);
        if let Err(what) = check(folder.path(), &known) {
            let what = format!("power lost after step {cut} of {}: {what}", steps.len());
            shared
                .lock()
                .history
                .breaks("what was acknowledged survives a power loss", what);
        }
        if image % REVIVED == 0 {
            let mut revived = revive(seed, &game, folder.path(), &known, &mut random);
            revived.rests();
            let report = revived.report("power");
            game.figures.add("images gone on from", 1);
            for violation in report.violations {
                let what = format!("gone on from step {cut}: {}", violation.what);
                shared
                    .lock()
                    .history
                    .breaks("a run goes on after a power loss", what);
            }
        }
    }
    game.calm();
    game.report("power")
}

fn traced(game: &mut Game, end: End) -> Vec<Step> {
    let log = game.workspace.path("trace");
    let words = format!(
        "strace -f -qq --seccomp-bpf -xx -y -s 10000000 -e trace={}",
        trace::CALLS
    );
    let mut under: Vec<String> = words.split(' ').map(str::to_owned).collect();
    under.extend(["-o".to_owned(), log.display().to_string()]);
    let hardship = Hardship {
        under,
        ..Hardship::default()
    };
    let args = ["run".to_owned(), "--json".to_owned()];
    game.execute(
        Errand::Backfill,
        &args,
        Weather::default(),
        (end, &hardship),
    );
    let log = std::fs::read_to_string(&log).unwrap_or_default();
    trace::read(&log, &game.workspace.path("state"))
}

impl Acknowledged {
    fn note(&mut self, step: &Step) {
        match step {
            Step::Asked => self.calls += 1,
            Step::Sent(photo, alt) => self.sent.push((photo.clone(), alt.clone())),
            _ => {}
        }
    }
}

/// Opens an image as altfill does, and looks for what was acknowledged.
fn check(folder: &Path, known: &Acknowledged) -> Result<(), String> {
    let path = folder.join("altfill.db");
    if !path.exists() && known.calls + known.sent.len() == 0 {
        return Ok(());
    }
    let opened = checkpoint::open(&path, &SiteName::new("torture"));
    drop(opened.map_err(|error| format!("can't be opened: {error}"))?);
    let ledger = Ledger::open(&path).map_err(|error| error.to_string())?;
    let ledger = ledger.ok_or("it is empty")?;
    let sound = ledger.is_sound().map_err(|error| error.to_string())?;
    sound?;
    ledger.holds(known).map_err(|error| error.to_string())?
}

/// The archive as it stood when the power went, with the image as its state.
fn revive(seed: u64, old: &Game, image: &Path, known: &Acknowledged, random: &mut Rng) -> Game {
    let game = Game::plain(seed, PHOTOS);
    for entry in std::fs::read_dir(image)
        .expect("a scratch directory")
        .flatten()
    {
        let name = entry.file_name();
        // Opening it has folded the log in.
        let bytes = std::fs::read(entry.path()).expect("a file of the image");
        game.workspace
            .write(&format!("state/{}", name.display()), bytes);
    }
    let confirmed = Ledger::open(&game.workspace.path("state/altfill.db"))
        .ok()
        .flatten()
        .and_then(|ledger| ledger.confirmed().ok())
        .unwrap_or_default();
    let old = old.shared.lock();
    let mut world = game.shared.lock();
    world.history = old.history.clone();
    world.history.broken.clear();
    world.calls.clone_from(&old.calls);
    for call in &mut world.calls {
        call.run = 0;
    }
    world.forgotten = old.calls.len().saturating_sub(known.calls);
    for (id, photo) in &mut world.history.photos {
        let sent = known.sent.iter().any(|(photo, _)| photo == id);
        let landed = confirmed.contains(id) || (sent && random.bool());
        photo.shown = None;
        if !landed && let Some(first) = photo.changes.first().cloned() {
            photo.stand = first.before;
            photo.changes.clear();
        }
    }
    let was_sent = |photo: &str, alt: &str| known.sent.iter().any(|(p, a)| p == photo && a == alt);
    world.sent.clone_from(&old.sent);
    world.sent.retain(|sent| was_sent(&sent.photo, &sent.alt));
    drop(world);
    drop(old);
    game
}

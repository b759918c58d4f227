//! Layer (c): the real program against a site, people and models that do their
//! worst, killed again and again; then everything calms down, and the archive
//! has to be as promised.

use super::dice::Chance;
use super::game::Game;
use super::history::{Consent, Errand};
use super::process::End;
use super::report::Report;
use super::setting;
use super::support::SITE_TOKEN;
use super::world::Trigger;
use fastrand::Rng;
use nix::sys::signal::Signal;
use std::time::Duration;

/// Plays one seed from beginning to end.
pub(crate) fn play(seed: u64) -> Report {
    let mut game = Game::new(seed);
    game.chaos();
    game.calm();
    game.report("blackbox")
}

impl Game {
    /// Executions with faults, and people who edit in between.
    pub(crate) fn chaos(&mut self) {
        let mut random = self.dice.roll("chaos", "", 0);
        for _ in 0..random.u8(3..8) {
            self.between(&mut random);
            let (errand, args) = self.errand(&mut random);
            let weather = setting::weather(&mut random);
            let end = self.end(&mut random);
            let hardship = setting::hardship(&mut random);
            self.execute(errand, &args, weather, (end, &hardship));
        }
    }

    /// What happens while no run is on.
    fn between(&mut self, random: &mut Rng) {
        let mut world = self.shared.lock();
        let ids: Vec<String> = world.history.photos.keys().cloned().collect();
        for _ in 0..random.u8(..4) {
            let id = random.one_of(&ids).clone();
            world.a_person_acts(&id, random);
        }
        let mut listed = ids;
        if random.happens(0.5) {
            random.shuffle(&mut listed);
            listed.truncate(random.usize(1..=listed.len()));
            let again = random.one_of(&listed).clone();
            listed.push(again);
            listed.push("nowhere/no-such-photo".to_owned());
            world.fault("a listing that shifts and repeats itself");
        }
        drop(world);
        self.workspace.write("photos.txt", listed.join("\n"));
        if random.happens(0.06) {
            self.tokens += 1;
            self.shared.lock().token = format!("{SITE_TOKEN}-{}", self.tokens);
        }
    }

    /// What the next execution is for, with its command line.
    fn errand(&mut self, random: &mut Rng) -> (Errand, Vec<String>) {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let undoable = self.undoable();
        match random.u8(..20) {
            0 | 1 => (Errand::Upgrade, words("upgrade --model second --json")),
            2 | 3 if !undoable.is_empty() => {
                let number = *random.one_of(&undoable);
                let targets = self.runs.iter().filter(|(run, _)| *run == number);
                let targets = targets.map(|(_, execution)| *execution).collect();
                let line = format!("undo {number} --yes --json");
                (Errand::Undo(targets), words(&line))
            }
            4 => {
                let world = self.shared.lock();
                let ids: Vec<&String> = world.history.photos.keys().collect();
                let id = (*random.one_of(&ids)).clone();
                let line = format!("fix {id} --yes --json");
                if random.bool() {
                    let line = format!("{line} --replace-human");
                    (Errand::Fix(id, Consent::Given), words(&line))
                } else {
                    (Errand::Fix(id, Consent::None), words(&line))
                }
            }
            5 => (Errand::Preview, words("run --preview --json")),
            6 => (Errand::Look, words("run --dry-run --json")),
            7 => (Errand::Backfill, words("run --limit 3 --json")),
            _ => (Errand::Backfill, words("run --json")),
        }
    }

    fn end(&mut self, random: &mut Rng) -> End {
        let while_it_works = Duration::from_millis(random.u64(5..300));
        match random.u8(..20) {
            0..6 => End::Kill(while_it_works),
            6..14 => {
                let photos = self.shared.lock().history.photos.len() as u64;
                self.shared.lock().trigger = Some(Trigger {
                    after: random.u64(1..photos * 3),
                    executed: random.bool(),
                    signal: Signal::SIGKILL,
                });
                End::Triggered
            }
            14 | 15 => {
                let signal = *random.one_of(&[Signal::SIGINT, Signal::SIGTERM]);
                let again = Duration::from_millis(random.u64(60..400));
                End::Asked(while_it_works, signal, random.bool().then_some(again))
            }
            _ => End::Itself,
        }
    }
}

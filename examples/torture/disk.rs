//! A disk that loses its power: what was synced is there, and of what was not
//! yet, any part may be: whole, torn at a sector, or missing.

use super::dice::Chance;
use super::trace::Step;
use fastrand::Rng;
use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

/// Disks write sectors whole.
const SECTOR: usize = 512;

/// How much of what was not synced survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Luck {
    None,
    All,
    Some,
}

/// One change of a file that may be lost.
#[derive(Clone, Debug)]
enum Change {
    Write(u64, Vec<u8>),
    Truncate(u64),
}

/// One file, whatever its name is by now.
#[derive(Clone, Debug, Default)]
struct File {
    synced: Vec<u8>,
    pending: Vec<Change>,
}

/// A name that was given or taken.
#[derive(Clone, Debug)]
enum Naming {
    Given(String, usize),
    Taken(String),
}

/// The folder of the state files.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    files: Vec<File>,
    /// As the program sees it.
    names: BTreeMap<String, usize>,
    /// As it is on the disk for sure.
    synced_names: BTreeMap<String, usize>,
    /// What happened to names since, in order.
    pending_names: Vec<Naming>,
}

impl Disk {
    /// Does what the program did.
    pub(crate) fn take(&mut self, step: &Step) {
        match step {
            Step::Create(name) if !self.names.contains_key(name) => {
                self.files.push(File::default());
                let file = self.files.len() - 1;
                self.names.insert(name.clone(), file);
                self.pending_names.push(Naming::Given(name.clone(), file));
            }
            Step::Remove(name) => {
                if self.names.remove(name).is_some() {
                    self.pending_names.push(Naming::Taken(name.clone()));
                }
            }
            Step::Write(name, at, bytes) => {
                self.change(name, Change::Write(*at, bytes.clone()));
            }
            Step::Truncate(name, length) => self.change(name, Change::Truncate(*length)),
            Step::Sync(name) if name == "state" => {
                self.synced_names = self.names.clone();
                self.pending_names.clear();
            }
            Step::Sync(name) => {
                if let Some(file) = self.names.get(name).map(|at| &mut self.files[*at]) {
                    for change in std::mem::take(&mut file.pending) {
                        change.apply(&mut file.synced);
                    }
                }
            }
            Step::Create(_) | Step::Asked | Step::Sent(..) => {}
        }
    }

    fn change(&mut self, name: &str, change: Change) {
        if let Some(at) = self.names.get(name) {
            self.files[*at].pending.push(change);
        }
    }

    /// The power goes: what the disk has is put into a folder.
    pub(crate) fn lose_power(&self, random: &mut Rng, folder: &Path) -> io::Result<()> {
        let luck = *random.one_of(&[Luck::None, Luck::All, Luck::Some, Luck::Some, Luck::Some]);
        let mut names = self.synced_names.clone();
        // Journalling file systems keep the order of names.
        let kept = match luck {
            Luck::None => 0,
            Luck::All => self.pending_names.len(),
            Luck::Some => random.usize(..=self.pending_names.len()),
        };
        for naming in &self.pending_names[..kept] {
            match naming {
                Naming::Given(name, file) => drop(names.insert(name.clone(), *file)),
                Naming::Taken(name) => drop(names.remove(name)),
            }
        }
        for (name, file) in names {
            fs::write(folder.join(name), self.files[file].survives(random, luck))?;
        }
        Ok(())
    }
}

impl File {
    fn survives(&self, random: &mut Rng, luck: Luck) -> Vec<u8> {
        let mut bytes = self.synced.clone();
        for change in &self.pending {
            match (luck, random.u8(..10)) {
                (Luck::All, _) | (Luck::Some, 0..4) => change.apply(&mut bytes),
                (Luck::Some, 4..7) => change.tear(&mut bytes, random),
                _ => {}
            }
        }
        bytes
    }
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write(at, new) => {
                let at = usize::try_from(*at).unwrap_or(usize::MAX);
                let end = at + new.len();
                bytes.resize(bytes.len().max(end), 0);
                bytes[at..end].copy_from_slice(new);
            }
            Self::Truncate(length) => {
                bytes.truncate(usize::try_from(*length).unwrap_or(usize::MAX));
            }
        }
    }

    /// Some sectors arrive, others don't.
    fn tear(&self, bytes: &mut Vec<u8>, random: &mut Rng) {
        let Self::Write(at, new) = self else {
            return;
        };
        let mut at = *at;
        let mut rest = new.as_slice();
        while !rest.is_empty() {
            let gone = usize::try_from(at).unwrap_or(usize::MAX) % SECTOR;
            let (sector, more) = rest.split_at(rest.len().min(SECTOR - gone));
            if random.bool() {
                Self::Write(at, sector.to_vec()).apply(bytes);
            }
            at += sector.len() as u64;
            rest = more;
        }
    }
}

//! Sidecars whose names are spelled otherwise than their photo's: with capitals
//! elsewhere, or with accents put together otherwise. Programs of other systems,
//! which tell no difference there, leave such.

use super::naming::{full_name, is_sharing, short_name};
use icu_normalizer::ComposingNormalizerBorrowed;
use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Directories whose names are remembered.
const DIRECTORIES: usize = 64;

/// A directory that changed so short a time before it was read may change again
/// without a later time of change.
const COARSE: Duration = Duration::from_secs(2);

/// The names in the directories that were looked into last. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Spellings(Arc<Mutex<HashMap<PathBuf, Known>>>);

#[derive(Debug)]
struct Known {
    stamp: Stamp,
    names: Arc<Vec<String>>,
}

/// Which directory, and when it changed last.
type Stamp = (u64, u64, i64, i64);

/// A photo's sidecars of other spellings.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Others {
    /// Of the form `photo.jpg.xmp`.
    pub(super) full: Vec<String>,
    /// Of the form `photo.xmp`.
    pub(super) short: Vec<String>,
}

impl Spellings {
    /// The sidecars of other spellings that are a photo's and no other file's.
    pub(super) fn others(&self, directory: &Path, photo: &str) -> Others {
        others(&self.names(directory), photo)
    }

    /// What is in a directory. One that can't be read has no such sidecars; whoever
    /// opens the usual ones says what is wrong with it.
    fn names(&self, directory: &Path) -> Arc<Vec<String>> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let Some(stamp) = stamp(directory) else {
            return Arc::default();
        };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(directory).filter(|known| known.stamp == stamp) {
            return Arc::clone(&known.names);
        }
        let names = Arc::new(read(directory));
        let seconds = now.map_or(0, |now| now.saturating_sub(COARSE).as_secs());
        if i64::try_from(seconds).is_ok_and(|seconds| stamp.2 < seconds) {
            if known.len() >= DIRECTORIES {
                known.clear();
            }
            let names = Arc::clone(&names);
            known.insert(directory.to_owned(), Known { stamp, names });
        }
        names
    }
}

fn stamp(directory: &Path) -> Option<Stamp> {
    let found = fs::symlink_metadata(directory).ok()?;
    let is_dir = found.is_dir();
    is_dir.then(|| (found.dev(), found.ino(), found.mtime(), found.mtime_nsec()))
}

fn read(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names.collect();
    names.sort_unstable();
    names
}

fn others(names: &[String], photo: &str) -> Others {
    let (full, short) = (full_name(photo), short_name(photo));
    let mut others = Others::default();
    for name in names {
        let Some(stem) = without_extension(name) else {
            continue;
        };
        if *name == full || *name == short {
            continue;
        }
        if is_alike(name, &full) {
            // Another photo of that very name has the better claim.
            let of_another = stem != photo && names.iter().any(|other| other == stem);
            others.full.extend((!of_another).then(|| name.clone()));
        } else if is_alike(name, &short) {
            let same = stem.len() + ".xmp".len() == short.len() && short.starts_with(stem);
            let of_another = !same && names.iter().any(|other| is_sharing(other, stem));
            others.short.extend((!of_another).then(|| name.clone()));
        }
    }
    others
}

/// A sidecar's name without its extension.
fn without_extension(name: &str) -> Option<&str> {
    let (stem, extension) = name.rsplit_once('.')?;
    extension.eq_ignore_ascii_case("xmp").then_some(stem)
}

/// Whether two names differ in their spelling only.
fn is_alike(one: &str, other: &str) -> bool {
    if one.is_ascii() || other.is_ascii() {
        return one.eq_ignore_ascii_case(other);
    }
    folded(one) == folded(other)
}

fn folded(name: &str) -> String {
    let composed = ComposingNormalizerBorrowed::new_nfc().normalize(name);
    let small = composed.to_lowercase();
    ComposingNormalizerBorrowed::new_nfc()
        .normalize(&small)
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(names: &[&str], photo: &str) -> (Vec<String>, Vec<String>) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let found = others(&names, photo);
        (found.full, found.short)
    }

    #[test]
    fn other_spellings_of_a_sidecar_are_found() {
        for (photo, sidecar) in [
            ("upper.jpg", "upper.jpg.XMP"),
            ("case.JPG", "case.jpg.xmp"),
            ("cafe\u{301}.jpg", "caf\u{e9}.jpg.xmp"),
            ("É.jpg", "e\u{301}.JPG.xmp"),
        ] {
            let expected = (vec![sidecar.to_owned()], Vec::new());
            assert_eq!(found(&[photo, sidecar], photo), expected);
        }
        for (photo, sidecar) in [("UP.JPG", "UP.XMP"), ("UP.JPG", "up.xmp")] {
            let expected = (Vec::new(), vec![sidecar.to_owned()]);
            assert_eq!(found(&[photo, sidecar], photo), expected);
        }
    }

    #[test]
    fn the_sidecar_of_another_photo_is_not_taken() {
        let names = ["a.JPG", "a.jpg", "a.jpg.xmp"];
        assert_eq!(found(&names, "a.JPG"), (vec![], vec![]));
        let names = ["A.JPG", "a.jpg", "a.xmp"];
        assert_eq!(found(&names, "A.JPG"), (vec![], vec![]));
        let names = ["a.jpg", "b.xmp", "a.txt", "a.jpg.xmp", "a.xmp"];
        assert_eq!(found(&names, "a.jpg"), (vec![], vec![]));
    }

    #[test]
    fn a_directory_that_changed_is_read_again() {
        let dir = tempfile::TempDir::new().unwrap();
        let spellings = Spellings::default();
        assert_eq!(spellings.others(dir.path(), "a.jpg"), Others::default());
        fs::write(dir.path().join("a.jpg.XMP"), "").unwrap();
        let found = spellings.others(dir.path(), "a.jpg");
        assert_eq!(found.full, ["a.jpg.XMP"]);
    }
}

//! Puts a whole file in place of another, or where there was none, so that at any
//! moment either the old or the new one is there, and so that what somebody changed
//! since it was read is not replaced.

use super::tree::{Place, read};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, Flock, FlockArg, OFlag, openat, renameat};
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchown, linkat, unlinkat};
use std::fs::{File, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;

/// How our temporary files are named: hidden, so that no photo program shows them.
const TEMPORARY: (&str, &str) = (".altfill-", ".tmp");

/// A file as it was read, or that it was not there.
#[derive(Clone, Debug)]
pub(super) struct Before {
    pub(super) bytes: Vec<u8>,
    pub(super) metadata: Metadata,
}

/// Why a file was not put in place. Then the old one stands there.
#[derive(Debug)]
pub(super) enum Unput {
    /// Somebody changed it since it was read.
    Changed,
    /// What could not be done, and why.
    Failed(&'static str, io::Error),
}

/// Reads a file with all that tells whether it changes.
pub(super) fn before(place: &Place, name: &str, most: u64) -> io::Result<Option<Before>> {
    let Some((mut file, metadata)) = place.file(name)? else {
        return Ok(None);
    };
    let bytes = read(&mut file, most)?;
    Ok(Some(Before { bytes, metadata }))
}

/// Puts `bytes` in place of a file that was `before`, or makes it where it was not
/// there. It is on the disk when this returns. Owner and permissions stay, where
/// they may; a new file takes them from the one that it stands beside (`like`).
pub(super) fn put(
    place: &Place,
    name: &str,
    before: Option<&Before>,
    like: &Metadata,
    bytes: &[u8],
) -> Result<(), Unput> {
    let (temporary, file) = create(place).map_err(|error| Unput::Failed("written", error))?;
    let written = write(&file, bytes, before.map(|it| &it.metadata), like);
    let placed = match written {
        Err(error) => Err(Unput::Failed("written", error)),
        Ok(()) => move_there(place, &temporary, name, before),
    };
    if placed.is_err() {
        // Whatever is wrong, that is told; a rest is swept away later.
        let _ = unlinkat(
            &place.directory,
            temporary.as_str(),
            UnlinkatFlags::NoRemoveDir,
        );
    }
    placed
}

/// Takes a file away that was `before`.
pub(super) fn remove(place: &Place, name: &str, before: &Before) -> Result<(), Unput> {
    unchanged(place, name, Some(before))?;
    unlinkat(&place.directory, name, UnlinkatFlags::NoRemoveDir)
        .map_err(|error| Unput::Failed("removed", error.into()))?;
    settle(place)
}

/// Removes what a killed process left half-written in a directory. One that is
/// being written is locked.
pub(super) fn sweep(place: &Place) {
    let Ok(entries) = std::fs::read_dir(&place.path) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| is_temporary(name)) else {
            continue;
        };
        let Ok(Some((file, _))) = place.file(name) else {
            continue;
        };
        if Flock::lock(file, FlockArg::LockExclusiveNonblock).is_ok() {
            tracing::debug!(
                "{}: a rest of a killed run is removed",
                entry.path().display()
            );
            let _ = unlinkat(&place.directory, name, UnlinkatFlags::NoRemoveDir);
        }
    }
}

fn is_temporary(name: &str) -> bool {
    let (start, end) = TEMPORARY;
    let middle = name
        .strip_prefix(start)
        .and_then(|rest| rest.strip_suffix(end));
    middle.is_some_and(|middle| {
        middle.len() == 16 && middle.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

fn create(place: &Place) -> io::Result<(String, Flock<File>)> {
    let flags =
        OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let (start, end) = TEMPORARY;
    let name = format!("{start}{:016x}{end}", fastrand::u64(..));
    let file = openat(
        &place.directory,
        name.as_str(),
        flags,
        Mode::S_IRUSR | Mode::S_IWUSR,
    )?;
    match Flock::lock(File::from(file), FlockArg::LockExclusiveNonblock) {
        Ok(locked) => Ok((name, locked)),
        Err((_, errno)) => {
            let _ = unlinkat(&place.directory, name.as_str(), UnlinkatFlags::NoRemoveDir);
            Err(errno.into())
        }
    }
}

fn write(mut file: &File, bytes: &[u8], old: Option<&Metadata>, like: &Metadata) -> io::Result<()> {
    file.write_all(bytes)?;
    let model = old.unwrap_or(like);
    // Only a privileged process may give files away, and a file system without
    // owners has none: then it is ours.
    let own = file.metadata()?;
    if (own.uid(), own.gid()) != (model.uid(), model.gid()) {
        let (owner, group) = (Uid::from_raw(model.uid()), Gid::from_raw(model.gid()));
        let _ = fchown(file, Some(owner), Some(group)).or_else(|_| fchown(file, None, Some(group)));
    }
    let mode = match old {
        Some(old) => old.mode() & 0o777,
        None => (like.mode() & 0o666) | 0o600,
    };
    let _ = fchmod(file, Mode::from_bits_truncate(mode as nix::libc::mode_t));
    file.sync_all()
}

/// The last look, and the move right after it.
fn move_there(
    place: &Place,
    temporary: &str,
    name: &str,
    before: Option<&Before>,
) -> Result<(), Unput> {
    unchanged(place, name, before)?;
    let directory = &place.directory;
    let failed = |errno: Errno| Unput::Failed("put in place", errno.into());
    if before.is_none() {
        // A link fails where somebody made the file just now.
        match linkat(directory, temporary, directory, name, AtFlags::empty()) {
            Ok(()) => {
                unlinkat(directory, temporary, UnlinkatFlags::NoRemoveDir).map_err(failed)?;
                return settle(place);
            }
            Err(Errno::EEXIST) => return Err(Unput::Changed),
            // Some file systems have no links.
            Err(Errno::EPERM | Errno::ENOTSUP | Errno::ENOSYS | Errno::EMLINK) => {}
            Err(errno) => return Err(failed(errno)),
        }
    }
    renameat(directory, temporary, directory, name).map_err(failed)?;
    settle(place)
}

/// Whether a file is still what was read: the same one, of the same size and time,
/// and with the same content.
fn unchanged(place: &Place, name: &str, before: Option<&Before>) -> Result<(), Unput> {
    let most = before.map_or(0, |before| before.bytes.len() as u64);
    let Ok(now) = place.file(name) else {
        return Err(Unput::Changed);
    };
    let same = match (now, before) {
        (None, None) => true,
        (Some((mut file, metadata)), Some(before)) => {
            stamp(&metadata) == stamp(&before.metadata)
                && read(&mut file, most).is_ok_and(|bytes| bytes == before.bytes)
        }
        _ => false,
    };
    if same { Ok(()) } else { Err(Unput::Changed) }
}

/// What changes when a file does.
pub(super) fn stamp(metadata: &Metadata) -> (u64, u64, u64, i64, i64) {
    (
        metadata.dev(),
        metadata.ino(),
        metadata.size(),
        metadata.mtime(),
        metadata.mtime_nsec(),
    )
}

/// Waits until the directory is on the disk too. Some file systems can't, and need
/// not.
fn settle(place: &Place) -> Result<(), Unput> {
    match nix::unistd::fsync(&place.directory) {
        Ok(()) | Err(Errno::EINVAL | Errno::ENOTSUP | Errno::ENOSYS) => Ok(()),
        Err(errno) => Err(Unput::Failed("put on the disk", errno.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::Tree;
    use super::*;
    use crate::archive::PhotoId;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use tempfile::TempDir;

    fn place() -> (TempDir, Place, Metadata) {
        let dir = TempDir::new().unwrap();
        fs::write(dir.path().join("a.jpg"), "x").unwrap();
        let tree = Tree::open(dir.path()).unwrap();
        let (place, _, metadata) = tree.photo(&PhotoId::new("a.jpg")).unwrap();
        (dir, place, metadata)
    }

    fn names(dir: &TempDir) -> Vec<String> {
        let entries = fs::read_dir(dir.path()).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_made_changed_and_removed_and_nothing_else_is_left() {
        let (dir, place, like) = place();
        put(&place, "a.xmp", None, &like, b"one").unwrap();
        let path = dir.path().join("a.xmp");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let old = before(&place, "a.xmp", 100).unwrap().unwrap();
        put(&place, "a.xmp", Some(&old), &like, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o640);
        assert_eq!(names(&dir), ["a.jpg", "a.xmp"]);
        let old = before(&place, "a.xmp", 100).unwrap().unwrap();
        remove(&place, "a.xmp", &old).unwrap();
        assert_eq!(names(&dir), ["a.jpg"]);
    }

    #[test]
    fn what_somebody_changed_since_is_left_alone() {
        let (dir, place, like) = place();
        let path = dir.path().join("a.xmp");
        fs::write(&path, "theirs").unwrap();
        let refused = put(&place, "a.xmp", None, &like, b"ours");
        assert!(matches!(refused, Err(Unput::Changed)));
        let old = before(&place, "a.xmp", 100).unwrap().unwrap();
        fs::write(&path, "others").unwrap();
        let refused = put(&place, "a.xmp", Some(&old), &like, b"ours");
        assert!(matches!(refused, Err(Unput::Changed)));
        assert!(matches!(remove(&place, "a.xmp", &old), Err(Unput::Changed)));
        fs::remove_file(&path).unwrap();
        let refused = put(&place, "a.xmp", Some(&old), &like, b"ours");
        assert!(matches!(refused, Err(Unput::Changed)));
        assert_eq!(names(&dir), ["a.jpg"]);
    }

    #[test]
    fn no_link_is_written_through() {
        let (dir, place, like) = place();
        let outside = TempDir::new().unwrap();
        let target = outside.path().join("passwd");
        fs::write(&target, "root").unwrap();
        symlink(&target, dir.path().join("a.xmp")).unwrap();
        assert!(before(&place, "a.xmp", 100).is_err());
        let refused = put(&place, "a.xmp", None, &like, b"ours");
        assert!(matches!(refused, Err(Unput::Changed)));
        assert_eq!(fs::read(&target).unwrap(), b"root");
        assert_eq!(names(&dir), ["a.jpg", "a.xmp"]);
    }

    #[test]
    fn rests_of_killed_runs_go_and_what_is_being_written_stays() {
        let (dir, place, _) = place();
        let rest = ".altfill-0123456789abcdef.tmp";
        let others = [".altfill-x.tmp", "altfill-0123456789abcdef.tmp"];
        for name in others.into_iter().chain([rest]) {
            fs::write(dir.path().join(name), "x").unwrap();
        }
        let (busy, _lock) = create(&place).unwrap();
        sweep(&place);
        let mut left = vec!["a.jpg".to_owned(), busy];
        left.extend(others.map(str::to_owned));
        left.sort();
        assert_eq!(names(&dir), left);
    }
}

//! The picture that a local program gets: a private temporary file, removed
//! whatever happens. Dropping it removes it; what a killed altfill left behind is
//! removed by the next one.

use crate::archive::Jpeg;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::NamedTempFile;

const PREFIX: &str = "altfill-";
const SUFFIX: &str = ".jpg";

/// A younger file may be one that another altfill is just about to lock.
const AGE: Duration = Duration::from_secs(60);

/// A picture on disk, where only we can read it, until the last of its clones is
/// dropped.
#[derive(Clone, Debug)]
pub(super) struct Picture(Arc<NamedTempFile>);

impl Picture {
    /// Writes the file. It is locked for as long as it lives, which tells it from
    /// what a killed process left behind.
    ///
    /// # Errors
    ///
    /// The temporary directory can't be written to, or its disk is full.
    pub(super) async fn write(image: Jpeg) -> io::Result<Self> {
        let write = move || {
            let mut file = tempfile::Builder::new()
                .prefix(PREFIX)
                .suffix(SUFFIX)
                .tempfile()?;
            // Some file systems have no locks; the file does without.
            let _ = file.as_file().lock();
            file.write_all(&image.bytes)?;
            file.flush()?;
            Ok(Self(Arc::new(file)))
        };
        tokio::task::spawn_blocking(write)
            .await
            .unwrap_or_else(|panic| Err(io::Error::other(panic)))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }
}

/// Removes the pictures of processes that were killed. What can't be looked at
/// or removed is another user's, and stays.
pub(super) fn remove_left_behind() {
    for path in left_behind(&std::env::temp_dir()) {
        match fs::remove_file(&path) {
            Ok(()) => tracing::debug!("removed {}, left by a killed run", path.display()),
            Err(error) => tracing::debug!("{}: {error}", path.display()),
        }
    }
}

fn left_behind(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let ours = entries.filter(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with(PREFIX) && name.ends_with(SUFFIX)
    });
    let paths = ours.map(|entry| entry.path());
    paths.filter(|path| is_left_behind(path)).collect()
}

/// Whether nobody holds this file, and nobody is about to.
fn is_left_behind(path: &Path) -> bool {
    let not_elsewhere = nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(not_elsewhere)
        .open(path);
    let Ok(file) = file else { return false };
    let old = |file: &File| {
        let meta = file.metadata().ok()?;
        let age = meta.modified().ok()?.elapsed().ok()?;
        Some(meta.is_file() && age > AGE)
    };
    old(&file) == Some(true) && file.try_lock().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    fn old(path: &Path) -> File {
        let file = File::create(path).unwrap();
        file.set_modified(SystemTime::now() - 2 * AGE).unwrap();
        file
    }

    #[test]
    fn only_old_pictures_that_nobody_holds_are_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        drop(old(&path("altfill-gone.jpg")));
        drop(old(&path("altfill-notes.txt")));
        drop(old(&path("holiday.jpg")));
        drop(File::create(path("altfill-new.jpg")).unwrap());
        let held = old(&path("altfill-held.jpg"));
        held.lock().unwrap();
        std::os::unix::fs::symlink(path("holiday.jpg"), path("altfill-link.jpg")).unwrap();
        fs::create_dir(path("altfill-dir.jpg")).unwrap();
        assert_eq!(left_behind(folder.path()), [path("altfill-gone.jpg")]);
        drop(held);
        assert_eq!(left_behind(folder.path()).len(), 2);
        assert!(left_behind(&path("nowhere")).is_empty());
    }
}

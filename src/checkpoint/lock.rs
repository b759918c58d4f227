//! One run at a time: an operating-system lock on a file beside the database.

use super::CheckpointError;
use super::open::private_folder;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

/// Held by a command that writes; released when dropped, and by the operating
/// system when the process dies, however it dies.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "kept open, because closing it unlocks")] File);

impl Lock {
    /// Takes the lock for this state file, or says that another run has it.
    pub fn take(state: &Path) -> Result<Self, CheckpointError> {
        let path = lock_path(state);
        let failed = |source| CheckpointError::File {
            what: "lock",
            path: state.to_owned(),
            source,
        };
        if let Some(folder) = state.parent() {
            private_folder(folder).map_err(failed)?;
        }
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(CheckpointError::Locked(state.to_owned())),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}

/// Whether another process holds the lock of this state file at the moment.
/// Where it is free, it is free again at once, and nothing is made.
pub(super) fn is_held(state: &Path) -> bool {
    let Ok(file) = File::open(lock_path(state)) else {
        return false;
    };
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

/// Beside the file itself, whatever links lead to it: by each of them it is the
/// same state.
fn lock_path(state: &Path) -> PathBuf {
    let real = std::fs::canonicalize(state);
    let mut name = real.unwrap_or_else(|_| state.to_owned()).into_os_string();
    name.push(".lock");
    name.into()
}

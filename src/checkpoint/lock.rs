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

fn lock_path(state: &Path) -> PathBuf {
    let mut name = state.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

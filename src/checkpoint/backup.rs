//! Copies of the state file: consistent even while a run writes to it.

use super::CheckpointError;
use super::open::{check_format, sql};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a writer may keep us from beginning.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The state file can't be read.
    #[error(transparent)]
    State(#[from] CheckpointError),
    /// There is nothing to back up.
    #[error("there is no state file {} yet", .0.display())]
    Nothing(PathBuf),
    /// A file of that name is there; it may be the only good backup.
    #[error("{} exists already", .0.display())]
    Exists(PathBuf),
    /// The file can't be written.
    #[error("the backup can't be written to {}: {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// What was written is not what was read.
    #[error("the backup {} is damaged ({why}) and was not kept", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        why: String,
    },
}

impl BackupError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::State(error) => error.hint(),
            Self::Nothing(_) => "a first run makes it; check --state and --config",
            Self::Exists(_) => "name another file; a date in its name keeps them apart",
            Self::File { .. } => "check that the directory exists, its permissions and free space",
            Self::Damaged { .. } => "check the disk of the state file and of the backup",
        }
    }
}

/// Copies a state file, as it is at one moment, to a new file that only its
/// owner may read: replies and texts are private. The file appears whole or not
/// at all. Returns its size in bytes.
///
/// It takes no lock and keeps nobody from writing.
pub fn backup(state: &Path, target: &Path) -> Result<u64, BackupError> {
    if !state.exists() {
        return Err(BackupError::Nothing(state.to_owned()));
    }
    if target.symlink_metadata().is_ok() {
        return Err(BackupError::Exists(target.to_owned()));
    }
    let failed = |source| BackupError::File {
        path: target.to_owned(),
        source,
    };
    let folder = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    // Such files are made readable for their owner only.
    let file = tempfile::Builder::new()
        .prefix(".altfill-backup-")
        .tempfile_in(folder)
        .map_err(failed)?;
    copy(state, file.path(), target)?;
    file.as_file().sync_all().map_err(failed)?;
    let size = file.as_file().metadata().map_err(failed)?.len();
    file.persist_noclobber(target)
        .map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => BackupError::Exists(target.to_owned()),
            _ => failed(error.error),
        })?;
    // The new name is on the disk too; not every file system can say so.
    if let Ok(folder) = std::fs::File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(size)
}

fn copy(state: &Path, file: &Path, target: &Path) -> Result<(), BackupError> {
    let original = read_only(state)?;
    check_format(&original, state)?;
    let in_target = |source: rusqlite::Error| BackupError::File {
        path: target.to_owned(),
        source: io::Error::other(source),
    };
    let mut copy = Connection::open(file).map_err(in_target)?;
    snapshot(&original, &mut copy, state)?;
    // One file without companions, that can be moved as it is.
    copy.execute_batch("PRAGMA journal_mode = DELETE;")
        .map_err(in_target)?;
    let check: String = copy
        .query_row("PRAGMA quick_check", [], |row| row.get(0))
        .map_err(in_target)?;
    if check == "ok" {
        return Ok(());
    }
    Err(BackupError::Damaged {
        path: target.to_owned(),
        why: check,
    })
}

/// Opens a state file for reading only. What a killed run left half done in it has
/// to be rolled back before it can be read, which needs the right to write.
pub(super) fn read_only(state: &Path) -> Result<Connection, CheckpointError> {
    let open = |access| {
        let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(state, flags)?;
        connection.busy_timeout(PATIENCE)?;
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        Ok(connection)
    };
    open(OpenFlags::SQLITE_OPEN_READ_ONLY)
        .or_else(|error: rusqlite::Error| match error.sqlite_error_code() {
            Some(ErrorCode::ReadOnly) => open(OpenFlags::SQLITE_OPEN_READ_WRITE),
            _ => Err(error),
        })
        .map_err(|source| sql(state, source))
}

/// Copies all pages in one step, which reads them in one transaction: a copy in
/// several steps begins anew whenever a run commits between two of them, and
/// beside a busy run would never end.
pub(super) fn snapshot(
    original: &Connection,
    copy: &mut Connection,
    state: &Path,
) -> Result<(), CheckpointError> {
    let failed = |source| sql(state, source);
    let backup = Backup::new(original, copy).map_err(failed)?;
    let started = std::time::Instant::now();
    loop {
        match backup.step(-1).map_err(failed)? {
            StepResult::Done => return Ok(()),
            _ if started.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(50)),
            _ => {
                return Err(CheckpointError::File {
                    what: "read",
                    path: state.to_owned(),
                    source: io::Error::new(io::ErrorKind::TimedOut, "it is kept locked"),
                });
            }
        }
    }
}

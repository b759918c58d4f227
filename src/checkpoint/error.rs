//! What can be wrong with a state file.

use rusqlite::ErrorCode;
use std::path::PathBuf;

/// Why the state file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// Another run holds it.
    #[error("another run is using the state file {}", .0.display())]
    Locked(PathBuf),
    /// It is not a database, or not one of ours.
    #[error("{} is not an altfill state file", .0.display())]
    Foreign(PathBuf),
    /// A newer altfill wrote it.
    #[error("{} was written by a newer altfill (format {found}, this one knows {known})", .path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The newest format that this program knows.
        known: i64,
    },
    /// It belongs to another site.
    #[error("{} holds the record of the site \"{found}\", not of \"{wanted}\"", .path.display())]
    OtherSite {
        /// The file.
        path: PathBuf,
        /// The site it belongs to.
        found: String,
        /// The configured site.
        wanted: String,
    },
    /// It can't be opened, created or written.
    #[error("could not {what} the state file {}: {source}", .path.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// SQLite refused something.
    #[error("the state file {} failed: {source}", .path.display())]
    Sql {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// A commit failed, and with it every verb of its group.
    #[error("the state file {} could not be written: {why}", .path.display())]
    Commit {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        why: String,
    },
    /// The writer thread is gone.
    #[error("the state file is closed")]
    Closed,
}

impl CheckpointError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Locked(_) => {
                "wait for that run to end, or stop it; `altfill status` does not need the lock"
            }
            Self::Foreign(_) => {
                "set `state` in pipeline.toml to another path; nothing was changed in this file"
            }
            Self::Newer { .. } => "use the newer altfill, or set `state` to another path",
            Self::OtherSite { .. } => {
                "give every site its own `state` path, or set `site.name` to the name in the file if the site only moved"
            }
            Self::File { .. } => "check the path, its permissions and the free space of the disk",
            Self::Sql { source, .. } if source.sqlite_error_code() == Some(ErrorCode::ReadOnly) => {
                "run altfill as the user whose file it is: even reading it needs the right to write in its folder"
            }
            Self::Sql { .. } | Self::Commit { .. } => {
                "check the free space and the permissions of its folder; what was recorded before is kept, and the next run goes on from there"
            }
            Self::Closed => "run altfill again; what was recorded is kept",
        }
    }
}

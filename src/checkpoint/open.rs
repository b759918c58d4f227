//! Opening a state file: what it must be, and for whom.

use super::backup::{read_only, snapshot};
use super::schema::{self, APPLICATION_ID, KNOWN};
use super::{Checkpoint, CheckpointError};
use crate::archive::SiteName;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::fs::OpenOptions;
use std::path::Path;
use std::time::Duration;

/// Opens the state file of a site, and creates it where there is none. Whoever
/// writes holds a [`super::Lock`] first.
pub fn open(path: &Path, site: &SiteName) -> Result<Checkpoint, CheckpointError> {
    create(path)?;
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .map_err(|source| sql(path, source))?;
    start(connection, path, site, Durable::Yes)
}

/// Opens a copy of the state file that vanishes with the process: for commands
/// that look and record nothing. The copy is consistent even while a run is on.
/// Where there is no state file yet, the copy is empty.
pub fn open_scratch_copy(path: &Path, site: &SiteName) -> Result<Checkpoint, CheckpointError> {
    // An empty name is SQLite's own temporary file, removed when closed.
    let mut scratch = Connection::open("").map_err(|source| sql(path, source))?;
    let there = path.try_exists().map_err(|source| CheckpointError::File {
        what: "look at",
        path: path.to_owned(),
        source,
    })?;
    if there {
        let original = read_only(path)?;
        check_format(&original, path)?;
        snapshot(&original, &mut scratch, path)?;
    }
    start(scratch, path, site, Durable::No)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Durable {
    Yes,
    No,
}

fn start(
    connection: Connection,
    path: &Path,
    site: &SiteName,
    durable: Durable,
) -> Result<Checkpoint, CheckpointError> {
    let found = check_format(&connection, path)?;
    let prepare = || {
        connection.busy_timeout(Duration::from_secs(10))?;
        if durable == Durable::Yes {
            // FULL: a commit is on the disk before its verb returns. In WAL mode
            // NORMAL would lose acknowledged commits in a power loss.
            connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")?;
        } else {
            connection.execute_batch("PRAGMA synchronous = OFF;")?;
        }
        connection.execute_batch("PRAGMA foreign_keys = ON;")?;
        connection.set_prepared_statement_cache_capacity(64);
        schema::migrate(&connection, found)
    };
    prepare().map_err(|source| sql(path, source))?;
    claim(&connection, path, site)?;
    Ok(Checkpoint::start(connection, path.to_owned(), site.clone()))
}

/// A state file belongs to one site, so that undo, adopt and the report never
/// mix two archives that happen to have photos of the same name. One without a
/// photo belongs to whoever comes: the address may have been mistyped before.
fn claim(connection: &Connection, path: &Path, site: &SiteName) -> Result<(), CheckpointError> {
    other_site(connection, path, site)?;
    let name = [site.as_str()];
    connection
        .execute("DELETE FROM sites WHERE name <> ?1", name)
        .and_then(|_| connection.execute("INSERT OR IGNORE INTO sites (name) VALUES (?1)", name))
        .map(drop)
        .map_err(|source| sql(path, source))
}

/// Refuses a state file that belongs to another site.
pub(super) fn other_site(
    connection: &Connection,
    path: &Path,
    site: &SiteName,
) -> Result<(), CheckpointError> {
    let other = connection
        .query_row(
            "SELECT name FROM sites WHERE name <> ?1 AND EXISTS (SELECT 1 FROM photos)",
            [site.as_str()],
            |row| row.get(0),
        )
        .map(Some)
        .or_else(|error| match error {
            rusqlite::Error::QueryReturnedNoRows => Ok(None),
            other => Err(other),
        })
        .map_err(|source| sql(path, source))?;
    if let Some(found) = other {
        let (path, wanted) = (path.to_owned(), site.to_string());
        return Err(CheckpointError::OtherSite {
            path,
            found,
            wanted,
        });
    }
    Ok(())
}

/// The file's format number, 0 for an empty file.
pub(super) fn check_format(connection: &Connection, path: &Path) -> Result<i64, CheckpointError> {
    let number = |pragma: &str| {
        connection
            .query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, i64>(0))
            .map_err(|source| sql(path, source))
    };
    let tables = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| {
            row.get::<_, i64>(0)
        })
        .map_err(|source| sql(path, source))?;
    let (application, found) = (number("application_id")?, number("user_version")?);
    if tables == 0 && application == 0 && found == 0 {
        return Ok(0);
    }
    if application != APPLICATION_ID {
        return Err(CheckpointError::Foreign(path.to_owned()));
    }
    if found > KNOWN {
        return Err(CheckpointError::Newer {
            path: path.to_owned(),
            found,
            known: KNOWN,
        });
    }
    Ok(found)
}

/// Creates the file readable for its owner only: replies and texts are private.
fn create(path: &Path) -> Result<(), CheckpointError> {
    let failed = |what, source| CheckpointError::File {
        what,
        path: path.to_owned(),
        source,
    };
    if let Some(folder) = path.parent() {
        private_folder(folder).map_err(|source| failed("create the folder of", source))?;
    }
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
        .open(path)
        .map(drop)
        .map_err(|source| failed("open", source))
}

/// Makes a folder, with those above it, that nobody else can look into. One that
/// is there keeps its permissions.
pub(super) fn private_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

pub(super) fn sql(path: &Path, source: rusqlite::Error) -> CheckpointError {
    match source.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => CheckpointError::Foreign(path.to_owned()),
        _ => CheckpointError::Sql {
            path: path.to_owned(),
            source,
        },
    }
}

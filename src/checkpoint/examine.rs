//! A look at a state file that changes nothing: is it there, whole, and free?

use super::CheckpointError;
use super::backup::read_only;
use super::lock::is_held;
use super::open::{check_format, other_site, sql};
use super::schema::KNOWN;
use crate::archive::SiteName;
use nix::sys::statvfs::statvfs;
use nix::unistd::{AccessFlags, access};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What a look at a state file shows.
#[derive(Debug)]
pub struct Examined {
    /// The file itself; `None` where there is none yet.
    pub file: Option<Result<Found, CheckpointError>>,
    /// The folder that it is or will be in, or the nearest one above that is
    /// there.
    pub folder: PathBuf,
    /// Whether files can be made in that folder.
    pub folder_writable: bool,
    /// Whether another altfill holds it at the moment.
    pub held: bool,
    /// Bytes that are free on its disk, where that can be told.
    pub free: Option<u64>,
}

/// A state file that can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its size in bytes, what is not yet merged into it included.
    pub bytes: u64,
    /// Its format, where the next run will bring it up to date first.
    pub older_format: Option<i64>,
    /// Photos that it knows.
    pub photos: u64,
    /// What SQLite says is damaged.
    pub damage: Option<String>,
    /// Whether others than its owner may read or write it.
    pub open_to_others: bool,
    /// Whether it may be written.
    pub writable: bool,
}

/// Looks at the state file of a site. It takes no lock and makes nothing.
pub fn examine(path: &Path, site: Option<&SiteName>) -> Examined {
    let folder = nearest(path.parent().unwrap_or(Path::new("")));
    let writable = AccessFlags::W_OK | AccessFlags::X_OK;
    let free = statvfs(&folder).ok().map(|disk| {
        let blocks: u64 = disk.blocks_available();
        blocks.saturating_mul(disk.fragment_size())
    });
    Examined {
        file: path.exists().then(|| found(path, site)),
        folder_writable: access(&folder, writable).is_ok(),
        held: is_held(path),
        free,
        folder,
    }
}

/// The folder itself, or the nearest one above it that is there.
fn nearest(folder: &Path) -> PathBuf {
    let there = folder.ancestors().find(|folder| folder.is_dir());
    match there {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn found(path: &Path, site: Option<&SiteName>) -> Result<Found, CheckpointError> {
    let failed = |source| CheckpointError::File {
        what: "look at",
        path: path.to_owned(),
        source,
    };
    let about = std::fs::metadata(path).map_err(failed)?;
    let connection = read_only(path)?;
    let format = check_format(&connection, path)?;
    let asked = |source| sql(path, source);
    if let (Some(site), true) = (site, format > 0) {
        other_site(&connection, path, site)?;
    }
    let check: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(asked)?;
    let photos = if format > 0 {
        let count = connection.query_row("SELECT count(*) FROM photos", [], |row| row.get(0));
        count.map_err(asked)?
    } else {
        0_i64
    };
    Ok(Found {
        bytes: about.len(),
        older_format: (format < KNOWN).then_some(format),
        photos: photos.unsigned_abs(),
        damage: (check != "ok").then_some(check),
        open_to_others: about.permissions().mode() & 0o077 != 0,
        writable: access(path, AccessFlags::W_OK).is_ok(),
    })
}

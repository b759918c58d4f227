//! A file that is replaced as a whole: whoever reads it sees the old one or the
//! new one.

use super::exit::Usage;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Where the new file goes, and who may read it.
#[derive(Debug)]
pub(super) struct Replaced {
    path: PathBuf,
    /// How the new file's name begins until it takes the old one's place.
    prefix: &'static str,
    mode: u32,
    /// Whether the umask has no say in the mode.
    for_others: bool,
}

impl Replaced {
    /// A file that is what the umask allows: as any file that a person makes, but
    /// nobody else writes to it.
    pub(super) fn by_umask(path: &Path, prefix: &'static str) -> Self {
        Self {
            path: path.to_owned(),
            prefix,
            mode: 0o644,
            for_others: false,
        }
    }

    /// A file that other users read, whatever the umask.
    pub(super) fn for_others(path: &Path, prefix: &'static str) -> Self {
        Self {
            for_others: true,
            ..Self::by_umask(path, prefix)
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The folder it is in.
    pub(super) fn folder(&self) -> &Path {
        match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        }
    }

    /// Refuses what a new file can't or must not take the place of: a directory, a
    /// device, a pipe. `what` is the file, in words.
    pub(super) fn refuse_odd(&self, what: &str) -> Result<(), Usage> {
        let shown = self.path.display();
        let hint = "name a file, which a new one may replace";
        match fs::metadata(&self.path) {
            Ok(found) if found.is_dir() => {
                let message = format!("{what} {shown} is a directory");
                Err(Usage::new(message, "name a file in it"))
            }
            Ok(found) if !found.is_file() => {
                let message = format!("{what} {shown} is no regular file");
                Err(Usage::new(message, hint))
            }
            _ => Ok(()),
        }
    }

    /// Tries whether a file can be made beside it, which vanishes again.
    pub(super) fn rehearse(&self) -> io::Result<()> {
        self.beside().map(drop)
    }

    /// Replaces the file.
    pub(super) fn write(&self, content: &[u8]) -> io::Result<()> {
        let mut file = self.beside()?;
        file.write_all(content)?;
        file.persist(&self.path).map_err(|error| error.error)?;
        Ok(())
    }

    fn beside(&self) -> io::Result<tempfile::NamedTempFile> {
        let permissions = fs::Permissions::from_mode(self.mode);
        let file = tempfile::Builder::new()
            .prefix(self.prefix)
            .permissions(permissions.clone())
            .tempfile_in(self.folder())?;
        if self.for_others {
            file.as_file().set_permissions(permissions)?;
        }
        Ok(file)
    }
}

//! The tree of photos, and the only way into it: directory by directory from its
//! top, so that no link and no id leads out, whoever changes the tree meanwhile.

use super::super::SiteError;
use super::super::walk;
use super::trouble;
use crate::archive::PhotoId;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::Mode;
use nix::unistd::{AccessFlags, faccessat};
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What can be opened in a path, and a path's length at most.
const LONGEST_ID: usize = 4096;

/// A directory whose photos are the archive. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    top: Arc<OwnedFd>,
    /// Without links, for the walk and for messages.
    pub(super) path: PathBuf,
}

/// Where a photo lies.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) directory: OwnedFd,
    /// The directory's path, for messages and for the walk.
    pub(super) path: PathBuf,
    /// The photo's file name.
    pub(super) name: String,
}

impl Tree {
    pub(super) fn open(dir: &Path) -> Result<Self, SiteError> {
        let settings = |error: io::Error| {
            let why = trouble::words(&error);
            SiteError::Settings(format!("site.dir {}: {why}", dir.display()))
        };
        let path = dir.canonicalize().map_err(settings)?;
        let top = directory(nix::fcntl::AT_FDCWD, path.as_os_str()).map_err(settings)?;
        let top = Arc::new(top);
        Ok(Self { top, path })
    }

    /// Whether the directory can still be looked into.
    pub(super) fn is_there(&self) -> bool {
        let path = Path::new(".");
        faccessat(&self.top, path, AccessFlags::R_OK, AtFlags::empty()).is_ok()
            && std::fs::read_dir(&self.path).is_ok()
    }

    /// Whether the whole file system is mounted for reading only.
    pub(super) fn is_read_only(&self) -> bool {
        let path = Path::new(".");
        let may = faccessat(&self.top, path, AccessFlags::W_OK, AtFlags::empty());
        may == Err(Errno::EROFS)
    }

    /// Of the directory itself.
    pub(super) fn metadata(&self) -> io::Result<Metadata> {
        File::from(self.top.try_clone()?).metadata()
    }

    /// Sorts an error by whom it concerns.
    pub(super) fn trouble(&self, path: &Path, doing: &str, error: &io::Error) -> SiteError {
        trouble::sort(self, path, doing, error)
    }

    /// The directory of a photo, opened.
    pub(super) fn place(&self, id: &PhotoId) -> Result<Place, SiteError> {
        let parts = split(id.as_str()).map_err(|why| {
            SiteError::Photo(format!("\"{}\": {why}", id.as_str().escape_debug()))
        })?;
        let (name, above) = parts.split_last().expect("there is at least one part");
        let mut path = self.path.clone();
        let mut at: Option<OwnedFd> = None;
        for part in above {
            path.push(part);
            let from = at.as_ref().map_or(self.top.as_fd(), AsFd::as_fd);
            let next = directory(from, std::ffi::OsStr::new(part));
            at = Some(
                next.map_err(|error| match error.raw_os_error().map(Errno::from_raw) {
                    Some(Errno::ENOENT) => {
                        SiteError::Missing(format!("{id}: there is no {}", path.display()))
                    }
                    Some(Errno::ELOOP | Errno::ENOTDIR) => SiteError::Photo(format!(
                        "{id}: {} is a link or no directory, and links are not followed",
                        path.display()
                    )),
                    _ => self.trouble(&path, "opened", &error),
                })?,
            );
        }
        let directory = match at {
            Some(directory) => directory,
            None => self
                .top
                .try_clone()
                .map_err(|error| self.trouble(&path, "opened", &error))?,
        };
        Ok(Place {
            directory,
            path,
            name: (*name).to_owned(),
        })
    }

    /// Opens a photo's own file.
    pub(super) fn photo(&self, id: &PhotoId) -> Result<(Place, File, Metadata), SiteError> {
        let place = self.place(id)?;
        let path = place.path.join(&place.name);
        match place.file(&place.name) {
            Ok(Some((file, metadata))) => Ok((place, file, metadata)),
            Ok(None) => Err(SiteError::Missing(format!(
                "{id}: there is no {}",
                path.display()
            ))),
            Err(error) => Err(self.trouble(&path, "read", &error)),
        }
    }
}

impl Place {
    /// Opens a file beside the photo, if it is there: never through a link, and
    /// nothing but an ordinary file.
    pub(super) fn file(&self, name: &str) -> io::Result<Option<(File, Metadata)>> {
        // A pipe would otherwise make us wait for a writer.
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let file = match openat(&self.directory, name, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::ENOENT) => return Ok(None),
            Err(Errno::ELOOP | Errno::EMLINK) => {
                return Err(io::Error::other("it is a link, and links are not followed"));
            }
            Err(error) => return Err(error.into()),
        };
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::other("it is no ordinary file"));
        }
        Ok(Some((file, metadata)))
    }

    /// Whether there is something of this name, whatever it is.
    pub(super) fn has(&self, name: &str) -> bool {
        let found = nix::sys::stat::fstatat(&self.directory, name, AtFlags::AT_SYMLINK_NOFOLLOW);
        found.is_ok()
    }

    /// Whether this process may do so much with a file, by the permissions.
    pub(super) fn may(&self, name: &str, what: AccessFlags) -> Result<(), io::Error> {
        Ok(faccessat(&self.directory, name, what, AtFlags::AT_EACCESS)?)
    }
}

/// All of a file, if it is not larger than that.
pub(super) fn read(file: &mut File, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::other(format!("it is larger than {most} bytes")));
    }
    Ok(bytes)
}

fn directory(from: impl AsFd, name: &std::ffi::OsStr) -> io::Result<OwnedFd> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    Ok(openat(from, name, flags, Mode::empty())?)
}

/// The parts of an id: a path inside the tree, to something that a listing shows.
fn split(id: &str) -> Result<Vec<&str>, String> {
    if id.len() > LONGEST_ID {
        return Err(format!("it is longer than {LONGEST_ID} bytes"));
    }
    sound(id)?;
    let parts: Vec<&str> = id.split('/').collect();
    if parts.iter().any(|part| part.is_empty()) {
        return Err("it is no path inside the folder".to_owned());
    }
    if parts.iter().any(|part| part.starts_with('.')) {
        return Err("it leads to something hidden, or out of the folder".to_owned());
    }
    if !is_photo(Path::new(id)) {
        return Err("its extension is none of a photo that can be read".to_owned());
    }
    Ok(parts)
}

/// Whether a path can be an id: control characters would break lines.
pub(super) fn sound(id: &str) -> Result<(), String> {
    let breaks = |c: char| c.is_control() || c == '\u{2028}' || c == '\u{2029}';
    if id.chars().any(breaks) {
        return Err("its name contains control characters; rename it".to_owned());
    }
    Ok(())
}

/// Whether a file is a photo that can be decoded, by its extension.
pub(super) fn is_photo(path: &Path) -> bool {
    let also = |extension: &std::ffi::OsStr| {
        ["jpe", "jfif"]
            .iter()
            .any(|it| extension.eq_ignore_ascii_case(it))
    };
    let unread = |at: usize| matches!(walk::EXTENSIONS[at], "heic" | "avif");
    walk::preference(path).is_some_and(|at| !unread(at)) || path.extension().is_some_and(also)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;
    use tempfile::TempDir;

    #[test]
    fn no_id_leads_out_of_the_tree() {
        let outside = TempDir::new().unwrap();
        fs::write(outside.path().join("1.jpg"), "secret").unwrap();
        let dir = TempDir::new().unwrap();
        fs::create_dir(dir.path().join("a")).unwrap();
        fs::write(dir.path().join("a/1.jpg"), "x").unwrap();
        fs::write(dir.path().join("a/.2.jpg"), "x").unwrap();
        symlink(outside.path(), dir.path().join("out")).unwrap();
        symlink(outside.path().join("1.jpg"), dir.path().join("a/2.jpg")).unwrap();
        symlink("..", dir.path().join("a/loop")).unwrap();
        fs::create_dir(dir.path().join("a/3.jpg")).unwrap();
        nix::unistd::mkfifo(&dir.path().join("a/4.jpg"), Mode::S_IRWXU).unwrap();
        let tree = Tree::open(dir.path()).unwrap();
        assert!(tree.photo(&PhotoId::new("a/1.jpg")).is_ok());
        for id in [
            "../1.jpg",
            "/etc/1.jpg",
            "a/../a/1.jpg",
            "./a/1.jpg",
            "a//1.jpg",
            "a/.2.jpg",
            "out/1.jpg",
            "a/2.jpg",
            "a/loop/a/1.jpg",
            "a/3.jpg",
            "a/4.jpg",
            "a",
            "",
            "a/1.jpg/b.jpg",
            "a/1.jpg\n",
            "a/passwd",
        ] {
            let found = tree.photo(&PhotoId::new(id));
            assert!(matches!(found, Err(SiteError::Photo(_))), "{id}: {found:?}");
        }
        let gone = tree.photo(&PhotoId::new("b/1.jpg"));
        assert!(matches!(gone, Err(SiteError::Missing(_))), "{gone:?}");
    }

    #[test]
    fn a_photo_is_told_by_its_extension() {
        for name in [
            "a.jpg",
            "a.JPG",
            "a.jpe",
            "a.jfif",
            "b c.Png",
            "x.tif",
            "50%#.webp",
        ] {
            assert!(is_photo(Path::new(name)), "{name}");
        }
        for name in [
            "a.heic",
            "a.avif",
            "a.xmp",
            "a",
            "jpg",
            "a.jpg.xmp",
            "a.cr2",
        ] {
            assert!(!is_photo(Path::new(name)), "{name}");
        }
    }
}

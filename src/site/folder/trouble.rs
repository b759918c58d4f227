//! What an error of the file system means: for one photo, for all, for now.

use super::super::SiteError;
use super::tree::Tree;
use nix::errno::Errno;
use std::io;
use std::path::Path;

/// Who is concerned by an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Concerns {
    /// This photo, and perhaps its neighbours.
    Photo,
    /// Every photo, until somebody makes room or the disk is back.
    AllForNow,
    /// Every photo if the folder itself is out of reach, else this one.
    AllIfGone,
    /// Every photo if nothing can be written to the folder itself, else this one.
    AllIfReadOnly,
}

/// Sorts an error that came of `doing` something to a file.
pub(super) fn sort(tree: &Tree, path: &Path, doing: &str, error: &io::Error) -> SiteError {
    let text = format!("{}: can't be {doing}: {}", path.display(), words(error));
    match concerns(error) {
        Concerns::AllForNow => SiteError::Outage(text),
        Concerns::AllIfGone if !tree.is_there() => SiteError::Outage(text),
        Concerns::AllIfReadOnly if tree.is_read_only() => SiteError::Settings(text),
        Concerns::Photo | Concerns::AllIfGone | Concerns::AllIfReadOnly => SiteError::Photo(text),
    }
}

fn concerns(error: &io::Error) -> Concerns {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOSPC | Errno::EDQUOT | Errno::ENFILE | Errno::EMFILE | Errno::ENOMEM) => {
            Concerns::AllForNow
        }
        Some(Errno::EROFS) => Concerns::AllIfReadOnly,
        Some(
            Errno::EIO
            | Errno::ENODEV
            | Errno::ENXIO
            | Errno::ESTALE
            | Errno::ENOTCONN
            | Errno::EHOSTDOWN
            | Errno::ETIMEDOUT,
        ) => Concerns::AllIfGone,
        _ => Concerns::Photo,
    }
}

/// An error without its number.
pub(super) fn words(error: &io::Error) -> String {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(errno) => errno.desc().to_lowercase(),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    #[test]
    fn a_full_disk_concerns_all_and_a_closed_directory_its_photos() {
        let dir = TempDir::new().unwrap();
        let tree = Tree::open(dir.path()).unwrap();
        let sorted = |errno: Errno| {
            let error = io::Error::from(errno);
            sort(&tree, Path::new("a/b.xmp"), "written", &error)
        };
        for errno in [Errno::ENOSPC, Errno::EDQUOT] {
            assert!(matches!(sorted(errno), SiteError::Outage(_)), "{errno}");
        }
        for errno in [Errno::EACCES, Errno::EPERM, Errno::EIO, Errno::EROFS] {
            let sorted = sorted(errno);
            assert!(matches!(&sorted, SiteError::Photo(text) if text.contains("a/b.xmp")));
        }
    }
}

//! The walk through a directory of image files: hidden files and directories are
//! passed over, links are never followed, so that nothing outside is met and no
//! loop is run around.

use crate::archive::PixelVersion;
use std::fs::Metadata;
use std::path::Path;
use std::time::UNIX_EPOCH;
use walkdir::{DirEntry, WalkDir};

/// File name extensions of images, the preferred one first.
pub(super) const EXTENSIONS: [&str; 10] = [
    "jpg", "jpeg", "png", "gif", "webp", "tif", "tiff", "bmp", "heic", "avif",
];

/// Everything below a directory that `enters` lets in, at most so many levels
/// down, in the order of names. The directory itself is not among it.
pub(super) fn entries(
    root: &Path,
    levels: usize,
    mut enters: impl FnMut(&DirEntry) -> bool,
) -> impl Iterator<Item = walkdir::Result<DirEntry>> {
    WalkDir::new(root)
        .max_depth(levels)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(move |entry| entry.depth() == 0 || (!is_hidden(entry) && enters(entry)))
        .filter(|entry| entry.as_ref().map_or(true, |entry| entry.depth() > 0))
}

fn is_hidden(entry: &DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(b".")
}

/// The place of a file's extension in the list of known ones.
pub(super) fn preference(path: &Path) -> Option<usize> {
    let extension = path.extension()?;
    EXTENSIONS
        .iter()
        .position(|known| extension.eq_ignore_ascii_case(known))
}

/// An image file's version by its size and the time of its last change.
pub(super) fn version(metadata: &Metadata) -> PixelVersion {
    let modified = metadata.modified().map_or(0, |time| {
        time.duration_since(UNIX_EPOCH).map_or_else(
            |before| -(before.duration().as_nanos() as i128),
            |after| after.as_nanos() as i128,
        )
    });
    PixelVersion::new(format!("file:{}-{modified}", metadata.len()))
}

//! How sidecars are named after photos, and which other files one may belong to.

use super::replace::stamp;
use super::tree::Place;
use std::path::Path;

/// Extensions of files that share a sidecar of the form `photo.xmp` with a photo of
/// the same name: other photos, the raw file it was made from, a film.
const SHARING: [&str; 44] = [
    "jpg", "jpeg", "jpe", "jfif", "png", "gif", "webp", "tif", "tiff", "bmp", "heic", "heif",
    "hif", "avif", "jxl", "psd", "3fr", "arw", "cr2", "cr3", "crw", "dng", "erf", "iiq", "kdc",
    "mef", "mos", "mrw", "nef", "nrw", "orf", "pef", "raf", "raw", "rw2", "rwl", "sr2", "srf",
    "srw", "x3f", "mov", "mp4", "avi", "mts",
];

/// `photo.jpg.xmp`.
pub(super) fn full_name(photo: &str) -> String {
    format!("{photo}.xmp")
}

/// `photo.xmp`.
pub(super) fn short_name(photo: &str) -> String {
    let stem = Path::new(photo).file_stem().and_then(|stem| stem.to_str());
    format!("{}.xmp", stem.unwrap_or(photo))
}

/// Whether a file shares a sidecar `stem.xmp`.
pub(super) fn is_sharing(name: &str, stem: &str) -> bool {
    let rest = name.strip_prefix(stem).and_then(|it| it.strip_prefix('.'));
    rest.is_some_and(|extension| {
        SHARING
            .iter()
            .any(|known| extension.eq_ignore_ascii_case(known))
    })
}

/// Another file that a sidecar `photo.xmp` may belong to.
pub(super) fn sharing(place: &Place) -> Option<String> {
    let (stem, own) = place.name.rsplit_once('.')?;
    let spellings = SHARING.iter().flat_map(|extension| {
        let mut capital = extension[..1].to_uppercase();
        capital.push_str(&extension[1..]);
        [(*extension).to_owned(), extension.to_uppercase(), capital]
    });
    let others = spellings.filter(|extension| extension != own);
    let mut names = others.map(|extension| format!("{stem}.{extension}"));
    names.find(|name| place.has(name) && !same_file(place, name, &place.name))
}

/// On a file system that tells no capitals, one file answers to several names.
pub(super) fn same_file(place: &Place, one: &str, other: &str) -> bool {
    let known = |name: &str| {
        let file = place.file(name).ok().flatten();
        file.map(|(_, metadata)| stamp(&metadata))
    };
    known(one).is_some_and(|stamp| known(other) == Some(stamp))
}

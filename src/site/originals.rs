//! Originals of a site behind HTTP in a folder, `{dir}/{album}/{name}.jpg`: finding
//! one, its version, and the walk that lists them all. Nothing outside the folder is
//! ever opened. A folder that is a site of its own is in [`super::folder`].

use super::SiteError;
use super::address::{IdParts, IdShape};
use super::walk::{self, EXTENSIONS, preference, version};
use crate::archive::{PhotoId, PixelVersion, Pixels};
use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::{Component, Path, PathBuf};
use walkdir::DirEntry;

/// A folder of originals.
#[derive(Clone, Debug)]
pub(super) struct Originals {
    /// As the settings name it, for messages.
    named: PathBuf,
    /// Without links and dots.
    root: PathBuf,
    max_bytes: u64,
}

impl Originals {
    pub(super) fn open(dir: &Path, max_bytes: u64) -> Result<Self, SiteError> {
        let settings = |why: String| {
            SiteError::Settings(format!(
                "the folder of originals {} {why}; check site.pixels",
                dir.display()
            ))
        };
        let root = dir
            .canonicalize()
            .map_err(|error| settings(format!("can't be opened: {error}")))?;
        if !root.is_dir() {
            return Err(settings("is no folder".to_owned()));
        }
        Ok(Self {
            named: dir.to_owned(),
            root,
            max_bytes,
        })
    }

    /// Reads an image. Blocks.
    pub(super) fn fetch(&self, id: &PhotoId, parts: &IdParts<'_>) -> Result<Pixels, SiteError> {
        let (path, file, metadata) = self.find(id, parts)?;
        let too_large = || {
            SiteError::Photo(format!(
                "{id}: {} is larger than {} bytes",
                path.display(),
                self.max_bytes
            ))
        };
        if metadata.len() > self.max_bytes {
            return Err(too_large());
        }
        let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default());
        // One byte more than allowed: a file may grow while it is read.
        file.take(self.max_bytes.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|error| unreadable(id, &path, &error))?;
        if bytes.len() as u64 > self.max_bytes {
            return Err(too_large());
        }
        let version = version(&metadata);
        Ok(Pixels { bytes, version })
    }

    /// An image's version. Blocks.
    pub(super) fn version(
        &self,
        id: &PhotoId,
        parts: &IdParts<'_>,
    ) -> Result<PixelVersion, SiteError> {
        let (_, _, metadata) = self.find(id, parts)?;
        Ok(version(&metadata))
    }

    /// Opens the file of a photo.
    fn find(
        &self,
        id: &PhotoId,
        parts: &IdParts<'_>,
    ) -> Result<(PathBuf, File, Metadata), SiteError> {
        for part in parts.values() {
            let mut components = Path::new(part).components();
            let one = matches!(components.next(), Some(Component::Normal(name)) if name == part);
            if !one || components.next().is_some() {
                let text = format!("{id}: its \"{part}\" is no file name");
                return Err(SiteError::Photo(text));
            }
        }
        let stem: PathBuf = parts.values().collect();
        let shown = self.named.join(&stem);
        let Some(path) = self.with_extension(&stem) else {
            return Err(SiteError::Missing(format!(
                "{id}: there is no {}.({})",
                shown.display(),
                EXTENSIONS.join("|")
            )));
        };
        let failed = |error: io::Error| unreadable(id, &path, &error);
        let real = path.canonicalize().map_err(failed)?;
        if !real.starts_with(&self.root) {
            return Err(SiteError::Photo(format!(
                "{id}: {} leads out of the folder",
                path.display()
            )));
        }
        // Looked at before it is opened: opening a pipe would wait for a writer.
        let metadata = real.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(SiteError::Photo(format!(
                "{id}: {} is no file",
                path.display()
            )));
        }
        let file = File::open(&real).map_err(failed)?;
        Ok((path, file, metadata))
    }

    fn with_extension(&self, stem: &Path) -> Option<PathBuf> {
        let base = self.root.join(stem);
        let named = |extension: &str| {
            let mut path = base.clone().into_os_string();
            path.push(".");
            path.push(extension);
            PathBuf::from(path)
        };
        let usual = EXTENSIONS
            .iter()
            .flat_map(|extension| [named(extension), named(&extension.to_uppercase())])
            .find(|path| path.symlink_metadata().is_ok());
        // `.Jpg` and the like need a look at the whole folder.
        usual.or_else(|| {
            let name = base.file_name()?;
            let mut odd: Vec<PathBuf> = std::fs::read_dir(base.parent()?)
                .ok()?
                .filter_map(|entry| Some(entry.ok()?.path()))
                .filter(|path| path.file_stem() == Some(name) && preference(path).is_some())
                .collect();
            odd.sort_by_key(|path| preference(path));
            odd.into_iter().next()
        })
    }

    /// Walks through the folder and gives every photo once, album by album in
    /// the order of their names. Hidden files and folders, links, and whatever
    /// is not exactly one folder deep are passed over.
    pub(super) fn walk(
        &self,
        shape: &IdShape,
        mut sink: impl FnMut(Result<PhotoId, SiteError>) -> ControlFlow<()>,
    ) {
        let mut seen = Seen::default();
        let mut elsewhere = 0_u64;
        let depth = shape.parts();
        let entries = walk::entries(&self.root, depth + 1, |_| true);
        for entry in entries {
            let item = match entry {
                Ok(entry) if !entry.file_type().is_file() || preference(entry.path()).is_none() => {
                    continue;
                }
                Ok(entry) if entry.depth() != depth => {
                    elsewhere += 1;
                    continue;
                }
                Ok(entry) => match self.id(shape, &entry) {
                    Ok(id) if !seen.is_new(&entry) => {
                        tracing::debug!("{id}: more than one file has this name");
                        continue;
                    }
                    other => other,
                },
                Err(error) if error.depth() == 0 => Err(SiteError::Settings(format!(
                    "the folder of originals {} can't be read: {error}",
                    self.named.display()
                ))),
                Err(error) => Err(SiteError::Photo(format!("a folder can't be read: {error}"))),
            };
            if sink(item).is_break() {
                return;
            }
        }
        if elsewhere > 0 {
            tracing::warn!(
                "{}: {elsewhere} images are not at {}.jpg and were passed over",
                self.named.display(),
                shape.shown()
            );
        }
    }

    fn id(&self, shape: &IdShape, entry: &DirEntry) -> Result<PhotoId, SiteError> {
        let path = entry.path();
        let refuse = |why: &str| SiteError::Photo(format!("{}: {why}", path.display()));
        let inside = path.strip_prefix(&self.root).unwrap_or(path);
        // Only the last extension goes: `a.b.jpg` is the photo `a.b`.
        let stem = inside.with_file_name(path.file_stem().unwrap_or_default());
        let parts: Option<Vec<&str>> = stem.iter().map(OsStr::to_str).collect();
        let id = parts
            .ok_or_else(|| refuse("its name is not UTF-8"))?
            .join("/");
        shape.split(&id).map_err(|why| refuse(&why))?;
        Ok(PhotoId::new(id))
    }
}

/// The names met in the current album.
#[derive(Default)]
struct Seen {
    album: PathBuf,
    stems: HashSet<std::ffi::OsString>,
}

impl Seen {
    fn is_new(&mut self, entry: &DirEntry) -> bool {
        let path = entry.path();
        let album = path.parent().unwrap_or(path);
        if album != self.album {
            album.clone_into(&mut self.album);
            self.stems.clear();
        }
        let stem = path.file_stem().unwrap_or_default();
        self.stems.insert(stem.to_owned())
    }
}

fn unreadable(id: &PhotoId, path: &Path, error: &io::Error) -> SiteError {
    SiteError::Photo(format!("{id}: {} can't be read: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use tempfile::TempDir;

    const MAX: u64 = 100;

    fn shape() -> IdShape {
        IdShape::try_from(vec!["album".to_owned(), "name".to_owned()]).unwrap()
    }

    fn put(dir: &TempDir, path: &str, bytes: &[u8]) {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn open(dir: &TempDir) -> Originals {
        Originals::open(dir.path(), MAX).unwrap()
    }

    fn fetch(dir: &TempDir, id: &str) -> Result<Pixels, SiteError> {
        let shape = shape();
        open(dir).fetch(&PhotoId::new(id), &shape.split(id).unwrap())
    }

    fn listed(dir: &TempDir) -> Vec<Result<String, SiteError>> {
        let mut items = Vec::new();
        open(dir).walk(&shape(), |item| {
            items.push(item.map(|id| id.to_string()));
            ControlFlow::Continue(())
        });
        items
    }

    #[test]
    fn an_image_is_found_with_its_extension_in_any_case() {
        let dir = TempDir::new().unwrap();
        for (name, id) in [
            ("a/1.jpg", "a/1"),
            ("a/2.JPEG", "a/2"),
            ("a/3.WebP", "a/3"),
            ("a b/x.y.png", "a b/x.y"),
        ] {
            put(&dir, name, name.as_bytes());
            assert_eq!(fetch(&dir, id).unwrap().bytes, name.as_bytes());
        }
        put(&dir, "a/1.png", b"second choice");
        assert_eq!(fetch(&dir, "a/1").unwrap().bytes, b"a/1.jpg");
        let error = fetch(&dir, "a/x").unwrap_err();
        assert!(
            matches!(&error, SiteError::Missing(text) if text.contains("a/x.(jpg|")),
            "{error}"
        );
    }

    #[test]
    fn a_replaced_file_is_another_version_and_the_same_file_is_not() {
        let dir = TempDir::new().unwrap();
        put(&dir, "a/1.jpg", b"one");
        let shape = shape();
        let id = PhotoId::new("a/1");
        let version = || {
            open(&dir)
                .version(&id, &shape.split("a/1").unwrap())
                .unwrap()
        };
        let before = fetch(&dir, "a/1").unwrap().version;
        assert_eq!(before, version());
        put(&dir, "a/1.jpg", b"other");
        assert_ne!(before, version());
    }

    #[test]
    fn too_large_a_file_is_not_read() {
        let dir = TempDir::new().unwrap();
        put(&dir, "a/1.jpg", &[0; 100]);
        put(&dir, "a/2.jpg", &[0; 101]);
        assert!(fetch(&dir, "a/1").is_ok());
        let error = fetch(&dir, "a/2").unwrap_err();
        assert!(
            matches!(&error, SiteError::Photo(text) if text.contains("100 bytes")),
            "{error}"
        );
    }

    #[cfg(unix)]
    #[test]
    fn links_never_lead_out_of_the_folder() {
        let outside = TempDir::new().unwrap();
        put(&outside, "secret/1.jpg", b"secret");
        let dir = TempDir::new().unwrap();
        put(&dir, "a/1.jpg", b"one");
        std::os::unix::fs::symlink(
            outside.path().join("secret/1.jpg"),
            dir.path().join("a/2.jpg"),
        )
        .unwrap();
        std::os::unix::fs::symlink(outside.path().join("secret"), dir.path().join("b")).unwrap();
        for id in ["a/2", "b/1"] {
            let error = fetch(&dir, id).unwrap_err();
            assert!(
                matches!(&error, SiteError::Photo(text) if text.contains("leads out")),
                "{error}"
            );
        }
        assert_eq!(listed(&dir), [Ok("a/1".to_owned())]);
        fs::create_dir(dir.path().join("a/3.jpg")).unwrap();
        assert!(matches!(fetch(&dir, "a/3"), Err(SiteError::Photo(_))));
    }

    #[test]
    fn the_walk_gives_every_photo_once_and_in_order() {
        let dir = TempDir::new().unwrap();
        for name in [
            "b/2.jpg",
            "b/1.png",
            "a/z.gif",
            "a/z.hello.jpg",
            "a/z.JPG",
            "a/notes.txt",
            "top.jpg",
            "a/deep/3.jpg",
            ".thumbs/1.jpg",
            "a/._z.jpg",
            "b/bad\u{1}.jpg",
        ] {
            put(&dir, name, b"x");
        }
        let items = listed(&dir);
        let ids: Vec<&str> = items.iter().flatten().map(String::as_str).collect();
        assert_eq!(ids, ["a/z", "a/z.hello", "b/1", "b/2"]);
        let errors: Vec<_> = items
            .iter()
            .filter_map(|item| item.as_ref().err())
            .collect();
        assert!(
            matches!(errors.as_slice(), [SiteError::Photo(text)] if text.contains("control")),
            "{errors:?}"
        );
    }

    #[test]
    fn a_folder_that_is_none_is_a_wrong_setting() {
        let dir = TempDir::new().unwrap();
        put(&dir, "file", b"");
        for path in ["none", "file"] {
            let error = Originals::open(&dir.path().join(path), MAX).unwrap_err();
            assert!(
                matches!(&error, SiteError::Settings(text) if text.contains(path)),
                "{error}"
            );
        }
    }
}

//! The embedded archive's content on disk: `archive.json` with the texts, and
//! one JPEG per photo.
//!
//! The file is the only truth. It is read anew for every request and replaced
//! atomically by every change, so a text that somebody edits by hand, or that
//! another process changes, is seen at once, and a crash loses nothing that was
//! acknowledged.

use super::DemoError;
use super::content::{PHOTOS, Photo};
use super::jpeg::photograph;
use serde::{Deserialize, Deserializer, Serialize};
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// One text of a photo, as the album API shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Text {
    /// There is no such key.
    #[default]
    Missing,
    /// The key says `null`.
    Null,
    /// The text itself; may be empty.
    Is(String),
}

impl Text {
    fn is_missing(&self) -> bool {
        *self == Self::Missing
    }

    /// The text, or nothing where there is none.
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Is(text) => text,
            Self::Missing | Self::Null => "",
        }
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(from)?.map_or(Self::Null, Self::Is))
    }
}

impl Serialize for Text {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Is(text) => to.serialize_str(text),
            Self::Missing | Self::Null => to.serialize_none(),
        }
    }
}

/// Who stands behind a photo's texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub(super) enum Verified {
    /// 0: a machine made them.
    Machine,
    /// 1: a person vouched for them.
    Person,
}

impl TryFrom<u8> for Verified {
    type Error = &'static str;
    fn try_from(number: u8) -> Result<Self, Self::Error> {
        match number {
            0 => Ok(Self::Machine),
            1 => Ok(Self::Person),
            _ => Err("verified is 0 or 1"),
        }
    }
}

impl From<Verified> for u8 {
    fn from(verified: Verified) -> Self {
        match verified {
            Verified::Machine => 0,
            Verified::Person => 1,
        }
    }
}

/// What the API shows of a photo and, with only some of its keys, a change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Item {
    #[serde(skip_serializing_if = "Text::is_missing")]
    pub(super) title: Text,
    #[serde(skip_serializing_if = "Text::is_missing")]
    pub(super) alt: Text,
    #[serde(skip_serializing_if = "Text::is_missing")]
    pub(super) caption: Text,
    #[serde(deserialize_with = "stated", skip_serializing_if = "Option::is_none")]
    pub(super) verified: Option<Verified>,
}

/// The mark can be missing, but not `null`.
fn stated<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Verified>, D::Error> {
    Verified::deserialize(from).map(Some)
}

impl Item {
    /// The strong entity tag, with its quotation marks.
    pub(super) fn etag(&self) -> String {
        let json = serde_json::to_vec(self).expect("texts and a number are always JSON");
        etag(&json)
    }

    fn change(&mut self, change: Self) {
        let texts = [
            (&mut self.title, change.title),
            (&mut self.alt, change.alt),
            (&mut self.caption, change.caption),
        ];
        for (text, new) in texts {
            if !new.is_missing() {
                *text = new;
            }
        }
        self.verified = change.verified.or(self.verified);
    }
}

/// A strong entity tag for these bytes, with its quotation marks.
pub(super) fn etag(bytes: &[u8]) -> String {
    format!("\"{}\"", &blake3::hash(bytes).to_hex()[..24])
}

/// A photo in `archive.json`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) album: String,
    pub(super) name: String,
    pub(super) shown: Item,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    photos: Vec<Entry>,
}

/// What became of a change.
pub(super) enum Changed {
    /// The photo as it is now, on disk.
    Now(Item),
    /// The photo is not as the client believes it to be.
    Conflict,
    /// There is no such photo.
    NoPhoto,
}

/// The archive in one directory. All its methods block on the disk.
pub(super) struct Store {
    dir: PathBuf,
    /// One change at a time in this process; a file lock does the same between
    /// processes.
    turn: Mutex<()>,
}

impl Store {
    /// Opens the archive, creating and drawing what is not there yet.
    pub(super) fn open(dir: &Path) -> Result<Self, DemoError> {
        let store = Self {
            dir: dir.to_owned(),
            turn: Mutex::new(()),
        };
        private_folder(dir).map_err(|error| DemoError::io(dir, error))?;
        store.add_missing_photos()?;
        store.draw_missing_files()?;
        Ok(store)
    }

    /// All photos, in the order of the table.
    pub(super) fn entries(&self) -> Result<Vec<Entry>, DemoError> {
        Ok(self.read()?.photos)
    }

    /// One photo.
    pub(super) fn item(&self, album: &str, name: &str) -> Result<Option<Item>, DemoError> {
        let mut photos = self.read()?.photos.into_iter();
        let found = photos.find(|entry| entry.album == album && entry.name == name);
        Ok(found.map(|entry| entry.shown))
    }

    /// The photo's file; `None` where there is no such photo.
    pub(super) fn pixels(&self, album: &str, name: &str) -> Result<Option<Vec<u8>>, DemoError> {
        if self.item(album, name)?.is_none() {
            return Ok(None);
        }
        let path = self.picture(album, name);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(DemoError::io(&path, error)),
        }
    }

    /// Changes a photo, if `expected` accepts the entity tag that it has now.
    /// The change is on disk before this returns.
    pub(super) fn change(
        &self,
        [album, name]: [&str; 2],
        expected: impl Fn(&str) -> bool,
        change: Item,
    ) -> Result<Changed, DemoError> {
        let _turn = self.take_turn()?;
        let mut record = self.read()?;
        let mut photos = record.photos.iter_mut();
        let Some(entry) = photos.find(|entry| entry.album == album && entry.name == name) else {
            return Ok(Changed::NoPhoto);
        };
        if !expected(&entry.shown.etag()) {
            return Ok(Changed::Conflict);
        }
        let before = entry.shown.clone();
        entry.shown.change(change);
        let now = entry.shown.clone();
        if now != before {
            self.write(&record)?;
        }
        Ok(Changed::Now(now))
    }

    fn record_path(&self) -> PathBuf {
        self.dir.join("archive.json")
    }

    fn picture(&self, album: &str, name: &str) -> PathBuf {
        let folder = self.dir.join("files").join(album);
        folder.join(format!("{name}.jpg"))
    }

    /// Waits until nobody else changes the record; ends with the guards.
    fn take_turn(&self) -> Result<(File, std::sync::MutexGuard<'_, ()>), DemoError> {
        let guard = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.dir.join("archive.lock");
        let mut options = File::options();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options
            .open(&path)
            .map_err(|error| DemoError::io(&path, error))?;
        match file.lock() {
            // Some network file systems have no locks; the mutex still holds.
            Err(error) if error.kind() != io::ErrorKind::Unsupported => {
                Err(DemoError::io(&path, error))
            }
            _ => Ok((file, guard)),
        }
    }

    fn read(&self) -> Result<Record, DemoError> {
        let path = self.record_path();
        let bytes = fs::read(&path).map_err(|error| DemoError::io(&path, error))?;
        let damaged = |why: String| DemoError::Damaged {
            path: path.clone(),
            why,
        };
        let record: Record =
            serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        for Entry { album, name, .. } in &record.photos {
            // Both become part of a path below our directory.
            for part in [album, name] {
                if part.is_empty() || part.starts_with('.') || part.contains(['/', '\\', '\0']) {
                    return Err(damaged(format!("{part:?} can't be an album or a name")));
                }
            }
        }
        Ok(record)
    }

    fn write(&self, record: &Record) -> Result<(), DemoError> {
        let mut json = serde_json::to_vec_pretty(record).expect("texts are always JSON");
        json.push(b'\n');
        let path = self.record_path();
        replace(&path, &json, Durability::Synced).map_err(|error| DemoError::io(&path, error))
    }

    /// Keeps the page that shows everything; returns its path.
    pub(super) fn save_page(&self, html: &str) -> Result<PathBuf, DemoError> {
        let path = self.dir.join("index.html");
        replace(&path, html.as_bytes(), Durability::Redrawn)
            .map_err(|error| DemoError::io(&path, error))?;
        Ok(path)
    }

    /// Creates the record, or adds what a newer version of the program brings.
    fn add_missing_photos(&self) -> Result<(), DemoError> {
        let _turn = self.take_turn()?;
        let path = self.record_path();
        let exists = path
            .try_exists()
            .map_err(|error| DemoError::io(&path, error))?;
        let mut record = if exists {
            self.read()?
        } else {
            Record::default()
        };
        let known = record.photos.len();
        for (number, photo) in PHOTOS.iter().enumerate() {
            let same = |entry: &Entry| entry.album == photo.album && entry.name == photo.name;
            if !record.photos.iter().any(same) {
                record.photos.push(first_day(photo, number));
            }
        }
        if record.photos.len() > known {
            self.write(&record)?;
        }
        Ok(())
    }

    /// Draws the files that are missing or cut off, on all cores.
    fn draw_missing_files(&self) -> Result<(), DemoError> {
        let missing: Vec<_> = PHOTOS
            .iter()
            .map(|photo| (photo, self.picture(&photo.album, &photo.name)))
            .filter(|(_, path)| !is_complete(path))
            .collect();
        let next = AtomicUsize::new(0);
        let draw = || {
            while let Some((photo, path)) = missing.get(next.fetch_add(1, Ordering::Relaxed)) {
                replace(path, &photograph(photo), Durability::Redrawn)
                    .map_err(|error| DemoError::io(path, error))?;
            }
            Ok(())
        };
        let cores = thread::available_parallelism().map_or(1, usize::from);
        thread::scope(|scope| {
            let threads: Vec<_> = (0..cores).map(|_| scope.spawn(draw)).collect();
            threads.into_iter().try_for_each(|thread| {
                let drawn: Result<(), DemoError> = thread
                    .join()
                    .expect("drawing does not panic: every scene is tested");
                drawn
            })
        })
    }
}

/// What the API shows of a photo before anybody touched it. Real archives say
/// "no alt text" in three ways, so this one does, too.
fn first_day(photo: &Photo, number: usize) -> Entry {
    let text = |text: &Option<String>| text.clone().map_or(Text::Missing, Text::Is);
    let nothing = [Text::Is(String::new()), Text::Null, Text::Missing];
    let alt = match &photo.alt {
        Some(alt) => Text::Is(alt.clone()),
        None => nothing[number % 3].clone(),
    };
    Entry {
        album: photo.album.clone(),
        name: photo.name.clone(),
        shown: Item {
            title: Text::Is(photo.title.clone()),
            alt,
            caption: text(&photo.caption),
            verified: photo.verified.and_then(|mark| mark.try_into().ok()),
        },
    }
}

/// Whether a file begins and ends as a JPEG does.
fn is_complete(path: &Path) -> bool {
    let ends = || -> io::Result<[u8; 4]> {
        let mut file = File::open(path)?;
        let mut bytes = [0; 4];
        file.read_exact(&mut bytes[..2])?;
        file.seek(SeekFrom::End(-2))?;
        file.read_exact(&mut bytes[2..])?;
        Ok(bytes)
    };
    ends().is_ok_and(|bytes| bytes == [0xff, 0xd8, 0xff, 0xd9])
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Durability {
    /// It is on the disk when the call returns.
    Synced,
    /// It may be lost in a power cut: it can be drawn again.
    Redrawn,
}

/// Makes a folder, with those above it, that nobody else can look into. One that
/// is there keeps its permissions.
fn private_folder(dir: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

/// Writes a file under another name and moves it into place, so that nobody
/// ever sees half of it.
fn replace(path: &Path, bytes: &[u8], durability: Durability) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    private_folder(dir)?;
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    file.write_all(bytes)?;
    if durability == Durability::Synced {
        file.as_file().sync_all()?;
    }
    file.persist(path).map_err(|error| error.error)?;
    if durability == Durability::Synced && cfg!(unix) {
        // The new name is durable only with its directory.
        File::open(dir)?.sync_all()?;
    }
    Ok(())
}

//! The one file with all texts at work: read again whenever somebody changed it,
//! and written for all changes that wait at that moment, so that many photos cost
//! few writes of the whole file.

use super::super::{ChangeSet, SiteError};
use super::file::{File, Form, NewRow};
use super::replace::{self, Before, Unput};
use super::tree::{Place, Tree};
use crate::archive::{Marking, PhotoId, Reading};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use tokio::sync::oneshot;

/// Bytes of the file at most: a million photos with long texts have less.
const LARGEST: u64 = 1024 * 1024 * 1024;

/// How often a group is tried again when somebody saves the file at the same time.
const TRIES: u32 = 5;

/// One change that waits to be written.
struct Job {
    photo: PhotoId,
    change: ChangeSet,
    read: Reading,
    /// What was read stood elsewhere, so that a row that says nothing fits too.
    elsewhere: bool,
    reply: oneshot::Sender<Result<Reading, SiteError>>,
}

/// The file. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Ledger {
    shared: Arc<Shared>,
    jobs: mpsc::Sender<Job>,
}

#[derive(Debug)]
struct Shared {
    tree: Tree,
    path: PathBuf,
    name: String,
    form: Form,
    now: Mutex<Option<Now>>,
}

/// The file as it was read last.
#[derive(Debug)]
struct Now {
    before: Option<Before>,
    file: File,
}

impl Ledger {
    /// Opens the file; it need not be there yet, but its directory must.
    pub(super) fn open(tree: &Tree, path: &Path) -> Result<Self, SiteError> {
        let settings =
            |why: &str| SiteError::Settings(format!("site.texts {}: {why}", path.display()));
        let form = match path.extension().and_then(|it| it.to_str()) {
            Some("json") => Form::Json,
            _ => Form::Csv,
        };
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name
            .ok_or_else(|| settings("it has no name that can be read"))?
            .to_owned();
        let shared = Arc::new(Shared {
            tree: tree.clone(),
            path: path.to_owned(),
            name,
            form,
            now: Mutex::default(),
        });
        shared.refreshed(&mut shared.lock())?;
        let (jobs, waiting) = mpsc::channel();
        let writer = Arc::clone(&shared);
        // A thread of its own, which ends with the last handle.
        std::thread::Builder::new()
            .name("texts".to_owned())
            .spawn(move || serve(&writer, &waiting))
            .map_err(|error| settings(&format!("no thread for it: {error}")))?;
        Ok(Self { shared, jobs })
    }

    /// A photo's text. Blocks.
    pub(super) fn read(&self, photo: &PhotoId) -> Result<Reading, SiteError> {
        let mut now = self.shared.lock();
        let now = self.shared.refreshed(&mut now)?;
        self.shared.reading(&now.file, photo)
    }

    /// Changes a photo's text, if it is still what was `read`.
    pub(super) async fn write(
        &self,
        photo: &PhotoId,
        change: &ChangeSet,
        (read, elsewhere): (&Reading, bool),
    ) -> Result<Reading, SiteError> {
        let (reply, written) = oneshot::channel();
        let job = Job {
            photo: photo.clone(),
            change: change.clone(),
            read: read.clone(),
            elsewhere,
            reply,
        };
        let stopped = || SiteError::Photo(format!("{photo}: the writer of texts stopped"));
        self.jobs.send(job).map_err(|_| stopped())?;
        written.await.map_err(|_| stopped())?
    }

    /// How many photos it has, and whether it says where texts come from.
    pub(super) fn survey(&self) -> Result<(usize, bool, bool), SiteError> {
        let mut now = self.shared.lock();
        let now = self.shared.refreshed(&mut now)?;
        Ok((now.file.len(), now.file.has_source, now.before.is_some()))
    }

    /// Where it lies, opened.
    pub(super) fn place(&self) -> Result<Place, SiteError> {
        self.shared.place()
    }

    pub(super) fn path(&self) -> &Path {
        &self.shared.path
    }
}

fn serve(shared: &Shared, waiting: &mpsc::Receiver<Job>) {
    while let Ok(first) = waiting.recv() {
        let mut group = vec![first];
        group.extend(waiting.try_iter());
        shared.carry_out(group);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Option<Now>> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The directory is the owner's word, so links in its path are followed; the
    /// file itself is none.
    fn place(&self) -> Result<Place, SiteError> {
        let path = match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let directory = std::fs::File::open(path)
            .map_err(|error| self.settings(&super::trouble::words(&error)))?;
        Ok(Place {
            directory: directory.into(),
            path: path.to_owned(),
            name: self.name.clone(),
        })
    }

    fn settings(&self, why: &str) -> SiteError {
        SiteError::Settings(format!("site.texts {}: {why}", self.path.display()))
    }

    /// The file as it is now.
    fn refreshed<'n>(&self, now: &'n mut Option<Now>) -> Result<&'n mut Now, SiteError> {
        let place = self.place()?;
        let unread = |error: &std::io::Error| match self.tree.trouble(&self.path, "read", error) {
            SiteError::Photo(text) => SiteError::Settings(format!("site.texts {text}")),
            other => other,
        };
        let found = place.file(&self.name).map_err(|error| unread(&error))?;
        let stamp = found.map(|(_, metadata)| replace::stamp(&metadata));
        let known = now.as_ref().map(|now| {
            let before = now.before.as_ref();
            before.map(|before| replace::stamp(&before.metadata))
        });
        if known != Some(stamp) {
            let before = replace::before(&place, &self.name, LARGEST);
            let before = before.map_err(|error| unread(&error))?;
            let bytes = before.as_ref().map(|before| before.bytes.clone());
            let file = File::read(self.form, bytes).map_err(|why| self.settings(&why))?;
            *now = Some(Now { before, file });
        }
        Ok(now.as_mut().expect("it was read right before"))
    }

    fn reading(&self, file: &File, photo: &PhotoId) -> Result<Reading, SiteError> {
        let row = file.row(photo).map_err(|why| {
            SiteError::Photo(format!("{photo}: in {}, {why}", self.path.display()))
        })?;
        Ok(Reading {
            alt: (!row.alt.is_empty()).then_some(row.alt),
            tag: row.source,
            marking: if file.has_source {
                Marking::Possible
            } else {
                Marking::Impossible
            },
            ..Reading::default()
        })
    }

    fn carry_out(&self, mut group: Vec<Job>) {
        for _ in 0..TRIES {
            match self.write(&mut group) {
                Ok(()) => return,
                Err(Unwritten::Changed) => {}
                Err(Unwritten::Failed(error)) => {
                    for job in group {
                        let _ = job.reply.send(Err(error.clone()));
                    }
                    return;
                }
            }
        }
        for job in group {
            let text = format!(
                "{}: {} is being changed by somebody else",
                job.photo,
                self.path.display()
            );
            let _ = job.reply.send(Err(SiteError::Conflict(text)));
        }
    }

    /// Writes the file with all changes of a group, and answers them. Those that
    /// can't be made any more are answered and leave the group first.
    fn write(&self, group: &mut Vec<Job>) -> Result<(), Unwritten> {
        let mut guard = self.lock();
        let now = self.refreshed(&mut guard).map_err(Unwritten::Failed)?;
        let fits = |job: &Job| {
            let is = self.reading(&now.file, &job.photo)?;
            let silent = is.alt_text().trim().is_empty() && is.tag.is_none();
            let same = is.alt_text() == job.read.alt_text() && is.tag == job.read.tag;
            if same || (silent && job.elsewhere) {
                return Ok(());
            }
            let text = format!("{}: somebody changed its alt text just now", job.photo);
            Err(SiteError::Conflict(text))
        };
        let mut good = Vec::with_capacity(group.len());
        for job in group.drain(..) {
            match fits(&job) {
                Ok(()) => good.push(job),
                Err(error) => drop(job.reply.send(Err(error))),
            }
        }
        *group = good;
        if group.is_empty() {
            return Ok(());
        }
        let changes = group.iter().map(|job| NewRow {
            path: job.photo.to_string(),
            alt: job.change.alt.clone(),
            source: job.change.tag,
        });
        let after = now.file.with(changes.collect()).map_err(|why| {
            let text = format!("{}: {why}", self.path.display());
            Unwritten::Failed(SiteError::Photo(text))
        })?;
        let place = self.place().map_err(Unwritten::Failed)?;
        let like = self.tree.metadata().map_err(|error| {
            Unwritten::Failed(self.tree.trouble(&self.tree.path, "read", &error))
        })?;
        let put = replace::put(&place, &self.name, now.before.as_ref(), &like, &after.bytes);
        match put {
            Ok(()) => {}
            Err(Unput::Changed) => return Err(Unwritten::Changed),
            Err(Unput::Failed(doing, error)) => {
                // Without this one file no photo can be written.
                let error = match self.tree.trouble(&self.path, doing, &error) {
                    SiteError::Photo(text) => SiteError::Settings(format!("site.texts {text}")),
                    other => other,
                };
                return Err(Unwritten::Failed(error));
            }
        }
        // Read again where somebody was faster; else it is as it was written.
        let metadata = place
            .file(&self.name)
            .ok()
            .flatten()
            .map(|(_, metadata)| metadata);
        let bytes = after.bytes.clone();
        for job in group.drain(..) {
            let _ = job.reply.send(self.reading(&after, &job.photo));
        }
        *guard = metadata
            .filter(|metadata| metadata.len() == bytes.len() as u64)
            .map(|metadata| Now {
                before: Some(Before { bytes, metadata }),
                file: after,
            });
        Ok(())
    }
}

enum Unwritten {
    Changed,
    Failed(SiteError),
}

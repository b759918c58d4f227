//! The listing: every photo of the tree in the order of names, by a look at
//! directories and times alone. No file is opened.

use super::super::total::Total;
use super::super::walk;
use super::super::{Extent, SiteError};
use super::naming::{full_name, short_name};
use super::spellings::Spellings;
use super::tree::{Tree, is_photo, sound};
use crate::archive::{Listed, News, PhotoId};
use futures_util::stream::{self, BoxStream, StreamExt};
use std::fs::Metadata;
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;
use walkdir::DirEntry;

/// Photos listed ahead of the pipeline.
const AHEAD: usize = 256;

/// How much before the last listing a change still counts as one since: clocks of
/// file servers go wrong by some minutes.
const OVERLAP: Duration = Duration::from_secs(120);

/// Directories that programs keep beside photos, with copies of them.
const PASSED_OVER: [&str; 6] = [
    "@eaDir",
    "#recycle",
    "$RECYCLE.BIN",
    "lost+found",
    "__MACOSX",
    "System Volume Information",
];

type Item = Result<Listed, SiteError>;

/// Lists the photos of a tree. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Lister {
    pub(super) tree: Tree,
    /// The file that holds all texts, where it is not sidecars.
    pub(super) texts: Option<PathBuf>,
    spellings: Spellings,
    mark: Arc<Mutex<Option<String>>>,
    total: Total,
}

/// What the walk met.
pub(super) enum Met {
    /// A photo, and whether it changed.
    Photo(PhotoId, News),
    /// An image of a kind that can't be decoded.
    Unreadable(PathBuf),
    /// A link.
    Link,
    /// What could not be listed.
    Failed(SiteError),
}

impl Lister {
    pub(super) fn new(tree: Tree, texts: Option<PathBuf>, spellings: Spellings) -> Self {
        Self {
            tree,
            texts,
            spellings,
            mark: Arc::default(),
            total: Total::default(),
        }
    }

    pub(super) fn mark(&self) -> Option<String> {
        let mark = self.mark.lock().unwrap_or_else(PoisonError::into_inner);
        mark.clone()
    }

    /// How many photos there are, as soon as they are counted.
    pub(super) fn total(&self) -> Option<u64> {
        self.total.known()
    }

    pub(super) fn stream(&self, extent: Extent) -> BoxStream<'static, Item> {
        self.note(None);
        let (sender, items) = mpsc::channel(AHEAD);
        self.total.forget();
        let counter = self.clone();
        self.total.count(sender.downgrade(), move |sink| {
            let _ = counter.walk(None, |met| match met {
                Met::Photo(..) | Met::Failed(_) => sink(),
                Met::Unreadable(_) | Met::Link => ControlFlow::Continue(()),
            });
        });
        let walker = self.clone();
        tokio::task::spawn_blocking(move || {
            let since = match extent {
                Extent::All => None,
                Extent::Since(mark) => Some(mark.parse().unwrap_or(i128::MIN)),
            };
            let begun = nanoseconds(SystemTime::now()) - OVERLAP.as_nanos() as i128;
            let ended = walker.walk(since, |met| {
                let item = match met {
                    Met::Photo(id, news) => Ok(Listed {
                        news,
                        ..Listed::from(id)
                    }),
                    Met::Failed(error) => Err(error),
                    Met::Unreadable(_) | Met::Link => return ControlFlow::Continue(()),
                };
                match sender.blocking_send(item) {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(_) => ControlFlow::Break(()),
                }
            });
            if ended.is_continue() {
                // Before the stream ends, whose end is when it is asked for.
                walker.note(Some(begun.to_string()));
            }
        });
        stream::unfold(items, |mut items| async move {
            Some((items.recv().await?, items))
        })
        .boxed()
    }

    fn note(&self, mark: Option<String>) {
        *self.mark.lock().unwrap_or_else(PoisonError::into_inner) = mark;
    }

    /// Walks through all of the tree. Blocks.
    pub(super) fn walk(
        &self,
        since: Option<i128>,
        mut sink: impl FnMut(Met) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let texts = self.texts.as_deref().map_or(i128::MIN, touched);
        let enters = |entry: &DirEntry| {
            let passed = |name: &&str| entry.file_name() == *name;
            !(entry.file_type().is_dir() && PASSED_OVER.iter().any(passed))
        };
        for entry in walk::entries(&self.tree.path, usize::MAX, enters) {
            let met = match entry {
                Ok(entry) if entry.path_is_symlink() => Met::Link,
                Ok(entry) if !entry.file_type().is_file() => continue,
                Ok(entry) if is_photo(entry.path()) => self.photo(&entry, since, texts),
                Ok(entry) if walk::preference(entry.path()).is_some() => {
                    Met::Unreadable(entry.into_path())
                }
                Ok(_) => continue,
                Err(error) => Met::Failed(self.unlisted(&error)),
            };
            sink(met)?;
        }
        ControlFlow::Continue(())
    }

    fn photo(&self, entry: &DirEntry, since: Option<i128>, texts: i128) -> Met {
        let path = entry.path();
        let inside = path.strip_prefix(&self.tree.path).unwrap_or(path);
        let refuse = |why: &str| {
            let shown = inside.to_string_lossy().escape_debug().to_string();
            Met::Failed(SiteError::Photo(format!("{shown}: {why}")))
        };
        let Some(id) = inside.to_str() else {
            return refuse("its name is not UTF-8; rename it");
        };
        if let Err(why) = sound(id) {
            return refuse(&why);
        }
        let changed = since.is_some_and(|since| {
            let own = entry.metadata().map_or(i128::MAX, |it| change(&it));
            let beside = || {
                let name = entry.file_name().to_str().unwrap_or_default();
                let directory = path.parent().unwrap_or(&self.tree.path);
                let others = self.spellings.others(directory, name);
                let usual = [full_name(name), short_name(name)].into_iter();
                let names = usual.chain(others.full).chain(others.short);
                names
                    .map(|name| touched(&path.with_file_name(name)))
                    .max()
                    .unwrap_or(i128::MIN)
            };
            own.max(texts) >= since || (self.texts.is_none() && beside() >= since)
        });
        let news = if changed {
            News::Changed
        } else {
            News::Present
        };
        Met::Photo(PhotoId::new(id), news)
    }

    /// A directory that can't be looked into: its photos are left out, unless it is
    /// the tree itself.
    fn unlisted(&self, error: &walkdir::Error) -> SiteError {
        let path = error.path().unwrap_or(&self.tree.path);
        let inside = path.strip_prefix(&self.tree.path).unwrap_or(path);
        let Some(why) = error.io_error() else {
            return SiteError::Photo(format!("{}: {error}", inside.display()));
        };
        let top = error.depth() == 0;
        match self
            .tree
            .trouble(if top { path } else { inside }, "looked into", why)
        {
            SiteError::Photo(text) if top => SiteError::Settings(format!("site.dir {text}")),
            other => other,
        }
    }
}

/// When a file was changed last, in nanoseconds: its content or anything else
/// about it. One that is not there was never changed.
fn touched(path: &Path) -> i128 {
    path.symlink_metadata().map_or(i128::MIN, |it| change(&it))
}

fn change(metadata: &Metadata) -> i128 {
    let time = |seconds: i64, nanoseconds: i64| {
        i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds)
    };
    let content = time(metadata.mtime(), metadata.mtime_nsec());
    content.max(time(metadata.ctime(), metadata.ctime_nsec()))
}

fn nanoseconds(time: SystemTime) -> i128 {
    let since = time.duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_nanos() as i128)
}

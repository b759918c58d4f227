//! The ids of all photos, as a stream: from a manifest, from standard input,
//! from a walk through the originals. Nothing is read ahead of the reader but
//! what a small channel holds.

use super::SiteError;
use super::address::IdShape;
use super::originals::Originals;
use super::total::Total;
use crate::archive::PhotoId;
use crate::config::Manifest;
use futures_util::stream::{self, BoxStream, StreamExt};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Ids read ahead of the pipeline.
const AHEAD: usize = 256;

/// The longest line that can still be an id; of longer ones no more is kept.
const LONGEST_LINE: usize = 4096;

/// Ids that are looked at to find a few others than the failing one.
const SAMPLED: usize = 10_000;

/// Such other ids.
const SAMPLE: usize = 8;

/// Where the ids come from. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Listing {
    source: Source,
    shape: IdShape,
    stop: CancellationToken,
    /// Ids that were listed lately, for sources that can be read only once.
    recent: Arc<Mutex<VecDeque<PhotoId>>>,
    total: Total,
}

#[derive(Clone, Debug)]
enum Source {
    File(PathBuf),
    /// A pipe or a device: what was read is gone.
    Once(PathBuf),
    Stdin,
    Ids(Arc<[PhotoId]>),
    Originals(Originals),
    Nothing,
}

type Item = Result<PhotoId, SiteError>;

impl Listing {
    /// The manifest where there is one, else the walk through the originals.
    pub(super) fn new(
        manifest: Option<&Manifest>,
        folder: Option<&Originals>,
        shape: &IdShape,
        stop: CancellationToken,
    ) -> Result<Self, SiteError> {
        let source = match (manifest, folder) {
            (Some(Manifest::File(path)), _) => {
                let metadata = path.metadata().map_err(|error| unopened(path, &error))?;
                if metadata.is_dir() {
                    let text = format!("{} is a folder; check site.manifest", path.display());
                    return Err(SiteError::Settings(text));
                }
                if metadata.is_file() {
                    Source::File(path.clone())
                } else {
                    Source::Once(path.clone())
                }
            }
            (Some(Manifest::Stdin), _) => Source::Stdin,
            (Some(Manifest::Ids(ids)), _) => Source::Ids(ids.as_slice().into()),
            (None, Some(folder)) => Source::Originals(folder.clone()),
            (None, None) => Source::Nothing,
        };
        Ok(Self {
            source,
            shape: shape.clone(),
            stop,
            recent: Arc::default(),
            total: Total::default(),
        })
    }

    /// The ids in order. The stream ends with the source, or with the error
    /// that made reading on impossible.
    pub(super) fn stream(&self) -> BoxStream<'static, Item> {
        let (sender, items) = mpsc::channel(AHEAD);
        self.count(sender.downgrade());
        let listing = self.clone();
        // A thread of its own, because a read from a terminal or a pipe may
        // wait for ever, and the runtime would wait for it at its end.
        let reader = std::thread::Builder::new()
            .name("listing".to_owned())
            .spawn(move || {
                listing.walk(|item| match sender.blocking_send(item) {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(_) => ControlFlow::Break(()),
                });
            });
        let reader = match reader {
            Ok(handle) => handle,
            Err(error) => {
                let text = format!("no thread for the listing: {error}");
                return stream::iter([Err(SiteError::Settings(text))]).boxed();
            }
        };
        let ids = Ids {
            items,
            reader: Some(reader),
            stop: self.stop.clone(),
        };
        stream::unfold(ids, |mut ids| async move { Some((ids.next().await?, ids)) }).boxed()
    }

    /// How many ids there are, as soon as they are counted.
    pub(super) fn total(&self) -> Option<u64> {
        self.total.known()
    }

    /// Counts beside the listing. A walk through originals has things to tell, and
    /// they are told once, so that it is not walked twice.
    fn count(&self, listed: mpsc::WeakSender<Item>) {
        self.total.forget();
        if !matches!(self.source, Source::File(_) | Source::Ids(_)) {
            return;
        }
        let listing = self.clone();
        self.total.count(listed, move |sink| {
            listing.walk(|_| sink());
        });
    }

    /// A few ids other than this one, to find out whether others fare better.
    /// Blocks.
    pub(super) fn others(&self, than: &PhotoId) -> Vec<PhotoId> {
        let mut others = Vec::new();
        if matches!(self.source, Source::Stdin | Source::Once(_)) {
            let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
            others.extend(recent.iter().cloned());
        } else {
            self.walk(|item| {
                others.extend(item);
                if others.len() < SAMPLED {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            });
        }
        others.retain(|id| id != than);
        // Neighbours are often alike (one private album), so they are spread.
        fastrand::shuffle(&mut others);
        others.truncate(SAMPLE);
        others
    }

    fn walk(&self, mut sink: impl FnMut(Item) -> ControlFlow<()>) {
        let mut noted = |item: Item| {
            if let Ok(id) = &item {
                self.note(id);
            }
            sink(item)
        };
        match &self.source {
            Source::File(path) | Source::Once(path) => match File::open(path) {
                Ok(file) => {
                    let name = path.display().to_string();
                    read_lines(BufReader::new(file), &name, &self.shape, noted);
                }
                Err(error) => {
                    let _ = noted(Err(unopened(path, &error)));
                }
            },
            Source::Stdin => read_lines(io::stdin().lock(), "standard input", &self.shape, noted),
            Source::Ids(ids) => {
                for id in ids.iter() {
                    let item = match self.shape.split(id.as_str()) {
                        Ok(_) => Ok(id.clone()),
                        Err(why) => {
                            Err(SiteError::Photo(format!("{}: {why}", excerpt(id.as_str()))))
                        }
                    };
                    if noted(item).is_break() {
                        return;
                    }
                }
            }
            Source::Originals(folder) => folder.walk(&self.shape, noted),
            Source::Nothing => {
                let _ = noted(Err(SiteError::Settings(
                    "nothing lists the photos; set site.manifest, or site.pixels to a folder"
                        .to_owned(),
                )));
            }
        }
    }

    fn note(&self, id: &PhotoId) {
        if matches!(self.source, Source::Stdin | Source::Once(_)) {
            let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
            recent.push_back(id.clone());
            if recent.len() > AHEAD {
                recent.pop_front();
            }
        }
    }
}

/// The receiving end of a listing.
struct Ids {
    items: mpsc::Receiver<Item>,
    /// Gone once the listing has ended.
    reader: Option<JoinHandle<()>>,
    stop: CancellationToken,
}

impl Ids {
    async fn next(&mut self) -> Option<Item> {
        self.reader.as_ref()?;
        let Some(item) = self.stop.run_until_cancelled(self.items.recv()).await else {
            self.reader = None;
            return Some(Err(SiteError::Cancelled));
        };
        if item.is_some() {
            return item;
        }
        // A listing that breaks off must not pass for a short archive.
        let reader = self.reader.take()?;
        let text = "the listing broke off by a fault of its own".to_owned();
        reader.join().err().map(|_| Err(SiteError::Settings(text)))
    }
}

/// Reads one id a line. Blank lines and those that begin with `#` are passed
/// over; a `#` further on belongs to a name.
pub(super) fn read_lines(
    mut reader: impl BufRead,
    name: &str,
    shape: &IdShape,
    mut sink: impl FnMut(Item) -> ControlFlow<()>,
) {
    let mut number = 0_u64;
    let mut line = Vec::new();
    loop {
        line.clear();
        number += 1;
        let item = match next_line(&mut reader, &mut line) {
            Ok(Line::End) => return,
            Ok(Line::TooLong) => Err(unusable(name, number, "it is far too long")),
            Ok(Line::Whole) if number == 1 && is_utf16(&line) => {
                let text = format!("{name} is UTF-16; save it as UTF-8");
                let _ = sink(Err(SiteError::Settings(text)));
                return;
            }
            Ok(Line::Whole) => match photo(&line, shape) {
                Ok(None) => continue,
                Ok(Some(id)) => Ok(id),
                Err(why) => Err(unusable(name, number, &why)),
            },
            Err(error) => {
                let text = format!("{name} can't be read after line {}: {error}", number - 1);
                let _ = sink(Err(SiteError::Settings(text)));
                return;
            }
        };
        if sink(item).is_break() {
            return;
        }
    }
}

enum Line {
    Whole,
    TooLong,
    End,
}

fn next_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Line> {
    let read = reader
        .by_ref()
        .take(LONGEST_LINE as u64)
        .read_until(b'\n', line)?;
    if read == 0 {
        return Ok(Line::End);
    }
    if read == LONGEST_LINE && !line.ends_with(b"\n") {
        reader.skip_until(b'\n')?;
        return Ok(Line::TooLong);
    }
    Ok(Line::Whole)
}

/// The photo that a line names, if it names any.
fn photo(line: &[u8], shape: &IdShape) -> Result<Option<PhotoId>, String> {
    let text = std::str::from_utf8(line).map_err(|_| "it is not UTF-8".to_owned())?;
    // Editors put the mark at the start of a file, tools that join files leave
    // it in the middle.
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.is_empty() || text.starts_with('#') {
        return Ok(None);
    }
    shape
        .split(text)
        .map_err(|why| format!("{}: {why}", excerpt(text)))?;
    Ok(Some(PhotoId::new(text)))
}

fn unusable(name: &str, number: u64, why: &str) -> SiteError {
    SiteError::Photo(format!("{name} line {number}: {why}"))
}

fn unopened(path: &Path, error: &io::Error) -> SiteError {
    let path = path.display();
    SiteError::Settings(format!(
        "the list of photos {path} can't be opened: {error}; check site.manifest"
    ))
}

fn is_utf16(line: &[u8]) -> bool {
    line.starts_with(b"\xff\xfe") || line.starts_with(b"\xfe\xff")
}

/// A text from outside, as a message may show it.
fn excerpt(text: &str) -> String {
    let start: String = text.chars().take(60).collect();
    let more = if start.len() < text.len() { "…" } else { "" };
    format!("\"{}{more}\"", start.escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn shape() -> IdShape {
        IdShape::try_from(vec!["album".to_owned(), "name".to_owned()]).unwrap()
    }

    fn lines(bytes: &[u8]) -> Vec<Result<String, SiteError>> {
        let mut items = Vec::new();
        read_lines(Cursor::new(bytes), "photos.txt", &shape(), |item| {
            items.push(item.map(|id| id.to_string()));
            ControlFlow::Continue(())
        });
        items
    }

    fn listing(manifest: &Manifest) -> Result<Listing, SiteError> {
        Listing::new(Some(manifest), None, &shape(), CancellationToken::new())
    }

    #[test]
    fn a_manifest_is_read_as_people_write_it() {
        let ids: Vec<String> =
            lines("\u{feff}# all\r\na/1\r\n\r\n  a b/2 #x\t\n\u{feff}ü/3\na/1".as_bytes())
                .into_iter()
                .map(Result::unwrap)
                .collect();
        assert_eq!(ids, ["a/1", "a b/2 #x", "ü/3", "a/1"]);
    }

    #[test]
    fn an_unusable_line_is_named_and_the_rest_is_read() {
        let mut text = b"a/1\nplain\na/b/c\n\xff/x\n../x\n".to_vec();
        text.extend(vec![b'x'; 3 * LONGEST_LINE]);
        text.extend(b"\na/\x1b[31m\na/2");
        let items = lines(&text);
        let said: Vec<String> = items
            .iter()
            .map(|item| match item {
                Ok(id) => id.clone(),
                Err(SiteError::Photo(text)) => text.clone(),
                Err(other) => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(
            said,
            [
                "a/1",
                "photos.txt line 2: \"plain\": it is not of the form album/name",
                "photos.txt line 3: \"a/b/c\": it is not of the form album/name",
                "photos.txt line 4: it is not UTF-8",
                "photos.txt line 5: \"../x\": its album is \"..\"",
                "photos.txt line 6: it is far too long",
                "photos.txt line 7: \"a/\\u{1b}[31m\": it contains control characters",
                "a/2",
            ]
        );
    }

    #[test]
    fn utf16_is_one_sentence_and_not_a_thousand() {
        let items = lines(b"\xff\xfea\0/\x001\0\n\0b\0");
        assert!(
            matches!(items.as_slice(), [Err(SiteError::Settings(text))] if text.contains("UTF-8")),
            "{items:?}"
        );
    }

    #[test]
    fn a_missing_manifest_is_an_error_at_once() {
        let dir = tempfile::tempdir().unwrap();
        for path in [dir.path().join("none.txt"), dir.path().to_owned()] {
            let error = listing(&Manifest::File(path)).unwrap_err();
            assert!(matches!(error, SiteError::Settings(_)), "{error:?}");
        }
    }

    #[tokio::test]
    async fn a_long_listing_is_streamed_and_can_be_left() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let lines: Vec<String> = (0..5000).map(|n| format!("a/{n}")).collect();
        std::fs::write(file.path(), lines.join("\n")).unwrap();
        let listing = listing(&Manifest::File(file.path().to_owned())).unwrap();
        let all: Vec<_> = listing.stream().collect().await;
        assert_eq!(all.len(), 5000);
        assert_eq!(all[4999], Ok(PhotoId::new("a/4999")));

        let mut left = listing.stream();
        assert!(left.next().await.is_some());
        listing.stop.cancel();
        // What the channel holds does not delay the end.
        assert_eq!(left.next().await, Some(Err(SiteError::Cancelled)));
        assert_eq!(left.next().await, None);
    }

    #[test]
    fn others_are_a_few_and_never_the_one_itself() {
        let ids: Vec<PhotoId> = (0..100).map(|n| PhotoId::new(format!("a/{n}"))).collect();
        let listing = listing(&Manifest::Ids(ids.clone())).unwrap();
        for id in &ids {
            let others = listing.others(id);
            assert_eq!(others.len(), SAMPLE);
            assert!(!others.contains(id));
        }
    }
}

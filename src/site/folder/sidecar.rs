//! The texts of one photo: what its sidecars and its own file say, which of them
//! counts, and the change of a sidecar.

use super::super::{ChangeSet, SiteError, TagChange};
use super::naming::{full_name, same_file, sharing, short_name};
use super::replace::{self, Before, Unput};
use super::spellings::{Others, Spellings};
use super::tree::{Place, Tree, read};
use crate::archive::{PhotoId, Reading, Tag};
use crate::config::SidecarName;
use crate::photo;
use crate::xmp::{self, Edited, Mark, MarkWish, Packet, Wish};
use std::fs::{File, Metadata};
use std::path::Path;

/// How sidecars are read and written.
#[derive(Clone, Debug)]
pub(super) struct Sidecars {
    pub(super) language: String,
    /// How new ones are named.
    pub(super) name: SidecarName,
    pub(super) spellings: Spellings,
}

/// How often a change is tried again when somebody else is at work on the same
/// sidecar.
const TRIES: u32 = 3;

/// A sidecar that is there.
struct Sidecar {
    name: String,
    before: Before,
    packet: Packet,
}

/// Everything that says something of a photo.
pub(super) struct Texts {
    place: Place,
    photo: Metadata,
    /// In the order in which they count.
    sidecars: Vec<Sidecar>,
    embedded: Packet,
    /// The name of a sidecar that may belong to another file too, and is not used.
    shared: bool,
}

/// Which of them has the alt text that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Sidecar(usize),
    Embedded,
    None,
}

impl Sidecars {
    /// Reads all that is there of a photo.
    pub(super) fn texts(&self, tree: &Tree, id: &PhotoId) -> Result<Texts, SiteError> {
        let (place, mut file, photo) = tree.photo(id)?;
        let embedded = self.embedded(tree, &place, &mut file)?;
        let mut texts = Texts {
            photo,
            sidecars: Vec::new(),
            embedded,
            shared: false,
            place,
        };
        let Others { full, short } = self.spellings.others(&texts.place.path, &texts.place.name);
        let usual = full_name(&texts.place.name);
        for name in with_others(&texts.place, usual, full) {
            let found = self.sidecar(tree, &texts.place, &name, id)?;
            texts.sidecars.extend(found);
        }
        let named_for_it = !texts.sidecars.is_empty();
        let usual = short_name(&texts.place.name);
        for name in with_others(&texts.place, usual, short) {
            if texts.place.has(&name) {
                self.short(tree, id, &name, named_for_it, &mut texts)?;
            }
        }
        Ok(texts)
    }

    /// Reads a sidecar of the form `photo.xmp`, which another file may share.
    fn short(
        &self,
        tree: &Tree,
        id: &PhotoId,
        short: &str,
        named_for_it: bool,
        texts: &mut Texts,
    ) -> Result<(), SiteError> {
        let Some(other) = sharing(&texts.place) else {
            let found = self.sidecar(tree, &texts.place, short, id)?;
            texts.sidecars.extend(found);
            return Ok(());
        };
        texts.shared = true;
        if named_for_it {
            return Ok(());
        }
        let says = self.sidecar(tree, &texts.place, short, id);
        if matches!(&says, Ok(Some(it)) if blank(it.packet.alt.as_ref())) {
            return Ok(());
        }
        Err(SiteError::Photo(format!(
            "{id}: {short} may belong to {other} as well as to {name}; rename it to {name}.xmp, \
             or to {other}.xmp",
            name = texts.place.name
        )))
    }

    fn sidecar(
        &self,
        tree: &Tree,
        place: &Place,
        name: &str,
        id: &PhotoId,
    ) -> Result<Option<Sidecar>, SiteError> {
        let path = place.path.join(name);
        let before = replace::before(place, name, xmp::LARGEST);
        let before = before.map_err(|error| tree.trouble(&path, "read", &error))?;
        let Some(before) = before else {
            return Ok(None);
        };
        let packet =
            Packet::read(&before.bytes, &self.language).map_err(|why| unsound(id, &path, &why))?;
        Ok(Some(Sidecar {
            name: name.to_owned(),
            before,
            packet,
        }))
    }

    /// What stands in the image file itself. A packet there that makes no sense is
    /// nobody's text, and nothing that we would write to.
    fn embedded(&self, tree: &Tree, place: &Place, file: &mut File) -> Result<Packet, SiteError> {
        let path = place.path.join(&place.name);
        let bytes = photo::embedded_xmp(file);
        let bytes = bytes.map_err(|error| tree.trouble(&path, "read", &error))?;
        let packet = bytes.map(|bytes| Packet::read(&bytes, &self.language));
        Ok(match packet {
            Some(Ok(packet)) => packet,
            Some(Err(why)) => {
                tracing::debug!("{}: the XMP inside is not used: {why}", path.display());
                Packet::default()
            }
            None => Packet::default(),
        })
    }

    /// Changes a photo's alt text and mark, if they are still what was `read`.
    pub(super) fn write(
        &self,
        tree: &Tree,
        id: &PhotoId,
        change: &ChangeSet,
        read: &Reading,
    ) -> Result<Reading, SiteError> {
        for _ in 0..TRIES {
            let texts = self.texts(tree, id)?;
            let now = texts.reading();
            if now.alt_text() != read.alt_text() || now.tag != read.tag {
                let text = format!("{id}: somebody changed its alt text just now");
                return Err(SiteError::Conflict(text));
            }
            let target = texts.target(self.name, id)?;
            let path = texts.place.path.join(target.name());
            match self.carry_out(tree, (id, &path), &texts, &target, change) {
                Ok(()) => return Ok(self.texts(tree, id)?.reading()),
                // Something else in it may have changed: that is taken over.
                Err(Undone::Unput(Unput::Changed)) => {}
                Err(Undone::Unput(Unput::Failed(doing, error))) => {
                    return Err(tree.trouble(&path, doing, &error));
                }
                Err(Undone::Refused(error)) => return Err(error),
            }
        }
        Err(SiteError::Conflict(format!(
            "{id}: its sidecar is being changed by somebody else"
        )))
    }

    fn carry_out(
        &self,
        tree: &Tree,
        (id, path): (&PhotoId, &Path),
        texts: &Texts,
        target: &Target<'_>,
        change: &ChangeSet,
    ) -> Result<(), Undone> {
        let text = texts.wished(change);
        let wish = Wish {
            text: &text,
            language: &self.language,
            mark: match change.tag {
                TagChange::Keep => MarkWish::Keep,
                TagChange::Clear => MarkWish::Clear,
                TagChange::Set(source) => MarkWish::Set(self.mark(source, &text, &texts.embedded)),
            },
        };
        let (place, like) = (&texts.place, &texts.photo);
        match target {
            Target::New(_) if text.is_empty() && !matches!(wish.mark, MarkWish::Set(_)) => {}
            Target::New(name) => replace::put(place, name, None, like, &xmp::fresh(&wish))?,
            Target::There(Sidecar { name, before, .. }) => {
                protected(tree, place, name)?;
                let edited = xmp::edit(&before.bytes, &wish);
                match edited.map_err(|why| unsound(id, path, &why))? {
                    Edited::Bytes(bytes) if bytes == before.bytes => {}
                    Edited::Bytes(bytes) => replace::put(place, name, Some(before), like, &bytes)?,
                    Edited::Nothing => replace::remove(place, name, before)?,
                }
            }
        }
        Ok(())
    }

    fn mark(&self, source: Tag, text: &str, embedded: &Packet) -> Mark {
        let inside = embedded.alt.as_deref().filter(|alt| !alt.trim().is_empty());
        Mark {
            source,
            digest: xmp::digest(text),
            language: Some(self.language.clone()).filter(|_| !text.is_empty()),
            above: inside.map(xmp::digest),
        }
    }
}

/// Why a change was not made.
enum Undone {
    Unput(Unput),
    Refused(SiteError),
}

impl From<Unput> for Undone {
    fn from(unput: Unput) -> Self {
        Self::Unput(unput)
    }
}

impl From<SiteError> for Undone {
    fn from(error: SiteError) -> Self {
        Self::Refused(error)
    }
}

/// A sidecar to write to.
enum Target<'t> {
    There(&'t Sidecar),
    New(String),
}

impl Target<'_> {
    fn name(&self) -> &str {
        match self {
            Self::There(sidecar) => &sidecar.name,
            Self::New(name) => name,
        }
    }
}

impl Texts {
    /// What counts of all of it.
    pub(super) fn reading(&self) -> Reading {
        let sidecar = self.sidecars.first().map(|sidecar| &sidecar.packet);
        let packet = match self.source() {
            Source::Sidecar(at) => Some(&self.sidecars[at].packet),
            Source::Embedded => Some(&self.embedded),
            Source::None => sidecar,
        };
        let packets = || {
            let sidecars = self.sidecars.iter().map(|sidecar| &sidecar.packet);
            sidecars.chain([&self.embedded])
        };
        let first =
            |part: fn(&Packet) -> &Option<String>| packets().find_map(|it| part(it).clone());
        Reading {
            alt: packet.and_then(|packet| packet.alt.clone()),
            tag: packet.and_then(Packet::tag),
            title: first(|packet| &packet.title),
            caption: first(|packet| &packet.caption),
            place: first(|packet| &packet.place),
            ..Reading::default()
        }
    }

    /// The files that were read for it.
    pub(super) fn sidecars(&self) -> impl Iterator<Item = &str> {
        self.sidecars.iter().map(|sidecar| sidecar.name.as_str())
    }

    /// Whether the image file itself holds an alt text.
    pub(super) fn is_embedded(&self) -> bool {
        self.source() == Source::Embedded
    }

    /// A text that a person wrote counts before one that a machine wrote, wherever
    /// it stands; else the first.
    fn source(&self) -> Source {
        let sidecars = self.sidecars.iter().enumerate();
        let sidecars = sidecars.map(|(at, it)| (Source::Sidecar(at), &it.packet));
        let all: Vec<_> = sidecars
            .chain([(Source::Embedded, &self.embedded)])
            .collect();
        let there = |packet: &Packet| !blank(packet.alt.as_ref());
        let overruled = |text: &str| {
            let digest = xmp::digest(text);
            let marks = self.sidecars.iter().filter(|it| there(&it.packet));
            let mut marks = marks.filter_map(|it| it.packet.mark.as_ref());
            marks.any(|mark| mark.above.as_ref() == Some(&digest))
        };
        let counts = |source: Source, packet: &Packet| {
            let text = packet.alt.as_deref().unwrap_or_default();
            there(packet) && !(source == Source::Embedded && overruled(text))
        };
        let of = |fits: &dyn Fn(&Packet) -> bool| {
            let mut found = all
                .iter()
                .filter(|(source, packet)| counts(*source, packet));
            found
                .find(|(_, packet)| fits(packet))
                .map(|(source, _)| *source)
        };
        of(&|packet| packet.tag() != Some(Tag::Machine))
            .or_else(|| of(&|_| true))
            .unwrap_or(Source::None)
    }

    /// The sidecar to write to: the one with the text that counts, else the first,
    /// else a new one.
    fn target(&self, new: SidecarName, id: &PhotoId) -> Result<Target<'_>, SiteError> {
        let there = match self.source() {
            Source::Sidecar(at) => self.sidecars.get(at),
            Source::Embedded | Source::None => self.sidecars.first(),
        };
        if let Some(sidecar) = there {
            return Ok(Target::There(sidecar));
        }
        let name = &self.place.name;
        match new {
            SidecarName::Full => Ok(Target::New(full_name(name))),
            SidecarName::Short => match sharing(&self.place) {
                None if !self.shared => Ok(Target::New(short_name(name))),
                other => Err(SiteError::Photo(format!(
                    "{id}: {} would belong to {} as well; set site.sidecar to \"photo.jpg.xmp\", \
                     or rename one of them",
                    short_name(name),
                    other.unwrap_or_default()
                ))),
            },
        }
    }

    /// The text to write. Where the text in the image file is to count again, the
    /// sidecar's goes.
    fn wished(&self, change: &ChangeSet) -> String {
        let inside = self.embedded.alt.as_deref();
        let goes_back = !matches!(change.tag, TagChange::Set(_)) && inside == Some(&change.alt);
        let ours = match self.source() {
            Source::Sidecar(at) => self.sidecars[at].packet.tag().is_some(),
            Source::Embedded | Source::None => true,
        };
        if goes_back && ours {
            return String::new();
        }
        change
            .alt
            .chars()
            .filter(|it| xmp::legal(it.encode_utf8(&mut [0; 4])))
            .collect()
    }
}

/// A sidecar's usual name and its others; where the file system tells no capitals,
/// they may all be one file.
fn with_others(place: &Place, usual: String, mut others: Vec<String>) -> Vec<String> {
    others.retain(|name| !same_file(place, name, &usual));
    others.insert(0, usual);
    others
}

fn blank(text: Option<&String>) -> bool {
    text.is_none_or(|text| text.trim().is_empty())
}

/// A sidecar that somebody protected from being written is not replaced, though
/// the directory would allow it.
fn protected(tree: &Tree, place: &Place, name: &str) -> Result<(), SiteError> {
    let may = place.may(name, nix::unistd::AccessFlags::W_OK);
    may.map_err(|error| tree.trouble(&place.path.join(name), "written", &error))
}

fn unsound(id: &PhotoId, path: &Path, why: &xmp::XmpError) -> SiteError {
    SiteError::Photo(format!(
        "{id}: {} can't be used: {why}; it is left as it is",
        path.display()
    ))
}

/// A photo's bytes.
pub(super) fn pixels(
    tree: &Tree,
    id: &PhotoId,
    most: u64,
) -> Result<(Vec<u8>, Metadata), SiteError> {
    let (place, mut file, metadata) = tree.photo(id)?;
    let path = place.path.join(&place.name);
    let bytes = read(&mut file, most).map_err(|error| tree.trouble(&path, "read", &error))?;
    Ok((bytes, metadata))
}

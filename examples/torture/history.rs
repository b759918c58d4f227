//! The truth: what stood on the site at every moment, who put it there, and
//! what the client had been shown when it wrote.

use super::clock::Moment;
use std::collections::BTreeMap;

/// Who put a text where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Author {
    /// Nobody ever.
    Nobody,
    /// A person at the site, or one who used `fix --text`.
    Person,
    /// The machine.
    Client,
}

/// What stands on the site for one photo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stand {
    /// The alt text.
    pub(crate) alt: String,
    /// The field `verified`, where it is there.
    pub(crate) verified: Option<u8>,
    /// Who put the text there (or took it away).
    pub(crate) author: Author,
    /// When the text last changed.
    pub(crate) since: u64,
    /// When the mark last changed.
    pub(crate) marked: u64,
    /// Counts all changes, for entity tags.
    pub(crate) version: u64,
}

impl Stand {
    /// Whether a person stands behind a text that is there.
    pub(crate) fn is_a_persons(&self) -> bool {
        !self.alt.trim().is_empty() && (self.author == Author::Person || self.verified == Some(1))
    }
}

/// One change of what stands there.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    /// When; for whoever reads the whole history.
    #[expect(dead_code, reason = "printed only")]
    pub(crate) at: u64,
    /// The text that the client had been shown when it wrote.
    pub(crate) seen: Option<String>,
    /// The number of the execution that asked for it; `None` for a person.
    pub(crate) run: Option<u64>,
    /// What stood there.
    pub(crate) before: Stand,
    /// What stands there now.
    pub(crate) after: Stand,
}

/// What the client was shown last.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    /// The moment of the snapshot.
    pub(crate) at: u64,
    /// The same by the clock.
    pub(crate) clock: Moment,
    /// In which execution.
    pub(crate) run: u64,
    /// What it saw.
    pub(crate) stand: Stand,
}

/// One photo with all that ever happened to it.
#[derive(Clone, Debug)]
pub(crate) struct Photo {
    /// Its title, with a token that no other photo has.
    pub(crate) title: String,
    /// Which image it has now.
    pub(crate) pixels: u32,
    /// It is off the site for now.
    pub(crate) gone: bool,
    /// What stands there.
    pub(crate) stand: Stand,
    /// All changes, the oldest first.
    pub(crate) changes: Vec<Change>,
    /// The last whole, true reading that left for the client.
    pub(crate) shown: Option<Shown>,
    /// When the client last asked for its image or for a caption.
    pub(crate) worked_on: u64,
    /// A person took away a text that the client knows of for sure.
    pub(crate) cleared_knowingly: Option<u64>,
    /// A write landed long after its sender had given up on it.
    pub(crate) landed_late: bool,
}

impl Photo {
    /// A photo that nobody has written about.
    pub(crate) fn new(title: String, pixels: u32, verified: Option<u8>) -> Self {
        Self {
            title,
            pixels,
            gone: false,
            stand: Stand {
                alt: String::new(),
                verified,
                author: Author::Nobody,
                since: 0,
                marked: 0,
                version: 1,
            },
            changes: Vec::new(),
            shown: None,
            worked_on: 0,
            cleared_knowingly: None,
            landed_late: false,
        }
    }

    /// A text that a person had written before all this began.
    pub(crate) fn written_by_person(mut self, text: &str, verified: Option<u8>) -> Self {
        text.clone_into(&mut self.stand.alt);
        self.stand.verified = verified;
        self.stand.author = Author::Person;
        self
    }

    /// Whether this text ever stood there by the client's doing.
    pub(crate) fn ever_had(&self, text: &str) -> bool {
        self.stand.alt == text
            || self
                .changes
                .iter()
                .any(|change| change.after.alt == text || change.before.alt == text)
    }
}

/// What an execution may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Errand {
    /// Fill in what is missing.
    Backfill,
    /// Replace our own.
    Upgrade,
    /// Make drafts only.
    Preview,
    /// Only look.
    Look,
    /// One photo, and whether a person consented to replace whatever stands there.
    Fix(String, Consent),
    /// Take back what these executions wrote.
    Undo(Vec<u64>),
}

/// Whether a person agreed that a person's text is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Consent {
    /// `--replace-human`.
    Given,
    /// Not asked for.
    None,
}

/// A change on its way to the site.
#[expect(
    clippy::struct_excessive_bools,
    reason = "four facts about one request"
)]
#[derive(Clone, Debug)]
pub(crate) struct Patch {
    /// The photo.
    pub(crate) photo: String,
    /// The new text, where it is sent.
    pub(crate) alt: Option<String>,
    /// The new mark, where it is sent.
    pub(crate) verified: Option<u8>,
    /// Which execution sent it.
    pub(crate) run: u64,
    /// What that execution was for.
    pub(crate) errand: Errand,
    /// When it arrived.
    pub(crate) arrived: u64,
    /// What its sender had been shown last.
    pub(crate) shown: Option<Shown>,
    /// Whether the site checks for itself that nothing changed since.
    pub(crate) conditional: bool,
    /// It names a version that is not the one that stands there.
    pub(crate) stale: bool,
    /// It lands after its sender gave up.
    pub(crate) late: bool,
    /// What stands there was made from another image than the one of now.
    pub(crate) outdated: bool,
}

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    /// Which one.
    pub(crate) promise: &'static str,
    /// What happened.
    pub(crate) what: String,
}

/// Overwritten texts that no client could have saved.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Windows {
    /// A person wrote between the last read and the arrival of the write.
    pub(crate) round_trip: u64,
    /// A person wrote before a write landed whose sender had given it up.
    pub(crate) late: u64,
    /// The longest time between a read and its write, in milliseconds.
    pub(crate) longest_ms: u64,
}

/// The site's whole history.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    /// The photos by id.
    pub(crate) photos: BTreeMap<String, Photo>,
    /// Counts everything that happens.
    pub(crate) now: u64,
    /// Promises broken so far.
    pub(crate) broken: Vec<Broken>,
    /// Losses that are nobody's fault.
    pub(crate) windows: Windows,
    /// Writes that landed.
    pub(crate) landed: u64,
    /// Edits by people.
    pub(crate) edits: u64,
}

impl History {
    /// The next moment.
    pub(crate) fn tick(&mut self) -> u64 {
        self.now += 1;
        self.now
    }

    /// Notes that a promise was broken.
    pub(crate) fn breaks(&mut self, promise: &'static str, what: String) {
        let broken = Broken { promise, what };
        if !self.broken.contains(&broken) {
            self.broken.push(broken);
        }
    }

    /// A person changes text, mark, or both.
    pub(crate) fn person(&mut self, id: &str, alt: Option<String>, verified: Option<u8>) {
        let at = self.tick();
        self.edits += 1;
        let Some(photo) = self.photos.get_mut(id) else {
            return;
        };
        let before = photo.stand.clone();
        if let Some(alt) = alt {
            let meant = before.author != Author::Nobody && !before.alt.is_empty();
            let emptied = alt.is_empty() && meant;
            let known = photo.cleared_knowingly.is_some();
            // Only what stood there when an execution ended well is surely known.
            photo.cleared_knowingly = (emptied && known).then_some(at);
            photo.stand.alt = alt;
            photo.stand.author = Author::Person;
        }
        if before.alt != photo.stand.alt {
            photo.stand.since = at;
        }
        if verified.is_some() {
            photo.stand.verified = verified;
            photo.stand.marked = at;
        }
        photo.stand.version += 1;
        let after = photo.stand.clone();
        photo.changes.push(Change {
            at,
            seen: None,
            run: None,
            before,
            after,
        });
    }

    /// An execution ended by itself: what the client was shown of each photo, or
    /// wrote there, is on its record.
    pub(crate) fn ended_well(&mut self, run: u64) {
        for photo in self.photos.values_mut() {
            let seen = photo
                .shown
                .as_ref()
                .is_some_and(|shown| shown.run == run && shown.at > photo.stand.since);
            if seen && !photo.stand.alt.trim().is_empty() {
                // Not cleared yet, but from here on a clearing will be known.
                photo.cleared_knowingly.get_or_insert(1);
            }
        }
    }
}

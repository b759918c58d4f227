//! Photos and slots: what the last look showed, and what is known of a slot.

use super::{Checkpoint, CheckpointError, decisions, remember};
use crate::archive::{
    DraftId, Language, LastLook, Listed, ModelName, Moment, News, OurText, Owner, PhotoId,
    PixelVersion, Reading, Recipe, Record, RunNumber, SlotKind, Tag, WriteId,
};
use rusqlite::{Connection, OptionalExtension, named_params, params};

/// The number of a slot in the checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SlotRow(pub i64);

/// A photo of the listing that this run takes on.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// Which photo.
    pub photo: PhotoId,
    /// Its slot.
    pub slot: SlotRow,
    /// What is known of the slot.
    pub record: Record,
    /// What the listing says of it, where it says enough.
    pub listed: Option<Reading>,
    /// Whether being listed says that it changed.
    pub news: News,
    /// Whether this run had it already: a listing may repeat itself.
    pub repeated: bool,
}

/// What a look at the site found, to be recorded.
#[derive(Clone, Debug)]
pub struct Look {
    /// The slot.
    pub slot: SlotRow,
    /// What the site said.
    pub reading: Reading,
    /// Whose the text is.
    pub owner: Owner,
    /// The text is missing because a person removed it.
    pub cleared: bool,
    /// The text is known to be a person's, whatever a tag will say.
    pub for_good: bool,
    /// When.
    pub at: Moment,
}

/// A failure of one photo, to be recorded.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The slot.
    pub slot: SlotRow,
    /// What failed, in a sentence.
    pub error: String,
    /// Tries so far, this one included.
    pub tries: u32,
    /// When it is tried again; `None` parks it until its pixels change.
    pub due: Option<Moment>,
    /// Which image it failed with, where that is known.
    pub pixels: Option<PixelVersion>,
    /// When it failed.
    pub at: Moment,
}

impl Checkpoint {
    /// Takes photos of a listing into a run, and tells what is known of each. One
    /// that is not listed as it was last seen is pending from now on, until a look
    /// is recorded.
    pub async fn admit(
        &self,
        run: RunNumber,
        photos: Vec<Listed>,
        kind: SlotKind,
        language: &Language,
    ) -> Result<Vec<Admitted>, CheckpointError> {
        let (site, language) = (self.site.to_string(), language.to_string());
        self.verb(move |connection| {
            let one = |listed: Listed| admit_one(connection, &site, run, (kind, &language), listed);
            photos.into_iter().map(one).collect()
        })
        .await
    }

    /// Says that the texts of this site are in `language` from now on: it has one
    /// text for each photo, so that what is known of it in another language (that a
    /// person wrote it, removed it, or wants none) is known of this one.
    pub async fn one_text_is_meant(
        &self,
        kind: SlotKind,
        language: &Language,
    ) -> Result<(), CheckpointError> {
        let (site, language) = (self.site.to_string(), language.to_string());
        self.verb(move |connection| {
            connection
                .prepare_cached(
                    "UPDATE OR IGNORE slots SET language = ?3
                     WHERE kind = ?2 AND language <> ?3
                     AND photo IN (SELECT id FROM photos WHERE site = ?1)",
                )?
                .execute(params![site, kind.as_str(), language])
                .map(drop)
        })
        .await
    }

    /// What is known of a slot now.
    pub async fn record(&self, slot: SlotRow) -> Result<Record, CheckpointError> {
        self.verb(move |connection| load_record(connection, slot))
            .await
    }

    /// Photos whose last look had this owner, with their text then, in the order
    /// of their ids, a page at a time: those after `after`.
    pub async fn photos_owned_by(
        &self,
        owner: Owner,
        after: Option<PhotoId>,
        limit: usize,
    ) -> Result<Vec<(PhotoId, String)>, CheckpointError> {
        let site = self.site.to_string();
        self.verb(move |connection| {
            connection
                .prepare_cached(
                    "SELECT photo, coalesce(alt, '') FROM photos
                     WHERE site = ?1 AND owner = ?2 AND photo > ?3 ORDER BY photo LIMIT ?4",
                )?
                .query_map(
                    params![
                        site,
                        owner.as_str(),
                        after.as_ref().map_or("", PhotoId::as_str),
                        i64::try_from(limit).unwrap_or(i64::MAX)
                    ],
                    |row| Ok((PhotoId::new(row.get::<_, String>(0)?), row.get(1)?)),
                )?
                .collect()
        })
        .await
    }

    /// Records what a look found. A text of ours that a person took over stops
    /// being ours for good.
    pub async fn note_look(&self, look: Look) -> Result<(), CheckpointError> {
        // Some sites repeat a key that came with the address in the addresses that
        // they give.
        let image = look.reading.image.as_deref();
        let image = image.map(|image| self.secrets.mask(image).into_owned());
        self.verb(move |connection| {
            let reading = &look.reading;
            remember::sighting(connection, &look)?;
            connection
                .prepare_cached(
                    "UPDATE photos SET alt = :alt, tag = :tag, owner = :owner, title = :title,
                        caption = :caption, album = :album, image = :image, looked_at = :at,
                        pending = 0, gone = 0
                     WHERE id = (SELECT photo FROM slots WHERE id = :slot)",
                )?
                .execute(named_params! {
                    ":alt": reading.alt, ":tag": reading.tag.map(Tag::as_str),
                    ":owner": look.owner.as_str(), ":title": reading.title,
                    ":caption": reading.caption, ":album": reading.album,
                    ":image": image,
                    ":at": look.at.0, ":slot": look.slot.0,
                })?;
            // Cleared counts too: whatever stands there next, a person put it there.
            let taken_over = look.owner == Owner::Person || look.cleared;
            connection
                .prepare_cached(
                    "UPDATE slots SET
                        person = CASE WHEN :for_good OR (:taken AND write IS NOT NULL)
                            THEN 1 ELSE person END,
                        write = CASE WHEN :taken THEN NULL ELSE write END,
                        cleared = :cleared
                     WHERE id = :slot",
                )?
                .execute(named_params! {
                    ":taken": taken_over, ":for_good": look.for_good, ":cleared": look.cleared, ":slot": look.slot.0,
                })?;
            Ok(())
        })
        .await
    }

    /// Records a failure of one photo.
    pub async fn note_failure(&self, failure: Failure) -> Result<(), CheckpointError> {
        self.verb(move |connection| {
            remember::failure(connection, &failure)?;
            connection
                .prepare_cached(
                    "UPDATE slots SET tries = ?2, due = ?3, parked = ?4, parked_pixels = ?5,
                        last_error = ?6 WHERE id = ?1",
                )?
                .execute(params![
                    failure.slot.0,
                    failure.tries,
                    failure.due.map(|due| due.0),
                    failure.due.is_none(),
                    failure.pixels.as_ref().map(PixelVersion::as_str),
                    failure.error,
                ])
                .map(drop)
        })
        .await
    }

    /// Records that a draft is held (or was turned down), and on which basis.
    pub async fn note_held(
        &self,
        slot: SlotRow,
        draft: DraftId,
        basis: String,
    ) -> Result<(), CheckpointError> {
        self.verb(move |connection| hold(connection, slot, draft, &basis))
            .await
    }
}

/// Marks a draft as held on a basis. One that a person rejected takes the place of
/// none that still waits for a person.
pub(super) fn hold(
    connection: &Connection,
    slot: SlotRow,
    draft: DraftId,
    basis: &str,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE slots SET held_basis = ?3, tries = 0, due = NULL,
                parked = 0, parked_pixels = NULL, last_error = NULL,
                held_draft = CASE WHEN
                    EXISTS (SELECT 1 FROM drafts WHERE id = ?2 AND decision = 'rejected')
                    AND EXISTS (SELECT 1 FROM drafts WHERE id = slots.held_draft
                                AND decision IS NULL)
                    THEN held_draft ELSE ?2 END
             WHERE id = ?1",
        )?
        .execute(params![slot.0, draft.0, basis])
        .map(drop)
}

fn admit_one(
    connection: &Connection,
    site: &str,
    run: RunNumber,
    (kind, language): (SlotKind, &str),
    listed: Listed,
) -> rusqlite::Result<Admitted> {
    let Listed { id, reading, news } = listed;
    let mut upsert = connection.prepare_cached(
        "INSERT INTO photos (site, photo, seen_run, pending) VALUES (?1, ?2, NULL, 1)
         ON CONFLICT (site, photo) DO UPDATE SET photo = photo RETURNING id, seen_run",
    )?;
    let (row, seen): (i64, Option<i64>) = upsert.query_row(params![site, id.as_str()], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    let repeated = seen == Some(run.0);
    if !repeated {
        connection
            .prepare_cached("UPDATE photos SET seen_run = ?2, gone = 0 WHERE id = ?1")?
            .execute(params![row, run.0])?;
    }
    if let Some(reading) = &reading {
        connection
            .prepare_cached(
                "UPDATE photos SET pending = 1
                 WHERE id = ?1 AND (coalesce(alt, '') <> ?2 OR tag IS NOT ?3)",
            )?
            .execute(params![
                row,
                reading.alt_text(),
                reading.tag.map(Tag::as_str)
            ])?;
    } else if news == News::Changed {
        connection
            .prepare_cached("UPDATE photos SET pending = 1 WHERE id = ?1")?
            .execute([row])?;
    }
    let slot = connection
        .prepare_cached(
            "INSERT INTO slots (photo, kind, language) VALUES (?1, ?2, ?3)
             ON CONFLICT (photo, kind, language) DO UPDATE SET kind = kind RETURNING id",
        )?
        .query_row(params![row, kind.as_str(), language], |row| row.get(0))
        .map(SlotRow)?;
    Ok(Admitted {
        photo: id,
        slot,
        record: load_record(connection, slot)?,
        listed: reading,
        news,
        repeated,
    })
}

fn load_record(connection: &Connection, slot: SlotRow) -> rusqlite::Result<Record> {
    let mut record = connection
        .prepare_cached(
            "SELECT slots.person, slots.cleared, slots.decorative, slots.held_draft,
                    slots.held_basis, slots.tries, slots.due, slots.parked, slots.parked_pixels,
                    photos.alt, photos.owner, photos.looked_at,
                    writes.id, writes.alt_kept, writes.recipe, writes.model, writes.pixels,
                    writes.settled_at, drafts.score
             FROM slots
             JOIN photos ON photos.id = slots.photo
             LEFT JOIN writes ON writes.id = slots.write
             LEFT JOIN drafts ON drafts.id = writes.draft
             WHERE slots.id = ?1",
        )?
        .query_row([slot.0], |row| {
            let held = match (
                row.get::<_, Option<i64>>(3)?,
                row.get::<_, Option<String>>(4)?,
            ) {
                (Some(draft), Some(basis)) => Some((DraftId(draft), basis)),
                _ => None,
            };
            let looked: Option<i64> = row.get(11)?;
            let owner: Option<String> = row.get(10)?;
            let look = match (looked, owner.as_deref().and_then(Owner::parse)) {
                (Some(at), Some(owner)) => Some(LastLook {
                    at: Moment(at),
                    alt: row.get::<_, Option<String>>(9)?.unwrap_or_default(),
                    owner,
                }),
                _ => None,
            };
            let ours = match row.get::<_, Option<i64>>(12)? {
                Some(write) => Some(OurText {
                    write: WriteId(write),
                    text: row.get::<_, Option<String>>(13)?.unwrap_or_default(),
                    recipe: row.get::<_, Option<String>>(14)?.map(Recipe::new),
                    model: row.get::<_, Option<String>>(15)?.map(ModelName::new),
                    pixels: row.get::<_, Option<String>>(16)?.map(PixelVersion::new),
                    at: Moment(row.get::<_, Option<i64>>(17)?.unwrap_or_default()),
                    score: row.get(18)?,
                }),
                None => None,
            };
            let parked = row
                .get::<_, bool>(7)?
                .then_some(row.get::<_, Option<String>>(8)?.map(PixelVersion::new));
            Ok(Record {
                ours,
                look,
                person: row.get(0)?,
                cleared: row.get(1)?,
                decorative: row.get(2)?,
                undone: Vec::new(),
                held,
                accepted: None,
                tries: row.get(5)?,
                due: row.get::<_, Option<i64>>(6)?.map(Moment),
                parked,
            })
        })
        .optional()?
        .unwrap_or_default();
    record.accepted = decisions::accepted(connection, slot)?;
    record.undone = connection
        .prepare_cached(
            "SELECT DISTINCT recipe FROM writes
             WHERE slot = ?1 AND state = 'undone' AND recipe IS NOT NULL",
        )?
        .query_map([slot.0], |row| row.get::<_, String>(0).map(Recipe::new))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(record)
}

//! The journal of writes: every change of the site, before and after.

use super::{Checkpoint, CheckpointError, SlotRow};
use crate::archive::{
    DraftId, ModelName, Moment, Owner, PhotoId, PixelVersion, Recipe, RunNumber, Tag, WriteId,
};
use crate::policy::{Landed, landed};
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

/// A write about to be sent.
#[derive(Clone, Debug)]
pub struct NewWrite {
    /// The slot.
    pub slot: SlotRow,
    /// The draft that is written; `None` for undo, adopt and decorative.
    pub draft: Option<DraftId>,
    /// The run that writes.
    pub run: RunNumber,
    /// The text and tag that were read right before.
    pub before: (String, Option<Tag>),
    /// The text and tag that are sent.
    pub sent: (String, Option<Tag>),
    /// How the text was made.
    pub recipe: Option<Recipe>,
    /// The model that made it.
    pub model: Option<ModelName>,
    /// Which image it was made from.
    pub pixels: Option<PixelVersion>,
    /// The write that this one takes back.
    pub undoes: Option<WriteId>,
    /// When.
    pub at: Moment,
}

/// How a slot stood before a write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Previous {
    /// Our text in force then.
    pub write: Option<WriteId>,
    /// A person had taken the text over.
    pub person: bool,
    /// A person had removed the text.
    pub cleared: bool,
    /// A person had called the photo decorative.
    pub decorative: bool,
}

/// A write as the journal has it.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredWrite {
    /// Its number.
    pub id: WriteId,
    /// The slot.
    pub slot: SlotRow,
    /// The photo.
    pub photo: PhotoId,
    /// The text and tag read right before.
    pub before: (String, Option<Tag>),
    /// The text and tag that were sent.
    pub sent: (String, Option<Tag>),
    /// The text as the site kept it, once that was seen.
    pub kept: Option<String>,
    /// How the text was made.
    pub recipe: Option<Recipe>,
    /// The write that this one takes back.
    pub undoes: Option<WriteId>,
    /// How the slot stood before.
    pub previous: Previous,
}

const COLUMNS: &str = "writes.id, writes.slot, photos.photo, writes.alt_before, writes.tag_before,
    writes.alt_sent, writes.tag_sent, writes.alt_kept, writes.recipe, writes.undoes,
    writes.before_write, writes.before_person, writes.before_cleared, writes.before_decorative";

const TABLES: &str = "writes JOIN slots ON slots.id = writes.slot
    JOIN photos ON photos.id = slots.photo";

impl Checkpoint {
    /// What a later run wrote over this text, as the site kept it, unless that was
    /// undone.
    pub async fn later_text(&self, write: &StoredWrite) -> Result<Option<String>, CheckpointError> {
        let (slot, write) = (write.slot.0, write.id.0);
        self.verb(move |connection| {
            connection
                .prepare_cached(
                    "SELECT coalesce(alt_kept, alt_sent) FROM writes
                     WHERE slot = ?1 AND id > ?2 AND state = 'confirmed' AND undoes IS NULL
                     ORDER BY id DESC LIMIT 1",
                )?
                .query_row([slot, write], |row| row.get(0))
                .optional()
        })
        .await
    }

    /// The models whose texts are, or were, on the site by our doing, by name.
    pub async fn writers(&self) -> Result<Vec<ModelName>, CheckpointError> {
        let site = self.site.clone();
        self.verb(move |connection| {
            connection
                .prepare_cached(
                    "SELECT DISTINCT writes.model FROM writes
                     JOIN slots ON slots.id = writes.slot
                     JOIN photos ON photos.id = slots.photo
                     WHERE photos.site = ?1 AND writes.model IS NOT NULL ORDER BY 1",
                )?
                .query_map([site.as_str()], |row| {
                    row.get::<_, String>(0).map(ModelName::new)
                })?
                .collect()
        })
        .await
    }

    /// Records a write before it is sent.
    pub async fn intend(&self, write: NewWrite) -> Result<WriteId, CheckpointError> {
        self.verb(move |connection| insert(connection, &write, "intent"))
            .await
    }

    /// Records that the site shows the text, as it `kept` it.
    pub async fn confirm(
        &self,
        write: WriteId,
        kept: String,
        at: Moment,
    ) -> Result<(), CheckpointError> {
        self.verb(move |connection| confirm(connection, write, &kept, at))
            .await
    }

    /// Records that a write did not happen, or that another text stands there.
    pub async fn void(
        &self,
        write: WriteId,
        why: String,
        at: Moment,
    ) -> Result<(), CheckpointError> {
        self.verb(move |connection| {
            connection
                .prepare_cached(
                    "UPDATE writes SET state = 'void', error = ?2, settled_at = ?3 WHERE id = ?1",
                )?
                .execute(params![write.0, why, at.0])
                .map(drop)
        })
        .await
    }

    /// Confirms a write that was given up (its text was not on the site when we
    /// looked) and that landed all the same: a site may still be at work on a
    /// request whose sender was killed. Only writes newer than our text in force
    /// count. Returns whether `text` is such a one.
    pub async fn landed_late(
        &self,
        slot: SlotRow,
        text: String,
        at: Moment,
    ) -> Result<bool, CheckpointError> {
        self.verb(move |connection| {
            let given_up: Vec<StoredWrite> = connection
                .prepare_cached(&format!(
                    "SELECT {COLUMNS} FROM {TABLES}
                     WHERE writes.slot = ?1 AND writes.state = 'void'
                     AND writes.id > coalesce(slots.write, 0) ORDER BY writes.id DESC"
                ))?
                .query_map([slot.0], stored)?
                .collect::<rusqlite::Result<_>>()?;
            let late = given_up.into_iter().find(|write| {
                let became = landed(&write.before.0, &write.sent.0, write.sent.0.trim(), &text);
                matches!(became, Landed::Exact | Landed::Cleaned)
            });
            let Some(late) = late else { return Ok(false) };
            confirm(connection, late.id, &text, at)?;
            Ok(true)
        })
        .await
    }

    /// Takes a text that stands on the site into our record, without a write on
    /// the site.
    pub async fn adopt(&self, write: NewWrite) -> Result<WriteId, CheckpointError> {
        self.verb(move |connection| {
            let id = insert(connection, &write, "intent")?;
            confirm(connection, id, &write.sent.0, write.at)?;
            Ok(id)
        })
        .await
    }

    /// Writes whose outcome is unknown: the process ended between intent and
    /// confirmation.
    pub async fn unsettled(&self) -> Result<Vec<StoredWrite>, CheckpointError> {
        self.verb(|connection| {
            connection
                .prepare(&format!(
                    "SELECT {COLUMNS} FROM {TABLES} WHERE writes.state = 'intent' ORDER BY writes.id"
                ))?
                .query_map([], stored)?
                .collect()
        })
        .await
    }

    /// Whether any text of ours was ever seen on a site.
    pub async fn has_written(&self) -> Result<bool, CheckpointError> {
        self.verb(|connection| {
            let written =
                "SELECT EXISTS (SELECT 1 FROM writes WHERE state IN ('confirmed', 'undone'))";
            connection.query_row(written, [], |row| row.get(0))
        })
        .await
    }

    /// The confirmed writes of a run that were not undone, newest first.
    pub async fn writes_of(&self, run: RunNumber) -> Result<Vec<StoredWrite>, CheckpointError> {
        self.verb(move |connection| {
            connection
                .prepare(&format!(
                    "SELECT {COLUMNS} FROM {TABLES}
                     WHERE writes.run = ?1 AND writes.state = 'confirmed' ORDER BY writes.id DESC"
                ))?
                .query_map([run.0], stored)?
                .collect()
        })
        .await
    }
}

fn insert(connection: &Connection, write: &NewWrite, state: &str) -> rusqlite::Result<WriteId> {
    connection
        .prepare_cached(
            "INSERT INTO writes (slot, draft, run, alt_before, tag_before, alt_sent, tag_sent,
                recipe, model, pixels, state, intended_at, undoes,
                before_write, before_person, before_cleared, before_decorative)
             SELECT :slot, :draft, :run, :alt_before, :tag_before, :alt_sent, :tag_sent,
                :recipe, :model, :pixels, :state, :at, :undoes,
                slots.write, slots.person, slots.cleared, slots.decorative
             FROM slots WHERE slots.id = :slot",
        )?
        .execute(named_params! {
            ":slot": write.slot.0,
            ":draft": write.draft.map(|draft| draft.0),
            ":run": write.run.0,
            ":alt_before": write.before.0,
            ":tag_before": write.before.1.map(Tag::as_str),
            ":alt_sent": write.sent.0,
            ":tag_sent": write.sent.1.map(Tag::as_str),
            ":recipe": write.recipe.as_ref().map(Recipe::as_str),
            ":model": write.model.as_ref().map(ModelName::as_str),
            ":pixels": write.pixels.as_ref().map(PixelVersion::as_str),
            ":state": state,
            ":at": write.at.0,
            ":undoes": write.undoes.map(|write| write.0),
        })?;
    Ok(WriteId(connection.last_insert_rowid()))
}

fn confirm(
    connection: &Connection,
    write: WriteId,
    kept: &str,
    at: Moment,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE writes SET state = 'confirmed', alt_kept = ?2, settled_at = ?3 WHERE id = ?1",
        )?
        .execute(params![write.0, kept, at.0])?;
    let sql = format!("SELECT {COLUMNS} FROM {TABLES} WHERE writes.id = ?1");
    let confirmed = connection
        .prepare_cached(&sql)?
        .query_row([write.0], stored)?;
    // What an earlier write of this slot came to can't be seen any more; left
    // open, it would take this text for somebody else's.
    connection
        .prepare_cached(
            "UPDATE writes SET state = 'void', error = 'overtaken', settled_at = ?3
             WHERE slot = ?1 AND state = 'intent' AND id < ?2",
        )?
        .execute(params![confirmed.slot.0, write.0, at.0])?;
    // After an undo the next run looks afresh: whose the old text is, only the
    // site and policy can tell.
    let (owner, looked_at) = match confirmed.undoes {
        Some(undone) => {
            restore(connection, &confirmed, undone, kept)?;
            (None, None)
        }
        None => (
            Some(take_into_force(connection, &confirmed, kept)?),
            Some(at.0),
        ),
    };
    connection
        .prepare_cached(
            "UPDATE photos SET alt = ?2, tag = ?3, owner = ?4, looked_at = ?5
             WHERE id = (SELECT photo FROM slots WHERE id = ?1)",
        )?
        .execute(params![
            confirmed.slot.0,
            kept,
            confirmed.sent.1.map(Tag::as_str),
            owner.map(Owner::as_str),
            looked_at
        ])
        .map(drop)
}

/// Our text is in force now; or, where a person gave it, theirs is.
fn take_into_force(
    connection: &Connection,
    write: &StoredWrite,
    kept: &str,
) -> rusqlite::Result<Owner> {
    let by_person = write.sent.1 == Some(Tag::Person);
    let owner = match (kept.trim().is_empty(), by_person) {
        (true, _) => Owner::Nobody,
        (false, true) => Owner::Person,
        (false, false) => Owner::Ours,
    };
    let ours = (owner == Owner::Ours).then_some(write.id.0);
    // Only a person can mean an empty text.
    let decorative = by_person && kept.is_empty();
    connection
        .prepare_cached(
            "UPDATE slots SET write = ?2, person = ?3, cleared = 0,
                decorative = ?4,
                held_draft = NULL, held_basis = NULL, tries = 0, due = NULL,
                parked = 0, parked_pixels = NULL, last_error = NULL
             WHERE id = ?1",
        )?
        .execute(params![write.slot.0, ours, by_person, decorative])?;
    Ok(owner)
}

/// The slot stands again as it did before the write that was undone.
fn restore(
    connection: &Connection,
    write: &StoredWrite,
    undone: WriteId,
    kept: &str,
) -> rusqlite::Result<()> {
    let sql = format!("SELECT {COLUMNS} FROM {TABLES} WHERE writes.id = ?1");
    let previous = connection
        .prepare_cached(&sql)?
        .query_row([undone.0], stored)?
        .previous;
    connection
        .prepare_cached("UPDATE writes SET state = 'undone' WHERE id = ?1")?
        .execute([undone.0])?;
    // The text from before is ours again only if it is still the one we wrote.
    let ours: Option<i64> = match previous.write {
        Some(earlier) => connection
            .prepare_cached(
                "SELECT id FROM writes WHERE id = ?1 AND state = 'confirmed' AND alt_kept = ?2",
            )?
            .query_row(params![earlier.0, kept], |row| row.get(0))
            .optional()?,
        None => None,
    };
    connection
        .prepare_cached(
            "UPDATE slots SET write = ?2, person = ?3, cleared = ?4, decorative = ?5,
                held_draft = NULL, held_basis = NULL WHERE id = ?1",
        )?
        .execute(params![
            write.slot.0,
            ours,
            previous.person,
            previous.cleared,
            previous.decorative
        ])
        .map(drop)
}

fn stored(row: &Row<'_>) -> rusqlite::Result<StoredWrite> {
    let tag = |index| -> rusqlite::Result<Option<Tag>> {
        Ok(row
            .get::<_, Option<String>>(index)?
            .as_deref()
            .and_then(Tag::parse))
    };
    Ok(StoredWrite {
        id: WriteId(row.get(0)?),
        slot: SlotRow(row.get(1)?),
        photo: PhotoId::new(row.get::<_, String>(2)?),
        before: (row.get(3)?, tag(4)?),
        sent: (row.get(5)?, tag(6)?),
        kept: row.get(7)?,
        recipe: row.get::<_, Option<String>>(8)?.map(Recipe::new),
        undoes: row.get::<_, Option<i64>>(9)?.map(WriteId),
        previous: Previous {
            write: row.get::<_, Option<i64>>(10)?.map(WriteId),
            person: row.get(11)?,
            cleared: row.get(12)?,
            decorative: row.get(13)?,
        },
    })
}

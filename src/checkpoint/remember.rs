//! What a photo's history keeps beside calls, drafts and writes: the texts that
//! the site showed, and the failures.
//!
//! Whoever records has the lock, so the newest run is the one that is on.

use super::{Failure, Look};
use crate::archive::Tag;
use rusqlite::{Connection, named_params, params};

/// Keeps what a look shows where it is not what was known. To be called before
/// the look replaces that.
pub(super) fn sighting(connection: &Connection, look: &Look) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO sightings (slot, run, at, alt, tag, owner)
             SELECT slots.id, (SELECT max(number) FROM runs), :at, :alt, :tag, :owner
             FROM slots JOIN photos ON photos.id = slots.photo
             WHERE slots.id = :slot AND (
                coalesce(photos.alt, '') <> coalesce(:alt, '') OR photos.tag IS NOT :tag
                OR NOT EXISTS (SELECT 1 FROM sightings WHERE sightings.slot = slots.id))",
        )?
        .execute(named_params! {
            ":slot": look.slot.0,
            ":at": look.at.0,
            ":alt": look.reading.alt,
            ":tag": look.reading.tag.map(Tag::as_str),
            ":owner": look.owner.as_str(),
        })
        .map(drop)
}

/// Keeps a failure of one photo.
pub(super) fn failure(connection: &Connection, failure: &Failure) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO failures (slot, run, at, error, tries, parked)
             VALUES (?1, (SELECT max(number) FROM runs), ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            failure.slot.0,
            failure.at.0,
            failure.error,
            failure.tries,
            failure.due.is_none(),
        ])
        .map(drop)
}

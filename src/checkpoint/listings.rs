//! Listings: where the last one can be taken up, and what it left to do.

use super::{Checkpoint, CheckpointError};
use crate::archive::{Language, Moment, PhotoId, SlotKind};
use rusqlite::{OptionalExtension, params};

/// The last listing that came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastListing {
    /// Where the next one takes it up.
    pub mark: String,
    /// Stands for the settings it was made with.
    pub key: String,
    /// When all photos were listed last.
    pub swept: Moment,
}

/// How much of the archive a listing showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swept {
    /// All photos.
    All,
    /// Those that had changed.
    Changes,
}

/// Photos for which there may be something to do though nothing about them has
/// changed on the site: never looked at, without a text, failed, held.
const LEFT: &str = "photos.site = ?1 AND photos.gone = 0
    AND (photos.pending = 1 OR photos.owner IS NULL OR photos.owner = 'nobody'
        OR photos.looked_at IS NULL)
    AND NOT EXISTS (SELECT 1 FROM slots WHERE slots.photo = photos.id AND slots.kind = ?2
        AND slots.language = ?3 AND (slots.cleared OR slots.decorative) AND photos.pending = 0)";

impl Checkpoint {
    /// The last listing; `None` where all has to be listed.
    pub async fn last_listing(&self) -> Result<Option<LastListing>, CheckpointError> {
        let site = self.site.to_string();
        self.verb(move |connection| {
            connection
                .prepare_cached(
                    "SELECT listing_mark, listing_key, swept_at FROM sites
                     WHERE name = ?1 AND listing_mark IS NOT NULL AND listing_key IS NOT NULL
                       AND swept_at IS NOT NULL",
                )?
                .query_row([site], |row| {
                    Ok(LastListing {
                        mark: row.get(0)?,
                        key: row.get(1)?,
                        swept: Moment(row.get(2)?),
                    })
                })
                .optional()
        })
        .await
    }

    /// Records a listing of which every photo is recorded.
    pub async fn note_listing(
        &self,
        mark: Option<String>,
        key: String,
        swept: Swept,
        at: Moment,
    ) -> Result<(), CheckpointError> {
        let site = self.site.to_string();
        let all = (swept == Swept::All).then_some(at.0);
        self.verb(move |connection| {
            connection
                .prepare_cached(
                    "UPDATE sites SET listing_mark = ?2, listing_key = ?3,
                        swept_at = coalesce(?4, swept_at) WHERE name = ?1",
                )?
                .execute(params![site, mark, key, all])
                .map(drop)
        })
        .await
    }

    /// How many photos are known that the site still has, and for how many of
    /// them there may be something to do.
    pub async fn known_and_left(
        &self,
        kind: SlotKind,
        language: &Language,
    ) -> Result<(u64, u64), CheckpointError> {
        let (site, language) = (self.site.to_string(), language.to_string());
        self.verb(move |connection| {
            let known = "SELECT count(*) FROM photos WHERE site = ?1 AND gone = 0";
            let known: i64 = connection
                .prepare_cached(known)?
                .query_row([&site], |row| row.get(0))?;
            let left: i64 = connection
                .prepare_cached(&format!("SELECT count(*) FROM photos WHERE {LEFT}"))?
                .query_row(params![site, kind.as_str(), language], |row| row.get(0))?;
            let count = |number: i64| u64::try_from(number).unwrap_or_default();
            Ok((count(known), count(left)))
        })
        .await
    }

    /// Photos for which there may be something to do, in the order of their ids,
    /// a page at a time: those after `after`.
    pub async fn left_over(
        &self,
        kind: SlotKind,
        language: &Language,
        after: Option<PhotoId>,
        limit: usize,
    ) -> Result<Vec<PhotoId>, CheckpointError> {
        let (site, language) = (self.site.to_string(), language.to_string());
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.verb(move |connection| {
            let after = after.as_ref().map_or("", PhotoId::as_str);
            let sql = format!(
                "SELECT photo FROM photos WHERE {LEFT} AND photos.photo > ?4
                 ORDER BY photos.photo LIMIT ?5"
            );
            connection
                .prepare_cached(&sql)?
                .query_map(
                    params![site, kind.as_str(), language, after, limit],
                    |row| row.get::<_, String>(0).map(PhotoId::new),
                )?
                .collect()
        })
        .await
    }

    /// Records that the site has a photo no more.
    pub async fn note_gone(&self, photo: &PhotoId) -> Result<(), CheckpointError> {
        let (site, photo) = (self.site.to_string(), photo.to_string());
        self.verb(move |connection| {
            connection
                .prepare_cached(
                    "UPDATE photos SET gone = 1, pending = 0 WHERE site = ?1 AND photo = ?2",
                )?
                .execute(params![site, photo])
                .map(drop)
        })
        .await
    }
}

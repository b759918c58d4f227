//! What a person asks of the whole archive: coverage, what waits, what it cost.

use super::calls::{booked, unpriced};
use super::{Checkpoint, CheckpointError};
use crate::archive::{Language, Moment, Recipe, SlotKind};
use rusqlite::params;
use serde::Serialize;

/// The archive as the checkpoint knows it. Counts are photos.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Status {
    /// Photos ever seen.
    pub photos: u64,
    /// With a text by a person.
    pub person: u64,
    /// With a text of ours.
    pub ours: u64,
    /// With a machine-made text that our record does not prove.
    pub unproven: u64,
    /// Without a text, or with a placeholder.
    pub missing: u64,
    /// Of the missing: a draft is ready to be written.
    pub drafts_waiting: u64,
    /// Of the missing: a held draft waits for a person.
    pub held: u64,
    /// Of the missing: a person rejected the draft. Another recipe is tried.
    pub rejected: u64,
    /// Of the missing: our text was undone. Another recipe is tried.
    pub undone: u64,
    /// Of the missing: seen in a listing, and no run has come to it yet.
    pub unseen: u64,
    /// Held drafts by reason.
    pub held_by_reason: Vec<(String, u64)>,
    /// Of the missing: failed lately, tried again when due.
    pub not_due: u64,
    /// Of the missing: given up until the pixels change.
    pub parked: u64,
    /// Of the missing: removed by a person.
    pub cleared: u64,
    /// Of the missing: decorative.
    pub decorative: u64,
    /// What the next nightly run finds to do, as far as this file tells: photos
    /// that are new on the site come on top.
    pub next_run: NextRun,
    /// What was spent, by month (UTC) and model.
    pub spent: Vec<ModelSpend>,
}

/// What the next nightly run finds to do. Counts are photos, each in one field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct NextRun {
    /// Texts that a person accepted or gave: they are written.
    pub accepted: u64,
    /// Drafts that are ready: they are written, and cost nothing more.
    pub drafts: u64,
    /// Photos without a text, for which a model is asked.
    pub generate: u64,
    /// Photos that failed and are due: they are tried again.
    pub retries: u64,
}

/// What one model cost in one month.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModelSpend {
    /// As `2026-11`.
    pub month: String,
    /// Its name in `models.yaml`.
    pub model: String,
    /// Calls that were sent, whatever came of them.
    pub calls: u64,
    /// Tokens in.
    pub input_tokens: u64,
    /// Tokens out.
    pub output_tokens: u64,
    /// US dollars, as far as prices are known; `None` where none is.
    pub cost_usd: Option<f64>,
    /// Of the calls: those whose cost is not known, and so not in `cost_usd`.
    pub calls_without_price: u64,
}

/// How each slot stands: what it lacks, what it has, what keeps it waiting.
const STANDING: &str = "WITH standing AS (
    SELECT photos.owner, slots.cleared, slots.decorative, slots.parked, slots.due,
        photos.owner IS NULL OR photos.owner = 'nobody' AS missing,
        slots.held_draft IS NOT NULL AS kept_back,
        EXISTS (SELECT 1 FROM drafts WHERE drafts.id = slots.held_draft
                AND drafts.decision IS NULL) AS held,
        EXISTS (SELECT 1 FROM drafts WHERE drafts.slot = slots.id
                AND drafts.decision = 'accepted'
                AND NOT EXISTS (SELECT 1 FROM writes WHERE writes.slot = slots.id
                    AND writes.state IN ('confirmed', 'undone')
                    AND (writes.draft = drafts.id
                         OR writes.intended_at >= coalesce(drafts.decided_at, 0)))) AS accepted,
        EXISTS (SELECT 1 FROM drafts WHERE drafts.slot = slots.id
                AND drafts.verdict = 'write' AND drafts.decision IS NULL
                AND NOT EXISTS (SELECT 1 FROM writes WHERE writes.slot = drafts.slot
                                AND writes.draft = drafts.id
                                AND writes.state IN ('confirmed', 'undone'))) AS drafted,
        EXISTS (SELECT 1 FROM writes WHERE writes.slot = slots.id
                AND writes.state = 'undone' AND writes.recipe IS NOT NULL) AS undone,
        EXISTS (SELECT 1 FROM drafts WHERE drafts.slot = slots.id
                AND drafts.decision = 'rejected') AS rejected
    FROM photos
    JOIN slots ON slots.photo = photos.id AND slots.kind = ?2 AND slots.language = ?3
    WHERE photos.site = ?1 AND NOT photos.gone)";

/// What of that is counted. A photo that was undone or whose draft was rejected
/// waits for another recipe, which this file can't foresee.
const COUNTS: &str = "SELECT count(*),
    count(*) FILTER (WHERE owner = 'person'),
    count(*) FILTER (WHERE owner = 'ours'),
    count(*) FILTER (WHERE owner = 'unproven'),
    count(*) FILTER (WHERE missing),
    count(*) FILTER (WHERE missing AND NOT kept_back AND (drafted OR accepted)),
    count(*) FILTER (WHERE missing AND held),
    count(*) FILTER (WHERE missing AND due IS NOT NULL),
    count(*) FILTER (WHERE missing AND parked),
    count(*) FILTER (WHERE missing AND cleared),
    count(*) FILTER (WHERE missing AND decorative),
    count(*) FILTER (WHERE accepted AND open AND ready),
    count(*) FILTER (WHERE missing AND NOT accepted AND open AND ready AND free AND drafted),
    count(*) FILTER (WHERE missing AND NOT accepted AND open AND free AND NOT drafted
                     AND NOT declined AND due IS NULL),
    count(*) FILTER (WHERE missing AND NOT accepted AND open AND free AND NOT drafted
                     AND NOT declined AND due <= ?4),
    count(*) FILTER (WHERE waits AND rejected),
    count(*) FILTER (WHERE waits AND undone AND NOT rejected),
    count(*) FILTER (WHERE owner IS NULL AND NOT undone AND due IS NULL AND NOT parked)
    FROM (SELECT *, undone OR rejected AS declined,
        missing AND NOT (accepted OR drafted OR held OR cleared OR decorative OR parked) AS waits,
        NOT (missing AND cleared) AND coalesce(owner, 'nobody') IN ('nobody', 'ours') AS open,
        NOT parked AND NOT decorative AND NOT kept_back AS free,
        due IS NULL OR due <= ?4 AS ready
        FROM standing)";

/// Texts of ours that none of the recipes made and that an upgrade would make anew:
/// nothing of what one left behind keeps them back.
const OUTDATED: &str = "SELECT count(*) FROM slots
    JOIN photos ON photos.id = slots.photo
    JOIN writes ON writes.id = slots.write
    WHERE photos.site = ?1 AND NOT photos.gone AND photos.owner = 'ours'
        AND slots.kind = ?2 AND slots.language = ?3
        AND slots.held_draft IS NULL AND NOT slots.parked
        AND coalesce(writes.recipe NOT IN (SELECT value FROM json_each(?4)), 1)
        AND NOT EXISTS (SELECT 1 FROM writes AS earlier
            WHERE earlier.slot = slots.id AND earlier.state = 'undone'
                AND earlier.recipe IN (SELECT value FROM json_each(?4)))";

impl Checkpoint {
    /// How many of our texts were made by none of these recipes.
    pub async fn outdated(
        &self,
        kind: SlotKind,
        language: &Language,
        recipes: &[Recipe],
    ) -> Result<u64, CheckpointError> {
        let (site, language) = (self.site.to_string(), language.to_string());
        let recipes: Vec<&str> = recipes.iter().map(Recipe::as_str).collect();
        let recipes = serde_json::to_string(&recipes).expect("words are plain data");
        self.verb(move |connection| {
            let values = params![site, kind.as_str(), language, recipes];
            let count = connection.query_row(OUTDATED, values, |row| row.get::<_, i64>(0))?;
            Ok(count.cast_unsigned())
        })
        .await
    }

    /// The archive as it was last seen.
    pub async fn status(
        &self,
        kind: SlotKind,
        language: &Language,
        now: Moment,
    ) -> Result<Status, CheckpointError> {
        let (site, language) = (self.site.to_string(), language.to_string());
        self.verb(move |connection| {
            let mut status = connection.query_row(
                &format!("{STANDING} {COUNTS}"),
                params![site, kind.as_str(), language, now.0],
                |row| {
                    let count = |index| row.get::<_, i64>(index).map(i64::cast_unsigned);
                    Ok(Status {
                        photos: count(0)?,
                        person: count(1)?,
                        ours: count(2)?,
                        unproven: count(3)?,
                        missing: count(4)?,
                        drafts_waiting: count(5)?,
                        held: count(6)?,
                        not_due: count(7)?,
                        parked: count(8)?,
                        cleared: count(9)?,
                        decorative: count(10)?,
                        rejected: count(15)?,
                        undone: count(16)?,
                        unseen: count(17)?,
                        next_run: NextRun {
                            accepted: count(11)?,
                            drafts: count(12)?,
                            generate: count(13)?,
                            retries: count(14)?,
                        },
                        ..Status::default()
                    })
                },
            )?;
            status.held_by_reason = connection
                .prepare(
                    "SELECT drafts.reasons, count(*) FROM slots
                     JOIN drafts ON drafts.id = slots.held_draft
                     WHERE drafts.decision IS NULL GROUP BY 1 ORDER BY 2 DESC, 1",
                )?
                .query_map([], |row| {
                    Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned()))
                })?
                .collect::<rusqlite::Result<_>>()?;
            let (cost, unpriced) = (booked(), unpriced());
            status.spent = connection
                .prepare(&format!(
                    "SELECT strftime('%Y-%m', sent_at / 1000, 'unixepoch'), model, count(*),
                        coalesce(sum(input_tokens), 0), coalesce(sum(output_tokens), 0),
                        sum({cost}), count(*) FILTER (WHERE {unpriced})
                     FROM calls GROUP BY 1, 2 ORDER BY 1 DESC, 2",
                ))?
                .query_map([], |row| {
                    Ok(ModelSpend {
                        month: row.get(0)?,
                        model: row.get(1)?,
                        calls: row.get::<_, i64>(2)?.cast_unsigned(),
                        input_tokens: row.get::<_, i64>(3)?.cast_unsigned(),
                        output_tokens: row.get::<_, i64>(4)?.cast_unsigned(),
                        cost_usd: row.get(5)?,
                        calls_without_price: row.get::<_, i64>(6)?.cast_unsigned(),
                    })
                })?
                .collect::<rusqlite::Result<_>>()?;
            Ok(status)
        })
        .await
    }
}

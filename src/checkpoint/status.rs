//! What a person asks of the whole archive: coverage, what waits, what it cost.

use super::calls::{booked, unpriced};
use super::{Checkpoint, CheckpointError};
use crate::archive::{Language, SlotKind};
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
    /// Of the missing: a held or rejected draft waits for a person.
    pub held: u64,
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
    /// What was spent, by month (UTC) and model.
    pub spent: Vec<ModelSpend>,
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

impl Checkpoint {
    /// The archive as it was last seen.
    pub async fn status(
        &self,
        kind: SlotKind,
        language: &Language,
    ) -> Result<Status, CheckpointError> {
        let (site, language) = (self.site.to_string(), language.to_string());
        self.verb(move |connection| {
            let mut status = connection.query_row(
                "SELECT count(*),
                    count(*) FILTER (WHERE owner = 'person'),
                    count(*) FILTER (WHERE owner = 'ours'),
                    count(*) FILTER (WHERE owner = 'unproven'),
                    count(*) FILTER (WHERE missing),
                    count(*) FILTER (WHERE missing AND held_draft IS NULL AND EXISTS (
                        SELECT 1 FROM drafts WHERE drafts.slot = slots.id
                        AND (drafts.verdict = 'write' OR drafts.decision = 'accepted')
                        AND NOT EXISTS (SELECT 1 FROM writes WHERE writes.draft = drafts.id
                                        AND writes.state IN ('confirmed', 'undone')))),
                    count(*) FILTER (WHERE missing AND held_draft IS NOT NULL),
                    count(*) FILTER (WHERE missing AND due IS NOT NULL),
                    count(*) FILTER (WHERE missing AND parked),
                    count(*) FILTER (WHERE missing AND cleared),
                    count(*) FILTER (WHERE missing AND decorative)
                 FROM (SELECT *, owner IS NULL OR owner = 'nobody' AS missing FROM photos) AS photos
                 JOIN slots ON slots.photo = photos.id AND slots.kind = ?2 AND slots.language = ?3
                 WHERE photos.site = ?1",
                params![site, kind.as_str(), language],
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
                        ..Status::default()
                    })
                },
            )?;
            status.held_by_reason = connection
                .prepare(
                    "SELECT drafts.reasons, count(*) FROM slots
                     JOIN drafts ON drafts.id = slots.held_draft GROUP BY 1 ORDER BY 2 DESC, 1",
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

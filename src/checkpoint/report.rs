//! What a report asks: each photo with its texts, its newest draft and write,
//! and what models cost. Reading only.

use super::calls::{booked, unpriced};
use super::{Checkpoint, CheckpointError};
use crate::archive::{Language, Moment, Owner, PhotoId, Reason, RunNumber, SlotKind, Tag, Verdict};
use rusqlite::{Row, ToSql};

/// Which photos are asked for, and what of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Every photo, with its newest draft and the newest write in force.
    Archive,
    /// Those that a run asked about, wrote, failed with or found changed, with
    /// that run's draft and write.
    Run(RunNumber),
}

/// One photo as the checkpoint knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct PhotoFacts {
    /// Which.
    pub photo: PhotoId,
    /// Its album, as the site names it.
    pub album: Option<String>,
    /// Its title.
    pub title: Option<String>,
    /// Where the site says that its image is.
    pub image: Option<String>,
    /// The alt text when it was last seen.
    pub alt: Option<String>,
    /// The tag when it was last seen.
    pub tag: Option<Tag>,
    /// Whose the text was; `None` where the photo was never read.
    pub owner: Option<Owner>,
    /// When it was last seen.
    pub looked_at: Option<Moment>,
    /// A person removed the text.
    pub cleared: bool,
    /// A person called the photo decorative.
    pub decorative: bool,
    /// It failed and is tried again then.
    pub due: Option<Moment>,
    /// It failed for good, until its image changes.
    pub parked: bool,
    /// Why it failed last.
    pub error: Option<String>,
    /// The draft.
    pub draft: Option<DraftFacts>,
    /// The write.
    pub write: Option<WriteFacts>,
}

/// A draft, as reports show it.
#[derive(Clone, Debug, PartialEq)]
pub struct DraftFacts {
    /// The text.
    pub text: String,
    /// The model; `None` for a person's text.
    pub model: Option<String>,
    /// What was thought of it.
    pub verdict: Verdict,
    /// Why.
    pub reasons: Vec<Reason>,
    /// 0.0 (bad) to 1.0 (good), where it was scored.
    pub score: Option<f64>,
    /// What a person decided: `accepted` or `rejected`.
    pub decision: Option<String>,
    /// The run that made it.
    pub run: RunNumber,
    /// It waits for a person on account of its verdict, or was turned down.
    pub held: bool,
    /// It was written, whatever became of that since.
    pub written: bool,
}

/// A write, as reports show it.
#[derive(Clone, Debug, PartialEq)]
pub struct WriteFacts {
    /// The text right before.
    pub before: String,
    /// The text as the site kept it, or as it was sent.
    pub after: String,
    /// `intent`, `confirmed`, `void` or `undone`.
    pub state: String,
    /// The model, where one made the text.
    pub model: Option<String>,
    /// The run.
    pub run: RunNumber,
    /// When it was settled, or else intended.
    pub at: Moment,
    /// Whether it took an earlier write back.
    pub undo: bool,
}

/// What one model was asked and what it cost.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelCost {
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

/// The newest write and draft of each slot.
const OF_ARCHIVE: (&str, &str, &str) = (
    "SELECT max(id) FROM writes WHERE writes.slot = slots.id AND writes.state = 'confirmed'
        AND writes.undoes IS NULL",
    "SELECT coalesce(slots.held_draft, max(id)) FROM drafts WHERE drafts.slot = slots.id",
    "slots.last_error",
);

/// The same of one run.
const OF_RUN: (&str, &str, &str) = (
    "SELECT max(id) FROM writes WHERE writes.slot = slots.id AND writes.run = :run",
    "SELECT max(id) FROM drafts WHERE drafts.slot = slots.id AND drafts.run = :run
        AND drafts.key <> 'import'",
    "(SELECT error FROM failures WHERE failures.slot = slots.id AND failures.run = :run
        ORDER BY id DESC LIMIT 1)",
);

/// Slots that a run worked on. A first look alone is no work; a text that is not
/// the one known before is news.
const TOUCHED: &str = "AND slots.id IN (
    SELECT slot FROM writes WHERE run = :run
    UNION SELECT slot FROM drafts WHERE run = :run
    UNION SELECT slot FROM calls WHERE run = :run AND slot IS NOT NULL
    UNION SELECT slot FROM failures WHERE run = :run
    UNION SELECT slot FROM sightings AS seen WHERE run = :run AND EXISTS (
        SELECT 1 FROM sightings WHERE sightings.slot = seen.slot AND sightings.id < seen.id))";

impl Checkpoint {
    /// The photos of a report, in the order of their ids.
    pub async fn photo_facts(
        &self,
        extent: Extent,
        kind: SlotKind,
        language: &Language,
    ) -> Result<Vec<PhotoFacts>, CheckpointError> {
        let (site, language) = (self.site.to_string(), language.to_string());
        let ((write, draft, error), touched, run) = match extent {
            // What the site has no more is history, not archive.
            Extent::Archive => (OF_ARCHIVE, "AND NOT photos.gone", None),
            Extent::Run(run) => (OF_RUN, TOUCHED, Some(run.0)),
        };
        let sql = format!(
            "SELECT photos.photo, photos.album, photos.title, photos.alt, photos.tag, photos.owner,
                photos.looked_at, slots.cleared, slots.decorative, slots.due, slots.parked, {error},
                drafts.text, drafts.model, drafts.verdict, drafts.reasons, drafts.score,
                drafts.decision, drafts.run, slots.held_draft IS NOT NULL,
                EXISTS (SELECT 1 FROM writes AS done WHERE done.slot = slots.id
                        AND done.draft = drafts.id AND done.state IN ('confirmed', 'undone')),
                writes.alt_before, coalesce(writes.alt_kept, writes.alt_sent), writes.state,
                writes.model, writes.run, coalesce(writes.settled_at, writes.intended_at),
                writes.undoes IS NOT NULL, photos.image
             FROM photos
             JOIN slots ON slots.photo = photos.id AND slots.kind = :kind
                AND slots.language = :language
             LEFT JOIN writes ON writes.id = ({write})
             LEFT JOIN drafts ON drafts.id = ({draft})
             WHERE photos.site = :site {touched}
             ORDER BY photos.photo"
        );
        let kind = kind.as_str();
        self.verb(move |connection| {
            let mut values: Vec<(&str, &dyn ToSql)> =
                vec![(":site", &site), (":kind", &kind), (":language", &language)];
            if let Some(run) = &run {
                values.push((":run", run));
            }
            connection
                .prepare(&sql)?
                .query_map(values.as_slice(), photo_facts)?
                .collect()
        })
        .await
    }

    /// What each model was asked and what it cost, in all or in one run.
    pub async fn model_costs(&self, extent: Extent) -> Result<Vec<ModelCost>, CheckpointError> {
        let run = match extent {
            Extent::Archive => None,
            Extent::Run(run) => Some(run.0),
        };
        self.verb(move |connection| {
            let (cost, unpriced) = (booked(), unpriced());
            connection
                .prepare(&format!(
                    "SELECT model, count(*), coalesce(sum(input_tokens), 0),
                        coalesce(sum(output_tokens), 0), sum({cost}),
                        count(*) FILTER (WHERE {unpriced})
                     FROM calls WHERE ?1 IS NULL OR run = ?1 GROUP BY 1 ORDER BY 1"
                ))?
                .query_map([run], |row| {
                    Ok(ModelCost {
                        model: row.get(0)?,
                        calls: row.get::<_, i64>(1)?.cast_unsigned(),
                        input_tokens: row.get::<_, i64>(2)?.cast_unsigned(),
                        output_tokens: row.get::<_, i64>(3)?.cast_unsigned(),
                        cost_usd: row.get(4)?,
                        calls_without_price: row.get::<_, i64>(5)?.cast_unsigned(),
                    })
                })?
                .collect()
        })
        .await
    }
}

fn photo_facts(row: &Row<'_>) -> rusqlite::Result<PhotoFacts> {
    let word = |index| row.get::<_, Option<String>>(index);
    Ok(PhotoFacts {
        photo: PhotoId::new(row.get::<_, String>(0)?),
        album: row.get(1)?,
        title: row.get(2)?,
        image: row.get(28)?,
        alt: row.get(3)?,
        tag: word(4)?.as_deref().and_then(Tag::parse),
        owner: word(5)?.as_deref().and_then(Owner::parse),
        looked_at: row.get::<_, Option<i64>>(6)?.map(Moment),
        cleared: row.get(7)?,
        decorative: row.get(8)?,
        due: row.get::<_, Option<i64>>(9)?.map(Moment),
        parked: row.get(10)?,
        error: row.get(11)?,
        draft: word(12)?.map(|text| draft_facts(row, text)).transpose()?,
        write: word(21)?
            .map(|before| write_facts(row, before))
            .transpose()?,
    })
}

fn draft_facts(row: &Row<'_>, text: String) -> rusqlite::Result<DraftFacts> {
    let reasons: String = row.get(15)?;
    Ok(DraftFacts {
        text,
        model: row.get(13)?,
        // An unknown word can only come from a newer program: hold.
        verdict: Verdict::parse(&row.get::<_, String>(14)?).unwrap_or(Verdict::Hold),
        reasons: reasons.split(',').filter_map(Reason::parse).collect(),
        score: row.get(16)?,
        decision: row.get(17)?,
        run: RunNumber(row.get(18)?),
        held: row.get(19)?,
        written: row.get(20)?,
    })
}

fn write_facts(row: &Row<'_>, before: String) -> rusqlite::Result<WriteFacts> {
    Ok(WriteFacts {
        before,
        after: row.get(22)?,
        state: row.get(23)?,
        model: row.get(24)?,
        run: RunNumber(row.get(25)?),
        at: Moment(row.get(26)?),
        undo: row.get(27)?,
    })
}

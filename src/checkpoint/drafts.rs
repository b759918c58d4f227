//! Drafts: captions that are not on the site yet.

use super::{Checkpoint, CheckpointError, SlotRow, decisions, photos};
use crate::archive::{
    Assessment, CallId, DraftId, DraftKey, ModelName, Moment, PixelVersion, Reason, Recipe,
    RunNumber, Verdict,
};
use crate::policy::{Found, FoundDraft};
use rusqlite::{Connection, OptionalExtension, params};

/// A draft to be recorded.
#[derive(Clone, Debug)]
pub struct NewDraft {
    /// The slot it is for.
    pub slot: SlotRow,
    /// The call it came from; `None` for a text that a person gave.
    pub call: Option<CallId>,
    /// The run that made it.
    pub run: RunNumber,
    /// What it was made from.
    pub key: DraftKey,
    /// How it was made; `None` for a person's text.
    pub recipe: Option<Recipe>,
    /// The model; `None` for a person's text.
    pub model: Option<ModelName>,
    /// Which image it was made from.
    pub pixels: Option<PixelVersion>,
    /// The text and what is thought of it.
    pub assessment: Assessment,
    /// When.
    pub at: Moment,
}

/// A draft as recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredDraft {
    /// Its number.
    pub id: DraftId,
    /// How it was made.
    pub recipe: Option<Recipe>,
    /// The model that made it.
    pub model: Option<ModelName>,
    /// Which image it was made from.
    pub pixels: Option<PixelVersion>,
    /// The text.
    pub text: String,
    /// What was thought of it.
    pub verdict: Verdict,
    /// Why.
    pub reasons: Vec<Reason>,
}

/// A reply that was judged.
#[derive(Clone, Debug)]
pub struct JudgedReply {
    /// What it became.
    pub draft: NewDraft,
    /// The basis on which the draft is held; `None` if it is to be written.
    pub held: Option<String>,
}

impl StoredDraft {
    /// Whether a person gave the text, in place of a model.
    pub fn by_person(&self) -> bool {
        self.model.is_none() && self.recipe.is_none()
    }
}

impl Checkpoint {
    /// What there is for a slot under a key.
    pub async fn find(&self, slot: SlotRow, key: &DraftKey) -> Result<Found, CheckpointError> {
        let key = key.to_string();
        self.verb(move |connection| {
            let accepted = decisions::accepted(connection, slot)?;
            let rows: Vec<(i64, String, Option<String>)> = connection
                .prepare_cached(
                    "SELECT id, verdict, decision FROM drafts WHERE slot = ?1 AND key = ?2
                     ORDER BY id DESC",
                )?
                .query_map(params![slot.0, key], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
                })?
                .collect::<rusqlite::Result<_>>()?;
            let rejected = rows
                .iter()
                .find(|(_, _, decision)| decision.as_deref() == Some("rejected"))
                .map(|(id, _, _)| DraftId(*id));
            let draft = rows
                .iter()
                .find(|(_, _, decision)| decision.as_deref() != Some("rejected"))
                .and_then(|(id, verdict, _)| {
                    Some(FoundDraft {
                        id: DraftId(*id),
                        verdict: Verdict::parse(verdict)?,
                    })
                });
            let answered = connection
                .prepare_cached(
                    "SELECT id FROM calls WHERE slot = ?1 AND key = ?2 AND state = 'answered'
                     AND purpose IN ('caption', 'longer')
                     AND NOT EXISTS (SELECT 1 FROM drafts WHERE drafts.call = calls.id)
                     ORDER BY id DESC LIMIT 1",
                )?
                .query_row(params![slot.0, key], |row| row.get(0).map(CallId))
                .optional()?;
            Ok(Found {
                accepted,
                draft,
                rejected,
                answered,
            })
        })
        .await
    }

    /// Records a draft; it is durable before it is written anywhere.
    pub async fn record_draft(&self, draft: NewDraft) -> Result<DraftId, CheckpointError> {
        self.verb(move |connection| insert(connection, &draft))
            .await
    }

    /// Records, in one commit, the draft that a reply became and, where it is not
    /// to be written, that it is held; returns the draft.
    pub async fn record_judged(&self, judged: JudgedReply) -> Result<StoredDraft, CheckpointError> {
        self.verb(move |connection| {
            let draft = judged.draft;
            let id = insert(connection, &draft)?;
            if let Some(basis) = &judged.held {
                photos::hold(connection, draft.slot, id, basis)?;
            }
            Ok(StoredDraft {
                id,
                recipe: draft.recipe,
                model: draft.model,
                pixels: draft.pixels,
                text: draft.assessment.text,
                verdict: draft.assessment.verdict,
                reasons: draft.assessment.reasons,
            })
        })
        .await
    }

    /// One draft.
    pub async fn draft(&self, id: DraftId) -> Result<Option<StoredDraft>, CheckpointError> {
        self.verb(move |connection| {
            connection
                .prepare_cached(
                    "SELECT recipe, model, pixels, text, verdict, reasons FROM drafts WHERE id = ?1",
                )?
                .query_row([id.0], |row| {
                    let verdict: String = row.get(4)?;
                    let reasons: String = row.get(5)?;
                    Ok(StoredDraft {
                        id,
                        recipe: row.get::<_, Option<String>>(0)?.map(Recipe::new),
                        model: row.get::<_, Option<String>>(1)?.map(ModelName::new),
                        pixels: row.get::<_, Option<String>>(2)?.map(PixelVersion::new),
                        text: row.get(3)?,
                        // An unknown word can only come from a newer program: hold.
                        verdict: Verdict::parse(&verdict).unwrap_or(Verdict::Hold),
                        reasons: reasons.split(',').filter_map(Reason::parse).collect(),
                    })
                })
                .optional()
        })
        .await
    }
}

fn insert(connection: &Connection, draft: &NewDraft) -> rusqlite::Result<DraftId> {
    let reasons: Vec<&str> = draft
        .assessment
        .reasons
        .iter()
        .map(|reason| reason.as_str())
        .collect();
    connection
        .prepare_cached(
            "INSERT INTO drafts (slot, call, run, key, recipe, model, pixels, text, verdict,
                reasons, made_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            draft.slot.0,
            draft.call.map(|call| call.0),
            draft.run.0,
            draft.key.as_str(),
            draft.recipe.as_ref().map(Recipe::as_str),
            draft.model.as_ref().map(ModelName::as_str),
            draft.pixels.as_ref().map(PixelVersion::as_str),
            draft.assessment.text,
            draft.assessment.verdict.as_str(),
            reasons.join(","),
            draft.at.0,
        ])?;
    Ok(DraftId(connection.last_insert_rowid()))
}

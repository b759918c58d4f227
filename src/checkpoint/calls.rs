//! Calls: recorded before they are sent, their replies before they are judged.

use super::{Checkpoint, CheckpointError, SlotRow};
use crate::archive::{
    CallId, DraftKey, ModelName, Moment, Purpose, RawReply, RunNumber, Usage, Usd,
};
use rusqlite::{OptionalExtension, params};

/// A call about to be sent.
#[derive(Clone, Debug)]
pub struct NewCall {
    /// The slot it is for; `None` for a probe.
    pub slot: Option<SlotRow>,
    /// What it is for.
    pub purpose: Purpose,
    /// The key of what is asked; `None` for a probe.
    pub key: Option<DraftKey>,
    /// The run that asks.
    pub run: RunNumber,
    /// The model that is asked.
    pub model: ModelName,
    /// What it is expected to cost, where that is known.
    pub estimate: Option<Usd>,
    /// When.
    pub at: Moment,
}

/// How a call ended, once its reply was judged (or none came).
#[derive(Clone, Debug)]
pub enum CallOutcome {
    /// A reply that is no text: an error of some kind.
    Failed {
        /// What it said.
        error: String,
    },
    /// No reply; it may have been paid for, so it is booked at its estimate.
    Lost {
        /// Why there is none.
        error: String,
    },
}

/// A stored reply, to be judged.
#[derive(Clone, Debug)]
pub struct StoredCall {
    /// Which call.
    pub id: CallId,
    /// What it was for.
    pub purpose: Purpose,
    /// The model that was asked.
    pub model: ModelName,
    /// What it said.
    pub reply: RawReply,
}

impl Checkpoint {
    /// Records a call before it is sent.
    pub async fn record_call(&self, call: NewCall) -> Result<CallId, CheckpointError> {
        self.verb(move |connection| {
            connection
                .prepare_cached(
                    "INSERT INTO calls (slot, purpose, key, run, model, state, sent_at, estimate)
                     VALUES (?1, ?2, ?3, ?4, ?5, 'sent', ?6, ?7)",
                )?
                .execute(params![
                    call.slot.map(|slot| slot.0),
                    call.purpose.as_str(),
                    call.key.as_ref().map(DraftKey::as_str),
                    call.run.0,
                    call.model.as_str(),
                    call.at.0,
                    call.estimate.map(|usd| usd.0),
                ])?;
            Ok(CallId(connection.last_insert_rowid()))
        })
        .await
    }

    /// Records a reply before it is judged.
    pub async fn record_reply(
        &self,
        call: CallId,
        reply: &RawReply,
        at: Moment,
    ) -> Result<(), CheckpointError> {
        let reply = serde_json::to_string(reply).expect("a reply is plain data");
        self.verb(move |connection| {
            connection
                .prepare_cached(
                    "UPDATE calls SET state = 'answered', reply = ?2, answered_at = ?3 WHERE id = ?1",
                )?
                .execute(params![call.0, reply, at.0])
                .map(drop)
        })
        .await
    }

    /// Records what a reply was worth: tokens, cost, and who really answered. A
    /// reply that counts no tokens is booked at the estimate.
    pub async fn price_call(
        &self,
        call: CallId,
        usage: Option<Usage>,
        cost: Option<Usd>,
        answered: Option<String>,
    ) -> Result<(), CheckpointError> {
        self.verb(move |connection| {
            connection
                .prepare_cached(
                    "UPDATE calls SET input_tokens = ?2, output_tokens = ?3,
                        cost = coalesce(?4, estimate), model_answered = ?5 WHERE id = ?1",
                )?
                .execute(params![
                    call.0,
                    usage.map(|usage| usage.input.cast_signed()),
                    usage.map(|usage| usage.output.cast_signed()),
                    cost.map(|usd| usd.0),
                    answered,
                ])
                .map(drop)
        })
        .await
    }

    /// Closes a call that gave no text.
    pub async fn close_call(
        &self,
        call: CallId,
        outcome: CallOutcome,
    ) -> Result<(), CheckpointError> {
        self.verb(move |connection| {
            let (state, error, booked) = match outcome {
                CallOutcome::Failed { error } => ("failed", error, false),
                CallOutcome::Lost { error } => ("lost", error, true),
            };
            connection
                .prepare_cached(
                    "UPDATE calls SET state = ?2, error = ?3,
                        cost = CASE WHEN ?4 THEN estimate ELSE cost END WHERE id = ?1",
                )?
                .execute(params![call.0, state, error, booked])
                .map(drop)
        })
        .await
    }

    /// The stored reply of a call.
    pub async fn stored_call(&self, call: CallId) -> Result<Option<StoredCall>, CheckpointError> {
        self.verb(move |connection| {
            let row: Option<(String, Option<String>, String)> = connection
                .query_row(
                    "SELECT model, reply, purpose FROM calls WHERE id = ?1",
                    [call.0],
                    |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
                )
                .optional()?;
            Ok(row.and_then(|(model, reply, purpose)| {
                let reply = serde_json::from_str(&reply?).ok()?;
                Some(StoredCall {
                    id: call,
                    purpose: Purpose::parse(&purpose)?,
                    model: ModelName::new(model),
                    reply,
                })
            }))
        })
        .await
    }
}

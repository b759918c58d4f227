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

/// What calls cost together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spent {
    /// The sum of all costs that are known.
    pub cost: Usd,
    /// Calls whose cost is not known, by model: they are not in the sum.
    pub unpriced: Vec<(ModelName, u64)>,
}

/// SQL for what a call is booked at. Between its reply and the judgement of it
/// (a killed run may leave it there), and while it is on its way, that is its
/// estimate.
pub(super) fn booked() -> &'static str {
    "coalesce(cost, CASE WHEN state IN ('sent', 'answered') THEN estimate END)"
}

/// SQL for whether a call may have cost something that nobody knows. One that
/// failed was turned down, and costs nothing where nothing is booked.
pub(super) fn unpriced() -> &'static str {
    "state <> 'failed' AND cost IS NULL AND (estimate IS NULL OR state = 'lost')"
}

/// A stored reply, to be judged.
#[derive(Clone, Debug)]
pub struct StoredCall {
    /// Which call.
    pub id: CallId,
    /// The model that was asked.
    pub model: ModelName,
    /// What it said.
    pub reply: RawReply,
}

/// What a reply was worth.
#[derive(Clone, Debug)]
pub struct Worth {
    /// Tokens, where the reply counts them.
    pub usage: Option<Usage>,
    /// What it cost; `None` where no price is known.
    pub cost: Option<Usd>,
    /// The model that really answered, where the reply names it.
    pub answered: Option<String>,
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

    /// Records what a reply was worth. Where that is not known, the call is booked
    /// at its estimate. What was booked once stays: prices change.
    pub async fn price_call(&self, call: CallId, worth: Worth) -> Result<(), CheckpointError> {
        self.verb(move |connection| {
            connection
                .prepare_cached(
                    "UPDATE calls SET input_tokens = ?2, output_tokens = ?3,
                        cost = coalesce(cost, ?4, estimate), model_answered = ?5
                     WHERE id = ?1",
                )?
                .execute(params![
                    call.0,
                    worth.usage.map(|usage| usage.input.cast_signed()),
                    worth.usage.map(|usage| usage.output.cast_signed()),
                    worth.cost.map(|usd| usd.0),
                    worth.answered,
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

    /// What all calls cost that were sent from `from` until before `to`: those
    /// of every run and every site of this file. One whose reply is not judged
    /// yet, or still on its way, counts with its estimate.
    pub async fn spent(&self, from: Moment, to: Moment) -> Result<Spent, CheckpointError> {
        self.verb(move |connection| {
            let (cost, unpriced) = (booked(), unpriced());
            let query = format!(
                "SELECT model, total({cost}), count(*) FILTER (WHERE {unpriced}) FROM calls
                 WHERE sent_at >= ?1 AND sent_at < ?2 GROUP BY model ORDER BY model"
            );
            let mut spent = Spent::default();
            let mut statement = connection.prepare(&query)?;
            let mut rows = statement.query([from.0, to.0])?;
            while let Some(row) = rows.next()? {
                spent.cost.0 += row.get::<_, f64>(1)?;
                let unpriced = row.get::<_, i64>(2)?.cast_unsigned();
                if unpriced > 0 {
                    let model = ModelName::new(row.get::<_, String>(0)?);
                    spent.unpriced.push((model, unpriced));
                }
            }
            Ok(spent)
        })
        .await
    }

    /// The stored reply of a call.
    pub async fn stored_call(&self, call: CallId) -> Result<Option<StoredCall>, CheckpointError> {
        self.verb(move |connection| {
            let row: Option<(String, Option<String>)> = connection
                .query_row(
                    "SELECT model, reply FROM calls WHERE id = ?1",
                    [call.0],
                    |row| Ok((row.get(0)?, row.get(1)?)),
                )
                .optional()?;
            Ok(row.and_then(|(model, reply)| {
                let reply = serde_json::from_str(&reply?).ok()?;
                Some(StoredCall {
                    id: call,
                    model: ModelName::new(model),
                    reply,
                })
            }))
        })
        .await
    }
}

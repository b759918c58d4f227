//! One call: budget, pace, record, send, record, judge, in this order.

use super::chain::Member;
use super::items::Ask;
use super::shared::Shared;
use super::{Event, Why};
use crate::archive::{CallId, Ended, Ending, Moment, PhotoId, Purpose, RawReply, Unanswered, Usd};
use crate::checkpoint::{CallOutcome, CheckpointError, NewCall, SlotRow, Worth};
use crate::model::Conversation;
use crate::policy::Reserve;
use tokio::time::Instant;

/// What a call is about; neither for the built-in test image.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) photo: Option<(SlotRow, &'a PhotoId)>,
    pub(super) ask: Option<&'a Ask>,
}

/// A call that was made.
pub(super) struct Attempt {
    pub(super) call: CallId,
    pub(super) sent: Instant,
    /// Whether the request found its way to the model.
    pub(super) reached: bool,
    pub(super) ending: Ending,
}

/// One call: budget, pace, record, send, record, judge. `None`: the run stops.
pub(super) async fn attempt(
    shared: &Shared,
    member: &Member,
    conversation: &Conversation,
    subject: Subject<'_>,
) -> Result<Option<Attempt>, CheckpointError> {
    let expected = member.model.estimate(conversation);
    let estimate = member.cost(expected);
    let reserved = estimate.unwrap_or_default();
    if !reserve(shared, reserved).await {
        return Ok(None);
    }
    let tokens = expected.input + expected.output;
    let permits = tokio::select! {
        biased;
        () = shared.stop.soft().cancelled() => None,
        permits = async {
            let permit = member.pace.enter(tokens).await;
            let call = shared.chain.calls.acquire().await.expect("the semaphore is never closed");
            (permit, call)
        } => Some(permits),
    };
    let Some(permits) = permits else {
        settle_budget(shared, reserved, Usd::default());
        return Ok(None);
    };
    let call = NewCall {
        slot: subject.photo.map(|(slot, _)| slot),
        purpose: if subject.ask.is_some() {
            Purpose::Caption
        } else {
            Purpose::Probe
        },
        key: subject.ask.map(|ask| ask.key.clone()),
        run: shared.run,
        model: member.entry.name.clone(),
        estimate,
        at: Moment::now(),
    };
    let call = shared.checkpoint.record_call(call).await?;
    let sent = Instant::now();
    let reply = tokio::select! {
        reply = member.model.send(conversation) => reply,
        () = shared.stop.hard().cancelled() => Err(Unanswered::Lost("stopped".into())),
    };
    let reached = !matches!(reply, Err(Unanswered::NotSent(_)));
    let arrival = Arrival {
        call,
        sent,
        estimate,
        tokens,
        photo: subject.photo.map(|(_, p)| p),
    };
    let ending = arrival.record(shared, member, reply).await?;
    // Only now may the next call go: a bad key or an empty balance is known.
    drop(permits);
    Ok(Some(Attempt {
        call,
        sent,
        reached,
        ending,
    }))
}

/// What is known of a call when its reply arrives.
struct Arrival<'a> {
    call: CallId,
    sent: Instant,
    estimate: Option<Usd>,
    tokens: u64,
    photo: Option<&'a PhotoId>,
}

impl Arrival<'_> {
    /// Records a reply, then judges it, then settles what it cost.
    async fn record(
        &self,
        shared: &Shared,
        member: &Member,
        reply: Result<RawReply, Unanswered>,
    ) -> Result<Ending, CheckpointError> {
        let took = self.sent.elapsed();
        let checkpoint = &shared.checkpoint;
        let reserved = self.estimate.unwrap_or_default();
        let (ending, usage, cost) = match reply {
            Ok(raw) => {
                checkpoint
                    .record_reply(self.call, &raw, Moment::now())
                    .await?;
                let ending = member.model.judge(&raw);
                if let Ending::Done(reply) = &ending {
                    member.good();
                    let used = reply.usage.map(|usage| usage.input + usage.output);
                    member.pace.succeeded(self.tokens, used);
                    // A priced model that counts no tokens is booked at the estimate.
                    let cost = reply
                        .usage
                        .map_or(self.estimate, |usage| member.cost(usage));
                    if self.photo.is_none() {
                        let worth = Worth {
                            usage: reply.usage,
                            cost,
                            answered: reply.model.clone(),
                        };
                        checkpoint.price_call(self.call, worth).await?;
                    }
                    (ending.clone(), reply.usage, cost)
                } else {
                    (ending, None, None)
                }
            }
            Err(Unanswered::NotSent(why)) => {
                let outcome = CallOutcome::Failed { error: why.clone() };
                checkpoint.close_call(self.call, outcome).await?;
                (Ending::Outage(why), None, None)
            }
            Err(Unanswered::Lost(why)) => {
                let outcome = CallOutcome::Lost { error: why.clone() };
                checkpoint.close_call(self.call, outcome).await?;
                (Ending::Outage(why), None, self.estimate)
            }
        };
        settle_budget(shared, reserved, cost.unwrap_or_default());
        let problem = match &ending {
            Ending::Done(_) => None,
            Ending::RetryAfter(_, why)
            | Ending::Outage(why)
            | Ending::Photo(why)
            | Ending::Settings(why)
            | Ending::Quota(why) => Some(why.clone()),
        };
        if let Some(error) = &problem
            && cost.is_none()
        {
            let outcome = CallOutcome::Failed {
                error: error.clone(),
            };
            checkpoint.close_call(self.call, outcome).await?;
        }
        let model = member.entry.name.clone();
        let photo = self.photo.cloned();
        shared.emit(&Event::Called {
            model,
            photo,
            took,
            usage,
            cost,
            problem,
        });
        Ok(ending)
    }
}

/// Waits until an estimate fits into the budget; `false` if it never will.
async fn reserve(shared: &Shared, estimate: Usd) -> bool {
    loop {
        let changed = shared.budget_changed.notified();
        let granted = shared.budget().reserve(estimate);
        match granted {
            Reserve::Granted => return true,
            Reserve::Exhausted => {
                shared.stop.ask(Why::Early(Ended::Budget));
                return false;
            }
            Reserve::Wait => {}
        }
        tokio::select! {
            () = changed => {}
            () = shared.stop.soft().cancelled() => return false,
        }
    }
}

fn settle_budget(shared: &Shared, reserved: Usd, cost: Usd) {
    shared.budget().settle(reserved, cost);
    shared.budget_changed.notify_waiters();
}

//! One call: budget, pace, readiness, record, send, record, judge, in this order.

use super::chain::Member;
use super::shared::Shared;
use super::{Event, Why};
use crate::archive::{
    CallId, DraftKey, Ended, Ending, Moment, PhotoId, Purpose, RawReply, Unanswered, Usd,
};
use crate::checkpoint::{CallOutcome, CheckpointError, NewCall, SlotRow};
use crate::model::{self, Conversation};
use crate::pace::{Leased, Need, Turn};
use crate::policy::Reserve;
use std::time::Duration;
use tokio::sync::SemaphorePermit;
use tokio::time::Instant;

/// Loading a model that takes longer than this is told to whoever watches.
const QUICK_LOAD: Duration = Duration::from_secs(1);

/// A wait for a limit that is shorter than this is not worth a word.
const SHORT_WAIT: Duration = Duration::from_millis(500);

/// What a call is about.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) purpose: Purpose,
    /// None for the built-in test image.
    pub(super) photo: Option<(SlotRow, &'a PhotoId)>,
    pub(super) key: Option<&'a DraftKey>,
}

/// What came of wanting to make a call.
pub(super) enum Tried {
    /// It was made.
    Called(Attempt),
    /// It was not made: the model is not ready, for this reason.
    Unready(Ending),
    /// It was not made: the model was given up in the meantime.
    Down,
    /// It was not made: the run stops.
    Stopped,
}

/// A call that was made.
pub(super) struct Attempt {
    pub(super) call: CallId,
    pub(super) sent: Instant,
    /// Whether the request found its way to the model.
    pub(super) reached: bool,
    pub(super) ending: Ending,
}

/// Everything that has to be held to send one request.
struct Entered<'a> {
    turn: Turn<'a>,
    _lease: Option<Leased<'a>>,
    _call: SemaphorePermit<'a>,
}

/// One call. Nothing is recorded unless it is really sent.
pub(super) async fn attempt(
    shared: &Shared,
    member: &Member,
    conversation: &Conversation,
    subject: Subject<'_>,
) -> Result<Tried, CheckpointError> {
    let expected = member.model.estimate(conversation);
    let estimate = member.cost(expected);
    let reserved = estimate.unwrap_or_default();
    if !reserve(shared, reserved).await {
        return Ok(Tried::Stopped);
    }
    let need = Need {
        input: expected.input,
        output: expected.output,
    };
    let entered = tokio::select! {
        biased;
        () = shared.stop.soft().cancelled() => Err(Tried::Stopped),
        entered = enter(shared, member, need) => entered,
    };
    let entered = match entered {
        Ok(entered) => entered,
        Err(tried) => {
            settle_budget(shared, reserved, Usd::default());
            return Ok(tried);
        }
    };
    let call = NewCall {
        slot: subject.photo.map(|(slot, _)| slot),
        purpose: subject.purpose,
        key: subject.key.cloned(),
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
    let left = reply.as_ref().map(model::allowances);
    entered.turn.heard(&left.unwrap_or_default());
    let reached = !matches!(reply, Err(Unanswered::NotSent(_)));
    let arrival = Arrival {
        call,
        sent,
        estimate,
        tokens: need.tokens(),
        photo: subject.photo.map(|(_, p)| p),
    };
    let ending = arrival.record(shared, member, reply).await?;
    // Only now may the next call go: a bad key or an empty balance is known.
    drop(entered);
    Ok(Tried::Called(Attempt {
        call,
        sent,
        reached,
        ending,
    }))
}

/// Waits for the model's limits, for its server to be free for it, and until it
/// is loaded there. Dropping the future gives everything back.
async fn enter<'a>(
    shared: &'a Shared,
    member: &'a Member,
    need: Need,
) -> Result<Entered<'a>, Tried> {
    let whom = member.entry.name.as_str();
    let tell = |wait: Duration, why: &str| {
        if wait >= SHORT_WAIT {
            tell_wait(shared, whom, wait, why);
        }
    };
    let turn = member.pace.turn(need, &tell).await;
    let lease = member.lease().await;
    let call = shared.chain.calls.acquire().await;
    let call = call.expect("the semaphore is never closed");
    if member.down().is_some() {
        return Err(Tried::Down);
    }
    let ready = member.ready();
    tokio::pin!(ready);
    let ready = tokio::select! {
        ready = &mut ready => ready,
        () = tokio::time::sleep(QUICK_LOAD) => {
            tell_wait(shared, whom, Duration::ZERO, "it is being loaded");
            ready.await
        }
    };
    if let Err(ending) = ready {
        return Err(Tried::Unready(ending));
    }
    Ok(Entered {
        turn,
        _lease: lease,
        _call: call,
    })
}

fn tell_wait(shared: &Shared, whom: &str, wait: Duration, why: &str) {
    let (whom, why) = (whom.to_owned(), why.to_owned());
    shared.emit(&Event::Waiting { whom, wait, why });
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
                        let model = reply.model.clone();
                        checkpoint
                            .price_call(self.call, reply.usage, cost, model)
                            .await?;
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

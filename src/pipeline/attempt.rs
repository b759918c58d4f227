//! One call: budget, pace, readiness, record, send, record, judge, in this order.

use super::chain::{Down, Member};
use super::shared::Shared;
use super::{Event, Fatal, Why};
use crate::archive::{
    CallId, DraftKey, Ended, Ending, Finish, Moment, PhotoId, Purpose, RawReply, Unanswered, Usage,
    Usd,
};
use crate::checkpoint::{CallOutcome, CheckpointError, NewCall, SlotRow, Worth};
use crate::model::{self, Conversation, bodies};
use crate::pace::{Leased, Need, Turn};
use crate::policy::{Ceiling, Reservation, Reserve, UtcDay};
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
    /// It was not made: the run stops, or the model was given up in the meantime.
    NotMade,
    /// It was not made, and need not be: it costs more than may be spent.
    TooDear,
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
    let need = Need {
        input: expected.input,
        output: expected.output,
    };
    let paid = estimate.unwrap_or_default();
    let (reserved, entered) = match admit(shared, member, need, paid, subject.purpose).await {
        Ok(admitted) => admitted,
        Err(tried) => return Ok(tried),
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
        reply = bodies::keeping(shared.bodies.as_ref(), call, member.model.send(conversation)) => reply,
        () = shared.stop.hard().cancelled() => Err(Unanswered::Lost("stopped".into())),
    };
    if let Some(problem) = shared.bodies.as_ref().and_then(|bodies| bodies.problem()) {
        shared.notice(problem);
    }
    let left = reply.as_ref().map(model::allowances);
    entered.turn.heard(&left.unwrap_or_default());
    if let Some(time) = reply.as_ref().ok().and_then(model::hold) {
        member.pace.hold(time);
    }
    let reached = !matches!(reply, Err(Unanswered::NotSent(_)));
    let arrival = Arrival {
        call,
        sent,
        estimate,
        reserved,
        tokens: need.tokens(),
        photo: subject.photo.map(|(_, p)| p),
    };
    let ending = arrival.record(shared, member, reply).await?;
    if let Ending::RetryAfter(wait, _) = &ending {
        entered.turn.refused(*wait);
    }
    // A model that does not take a larger cap, or has no money left for one, may
    // well do other photos: if not, their calls will tell.
    if subject.purpose != Purpose::Longer {
        declare(shared, member, &ending);
    }
    // Only now may the next call go: a bad key or an empty balance is known.
    drop(entered);
    Ok(Tried::Called(Attempt {
        call,
        sent,
        reached,
        ending,
    }))
}

/// Reserves money and waits for everything that a call needs. What others cost
/// in the meantime may have used up the money, so that is looked at once more.
async fn admit<'a>(
    shared: &'a Shared,
    member: &'a Member,
    need: Need,
    estimate: Usd,
    purpose: Purpose,
) -> Result<(Reservation, Entered<'a>), Tried> {
    loop {
        let reserved = reserve(shared, estimate, purpose).await?;
        let entered = tokio::select! {
            biased;
            () = shared.stop.soft().cancelled() => Err(Tried::NotMade),
            () = member.given_up() => Err(Tried::NotMade),
            entered = enter(shared, member, need) => entered.map_err(Tried::Unready),
        };
        let free = estimate.0 <= 0.0;
        let entered = match entered {
            Ok(entered) if free || shared.budget().holds() => return Ok((reserved, entered)),
            other => other.map(drop),
        };
        settle_budget(shared, reserved, Usd::default());
        if let Err(tried) = entered {
            if let Tried::Unready(ending) = &tried {
                declare(shared, member, ending);
            }
            return Err(tried);
        }
    }
}

/// Waits for the model's limits, for its server to be free for it, and until it
/// is loaded there. Dropping the future gives everything back. The error says why
/// the model can't be asked.
async fn enter<'a>(
    shared: &'a Shared,
    member: &'a Member,
    need: Need,
) -> Result<Entered<'a>, Ending> {
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
    let ready = member.ready();
    tokio::pin!(ready);
    let ready = tokio::select! {
        ready = &mut ready => ready,
        () = tokio::time::sleep(QUICK_LOAD) => {
            tell_wait(shared, whom, Duration::ZERO, "it is being loaded");
            ready.await
        }
    };
    ready?;
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

/// Makes known what concerns every call to this model.
fn declare(shared: &Shared, member: &Member, ending: &Ending) {
    let name = &member.entry.name;
    match ending {
        Ending::Settings(message) => shared.stop.fatal(Fatal {
            message: format!("{name}: {message}"),
            hint: None,
        }),
        Ending::Quota(why) if member.set_down(Down::Quota(why.clone())) => {
            shared.notice(format!("{name}: {why}"));
        }
        _ => {}
    }
}

/// What is known of a call when its reply arrives.
struct Arrival<'a> {
    call: CallId,
    sent: Instant,
    estimate: Option<Usd>,
    reserved: Reservation,
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
        let mut outcome = None;
        let (ending, usage, cost) = match reply {
            Ok(raw) => self.judge(shared, member, &raw).await?,
            Err(Unanswered::NotSent(why)) => {
                outcome = Some("not_sent");
                let outcome = CallOutcome::Failed { error: why.clone() };
                checkpoint.close_call(self.call, outcome).await?;
                (Ending::Outage(why), None, None)
            }
            Err(Unanswered::Lost(why)) => {
                outcome = Some("lost");
                let outcome = CallOutcome::Lost { error: why.clone() };
                checkpoint.close_call(self.call, outcome).await?;
                (Ending::Outage(why), None, self.estimate)
            }
        };
        settle_budget(shared, self.reserved, cost.unwrap_or_default());
        let outcome = outcome.unwrap_or_else(|| name(&ending));
        let problem = match &ending {
            Ending::Done(_) => None,
            Ending::RetryAfter(_, why)
            | Ending::Outage(why)
            | Ending::Photo(why)
            | Ending::Settings(why)
            | Ending::Quota(why) => Some(why.clone()),
        };
        if let Some(error) = &problem
            && !matches!(outcome, "lost" | "not_sent")
        {
            let outcome = CallOutcome::Failed {
                error: error.clone(),
            };
            checkpoint.close_call(self.call, outcome).await?;
        }
        let model = member.entry.name.clone();
        let photo = self.photo.cloned();
        shared.emit(&Event::Called {
            call: self.call,
            outcome,
            model,
            photo,
            took,
            usage,
            cost,
            // What would have a price and has none was refused.
            free: member.entry.costs_nothing() || cost.is_none() && self.estimate.is_some(),
            problem,
        });
        Ok(ending)
    }

    /// Records a reply, judges it, and records what it was worth.
    async fn judge(
        &self,
        shared: &Shared,
        member: &Member,
        raw: &RawReply,
    ) -> Result<(Ending, Option<Usage>, Option<Usd>), CheckpointError> {
        let checkpoint = &shared.checkpoint;
        checkpoint
            .record_reply(self.call, raw, Moment::now())
            .await?;
        let ending = in_between(member, raw, member.model.judge(raw));
        let worth = match &ending {
            Ending::Done(reply) => {
                if !reply.says_nothing() {
                    member.good(self.sent);
                }
                if let Some(notice) = member.another(reply.model.as_deref()) {
                    shared.notice(notice);
                }
                let worth = member.worth(reply);
                let used = worth.usage.map(|usage| usage.input + usage.output);
                member.pace.succeeded(self.tokens, used);
                // What nobody counted is booked at the estimate.
                Worth {
                    cost: worth.cost.or(self.estimate),
                    ..worth
                }
            }
            // No error by its status, and no text all the same: most probably
            // one was made, and has to be paid for.
            Ending::Outage(_) | Ending::Photo(_) if (200..300).contains(&raw.status) => Worth {
                usage: None,
                cost: self.estimate,
                answered: None,
            },
            _ => return Ok((ending, None, None)),
        };
        let (usage, cost) = (worth.usage, worth.cost);
        checkpoint.price_call(self.call, worth).await?;
        Ok((ending, usage, cost))
    }
}

/// A web page in place of an error comes from something between us and a model.
/// Once that model has answered, it says nothing of key and address: something
/// may well mind this one picture.
fn in_between(member: &Member, raw: &RawReply, ending: Ending) -> Ending {
    match (ending, model::page(raw)) {
        (Ending::Settings(_), Some(told)) if member.has_answered() => Ending::Photo(told),
        (ending, _) => ending,
    }
}

/// What an ending is called in logs.
fn name(ending: &Ending) -> &'static str {
    match ending {
        Ending::Done(reply) => match reply.finish {
            Finish::Stop => "ok",
            Finish::Length => "length",
            Finish::Refused => "refused",
        },
        Ending::RetryAfter(..) => "retry",
        Ending::Outage(_) => "outage",
        Ending::Photo(_) => "photo",
        Ending::Settings(_) => "settings",
        Ending::Quota(_) => "quota",
    }
}

/// Waits until an estimate fits into the budget. One that never will ends the
/// run, unless it is for more room only: other photos may cost less.
async fn reserve(shared: &Shared, estimate: Usd, purpose: Purpose) -> Result<Reservation, Tried> {
    loop {
        let changed = shared.budget_changed.notified();
        let today = UtcDay::of(Moment::now());
        let granted = shared.budget().reserve(estimate, today);
        match granted {
            Reserve::Granted(reservation) => return Ok(reservation),
            Reserve::Exhausted(_) if purpose == Purpose::Longer => return Err(Tried::TooDear),
            Reserve::Exhausted(ceiling) => {
                exhausted(shared, ceiling, estimate);
                return Err(Tried::NotMade);
            }
            Reserve::Wait => {}
        }
        tokio::select! {
            () = changed => {}
            () = shared.stop.soft().cancelled() => return Err(Tried::NotMade),
        }
    }
}

/// Stops the run, and says once which limit it was.
fn exhausted(shared: &Shared, ceiling: Ceiling, estimate: Usd) {
    let (spent, limit) = shared.budget().account(ceiling);
    let limit = limit.unwrap_or_default();
    if !shared.stop.asked() {
        shared.notice(match ceiling {
            Ceiling::Run => format!(
                "this run spent {spent} of the {limit} it may; the next call could cost {estimate}"
            ),
            Ceiling::Day => format!(
                "today's runs spent {spent} of the {limit} a day (UTC) may cost; the next call \
                 could cost {estimate}"
            ),
        });
    }
    shared.stop.ask(Why::Early(Ended::Budget));
}

fn settle_budget(shared: &Shared, reserved: Reservation, cost: Usd) {
    shared.budget().settle(reserved, cost);
    shared.budget_changed.notify_waiters();
}

//! Caption: ask a model, keep the reply, and judge the text. Model and gate are
//! one stage, so that a reply is durable before anybody has an opinion on it.

use super::chain::{Down, Member, Trouble};
use super::items::{Ask, Captioned, Material, Prepared, ToWrite};
use super::prepare::hand_to_write;
use super::shared::{Blame, Shared};
use super::{Event, Fatal, Outcome, Why, look};
use crate::archive::{
    Assessment, CallId, Ended, Ending, Jpeg, Moment, PhotoId, Purpose, RawReply, Reason, Reply,
    Unanswered, Usd, Verdict,
};
use crate::checkpoint::{CallOutcome, CheckpointError, NewCall, NewDraft, SlotRow};
use crate::config::Provider;
use crate::model::{self, Conversation};
use crate::policy::Reserve;
use crate::quality;
use std::sync::Arc;
use tokio::sync::mpsc::Sender;
use tokio::time::Instant;

/// Outages that one photo sees before the test image has to tell whether it is
/// the photo that brings the model down.
const OUTAGES_OF_ONE_PHOTO: u32 = 3;

/// Failures of one photo, each while the model was well otherwise, before the
/// photo is to blame.
const STRIKES: u32 = 3;

/// Works on one prepared photo; hands its text to `write` if it may be published.
pub(super) async fn caption(shared: Arc<Shared>, prepared: Prepared, write: Sender<Captioned>) {
    let Prepared {
        looked,
        pixels,
        asks,
        material,
    } = prepared;
    let images = match material {
        Material::Reply(member, call, reply) => {
            let prepared = Judged {
                member,
                call,
                reply,
            };
            return keep(&shared, (looked, pixels), &asks[member], prepared, write).await;
        }
        Material::Image(images) => images,
    };
    for (index, member) in shared.chain.members().iter().enumerate() {
        let question = Question {
            member,
            ask: &asks[index],
            slot: looked.slot,
            photo: &looked.photo,
            image: &images[index],
        };
        match question.answer(&shared).await {
            Ok(Answer::Reply(call, reply)) => {
                let judged = Judged {
                    member: index,
                    call,
                    reply,
                };
                return keep(&shared, (looked, pixels), &asks[index], judged, write).await;
            }
            Ok(Answer::Photo(why)) => {
                let error = format!("{} could not do {}: {why}", member.entry.name, looked.photo);
                return shared
                    .fail(looked, error, Blame::Model(pixels), false)
                    .await;
            }
            Ok(Answer::Next) => {}
            Ok(Answer::Stopped) => {
                return shared.settle(looked.photo, Outcome::NotReached, false);
            }
            Err(error) => return shared.lost_state(looked.photo, &error),
        }
    }
    nobody_left(&shared);
    shared.settle(looked.photo, Outcome::NotReached, false);
}

/// Every model of the chain is down: the run ends as the first of them did.
fn nobody_left(shared: &Shared) {
    let downs: Vec<(&Member, Down)> = shared
        .chain
        .members()
        .iter()
        .filter_map(|member| Some((member, member.down()?)))
        .collect();
    if let Some(ended) = downs.iter().find_map(|(_, down)| down.ended()) {
        return shared.stop.ask(Why::Early(ended));
    }
    let (name, why) = downs
        .first()
        .map_or(("the model", "unknown"), |(member, down)| {
            (member.entry.name.as_str(), down.why())
        });
    shared.stop.fatal(Fatal {
        message: format!("{name} fails on everything, the built-in test image included: {why}"),
        hint: Some("check the entry in models.yaml: can this model see images?".into()),
    });
}

/// A text that arrived.
struct Judged {
    member: usize,
    call: CallId,
    reply: Reply,
}

/// Judges a text, keeps it as a draft, and hands it on if it may be published.
async fn keep(
    shared: &Shared,
    (looked, pixels): (super::items::Looked, crate::archive::PixelVersion),
    ask: &Ask,
    judged: Judged,
    write: Sender<Captioned>,
) {
    let member = shared.chain.member(judged.member);
    let assessment = assess(shared, member, ask, &looked.photo, &judged.reply);
    let cost = judged.reply.usage.and_then(|usage| member.cost(usage));
    let (verdict, reasons) = (assessment.verdict, assessment.reasons.clone());
    let draft = NewDraft {
        slot: looked.slot,
        call: Some(judged.call),
        run: shared.run,
        key: ask.key.clone(),
        recipe: Some(ask.recipe.clone()),
        model: Some(member.entry.name.clone()),
        pixels: Some(pixels.clone()),
        assessment,
        at: Moment::now(),
    };
    let checkpoint = &shared.checkpoint;
    let recorded = async {
        let (usage, model) = (judged.reply.usage, judged.reply.model);
        checkpoint
            .price_call(judged.call, usage, cost, model)
            .await?;
        let id = checkpoint.record_draft(draft).await?;
        if verdict != Verdict::Write {
            let basis = look::basis(shared, &looked.reading, Some(&pixels));
            checkpoint.note_held(looked.slot, id, basis).await?;
        }
        checkpoint.draft(id).await
    };
    let stored = match recorded.await {
        Ok(Some(stored)) => stored,
        Ok(None) => return shared.settle(looked.photo, Outcome::NotReached, true),
        Err(error) => return shared.lost_state(looked.photo, &error),
    };
    shared.summary().share(&member.entry.name).generated += 1;
    if verdict == Verdict::Write {
        let captioned = Captioned {
            looked,
            text: ToWrite::Draft(stored),
            generated: true,
        };
        hand_to_write(shared, captioned, write).await;
    } else {
        shared.settle(looked.photo, Outcome::Held(reasons), true);
    }
}

fn assess(
    shared: &Shared,
    member: &Member,
    ask: &Ask,
    photo: &PhotoId,
    reply: &Reply,
) -> Assessment {
    let prompt = format!("{}\n{}", ask.prompt.system, ask.prompt.user);
    let mut assessment = quality::assess(
        &reply.text,
        reply.finish,
        &quality::Asked {
            prompt: &prompt,
            context: &ask.context,
            language: &shared.plan.language,
            photo_name: photo.as_str().rsplit('/').next().unwrap_or_default(),
        },
    );
    if member.entry.provider == Provider::Embedded && shared.plan.hold_embedded {
        if assessment.verdict == Verdict::Write {
            assessment.verdict = Verdict::Hold;
        }
        assessment.reasons.push(Reason::NotSeen);
    }
    assessment
}

/// What came of asking one model about one photo.
enum Answer {
    /// A text, or a definite refusal.
    Reply(CallId, Reply),
    /// This model can't do this photo, and it is well otherwise.
    Photo(String),
    /// This model is down: the next one, please.
    Next,
    /// The run stops.
    Stopped,
}

/// One photo for one model.
struct Question<'a> {
    member: &'a Member,
    ask: &'a Ask,
    slot: SlotRow,
    photo: &'a PhotoId,
    image: &'a Jpeg,
}

/// What the run makes of a reply that is no text.
enum Verdictless {
    Again,
    End(Answer),
}

impl Question<'_> {
    /// Asks until there is an answer. Every attempt is a call of its own in the
    /// checkpoint; nothing is held while waiting.
    async fn answer(&self, shared: &Shared) -> Result<Answer, CheckpointError> {
        let conversation = model::conversation(&self.ask.prompt, self.image.clone());
        let (mut outages, mut strikes) = (0, 0);
        loop {
            if shared.stop.asked() {
                return Ok(Answer::Stopped);
            }
            if self.member.down().is_some() {
                return Ok(Answer::Next);
            }
            let subject = Subject {
                photo: Some((self.slot, self.photo)),
                ask: Some(self.ask),
            };
            let Some(attempt) = attempt(shared, self.member, &conversation, subject).await? else {
                return Ok(Answer::Stopped);
            };
            let next = match attempt.ending.clone() {
                Ending::Done(reply) => return Ok(Answer::Reply(attempt.call, reply)),
                Ending::Photo(why) => self.blame(shared, why, attempt.sent).await?,
                Ending::RetryAfter(wait, why) => trouble(shared, self.member, wait, &why),
                Ending::Outage(why) => {
                    outages += 1;
                    let next = self.suspect(shared, why, &attempt, outages).await?;
                    match next {
                        // The model is well, and this photo failed all the same.
                        Verdictless::End(Answer::Photo(_)) if strikes + 1 < STRIKES => {
                            strikes += 1;
                            Verdictless::Again
                        }
                        next => next,
                    }
                }
                Ending::Settings(message) => {
                    let message = format!("{}: {message}", self.member.entry.name);
                    shared.stop.fatal(Fatal {
                        message,
                        hint: None,
                    });
                    return Ok(Answer::Stopped);
                }
                Ending::Quota(why) => {
                    shared.notice(format!("{}: {why}", self.member.entry.name));
                    self.member.set_down(Down::Quota(why));
                    return Ok(Answer::Next);
                }
            };
            if let Verdictless::End(answer) = next {
                return Ok(answer);
            }
        }
    }

    /// An outage may be the photo's doing: a server that crashes on one image
    /// says the same as one that is down. Only an outage that the model itself
    /// answered counts; a request that found no connection says nothing.
    async fn suspect(
        &self,
        shared: &Shared,
        why: String,
        attempt: &Attempt,
        outages: u32,
    ) -> Result<Verdictless, CheckpointError> {
        let well = self.member.good_since(attempt.sent);
        if attempt.reached && (well || outages >= OUTAGES_OF_ONE_PHOTO) {
            self.blame(shared, why, attempt.sent).await
        } else {
            Ok(trouble(shared, self.member, None, &why))
        }
    }

    /// A failure that looks like the photo's is charged to it only once the
    /// model has shown, after that call was sent, that it is well: by another
    /// reply, or by describing the built-in test image.
    async fn blame(
        &self,
        shared: &Shared,
        why: String,
        sent: Instant,
    ) -> Result<Verdictless, CheckpointError> {
        let member = self.member;
        if member.good_since(sent) {
            return Ok(Verdictless::End(Answer::Photo(why)));
        }
        // One test at a time: its result serves everybody who waits for it.
        let _probing = member.probing.lock().await;
        if member.good_since(sent) {
            return Ok(Verdictless::End(Answer::Photo(why)));
        }
        if member.down().is_some() {
            return Ok(Verdictless::End(Answer::Next));
        }
        let context = crate::archive::Context::default();
        let prompt = model::prompt(&member.entry, &context, &shared.plan.language);
        let test = model::conversation(&prompt, crate::photo::test_image());
        let subject = Subject {
            photo: None,
            ask: None,
        };
        let Some(attempt) = attempt(shared, member, &test, subject).await? else {
            return Ok(Verdictless::End(Answer::Stopped));
        };
        Ok(match attempt.ending {
            Ending::Done(_) => Verdictless::End(Answer::Photo(why)),
            Ending::RetryAfter(wait, why) => trouble(shared, member, wait, &why),
            Ending::Outage(why) => trouble(shared, member, None, &why),
            Ending::Photo(also) => {
                shared.notice(format!(
                    "{} fails on the built-in test image too: {also}",
                    member.entry.name
                ));
                member.set_down(Down::Broken(also));
                Verdictless::End(Answer::Next)
            }
            Ending::Settings(message) => {
                let message = format!("{}: {message}", member.entry.name);
                shared.stop.fatal(Fatal {
                    message,
                    hint: None,
                });
                Verdictless::End(Answer::Stopped)
            }
            Ending::Quota(why) => {
                member.set_down(Down::Quota(why));
                Verdictless::End(Answer::Next)
            }
        })
    }
}

/// A model is down or limits us: everybody waits at its gate, or gives it up.
fn trouble(
    shared: &Shared,
    member: &Member,
    asked: Option<std::time::Duration>,
    why: &str,
) -> Verdictless {
    let patience = shared.plan.run.outage_patience;
    match member.trouble(asked, why, patience) {
        Trouble::Wait(wait) => {
            let (whom, why) = (member.entry.name.to_string(), why.to_owned());
            shared.emit(&Event::Waiting { whom, wait, why });
            Verdictless::Again
        }
        Trouble::Waits => Verdictless::Again,
        Trouble::Down => {
            shared.notice(format!(
                "giving up on {} for this run: {why}",
                member.entry.name
            ));
            member.set_down(Down::Outage(why.to_owned()));
            Verdictless::End(Answer::Next)
        }
    }
}

/// What a call is about; neither for the built-in test image.
#[derive(Clone, Copy)]
struct Subject<'a> {
    photo: Option<(SlotRow, &'a PhotoId)>,
    ask: Option<&'a Ask>,
}

/// A call that was made.
struct Attempt {
    call: CallId,
    sent: Instant,
    /// Whether the request found its way to the model.
    reached: bool,
    ending: Ending,
}

/// One call: budget, pace, record, send, record, judge. `None`: the run stops.
async fn attempt(
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

//! Ask: one model about one photo, until there is an answer. Who is to blame
//! when there is none is decided here.

use super::Event;
use super::attempt::{Attempt, Subject, Tried, attempt};
use super::chain::{Down, Member, Trouble};
use super::items::{Ask, CutOff};
use super::shared::Shared;
use crate::archive::{CallId, Context, Ending, Finish, Jpeg, PhotoId, Purpose, Reply};
use crate::checkpoint::{CallOutcome, CheckpointError, SlotRow};
use crate::model;
use std::time::Duration;
use tokio::time::Instant;

/// Outages that one photo sees before the test image has to tell whether it is
/// the photo that brings the model down.
const OUTAGES_OF_ONE_PHOTO: u32 = 3;

/// Failures of one photo, each while the model was well otherwise, before the
/// photo is to blame.
const STRIKES: u32 = 3;

/// What is said of a model that was done before its first word.
const SILENT: &str = "it answered without any text";

/// Why a photo is not asked about with a larger cap.
const TOO_DEAR: &str = "more room for its text costs more than is left to spend";

/// What came of asking one model about one photo.
pub(super) enum Answer {
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
pub(super) struct Question<'a> {
    pub(super) member: &'a Member,
    pub(super) ask: &'a Ask,
    pub(super) slot: SlotRow,
    pub(super) photo: &'a PhotoId,
    pub(super) image: &'a Jpeg,
    /// A paid reply of this model that ended at its cap, from an earlier run.
    pub(super) cut_off: Option<&'a CutOff>,
}

/// What the run makes of a reply that is no text.
enum Verdictless {
    Again,
    End(Answer),
}

/// What one photo has seen of a model.
#[derive(Default)]
struct Seen {
    outages: u32,
    strikes: u32,
}

/// Whether an outage looks like one photo's doing.
#[derive(Clone, Copy)]
enum Suspicious {
    No,
    /// Other photos fared well since.
    Others,
    /// It has happened to this photo again and again.
    Again,
}

impl Question<'_> {
    /// Asks until there is an answer. A reply that ended at its cap is asked for
    /// once more with a larger one; where that can't be done, it is the answer.
    pub(super) async fn answer(&self, shared: &Shared) -> Result<Answer, CheckpointError> {
        let first = match self.cut_off {
            Some(earlier) => {
                self.book(shared, earlier).await?;
                earlier.clone()
            }
            None => match self.ask_for(shared, None).await? {
                Answer::Reply(call, reply) => (call, reply),
                other => return Ok(other),
            },
        };
        let (last, cap) = match self.longer(shared, &first.1).await? {
            None | Some((Answer::Photo(_), _)) => (first, None),
            Some((Answer::Reply(call, reply), cap)) => ((call, reply), Some(cap)),
            Some((other, _)) => return Ok(other),
        };
        let (call, reply) = last;
        if reply.says_nothing() {
            return self.silence(shared, call, reply, cap).await;
        }
        Ok(Answer::Reply(call, reply))
    }

    /// What comes of asking with a larger cap, and the cap, where a reply and the
    /// settings leave room for that.
    async fn longer(
        &self,
        shared: &Shared,
        reply: &Reply,
    ) -> Result<Option<(Answer, u32)>, CheckpointError> {
        let cap = model::raised_cap(&self.member.entry);
        let Some(cap) = cap.filter(|_| reply.finish == Finish::Length) else {
            return Ok(None);
        };
        self.member.tell_of_cap(shared, cap);
        Ok(Some((self.ask_for(shared, Some(cap)).await?, cap)))
    }

    /// Asks with the usual or a larger cap until there is an answer. Every
    /// attempt is a call of its own in the checkpoint; nothing is held while
    /// waiting.
    async fn ask_for(&self, shared: &Shared, cap: Option<u32>) -> Result<Answer, CheckpointError> {
        let mut conversation = model::conversation(&self.ask.prompt, self.image.clone());
        conversation.cap = cap;
        let subject = Subject {
            purpose: cap.map_or(Purpose::Caption, |_| Purpose::Longer),
            photo: Some((self.slot, self.photo)),
            key: Some(&self.ask.key),
        };
        let patience = shared.plan.run.outage_patience;
        let mut seen = Seen::default();
        loop {
            if shared.stop.asked() {
                return Ok(Answer::Stopped);
            }
            if self.member.down().is_some() {
                return Ok(Answer::Next);
            }
            let attempt = match attempt(shared, self.member, &conversation, subject).await? {
                Tried::Called(attempt) => attempt,
                Tried::NotMade => continue,
                Tried::TooDear => return Ok(Answer::Photo(TOO_DEAR.to_owned())),
                Tried::Unready(ending) => match unready(shared, self.member, ending) {
                    Verdictless::Again => continue,
                    Verdictless::End(answer) => return Ok(answer),
                },
            };
            let next = match attempt.ending.clone() {
                Ending::Done(reply) => return Ok(Answer::Reply(attempt.call, reply)),
                // Nobody will ask again, so there is nothing to wait for.
                Ending::RetryAfter(..) | Ending::Outage(_) if shared.stop.asked() => {
                    return Ok(Answer::Stopped);
                }
                // It did answer this photo just now: what it minds is the cap.
                Ending::Photo(why) | Ending::Settings(why) | Ending::Quota(why)
                    if cap.is_some() =>
                {
                    return Ok(Answer::Photo(why));
                }
                Ending::RetryAfter(wait, why)
                    if cap.is_some() && (seen.outages > 0 || wait > Some(patience)) =>
                {
                    return Ok(Answer::Photo(why));
                }
                Ending::Photo(why) => self.blame(shared, why, None).await?,
                Ending::RetryAfter(wait, why) => {
                    self.outage(shared, (wait, why), &attempt, &mut seen)
                        .await?
                }
                Ending::Outage(why) => {
                    self.outage(shared, (None, why), &attempt, &mut seen)
                        .await?
                }
                ending => everybodys(shared, self.member, ending),
            };
            if let Verdictless::End(answer) = next {
                return Ok(answer);
            }
        }
    }

    /// A reply without a word is an answer about this photo, and paid for, once the
    /// model has shown that it can speak. That of a model that never does is no
    /// answer: the photo is asked about again some day.
    async fn silence(
        &self,
        shared: &Shared,
        call: CallId,
        reply: Reply,
        cap: Option<u32>,
    ) -> Result<Answer, CheckpointError> {
        let why = silent(self.member, &reply, cap);
        while !shared.stop.asked() {
            match self.blame(shared, why.clone(), cap).await? {
                Verdictless::Again => {}
                Verdictless::End(_) => break,
            }
        }
        if !self.member.is_broken() {
            return Ok(Answer::Reply(call, reply));
        }
        let outcome = CallOutcome::Failed { error: why };
        shared.checkpoint.close_call(call, outcome).await?;
        Ok(Answer::Next)
    }

    /// Books what a reply of an earlier run cost, which may have been killed
    /// before it did so itself.
    async fn book(&self, shared: &Shared, cut_off: &CutOff) -> Result<(), CheckpointError> {
        let (call, reply) = cut_off;
        let worth = self.member.worth(reply);
        shared.checkpoint.price_call(*call, worth).await
    }

    /// What an outage or a refusal for now means for this photo. Before the model
    /// is given up for it, the test image has to show that it is not this photo.
    async fn outage(
        &self,
        shared: &Shared,
        (wait, why): (Option<Duration>, String),
        attempt: &Attempt,
        seen: &mut Seen,
    ) -> Result<Verdictless, CheckpointError> {
        seen.outages += 1;
        let suspicious = self.suspicious(attempt, seen.outages);
        let more = seen.strikes + 1 < STRIKES;
        match suspicious {
            Suspicious::Others if more => {
                // Others fared well meanwhile, so there is nothing to wait for.
                seen.strikes += 1;
                return Ok(Verdictless::Again);
            }
            Suspicious::No => {
                let patience = shared.plan.run.outage_patience;
                let last_look = attempt.reached && wait.is_none();
                match self.member.trouble(wait, &why, patience) {
                    Trouble::Down if last_look => {}
                    trouble => return Ok(troubled(shared, self.member, trouble, &why)),
                }
            }
            Suspicious::Others | Suspicious::Again => {}
        }
        Ok(match self.blame(shared, why, None).await? {
            Verdictless::End(Answer::Photo(_)) if more => {
                seen.strikes += 1;
                Verdictless::Again
            }
            next => next,
        })
    }

    /// An outage may be the photo's doing: a server that crashes on one image
    /// says the same as one that is down, and a picture of too many tokens is
    /// refused like one too many. Only what the model itself answered counts; a
    /// request that found no connection says nothing, and neither does a refusal
    /// while everybody is refused.
    fn suspicious(&self, attempt: &Attempt, outages: u32) -> Suspicious {
        let refused = matches!(attempt.ending, Ending::RetryAfter(..));
        if !attempt.reached || refused && self.member.pace.paused().is_some() {
            Suspicious::No
        } else if !refused && self.member.good_since(attempt.sent) {
            Suspicious::Others
        } else if outages >= OUTAGES_OF_ONE_PHOTO {
            Suspicious::Again
        } else {
            Suspicious::No
        }
    }

    /// A failure that looks like the photo's is charged to it only once the
    /// model has shown, by a call that was sent after that failure, that it is
    /// well: by another reply, or by describing the built-in test image. Replies
    /// that were under way meanwhile prove nothing: the model may have broken
    /// between two requests that were sent at the same time.
    ///
    /// `cap` is a larger one for the test image as well.
    async fn blame(
        &self,
        shared: &Shared,
        why: String,
        cap: Option<u32>,
    ) -> Result<Verdictless, CheckpointError> {
        let member = self.member;
        let failed = Instant::now();
        // One test at a time: its result serves everybody who waits for it.
        let _probing = member.probing.lock().await;
        if member.good_since(failed) {
            return Ok(Verdictless::End(Answer::Photo(why)));
        }
        if member.down().is_some() {
            return Ok(Verdictless::End(Answer::Next));
        }
        let context = Context::default();
        let prompt = model::prompt(&member.entry, &context, &shared.plan.language);
        let mut test = model::conversation(&prompt, crate::photo::test_image());
        test.cap = cap;
        let subject = Subject {
            purpose: Purpose::Probe,
            photo: None,
            key: None,
        };
        let ending = match attempt(shared, member, &test, subject).await? {
            Tried::Called(attempt) => attempt.ending,
            Tried::NotMade | Tried::TooDear => return Ok(Verdictless::Again),
            Tried::Unready(ending) => return Ok(unready(shared, member, ending)),
        };
        let ending = match ending {
            Ending::Done(reply) if reply.says_nothing() => {
                Ending::Photo(silent(member, &reply, cap))
            }
            ending => ending,
        };
        Ok(match ending {
            Ending::Done(_) => Verdictless::End(Answer::Photo(why)),
            Ending::Photo(also) => {
                if member.set_down(Down::Broken(also.clone())) {
                    shared.notice(format!(
                        "{} fails on the built-in test image too: {also}",
                        member.entry.name
                    ));
                }
                Verdictless::End(Answer::Next)
            }
            ending => everybodys(shared, member, ending),
        })
    }
}

/// What is said of a reply without a word.
fn silent(member: &Member, reply: &Reply, cap: Option<u32>) -> String {
    match reply.finish {
        Finish::Length => model::out_of_tokens(&member.entry, cap),
        Finish::Stop | Finish::Refused => SILENT.to_owned(),
    }
}

/// A model could not be made ready. That says nothing of any photo.
fn unready(shared: &Shared, member: &Member, ending: Ending) -> Verdictless {
    match ending {
        Ending::Done(_) => Verdictless::Again,
        Ending::Photo(why) => everybodys(shared, member, Ending::Outage(why)),
        ending => everybodys(shared, member, ending),
    }
}

/// An ending that is not about a photo. What concerns every call to this model
/// was made known with the call.
fn everybodys(shared: &Shared, member: &Member, ending: Ending) -> Verdictless {
    match ending {
        Ending::Done(_) | Ending::Photo(_) => Verdictless::Again,
        Ending::RetryAfter(wait, why) => trouble(shared, member, wait, &why),
        Ending::Outage(why) => trouble(shared, member, None, &why),
        Ending::Settings(_) => Verdictless::End(Answer::Stopped),
        Ending::Quota(_) => Verdictless::End(Answer::Next),
    }
}

/// A model is down or limits us: everybody waits at its gate, or gives it up.
fn trouble(shared: &Shared, member: &Member, asked: Option<Duration>, why: &str) -> Verdictless {
    let patience = shared.plan.run.outage_patience;
    troubled(shared, member, member.trouble(asked, why, patience), why)
}

fn troubled(shared: &Shared, member: &Member, trouble: Trouble, why: &str) -> Verdictless {
    match trouble {
        Trouble::Wait(wait) => {
            let (whom, why) = (member.entry.name.to_string(), why.to_owned());
            shared.emit(&Event::Waiting { whom, wait, why });
            Verdictless::Again
        }
        Trouble::Waits => Verdictless::Again,
        Trouble::Down => {
            // Everybody who waited for it finds out by himself.
            if member.set_down(Down::Outage(why.to_owned())) {
                let name = &member.entry.name;
                shared.notice(format!("giving up on {name} for this run: {why}"));
            }
            Verdictless::End(Answer::Next)
        }
    }
}

//! Ask: one model about one photo, until there is an answer. Who is to blame
//! when there is none is decided here.

use super::Event;
use super::attempt::{Attempt, Subject, attempt};
use super::chain::{Down, Member, Trouble};
use super::items::Ask;
use super::shared::Shared;
use crate::archive::{CallId, Context, Ending, Jpeg, PhotoId, Reply};
use crate::checkpoint::{CheckpointError, SlotRow};
use crate::model;
use std::time::Duration;
use tokio::time::Instant;

/// Outages that one photo sees before the test image has to tell whether it is
/// the photo that brings the model down.
const OUTAGES_OF_ONE_PHOTO: u32 = 3;

/// Failures of one photo, each while the model was well otherwise, before the
/// photo is to blame.
const STRIKES: u32 = 3;

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
}

/// What the run makes of a reply that is no text.
enum Verdictless {
    Again,
    End(Answer),
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
    /// Asks until there is an answer. Every attempt is a call of its own in the
    /// checkpoint; nothing is held while waiting.
    pub(super) async fn answer(&self, shared: &Shared) -> Result<Answer, CheckpointError> {
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
                continue;
            };
            let next = match attempt.ending.clone() {
                Ending::Done(reply) => return Ok(Answer::Reply(attempt.call, reply)),
                // Nobody will ask again, so there is nothing to wait for.
                Ending::RetryAfter(..) | Ending::Outage(_) if shared.stop.asked() => {
                    return Ok(Answer::Stopped);
                }
                Ending::Photo(why) => self.blame(shared, why).await?,
                Ending::RetryAfter(wait, why) => trouble(shared, self.member, wait, &why),
                Ending::Outage(why) => {
                    outages += 1;
                    let suspicious = self.suspicious(&attempt, outages);
                    match (suspicious, strikes + 1 < STRIKES) {
                        (Suspicious::No, _) => trouble(shared, self.member, None, &why),
                        // Others fared well meanwhile, so there is nothing to
                        // wait for.
                        (Suspicious::Others, true) => {
                            strikes += 1;
                            Verdictless::Again
                        }
                        (_, more) => match self.blame(shared, why).await? {
                            Verdictless::End(Answer::Photo(_)) if more => {
                                strikes += 1;
                                Verdictless::Again
                            }
                            next => next,
                        },
                    }
                }
                Ending::Settings(_) => return Ok(Answer::Stopped),
                Ending::Quota(_) => return Ok(Answer::Next),
            };
            if let Verdictless::End(answer) = next {
                return Ok(answer);
            }
        }
    }

    /// An outage may be the photo's doing: a server that crashes on one image
    /// says the same as one that is down. Only an outage that the model itself
    /// answered counts; a request that found no connection says nothing.
    fn suspicious(&self, attempt: &Attempt, outages: u32) -> Suspicious {
        if !attempt.reached {
            Suspicious::No
        } else if self.member.good_since(attempt.sent) {
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
    async fn blame(&self, shared: &Shared, why: String) -> Result<Verdictless, CheckpointError> {
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
        let test = model::conversation(&prompt, crate::photo::test_image());
        let subject = Subject {
            photo: None,
            ask: None,
        };
        let Some(attempt) = attempt(shared, member, &test, subject).await? else {
            return Ok(Verdictless::Again);
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
            Ending::Settings(_) => Verdictless::End(Answer::Stopped),
            Ending::Quota(_) => Verdictless::End(Answer::Next),
        })
    }
}

/// A model is down or limits us: everybody waits at its gate, or gives it up.
fn trouble(shared: &Shared, member: &Member, asked: Option<Duration>, why: &str) -> Verdictless {
    let patience = shared.plan.run.outage_patience;
    match member.trouble(asked, why, patience) {
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

//! Write: read the photo once more, journal the change, send it, and settle
//! what became of it by what the site shows.

use super::fresh::Fresh;
use super::items::{Captioned, Looked, ToWrite};
use super::shared::Shared;
use super::throttle::{HeldBack, Patience, Throttle};
use super::{Fatal, Outcome, Stop};
use crate::archive::{Marking, Moment, Owner, PhotoId, Reading, Tag, WriteId};
use crate::checkpoint::{Checkpoint, CheckpointError, Look, NewWrite};
use crate::policy::{self, Landed, landed};
use crate::site::{ChangeSet, Site, SiteError, TagChange, Written};
use std::sync::Arc;

/// How often a write whose reply was lost, and that had not reached the site
/// when we looked, is sent again.
const RESENDS: u32 = 3;

/// Works on one photo whose text may be published; its way ends here.
pub(super) async fn write(shared: Arc<Shared>, captioned: Captioned) {
    let Captioned {
        looked,
        text,
        generated,
    } = captioned;
    // Kept until it is known what the write proves.
    let mut turn = Some(shared.proof.turn().await);
    if shared.proof.hopeless() {
        return shared.settle(looked.photo, Outcome::NotReached, generated);
    }
    let fresh = match Fresh::read(&shared, &looked.photo).await {
        Ok(fresh) => fresh,
        Err(error) => return shared.site_trouble(looked, error, generated).await,
    };
    let expected = shared.plan.expected.as_deref();
    if let Some(why) = changed_since(&looked, &fresh.reading, expected) {
        return conflict(&shared, looked, fresh.reading, why, generated).await;
    }
    let change = change(&shared, &looked, &fresh.reading, text);
    match Writer::new(&shared)
        .carry_out(&looked.photo, fresh, change, &mut turn)
        .await
    {
        Ok(Landing::Kept(kept)) => {
            shared.proof.succeeded();
            shared.settle(looked.photo, Outcome::Written { text: kept }, generated);
        }
        Ok(Landing::Foreign(reading)) => {
            let why = format!("{} was changed by somebody else meanwhile", looked.photo);
            conflict(&shared, looked, reading, why, generated).await;
        }
        Ok(Landing::Ignored(why) | Landing::Refused(SiteError::Photo(why))) => {
            in_vain(&shared, looked, why, generated).await;
        }
        Ok(Landing::Refused(error)) => shared.site_trouble(looked, error, generated).await,
        Err(broken) => {
            shared.stop.broken_state(&broken);
            shared.settle(looked.photo, Outcome::NotReached, generated);
        }
    }
}

/// The site answered, and our text is not there: the photo's failure, or that of
/// a description under which no text ever arrives.
async fn in_vain(shared: &Shared, looked: Looked, why: String, generated: bool) {
    if shared.proof.failed(&looked.photo) {
        shared.stop.fatal(Fatal {
            message: format!("no text that was sent has arrived on the site; the last: {why}"),
            hint: Some(
                "check [site.update] and site.fields in pipeline.toml; `altfill check` shows what \
                 they find. The texts are kept, and cost nothing again"
                    .to_owned(),
            ),
        });
        return shared.settle(looked.photo, Outcome::NotReached, generated);
    }
    let error = SiteError::Photo(why);
    shared.site_trouble(looked, error, generated).await;
}

/// Whether the text or the tag is not what the decision was made on. Any change
/// counts, even one that would leave the text nobody's: a person is at work.
fn changed_since(looked: &Looked, fresh: &Reading, expected: Option<&str>) -> Option<String> {
    if let Some(expected) = expected
        && fresh.alt_text() != expected
    {
        return Some(format!(
            "the alt text of {} is not the one that was shown any more",
            looked.photo
        ));
    }
    if fresh.alt_text() != looked.reading.alt_text() {
        return Some(format!(
            "the alt text of {} changed since it was listed",
            looked.photo
        ));
    }
    vouched_since(looked.reading.tag, fresh)
        .then(|| format!("a person vouched for {} since it was listed", looked.photo))
}

async fn conflict(shared: &Shared, looked: Looked, fresh: Reading, why: String, generated: bool) {
    let text = fresh.alt_text();
    // A text that came between our two reads is a person's, whatever its tag:
    // we know that we did not write it.
    let owner = match policy::owner(text, fresh.tag, &looked.record, &looked.photo) {
        Owner::Unproven => Owner::Person,
        known => known,
    };
    // What stood there when it was listed was a text of somebody's, if any.
    let cleared = text.trim().is_empty()
        && looked.owner != Owner::Nobody
        && !looked.reading.alt_text().trim().is_empty();
    let cleared = cleared || policy::cleared(text, &looked.record);
    let look = Look {
        slot: looked.slot,
        reading: fresh,
        owner,
        cleared,
        for_good: owner == Owner::Person,
        at: Moment::now(),
    };
    match shared.checkpoint.note_look(look).await {
        Ok(()) => shared.settle(looked.photo, Outcome::Conflict(why), generated),
        Err(error) => shared.lost_state(looked.photo, &error),
    }
}

/// The change that puts this text on the site.
fn change(shared: &Shared, looked: &Looked, fresh: &Reading, text: ToWrite) -> NewWrite {
    let (draft, alt, tag, recipe, model, pixels) = match text {
        ToWrite::Draft(draft) => (
            Some(draft.id),
            draft.text,
            Tag::Machine,
            draft.recipe,
            draft.model,
            draft.pixels,
        ),
        ToWrite::Person(draft, text) => (Some(draft), text, Tag::Person, None, None, None),
        ToWrite::Decorative => (None, String::new(), Tag::Person, None, None, None),
    };
    NewWrite {
        slot: looked.slot,
        draft,
        run: shared.run,
        before: (fresh.alt_text().to_owned(), fresh.tag),
        sent: (alt, Some(tag)),
        recipe,
        model,
        pixels,
        undoes: None,
        at: Moment::now(),
    }
}

/// What became of a change.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one for each write, and it is taken apart at once"
)]
pub(super) enum Landing {
    /// It is on the site, as the site kept it, and in the journal.
    Kept(String),
    /// Another text stands there: somebody else's.
    Foreign(Reading),
    /// The site accepted it and did nothing.
    Ignored(String),
    /// The site refused it, or can't be asked.
    Refused(SiteError),
}

/// Carries out a change, journalled before and after.
pub(super) struct Writer<'a> {
    shared: &'a Shared,
    site: &'a dyn Site,
    checkpoint: &'a Checkpoint,
    throttle: &'a Throttle,
    stop: &'a Stop,
}

impl<'a> Writer<'a> {
    pub(super) fn new(shared: &'a Shared) -> Self {
        Self {
            shared,
            site: &*shared.site,
            checkpoint: &shared.checkpoint,
            throttle: &shared.throttle,
            stop: &shared.stop,
        }
    }

    /// Journals, sends and settles one change of a photo that reads `fresh`. The
    /// turn goes back early when the change is held back: nothing of it was sent.
    pub(super) async fn carry_out(
        &self,
        photo: &PhotoId,
        mut fresh: Fresh,
        change: NewWrite,
        turn: &mut Option<impl Send>,
    ) -> Result<Landing, CheckpointError> {
        let change_set = ChangeSet {
            alt: change.sent.0.clone(),
            tag: match change.sent.1 {
                // A mark that was not there before goes again.
                None if change.undoes.is_some() && change.before.1.is_some() => TagChange::Clear,
                tag => tag.into(),
            },
        };
        let kept = self.site.cleaned(&change.sent.0);
        let mut attempts = 0;
        // Its turn is kept to the end of this change.
        let mut held_back: Option<HeldBack<'_>> = None;
        loop {
            let write = self.checkpoint.intend(change.clone()).await?;
            if fresh.is_old(&self.shared.quickest) {
                fresh = match self.look_again(photo, &change, write).await? {
                    Ok(fresh) => fresh,
                    Err(landing) => return Ok(landing),
                };
            }
            let reply = self.site.write(photo, &change_set, &fresh.reading).await;
            attempts += 1;
            if held_back.is_none() && matches!(reply, Err(SiteError::NotSent(_))) {
                drop(turn.take());
                held_back = Some(self.throttle.hold_back().await);
            }
            let shown = match &reply {
                Ok(Written::Shown(reading)) => Ok(Fresh::of_reply(Reading::clone(reading))),
                // A refused write may have been half saved, so the site is read
                // in every case but the one where it said that nothing happened.
                Ok(Written::Unshown)
                | Err(
                    SiteError::OutcomeUnknown(_)
                    | SiteError::NotSent(_)
                    | SiteError::Photo(_)
                    | SiteError::NotApi(_),
                ) => Fresh::read(self.shared, photo).await,
                Err(SiteError::Conflict(_)) => {
                    self.checkpoint
                        .void(write, "conflict".into(), Moment::now())
                        .await?;
                    return Ok(match self.site.read(photo).await {
                        Ok(reading) => Landing::Foreign(reading),
                        Err(error) => Landing::Refused(error),
                    });
                }
                Err(error @ (SiteError::Cancelled | SiteError::Outage(_))) => {
                    // The intent stays open: the next run settles it by reading.
                    return Ok(Landing::Refused(error.clone()));
                }
                Err(error) => {
                    self.checkpoint
                        .void(write, error.to_string(), Moment::now())
                        .await?;
                    return Ok(Landing::Refused(error.clone()));
                }
            };
            let shown = match shown {
                Ok(shown) => shown,
                Err(error) => {
                    // What was sent stays open, even if it was refused: the next
                    // run settles it by reading.
                    if matches!(reply, Err(SiteError::NotSent(_))) {
                        self.checkpoint
                            .void(write, error.to_string(), Moment::now())
                            .await?;
                    }
                    return Ok(Landing::Refused(error));
                }
            };
            let reading = &shown.reading;
            let now = reading.alt_text();
            let became = became(&change.before, &change.sent, &kept, reading);
            // Only the reply to our own write proves that it was the site that
            // changed the text; read later, that may have been a person.
            let cleaned = matches!(reply, Ok(Written::Shown(_)))
                && policy::cleaned_by_site(&change.sent.0, now);
            if became == Landed::Foreign && cleaned {
                tracing::warn!("the site made of the text of {photo}: {now}");
            }
            match became {
                Landed::Exact | Landed::Cleaned => return self.kept(write, now).await,
                Landed::Foreign if cleaned => return self.kept(write, now).await,
                Landed::Foreign => {
                    let why = "another text stands there".to_owned();
                    self.checkpoint.void(write, why, Moment::now()).await?;
                    return Ok(Landing::Foreign(shown.reading));
                }
                Landed::Unchanged => {
                    self.checkpoint
                        .void(write, "not on the site".into(), Moment::now())
                        .await?;
                    if reply.is_err() {
                        self.take_back_mark(photo, &change, reading).await;
                    }
                }
            }
            match reply {
                // A person who vouched for the old text has the last word.
                Err(_) if vouched_since(change.before.1, reading) => {
                    return Ok(Landing::Foreign(shown.reading));
                }
                Err(SiteError::NotSent(_)) if self.stop.asked() => {
                    return Ok(Landing::Refused(SiteError::Cancelled));
                }
                Err(SiteError::NotSent(why)) => {
                    let patience = held_back.as_mut().map(HeldBack::again);
                    match patience.unwrap_or(Patience::Left) {
                        Patience::Left => {
                            attempts -= 1;
                            fresh = shown;
                        }
                        Patience::OverForThisPhoto => {
                            return Ok(Landing::Refused(SiteError::NotSent(why)));
                        }
                        Patience::OverForTheSite => {
                            let why = format!("the site holds back every text ({why})");
                            return Ok(Landing::Refused(SiteError::Outage(why)));
                        }
                    }
                }
                Err(SiteError::OutcomeUnknown(_)) if attempts < RESENDS => fresh = shown,
                Err(error) => return Ok(Landing::Refused(error)),
                Ok(_) => {
                    let why = format!("the site accepted the text of {photo} and kept the old one");
                    return Ok(Landing::Ignored(why));
                }
            }
        }
    }
}

impl Writer<'_> {
    /// Reads once more what was read too long ago: as it was, or what became of the
    /// write that is not sent.
    async fn look_again(
        &self,
        photo: &PhotoId,
        change: &NewWrite,
        write: WriteId,
    ) -> Result<Result<Fresh, Landing>, CheckpointError> {
        let (landing, why) = match Fresh::read(self.shared, photo).await {
            Ok(fresh) => {
                let now = (fresh.reading.alt_text(), fresh.reading.tag);
                if now == (change.before.0.as_str(), change.before.1) {
                    return Ok(Ok(fresh));
                }
                let why = "changed before it was sent".to_owned();
                (Landing::Foreign(fresh.reading), why)
            }
            Err(error) => {
                let why = error.to_string();
                (Landing::Refused(error), why)
            }
        };
        self.checkpoint.void(write, why, Moment::now()).await?;
        Ok(Err(landing))
    }

    /// A text of ours stands on the site, as the site made it.
    async fn kept(&self, write: WriteId, text: &str) -> Result<Landing, CheckpointError> {
        self.throttle.landed();
        let text = text.to_owned();
        self.checkpoint
            .confirm(write, text.clone(), Moment::now())
            .await?;
        Ok(Landing::Kept(text))
    }

    /// Some sites save the mark of a request whose text they refuse. A mark that
    /// says "machine" on a text that is not ours is a lie about whoever wrote it,
    /// so it goes back to what it was.
    async fn take_back_mark(&self, photo: &PhotoId, change: &NewWrite, now: &Reading) {
        let before = change.before.1;
        let half_saved = now.tag == Some(Tag::Machine) && before != now.tag;
        if !half_saved || change.sent.1 != now.tag {
            return;
        }
        let tag = match before {
            Some(tag) => TagChange::Set(tag),
            None if self.site.traits().clears_tag => TagChange::Clear,
            // Without its mark this would only write the text once more.
            None => {
                tracing::warn!("{photo}: a half-saved mark stays: the site can't take one away");
                return;
            }
        };
        let back = ChangeSet {
            alt: now.alt_text().to_owned(),
            tag,
        };
        match self.site.write(photo, &back, now).await {
            Ok(_) => tracing::warn!("{photo}: a half-saved mark was taken back"),
            Err(error) => tracing::warn!("{photo}: a half-saved mark stays: {error}"),
        }
    }
}

/// What the site shows of a change, where it is known to make `kept` of the text
/// that was sent. One that changes only the tag is judged by the tag, where the
/// site can hold one.
pub(super) fn became(
    before: &(String, Option<Tag>),
    sent: &(String, Option<Tag>),
    kept: &str,
    shown: &Reading,
) -> Landed {
    let now = shown.alt_text();
    let marks = sent.1.is_some() && shown.marking == Marking::Possible;
    if before.0 == sent.0 && now == sent.0 && marks && shown.tag != sent.1 {
        return Landed::Unchanged;
    }
    landed(&before.0, &sent.0, kept, now)
}

/// Whether the tag says that a person vouched for the text since it was read.
fn vouched_since(before: Option<Tag>, now: &Reading) -> bool {
    now.tag == Some(Tag::Person) && before != Some(Tag::Person)
}

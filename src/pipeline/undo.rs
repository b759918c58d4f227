//! Undo: put back what a run replaced, where nobody has changed it since.

use super::fresh::Fresh;
use super::items::Outcome;
use super::run::{Finished, Parts, RunError, execute};
use super::shared::Shared;
use super::stage::stage;
use super::write::{Landing, Writer};
use crate::archive::{Marking, Moment, Reading, RunNumber, Skip};
use crate::checkpoint::{Checkpoint, CheckpointError, Look, NewWrite, StoredWrite};
use crate::policy::{self, Since};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::mpsc;

/// Takes back the writes of `target`: text, tag and recipe. Texts that changed
/// since are left alone and counted as conflicts.
pub async fn undo(parts: Parts, target: RunNumber) -> Result<Finished, RunError> {
    execute(parts, async |shared| {
        let (mode, writes) = match found(&shared.checkpoint, target).await {
            Ok(found) => found,
            Err(error) => return shared.stop.broken_state(&error),
        };
        let at_once = shared.plan.site_concurrency.max(1);
        let (input, output) = mpsc::channel(at_once);
        let feed = async {
            for write in writes {
                if !policy::takes_back(&mode, write.sent.1) {
                    shared.leave(write.photo, Outcome::Skipped(Skip::Person));
                } else if input.send(write).await.is_err() {
                    break;
                }
            }
            drop(input);
        };
        let shared = Arc::clone(shared);
        let marks = Arc::new(AtomicU64::new(0));
        let work = stage(output, at_once, |write| {
            one(Arc::clone(&shared), write, Arc::clone(&marks))
        });
        let ((), ended) = tokio::join!(feed, work);
        let marks = marks.load(Ordering::Relaxed);
        if marks > 0 {
            shared.notice(format!(
                "{marks} photos had no mark before that run and have one now: this site has no \
                 way to take one away (site.tag.unset)"
            ));
        }
        if let Err(bug) = ended {
            let message = format!("internal error: {bug}");
            shared.stop.fatal(super::Fatal {
                message,
                hint: None,
            });
        }
    })
    .await
}

/// What a run was for, and what it wrote.
async fn found(
    checkpoint: &Checkpoint,
    run: RunNumber,
) -> Result<(String, Vec<StoredWrite>), CheckpointError> {
    let mode = checkpoint.run(run).await?.map(|run| run.mode);
    Ok((mode.unwrap_or_default(), checkpoint.writes_of(run).await?))
}

async fn one(shared: Arc<Shared>, write: StoredWrite, marks: Arc<AtomicU64>) {
    let photo = write.photo.clone();
    if shared.stop.asked() {
        return shared.leave(photo, Outcome::NotReached);
    }
    let fresh = match Fresh::read(&shared, &photo).await {
        Ok(fresh) => fresh,
        Err(error) if shared.site_ends_the_run(&error) => {
            return shared.leave(photo, Outcome::NotReached);
        }
        Err(error) => return shared.leave(photo, Outcome::Failed(error.to_string())),
    };
    let since = match since(&shared, &write, &fresh.reading).await {
        Ok(since) => since,
        Err(error) => {
            shared.stop.broken_state(&error);
            return shared.leave(photo, Outcome::NotReached);
        }
    };
    match since {
        Since::Standing => {}
        Since::Replaced => return shared.leave(photo, Outcome::Skipped(Skip::Replaced)),
        Since::Changed => {
            let why = format!("the text of {photo} changed since that run; left alone");
            return shared.leave(photo, Outcome::Conflict(why));
        }
    }
    let traits = shared.site.traits();
    let old_text = (write.before.0.as_str(), write.before.1);
    let was_ours = write.previous.write.is_some();
    let old_mark = policy::mark_before(old_text, was_ours, traits.clears_tag, &photo);
    let change = NewWrite {
        slot: write.slot,
        draft: None,
        run: shared.run,
        before: (fresh.reading.alt_text().to_owned(), fresh.reading.tag),
        sent: (write.before.0.clone(), old_mark),
        recipe: None,
        model: None,
        pixels: None,
        undoes: Some(write.id),
        at: Moment::now(),
    };
    let writer = Writer::new(&shared);
    let keeps_mark = write.before.1.is_none()
        && write.sent.1.is_some()
        && (traits.holds_tag && !traits.clears_tag)
        && fresh.reading.marking == Marking::Possible;
    let outcome = match writer
        .carry_out(&photo, fresh, change, &mut None::<()>)
        .await
    {
        Ok(Landing::Kept(text)) => {
            marks.fetch_add(u64::from(keeps_mark), Ordering::Relaxed);
            Outcome::Written { text }
        }
        Ok(Landing::Foreign(_)) => {
            Outcome::Conflict(format!("{photo} was changed by somebody else meanwhile"))
        }
        Ok(Landing::Ignored(why)) => Outcome::Failed(why),
        Ok(Landing::Refused(error)) if shared.site_ends_the_run(&error) => Outcome::NotReached,
        Ok(Landing::Refused(error)) => Outcome::Failed(error.to_string()),
        Err(error) => {
            shared.stop.broken_state(&error);
            Outcome::NotReached
        }
    };
    shared.leave(photo, outcome);
}

/// What the record and the site say of a text since it was written. What somebody
/// changed is recorded, so that the status tells.
async fn since(
    shared: &Shared,
    old: &StoredWrite,
    fresh: &Reading,
) -> Result<Since, CheckpointError> {
    let later = shared.checkpoint.later_text(old).await?;
    let record = shared.checkpoint.record(old.slot).await?;
    let kept = old.kept.as_deref().unwrap_or(&old.sent.0);
    let text = fresh.alt_text();
    let wrote = (kept, old.sent.1);
    let since = policy::since(wrote, later.as_deref(), &record, (text, fresh.tag));
    if since == Since::Changed {
        let look = Look {
            slot: old.slot,
            owner: policy::owner(text, fresh.tag, &record, &old.photo),
            cleared: policy::cleared(text, &record),
            for_good: false,
            reading: fresh.clone(),
            at: Moment::now(),
        };
        shared.checkpoint.note_look(look).await?;
    }
    Ok(since)
}

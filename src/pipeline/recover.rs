//! Recover: settle what a killed run left open, before anything else.

use super::shared::Shared;
use super::write::became;
use crate::archive::{Moment, Owner, Reading, Tag};
use crate::checkpoint::{CheckpointError, Look, StoredWrite};
use crate::policy::{self, Landed};
use crate::site::SiteError;

/// Says that runs were killed, and which of their calls were booked unanswered.
pub(super) fn tell(shared: &Shared, (runs, calls): (usize, usize)) {
    if runs > 0 {
        let lost = if calls > 0 {
            format!("; {calls} model calls without a reply are booked at their estimate")
        } else {
            String::new()
        };
        shared.notice(format!(
            "the last run was killed; going on from its checkpoint{lost}"
        ));
    }
}

/// Settles every open intent by reading the site: text as sent, or as the site
/// cleans it: ours; as before: to be made again; anything else: a person's. The
/// run can't begin before this is done, so an unreachable site ends it.
pub(super) async fn recover(shared: &Shared) -> Result<(), CheckpointError> {
    for write in shared.checkpoint.unsettled().await? {
        match shared.site.read(&write.photo).await {
            Ok(reading) => settle(shared, write, reading).await?,
            Err(error) if shared.site_ends_the_run(&error) => return Ok(()),
            // A photo that is off the site may come back, with our text on it; until
            // then its write stays open, and nobody needs to hear of it.
            Err(SiteError::Missing(why)) => tracing::debug!("not settled: {why}"),
            // It stays open, and its photo is looked at again by the next run.
            Err(error) => shared.notice(format!("could not settle {}: {error}", write.photo)),
        }
    }
    Ok(())
}

async fn settle(
    shared: &Shared,
    write: StoredWrite,
    reading: Reading,
) -> Result<(), CheckpointError> {
    let now = Moment::now();
    let text = reading.alt_text();
    let kept = shared.site.cleaned(&write.sent.0);
    match became(&write.before, &write.sent, &kept, &reading) {
        Landed::Exact | Landed::Cleaned => {
            shared
                .checkpoint
                .confirm(write.id, text.to_owned(), now)
                .await?;
            // Vouched for since: a person's, and the next look would say so too.
            if reading.tag == Some(Tag::Person) && write.sent.1 != Some(Tag::Person) {
                let owner = Owner::Person;
                let look = Look {
                    slot: write.slot,
                    reading,
                    owner,
                    cleared: false,
                    for_good: true,
                    at: now,
                };
                shared.checkpoint.note_look(look).await?;
            }
        }
        Landed::Unchanged => {
            shared
                .checkpoint
                .void(write.id, "not on the site after a crash".into(), now)
                .await?;
        }
        Landed::Foreign => {
            let why = "another text stood there after a crash".to_owned();
            shared.checkpoint.void(write.id, why, now).await?;
            let record = shared.checkpoint.record(write.slot).await?;
            let owner = match policy::owner(text, reading.tag, &record, &write.photo) {
                // Somebody wrote between our intent and now.
                Owner::Unproven | Owner::Ours | Owner::Person => Owner::Person,
                Owner::Nobody => Owner::Nobody,
            };
            // Emptied after our text had (perhaps) stood there: a person's will.
            let cleared = text.trim().is_empty();
            let photo = write.photo.clone();
            let look = Look {
                slot: write.slot,
                reading,
                owner,
                cleared,
                for_good: owner == Owner::Person,
                at: now,
            };
            shared.checkpoint.note_look(look).await?;
            shared.notice(format!(
                "{photo}: a person changed the text during a crash; left alone"
            ));
        }
    }
    Ok(())
}

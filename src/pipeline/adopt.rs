//! Adopt: take machine-tagged texts that our record doesn't prove into it, after
//! a lost state file or a move to another machine.

use super::Event;
use super::run::{Finished, Parts, RunError, execute, work};
use super::shared::Shared;
use crate::archive::{Moment, Owner, PhotoId};
use crate::checkpoint::{CheckpointError, Look, NewWrite};
use crate::policy;
use std::sync::Arc;

/// Photos read from the checkpoint at a time.
const PAGE: usize = 100;

/// Samples shown before a person confirms.
const SAMPLES: usize = 10;

/// What could be adopted, for a person to judge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Adoptable {
    /// How many texts.
    pub count: usize,
    /// Some of them, spread over the archive.
    pub samples: Vec<(PhotoId, String)>,
}

/// Reads the whole archive, asks, and then makes unproven texts ours. Nothing is
/// written to the site.
pub async fn adopt(
    parts: Parts,
    confirm: impl FnOnce(&Adoptable) -> bool + Send + 'static,
) -> Result<Finished, RunError> {
    execute(parts, async |shared| {
        work(shared).await;
        if shared.stop.asked() {
            return;
        }
        let outcome = async {
            let adoptable = survey(shared).await?;
            if adoptable.count == 0 {
                return Ok(());
            }
            let confirmed = tokio::task::spawn_blocking(move || confirm(&adoptable)).await;
            if confirmed.unwrap_or(false) {
                take(shared).await
            } else {
                Ok(())
            }
        };
        if let Err(error) = outcome.await {
            shared.stop.broken_state(&error);
        }
    })
    .await
}

async fn survey(shared: &Shared) -> Result<Adoptable, CheckpointError> {
    let mut found = Adoptable::default();
    let mut after = None;
    loop {
        let page = shared
            .checkpoint
            .photos_owned_by(Owner::Unproven, after, PAGE)
            .await?;
        let Some((last, _)) = page.last() else {
            return Ok(found);
        };
        after = Some(last.clone());
        for (photo, text) in page
            .into_iter()
            .filter(|(photo, _)| shared.plan.selects(photo))
        {
            found.count += 1;
            // Reservoir sampling: every text has the same chance to be shown.
            if found.samples.len() < SAMPLES {
                found.samples.push((photo, text));
            } else {
                let place = fastrand::usize(..found.count);
                if place < SAMPLES {
                    found.samples[place] = (photo, text);
                }
            }
        }
    }
}

async fn take(shared: &Arc<Shared>) -> Result<(), CheckpointError> {
    let mut after = None;
    loop {
        let page = shared
            .checkpoint
            .photos_owned_by(Owner::Unproven, after, PAGE)
            .await?;
        let Some((last, _)) = page.last() else {
            return Ok(());
        };
        after = Some(last.clone());
        for (photo, _) in page {
            if shared.stop.asked() {
                return Ok(());
            }
            if shared.plan.selects(&photo) {
                one(shared, photo).await?;
            }
        }
    }
}

/// Reads once more, because the archive may be large and a person may have
/// thought for long before confirming.
async fn one(shared: &Shared, photo: PhotoId) -> Result<(), CheckpointError> {
    let reading = match shared.site.read(&photo).await {
        Ok(reading) => reading,
        Err(error) if shared.site_ends_the_run(&error) => return Ok(()),
        Err(error) => {
            shared.notice(format!("{photo} is not adopted: {error}"));
            return Ok(());
        }
    };
    let plan = &shared.plan;
    let photos = vec![photo.clone().into()];
    let admitted = shared
        .checkpoint
        .admit(shared.run, photos, plan.kind, &plan.language)
        .await?
        .remove(0);
    let text = reading.alt_text().to_owned();
    let owner = policy::owner(&text, reading.tag, &admitted.record, &photo);
    if owner != Owner::Unproven {
        let cleared = policy::cleared(&text, &admitted.record);
        let look = Look {
            slot: admitted.slot,
            reading,
            owner,
            cleared,
            for_good: false,
            at: Moment::now(),
        };
        shared.checkpoint.note_look(look).await?;
        shared.notice(format!("{photo} changed meanwhile and is not adopted"));
        return Ok(());
    }
    let stands = (text, reading.tag);
    let write = NewWrite {
        slot: admitted.slot,
        draft: None,
        run: shared.run,
        before: stands.clone(),
        sent: stands,
        recipe: None,
        model: None,
        pixels: None,
        undoes: None,
        at: Moment::now(),
    };
    shared.checkpoint.adopt(write).await?;
    shared.emit(&Event::Adopted(photo));
    Ok(())
}

//! List: the site's photos, taken into the run in small groups; and what the last
//! run left to do, where only the changes of the site are listed.

use super::shared::Shared;
use super::{Event, Outcome};
use crate::archive::{Listed, Mode, Moment, PhotoId};
use crate::checkpoint::{Admitted, CheckpointError, Swept};
use crate::site::{Extent, SiteError};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use std::sync::Arc;
use tokio::sync::mpsc::Sender;

/// Photos recorded together: large enough that a huge listing is quick, small
/// enough that memory stays flat.
const GROUP: usize = 64;

/// Why the listing can't go on; whoever is to know has been told.
struct Over;

/// Hands every photo of the listing to `look`, until the run stops.
pub(super) async fn list(shared: Arc<Shared>, output: Sender<Admitted>) {
    let mut intake = Intake {
        shared: &shared,
        output,
        listed: 0,
        expected: None,
        selected: shared.plan.albums.is_empty(),
    };
    if let Ok(swept) = intake.all().await {
        shared.emit(&Event::Listed(intake.listed));
        if swept == Swept::All && intake.listed > 0 && !intake.selected {
            shared.notice(format!(
                "no photo lies in {}: an album is what stands before the last slash of an id; \
                 `altfill report --csv` shows the ids",
                shared.plan.albums.join(", ")
            ));
        }
    }
}

struct Intake<'s> {
    shared: &'s Shared,
    output: Sender<Admitted>,
    listed: u64,
    /// What was told of the number of all photos.
    expected: Option<u64>,
    /// Whether any of them is what the command line asked for.
    selected: bool,
}

impl Intake<'_> {
    async fn all(&mut self) -> Result<Swept, Over> {
        let shared = self.shared;
        let plan = &shared.plan;
        if !plan.ids.is_empty() {
            let named = self.there(&plan.ids).await?;
            let named = stream::iter(named).map(Ok);
            self.take(named.boxed()).await?;
            return Ok(Swept::Changes);
        }
        let extent = extent(shared).await.map_err(|error| self.broken(&error))?;
        let swept = match extent {
            Extent::All => Swept::All,
            Extent::Since(_) => Swept::Changes,
        };
        self.take(shared.site.list(extent)).await?;
        if !shared.site.traits().lists_changes {
            return Ok(swept);
        }
        // Every listed photo is recorded now, and pending until it is looked at:
        // whatever happens from here on, the next listing may begin here.
        let (mark, key) = (shared.site.mark(), shared.site.listing_key().to_owned());
        let noted = shared
            .checkpoint
            .note_listing(mark, key, swept, Moment::now());
        noted.await.map_err(|error| self.broken(&error))?;
        if swept == Swept::Changes {
            self.left_over().await?;
        }
        Ok(swept)
    }

    /// The named photos without those that neither the record nor the site has: a
    /// slip of the keyboard is not to be counted as a photo for ever. What was read
    /// to find out goes along.
    async fn there(&mut self, named: &[PhotoId]) -> Result<Vec<Listed>, Over> {
        let shared = self.shared;
        let mut there = Vec::with_capacity(named.len());
        for id in named {
            let known = shared.checkpoint.knows(id).await;
            let mut photo = Listed::from(id.clone());
            if !known.map_err(|error| self.broken(&error))? {
                match shared.site.read(id).await {
                    Ok(reading) => photo.reading = Some(reading),
                    Err(SiteError::Missing(text)) => {
                        self.listed += 1;
                        shared.leave(photo.id, Outcome::Failed(text));
                        continue;
                    }
                    // It is read again, and that error is told.
                    Err(_) => {}
                }
            }
            there.push(photo);
        }
        Ok(there)
    }

    /// What failed, was held or was not reached: the site sees no change there.
    async fn left_over(&mut self) -> Result<(), Over> {
        let plan = &self.shared.plan;
        let mut after = None;
        loop {
            let page = self
                .shared
                .checkpoint
                .left_over(plan.kind, &plan.language, after, GROUP);
            let page = page.await.map_err(|error| self.broken(&error))?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some(last.clone());
            self.admit(page.into_iter().map(Listed::from).collect())
                .await?;
        }
    }

    async fn take(
        &mut self,
        listing: BoxStream<'static, Result<Listed, SiteError>>,
    ) -> Result<(), Over> {
        let shared = self.shared;
        let mut groups = listing.ready_chunks(GROUP);
        loop {
            let group = tokio::select! {
                biased;
                () = shared.stop.soft().cancelled() => return Err(Over),
                group = groups.next() => group,
            };
            let Some(group) = group else { return Ok(()) };
            let mut photos = Vec::with_capacity(group.len());
            for item in group {
                match item {
                    Ok(photo) => photos.push(photo),
                    Err(error) if shared.site_ends_the_run(&error) => return Err(Over),
                    Err(error) => {
                        self.listed += 1;
                        unusable(shared, &error);
                    }
                }
            }
            self.admit(photos).await?;
        }
    }

    async fn admit(&mut self, photos: Vec<Listed>) -> Result<(), Over> {
        let shared = self.shared;
        let plan = &shared.plan;
        let admitted = shared
            .checkpoint
            .admit(shared.run, photos, plan.kind, &plan.language);
        let admitted = admitted.await.map_err(|error| self.broken(&error))?;
        for photo in admitted {
            if photo.repeated {
                continue;
            }
            self.listed += 1;
            self.selected |= shared.plan.selects(&photo.photo);
            self.expect();
            self.output.send(photo).await.map_err(|_| Over)?;
        }
        Ok(())
    }

    /// Tells how many photos there will be, as soon as the site knows.
    fn expect(&mut self) {
        let total = self.shared.site.total();
        if let Some(total) = total.filter(|_| total != self.expected) {
            self.expected = Some(total);
            self.shared.emit(&Event::Expected(total));
        }
    }

    fn broken(&self, error: &CheckpointError) -> Over {
        self.shared.stop.broken_state(error);
        Over
    }
}

/// Whether all photos are listed, or only what changed. Only a backfill can do
/// with the changes: an upgrade looks for photos that nobody has touched. And so
/// many may be left over that reading them one by one costs more than listing
/// everything does.
async fn extent(shared: &Shared) -> Result<Extent, CheckpointError> {
    let plan = &shared.plan;
    if plan.mode != Mode::Backfill || !shared.site.traits().lists_changes {
        return Ok(Extent::All);
    }
    let Some(last) = shared.checkpoint.last_listing().await? else {
        return Ok(Extent::All);
    };
    let now = Moment::now();
    let due = last.swept > now || now >= last.swept.plus(plan.sweep);
    if due || last.key != shared.site.listing_key() {
        return Ok(Extent::All);
    }
    let (known, left) = shared
        .checkpoint
        .known_and_left(plan.kind, &plan.language)
        .await?;
    let pages = known.div_ceil(shared.site.page_size().max(1));
    Ok(if left < pages {
        Extent::Since(last.mark)
    } else {
        Extent::All
    })
}

/// A line of the listing that names no photo: said once, counted as a failure,
/// so that the exit code tells.
fn unusable(shared: &Shared, error: &SiteError) {
    let text = error.to_string();
    let place = text
        .split_once(": ")
        .map_or(text.as_str(), |(place, _)| place)
        .to_owned();
    shared.leave(PhotoId::new(place), Outcome::Failed(text));
}

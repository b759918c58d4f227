//! A site behind the trait of altfill, without any network: the
//! truth of [`super::history`], with faults by chance, on virtual time.

use super::dice::Chance;
use super::history::Patch;
use super::site::{Made, image};
use super::world::{PatchReply, Shared, World};
use altfill::archive::{Listed, PhotoId, PixelVersion, Pixels, Reading, Tag};
use altfill::site::{ChangeSet, Extent, Site, SiteError, SiteTraits, TagChange, Traffic, Written};
use async_trait::async_trait;
use fastrand::Rng;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The site, and the moment at which the process is gone.
pub(crate) struct Imagined {
    pub(crate) shared: Shared,
    crash: CancellationToken,
    dies: f64,
    late: Mutex<Vec<(u64, Patch)>>,
}

impl Imagined {
    /// A site for one execution, which dies at any operation with this
    /// probability.
    pub(crate) fn new(shared: Shared, crash: CancellationToken, dies: f64) -> Self {
        Self {
            shared,
            crash,
            dies,
            late: Mutex::default(),
        }
    }

    /// An operation begins or ends: the process may be gone here.
    pub(crate) async fn may_die(&self, random: &mut Rng) {
        if random.happens(self.dies) {
            self.crash.cancel();
            std::future::pending::<()>().await;
        }
    }

    /// One operation on a photo begins: time passes, and late writes land.
    async fn begin(&self, what: &str, id: &str) -> Rng {
        let mut random = {
            let mut world = self.shared.lock();
            let nth = world.nth(what, id);
            world.dice.roll(what, id, nth)
        };
        self.may_die(&mut random).await;
        tokio::time::sleep(Duration::from_micros(random.u64(..50_000))).await;
        let mut world = self.shared.lock();
        self.land_late(&mut world, false);
        random
    }

    pub(crate) fn land_late(&self, world: &mut World, all: bool) {
        let mut late = self.late.lock().unwrap_or_else(PoisonError::into_inner);
        let now = world.history.now;
        for (due, patch) in std::mem::take(&mut *late) {
            if all || due <= now {
                world.make(&patch);
            } else {
                late.push((due, patch));
            }
        }
    }

    /// What a read that fails says.
    fn failure(world: &mut World, random: &mut Rng, id: &str) -> Option<SiteError> {
        if !random.happens(world.weather.hostile) {
            return None;
        }
        world.fault("site read: failed");
        let said = format!("{id}: by chance");
        Some(match random.u8(..12) {
            0..5 => SiteError::Photo(said),
            5..8 => SiteError::NotApi(said),
            8..11 => SiteError::Missing(said),
            _ => SiteError::Outage(said),
        })
    }

    fn reading(world: &mut World, id: &str) -> Result<Reading, SiteError> {
        let gone = || SiteError::Missing(format!("{id}: 404"));
        let photo = world.history.photos.get(id).filter(|photo| !photo.gone);
        let photo = photo.ok_or_else(gone)?;
        let etag = world
            .manners
            .conditional
            .then(|| format!("\"v{}\"", photo.stand.version));
        let reading = Reading {
            alt: Some(photo.stand.alt.clone()),
            tag: match photo.stand.verified {
                Some(0) => Some(Tag::Machine),
                Some(_) => Some(Tag::Person),
                None => None,
            },
            title: Some(photo.title.clone()),
            caption: None,
            album: id.split('/').next().map(str::to_owned),
            etag,
            ..Reading::default()
        };
        world.shows(id, false);
        Ok(reading)
    }

    fn arrives(world: &mut World, id: &str, change: &ChangeSet, read: &Reading) -> Option<Patch> {
        let tag = match change.tag {
            TagChange::Set(tag) => Some(tag),
            TagChange::Keep | TagChange::Clear => None,
        };
        let same = tag.is_some() && read.alt.as_ref() == Some(&change.alt);
        let verified = tag.map(|tag| u8::from(tag == Tag::Person));
        let alt = (!same).then(|| change.alt.clone());
        world.arrival(id, (alt, verified), read.etag.as_deref())
    }

    /// What the site does with a change, and what it says.
    fn answer(
        &self,
        world: &mut World,
        random: &mut Rng,
        mut patch: Patch,
    ) -> Result<Written, SiteError> {
        let id = patch.photo.clone();
        let said = format!("{id}: by chance");
        let weather = world.weather;
        if random.happens(weather.late) {
            world.fault("site write: lands late, its reply lost");
            patch.late = true;
            let due = world.history.now + random.u64(1..60);
            let mut late = self.late.lock().unwrap_or_else(PoisonError::into_inner);
            late.push((due, patch));
            return Err(SiteError::OutcomeUnknown(said));
        }
        if random.happens(weather.pretends) {
            world.fault("site write: accepted and not made");
            return Ok(Written::Unshown);
        }
        if random.happens(weather.hostile) {
            world.fault("site write: failed");
            let executed = random.bool();
            if executed && world.make(&patch) == Made::Stale {
                return Err(SiteError::Conflict(said));
            }
            return Err(match (executed, random.u8(..6)) {
                (_, 0..3) => SiteError::OutcomeUnknown(said),
                (_, 3) => SiteError::Photo(said),
                (_, 4) => SiteError::NotApi(said),
                (true, _) => SiteError::Outage(said),
                (false, _) => SiteError::NotSent(said),
            });
        }
        match world.make(&patch) {
            Made::NoPhoto => Err(SiteError::Missing(said)),
            Made::Stale => Err(SiteError::Conflict(said)),
            Made::Done if world.manners.patch_reply == PatchReply::Item => {
                Self::reading(world, &id).map(|reading| Written::Shown(Box::new(reading)))
            }
            Made::Done => Ok(Written::Unshown),
        }
    }
}

impl Drop for Imagined {
    fn drop(&mut self) {
        // What is still on its way lands before the next execution, or in it.
        let shared = self.shared.clone();
        self.land_late(&mut shared.lock(), true);
    }
}

#[async_trait]
impl Site for Imagined {
    async fn explain(&self, _photo: Option<PhotoId>) -> altfill::site::Explained {
        // Nobody asks an imagined site how it is described.
        altfill::site::Explained::default()
    }

    fn traits(&self) -> SiteTraits {
        SiteTraits {
            holds_tag: true,
            machine_tag_is_default: true,
            clears_tag: false,
            lists: false,
            lists_changes: false,
            languages: false,
        }
    }

    fn list(&self, _: Extent) -> BoxStream<'static, Result<Listed, SiteError>> {
        let world = self.shared.lock();
        let ids: Vec<_> = world.history.photos.keys().cloned().collect();
        stream::iter(ids)
            .map(|id| Ok(Listed::from(PhotoId::new(id))))
            .boxed()
    }

    fn mark(&self) -> Option<String> {
        None
    }

    fn listing_key(&self) -> &'static str {
        "simulated"
    }

    fn page_size(&self) -> u64 {
        1
    }

    fn cleaned(&self, text: &str) -> String {
        text.to_owned()
    }

    async fn read(&self, id: &PhotoId) -> Result<Reading, SiteError> {
        let id = id.as_str();
        let mut random = self.begin("read", id).await;
        let read = {
            let mut world = self.shared.lock();
            let read = match Self::failure(&mut world, &mut random, id) {
                Some(error) => Err(error),
                None => Self::reading(&mut world, id),
            };
            world.people(id, &mut random);
            read
        };
        self.may_die(&mut random).await;
        read
    }

    async fn pixel_version(
        &self,
        id: &PhotoId,
        _: &Reading,
    ) -> Result<Option<PixelVersion>, SiteError> {
        let id = id.as_str();
        let mut random = self.begin("version", id).await;
        let mut world = self.shared.lock();
        if let Some(error) = Self::failure(&mut world, &mut random, id) {
            return Err(error);
        }
        let photo = world.history.photos.get(id).filter(|photo| !photo.gone);
        Ok(photo.map(|photo| PixelVersion::new(format!("p{}", photo.pixels))))
    }

    async fn pixels(&self, id: &PhotoId, _: &Reading) -> Result<Pixels, SiteError> {
        let id = id.as_str();
        let mut random = self.begin("pixels", id).await;
        let mut world = self.shared.lock();
        if let Some(error) = Self::failure(&mut world, &mut random, id) {
            return Err(error);
        }
        let photo = world.history.photos.get(id).filter(|photo| !photo.gone);
        let Some(number) = photo.map(|photo| photo.pixels) else {
            return Err(SiteError::Missing(format!("{id}: 404")));
        };
        world.shows(id, true);
        world.people(id, &mut random);
        Ok(Pixels {
            bytes: image(number).to_vec(),
            version: PixelVersion::new(format!("p{number}")),
        })
    }

    async fn write(
        &self,
        id: &PhotoId,
        change: &ChangeSet,
        read: &Reading,
    ) -> Result<Written, SiteError> {
        let id = id.as_str();
        let mut random = self.begin("write", id).await;
        let patch = {
            let mut world = self.shared.lock();
            Self::arrives(&mut world, id, change, read)
        };
        let Some(patch) = patch else {
            return Err(SiteError::Missing(format!("{id}: 404")));
        };
        tokio::time::sleep(Duration::from_micros(random.u64(..20_000))).await;
        let answer = {
            let mut world = self.shared.lock();
            world.people(id, &mut random);
            let answer = self.answer(&mut world, &mut random, patch);
            world.people(id, &mut random);
            answer
        };
        self.may_die(&mut random).await;
        answer
    }

    fn traffic(&self) -> Traffic {
        let sent = self.shared.lock().requests;
        Traffic {
            writes: sent,
            ..Traffic::default()
        }
    }
}

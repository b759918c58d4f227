//! The fake archive site: the album API over the truth of [`super::history`],
//! with faults by chance.

use super::clock::Moment;
use super::dice::Chance;
use super::history::{Errand, Patch, Shown};
use super::hostile::{self, Executes};
use super::support::http::{Answer, Delivery, Handler, Reply, Request};
use super::support::photos::{self, Metadata};
use super::world::{PatchReply, Sent, Shared, World};
use fastrand::Rng;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

/// What the client is told to wait for one answer; see `site.timeout`.
pub(crate) const TIMEOUT: Duration = Duration::from_millis(700);

/// Images by number; many seeds use the same ones.
static IMAGES: LazyLock<Mutex<HashMap<u32, Arc<[u8]>>>> = LazyLock::new(Mutex::default);

/// The number of the image that is cut off.
pub(crate) const BROKEN_IMAGE: u32 = 9999;

/// The file of an image.
pub(crate) fn image(number: u32) -> Arc<[u8]> {
    let mut images = IMAGES.lock().unwrap_or_else(PoisonError::into_inner);
    let made = images.entry(number).or_insert_with(|| {
        let mut file = photos::photo(number, 96, 64, Metadata::None);
        if number == BROKEN_IMAGE {
            file.truncate(file.len() / 3);
        }
        Arc::from(file)
    });
    Arc::clone(made)
}

/// The site behind its server.
pub(crate) struct Site(pub(crate) Shared);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Get,
    Patch,
    Pixels,
}

impl Place {
    fn name(self) -> &'static str {
        match self {
            Self::Get => "site read",
            Self::Patch => "site write",
            Self::Pixels => "image",
        }
    }
}

/// What became of a change at the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Made {
    /// It is made.
    Done,
    /// There is no such photo.
    NoPhoto,
    /// It was meant for another version.
    Stale,
}

/// What is done with one request.
enum Fate {
    /// Answered truly.
    Good,
    /// Answered in a hostile way.
    Hostile(&'static hostile::Hostile, Executes),
    /// Never answered, and carried out so much later.
    Late(Duration),
    /// Answered as if it was done.
    Pretend,
}

impl Handler for Site {
    async fn answer(&self, request: Request) -> Answer {
        let whole = |reply| Answer {
            reply,
            delivery: Delivery::Whole,
        };
        let Some((place, id)) = route(&request) else {
            return whole(Reply::html(404));
        };
        let (fate, wait, mut random, patch) = {
            let mut world = self.0.lock();
            world.requests += 1;
            world.strikes(false);
            if place == Place::Pixels && request.header("authorization").is_some() {
                let what = format!("the token went along with a request for the image of {id}");
                world.history.breaks("9, secrets stay secret", what);
            }
            if place != Place::Pixels && request.header("authorization") != Some(&world.token) {
                world.fault("token rotated");
                return whole(Reply::json(401, &json!({"message": "No valid token."})));
            }
            let nth = world.nth(place.name(), &id);
            let mut random = world.dice.roll(place.name(), &id, nth);
            let (fate, wait) = world.fate(place, &mut random);
            let patch = (place == Place::Patch).then(|| world.patch(&id, &request));
            (fate, wait, random, patch.flatten())
        };
        tokio::time::sleep(wait).await;
        let mut world = self.0.lock();
        let answer = match (fate, patch) {
            (Fate::Late(delay), Some(mut patch)) => {
                patch.late = true;
                world.on_their_way += 1;
                let shared = self.0.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(delay).await;
                    let mut world = shared.lock();
                    world.land(&patch);
                    world.on_their_way -= 1;
                });
                Answer {
                    reply: Reply::empty(200),
                    delivery: Delivery::Never,
                }
            }
            (Fate::Pretend, Some(patch)) => whole(world.accepted(&patch.photo)),
            (Fate::Hostile(kind, executes), patch) => {
                let usual = match (&patch, executes) {
                    (Some(patch), Executes::Always) => world.land(patch),
                    (Some(_), _) => Reply::json(200, &json!({})),
                    (None, _) => world.show(place, &id, &request),
                };
                if patch.is_none() && kind.is_true() {
                    world.shown(place, &id, &usual);
                }
                let (reply, delivery) = kind.answer(usual);
                Answer { reply, delivery }
            }
            (_, Some(patch)) => whole(world.land(&patch)),
            (_, None) => {
                let reply = world.show(place, &id, &request);
                world.shown(place, &id, &reply);
                whole(reply)
            }
        };
        world.people(&id, &mut random);
        world.strikes(true);
        answer
    }
}

fn route(request: &Request) -> Option<(Place, String)> {
    let parts: Vec<&str> = request.path.split('/').collect();
    match (request.method.as_str(), &parts[..]) {
        ("GET", ["", "album", album, name, "get"]) => Some((Place::Get, format!("{album}/{name}"))),
        ("PATCH", ["", "album", album, name, "patch"]) => {
            Some((Place::Patch, format!("{album}/{name}")))
        }
        ("GET" | "HEAD", ["", "files", album, file]) => {
            let name = file.strip_suffix(".jpg")?;
            Some((Place::Pixels, format!("{album}/{name}")))
        }
        _ => None,
    }
}

impl World {
    /// What becomes of a request, by chance.
    fn fate(&mut self, place: Place, random: &mut Rng) -> (Fate, Duration) {
        let weather = self.weather;
        let mut wait = Duration::ZERO;
        if random.happens(weather.slow) {
            self.fault(format!("{}: slow", place.name()));
            wait = Duration::from_millis(random.u64(1..80));
        }
        if place == Place::Patch && random.happens(weather.late) {
            self.fault("site write: lands late, its reply lost");
            let delay = TIMEOUT.mul_f64(random.f64() * 2.0);
            return (Fate::Late(delay), wait);
        }
        if place == Place::Patch && random.happens(weather.pretends) {
            self.fault("site write: accepted and not made");
            return (Fate::Pretend, wait);
        }
        if !random.happens(weather.hostile) {
            return (Fate::Good, wait);
        }
        let kind = hostile::any(random);
        // A site that speaks of versions doesn't lie about them, and a lie
        // about an image is not ours to find out.
        let lies = match place {
            Place::Patch => self.manners.conditional && matches!(kind.name.as_str(), "409" | "412"),
            Place::Pixels => kind.executes == Executes::Always,
            Place::Get => false,
        };
        if lies {
            return (Fate::Good, wait);
        }
        self.fault(format!("{}: {}", place.name(), kind.name));
        let executes = match kind.executes {
            Executes::Perhaps if random.bool() => Executes::Always,
            Executes::Perhaps => Executes::Never,
            known => known,
        };
        (Fate::Hostile(kind, executes), wait)
    }

    /// Reads a change, and judges its arrival.
    fn patch(&mut self, id: &str, request: &Request) -> Option<Patch> {
        let body: Value = serde_json::from_slice(&request.body).ok()?;
        let alt = body.get("alt").and_then(Value::as_str).map(str::to_owned);
        let verified = body.get("verified").and_then(Value::as_u64);
        let verified = verified.and_then(|mark| u8::try_from(mark).ok());
        self.arrival(id, (alt, verified), request.header("if-match"))
    }

    /// A change arrives, with the version that it was made for.
    pub(crate) fn arrival(
        &mut self,
        id: &str,
        (alt, verified): (Option<String>, Option<u8>),
        condition: Option<&str>,
    ) -> Option<Patch> {
        let arrived = self.history.tick();
        let photo = self.history.photos.get(id)?;
        let tag = format!("\"v{}\"", photo.stand.version);
        let run = self.run;
        let patch = Patch {
            photo: id.to_owned(),
            alt,
            verified,
            run,
            errand: self.errand.clone(),
            arrived,
            shown: photo.shown.clone().filter(|shown| shown.run == run),
            conditional: self.manners.conditional,
            stale: condition.is_some_and(|condition| condition != tag),
            late: false,
            outdated: self
                .made_from(&photo.stand.alt)
                .is_some_and(|made| made != photo.pixels),
        };
        if self.manners.conditional && condition.is_none() {
            let what = format!("run {run} wrote {id} without saying which version it had read");
            self.history.breaks("1, conditional writes", what);
        }
        self.history.arrives(&patch);
        // A mark that is taken back from a text that is not ours is no text of ours.
        if patch.alt.is_some() || patch.verified == Some(0) {
            let shown = patch.shown.as_ref();
            let read = shown.map_or(String::new(), |shown| shown.stand.alt.clone());
            self.sent.push(Sent {
                photo: id.to_owned(),
                // A change of the mark alone leaves the text that was read.
                alt: patch.alt.clone().unwrap_or(read),
                verified: patch.verified,
                errand: patch.errand.clone(),
            });
        }
        Some(patch)
    }

    /// Carries out a change, or says that something else stands there by now.
    pub(crate) fn make(&mut self, patch: &Patch) -> Made {
        let Some(photo) = self.history.photos.get(&patch.photo).filter(|p| !p.gone) else {
            return Made::NoPhoto;
        };
        let changed = photo.stand.since.max(photo.stand.marked) > patch.arrived;
        if self.manners.conditional && (patch.stale || changed) {
            return Made::Stale;
        }
        let kept = patch.alt.as_ref().map(|alt| self.cleaned(alt));
        // A site may still be at work on the request of a process that is gone.
        let orphaned = self.run != patch.run || !self.runs;
        let patch = &Patch {
            late: patch.late || orphaned,
            ..patch.clone()
        };
        self.history.lands(patch, kept);
        Made::Done
    }

    /// Carries out a change, and says what a site says.
    fn land(&mut self, patch: &Patch) -> Reply {
        match self.make(patch) {
            Made::Done => self.accepted(&patch.photo),
            Made::NoPhoto => Reply::html(404),
            Made::Stale => Reply::json(412, &json!({"message": "The photo has changed."})),
        }
    }

    fn cleaned(&self, text: &str) -> String {
        if !self.manners.cleans {
            return text.to_owned();
        }
        let folded: Vec<&str> = text.split_whitespace().collect();
        folded.join(" ").replace('&', "&amp;")
    }

    /// What the site says to a change that it took.
    fn accepted(&self, id: &str) -> Reply {
        match self.manners.patch_reply {
            PatchReply::Item => self.record(id),
            PatchReply::NoContent => Reply::empty(204),
            PatchReply::Empty => Reply::empty(200),
            PatchReply::Html => Reply::html(200),
        }
    }

    fn record(&self, id: &str) -> Reply {
        let Some(photo) = self.history.photos.get(id).filter(|photo| !photo.gone) else {
            return Reply::html(404);
        };
        let stand = &photo.stand;
        let mut record = json!({"title": photo.title, "alt": stand.alt, "caption": ""});
        if let Some(mark) = stand.verified {
            record["verified"] = json!(mark);
        }
        let reply = Reply::json(200, &record);
        if self.manners.conditional {
            reply.with("etag", &format!("\"v{}\"", stand.version))
        } else {
            reply
        }
    }

    fn show(&self, place: Place, id: &str, request: &Request) -> Reply {
        if place == Place::Get {
            return self.record(id);
        }
        let Some(photo) = self.history.photos.get(id).filter(|photo| !photo.gone) else {
            return Reply::html(404);
        };
        let tag = format!("\"p{}\"", photo.pixels);
        if request.header("if-none-match") == Some(tag.as_str()) {
            return Reply::empty(304).with("etag", &tag);
        }
        Reply::bytes(200, "image/jpeg", image(photo.pixels).to_vec()).with("etag", &tag)
    }

    /// A true answer leaves.
    fn shown(&mut self, place: Place, id: &str, reply: &Reply) {
        if reply.status == 200 {
            self.shows(id, place == Place::Pixels);
        }
    }

    /// The client is told the truth: what stands there, or the image.
    pub(crate) fn shows(&mut self, id: &str, image: bool) {
        let at = self.history.tick();
        let run = self.run;
        let Some(photo) = self.history.photos.get_mut(id) else {
            return;
        };
        if image {
            photo.worked_on = at;
            self.given.insert(id.to_owned(), photo.pixels);
        } else {
            photo.shown = Some(Shown {
                at,
                clock: Moment::now(),
                run,
                stand: photo.stand.clone(),
            });
        }
    }

    /// What this execution is for; a fix may ask again for what was paid.
    pub(crate) fn asks_afresh(&self) -> bool {
        matches!(self.errand, Errand::Fix(..))
    }
}

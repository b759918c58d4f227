//! Inside the fake site: `GET /album/{album}/{name}/get`,
//! `PATCH /album/{album}/{name}/patch`, images at
//! `/files/cache/{album}/{name}-1280w.jpg`, the bare token in `Authorization`.

use super::http::{Answer, Delivery, Handler, Reply, Request};
use super::library::Library;
use super::script::{Act, Instead, Place, Rules, Seen};
use super::site::{Author, Cleaning, PatchReply, SiteRequest, SiteWrite};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

pub(super) type Hook = Box<dyn FnMut(&mut Library) + Send>;

/// Whether the site speaks of versions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Versions {
    #[default]
    Off,
    On,
}

/// Everything the site knows.
#[derive(Default)]
pub(super) struct State {
    pub(super) library: Library,
    pub(super) token: String,
    pub(super) acts: Rules<Act>,
    pub(super) hooks: Rules<Hook>,
    pub(super) requests: Vec<SiteRequest>,
    pub(super) writes: Vec<SiteWrite>,
    pub(super) patch_reply: PatchReply,
    pub(super) cleaning: Vec<Cleaning>,
    versions: Versions,
}

/// The site behind its server.
#[derive(Default)]
pub(super) struct Album(Mutex<State>);

impl Album {
    /// What the site knows, locked.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // A test that failed while it held the lock has said why already.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a person does in the site's own form.
pub(super) fn edit(library: &mut Library, id: &str, text: &str, verified: Option<Value>) {
    let photo = library.get_mut(id).expect("a photo of this site");
    photo.version += 1;
    photo.record.insert("alt".to_owned(), json!(text));
    if let Some(value) = verified {
        photo.record.insert("verified".to_owned(), value);
    }
}

impl Handler for Album {
    async fn answer(&self, request: Request) -> Answer {
        let (place, photo) = route(&request);
        let body = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
        let text = String::from_utf8_lossy(&request.body).into_owned();
        let seen = Seen {
            place,
            photo: photo.as_deref(),
            text: &text,
            at: request.arrived,
        };
        let (number, act) = {
            let mut state = self.state();
            state.requests.push(SiteRequest {
                at: request.arrived,
                place,
                method: request.method.clone(),
                path: request.path.clone(),
                photo: photo.clone(),
                headers: request.headers.clone(),
                body: body.clone(),
                status: None,
            });
            let act = state.acts.taken_by(&seen).first().map(|act| (*act).clone());
            (state.requests.len() - 1, act.unwrap_or_default())
        };
        if !act.delay.is_zero() {
            tokio::time::sleep(act.delay).await;
        }
        let mut state = self.state();
        let reply = match &act.instead {
            Instead::Reply(reply) => reply.clone(),
            Instead::Unheard => Reply::empty(200),
            Instead::HalfBody => {
                let mut reply = state.handle(place, photo.as_deref(), &request, &body, &act);
                reply.body.truncate(reply.body.len() / 2);
                reply
            }
            _ => state.handle(place, photo.as_deref(), &request, &body, &act),
        };
        state.run_hooks(&seen);
        let sends = !matches!(act.delivery, Delivery::Reset | Delivery::Never);
        // A test may have forgotten the log meanwhile.
        if let Some(entry) = state.requests.get_mut(number) {
            entry.status = sends.then_some(reply.status);
        }
        Answer {
            reply,
            delivery: act.delivery,
        }
    }
}

/// The kind of a request, and the photo it names.
fn route(request: &Request) -> (Place, Option<String>) {
    let parts: Vec<String> = request
        .path
        .split('/')
        .map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned())
        .collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    match parts[..] {
        ["", "album", album, name, "get"] => (Place::Get, Some(format!("{album}/{name}"))),
        ["", "album", album, name, "patch"] => (Place::Patch, Some(format!("{album}/{name}"))),
        ["", "files", "cache", album, file] => {
            let name = file.strip_suffix("-1280w.jpg");
            (Place::Pixels, name.map(|name| format!("{album}/{name}")))
        }
        _ => (Place::Other, None),
    }
}

impl State {
    pub(super) fn speak_of_versions(&mut self) {
        self.versions = Versions::On;
    }

    /// Lets something happen to the library and writes it down as a person's
    /// doing.
    pub(super) fn by_person(&mut self, change: impl FnOnce(&mut Library)) {
        let before = self.library.clone();
        change(&mut self.library);
        for id in before.ids() {
            let (Some(old), Some(new)) = (before.get(id), self.library.get(id)) else {
                continue;
            };
            if old.record != new.record {
                self.writes.push(SiteWrite {
                    at: Instant::now(),
                    author: Author::Person,
                    photo: id.clone(),
                    sent: Map::new(),
                    before: old.record.clone(),
                    after: new.record.clone(),
                });
            }
        }
    }

    fn run_hooks(&mut self, seen: &Seen<'_>) {
        let mut hooks = std::mem::take(&mut self.hooks);
        for hook in hooks.taken_by(seen) {
            self.by_person(hook);
        }
        self.hooks = hooks;
    }

    fn handle(
        &mut self,
        place: Place,
        photo: Option<&str>,
        request: &Request,
        body: &Value,
        act: &Act,
    ) -> Reply {
        let method = match place {
            Place::Patch => "PATCH",
            _ => "GET",
        };
        let head = place == Place::Pixels && request.method == "HEAD";
        if request.method != method && !head {
            return Reply::html(405).with("allow", method);
        }
        let guarded = matches!(place, Place::Get | Place::Patch);
        if guarded && request.header("authorization") != Some(self.token.as_str()) {
            return Reply::json(401, &json!({"message": "No valid token."}));
        }
        let Some(id) = photo.filter(|id| self.library.get(id).is_some()) else {
            return Reply::html(404);
        };
        match place {
            Place::Get => self.record(id),
            Place::Patch => self.change(id, request, body, act),
            _ => self.image(id, request),
        }
    }

    fn entity_tag(&self, id: &str) -> String {
        let version = self.library.get(id).map_or(0, |photo| photo.version);
        format!("\"v{version}\"")
    }

    fn record(&self, id: &str) -> Reply {
        let photo = self.library.get(id).expect("looked up before");
        let reply = Reply::json(200, &Value::Object(photo.record.clone()));
        match self.versions {
            Versions::Off => reply,
            Versions::On => reply.with("etag", &self.entity_tag(id)),
        }
    }

    fn image(&self, id: &str, request: &Request) -> Reply {
        let photo = self.library.get(id).expect("looked up before");
        let Some(file) = &photo.pixels else {
            return Reply::html(404);
        };
        let tag = format!("\"{}\"", &blake3::hash(file).to_hex()[..16]);
        if request.header("if-none-match") == Some(tag.as_str()) {
            return Reply::empty(304).with("etag", &tag);
        }
        Reply::bytes(200, &photo.content_type, file.to_vec()).with("etag", &tag)
    }

    fn change(&mut self, id: &str, request: &Request, body: &Value, act: &Act) -> Reply {
        let json_sent = request
            .header("content-type")
            .is_some_and(|kind| kind.starts_with("application/json"));
        let Some(sent) = body.as_object().filter(|_| json_sent) else {
            return Reply::json(400, &json!({"message": "A JSON object is wanted."}));
        };
        let known = ["title", "alt", "caption", "verified"];
        if let Some(key) = sent.keys().find(|key| !known.contains(&key.as_str())) {
            return Reply::json(400, &json!({"message": format!("Unknown field {key}.")}));
        }
        let tag = self.entity_tag(id);
        let stale = request
            .header("if-match")
            .is_some_and(|wanted| wanted != tag);
        if self.versions == Versions::On && stale {
            return Reply::json(412, &json!({"message": "The photo has changed."}));
        }
        let cleaning = self.cleaning.clone();
        let photo = self.library.get_mut(id).expect("looked up before");
        let before = photo.record.clone();
        if act.instead != Instead::KeepOld {
            photo.version += 1;
            for (key, value) in sent {
                photo.record.insert(key.clone(), clean(value, &cleaning));
            }
        }
        self.writes.push(SiteWrite {
            at: Instant::now(),
            author: Author::Client,
            photo: id.to_owned(),
            sent: sent.clone(),
            before,
            after: photo.record.clone(),
        });
        match self.patch_reply {
            PatchReply::Item => self.record(id),
            PatchReply::NoContent => Reply::empty(204),
            PatchReply::Empty => Reply::empty(200),
            PatchReply::Html => Reply::html(200),
        }
    }
}

fn clean(value: &Value, cleaning: &[Cleaning]) -> Value {
    let Value::String(text) = value else {
        return value.clone();
    };
    let mut text = text.clone();
    for step in cleaning {
        text = match step {
            Cleaning::Collapse => collapse(&text),
            Cleaning::Trim => text.trim().to_owned(),
            Cleaning::StripTags => strip_tags(&text),
            Cleaning::Entities => text.replace('&', "&amp;").replace('"', "&quot;"),
            Cleaning::Shorten(most) => text.chars().take(*most).collect(),
        };
    }
    json!(text)
}

fn collapse(text: &str) -> String {
    let mut kept = String::new();
    for letter in text.chars() {
        match letter.is_whitespace() {
            true if kept.ends_with(' ') => {}
            true => kept.push(' '),
            false => kept.push(letter),
        }
    }
    kept
}

fn strip_tags(text: &str) -> String {
    let mut kept = String::new();
    let mut inside = false;
    for letter in text.chars() {
        match letter {
            '<' => inside = true,
            '>' if inside => inside = false,
            _ if !inside => kept.push(letter),
            _ => {}
        }
    }
    kept
}

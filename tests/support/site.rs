//! A fake site that speaks the album API: what a test can tell it to do, and
//! what it can ask it afterwards.

use super::album::{Album, edit};
use super::http::Server;
use super::library::{FakePhoto, Library};
use super::script::{Act, Instead, Place, When};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a site answers to a change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum PatchReply {
    /// 200 with the record as it is now.
    #[default]
    Item,
    /// 204.
    NoContent,
    /// 200 without a body.
    Empty,
    /// 200 with a page for people.
    Html,
}

/// What a site does to texts before it stores them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cleaning {
    /// Runs of white space become one space.
    Collapse,
    /// White space at both ends goes.
    Trim,
    /// Whatever looks like a tag goes.
    StripTags,
    /// Ampersands and quotes become entities.
    Entities,
    /// Only so many characters are kept.
    Shorten(usize),
}

/// Who changed a photo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Author {
    /// A client of the API.
    Client,
    /// A person at the site.
    Person,
}

/// One request, as the site saw it.
#[derive(Clone, Debug)]
pub(crate) struct SiteRequest {
    /// When it arrived.
    pub(crate) at: Instant,
    /// Its kind.
    pub(crate) place: Place,
    /// Its method.
    pub(crate) method: String,
    /// Its path as sent.
    pub(crate) path: String,
    /// The photo it names, decoded.
    pub(crate) photo: Option<String>,
    /// Header names in lower case, with their values.
    pub(crate) headers: Vec<(String, String)>,
    /// Its body as JSON; null where it is none.
    pub(crate) body: Value,
    /// The status that was to be sent; `None` when nothing was.
    pub(crate) status: Option<u16>,
}

/// One change of a photo.
#[derive(Clone, Debug)]
pub(crate) struct SiteWrite {
    /// When it was made.
    pub(crate) at: Instant,
    /// Who made it.
    pub(crate) author: Author,
    /// The photo.
    pub(crate) photo: String,
    /// The fields as they were sent.
    pub(crate) sent: Map<String, Value>,
    /// The record before.
    pub(crate) before: Map<String, Value>,
    /// The record after; equal to `before` when the site only pretended.
    pub(crate) after: Map<String, Value>,
}

/// The site, listening on loopback until it is dropped.
pub(crate) struct FakeSite {
    server: Server,
    album: Arc<Album>,
}

impl FakeSite {
    /// Starts an empty site that wants [`super::SITE_TOKEN`].
    pub(crate) fn start() -> Self {
        let album = Arc::new(Album::default());
        super::SITE_TOKEN.clone_into(&mut album.state().token);
        Self {
            server: Server::start(Arc::clone(&album)),
            album,
        }
    }

    /// Starts a site with `n` generated photos without alt text.
    pub(crate) fn with_photos(n: usize) -> Self {
        let site = Self::start();
        site.album.state().library.add_many(n);
        site
    }

    /// Its address, without a slash at the end.
    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    /// Adds or replaces a photo.
    pub(crate) fn add(&self, id: &str, photo: FakePhoto) {
        self.album.state().library.add(id, photo);
    }

    /// Adds `n` generated photos without alt text.
    pub(crate) fn add_many(&self, n: usize) {
        self.album.state().library.add_many(n);
    }

    /// Takes a photo off the site.
    pub(crate) fn remove(&self, id: &str) {
        self.album.state().library.remove(id);
    }

    /// All ids, in order.
    pub(crate) fn ids(&self) -> Vec<String> {
        self.album.state().library.ids().to_vec()
    }

    /// One photo as it is now.
    pub(crate) fn photo(&self, id: &str) -> FakePhoto {
        let state = self.album.state();
        let photo = state.library.get(id);
        photo.expect("a photo of this site").clone()
    }

    /// The alt text of a photo as it is now.
    pub(crate) fn alt(&self, id: &str) -> String {
        self.photo(id).alt_text().to_owned()
    }

    /// The mark of a photo as it is now.
    pub(crate) fn verified(&self, id: &str) -> Option<Value> {
        self.photo(id).mark().cloned()
    }

    /// Every alt text by id, in order.
    pub(crate) fn alts(&self) -> Vec<(String, String)> {
        let ids = self.ids();
        ids.into_iter()
            .map(|id| (id.clone(), self.alt(&id)))
            .collect()
    }

    /// A person changes the alt text, and the mark where one is given.
    pub(crate) fn edit_by_person(&self, id: &str, text: &str, verified: Option<Value>) {
        self.album
            .state()
            .by_person(|library| edit(library, id, text, verified));
    }

    /// A person does the same as soon as a request was handled that `when`
    /// describes, before its reply leaves.
    pub(crate) fn edit_after(&self, when: When, id: &str, text: &str, verified: Option<Value>) {
        let (id, text) = (id.to_owned(), text.to_owned());
        self.after(when, move |library| {
            edit(library, &id, &text, verified.clone());
        });
    }

    /// Something happens to the library as soon as a request was handled that
    /// `when` describes, before its reply leaves.
    pub(crate) fn after(&self, when: When, hook: impl FnMut(&mut Library) + Send + 'static) {
        self.album.state().hooks.add(when, Box::new(hook));
    }

    /// Misbehaves; of several rules that take a request, the first one counts.
    pub(crate) fn script(&self, when: When, act: Act) {
        let fits = !matches!(act.instead, Instead::Say(_) | Instead::Fail(_));
        assert!(fits, "a site doesn't say captions: {act:?}");
        self.album.state().acts.add(when, act);
    }

    /// Behaves again.
    pub(crate) fn behave(&self) {
        let mut state = self.album.state();
        state.acts.clear();
        state.hooks.clear();
    }

    /// What it answers to changes.
    pub(crate) fn patch_reply(&self, reply: PatchReply) {
        self.album.state().patch_reply = reply;
    }

    /// What it does to texts, in this order.
    pub(crate) fn cleans(&self, cleaning: &[Cleaning]) {
        self.album.state().cleaning = cleaning.to_vec();
    }

    /// Sends `ETag` with records and honours `If-Match` (412 when it is stale).
    pub(crate) fn with_etags(&self) {
        self.album.state().speak_of_versions();
    }

    /// Wants another token from now on.
    pub(crate) fn token(&self, token: &str) {
        token.clone_into(&mut self.album.state().token);
    }

    /// Waits for what a client that is gone had sent.
    pub(crate) fn catch_up(&self) {
        self.server.catch_up();
    }

    /// Refuses connections for a time.
    pub(crate) fn down_for(&self, time: Duration) {
        self.server.down_for(time);
    }

    /// Every request so far.
    pub(crate) fn requests(&self) -> Vec<SiteRequest> {
        self.album.state().requests.clone()
    }

    /// How many requests of a kind there were so far.
    pub(crate) fn count(&self, place: Place) -> usize {
        let state = self.album.state();
        state.requests.iter().filter(|r| r.place == place).count()
    }

    /// Every change that a client made so far.
    pub(crate) fn writes(&self) -> Vec<SiteWrite> {
        let state = self.album.state();
        let writes = state.writes.iter();
        writes
            .filter(|w| w.author == Author::Client)
            .cloned()
            .collect()
    }

    /// Every change so far, whoever made it.
    pub(crate) fn history(&self) -> Vec<SiteWrite> {
        self.album.state().writes.clone()
    }

    /// Forgets requests and changes, so that a second part of a test can count
    /// from zero.
    pub(crate) fn forget(&self) {
        let mut state = self.album.state();
        state.requests.clear();
        state.writes.clear();
    }

    /// Writes `photos.txt` with all ids into a directory.
    pub(crate) fn write_manifest(&self, directory: &Path) -> PathBuf {
        let path = directory.join("photos.txt");
        let lines = format!("# all photos\n{}\n", self.ids().join("\n"));
        std::fs::write(&path, lines).expect("a manifest in the scratch directory");
        path
    }
}

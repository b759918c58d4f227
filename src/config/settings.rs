//! The checked settings of one invocation.

use super::{Authorities, ConfigError, ModelEntry, Models};
use crate::archive::{ContextField, Language, ModelName, Moment, SiteName, Usd};
use secrecy::SecretString;
use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;
use url::Url;

/// Everything a command needs to know, checked.
#[derive(Debug)]
pub struct Settings {
    /// The settings file they come from.
    pub file: PathBuf,
    /// Names of the models to use: the first, then its fallbacks in order.
    pub chain: Vec<ModelName>,
    /// All entries of `models.yaml`.
    pub models: Models,
    /// The checkpoint database.
    pub state: PathBuf,
    /// The language of the alt texts.
    pub language: Language,
    /// The site.
    pub site: SiteSettings,
    /// What models may be told.
    pub context: ContextPolicy,
    /// How a run behaves.
    pub run: RunSettings,
    /// What is refused before decoding.
    pub photo: PhotoLimits,
    /// Where the metrics of unattended runs go.
    pub metrics_file: Option<PathBuf>,
    /// Who is told of unattended runs; `None` for commands that tell nobody.
    pub notify: Option<NotifySettings>,
    /// What works but is probably not meant, one sentence each, for a person.
    pub warnings: Vec<String>,
}

impl Settings {
    /// The models to use, in order.
    pub fn used_models(&self) -> impl Iterator<Item = &ModelEntry> {
        self.chain.iter().filter_map(|name| self.models.get(name))
    }

    /// Whether calls to a model cost no money: it runs at home and has no price.
    /// What any other call without a price cost, nobody knows.
    pub fn costs_nothing(&self, model: &ModelName) -> bool {
        let entry = self.models.get(model);
        entry.is_some_and(ModelEntry::costs_nothing)
    }

    /// Whether every model to use can be asked: to be checked by commands that
    /// ask models, and not by those that only look.
    ///
    /// # Errors
    /// What [`ModelEntry::ready`] says of the first that can't.
    pub fn models_ready(&self) -> Result<(), ConfigError> {
        self.used_models().try_for_each(ModelEntry::ready)
    }
}

/// Which description drives the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// The album API of a personal Drupal site.
    Album,
    /// The archive inside the program, speaking the album API on loopback.
    Embedded,
    /// WordPress' own REST API.
    WordPress,
    /// Drupal's core JSON:API.
    DrupalJsonApi,
    /// Strapi's media library.
    Strapi,
    /// Nothing but what the settings describe.
    Rest,
    /// A folder of photos on this machine.
    Folder,
}

/// Where the list of photos comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Manifest {
    /// A file with one `album/name` a line.
    File(PathBuf),
    /// The same on standard input.
    Stdin,
    /// The ids themselves (the embedded archive, `fix`).
    Ids(Vec<crate::archive::PhotoId>),
}

/// Where a photo's pixels come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PixelSource {
    /// A URL template, absolute or relative to the site's `base_url`, with
    /// `{album}` and `{name}`.
    Url(String),
    /// A directory with `{album}/{name}.(jpg|jpeg|png|gif|webp|…)`.
    Dir(PathBuf),
    /// Where the site says, with each photo.
    Site,
}

/// A folder that is a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderSettings {
    /// The directory whose photos are the archive.
    pub dir: PathBuf,
    /// Where their texts are.
    pub texts: FolderTexts,
    /// The language of the texts that are written.
    pub language: Language,
}

/// Where the texts of a folder's photos are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FolderTexts {
    /// In an XMP sidecar beside each photo; new ones are named so.
    Sidecars(SidecarName),
    /// In this one CSV or JSON file.
    File(PathBuf),
}

/// How a sidecar is named after its photo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SidecarName {
    /// `photo.jpg.xmp`, as darktable and digiKam do.
    Full,
    /// `photo.xmp`, as Adobe's programs and exiftool do.
    Short,
}

/// The site, as configured.
#[derive(Debug)]
pub struct SiteSettings {
    /// The site's identity in the checkpoint.
    pub name: SiteName,
    /// Which description to use.
    pub preset: Preset,
    /// Scheme, host, port and path below which the API lives; no trailing slash
    /// is needed. For the embedded preset it is set once its server listens.
    pub base_url: Url,
    /// Keys of the preset's description that are said otherwise, or all of it.
    pub description: serde_json::Map<String, serde_json::Value>,
    /// The line of the settings file on which each of those keys stands.
    pub lines: Vec<(String, usize)>,
    /// The account, where the credential is its password.
    pub user: Option<String>,
    /// The credential, where the site needs one.
    pub token: Option<SecretString>,
    /// Where the credential comes from, in words for people.
    pub token_from: Option<String>,
    /// Certificate authorities that its servers may have beside the machine's own.
    pub authorities: Option<Authorities>,
    /// The list of photos; `None` means the walk through `pixels.dir`.
    pub manifest: Option<Manifest>,
    /// Where pixels come from.
    pub pixels: PixelSource,
    /// Where reports find a small image of a photo, as a URL template like that
    /// of `pixels`.
    pub thumbnail: Option<String>,
    /// Where reports find the page of a photo, as a URL template.
    pub page: Option<String>,
    /// Site requests in flight.
    pub concurrency: usize,
    /// Site requests a second; `None` means no limit.
    pub requests_per_second: Option<f64>,
    /// How long a settled photo is spared the look at the site.
    pub recheck: Duration,
    /// How often all photos are listed, where the site can list what changed.
    pub sweep: Duration,
    /// The longer side in pixels that models want at most.
    pub image_edge: u32,
    /// How long one request may take.
    pub timeout: Duration,
    /// The folder, where it is one.
    pub folder: Option<FolderSettings>,
}

impl SiteSettings {
    /// A message about a key of the description, such as `list.paging`, with the
    /// line on which it stands, or the table that it would stand in.
    pub fn placed(&self, key: &str, message: &str) -> String {
        let known = |key: &str| self.lines.iter().find(|(name, _)| name == key);
        let mut near = key;
        loop {
            if let Some((_, line)) = known(near) {
                return format!("{message} (line {line} of the settings)");
            }
            match near.rsplit_once(['.', '[']) {
                Some((outer, _)) => near = outer,
                None => return message.to_owned(),
            }
        }
    }
}

/// Which facts about a photo go to a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContextPolicy {
    /// The allowed fields; a model's own `context` list narrows them further.
    pub fields: BTreeSet<ContextField>,
    /// What the owner says about the whole archive.
    pub notes: Option<String>,
}

/// How a run behaves.
#[derive(Clone, Debug, PartialEq)]
pub struct RunSettings {
    /// Model calls in flight.
    pub concurrency: usize,
    /// What a run may cost at most.
    pub max_cost: Option<Usd>,
    /// What all runs of one calendar day (UTC) may cost together at most.
    pub max_cost_per_day: Option<Usd>,
    /// How long a run may take, from its start.
    pub deadline: Option<Duration>,
    /// The moment from which on no new calls are made.
    pub until: Option<Moment>,
    /// How long replies in flight are awaited once a run stops.
    pub drain: Duration,
    /// How long a site or a model may be down before the run gives up.
    pub outage_patience: Duration,
    /// Tries of one photo before it is parked.
    pub max_tries: u32,
    /// Wait before the second try of a photo; doubles with each further one.
    pub retry_after: Duration,
    /// The longest such wait.
    pub retry_after_max: Duration,
    /// Whether drafts of the embedded model may be published on a real site.
    pub publish_embedded: bool,
    /// How often a run without bars says where it is, and metrics are written.
    pub heartbeat: Duration,
}

/// Who is told that an unattended run began, and how it ended.
#[derive(Clone, Debug)]
pub struct NotifySettings {
    /// Pinged when a run begins.
    pub start: Option<SecretUrl>,
    /// Pinged when one ends with an exit code of `success_codes`.
    pub success: Option<SecretUrl>,
    /// Pinged when one ends with any other.
    pub fail: Option<SecretUrl>,
    /// How they are pinged.
    pub method: PingMethod,
    /// Gets the summary of a run that ended.
    pub webhook: Option<Webhook>,
    /// Exit codes that count as success: 0, and by choice 3 and 4.
    pub success_codes: BTreeSet<u8>,
}

impl NotifySettings {
    /// All addresses.
    pub fn urls(&self) -> Vec<&SecretUrl> {
        let webhook = self.webhook.as_ref().map(|webhook| &webhook.url);
        let pings = [&self.start, &self.success, &self.fail];
        pings.into_iter().flatten().chain(webhook).collect()
    }
}

/// How a service is pinged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PingMethod {
    /// With a few words as the body.
    Post,
    /// Without a body.
    Get,
}

/// Whoever gets the summary as JSON.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// Where it listens.
    pub url: SecretUrl,
    /// What its messages are signed with, in Base64.
    pub key: SecretString,
}

/// An address that only those may know who may use it. It shows its host only.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretUrl {
    key: &'static str,
    url: Url,
}

impl SecretUrl {
    /// The address that a key of `[notify]` stands for.
    pub fn new(key: &'static str, url: Url) -> Self {
        Self { key, url }
    }

    /// The address with one more part in its path; `None` where it can't have
    /// one.
    #[must_use]
    pub fn below(&self, part: &str) -> Option<Self> {
        let mut url = self.url.clone();
        url.path_segments_mut().ok()?.pop_if_empty().push(part);
        Some(Self { url, ..*self })
    }

    /// The key of `[notify]` that it stands for, without `_env` or `_file`.
    pub fn key(&self) -> &'static str {
        self.key
    }

    /// The address itself.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Scheme, host and port, for messages.
    pub fn host(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// What of it must not be shown: all of it, and what could be put together
    /// again.
    pub fn secrets(&self) -> Vec<SecretString> {
        let longest = self.url.path_segments().into_iter().flatten();
        let parts = longest.filter(|part| part.len() >= 8).map(str::to_owned);
        let query = self.url.query().map(str::to_owned);
        let all = [self.url.to_string()].into_iter().chain(parts).chain(query);
        all.map(SecretString::from).collect()
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/***", self.host())
    }
}

/// What is refused before decoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhotoLimits {
    /// Bytes of an image file.
    pub max_bytes: u64,
    /// Pixels of a decoded image, width times height.
    pub max_pixels: u64,
    /// Bytes of memory that all images being decoded may take together.
    pub max_memory: u64,
}

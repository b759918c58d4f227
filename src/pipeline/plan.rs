//! What one run is asked to do.

use crate::archive::{Language, Mode, PhotoId, SlotKind};
use crate::config::{ContextPolicy, PhotoLimits, RunSettings, Settings};
use crate::policy::{Freshness, Narrow};
use std::time::Duration;

/// How far a run goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Generate and write.
    Write,
    /// Generate and keep drafts; write nothing.
    Preview,
    /// Only look.
    DryRun,
}

/// A text that a person gave with `fix`, instead of asking a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// This text, as a person's.
    Text(String),
    /// No text: the photo is decorative.
    Decorative,
}

/// What one run is asked to do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What the run is for.
    pub mode: Mode,
    /// How far it goes.
    pub action: Action,
    /// Whether drafts and replies that are there may be used.
    pub freshness: Freshness,
    /// A person asked to replace a person's or an unproven text.
    pub replace_human: bool,
    /// What narrows an upgrade.
    pub narrow: Narrow,
    /// Only photos of these albums (the part of the id before the first slash, or
    /// before a later one where albums lie in albums); empty means all.
    pub albums: Vec<String>,
    /// Only these photos; empty means all.
    pub ids: Vec<PhotoId>,
    /// At most so many photos generated or written.
    pub limit: Option<u64>,
    /// Photos that failed lately are not waited for.
    pub retry_failed: bool,
    /// A text that a person gave.
    pub given: Option<Given>,
    /// The text that a person agreed to replace; any other is left alone.
    pub expected: Option<String>,
    /// A hint for the model about the named photo.
    pub note: Option<String>,
    /// Which text of each photo.
    pub kind: SlotKind,
    /// In which language.
    pub language: Language,
    /// What models may be told.
    pub context: ContextPolicy,
    /// How the run behaves.
    pub run: RunSettings,
    /// What is refused before decoding.
    pub photo: PhotoLimits,
    /// How long a settled photo is spared the look at the site.
    pub recheck: Duration,
    /// How often all photos are listed, where the site can list what changed.
    pub sweep: Duration,
    /// Site requests in flight, which sizes the stages that talk to the site.
    pub site_concurrency: usize,
    /// Where the site's credential comes from, for the message that it is bad.
    pub token_from: Option<String>,
    /// Hold the drafts of the embedded model, which never looks at a photo.
    pub hold_embedded: bool,
}

impl Plan {
    /// A plan that follows the settings, for a mode.
    pub fn new(mode: Mode, settings: &Settings) -> Self {
        let demonstration = settings.site.preset == crate::config::Preset::Embedded;
        Self {
            mode,
            action: Action::Write,
            freshness: if mode == Mode::Fix {
                Freshness::Fresh
            } else {
                Freshness::Reuse
            },
            replace_human: false,
            narrow: Narrow::default(),
            albums: Vec::new(),
            ids: Vec::new(),
            limit: None,
            retry_failed: false,
            given: None,
            expected: None,
            note: None,
            kind: SlotKind::Alt,
            language: settings.language.clone(),
            context: settings.context.clone(),
            run: settings.run.clone(),
            photo: settings.photo,
            recheck: settings.site.recheck,
            sweep: settings.site.sweep,
            site_concurrency: settings.site.concurrency,
            token_from: settings.site.token_from.clone(),
            hold_embedded: !demonstration && !settings.run.publish_embedded,
        }
    }

    /// Whether the command line asked for this photo.
    pub fn selects(&self, photo: &PhotoId) -> bool {
        let id = photo.as_str();
        let lies_in = |album: &String| match id.strip_prefix(album.as_str()) {
            Some(rest) if album.is_empty() => !rest.contains('/'),
            Some(rest) => rest.starts_with('/'),
            None => false,
        };
        (self.ids.is_empty() || self.ids.contains(photo))
            && (self.albums.is_empty() || self.albums.iter().any(lies_in))
    }
}

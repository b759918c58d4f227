//! `[site]`, checked.

use super::addresses::{base_url, credential, is_exposed, pixel_template, secret_file};
use super::authorities::Authorities;
use super::environment::Environment;
use super::error::{Problems, Remark};
use super::layers::{Needs, count, length};
use super::raw::{RawPixels, RawSite};
use super::reader::{Given, Origin, did_you_mean};
use super::source::is_variable_name;
use super::tree::{Place, Value};
use super::{Manifest, PixelSource, Preset, SiteSettings};
use crate::archive::SiteName;
use secrecy::SecretString;
use std::path::Path;
use std::time::Duration;
use url::Url;

pub(super) const PRESETS: [(&str, Preset); 7] = [
    ("album", Preset::Album),
    ("embedded", Preset::Embedded),
    ("wordpress", Preset::WordPress),
    ("drupal-jsonapi", Preset::DrupalJsonApi),
    ("strapi", Preset::Strapi),
    ("folder", Preset::Folder),
    ("rest", Preset::Rest),
];

const CONCURRENCY: (u64, u64) = (1, 1024);
const RECHECK: (Duration, Duration) = (Duration::ZERO, Duration::from_secs(86_400 * 3650));
const TIMEOUT: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(3600));

/// The checked site, and what its owner should know though it works.
pub(super) struct Resolved {
    pub(super) settings: SiteSettings,
    pub(super) warnings: Vec<String>,
}

/// Checks `[site]`; `None` means that a problem was noted.
pub(super) fn resolve(parts: &Parts<'_>, problems: &mut Problems) -> Option<Resolved> {
    let raw = parts.raw;
    let preset = match &raw.preset {
        Some(given) => preset(given, problems)?,
        None => Preset::Album,
    };
    let mut resolved = match preset {
        Preset::Embedded => parts.embedded(),
        Preset::Folder => parts.folder(problems)?,
        other => parts.remote(other, problems)?,
    };
    let settings = &mut resolved.settings;
    if let Some(name) = &raw.name {
        settings.name = site_name(name, problems)?;
    }
    let usual = settings.concurrency as u64;
    settings.concurrency = count(raw.concurrency.clone(), CONCURRENCY, usual, problems) as usize;
    if let Some(rate) = &raw.requests_per_second {
        if rate.value > 0.0 && rate.value <= 100_000.0 {
            settings.requests_per_second = Some(rate.value);
        } else {
            rate.refuse(problems, "must be more than 0, and 100000 at most");
        }
    }
    if let Some(recheck) = &raw.recheck {
        settings.recheck = length(recheck.clone(), RECHECK, problems)?;
    }
    settings.thumbnail = link(raw.thumbnail.as_ref(), problems);
    settings.page = link(raw.page.as_ref(), problems);
    if let Some(sweep) = &raw.sweep {
        settings.sweep = length(sweep.clone(), RECHECK, problems)?;
    }
    if let Some(timeout) = &raw.timeout {
        settings.timeout = length(timeout.clone(), TIMEOUT, problems)?;
    }
    Some(resolved)
}

/// A template for links in reports; one that can't work is noted and left out.
fn link(given: Option<&Given<'_, String>>, problems: &mut Problems) -> Option<String> {
    let given = given?;
    if let Err(what) = pixel_template(&given.value) {
        given.refuse(problems, what);
        return None;
    }
    Some(given.value.clone())
}

fn preset(given: &Given<'_, String>, problems: &mut Problems) -> Option<Preset> {
    let found = PRESETS.iter().find(|(name, _)| *name == given.value);
    if found.is_none() {
        let names = PRESETS.map(|(name, _)| name);
        let message = format!("{}: unknown preset `{}`", given.title(), given.value);
        let remark = Remark::new(message)
            .label(did_you_mean(&given.value, names).unwrap_or_default())
            .hint(format!("the known presets are: {}", names.join(", ")));
        given.remark(problems, remark);
    }
    found.map(|(_, preset)| *preset)
}

fn site_name(given: &Given<'_, String>, problems: &mut Problems) -> Option<SiteName> {
    let name = given.value.trim();
    if name.chars().count() > 200 || name.chars().any(char::is_control) {
        given.refuse(problems, "must be one line of at most 200 characters");
        return None;
    }
    Some(SiteName::new(name))
}

/// What every preset is made from.
pub(super) struct Parts<'p> {
    pub(super) raw: &'p RawSite<'p>,
    pub(super) environment: &'p Environment,
    pub(super) directory: &'p Path,
    pub(super) needs: Needs,
}

impl Parts<'_> {
    /// The archive inside the program needs nothing; its address is known only
    /// once its server listens.
    fn embedded(&self) -> Resolved {
        let ignored = [self.raw.of_http(), self.raw.of_folders()].concat();
        let warnings = ignored.into_iter().map(|key| {
            format!(
                "site.{key} has no effect while site.preset is \"embedded\"; for your own site \
                 set it to \"album\""
            )
        });
        Resolved {
            warnings: warnings.collect(),
            settings: SiteSettings {
                preset: Preset::Embedded,
                manifest: Some(Manifest::Ids(Vec::new())),
                pixels: PixelSource::Url("/files/cache/{album}/{name}-1280w.jpg".to_owned()),
                ..defaults(SiteName::new("embedded"))
            },
        }
    }

    fn remote(&self, preset: Preset, problems: &mut Problems) -> Option<Resolved> {
        // All of it is looked at before giving up, to name all problems at once.
        let url = self.base_url(problems);
        let (pixels, manifest, token, authorities) = match self.needs {
            Needs::Site | Needs::Unattended => (
                self.pixels(preset, problems),
                self.manifest(preset, problems),
                self.token(problems),
                authorities(self.raw.ca_file.as_ref(), self.directory, problems),
            ),
            // Not even checked: a command that never talks to the site is
            // not to be stopped by what only the site needs.
            Needs::Name => (Some(self.pixels_as_written()), Ok(None), Ok(None), Ok(None)),
        };
        let described = self.described(problems);
        let user = self.user(problems);
        let url = url?;
        let name = match (url.host_str(), url.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (host, _) => host.unwrap_or_default().to_owned(),
        };
        let ignored = self.raw.of_folders().into_iter();
        let mut warnings: Vec<String> = ignored
            .map(|key| format!("site.{key} has no effect unless site.preset is \"folder\""))
            .collect();
        if matches!(token, Ok(Some(_))) && is_exposed(&url) {
            warnings.push(format!(
                "site.base_url is plain http, so the site's token crosses the network to {name} \
                 unencrypted; use https if the site has it"
            ));
        }
        Some(Resolved {
            warnings,
            settings: SiteSettings {
                preset,
                base_url: url,
                description: described?,
                lines: self.lines(),
                user: user.ok()?,
                token: token.ok()?,
                token_from: self.token_from(),
                authorities: authorities.ok()?,
                manifest: manifest.ok()?,
                pixels: pixels?,
                ..defaults(SiteName::new(name))
            },
        })
    }

    fn base_url(&self, problems: &mut Problems) -> Option<Url> {
        if let Some(given) = &self.raw.base_url {
            return base_url(given, problems);
        }
        let remark = Remark::new("the settings name no site: `site.base_url` is missing").hint(
            "add base_url = \"https://…\" under [site], or set preset = \"embedded\" to try \
             altfill on its own archive",
        );
        problems.add_general(remark);
        None
    }

    /// Where a report may link to, if it is there; it fetches nothing.
    fn pixels_as_written(&self) -> PixelSource {
        match &self.raw.pixels {
            Some(RawPixels::Url(given)) if pixel_template(&given.value).is_ok() => {
                PixelSource::Url(given.value.clone())
            }
            Some(RawPixels::Dir(given)) => PixelSource::Dir(self.directory.join(&given.value)),
            _ => PixelSource::Url(String::new()),
        }
    }

    /// The keys that describe the site's API. What they say is checked where it
    /// is understood.
    fn described(
        &self,
        problems: &mut Problems,
    ) -> Option<serde_json::Map<String, serde_json::Value>> {
        let mut described = serde_json::Map::new();
        for (key, given) in &self.raw.description {
            let Some(value) = given.value.to_json() else {
                given.refuse(problems, "holds a date or a number that JSON can't say");
                return None;
            };
            described.insert((*key).to_owned(), value);
        }
        Some(described)
    }

    fn lines(&self) -> Vec<(String, usize)> {
        let mut lines = Vec::new();
        for (key, given) in &self.raw.description {
            let Origin::File(mark) = &given.origin else {
                continue;
            };
            let line = |place: &Place| mark.source.show(place, "").line;
            lines.push(((*key).to_owned(), line(&mark.place)));
            note_lines(key, given.value, &line, &mut lines);
        }
        lines
    }

    fn pixels(&self, preset: Preset, problems: &mut Problems) -> Option<PixelSource> {
        match &self.raw.pixels {
            Some(RawPixels::Url(given)) => match pixel_template(&given.value) {
                Ok(()) => Some(PixelSource::Url(given.value.clone())),
                Err(what) => {
                    given.refuse(problems, what);
                    None
                }
            },
            Some(RawPixels::Dir(given)) => {
                let path = self.directory.join(&given.value);
                if path.is_dir() {
                    return Some(PixelSource::Dir(path));
                }
                let message = format!(
                    "{}: there is no directory `{}`",
                    given.title(),
                    path.display()
                );
                let hint = "check the path, and that its disk is mounted";
                given.remark(problems, Remark::new(message).hint(hint));
                None
            }
            Some(RawPixels::Unusable) => None,
            None if preset != Preset::Album => Some(PixelSource::Site),
            None => {
                let remark = Remark::new("`site.pixels` is missing: where are the images?").hint(
                    "under [site] add pixels = \"/files/{album}/{name}.jpg\" for images on the \
                     site, or pixels = { dir = \"…\" } for images in a directory",
                );
                problems.add_general(remark);
                None
            }
        }
    }

    /// `Err` means that a problem was noted.
    fn manifest(&self, preset: Preset, problems: &mut Problems) -> Result<Option<Manifest>, ()> {
        let Some(given) = &self.raw.manifest else {
            if let (Preset::Album, Some(RawPixels::Url(_))) = (preset, &self.raw.pixels) {
                let remark = Remark::new("`site.manifest` is missing: which photos are there?")
                    .hint(
                        "under [site] add manifest = \"photos.txt\", a file with one album/name a \
                         line (\"-\" reads standard input); with pixels = { dir = \"…\" } the \
                         directory is the list",
                    );
                problems.add_general(remark);
                return Err(());
            }
            return Ok(None);
        };
        if given.value == "-" {
            return Ok(Some(Manifest::Stdin));
        }
        let path = self.directory.join(&given.value);
        // A pipe (`/dev/fd/3`) is fine too, so only directories are refused.
        if path.exists() && !path.is_dir() {
            return Ok(Some(Manifest::File(path)));
        }
        let message = format!("{}: there is no file `{}`", given.title(), path.display());
        let hint = "write one album/name a line into it, or use \"-\" to read standard input";
        given.remark(problems, Remark::new(message).hint(hint));
        Err(())
    }

    /// `Err` means that a problem was noted.
    fn token(&self, problems: &mut Problems) -> Result<Option<SecretString>, ()> {
        match (&self.raw.token_env, &self.raw.token_file) {
            (None, None) => Ok(None),
            (Some(_), Some(file)) => {
                file.refuse(problems, "and `site.token_env` are both set; keep one");
                Err(())
            }
            (Some(variable), None) => self.token_variable(variable, problems),
            (None, Some(file)) => self.token_file(file, problems),
        }
    }

    /// `Err` means that a problem was noted.
    fn user(&self, problems: &mut Problems) -> Result<Option<String>, ()> {
        let Some(given) = &self.raw.user else {
            return Ok(None);
        };
        // RFC 7617: a colon would end the name, and controls have no place in it.
        if given.value.contains(':') || given.value.chars().any(char::is_control) {
            given.refuse(problems, "must be one line without a colon");
            return Err(());
        }
        Ok(Some(given.value.clone()))
    }

    fn token_from(&self) -> Option<String> {
        let variable = self.raw.token_env.as_ref().map(|given| &given.value);
        let file = self.raw.token_file.as_ref().map(|given| &given.value);
        variable
            .filter(|name| is_variable_name(name))
            .map(|name| match self.environment.secret(name) {
                Ok(Some(found)) => found.place,
                _ => format!("the variable {name}"),
            })
            .or_else(|| file.map(|file| format!("the file {file}")))
    }

    fn token_variable(
        &self,
        given: &Given<'_, String>,
        problems: &mut Problems,
    ) -> Result<Option<SecretString>, ()> {
        let name = given.value.as_str();
        match self.environment.secret(name) {
            Ok(Some(found)) => {
                return credential(&found.text).map(Some).map_err(|what| {
                    given.refuse(problems, format!("names {}, which {what}", found.place));
                });
            }
            Err(why) => {
                given.refuse(problems, format!("names {name}: {why}"));
                return Err(());
            }
            Ok(None) => {}
        }
        // What is not shaped like a variable's name may be the token itself.
        let remark = if is_variable_name(name) {
            let message = format!("{}: the variable {name} is not set or empty", given.title());
            let hint = format!(
                "set {name} to the site's token in the environment, or in a .env file in {}, or \
                 load it as a credential of that name",
                shown_directory(self.directory)
            );
            Remark::new(message).hint(hint)
        } else {
            let message = format!("{} names no variable that is set", given.title());
            Remark::new(message).hint(
                "write the name of a variable there, such as \"SITE_TOKEN\", not the token itself",
            )
        };
        given.remark(problems, remark);
        Err(())
    }

    fn token_file(
        &self,
        given: &Given<'_, String>,
        problems: &mut Problems,
    ) -> Result<Option<SecretString>, ()> {
        secret_file(&self.directory.join(&given.value))
            .map(Some)
            .map_err(|what| given.refuse(problems, format!("names {what}")))
    }
}

/// The authorities that a `ca_file` names; `Err` means that a problem was noted.
pub(super) fn authorities(
    given: Option<&Given<'_, String>>,
    directory: &Path,
    problems: &mut Problems,
) -> Result<Option<Authorities>, ()> {
    let Some(given) = given else { return Ok(None) };
    match Authorities::read(&directory.join(&given.value)) {
        Ok(found) => Ok(Some(found)),
        Err(what) => {
            given.refuse(problems, format!("names the file {what}"));
            Err(())
        }
    }
}

/// Notes the line of every key below a value, under its whole path.
fn note_lines(
    path: &str,
    value: &Value,
    line: &impl Fn(&Place) -> usize,
    lines: &mut Vec<(String, usize)>,
) {
    if let Value::Table(fields) = value {
        for field in fields {
            let path = format!("{path}.{}", field.name);
            lines.push((path.clone(), line(&field.place)));
            note_lines(&path, &field.node.value, line, lines);
        }
    }
}

fn shown_directory(directory: &Path) -> String {
    if directory.as_os_str().is_empty() {
        return "this directory".to_owned();
    }
    directory.display().to_string()
}

pub(super) fn defaults(name: SiteName) -> SiteSettings {
    SiteSettings {
        name,
        preset: Preset::Album,
        base_url: Url::parse("http://127.0.0.1/").expect("the address is valid"),
        description: serde_json::Map::new(),
        lines: Vec::new(),
        user: None,
        token: None,
        token_from: None,
        authorities: None,
        manifest: None,
        pixels: PixelSource::Url(String::new()),
        thumbnail: None,
        page: None,
        concurrency: 4,
        requests_per_second: None,
        recheck: Duration::from_secs(7 * 86_400),
        sweep: Duration::from_secs(7 * 86_400),
        image_edge: 1024,
        timeout: Duration::from_secs(30),
        folder: None,
    }
}

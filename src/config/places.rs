//! Where files are, by settings that may be wrong in everything else.

use super::environment::Environment;
use super::error::{ConfigError, Problems};
use super::layers::{Layers, Overrides};
use super::raw::{RawPixels, RawSettings};
use super::resolve;
use std::path::{Path, PathBuf};

/// The files that the settings name, whether they are there or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// The settings file.
    pub config: PathBuf,
    /// The file with the models.
    pub models: PathBuf,
    /// The checkpoint database.
    pub state: PathBuf,
    /// Files that hold secrets and are there: `.env`, `site.token_file`.
    pub secrets: Vec<PathBuf>,
    /// Every other file that the settings name to be read, or to hold the site's
    /// texts.
    pub named: Vec<PathBuf>,
    /// Directories of photos.
    pub photos: Vec<PathBuf>,
    /// Where the metrics of unattended runs go.
    pub metrics: Option<PathBuf>,
}

/// Finds the files, however wrong the settings are otherwise.
///
/// # Errors
/// There is no settings file, it can't be read, or it is no TOML.
pub fn places(overrides: &Overrides, mut environment: Environment) -> Result<Places, ConfigError> {
    let file = resolve::settings_file(overrides, &environment)?;
    let directory = file.path().parent().unwrap_or(Path::new(""));
    // What is wrong with it is said by whoever needs what it holds.
    let _ = environment.read_dotenv(directory);
    let fields = resolve::toml_fields(&file)?;
    let mut passed_over = Problems::default();
    let raw = RawSettings::read(&file, &fields, &mut passed_over);
    let mut layers = Layers {
        overrides,
        environment: &environment,
        directory,
        problems: &mut passed_over,
    };
    let common = layers.common(&raw);
    let token_file = raw.site.token_file.as_ref();
    let secrets = [
        Some(directory.join(".env")),
        token_file.map(|given| directory.join(&given.value)),
    ];
    Ok(Places {
        config: file.path().to_owned(),
        models: common.models.value,
        state: common.state,
        secrets: secrets
            .into_iter()
            .flatten()
            .filter(|path| path.is_file())
            .collect(),
        named: named(&raw)
            .into_iter()
            .map(|name| directory.join(name))
            .collect(),
        photos: photos(&raw)
            .into_iter()
            .map(|name| directory.join(name))
            .collect(),
        metrics: raw.metrics.file.map(|given| directory.join(given.value)),
    })
}

/// The files that the settings name, as they are written there.
fn named(raw: &RawSettings<'_>) -> Vec<String> {
    let site = &raw.site;
    let of_site = [&site.ca_file, &site.manifest, &site.texts, &site.token_file];
    let of_notify = raw.notify.secrets().map(|secret| &secret.file);
    let all = of_site.into_iter().chain(of_notify).flatten();
    // Two words stand in the place of a file.
    all.map(|given| given.value.clone())
        .filter(|value| value != "sidecars" && value != "-")
        .collect()
}

/// The directories of photos that the settings name, as they are written there.
fn photos(raw: &RawSettings<'_>) -> Vec<String> {
    let site = &raw.site;
    let pixels = match &site.pixels {
        Some(RawPixels::Dir(dir)) => Some(dir),
        _ => None,
    };
    let all = [site.dir.as_ref(), pixels].into_iter().flatten();
    all.map(|given| given.value.clone()).collect()
}

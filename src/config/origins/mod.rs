//! The settings as they are used, each value with where it comes from. Secrets
//! are told to be there, and never what they are.

mod entry;
mod written;

use super::environment::{Environment, Layer, VARIABLES, Variable};
use super::error::{ConfigError, Problems};
use super::layers::{Needs, Overrides};
use super::raw::RawSettings;
use super::source::{Source, is_variable_name};
use super::tree::{Field, Value};
use super::{
    FolderTexts, Manifest, PixelSource, Places, Preset, Settings, SidecarName, SiteSettings,
    places, quantities, resolve,
};
use crate::archive::ContextField;
use entry::model;
use serde_json::{Map, Value as Json, json};
use std::path::{Path, PathBuf};
use std::time::Duration;
use written::{find, leaves, line, quoted, written_as};

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Comes {
    /// Nobody said anything.
    Default,
    /// The site's preset says so.
    Preset(&'static str),
    /// A line of a file, counted from 1.
    Line(PathBuf, usize),
    /// A variable of the environment.
    Variable(String),
    /// A variable in the `.env` file.
    Dotenv(String),
    /// A flag of the command line.
    Flag(&'static str),
}

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Its key, such as `site.timeout`.
    pub key: String,
    /// Its value as it could stand in a file, or a remark in parentheses.
    pub value: String,
    /// Where that comes from.
    pub comes: Comes,
}

/// Both files, resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownSettings {
    /// Where the files are.
    pub places: Places,
    /// The settings.
    pub settings: Vec<Shown>,
    /// The entries of the models in use, in their order.
    pub models: Vec<Shown>,
    /// The names of all other entries.
    pub others: Vec<String>,
}

/// Gives every setting with its value and where it comes from. The site's token
/// may be missing. `described` is what the preset and the settings say together
/// of the site's API.
///
/// # Errors
/// Everything that is wrong with either file, the token aside.
pub fn shown(
    overrides: &Overrides,
    mut environment: Environment,
    described: fn(&SiteSettings) -> Map<String, Json>,
) -> Result<ShownSettings, ConfigError> {
    let overrides = Overrides {
        needs: Needs::Name,
        ..overrides.clone()
    };
    let settings = super::load(&overrides, environment.clone())?;
    let places = places(&overrides, environment.clone())?;
    let file = resolve::settings_file(&overrides, &environment)?;
    let directory = file.path().parent().unwrap_or(Path::new(""));
    environment.read_dotenv(directory)?;
    let fields = resolve::toml_fields(&file)?;
    let told = Told {
        overrides: &overrides,
        environment: &environment,
        file: &file,
        fields: &fields,
    };
    let mut list: Vec<Shown> = simple(&settings, &places)
        .into_iter()
        .map(|(key, value)| told.shown(key, &value, settings.site.preset))
        .collect();
    let after = |key: &str| list.iter().position(|shown| shown.key == key);
    let at = after("site.token_file").map_or(list.len(), |at| at + 1);
    list.splice(at..at, told.token());
    let mut of_the_api = Vec::new();
    leaves(
        "site",
        &Json::Object(described(&settings.site)),
        &mut of_the_api,
    );
    let at = list
        .iter()
        .position(|shown| shown.key.starts_with("context."));
    let at = at.unwrap_or(list.len());
    let preset = preset_name(settings.site.preset);
    list.splice(
        at..at,
        of_the_api
            .into_iter()
            .map(|(path, value)| told.described(&path, &value, preset)),
    );
    let source = resolve::read_models(&places.models)?;
    let models = settings
        .used_models()
        .flat_map(|entry| model(&source, entry))
        .collect();
    let others = settings
        .models
        .keys()
        .filter(|name| !settings.chain.contains(name));
    Ok(ShownSettings {
        others: others.map(ToString::to_string).collect(),
        places,
        settings: list,
        models,
    })
}

fn text(duration: Duration) -> Json {
    quantities::duration_text(duration).into()
}

/// Every key of `pipeline.toml` but those that describe an API.
fn simple(settings: &Settings, places: &Places) -> Vec<(&'static str, Json)> {
    let (site, run) = (&settings.site, &settings.run);
    let folder = site.folder.as_ref();
    let may = |field| Json::from(settings.context.fields.contains(&field));
    let mut chain = settings.chain.iter().map(ToString::to_string);
    let pixels = match &site.pixels {
        PixelSource::Url(url) if url.is_empty() => Json::Null,
        PixelSource::Url(url) => url.as_str().into(),
        PixelSource::Dir(dir) => json!({"dir": dir}),
        PixelSource::Site => Json::Null,
    };
    vec![
        ("model", chain.next().into()),
        ("fallback", chain.collect::<Vec<_>>().into()),
        ("models", json!(places.models)),
        ("state", json!(settings.state)),
        ("language", json!(settings.language.to_string())),
        ("site.name", json!(site.name.to_string())),
        ("site.preset", preset_name(site.preset).into()),
        (
            "site.base_url",
            match site.preset {
                Preset::Embedded | Preset::Folder => Json::Null,
                _ => site.base_url.as_str().into(),
            },
        ),
        ("site.user", site.user.clone().into()),
        ("site.token_env", Json::Null),
        ("site.token_file", Json::Null),
        ("site.ca_file", Json::Null),
        (
            "site.manifest",
            match &site.manifest {
                Some(Manifest::File(path)) => json!(path),
                Some(Manifest::Stdin) => "-".into(),
                _ => Json::Null,
            },
        ),
        ("site.pixels", pixels),
        ("site.thumbnail", site.thumbnail.clone().into()),
        ("site.page", site.page.clone().into()),
        ("site.concurrency", site.concurrency.into()),
        ("site.requests_per_second", site.requests_per_second.into()),
        ("site.recheck", text(site.recheck)),
        ("site.sweep", text(site.sweep)),
        ("site.timeout", text(site.timeout)),
        ("site.dir", json!(folder.map(|folder| &folder.dir))),
        (
            "site.texts",
            match folder.map(|folder| &folder.texts) {
                Some(FolderTexts::Sidecars(_)) => "sidecars".into(),
                Some(FolderTexts::File(path)) => json!(path),
                None => Json::Null,
            },
        ),
        (
            "site.sidecar",
            match folder.map(|folder| &folder.texts) {
                Some(FolderTexts::Sidecars(SidecarName::Full)) => "photo.jpg.xmp".into(),
                Some(FolderTexts::Sidecars(SidecarName::Short)) => "photo.xmp".into(),
                _ => Json::Null,
            },
        ),
        ("context.album", may(ContextField::Album)),
        ("context.title", may(ContextField::Title)),
        ("context.caption", may(ContextField::Caption)),
        ("context.place", may(ContextField::Place)),
        ("context.date", may(ContextField::Date)),
        ("context.notes", settings.context.notes.clone().into()),
        ("run.concurrency", run.concurrency.into()),
        ("run.max_cost", run.max_cost.map(|cost| cost.0).into()),
        (
            "run.max_cost_per_day",
            run.max_cost_per_day.map(|cost| cost.0).into(),
        ),
        (
            "run.deadline",
            run.deadline.map(quantities::duration_text).into(),
        ),
        ("run.until", run.until.and_then(super::clock::shown).into()),
        ("run.drain", text(run.drain)),
        ("run.outage_patience", text(run.outage_patience)),
        ("run.max_tries", run.max_tries.into()),
        ("run.retry_after", text(run.retry_after)),
        ("run.retry_after_max", text(run.retry_after_max)),
        ("run.publish_embedded", run.publish_embedded.into()),
        ("run.heartbeat", text(run.heartbeat)),
        ("photo.max_bytes", settings.photo.max_bytes.into()),
        ("photo.max_pixels", settings.photo.max_pixels.into()),
        ("photo.max_memory", settings.photo.max_memory.into()),
        ("metrics.file", json!(settings.metrics_file)),
        // Addresses and keys are secrets; what names them is shown as it stands.
        ("notify.ping_env", Json::Null),
        ("notify.ping_file", Json::Null),
        ("notify.start_env", Json::Null),
        ("notify.start_file", Json::Null),
        ("notify.success_env", Json::Null),
        ("notify.success_file", Json::Null),
        ("notify.fail_env", Json::Null),
        ("notify.fail_file", Json::Null),
        ("notify.ping_method", Json::Null),
        ("notify.webhook_env", Json::Null),
        ("notify.webhook_file", Json::Null),
        ("notify.webhook_key_env", Json::Null),
        ("notify.webhook_key_file", Json::Null),
        ("notify.success_codes", Json::Null),
    ]
}

/// The name of a preset in settings files.
pub(super) fn preset_name(preset: Preset) -> &'static str {
    let found = super::site::PRESETS
        .iter()
        .find(|(_, known)| *known == preset);
    found.map_or("", |(name, _)| name)
}

/// Who may have said something.
struct Told<'t> {
    overrides: &'t Overrides,
    environment: &'t Environment,
    file: &'t Source,
    fields: &'t [Field],
}

impl Told<'_> {
    fn shown(&self, key: &str, value: &Json, preset: Preset) -> Shown {
        let written = find(self.fields, key);
        let comes = self
            .invocation(key)
            .or_else(|| Some(line(self.file, written?)));
        let value = match (value, written) {
            // What is left to the site is not among the checked settings.
            (Json::Null, Some(field)) => field.node.value.to_json().unwrap_or_default(),
            (value, _) => value.clone(),
        };
        Shown {
            value: written_as(key, &value),
            comes: comes.unwrap_or(match (key, preset) {
                ("site.pixels" | "site.name", Preset::Embedded) => Comes::Preset("embedded"),
                _ => Comes::Default,
            }),
            key: key.to_owned(),
        }
    }

    /// The flag or the variable that says so.
    fn invocation(&self, key: &str) -> Option<Comes> {
        let Variable { name, flag, .. } = VARIABLES.iter().find(|known| known.key == key)?;
        let flags = self.overrides;
        let flagged = match key {
            "model" => flags.model.is_some(),
            "models" => flags.models.is_some(),
            "state" => flags.state.is_some(),
            "language" => flags.language.is_some(),
            "run.max_cost" => flags.max_cost.is_some(),
            "run.deadline" => flags.deadline.is_some(),
            "run.until" => flags.until.is_some(),
            "run.concurrency" => flags.concurrency.is_some(),
            _ => false,
        };
        if flagged {
            return Some(Comes::Flag(flag));
        }
        self.variable(name)
    }

    fn variable(&self, name: &str) -> Option<Comes> {
        let (_, layer) = self.environment.layered(name)?;
        Some(match layer {
            Layer::Process => Comes::Variable(name.to_owned()),
            Layer::Dotenv => Comes::Dotenv(name.to_owned()),
        })
    }

    /// Whether there is a token, and where it comes from.
    fn token(&self) -> Option<Shown> {
        let mut passed_over = Problems::default();
        let raw = RawSettings::read(self.file, self.fields, &mut passed_over).site;
        let (value, comes) = if let Some(given) = &raw.token_env {
            let name = given.value.as_str();
            if !is_variable_name(name) {
                (
                    "(not shown: token_env names no variable)".to_owned(),
                    Comes::Default,
                )
            } else if let Some(comes) = self.variable(name) {
                (format!("(set, from ${name})"), comes)
            } else {
                (format!("(not set: ${name} is empty)"), Comes::Default)
            }
        } else {
            let given = raw.token_file.as_ref()?;
            let path = self
                .file
                .path()
                .parent()
                .unwrap_or(Path::new(""))
                .join(&given.value);
            let there = std::fs::metadata(&path).is_ok_and(|file| file.len() > 0);
            let path = path.display();
            if there {
                (format!("(set, from the file {path})"), Comes::Default)
            } else {
                (format!("(not set: nothing is in {path})"), Comes::Default)
            }
        };
        Some(Shown {
            key: "site.token".to_owned(),
            value,
            comes,
        })
    }

    /// A part of the description of the site's API.
    fn described(&self, path: &[String], value: &Json, preset: &'static str) -> Shown {
        let mut fields = self.fields;
        let mut at = None;
        for step in path {
            let Some(field) = fields.iter().find(|field| field.name == *step) else {
                break;
            };
            at = Some(field);
            fields = match &field.node.value {
                Value::Table(inner) => inner,
                _ => &[],
            };
        }
        // A table alone says nothing of the keys that it doesn't have.
        let at = at.filter(|field| {
            path.last().is_some_and(|last| field.name == *last)
                && !matches!(field.node.value, Value::Table(_))
        });
        let key = path
            .iter()
            .map(|step| quoted(step))
            .collect::<Vec<_>>()
            .join(".");
        Shown {
            value: written_as(&key, value),
            comes: at.map_or(Comes::Preset(preset), |field| line(self.file, field)),
            key,
        }
    }
}

//! The way from files to checked settings, and what holds between them.

use super::environment::{self, Environment};
use super::error::{ConfigError, Problems, Remark};
use super::layers::{Common, Layers, Needs, Overrides, bounds, count};
use super::raw::{RawContext, RawPhoto, RawSettings};
use super::reader::{Given, Origin, did_you_mean};
use super::source::Source;
use super::tree::{Field, Place};
use super::{
    ContextPolicy, Models, PhotoLimits, RunSettings, Settings, entries, notify, site, unfilled,
};
use crate::archive::{ContextField, ModelName};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The settings file that is used when nobody names one.
const DEFAULT_CONFIG: &str = "pipeline.toml";

/// So many names can be read in a hint.
const FEW: usize = 8;

/// Reads and checks all settings.
///
/// The file is `--config`, else `ALTFILL_CONFIG`, else `./pipeline.toml`. What
/// `models.yaml` says of models that are not used is checked too, except for
/// their keys: see [`ModelEntry::ready`](super::ModelEntry::ready).
///
/// # Errors
/// Everything that is wrong, all at once where possible.
pub fn load(overrides: &Overrides, mut environment: Environment) -> Result<Settings, ConfigError> {
    let file = settings_file(overrides, &environment)?;
    let directory = file.path().parent().unwrap_or(Path::new(""));
    environment.read_dotenv(directory)?;

    let mut problems = Problems::default();
    let fields = toml_fields(&file)?;
    if overrides.needs == Needs::Site {
        // All else that is wrong with such a file may come from that.
        unfilled::note(&file, &fields, &mut problems);
        std::mem::take(&mut problems).into_result()?;
    }
    let raw = RawSettings::read(&file, &fields, &mut problems);
    let mut layers = Layers {
        overrides,
        environment: &environment,
        directory,
        problems: &mut problems,
    };
    let common = layers.common(&raw);
    let models_file = models_file(&common.models)?;
    let mut models = entries::read(&models_file, &environment, &mut problems);
    if let Some(models) = &mut models {
        super::models::withhold(models, raw.secret_variables());
    }
    let parts = site::Parts {
        raw: &raw.site,
        environment: &environment,
        directory,
        needs: overrides.needs,
    };
    let site = site::resolve(&parts, &mut problems);
    let chain = chain(&common, models.as_ref(), &models_file, &mut problems);
    let run = common.run(&raw.run, &mut problems);
    let photo = photo(raw.photo, &mut problems);
    let notify = (overrides.needs == Needs::Unattended)
        .then(|| notify::resolve(&raw.notify, &environment, directory, &mut problems));
    unpriced(&chain, models.as_ref(), &run, &mut problems);
    problems.into_result()?;

    let mut warnings = environment.unknown();
    let site = site.expect("a site without problems");
    warnings.extend(site.warnings);
    let mut notified = None;
    if let Some(notify) = notify {
        warnings.extend(notify.warnings);
        notified = notify.settings;
    }
    let metrics = raw.metrics.file.as_ref();
    let mut settings = Settings {
        file: file.path().to_owned(),
        chain,
        models: models.expect("models without problems"),
        state: common.state,
        language: common.language.expect("a language without problems"),
        site: site.settings,
        context: context(raw.context),
        run,
        photo,
        metrics_file: metrics.map(|given| directory.join(&given.value)),
        notify: notified,
        warnings,
    };
    let notes: Vec<String> = settings.used_models().flat_map(entries::warnings).collect();
    settings.warnings.extend(notes);
    if let Some(folder) = &mut settings.site.folder {
        folder.language = settings.language.clone();
    }
    let edges = settings.used_models().map(|entry| entry.image.long_edge);
    if let Some(edge) = edges.max() {
        settings.site.image_edge = edge;
    }
    Ok(settings)
}

/// The tables and keys of the settings file, or where its syntax is wrong.
pub(super) fn toml_fields(file: &Source) -> Result<Vec<Field>, ConfigError> {
    file.toml().map_err(|errors| {
        let mut problems = Problems::default();
        for error in errors {
            let shown = file.show(&Place::Bytes(error.bytes), "");
            problems.push_shown(file, shown, Remark::new(error.message));
        }
        problems.into_error()
    })
}

pub(super) fn settings_file(
    overrides: &Overrides,
    environment: &Environment,
) -> Result<Source, ConfigError> {
    let (path, hint) = if let Some(path) = &overrides.config {
        (path.clone(), "check the path given to --config")
    } else if let Some(path) = environment.get(environment::CONFIG) {
        (PathBuf::from(path), "check the path in ALTFILL_CONFIG")
    } else {
        let hint = "change to the directory that has one, name it with --config, or make one for \
                    your site: altfill init URL";
        (PathBuf::from(DEFAULT_CONFIG), hint)
    };
    read(&path, "settings file", hint)
}

pub(super) fn models_file(given: &Given<'_, PathBuf>) -> Result<Source, ConfigError> {
    let hint = match given.origin {
        Origin::Default => {
            "copy the models.yaml that comes with altfill beside the settings file, or name \
             another with `models`"
                .to_owned()
        }
        _ => format!("check the path in {}", given.title()),
    };
    read(&given.value, "models file", &hint)
}

/// The file with the models, at a path that was resolved before.
pub(super) fn read_models(path: &Path) -> Result<Source, ConfigError> {
    read(path, "models file", "check the path in `models`")
}

fn read(path: &Path, what: &'static str, hint: &str) -> Result<Source, ConfigError> {
    match std::fs::read_to_string(path) {
        // Editors on Windows put a byte order mark in front.
        Ok(text) => Ok(Source::new(
            path,
            text.trim_start_matches('\u{feff}').to_owned(),
        )),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(ConfigError::Missing {
            what,
            path: path.to_owned(),
            hint: hint.to_owned(),
        }),
        Err(source) => Err(ConfigError::Unreadable {
            path: path.to_owned(),
            source,
        }),
    }
}

fn photo(raw: RawPhoto<'_>, problems: &mut Problems) -> PhotoLimits {
    PhotoLimits {
        max_bytes: count(raw.max_bytes, bounds::MAX_BYTES, 64_000_000, problems),
        max_pixels: count(raw.max_pixels, bounds::MAX_PIXELS, 100_000_000, problems),
        max_memory: count(raw.max_memory, bounds::MAX_MEMORY, 200_000_000, problems),
    }
}

pub(super) fn context(raw: RawContext<'_>) -> ContextPolicy {
    // A place tells most about the people in a photo, so it is asked for.
    let choices = [
        (ContextField::Album, raw.album, true),
        (ContextField::Title, raw.title, true),
        (ContextField::Caption, raw.caption, true),
        (ContextField::Place, raw.place, false),
        (ContextField::Date, raw.date, true),
    ];
    let allowed = choices.into_iter().filter_map(|(field, given, default)| {
        let allowed = given.map_or(default, |given| given.value);
        allowed.then_some(field)
    });
    let mut fields: BTreeSet<ContextField> = allowed.collect();
    if raw.notes.is_some() {
        fields.insert(ContextField::Notes);
    }
    ContextPolicy {
        fields,
        notes: raw.notes.map(|given| given.value),
    }
}

/// The models to use: the first, then its fallbacks, each once.
pub(super) fn chain(
    common: &Common<'_>,
    models: Option<&Models>,
    file: &Source,
    problems: &mut Problems,
) -> Vec<ModelName> {
    if common.model.is_none() && problems.count() == 0 {
        let remark = Remark::new("no model is named")
            .hint("set `model` at the top of the settings file to a name in models.yaml");
        problems.add_general(remark);
    }
    let mut chain = Vec::new();
    // A file that could not be read in full would make known names look unknown.
    let Some(models) = models else { return chain };
    for given in common.model.iter().chain(&common.fallback) {
        let name = ModelName::new(given.value.as_str());
        if !models.contains_key(&name) {
            let known: Vec<&str> = models.keys().map(ModelName::as_str).collect();
            let near = did_you_mean(&given.value, known.iter().copied()).unwrap_or_default();
            let message = format!(
                "{} names the model `{name}`, which is not in {}",
                given.title(),
                file.path().display()
            );
            let hint = if known.len() <= FEW {
                format!("the models there are: {}", known.join(", "))
            } else {
                "`altfill models` lists what there is".to_owned()
            };
            given.remark(problems, Remark::new(message).label(near).hint(hint));
        } else if !chain.contains(&name) {
            chain.push(name);
        }
    }
    chain
}

/// A limit on costs can't be kept with a model whose costs are unknown.
fn unpriced(
    chain: &[ModelName],
    models: Option<&Models>,
    run: &RunSettings,
    problems: &mut Problems,
) {
    let limits = [
        ("a run may", "run.max_cost", run.max_cost),
        (
            "a day's runs may",
            "run.max_cost_per_day",
            run.max_cost_per_day,
        ),
    ];
    let limit = limits
        .into_iter()
        .find_map(|(who, key, limit)| Some((who, key, limit?)));
    let Some((models, (who, key, limit))) = models.zip(limit) else {
        return;
    };
    for entry in chain.iter().filter_map(|name| models.get(name)) {
        if entry.cloud && entry.price.is_none() {
            let message = format!(
                "{who} cost at most {limit}, but the cloud model `{}` has no price",
                entry.name
            );
            let hint = format!(
                "give `{}` a price in models.yaml (US dollars per million tokens), or remove \
                 `{key}`",
                entry.name
            );
            problems.add_general(Remark::new(message).hint(hint));
        }
    }
}

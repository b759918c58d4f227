//! Flags, environment, file and defaults become checked settings here.

use super::environment::{self, Environment, Layer};
use super::error::{ConfigError, Problems, Remark};
use super::raw::{RawContext, RawPhoto, RawRun, RawSettings};
use super::reader::{Given, Origin, did_you_mean};
use super::source::Source;
use super::tree::Place;
use super::{ContextPolicy, Models, PhotoLimits, RunSettings, Settings, entries, quantities, site};
use crate::archive::{ContextField, Language, ModelName, Usd};
use std::collections::BTreeSet;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

/// What the command line says. Everything else is left to the environment, the
/// file and the defaults. Paths are relative to the working directory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overrides {
    /// `--config`: the settings file.
    pub config: Option<PathBuf>,
    /// `--model`: the name of an entry in `models.yaml`.
    pub model: Option<String>,
    /// `--models`: the file with the models.
    pub models: Option<PathBuf>,
    /// `--state`: the checkpoint database.
    pub state: Option<PathBuf>,
    /// `--language`: a language tag.
    pub language: Option<String>,
    /// `--max-cost`: US dollars.
    pub max_cost: Option<f64>,
    /// `--deadline`.
    pub deadline: Option<Duration>,
    /// `--concurrency`: model calls in flight.
    pub concurrency: Option<usize>,
}

/// The settings file that is used when nobody names one.
const DEFAULT_CONFIG: &str = "pipeline.toml";

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

/// Bounds that leave room for every sensible use and catch slips of the
/// keyboard, such as a cost in cents or a unit that is a thousand times off.
mod bounds {
    use super::{DAY, Duration, SECOND};

    pub(super) const RUN_CONCURRENCY: (u64, u64) = (1, 4096);
    pub(super) const MAX_COST: (f64, f64) = (0.0, 1_000_000.0);
    pub(super) const DEADLINE: (Duration, Duration) =
        (Duration::from_millis(1), DAY.saturating_mul(365));
    pub(super) const DRAIN: (Duration, Duration) = (Duration::ZERO, DAY);
    pub(super) const PATIENCE: (Duration, Duration) = (Duration::ZERO, DAY.saturating_mul(30));
    pub(super) const MAX_TRIES: (u64, u64) = (1, 100);
    pub(super) const RETRY: (Duration, Duration) = (SECOND, DAY.saturating_mul(365));
    pub(super) const MAX_BYTES: (u64, u64) = (1, 4_000_000_000);
    pub(super) const MAX_PIXELS: (u64, u64) = (1, 10_000_000_000);
}

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
    let fields = match file.toml() {
        Ok(fields) => fields,
        Err(errors) => {
            for error in errors {
                let shown = file.show(&Place::Bytes(error.bytes), "");
                problems.push_shown(&file, shown, Remark::new(error.message));
            }
            return Err(problems.into_error());
        }
    };
    let raw = RawSettings::read(&file, &fields, &mut problems);
    let mut layers = Layers {
        overrides,
        environment: &environment,
        directory,
        problems: &mut problems,
    };
    let common = layers.common(&raw);
    let models_file = models_file(&common.models)?;
    let models = entries::read(&models_file, &environment, &mut problems);
    let site = site::resolve(&raw.site, &environment, directory, &mut problems);
    let chain = chain(&common, models.as_ref(), &models_file, &mut problems);
    let run = common.run(&raw.run, &mut problems);
    let photo = photo(raw.photo, &mut problems);
    unpriced(&chain, models.as_ref(), run.max_cost, &mut problems);
    problems.into_result()?;

    let mut warnings = environment.unknown();
    let site = site.expect("a site without problems");
    warnings.extend(site.warnings);
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
        warnings,
    };
    let notes: Vec<String> = settings.used_models().flat_map(entries::warnings).collect();
    settings.warnings.extend(notes);
    Ok(settings)
}

fn settings_file(overrides: &Overrides, environment: &Environment) -> Result<Source, ConfigError> {
    let (path, hint) = if let Some(path) = &overrides.config {
        (path.clone(), "check the path given to --config")
    } else if let Some(path) = environment.get(environment::CONFIG) {
        (PathBuf::from(path), "check the path in ALTFILL_CONFIG")
    } else {
        let hint = "change to the directory that has one, name it with --config, or copy the one \
                    that comes with altfill";
        (PathBuf::from(DEFAULT_CONFIG), hint)
    };
    read(&path, "settings file", hint)
}

fn models_file(given: &Given<'_, PathBuf>) -> Result<Source, ConfigError> {
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

/// The four layers a value may come from.
struct Layers<'l> {
    overrides: &'l Overrides,
    environment: &'l Environment,
    directory: &'l Path,
    problems: &'l mut Problems,
}

/// The settings that flags and variables can change.
struct Common<'a> {
    models: Given<'a, PathBuf>,
    model: Option<Given<'a, String>>,
    fallback: Vec<Given<'a, String>>,
    state: PathBuf,
    language: Option<Language>,
    max_cost: Option<Usd>,
    deadline: Option<Duration>,
    concurrency: usize,
}

impl Layers<'_> {
    fn common<'a>(&mut self, raw: &RawSettings<'a>) -> Common<'a> {
        let flags = self.overrides;
        let models = self.path(
            ("--models", &flags.models),
            environment::MODELS,
            raw.models.clone(),
        );
        let state = self.path(
            ("--state", &flags.state),
            environment::STATE,
            raw.state.clone(),
        );
        let model = self.value(
            ("--model", flags.model.clone()),
            environment::MODEL,
            raw.model.clone(),
        );
        let language = self.value(
            ("--language", flags.language.clone()),
            environment::LANGUAGE,
            raw.language.clone(),
        );
        let max_cost = self.value(
            ("--max-cost", flags.max_cost),
            environment::MAX_COST,
            raw.run.max_cost.clone(),
        );
        let deadline = self.pick(
            ("--deadline", flags.deadline),
            environment::DEADLINE,
            raw.run.deadline.clone(),
            quantities::duration,
        );
        let concurrency = self.value(
            (
                "--concurrency",
                flags.concurrency.map(|number| number as u64),
            ),
            environment::CONCURRENCY,
            raw.run.concurrency.clone(),
        );
        let problems = &mut *self.problems;
        Common {
            models: models.unwrap_or(Given {
                value: self.directory.join("models.yaml"),
                name: "models".to_owned(),
                origin: Origin::Default,
            }),
            model,
            fallback: raw.fallback.clone(),
            state: state.map_or_else(
                || self.directory.join("state/altfill.db"),
                |state| state.value,
            ),
            language: match language {
                Some(given) => self::language(given, problems),
                None => Some(Language::new("en")),
            },
            max_cost: max_cost
                .and_then(|cost| cost.within(bounds::MAX_COST, f64::to_string, problems))
                .map(Usd),
            deadline: deadline.and_then(|given| length(given, bounds::DEADLINE, problems)),
            concurrency: count(concurrency, bounds::RUN_CONCURRENCY, 4, problems) as usize,
        }
    }

    /// A flag, else a variable, else the file.
    fn pick<'a, T>(
        &mut self,
        (flag, flagged): (&'static str, Option<T>),
        variable: &'static str,
        file: Option<Given<'a, T>>,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Given<'a, T>> {
        if let Some(value) = flagged {
            return Some(Given::invocation(flag, value));
        }
        let Some(text) = self.environment.get(variable) else {
            return file;
        };
        match parse(text.trim()) {
            Ok(value) => Some(Given::invocation(variable, value)),
            Err(what) => {
                let remark = Remark::new(format!("{variable}: {what}"));
                self.problems.add(&Origin::Invocation, remark);
                None
            }
        }
    }

    fn value<'a, T: FromStr>(
        &mut self,
        flag: (&'static str, Option<T>),
        variable: &'static str,
        file: Option<Given<'a, T>>,
    ) -> Option<Given<'a, T>>
    where
        T::Err: Display,
    {
        let parse = |text: &str| {
            text.parse()
                .map_err(|error: T::Err| format!("`{text}` can't be used: {error}"))
        };
        self.pick(flag, variable, file, parse)
    }

    fn path<'a>(
        &mut self,
        (flag, flagged): (&'static str, &Option<PathBuf>),
        variable: &'static str,
        file: Option<Given<'a, String>>,
    ) -> Option<Given<'a, PathBuf>> {
        if let Some(path) = flagged {
            return Some(Given::invocation(flag, path.clone()));
        }
        if let Some((path, layer)) = self.environment.layered(variable) {
            let path = match layer {
                Layer::Process => PathBuf::from(path),
                Layer::Dotenv => self.directory.join(path),
            };
            return Some(Given::invocation(variable, path));
        }
        file.map(|given| given.with(self.directory.join(&given.value)))
    }
}

impl Common<'_> {
    fn run(&self, raw: &RawRun<'_>, problems: &mut Problems) -> RunSettings {
        let mut time = |given: &Option<Given<'_, Duration>>, bounds, default| match given {
            Some(given) => length(given.clone(), bounds, problems).unwrap_or(default),
            None => default,
        };
        let drain = time(&raw.drain, bounds::DRAIN, SECOND * 30);
        let outage_patience = time(&raw.outage_patience, bounds::PATIENCE, SECOND * 600);
        let retry_after = time(&raw.retry_after, bounds::RETRY, HOUR);
        // Whoever sets only the first wait to a month means the longest too.
        let longest = (DAY * 7).max(retry_after);
        let retry_after_max = time(&raw.retry_after_max, bounds::RETRY, longest);
        if let Some(given) = &raw.retry_after_max
            && retry_after_max < retry_after
        {
            given.refuse(problems, "must not be shorter than `run.retry_after`");
        }
        RunSettings {
            concurrency: self.concurrency,
            max_cost: self.max_cost,
            deadline: self.deadline,
            drain,
            outage_patience,
            max_tries: count(raw.max_tries.clone(), bounds::MAX_TRIES, 3, problems) as u32,
            retry_after,
            retry_after_max,
            publish_embedded: raw
                .publish_embedded
                .as_ref()
                .is_some_and(|given| given.value),
        }
    }
}

/// A whole number within bounds, or the default.
pub(super) fn count(
    given: Option<Given<'_, u64>>,
    bounds: (u64, u64),
    default: u64,
    problems: &mut Problems,
) -> u64 {
    given
        .and_then(|given| given.within(bounds, u64::to_string, problems))
        .unwrap_or(default)
}

/// A duration within bounds.
pub(super) fn length(
    given: Given<'_, Duration>,
    bounds: (Duration, Duration),
    problems: &mut Problems,
) -> Option<Duration> {
    given.within(bounds, |bound| quantities::duration_text(*bound), problems)
}

/// A BCP 47 tag, by its shape: a language of two or three letters, then
/// subtags of up to eight letters or digits.
fn language(given: Given<'_, String>, problems: &mut Problems) -> Option<Language> {
    let mut parts = given.value.split('-');
    let primary = parts.next().unwrap_or_default();
    let primary =
        (2..=3).contains(&primary.len()) && primary.chars().all(|c| c.is_ascii_alphabetic());
    let rest = parts.all(|part| {
        (1..=8).contains(&part.len()) && part.chars().all(|c| c.is_ascii_alphanumeric())
    });
    if primary && rest {
        return Some(Language::new(given.value));
    }
    let message = format!("{}: `{}` is no language tag", given.title(), given.value);
    let remark = Remark::new(message).hint("write it like \"en\", \"nl\" or \"pt-BR\"");
    given.remark(problems, remark);
    None
}

fn photo(raw: RawPhoto<'_>, problems: &mut Problems) -> PhotoLimits {
    PhotoLimits {
        max_bytes: count(raw.max_bytes, bounds::MAX_BYTES, 64_000_000, problems),
        max_pixels: count(raw.max_pixels, bounds::MAX_PIXELS, 100_000_000, problems),
    }
}

fn context(raw: RawContext<'_>) -> ContextPolicy {
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
fn chain(
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
            let hint = format!("the models there are: {}", known.join(", "));
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
    max_cost: Option<Usd>,
    problems: &mut Problems,
) {
    let Some((models, max_cost)) = models.zip(max_cost) else {
        return;
    };
    for entry in chain.iter().filter_map(|name| models.get(name)) {
        if entry.cloud && entry.price.is_none() {
            let message = format!(
                "a run may cost at most {max_cost}, but the cloud model `{}` has no price",
                entry.name
            );
            let hint = format!(
                "give `{}` a price in models.yaml (US dollars per million tokens), or remove \
                 `run.max_cost`",
                entry.name
            );
            problems.add_general(Remark::new(message).hint(hint));
        }
    }
}

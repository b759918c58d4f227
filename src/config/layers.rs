//! Where a value comes from: flag, else variable, else file, else default.

use super::RunSettings;
use super::clock;
use super::environment::{self, Environment, Layer};
use super::error::{Problems, Remark};
use super::quantities;
use super::raw::{RawRun, RawSettings};
use super::reader::{Given, Origin};
use crate::archive::{Language, Moment, Usd};
use jiff::civil::Time;
use jiff::tz::TimeZone;
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
    /// `--until`: a local time of day.
    pub until: Option<Time>,
    /// `--concurrency`: model calls in flight.
    pub concurrency: Option<usize>,
    /// What the command needs of the site.
    pub needs: Needs,
}

/// What a command needs of the site that the settings describe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Needs {
    /// The site itself: its token, its list of photos, its images.
    #[default]
    Site,
    /// The same, and those whom `[notify]` names, for runs that tell them.
    Unattended,
    /// Only its name, because the command looks at nothing but the state file
    /// or the models. A token that is not set, or a list that is not there, is
    /// no problem then.
    Name,
}

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

/// Bounds that leave room for every sensible use and catch slips of the
/// keyboard, such as a cost in cents or a unit that is a thousand times off.
pub(super) mod bounds {
    use super::{DAY, Duration, SECOND};

    pub(in super::super) const RUN_CONCURRENCY: (u64, u64) = (1, 4096);
    pub(in super::super) const MAX_COST: (f64, f64) = (0.0, 1_000_000.0);
    pub(in super::super) const DEADLINE: (Duration, Duration) =
        (Duration::from_millis(1), DAY.saturating_mul(365));
    pub(in super::super) const DRAIN: (Duration, Duration) = (Duration::ZERO, DAY);
    pub(in super::super) const HEARTBEAT: (Duration, Duration) = (SECOND, DAY);
    pub(in super::super) const PATIENCE: (Duration, Duration) =
        (Duration::ZERO, DAY.saturating_mul(30));
    pub(in super::super) const MAX_TRIES: (u64, u64) = (1, 100);
    pub(in super::super) const RETRY: (Duration, Duration) = (SECOND, DAY.saturating_mul(365));
    pub(in super::super) const MAX_BYTES: (u64, u64) = (1, 4_000_000_000);
    pub(in super::super) const MAX_PIXELS: (u64, u64) = (1, 10_000_000_000);
    pub(in super::super) const MAX_MEMORY: (u64, u64) = (10_000_000, 1_000_000_000_000);
}

/// The four layers a value may come from.
pub(super) struct Layers<'l> {
    pub(super) overrides: &'l Overrides,
    pub(super) environment: &'l Environment,
    pub(super) directory: &'l Path,
    pub(super) problems: &'l mut Problems,
}

/// The settings that flags and variables can change.
pub(super) struct Common<'a> {
    pub(super) models: Given<'a, PathBuf>,
    pub(super) model: Option<Given<'a, String>>,
    pub(super) fallback: Vec<Given<'a, String>>,
    pub(super) state: PathBuf,
    pub(super) language: Option<Language>,
    pub(super) max_cost: Option<Usd>,
    pub(super) deadline: Option<Duration>,
    pub(super) until: Option<Moment>,
    pub(super) concurrency: usize,
}

impl Layers<'_> {
    /// What flags and variables can change, checked as far as that goes alone.
    pub(super) fn common<'a>(&mut self, raw: &RawSettings<'a>) -> Common<'a> {
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
        let until = self.pick(
            ("--until", flags.until),
            environment::UNTIL,
            raw.run.until.clone(),
            clock::time_of_day,
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
                Some(given) => self::language(&given, problems),
                None => Some(Language::new("en")),
            },
            max_cost: max_cost
                .and_then(|cost| cost.within(bounds::MAX_COST, f64::to_string, problems))
                .map(Usd),
            deadline: deadline.and_then(|given| length(given, bounds::DEADLINE, problems)),
            until: until
                .and_then(|given| clock::next(given.value, Moment::now(), &TimeZone::system())),
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
    /// `[run]`, checked.
    pub(super) fn run(&self, raw: &RawRun<'_>, problems: &mut Problems) -> RunSettings {
        let mut time = |given: &Option<Given<'_, Duration>>, bounds, default| match given {
            Some(given) => length(given.clone(), bounds, problems).unwrap_or(default),
            None => default,
        };
        let drain = time(&raw.drain, bounds::DRAIN, SECOND * 30);
        let outage_patience = time(&raw.outage_patience, bounds::PATIENCE, SECOND * 600);
        let heartbeat = time(&raw.heartbeat, bounds::HEARTBEAT, SECOND * 60);
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
            max_cost_per_day: raw
                .max_cost_per_day
                .clone()
                .and_then(|cost| cost.within(bounds::MAX_COST, f64::to_string, problems))
                .map(Usd),
            deadline: self.deadline,
            until: self.until,
            drain,
            heartbeat,
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

/// A language tag in the case that RFC 5646, section 2.1.1, recommends: `en-us` and
/// `EN-US` are one language.
fn in_usual_case(tag: &str) -> String {
    let lower = tag.to_ascii_lowercase();
    let mut parts: Vec<String> = Vec::new();
    for part in lower.split('-') {
        let after_singleton = parts.last().is_some_and(|before| before.len() == 1);
        let usual = match part.len() {
            _ if parts.is_empty() || after_singleton => part.to_owned(),
            2 => part.to_ascii_uppercase(),
            4 => part[..1].to_ascii_uppercase() + &part[1..],
            _ => part.to_owned(),
        };
        parts.push(usual);
    }
    parts.join("-")
}

/// A BCP 47 tag, by its shape: a language of two or three letters, then
/// subtags of up to eight letters or digits.
fn language(given: &Given<'_, String>, problems: &mut Problems) -> Option<Language> {
    let mut parts = given.value.split('-');
    let primary = parts.next().unwrap_or_default();
    let primary =
        (2..=3).contains(&primary.len()) && primary.chars().all(|c| c.is_ascii_alphabetic());
    let rest = parts.all(|part| {
        (1..=8).contains(&part.len()) && part.chars().all(|c| c.is_ascii_alphanumeric())
    });
    if primary && rest {
        return Some(Language::new(in_usual_case(&given.value)));
    }
    let message = format!("{}: `{}` is no language tag", given.title(), given.value);
    let remark = Remark::new(message).hint("write it like \"en\", \"nl\" or \"pt-BR\"");
    given.remark(problems, remark);
    None
}

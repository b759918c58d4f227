//! `models.yaml` → checked entries.

use super::addresses::is_exposed;
use super::connection::{Connection, ConnectionReader};
use super::environment::Environment;
use super::error::{Problems, Remark};
use super::layers::length;
use super::models::{ImageSettings, ModelEntry, ModelLimits, Models, Price, Provider};
use super::providers::{self, MAX_TOKENS, ProviderFacts};
use super::reader::{Entry, Given, Table, did_you_mean, expected};
use super::site::authorities;
use super::source::Source;
use super::tree::Value;
use crate::archive::{ContextField, ModelName};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

/// What is needed for one sentence; models that think need more.
const DEFAULT_MAX_TOKENS: u32 = 300;
/// Wide enough for the details a caption speaks of; larger images cost more
/// tokens at every provider.
const DEFAULT_LONG_EDGE: u32 = 1024;

const TOKENS: (u64, u64) = (1, 1_000_000);
const CONCURRENCY: (u64, u64) = (1, 4096);
const PER_MINUTE: (u64, u64) = (1, u32::MAX as u64);
const LONG_EDGE: (u64, u64) = (64, 8192);
const PRICE: (f64, f64) = (0.0, 10_000.0);
const TIMEOUT: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(86_400));

/// The values of `image.detail`, as OpenAI's API has them.
const DETAILS: [&str; 4] = ["low", "high", "auto", "original"];

/// Reads the whole file. `None` if any entry has a problem.
pub(super) fn read(
    source: &Source,
    environment: &Environment,
    problems: &mut Problems,
) -> Option<Models> {
    let before = problems.count();
    let root = match source.yaml() {
        Ok(root) => root,
        Err(error) => {
            let remark = Remark::new(error.message);
            match error.position {
                Some((line, column)) => {
                    let shown = source.show_position(line, column, "");
                    problems.push_shown(source, shown, remark);
                }
                None => problems.add_general(remark),
            }
            return None;
        }
    };
    let mut models = Models::new();
    match &root.value {
        Value::Table(fields) => {
            for entry in Table::new(source, "", fields).entries(problems) {
                let reader = EntryReader::new(entry, source, environment, problems);
                if let Some(entry) = reader.and_then(|reader| reader.entry(problems)) {
                    models.insert(entry.name.clone(), entry);
                }
            }
        }
        Value::Nothing => {
            let message = format!("{} has no models in it", source.path().display());
            problems.add_general(Remark::new(message).hint("add an entry: a name, then its keys"));
        }
        other => {
            let message = format!(
                "{} must map names to models, but is {}",
                source.path().display(),
                other.kind()
            );
            let hint = "write each model's name at the start of a line, followed by a colon";
            problems.add_general(Remark::new(message).hint(hint));
        }
    }
    (problems.count() == before).then_some(models)
}

/// What the owner of a model that is used should know.
pub(super) fn warnings(entry: &ModelEntry) -> Vec<String> {
    let mut warnings = Vec::new();
    if !entry.unsent.is_empty() {
        let names: Vec<&str> = entry.unsent.iter().map(String::as_str).collect();
        warnings.push(format!(
            "the API of the model `{}` has no setting {}: not sent",
            entry.name,
            names.join(", ")
        ));
    }
    let exposed = entry.base_url.as_ref().is_some_and(is_exposed);
    if exposed && entry.api_key.is_some() {
        warnings.push(format!(
            "the base_url of the model `{}` is plain http, so its key crosses the network \
             unencrypted",
            entry.name
        ));
    }
    warnings
}

/// One entry while it is read.
struct EntryReader<'a> {
    name: Given<'a, &'a str>,
    table: Table<'a>,
    environment: &'a Environment,
    /// What paths are relative to.
    directory: &'a Path,
}

#[derive(Default)]
struct Sampling {
    max_tokens: Option<u32>,
    settings: BTreeMap<String, serde_json::Value>,
}

impl<'a> EntryReader<'a> {
    fn new(
        Entry { name, value }: Entry<'a>,
        source: &'a Source,
        environment: &'a Environment,
        problems: &mut Problems,
    ) -> Option<Self> {
        if name.value.trim().is_empty() || name.value.chars().any(char::is_control) {
            name.refuse(problems, "is no name for a model");
            return None;
        }
        let Value::Table(fields) = value.value else {
            expected(
                &value,
                "a table of keys such as `model` and `provider`",
                problems,
            );
            return None;
        };
        let table = Table::new(source, name.value, fields);
        Some(Self {
            name,
            table,
            environment,
            directory: source.path().parent().unwrap_or(Path::new("")),
        })
    }

    fn entry(self, problems: &mut Problems) -> Option<ModelEntry> {
        let before = problems.count();
        let table = &self.table;
        let model = table.text("model", problems);
        let command: Option<Vec<String>> = table
            .texts("command", problems)
            .map(|words| words.into_iter().map(|word| word.value).collect());
        let connection = ConnectionReader {
            name: &self.name,
            table,
            environment: self.environment,
            directory: self.directory,
        };
        let connection = connection.read(model.as_ref(), command.is_some(), problems);
        let sampling = self.sampling(problems);
        let omit: BTreeSet<String> = table
            .texts("omit", problems)
            .into_iter()
            .flatten()
            .map(|given| given.value)
            .collect();
        let description = table.text("description", problems).map(|given| given.value);
        let prompt = table.text("prompt", problems).map(|given| given.value);
        let price = self.price(problems);
        let limits = self.limits(connection.as_ref(), problems);
        let image = self.image(problems);
        let context = self.context(problems);
        let ca_file = table.text("ca_file", problems);
        let authorities = authorities(ca_file.as_ref(), self.directory, problems);
        table.done(problems, |key| {
            providers::is_setting(key).then(|| format!("`{key}` belongs under `settings`"))
        });

        let connection = connection?;
        self.check_command(connection.facts.provider, command.as_deref(), problems);
        let id = self.model_id(model, connection.facts, problems);
        if problems.count() > before {
            return None;
        }
        let (settings, unsent) = sent(sampling.settings, &omit, &connection);
        Some(ModelEntry {
            name: ModelName::new(self.name.value),
            provider: connection.facts.provider,
            dialect: connection.dialect,
            cloud: connection.cloud,
            description,
            model: id?,
            base_url: connection.base_url,
            authorities: authorities.ok()?,
            api_key_env: connection.api_key_env,
            api_key_file: connection.api_key_file,
            api_key: connection.api_key,
            key_variables: connection.key_variables,
            withheld: BTreeSet::new(),
            prompt,
            max_tokens: sampling.max_tokens.unwrap_or(DEFAULT_MAX_TOKENS),
            settings,
            unsent,
            omit,
            price,
            limits,
            image,
            context,
            command: command.unwrap_or_default(),
        })
    }

    /// The id for the wire; programs and the embedded model need none.
    fn model_id(
        &self,
        model: Option<Given<'a, String>>,
        facts: &ProviderFacts,
        problems: &mut Problems,
    ) -> Option<String> {
        match (model, facts.provider) {
            (Some(model), _) => Some(providers::model_id(&model.value, facts).to_owned()),
            (None, Provider::Command | Provider::Embedded) => Some(self.name.value.to_owned()),
            (None, _) => {
                let remark = Remark::new(format!("the model `{}` has no `model`", self.name.value))
                    .hint("add `model:` with the provider's id of the model");
                self.name.remark(problems, remark);
                None
            }
        }
    }

    fn check_command(
        &self,
        provider: Provider,
        command: Option<&[String]>,
        problems: &mut Problems,
    ) {
        let name = self.name.value;
        let (what, hint) = match (provider, command) {
            (Provider::Command, None | Some([])) => (
                format!("the model `{name}` has no `command`"),
                "add `command:` with the program and its arguments as a list",
            ),
            (Provider::Command, Some(words))
                if !words.iter().any(|word| word.contains("{image}")) =>
            {
                (
                    format!("the command of `{name}` never gets the photo"),
                    "put {image} where the program wants the path of the photo",
                )
            }
            (provider, Some(_)) if provider != Provider::Command => (
                format!("the model `{name}` has a `command` but another provider"),
                "remove one of the two, or set `provider: command`",
            ),
            _ => return,
        };
        self.name.remark(problems, Remark::new(what).hint(hint));
    }

    fn sampling(&self, problems: &mut Problems) -> Sampling {
        let table = self.table.table("settings", problems);
        let mut sampling = Sampling::default();
        for Entry { name, value } in table.entries(problems) {
            if matches!(value.value, Value::Nothing) {
                continue;
            }
            if MAX_TOKENS.contains(&name.value) {
                if sampling.max_tokens.is_some() {
                    name.refuse(problems, "caps the output a second time; keep one");
                }
                sampling.max_tokens = max_tokens(&value, problems);
                continue;
            }
            let before = problems.count();
            check_sampling(name.value, &value, problems);
            match value.value.to_json() {
                Some(json) => {
                    sampling.settings.insert(name.value.to_owned(), json);
                }
                None if problems.count() == before => {
                    value.refuse(problems, "must be a finite number");
                }
                None => {}
            }
        }
        sampling
    }

    fn price(&self, problems: &mut Problems) -> Option<Price> {
        let given = self.table.node("price")?;
        let table = self.table.table("price", problems);
        let before = problems.count();
        let amount = |given: Given<'_, f64>, problems: &mut Problems| {
            given.within(PRICE, f64::to_string, problems)
        };
        let input = table
            .number("input", problems)
            .and_then(|given| amount(given, problems));
        let output = table
            .number("output", problems)
            .and_then(|given| amount(given, problems));
        table.done(problems, |_| None);
        if let (Some(input), Some(output)) = (input, output) {
            return Some(Price { input, output });
        }
        if problems.count() == before && matches!(given.value, Value::Table(_)) {
            let message = format!("{} needs both `input` and `output`", given.title());
            let hint = "both are US dollars per million tokens";
            given.remark(problems, Remark::new(message).hint(hint));
        }
        None
    }

    fn limits(&self, connection: Option<&Connection>, problems: &mut Problems) -> ModelLimits {
        let table = self.table.table("limits", problems);
        let facts = connection.map(|connection| connection.facts);
        let mut whole = |key, bounds| {
            let given = table.whole(key, problems)?;
            given.within(bounds, u64::to_string, problems)
        };
        let concurrency = whole("concurrency", CONCURRENCY).map(|number| number as usize);
        let requests_per_minute =
            whole("requests_per_minute", PER_MINUTE).map(|number| number as u32);
        let tokens_per_minute = whole("tokens_per_minute", PER_MINUTE).map(|number| number as u32);
        let timeout = table.duration("timeout", problems);
        let timeout = timeout.and_then(|given| length(given, TIMEOUT, problems));
        table.done(problems, |_| None);
        // A program brings its own model into memory each time.
        let alone = facts.is_some_and(|facts| facts.provider == Provider::Command);
        ModelLimits {
            concurrency: concurrency.or(alone.then_some(1)),
            requests_per_minute,
            tokens_per_minute,
            timeout: timeout
                .or(facts.map(ProviderFacts::timeout))
                .unwrap_or(Duration::from_secs(600)),
        }
    }

    fn image(&self, problems: &mut Problems) -> ImageSettings {
        let table = self.table.table("image", problems);
        let long_edge = table.whole("long_edge", problems);
        let long_edge =
            long_edge.and_then(|given| given.within(LONG_EDGE, u64::to_string, problems));
        let detail = table.text("detail", problems).filter(|given| {
            let known = DETAILS.contains(&given.value.as_str());
            if !known {
                given.refuse(problems, format!("must be one of {}", DETAILS.join(", ")));
            }
            known
        });
        table.done(problems, |_| None);
        ImageSettings {
            long_edge: long_edge.map_or(DEFAULT_LONG_EDGE, |pixels| pixels as u32),
            detail: detail.map(|given| given.value),
        }
    }

    fn context(&self, problems: &mut Problems) -> Option<BTreeSet<ContextField>> {
        let given = self.table.texts("context", problems)?;
        let names = ContextField::ALL.map(ContextField::as_str);
        let fields = given.into_iter().filter_map(|given| {
            let known = ContextField::ALL
                .into_iter()
                .find(|field| field.as_str() == given.value);
            if known.is_none() {
                let message = format!("{}: unknown field `{}`", given.title(), given.value);
                let remark = Remark::new(message)
                    .label(did_you_mean(&given.value, names).unwrap_or_default())
                    .hint(format!("the known fields are: {}", names.join(", ")));
                given.remark(problems, remark);
            }
            known
        });
        Some(fields.collect())
    }
}

/// The settings that go over the wire, and the names of those that the API
/// does not have.
fn sent(
    mut settings: BTreeMap<String, serde_json::Value>,
    omit: &BTreeSet<String>,
    connection: &Connection,
) -> (BTreeMap<String, serde_json::Value>, BTreeSet<String>) {
    settings.retain(|name, _| !omit.contains(name));
    let provider = connection.facts.provider;
    let foreign = |name: &&String| providers::is_foreign(name, provider, connection.dialect);
    let unsent: BTreeSet<String> = settings.keys().filter(foreign).cloned().collect();
    settings.retain(|name, _| !unsent.contains(name));
    (settings, unsent)
}

fn max_tokens(given: &Given<'_, &Value>, problems: &mut Problems) -> Option<u32> {
    if let Value::Whole(number) = given.value
        && let Ok(number) = u64::try_from(*number)
    {
        let tokens = given
            .with(number)
            .within(TOKENS, u64::to_string, problems)?;
        return Some(tokens as u32);
    }
    given.refuse(problems, "must be a whole number of tokens, 1 or more");
    None
}

/// The ranges that every API agrees on.
fn check_sampling(name: &str, given: &Given<'_, &Value>, problems: &mut Problems) {
    let range = match name {
        "temperature" => (0.0, 2.0),
        "top_p" | "min_p" => (0.0, 1.0),
        "top_k" => (0.0, 1e9),
        _ => return,
    };
    let number = match given.value {
        Value::Whole(number) => *number as f64,
        Value::Number(number) => *number,
        _ => return expected(given, "a number", problems),
    };
    if name == "top_k" && number.fract() != 0.0 {
        return expected(given, "a whole number", problems);
    }
    given.with(number).within(range, f64::to_string, problems);
}

//! `models.yaml` → checked entries.

use super::addresses::{base_url, credential, is_exposed, is_private};
use super::environment::Environment;
use super::error::{Problems, Remark};
use super::models::{Dialect, ImageSettings, ModelEntry, ModelLimits, Models, Price, Provider};
use super::providers::{self, MAX_TOKENS, ProviderFacts};
use super::reader::{Entry, Given, Table, did_you_mean, expected};
use super::resolve::length;
use super::source::{Source, is_variable_name};
use super::tree::Value;
use crate::archive::{ContextField, ModelName};
use secrecy::SecretString;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use url::Url;

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

const DIALECTS: [(&str, Dialect); 4] = [
    ("openai", Dialect::OpenAi),
    ("mistral", Dialect::Mistral),
    ("openrouter", Dialect::OpenRouter),
    ("compatible", Dialect::Compatible),
];

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
}

/// What provider, address and place have to do with each other.
struct Connection {
    facts: &'static ProviderFacts,
    dialect: Dialect,
    cloud: bool,
    base_url: Option<Url>,
    api_key_env: Option<String>,
    api_key: Option<SecretString>,
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
        })
    }

    fn entry(self, problems: &mut Problems) -> Option<ModelEntry> {
        let before = problems.count();
        let table = &self.table;
        let model = table.text("model", problems);
        let command: Option<Vec<String>> = table
            .texts("command", problems)
            .map(|words| words.into_iter().map(|word| word.value).collect());
        let connection = self.connection(model.as_ref(), command.is_some(), problems);
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
            api_key_env: connection.api_key_env,
            api_key: connection.api_key,
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

    fn connection(
        &self,
        model: Option<&Given<'a, String>>,
        has_command: bool,
        problems: &mut Problems,
    ) -> Option<Connection> {
        let provider = self.table.text("provider", problems);
        let deployment = self.table.text("deployment", problems);
        let address = self.table.text("base_url", problems);
        let variable = self.table.text("api_key_env", problems);
        let dialect = self.table.text("dialect", problems);

        let address = match address {
            Some(given) => Some(base_url(&given, problems)?),
            None => None,
        };
        let local = match &deployment {
            Some(given) => Some(is_local(given, problems)?),
            None => None,
        };
        let facts = match &provider {
            Some(given) => named_provider(given, problems)?,
            None => self.implied_provider(model, has_command, local, problems)?,
        };
        // A known host tells more than the general name "openai".
        let host = address.as_ref().and_then(providers::by_host);
        let dialect = match &dialect {
            Some(given) => named_dialect(given, problems)?,
            None if facts.dialect == Dialect::OpenAi && address.is_some() => {
                host.map_or(Dialect::Compatible, |facts| facts.dialect)
            }
            None => facts.dialect,
        };
        let base = match (&address, facts.base_url) {
            (Some(url), _) => Some(url.clone()),
            (None, Some(default)) => Url::parse(default).ok(),
            (None, None) => None,
        };
        if base.is_none() && facts.provider == Provider::OpenAi {
            let remark = Remark::new(format!("the model `{}` has no `base_url`", self.name.value))
                .hint(
                    "add `base_url:` with the server's address, such as http://127.0.0.1:8080/v1",
                );
            self.name.remark(problems, remark);
            return None;
        }
        // Only an address of one's own decides whether photos leave the house.
        let usual = address.as_ref().map_or(facts.cloud, |url| !is_private(url));
        if local == Some(true) && facts.cloud && (address.is_none() || host.is_some()) {
            self.refuse_local_cloud(deployment.as_ref(), facts, problems);
            return None;
        }
        let key = self.key(
            variable.as_ref(),
            facts,
            address.is_none() || host == Some(facts),
            problems,
        )?;
        Some(Connection {
            facts,
            dialect,
            cloud: local.map_or(usual, |local| !local),
            base_url: base,
            api_key_env: key.0,
            api_key: key.1,
        })
    }

    /// "local" must be true: it is what an owner relies on when photos may not
    /// leave the house.
    fn refuse_local_cloud(
        &self,
        deployment: Option<&Given<'a, String>>,
        facts: &ProviderFacts,
        problems: &mut Problems,
    ) {
        let message = format!(
            "the model `{}` is called local, but {} would send photos to its servers",
            self.name.value, facts.names[0]
        );
        let remark = Remark::new(message).hint(
            "set `deployment: cloud`, or name a local provider (ollama, lmstudio, vllm, llamacpp, \
             command), or your own `base_url`",
        );
        match deployment {
            Some(given) => given.remark(problems, remark),
            None => self.name.remark(problems, remark),
        }
    }

    fn implied_provider(
        &self,
        model: Option<&Given<'a, String>>,
        has_command: bool,
        local: Option<bool>,
        problems: &mut Problems,
    ) -> Option<&'static ProviderFacts> {
        if has_command {
            return providers::by_name("command");
        }
        if let Some((facts, _)) = model.and_then(|model| providers::prefix(&model.value)) {
            return Some(facts);
        }
        if local == Some(true) {
            return providers::by_name("ollama");
        }
        let remark = Remark::new(format!("the model `{}` has no `provider`", self.name.value))
            .hint(format!(
                "add `provider:` with one of {}; only `deployment: local` can do without, and \
                 means Ollama",
                provider_list()
            ));
        self.name.remark(problems, remark);
        None
    }

    /// The variable of the key, and the key. A provider's usual key goes to the
    /// provider's own servers only; another address gets the one that the
    /// entry names, or none.
    fn key(
        &self,
        variable: Option<&Given<'a, String>>,
        facts: &ProviderFacts,
        own_server: bool,
        problems: &mut Problems,
    ) -> Option<(Option<String>, Option<SecretString>)> {
        let names: Vec<&str> = match variable {
            Some(given) => vec![given.value.as_str()],
            None if own_server => facts.key_variables.to_vec(),
            None => Vec::new(),
        };
        if names.is_empty() {
            return Some((None, None));
        }
        let set = names
            .iter()
            .find_map(|name| Some((*name, self.environment.get(name)?)));
        let Some((name, text)) = set else {
            if let Some(given) = variable
                && !is_variable_name(&given.value)
            {
                let remark = Remark::new(format!("{} names no variable that is set", given.title()))
                    .hint("write the name of a variable there, such as OPENAI_API_KEY, not the key itself");
                given.remark(problems, remark);
                return None;
            }
            return Some((Some(names.join(" or ")), None));
        };
        match credential(text) {
            Ok(key) => Some((Some(name.to_owned()), Some(key))),
            Err(what) => {
                let message = format!(
                    "the key of `{}` in the variable {name} {what}",
                    self.name.value
                );
                self.name.remark(problems, Remark::new(message));
                None
            }
        }
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

fn is_local(given: &Given<'_, String>, problems: &mut Problems) -> Option<bool> {
    match given.value.as_str() {
        "local" => Some(true),
        "cloud" => Some(false),
        _ => {
            given.refuse(problems, "must be `local` or `cloud`");
            None
        }
    }
}

fn named_provider(
    given: &Given<'_, String>,
    problems: &mut Problems,
) -> Option<&'static ProviderFacts> {
    let found = providers::by_name(&given.value);
    if found.is_none() {
        let message = format!("{}: unknown provider `{}`", given.title(), given.value);
        let remark = Remark::new(message)
            .label(did_you_mean(&given.value, providers::names()).unwrap_or_default())
            .hint(format!("the known providers are: {}", provider_list()));
        given.remark(problems, remark);
    }
    found
}

fn provider_list() -> String {
    let names: Vec<&str> = providers::PROVIDERS
        .iter()
        .map(|facts| facts.names[0])
        .collect();
    names.join(", ")
}

fn named_dialect(given: &Given<'_, String>, problems: &mut Problems) -> Option<Dialect> {
    let found = DIALECTS.iter().find(|(name, _)| *name == given.value);
    if found.is_none() {
        let names = DIALECTS.map(|(name, _)| name).join(", ");
        given.refuse(problems, format!("must be one of {names}"));
    }
    found.map(|(_, dialect)| *dialect)
}

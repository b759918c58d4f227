//! How an entry of `models.yaml` reaches its model: provider, address, key, and
//! whether photos leave the owner's machines on the way.

use super::addresses::{base_url, credential, is_private, secret_file};
use super::environment::Environment;
use super::error::{Problems, Remark};
use super::models::{Dialect, Provider};
use super::providers::{self, ProviderFacts};
use super::reader::{Given, Table, did_you_mean};
use super::source::is_variable_name;
use secrecy::SecretString;
use std::path::{Path, PathBuf};
use url::Url;

const DIALECTS: [(&str, Dialect); 4] = [
    ("openai", Dialect::OpenAi),
    ("mistral", Dialect::Mistral),
    ("openrouter", Dialect::OpenRouter),
    ("compatible", Dialect::Compatible),
];

/// What provider, address and place have to do with each other.
pub(super) struct Connection {
    pub(super) facts: &'static ProviderFacts,
    pub(super) dialect: Dialect,
    pub(super) cloud: bool,
    pub(super) base_url: Option<Url>,
    pub(super) api_key_env: Option<String>,
    pub(super) api_key_file: Option<PathBuf>,
    pub(super) api_key: Option<SecretString>,
    pub(super) key_variables: Vec<String>,
}

/// Reads the keys of an entry that say how to reach its model.
pub(super) struct ConnectionReader<'r, 'a> {
    /// The entry's name.
    pub(super) name: &'r Given<'a, &'a str>,
    pub(super) table: &'r Table<'a>,
    pub(super) environment: &'r Environment,
    /// That of `models.yaml`, to which paths are relative.
    pub(super) directory: &'r Path,
}

impl<'a> ConnectionReader<'_, 'a> {
    /// `None` means that a problem was noted.
    pub(super) fn read(
        &self,
        model: Option<&Given<'a, String>>,
        has_command: bool,
        problems: &mut Problems,
    ) -> Option<Connection> {
        let provider = self.table.text("provider", problems);
        let deployment = self.table.text("deployment", problems);
        let address = self.table.text("base_url", problems);
        let variable = self.table.text("api_key_env", problems);
        let file = self.table.text("api_key_file", problems);
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
        // A known host tells more than a name that stands for many servers.
        let general = facts.provider == Provider::OpenAi
            && matches!(facts.dialect, Dialect::OpenAi | Dialect::Compatible);
        let host = address.as_ref().and_then(providers::by_host);
        let dialect = match &dialect {
            Some(given) => named_dialect(given, problems)?,
            None if general && address.is_some() => {
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
        let own_server = if address.is_some() { host } else { Some(facts) };
        if let (Some(true), Some(server)) = (local, own_server.filter(|server| server.cloud)) {
            self.refuse_local_cloud(deployment.as_ref(), server, problems);
            return None;
        }
        if let (Some(file), Some(_)) = (&file, &variable) {
            file.refuse(problems, "and `api_key_env` are both set; keep one");
            return None;
        }
        if let Some(file) = &file {
            let key = self.key_file(file, facts, problems)?;
            return Some(Connection {
                facts,
                dialect,
                cloud: local.map_or(usual, |local| !local),
                base_url: base,
                api_key_env: None,
                api_key_file: Some(self.path(file)),
                api_key: Some(key),
                key_variables: Vec::new(),
            });
        }
        let names = key_variables(variable.as_ref(), own_server);
        let key = self.key(variable.as_ref(), &names, problems)?;
        Some(Connection {
            facts,
            dialect,
            cloud: local.map_or(usual, |local| !local),
            base_url: base,
            api_key_env: key.0,
            api_key_file: None,
            api_key: key.1,
            key_variables: names,
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

    fn path(&self, file: &Given<'_, String>) -> PathBuf {
        self.directory.join(&file.value)
    }

    /// The key in a file of its own.
    fn key_file(
        &self,
        given: &Given<'_, String>,
        facts: &ProviderFacts,
        problems: &mut Problems,
    ) -> Option<SecretString> {
        if facts.provider == Provider::Command {
            given.refuse(
                problems,
                "is of no use to a program, which reads its files itself; name a variable in \
                 `api_key_env`",
            );
            return None;
        }
        match secret_file(&self.path(given)) {
            Ok(key) => Some(key),
            Err(what) => {
                given.refuse(problems, format!("names {what}"));
                None
            }
        }
    }

    /// The variable of the key, and the key.
    fn key(
        &self,
        variable: Option<&Given<'a, String>>,
        names: &[String],
        problems: &mut Problems,
    ) -> Option<(Option<String>, Option<SecretString>)> {
        if names.is_empty() {
            return Some((None, None));
        }
        let mut set = None;
        for name in names {
            match self.environment.secret(name) {
                Ok(None) => {}
                Ok(Some(found)) => {
                    set = Some((name, found));
                    break;
                }
                Err(why) => {
                    let message = format!("the key of `{}`: {why}", self.name.value);
                    self.name.remark(problems, Remark::new(message));
                    return None;
                }
            }
        }
        let Some((name, found)) = set else {
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
        match credential(&found.text) {
            Ok(key) => Some((Some(name.to_owned()), Some(key))),
            Err(what) => {
                let message = format!("the key of `{}` in {} {what}", self.name.value, found.place);
                self.name.remark(problems, Remark::new(message));
                None
            }
        }
    }
}

/// The variables that may hold the key. A provider's usual key goes to the
/// provider's own servers only; another address gets the one that the entry
/// names, or none.
fn key_variables(
    variable: Option<&Given<'_, String>>,
    own_server: Option<&ProviderFacts>,
) -> Vec<String> {
    match variable {
        Some(given) => vec![given.value.clone()],
        None => own_server.map_or(Vec::new(), |server| {
            server
                .key_variables
                .iter()
                .map(ToString::to_string)
                .collect()
        }),
    }
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

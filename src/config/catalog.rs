//! The models alone, for commands that list or try them and need no site: a
//! missing site token, or a `model` that is not there yet, must not stand in
//! the way of seeing what there is.

use super::environment::Environment;
use super::error::{ConfigError, Problems};
use super::layers::{Layers, Overrides};
use super::raw::RawSettings;
use super::secrets::Secrets;
use super::source::Source;
use super::tree::{Place, Value};
use super::{ContextPolicy, ModelEntry, Models, entries, resolve};
use crate::archive::ModelName;
use std::path::Path;

/// What `models.yaml` has, and what of it the settings use.
#[derive(Debug)]
pub struct Catalog {
    /// All entries.
    pub models: Models,
    /// The names that the settings use: the first, then its fallbacks.
    pub chain: Vec<ModelName>,
    /// What models may be told, where their entry does not narrow it.
    pub context: ContextPolicy,
    /// What works but is probably not meant, one sentence each, for a person.
    pub warnings: Vec<String>,
    source: Source,
}

/// Reads the models and what the settings say of them; the site is not looked
/// at.
///
/// # Errors
/// Everything that is wrong with either file, the site's settings aside.
pub fn load_models(
    overrides: &Overrides,
    mut environment: Environment,
) -> Result<Catalog, ConfigError> {
    let file = resolve::settings_file(overrides, &environment)?;
    let directory = file.path().parent().unwrap_or(Path::new(""));
    environment.read_dotenv(directory)?;

    let mut problems = Problems::default();
    let fields = resolve::toml_fields(&file)?;
    let raw = RawSettings::read(&file, &fields, &mut problems);
    let mut layers = Layers {
        overrides,
        environment: &environment,
        directory,
        problems: &mut problems,
    };
    let common = layers.common(&raw);
    let source = resolve::models_file(&common.models)?;
    let mut models = entries::read(&source, &environment, &mut problems);
    if let Some(models) = &mut models {
        super::models::withhold(models, raw.secret_variables());
    }
    problems.into_result()?;

    let models = models.expect("models without problems");
    let mut unusable = Problems::default();
    let chain = resolve::chain(&common, Some(&models), &source, &mut unusable);
    let mut warnings = environment.unknown();
    if let Err(ConfigError::Refused(list)) = unusable.into_result() {
        warnings.extend(list.into_iter().map(|problem| problem.message));
    }
    Ok(Catalog {
        models,
        chain,
        context: resolve::context(raw.context),
        warnings,
        source,
    })
}

impl Catalog {
    /// The keys of all models.
    pub fn secrets(&self) -> Secrets {
        let models = self.models.values();
        Secrets::new(models.filter_map(|entry| entry.api_key.as_ref()))
    }

    /// The file that the models stand in.
    pub fn file(&self) -> &Path {
        self.source.path()
    }

    /// The line, counted from 1, of a key of an entry; of the entry's name
    /// where it does not have that key.
    pub fn line(&self, entry: &ModelEntry, key: &str) -> Option<usize> {
        let root = self.source.yaml().ok()?;
        let Value::Table(entries) = &root.value else {
            return None;
        };
        let field = entries
            .iter()
            .find(|field| field.name == entry.name.as_str())?;
        let inner = match &field.node.value {
            Value::Table(keys) => keys.iter().find(|field| field.name == key),
            _ => None,
        };
        let place: &Place = inner.map_or(&field.place, |key| &key.place);
        Some(self.source.show(place, "").line)
    }
}

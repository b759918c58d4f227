//! Which model a new settings file names, and the list of models beside it.

use super::super::args;
use crate::cli::exit::Usage;
use crate::config::{self, Environment, ModelEntry, Overrides, Provider};
use crate::model::{self, LocalModel, Vision};
use crate::report::check::{Line, Sign};
use std::fmt::Write as _;
use std::path::Path;

/// The list that comes with the program.
const SHIPPED: &str = include_str!("../../../models.yaml");

/// The name of the model inside the program.
const EMBEDDED: &str = "embedded";

/// What was chosen.
pub(super) struct Chosen {
    /// The model's name in `models.yaml`.
    pub(super) name: String,
    /// The new `models.yaml`; `None` where there is one already.
    pub(super) text: Option<String>,
    /// What was found.
    pub(super) lines: Vec<Line>,
}

/// Looks at the model servers of this machine and chooses a model.
pub(super) async fn choose(
    file: &Path,
    args: &args::Init,
    embedded: bool,
) -> anyhow::Result<Chosen> {
    let there = file.symlink_metadata().is_ok();
    let text = if there {
        std::fs::read_to_string(file).map_err(|error| {
            let message = format!("can't read {}: {error}", file.display());
            Usage::new(message, "check the path given to --models")
        })?
    } else {
        shipped()
    };
    let entries = entries(file, &text)?;
    let found = if embedded && args.model.is_none() {
        Vec::new()
    } else {
        model::local_models(&args.ollama).await
    };
    let mut chosen = Chosen {
        name: EMBEDDED.to_owned(),
        text: (!there).then_some(text),
        lines: servers(&found),
    };
    if let Some(name) = &args.model {
        if !entries.iter().any(|entry| entry.name.as_str() == name) {
            let message = format!("--model: there is no model `{name}` in {}", file.display());
            let hint = "`altfill models` lists what there is; docs/models.md tells how to add one";
            return Err(Usage::new(message, hint).into());
        }
        chosen.name.clone_from(name);
        chosen
            .lines
            .push(Line::new("model", Sign::Ok, format!("{name}, as you said")));
        return Ok(chosen);
    }
    if embedded {
        let text = "embedded: inside the program, colours and light only";
        chosen.lines.push(Line::new("model", Sign::Ok, text));
        return Ok(chosen);
    }
    let seeing: Vec<&LocalModel> = found
        .iter()
        .filter(|model| model.vision == Vision::Yes)
        .collect();
    let known = seeing.iter().find_map(|model| {
        let entry = entries.iter().find(|entry| is(entry, model))?;
        Some((entry.name.to_string(), *model))
    });
    let taken = known.or_else(|| {
        let model = *seeing.first()?;
        // A list of a person's own is not written into.
        let text = chosen.text.as_mut()?;
        let name = name(&model.id);
        let _ = write!(text, "\n# ---------------------------------------------------------------------------\n# Found on this machine.\n\n{}", entry(&name, model, &args.ollama));
        Some((name, model))
    });
    if let Some((name, model)) = taken {
        let text = format!("{name}: {} on this machine, and it sees", model.id);
        chosen.lines.push(Line::new("model", Sign::Ok, text));
        chosen.name = name;
        return Ok(chosen);
    }
    if !entries.iter().any(|entry| entry.name.as_str() == EMBEDDED) {
        let first = entries.first().map(|entry| entry.name.to_string());
        chosen.name = first.unwrap_or_else(|| EMBEDDED.to_owned());
        let text = format!("{}: the first of {}", chosen.name, file.display());
        chosen.lines.push(
            Line::new("model", Sign::Warning, text).advice("set `model` to the one you mean"),
        );
        return Ok(chosen);
    }
    let text = "embedded: no model that sees answers on this machine. This one looks at colours \
                and light only, and its texts for a real site are held";
    let advice = "`ollama pull qwen2.5vl:7b` and model = \"qwen2.5vl-7b\"; or one in the cloud: \
                  `altfill models` lists them";
    chosen
        .lines
        .push(Line::new("model", Sign::Warning, text).advice(advice));
    Ok(chosen)
}

/// The shipped list, with the schema that lies beside it.
fn shipped() -> String {
    SHIPPED.replacen("docs/schema/", &format!("{}/", super::file::SCHEMAS), 1)
}

fn entries(file: &Path, text: &str) -> anyhow::Result<Vec<ModelEntry>> {
    let folder = tempfile::tempdir()?;
    let (settings, models) = (
        folder.path().join("pipeline.toml"),
        folder.path().join("models.yaml"),
    );
    std::fs::write(&settings, "")?;
    std::fs::write(&models, text)?;
    let overrides = Overrides {
        config: Some(settings),
        models: Some(models),
        ..Overrides::default()
    };
    let catalog = config::load_models(&overrides, Environment::capture()).map_err(|error| {
        let message = format!("{} can't be used: {error}", file.display());
        Usage::new(message, error.hint().unwrap_or_default())
    })?;
    Ok(catalog.models.into_values().collect())
}

/// Whether an entry is this very model of this machine.
fn is(entry: &ModelEntry, model: &LocalModel) -> bool {
    let same_id = entry.model == model.id || format!("{}:latest", entry.model) == model.id;
    same_id
        && !entry.cloud
        && match model.provider {
            "ollama" => entry.provider == Provider::Ollama,
            _ => entry.provider == Provider::OpenAi,
        }
}

/// A name for an entry, from a model's id.
fn name(id: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || matches!(c, '.' | '_') {
            c
        } else {
            '-'
        }
    };
    let name: String = id
        .strip_suffix(":latest")
        .unwrap_or(id)
        .chars()
        .map(plain)
        .collect();
    let name = name.trim_matches(['-', '.']).to_owned();
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        name
    } else {
        format!("model-{name}")
    }
}

fn entry(name: &str, model: &LocalModel, ollama: &url::Url) -> String {
    let usual = ollama.as_str() == "http://127.0.0.1:11434/";
    let address = if model.provider == "ollama" && !usual {
        format!("  base_url: {ollama}\n")
    } else {
        String::new()
    };
    format!(
        "{name}:\n  deployment: local\n  provider: {}\n  model: {}\n{address}  settings:\n    temperature: 0.1\n",
        model.provider,
        serde_json::Value::from(model.id.as_str())
    )
}

/// One line for each server that answers.
fn servers(found: &[LocalModel]) -> Vec<Line> {
    let mut lines = Vec::new();
    for provider in ["ollama", "lmstudio", "vllm", "llamacpp"] {
        let own = found.iter().filter(|model| model.provider == provider);
        let (seeing, blind): (Vec<_>, Vec<_>) = own.partition(|model| model.vision == Vision::Yes);
        if seeing.is_empty() && blind.is_empty() {
            continue;
        }
        let names: Vec<&str> = seeing.iter().map(|model| model.id.as_str()).collect();
        let others = blind.len();
        let text = match (names.is_empty(), others) {
            (true, _) => format!("answers; none of its {others} models is known to see"),
            (false, 0) => format!("answers; these see: {}", names.join(", ")),
            (false, _) => format!("answers; these see: {}; {others} others", names.join(", ")),
        };
        lines.push(Line::new(provider, Sign::Ok, text));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_list_names_the_schema_beside_it_and_takes_a_new_entry() {
        let mut text = shipped();
        let first = text.lines().next().unwrap();
        assert!(
            first.ends_with("$schema=.altfill/models.schema.json"),
            "{first}"
        );
        let model = LocalModel {
            provider: "ollama",
            id: "acme/eye:latest".to_owned(),
            vision: Vision::Yes,
        };
        let name = name(&model.id);
        assert_eq!(name, "acme-eye");
        text.push_str(&entry(
            &name,
            &model,
            &url::Url::parse("http://127.0.0.1:9/").unwrap(),
        ));
        let entries = entries(Path::new("models.yaml"), &text).unwrap();
        let own = entries
            .iter()
            .find(|entry| entry.name.as_str() == name)
            .unwrap();
        assert!(is(own, &model));
        assert_eq!(own.base_url.as_ref().unwrap().port(), Some(9));
    }
}

//! The settings as they are used, each with where it comes from.

use super::wrap::COLUMNS;
use crate::config::{Comes, Places, Shown, ShownSettings};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;

/// Where the remark on a value's origin begins.
const REMARK: usize = 46;

/// One line for each setting, its origin behind it.
pub fn text(shown: &ShownSettings) -> String {
    let Places { config, models, .. } = &shown.places;
    let mut text = format!("# {}\n", config.display());
    list(&mut text, &shown.settings);
    let _ = writeln!(text, "\n# {}, the entries in use", models.display());
    list(&mut text, &shown.models);
    if !shown.others.is_empty() {
        let count = shown.others.len();
        let _ = writeln!(
            text,
            "\n# {count} more, not in use: `altfill models` lists them"
        );
    }
    text.trim_end().to_owned()
}

fn list(text: &mut String, list: &[Shown]) {
    for Shown { key, value, comes } in list {
        let line = format!("{key} = {value}");
        let origin = origin(comes);
        let fits = line.chars().count() < REMARK && REMARK + 2 + origin.chars().count() <= COLUMNS;
        let _ = if fits {
            writeln!(text, "{line:REMARK$}# {origin}")
        } else {
            writeln!(text, "{line}\n    # {origin}")
        };
    }
}

fn origin(comes: &Comes) -> String {
    match comes {
        Comes::Default => "default".to_owned(),
        Comes::Preset(name) => format!("preset {name}"),
        Comes::Line(file, line) => format!("{}:{line}", name(file)),
        Comes::Variable(name) => format!("variable {name}"),
        Comes::Dotenv(name) => format!("variable {name} in .env"),
        Comes::Flag(flag) => format!("flag {flag}"),
    }
}

fn name(file: &Path) -> String {
    let name = file.file_name().map_or(file.as_os_str(), |name| name);
    name.to_string_lossy().into_owned()
}

/// The same as one JSON object.
pub fn json(shown: &ShownSettings) -> String {
    let places = &shown.places;
    json!({
        "config_file": places.config,
        "models_file": places.models,
        "settings": shown.settings.iter().map(object).collect::<Vec<_>>(),
        "models": shown.models.iter().map(object).collect::<Vec<_>>(),
        "models_not_in_use": shown.others,
    })
    .to_string()
}

fn object(shown: &Shown) -> Value {
    let (from, line) = match &shown.comes {
        Comes::Default => ("default", None),
        Comes::Preset(_) => ("preset", None),
        Comes::Line(_, line) => ("file", Some(*line)),
        Comes::Variable(_) | Comes::Dotenv(_) => ("variable", None),
        Comes::Flag(_) => ("flag", None),
    };
    json!({
        "key": shown.key,
        "value": serde_json::from_str(&shown.value).unwrap_or_else(|_| Value::from(shown.value.as_str())),
        "from": from,
        "line": line,
        "origin": origin(&shown.comes),
    })
}

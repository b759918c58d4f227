//! Both files with settings: can they be used, and what of them is questionable?

use crate::archive::{ModelName, SiteName};
use crate::cli::output::Output;
use crate::config::{
    self, Catalog, ConfigError, Environment, Needs, Overrides, Places, Preset, Settings,
};
use crate::report::check::{Line, Part, Sign};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// As much as could be read.
#[derive(Default)]
pub(super) struct Read {
    /// All of it, where it can be used.
    pub(super) settings: Option<Settings>,
    /// Where the files are.
    pub(super) places: Option<Places>,
    /// The site's name.
    pub(super) name: Option<SiteName>,
    /// The models.
    pub(super) catalog: Option<Catalog>,
}

pub(super) fn look(flags: &Overrides, output: &Output) -> (Part, Read) {
    let environment = Environment::capture();
    let places = config::places(flags, environment.clone()).ok();
    let catalog = config::load_models(flags, environment.clone()).ok();
    if let Some(catalog) = &catalog {
        output.keep_secret(catalog.secrets());
    }
    let loaded = config::load(flags, environment.clone());
    let mut lines = Vec::new();
    let mut read = Read::default();
    match loaded {
        Ok(settings) => {
            output.keep_secret(settings.secrets());
            lines.extend(usable(&settings, places.as_ref()));
            read.name = Some(settings.site.name.clone());
            read.settings = Some(settings);
        }
        Err(error) => {
            lines.extend(refused(&error));
            // The site's token alone may be missing.
            let flags = Overrides {
                needs: Needs::Name,
                ..flags.clone()
            };
            let without_site = config::load(&flags, environment.clone()).ok();
            read.name = without_site.map(|settings| settings.site.name);
            if places.is_some() {
                let text = "not tried, because of the settings above";
                lines.push(Line::new("site", Sign::Nothing, text));
            }
        }
    }
    lines.extend(environment.unusable_proxies().into_iter().map(proxy));
    let secrets = places.iter().flat_map(|places| &places.secrets);
    lines.extend(secrets.map(|path| secret(path)));
    read.places = places;
    read.catalog = catalog;
    (
        Part {
            name: "Settings",
            lines,
        },
        read,
    )
}

fn usable(settings: &Settings, places: Option<&Places>) -> Vec<Line> {
    let site = &settings.site;
    let at = match (site.preset, &site.folder) {
        (_, Some(folder)) => folder.dir.display().to_string(),
        (Preset::Embedded, None) => "the archive inside the program".to_owned(),
        _ => site.base_url.to_string(),
    };
    let text = format!("{}; site: {at}", settings.file.display());
    let mut lines = vec![Line::new("pipeline.toml", Sign::Ok, text)];
    if let Some(places) = places {
        let used: Vec<&str> = settings.chain.iter().map(ModelName::as_str).collect();
        let used = used.join(", then ");
        let models = match settings.models.len() {
            1 => "1 model".to_owned(),
            count => format!("{count} models"),
        };
        let text = format!("{}: {models}; in use: {used}", places.models.display());
        lines.push(Line::new("models.yaml", Sign::Ok, text));
    }
    for warning in &settings.warnings {
        let (text, advice) = match warning.split_once("; ") {
            Some((text, advice)) => (text, Some(advice)),
            None => (warning.as_str(), None),
        };
        let line = Line::new("settings", Sign::Warning, text);
        lines.push(match advice {
            Some(advice) => line.advice(advice),
            None => line,
        });
    }
    let doubts = config::doubts(settings).into_iter();
    lines.extend(
        doubts.map(|doubt| Line::new(doubt.key, Sign::Warning, doubt.text).advice(doubt.advice)),
    );
    lines
}

/// What keeps the settings from being used, one line for each thing.
fn refused(error: &ConfigError) -> Vec<Line> {
    let ConfigError::Refused(problems) = error else {
        let key = match error {
            ConfigError::Dotenv { .. } => ".env",
            _ => "settings",
        };
        let source = std::error::Error::source(error).map(|why| format!(": {why}"));
        let text = format!("{error}{}", source.unwrap_or_default());
        let line = Line::new(key, Sign::Problem, text);
        return vec![match error.hint() {
            Some(hint) => line.advice(hint),
            None => line,
        }];
    };
    let line = |problem: &config::Problem| {
        let (key, place) = match &problem.spot {
            Some(spot) => {
                let name = spot.file.file_name().unwrap_or_default().to_string_lossy();
                (name.into_owned(), format!("line {}: ", spot.line))
            }
            None => ("settings".to_owned(), String::new()),
        };
        // The last line of a snippet may say more under its sign.
        let label = problem.spot.as_ref().and_then(|spot| {
            let (_, label) = spot.snippet.lines().last()?.split_once('^')?;
            let label = label.trim_start_matches('^').trim();
            (!label.is_empty()).then(|| format!("; {label}"))
        });
        let text = format!("{place}{}{}", problem.message, label.unwrap_or_default());
        let line = Line::new(key, Sign::Problem, text);
        match &problem.hint {
            Some(hint) => line.advice(hint.as_str()),
            None => line,
        }
    };
    let mut lines: Vec<Line> = problems.iter().map(line).collect();
    // The same advice once, beneath the last of those that it is for.
    for at in 1..lines.len() {
        if lines[at - 1].advice == lines[at].advice {
            lines[at - 1].advice = None;
        }
    }
    lines
}

/// A proxy that is not used, by its variable; its value may hold a password.
fn proxy(variable: &str) -> Line {
    let text = "it names no proxy that can be used, so it is passed by";
    Line::new(variable, Sign::Warning, text).advice("write http://host:port, or unset it")
}

/// Whether a file's mode gives nobody but its owner any right.
fn is_private(mode: u32) -> bool {
    let others = mode & 0o077;
    others == 0
}

/// Whether a file with secrets is its owner's alone.
fn secret(path: &Path) -> Line {
    let key = path.file_name().unwrap_or_default().to_string_lossy();
    let mode = std::fs::metadata(path).map(|file| file.permissions().mode() & 0o777);
    match mode {
        Ok(mode) if is_private(mode) => Line::new(key, Sign::Ok, "only its owner may read it"),
        Ok(mode) => {
            let text = format!("it holds secrets, and others may read it (mode {mode:o})");
            let advice = format!("chmod 600 {}", path.display());
            Line::new(key, Sign::Warning, text).advice(advice)
        }
        Err(error) => Line::new(key, Sign::Problem, format!("can't be looked at: {error}")),
    }
}

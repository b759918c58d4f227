//! `altfill init URL`: looks at a site, asks what it can't know, and writes
//! settings that can be used or that say what is to be filled in.

mod answers;
mod description;
mod file;
mod models;

use super::args::{self, Global};
use super::check;
use super::exit::{Exit, Usage};
use super::output::Output;
use super::setup::overrides;
use crate::config::{self, ConfigError, Environment, Needs};
use crate::report::check::{self as report, Line, Part, Sign};
use crate::site::discover::{self, Discovered, Kind, Known};
use answers::{Answers, Plan};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use url::Url;

/// What is to be looked at.
enum Target {
    /// The archive inside the program.
    Embedded,
    /// A folder of photos.
    Folder(PathBuf),
    /// A site.
    Site(Url),
}

pub(super) async fn init(
    global: &Global,
    args: args::Init,
    output: &Output,
) -> anyhow::Result<Exit> {
    let target = target(&args.url)?;
    // The very files that other commands will read.
    let environment = Environment::capture();
    let named = |flag: &Option<PathBuf>, variable: &str| {
        let of_variable = || environment.value(variable).map(PathBuf::from);
        flag.clone().or_else(of_variable)
    };
    let file = named(&global.config, "ALTFILL_CONFIG").unwrap_or_else(|| "pipeline.toml".into());
    refuse_existing(&file)?;
    let directory = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    if !directory.is_dir() {
        let message = format!("there is no directory {}", directory.display());
        return Err(Usage::new(message, "make it first, or name another --config").into());
    }
    let answers = Answers {
        args: &args,
        output,
        directory: &directory,
    };
    let (plan, mut found) = match target {
        Target::Embedded => {
            let text = "the archive inside the program: no key, no server, no network";
            (Plan::Embedded, vec![Line::new("site", Sign::Ok, text)])
        }
        Target::Folder(path) => {
            let text = format!("{}: a folder of photos", path.display());
            (Plan::Folder(path), vec![Line::new("site", Sign::Ok, text)])
        }
        Target::Site(url) => of_site(&url, &answers, output).await?,
    };
    let models_file = named(&global.models, "ALTFILL_MODELS");
    let models_file = models_file.unwrap_or_else(|| directory.join("models.yaml"));
    let models = models::choose(&models_file, &args, plan == Plan::Embedded).await?;
    found.extend(models.lines.iter().cloned());
    let part = Part {
        name: "Found",
        lines: found,
    };
    output.data(&output.mask(&report::text(&part)))?;

    let text = file::settings(&plan, &models.name, global, &models_file, &directory);
    let mut written = Vec::new();
    if let Some(text) = &models.text {
        write_new(&models_file, text)?;
        written.push(shown(&models_file));
    }
    write_new(&file, &text)?;
    written.insert(0, shown(&file));
    file::write_schemas(&directory)?;
    output.say(&format!("\nwrote {}", written.join(" and ")));
    ending(global, &file, &plan, output).await
}

/// Looks at a site and asks what is still needed.
async fn of_site(
    url: &Url,
    answers: &Answers<'_>,
    output: &Output,
) -> anyhow::Result<(Plan, Vec<Line>)> {
    let args = answers.args;
    output.say(&format!("looking at {url}"));
    let known = Known {
        user: args.user.clone(),
        token: answers.token(),
        list: args
            .list
            .as_deref()
            .map(|list| answers::address(list, Some(url)))
            .transpose()?,
        album_photo: answers.album_photo(),
    };
    let found = if args.preset.is_some() && args.list.is_none() {
        // The preset is known, but not whether anything answers.
        discover::discover(url, &Known::default()).await
    } else {
        discover::discover(url, &known).await
    };
    let found = found.map_err(|why| anyhow::Error::from(Unreachable(why)))?;
    let found = answers.preset(found)?;
    let mut lines = lines(&found);
    let plan = answers.plan(&found)?;
    if let Plan::Described(described) = &plan
        && described.guess.is_none()
    {
        let text = "no preset fits, and no list of photos is known to guess from";
        lines.push(Line::new("preset", Sign::Warning, text));
    }
    Ok((plan, lines))
}

/// Nothing answers where a site should be.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unreachable(String);

impl Unreachable {
    /// What to do about it.
    pub(super) fn hint() -> &'static str {
        "check the address, its scheme (https or http) and its port; nothing was written"
    }
}

/// What was found, as lines of a table.
fn lines(found: &Discovered) -> Vec<Line> {
    let mut lines = vec![Line::new("site", Sign::Ok, found.base_url.as_str())];
    let notes = found.notes.iter();
    lines.extend(notes.map(|note| Line::new("site", Sign::Nothing, note.as_str())));
    let mut add = |text: String| lines.push(Line::new("preset", Sign::Ok, text));
    match &found.kind {
        Kind::WordPress(site) => {
            let name = site.name.as_deref().map(|name| format!(" \"{name}\""));
            add(format!(
                "wordpress: its API answers at {}{}",
                site.api,
                name.unwrap_or_default()
            ));
            if let Some(images) = site.images {
                let text = format!("{images} that everybody may see");
                lines.push(Line::new("images", Sign::Ok, text));
            }
            if site.passwords.is_none() {
                let text = "the site offers no application passwords";
                let advice = "it needs https for them, and no plugin that switches them off";
                lines.push(Line::new("passwords", Sign::Warning, text).advice(advice));
            }
        }
        Kind::Drupal(site) => {
            let field = site
                .field
                .as_deref()
                .unwrap_or("field_media_image, not seen");
            add(format!(
                "drupal-jsonapi: media type {}, image field {field}",
                site.media_type
            ));
        }
        Kind::Strapi => add("strapi: its upload plugin answers at /api/upload/files".to_owned()),
        Kind::Album => add("album: the photo of the list answers at /album/…/get".to_owned()),
        Kind::Unknown(None) => {}
        Kind::Unknown(Some(guess)) => {
            add(format!(
                "rest: none fits; a list of objects at {}",
                guess.path
            ));
            for (name, at) in guess.known() {
                lines.push(match at {
                    Some(at) => Line::new(name, Sign::Ok, at),
                    None => Line::new(name, Sign::Nothing, "not found"),
                });
            }
        }
    }
    lines
}

/// Tries what was written, and says what to do next.
async fn ending(
    global: &Global,
    file: &Path,
    plan: &Plan,
    output: &Output,
) -> anyhow::Result<Exit> {
    let mut flags = overrides(Needs::Site, global, None);
    flags.config = Some(file.to_owned());
    let check = if global.config.is_some() {
        format!("altfill check --config {}", file.display())
    } else {
        "altfill check".to_owned()
    };
    let settings = match config::load(&flags, Environment::capture()) {
        Ok(settings) => settings,
        Err(ConfigError::Refused(problems)) => {
            let open = problems
                .iter()
                .filter(|problem| problem.message.contains("filled in"));
            let open: Vec<String> = open
                .filter_map(|problem| Some(problem.spot.as_ref()?.line.to_string()))
                .collect();
            if open.is_empty() {
                let left: Vec<&str> = problems
                    .iter()
                    .map(|problem| problem.message.as_str())
                    .collect();
                output.say(&format!("not tried yet: {}", left.join("; ")));
                let hints = problems
                    .iter()
                    .filter_map(|problem| problem.hint.as_deref());
                for hint in hints {
                    output.say(&format!("  -> {hint}"));
                }
                output.say(&format!("then: {check}"));
            } else {
                output.say(&format!(
                    "fill in the lines with {} ({} {}); the comments beside them say with what, \
                     docs/sites/README.md tells more. `{check}` names what is left and then tries it",
                    config::TO_FILL,
                    if open.len() == 1 { "line" } else { "lines" },
                    open.join(", ")
                ));
            }
            return Ok(Exit::Done);
        }
        Err(other) => return Err(other.into()),
    };
    output.keep_secret(settings.secrets());
    let parts = check::site(settings, None, global, output).await?;
    for part in &parts {
        output.data(&output.mask(&format!("\n{}", report::text(part))))?;
    }
    if report::count(&parts, Sign::Problem) > 0 {
        output.say(&format!("\nmend what is a problem above, then: {check}"));
        return Ok(Exit::Stopped);
    }
    let next = match plan {
        Plan::Embedded => "altfill run",
        _ => "altfill run --dry-run",
    };
    output.say(&format!(
        "\nnothing was changed on the site. Next: {check}, then {next}"
    ));
    Ok(Exit::Done)
}

fn target(text: &str) -> anyhow::Result<Target> {
    if text == "embedded" {
        return Ok(Target::Embedded);
    }
    let path = Path::new(text);
    if text.starts_with(['/', '.', '~']) || (!text.contains("://") && path.is_dir()) {
        return folder(path);
    }
    answers::address(text, None).map(Target::Site)
}

/// A folder of photos, by its whole path: the settings may lie elsewhere.
fn folder(path: &Path) -> anyhow::Result<Target> {
    if !path.is_dir() {
        let message = format!("there is no folder {}", path.display());
        return Err(Usage::new(message, "check the path, and that its disk is mounted").into());
    }
    let whole = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    Ok(Target::Folder(whole))
}

fn refuse_existing(file: &Path) -> anyhow::Result<()> {
    if file.symlink_metadata().is_err() {
        return Ok(());
    }
    let message = format!(
        "{} is there already, and nothing is written over it",
        file.display()
    );
    let hint = "name another file with --config, or move this one away; `altfill check` tries it";
    Err(Usage::new(message, hint).into())
}

/// Writes a file that was not there.
fn write_new(path: &Path, text: &str) -> anyhow::Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| {
        let message = format!("can't write {}: {error}", path.display());
        Usage::new(message, "check the directory and its permissions").into()
    })
}

fn shown(path: &Path) -> String {
    path.strip_prefix("./")
        .unwrap_or(path)
        .display()
        .to_string()
}

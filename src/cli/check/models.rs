//! The models in use: can they be reached, and can they see?

use crate::cli::models::{Tried, try_all};
use crate::cli::output::Output;
use crate::config::{Catalog, Environment, ModelEntry, Provider};
use crate::model::{self, Glance, Vision};
use crate::report::check::{Line, Part, Sign};
use crate::report::models::TrialResult;

pub(super) async fn look(catalog: &Catalog, call: bool, output: &Output) -> Part {
    let used: Vec<&ModelEntry> = catalog
        .chain
        .iter()
        .filter_map(|name| catalog.models.get(name))
        .collect();
    let mut lines = Vec::new();
    if used.is_empty() {
        let text = "no model of models.yaml is in use";
        let line = Line::new("model", Sign::Problem, text);
        lines.push(line.advice("set `model` to a name that `altfill models` lists"));
    }
    if call {
        let tried = Tried { named: true };
        for trial in try_all(catalog, &used, tried, output).await {
            lines.push(called(trial.entry, &trial.result));
        }
    } else {
        let looks = used.iter().map(|entry| glanced(entry));
        lines.extend(futures_util::future::join_all(looks).await);
    }
    lines.extend(used.iter().filter_map(|entry| eyes(entry)));
    Part {
        name: "Models",
        lines,
    }
}

/// What a look at the model's server shows; nothing is asked of the model.
async fn glanced(entry: &ModelEntry) -> Line {
    let name = entry.name.as_str();
    if let Err(error) = entry.ready() {
        let line = Line::new(name, Sign::Problem, error.to_string());
        return line.advice(error.hint().unwrap_or_default());
    }
    if entry.provider == Provider::Command {
        return program(entry);
    }
    let place = match &entry.base_url {
        Some(url) => format!(", {}", url.host_str().unwrap_or_default()),
        None => String::new(),
    };
    match model::glance(entry).await {
        Glance::There(text) if entry.base_url.is_none() => Line::new(name, Sign::Ok, text),
        Glance::There(text) => {
            Line::new(name, Sign::Ok, format!("{text} ({}{place})", entry.model))
        }
        Glance::Unsure(text) => Line::new(name, Sign::Warning, text)
            .advice("`altfill check --call` sends it a small test picture"),
        Glance::Wrong(text) => wrong(name, &text),
    }
}

/// A problem whose sentence says behind its last semicolon what to do.
fn wrong(name: &str, text: &str) -> Line {
    match text.rsplit_once("; ") {
        Some((what, advice)) => Line::new(name, Sign::Problem, what).advice(advice),
        None => Line::new(name, Sign::Problem, text),
    }
}

fn program(entry: &ModelEntry) -> Line {
    let name = entry.name.as_str();
    let program = entry.command.first().map_or("", String::as_str);
    if Environment::capture().finds_program(program) {
        return Line::new(name, Sign::Ok, format!("the program {program} is there"));
    }
    let text = format!("there is no program {program}");
    let advice = "install it, or write its whole path in `command`";
    Line::new(name, Sign::Problem, text).advice(advice)
}

/// What came of sending it a picture.
fn called(entry: &ModelEntry, result: &TrialResult) -> Line {
    let name = entry.name.as_str();
    let checkup = match result {
        TrialResult::NotTried(variable) | TrialResult::NoKey(variable) => {
            let text = format!("it has no key: {variable} is not set");
            let advice = format!("set {variable} in the environment or in .env");
            return Line::new(name, Sign::Problem, text).advice(advice);
        }
        TrialResult::Checked(checkup) => checkup,
    };
    match &checkup.found {
        Err(why) => wrong(name, why),
        Ok(text) => {
            let cost = checkup
                .cost
                .map(|cost| format!(", {cost}"))
                .unwrap_or_default();
            let seconds = checkup.took.as_secs_f64();
            let line = |sign| Line::new(name, sign, format!("{seconds:.1} s{cost}: {text}"));
            match checkup.notes.first() {
                Some(note) => line(Sign::Warning).advice(note.as_str()),
                None => line(Sign::Ok),
            }
        }
    }
}

/// What the model's name tells of its eyes.
fn eyes(entry: &ModelEntry) -> Option<Line> {
    let blind = model::vision(entry) == Vision::No && entry.provider != Provider::Embedded;
    blind.then(|| {
        let text = format!("models named {} take no pictures", entry.model);
        Line::new(entry.name.as_str(), Sign::Warning, text)
            .advice("choose one that sees: `altfill models` has a column for it")
    })
}

//! `altfill models`: what can be asked, and whether it answers. Neither the site
//! nor its token is needed for that.

use super::args::{self, Global};
use super::exit::{Exit, Usage};
use super::output::Output;
use super::signals;
use crate::archive::{Context, Language};
use crate::config::{self, Catalog, Environment, ModelEntry, Overrides};
use crate::model::{self, Checkup};
use crate::pace::Lease;
use crate::photo;
use crate::pipeline::{Stop, Why};
use crate::report::models::{self as report, Trial, TrialResult};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Models tried at once.
const AT_ONCE: usize = 16;

pub(super) async fn models(
    global: &Global,
    args: &args::Models,
    output: &Output,
) -> anyhow::Result<Exit> {
    let overrides = Overrides {
        config: global.config.clone(),
        models: global.models.clone(),
        ..Overrides::default()
    };
    let catalog = config::load_models(&overrides, Environment::capture())?;
    output.keep_secret(catalog.secrets());
    for warning in &catalog.warnings {
        output.say(&format!("warning: {warning}"));
    }
    let entries = chosen(&catalog, &args.names)?;
    if !args.check {
        output.data(&if args.json {
            report::json(&catalog, &entries, &[])
        } else {
            report::table(&catalog, &entries)
        })?;
        return Ok(Exit::Done);
    }

    let stop = Stop::default();
    signals::listen(stop.clone(), CancellationToken::new());
    let trials = tokio::select! {
        trials = try_all(&catalog, &entries, args, output) => trials,
        // What was started is dropped, and programs are killed with it.
        () = stop.soft().cancelled() => {
            return Ok(match stop.why() {
                Some(Why::Signal(number)) => Exit::Signal(number),
                _ => Exit::Stopped,
            });
        }
    };
    let text = if args.json {
        report::json(&catalog, &entries, &trials)
    } else {
        report::trials(&trials)
    };
    output.data(&text)?;
    Ok(if trials.iter().any(Trial::is_wrong) {
        Exit::Stopped
    } else {
        Exit::Done
    })
}

/// The named entries, or all.
fn chosen<'a>(catalog: &'a Catalog, names: &[String]) -> anyhow::Result<Vec<&'a ModelEntry>> {
    for name in names {
        let known = || catalog.models.keys().map(crate::archive::ModelName::as_str);
        if !known().any(|known| known == name) {
            let file = catalog.file().display();
            let near = known()
                .map(|known| (strsim::jaro_winkler(name, known), known))
                .filter(|(score, _)| *score > 0.8)
                .max_by(|a, b| a.0.total_cmp(&b.0));
            let hint = match near {
                Some((_, near)) => format!("did you mean `{near}`?"),
                None => "`altfill models` lists what there is".to_owned(),
            };
            let message = format!("there is no model `{name}` in {file}");
            return Err(Usage::new(message, hint).into());
        }
    }
    let wanted = |entry: &&ModelEntry| {
        names.is_empty() || names.iter().any(|name| name == entry.name.as_str())
    };
    Ok(catalog.models.values().filter(wanted).collect())
}

/// Tries the entries side by side; models that share a local server one after
/// the other, so that it need not load them again and again.
async fn try_all<'a>(
    catalog: &Catalog,
    entries: &[&'a ModelEntry],
    args: &args::Models,
    output: &Output,
) -> Vec<Trial<'a>> {
    let named = !args.names.is_empty();
    let mut leases: HashMap<String, Arc<Lease>> = HashMap::new();
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut tasks = JoinSet::new();
    let mut results: Vec<Option<TrialResult>> = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        results.push(match &entry.api_key_env {
            Some(variable) if entry.ready().is_err() => {
                let needed = named || catalog.chain.contains(&entry.name);
                Some(if needed {
                    TrialResult::NoKey(variable.clone())
                } else {
                    TrialResult::NotTried(variable.clone())
                })
            }
            _ => {
                let load = model::load(entry);
                let lease = load.map(|load| {
                    let lease = leases.entry(load.server).or_default();
                    (Arc::clone(lease), load.what)
                });
                let (entry, places) = (ModelEntry::clone(entry), Arc::clone(&places));
                tasks.spawn(async move { (index, try_one(entry, lease, &places).await) });
                None
            }
        });
    }
    if !tasks.is_empty() {
        let count = tasks.len();
        let some = if count == 1 { "one model" } else { "models" };
        let number = if count == 1 {
            String::new()
        } else {
            format!("{count} ")
        };
        output.say(&format!(
            "trying {number}{some}; a local one may have to be loaded first"
        ));
    }
    while let Some(ended) = tasks.join_next().await {
        if let Ok((index, checkup)) = ended {
            results[index] = Some(TrialResult::Checked(checkup));
        }
    }
    let trials = entries.iter().zip(results).filter_map(|(entry, result)| {
        let result = result?;
        Some(Trial {
            entry,
            place: place(catalog, entry, &result),
            result,
        })
    });
    trials.collect()
}

async fn try_one(
    entry: ModelEntry,
    lease: Option<(Arc<Lease>, String)>,
    places: &Semaphore,
) -> Checkup {
    let _leased = match &lease {
        Some((lease, what)) => Some(lease.take(what).await),
        None => None,
    };
    let _place = places.acquire().await;
    let prompt = model::prompt(&entry, &Context::default(), &Language::new("en"));
    let conversation = model::conversation(&prompt, photo::test_image());
    model::checkup(&entry, &conversation).await
}

/// The line to mend. The advice names the key in backquotes; where it speaks of
/// none, nothing in the file is wrong.
fn place(catalog: &Catalog, entry: &ModelEntry, result: &TrialResult) -> Option<(String, usize)> {
    let TrialResult::Checked(Checkup {
        found: Err(why), ..
    }) = result
    else {
        return None;
    };
    let keys = [
        "base_url",
        "settings",
        "omit",
        "command",
        "api_key_env",
        "api_key_file",
        "model",
    ];
    let named = keys
        .into_iter()
        .find(|key| why.contains(&format!("`{key}`")));
    let blind = why.contains("vision model").then_some("model");
    let line = catalog.line(entry, named.or(blind)?)?;
    let file = catalog.file();
    let file = file.file_name().map_or(file.as_os_str(), |name| name);
    Some((file.to_string_lossy().into_owned(), line))
}

//! `altfill import FILE`: what a person decided about drafts in a spreadsheet.

use super::args::{self, Global};
use super::exit::{Exit, Usage};
use super::output::Output;
use super::setup::settings;
use crate::archive::Moment;
use crate::checkpoint::{self, Completeness, Decided, Lock};
use crate::report::sheet::{self, Sheet};
use anyhow::Context as _;
use serde_json::json;
use std::io::Read as _;
use std::path::Path;

/// A table larger than this is none of ours: a row has about a kilobyte.
const MAX_BYTES: u64 = 256 << 20;

pub(super) async fn import(
    global: &Global,
    args: &args::Import,
    output: &Output,
) -> anyhow::Result<Exit> {
    let settings = settings(global, None, output)?;
    let bytes = read(&args.file)?;
    let Sheet {
        rulings,
        mut refused,
    } = sheet::read(&bytes).map_err(|error| {
        let message = format!("{}: {error}", args.file.display());
        Usage::new(message, error.hint())
    })?;
    let completeness = if args.partial {
        Completeness::Partial
    } else {
        Completeness::Whole
    };
    if !settings.state.exists() {
        let message = format!("there is no state file {} yet", settings.state.display());
        return Err(Usage::new(message, "check --config and --state").into());
    }
    let _lock = Lock::take(&settings.state)?;
    let checkpoint = checkpoint::open(&settings.state, &settings.site.name)?;
    // A row that can't be read speaks against all the others as well.
    let unreadable = completeness == Completeness::Whole && !refused.is_empty();
    let mut decided = if unreadable {
        Decided::default()
    } else {
        checkpoint
            .decide(rulings, completeness, "import", Moment::now())
            .await?
    };
    refused.append(&mut decided.refused);
    refused.sort_by_key(|refusal| refusal.line);
    decided.refused = refused;
    tell(&decided, completeness, args, output)
}

fn tell(
    decided: &Decided,
    completeness: Completeness,
    args: &args::Import,
    output: &Output,
) -> anyhow::Result<Exit> {
    for refusal in &decided.refused {
        output.error_line(&format!(
            "{}, line {}: {}",
            args.file.display(),
            refusal.line,
            refusal.why
        ));
    }
    if args.json {
        let refused = decided
            .refused
            .iter()
            .map(|refusal| json!({"line": refusal.line, "why": refusal.why}));
        let object = json!({
            "accepted": decided.accepted,
            "edited": decided.edited,
            "rejected": decided.rejected,
            "refused": refused.collect::<Vec<_>>(),
        });
        output.data(&object.to_string())?;
    }
    let refused = decided.refused.len();
    if refused > 0 && completeness == Completeness::Whole {
        let message = format!("nothing was imported: {refused} lines can't be carried out");
        let hint = "mend these lines, or import the others with --partial";
        return Err(Usage::new(message, hint).into());
    }
    if !args.json {
        let Decided {
            accepted,
            edited,
            rejected,
            ..
        } = decided;
        let then = if accepted + edited > 0 {
            "; the next run writes what is accepted and edited"
        } else {
            ""
        };
        output.data(&format!(
            "{accepted} accepted, {edited} edited, {rejected} rejected{then}"
        ))?;
    }
    Ok(if refused > 0 {
        Exit::SomeFailed
    } else {
        Exit::Done
    })
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().take(MAX_BYTES + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
    };
    let unreadable = |error: std::io::Error| {
        let message = format!("{} can't be read: {error}", path.display());
        Usage::new(
            message,
            "give the table that `altfill export` wrote and you edited",
        )
    };
    let size = read.map_err(unreadable)?;
    if size as u64 > MAX_BYTES {
        let message = format!("{} is far too large", path.display());
        return Err(Usage::new(
            message,
            "give a table that `altfill export` wrote",
        ))
        .context("nothing was imported");
    }
    Ok(bytes)
}

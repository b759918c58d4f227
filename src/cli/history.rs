//! `altfill history ID`: all that ever happened to one photo.

use super::args::{self, Global};
use super::exit::{Exit, Usage};
use super::output::Output;
use super::setup::{photo_ids, scratch, settings};
use crate::archive::{PhotoId, SlotKind};
use crate::checkpoint::Checkpoint;
use crate::report;

/// Similar ids that are named where an id is unknown.
const NAMED: usize = 3;

/// How alike ids must be to be named, 0 to 1.
const ALIKE: f64 = 0.8;

pub(super) async fn history(
    global: &Global,
    args: &args::History,
    output: &Output,
) -> anyhow::Result<Exit> {
    let settings = settings(global, None, output)?;
    let photo = photo_ids(&settings, [args.id.clone()])?.remove(0);
    let checkpoint = scratch(&settings)?;
    let happenings = checkpoint
        .history(&photo, SlotKind::Alt, &settings.language)
        .await?;
    if happenings.is_empty() {
        return Err(unknown(&checkpoint, &args.id).await?.into());
    }
    let text = if args.json {
        report::history::json(&args.id, &happenings)
    } else {
        report::history::text(&args.id, &happenings)
    };
    output.data(&text)?;
    Ok(Exit::Done)
}

/// Nothing is known of this id; perhaps it is only mistyped.
async fn unknown(checkpoint: &Checkpoint, id: &str) -> anyhow::Result<Usage> {
    let ids = checkpoint.photo_ids().await?;
    if ids.iter().any(|known| known.as_str() == id) {
        let hint = "it was listed but never read; the next run looks at it";
        return Ok(Usage::new(format!("nothing happened to {id} yet"), hint));
    }
    let mut alike: Vec<(f64, &PhotoId)> = ids
        .iter()
        .map(|known| (strsim::jaro_winkler(known.as_str(), id), known))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .collect();
    alike.sort_by(|a, b| b.0.total_cmp(&a.0));
    let names: Vec<&str> = alike
        .iter()
        .take(NAMED)
        .map(|(_, it)| it.as_str())
        .collect();
    let hint = if names.is_empty() {
        "an id is album/name, as the listing has it; `altfill report --csv` lists all".to_owned()
    } else {
        format!("did you mean {}?", names.join(", "))
    };
    Ok(Usage::new(format!("no run has seen a photo {id}"), hint))
}

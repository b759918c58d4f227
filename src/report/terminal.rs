//! For a person at a terminal of 80 columns: words and plain tables, no meaning
//! in colour or position alone.

use super::Today;
use crate::archive::{Mode, Moment, SiteName, Skip, Usd};
use crate::checkpoint::{ModelSpend, NextRun, RunRow, Status};
use crate::pipeline::Summary;
use std::fmt::Write;

/// Months of spending that are shown.
const MONTHS: usize = 3;

/// The summary of a run, a few lines.
pub fn summary(summary: &Summary) -> String {
    let mut text = format!("Run {}: {}\n", summary.run, headline(summary));
    let mut row = |label: &str, count: u64| {
        if count > 0 {
            let _ = writeln!(text, "  {count:>7}  {label}");
        }
    };
    row("photos seen", summary.seen);
    let written = if summary.mode == Mode::Undo.as_str() {
        "put back"
    } else {
        "written"
    };
    row(written, summary.written);
    row("drafts kept, not written", summary.waiting);
    row("held for a person", summary.held);
    row("failed", summary.failed);
    row(
        "changed by a person meanwhile, left alone",
        summary.conflict,
    );
    row("adopted: ours from now on", summary.adopted.unwrap_or(0));
    for skip in Skip::ALL {
        row(because(skip), summary.skipped.get(skip));
    }
    row(
        "of our texts are by another model or prompt (altfill upgrade)",
        summary.outdated.unwrap_or(0),
    );
    match &summary.dry_run {
        Some(dry) => {
            row("would be done", dry.wanted);
            let tokens = dry.tokens.input + dry.tokens.output;
            if tokens > 0 {
                let cost = dry.cost_usd.map_or_else(
                    || "cost unknown: no price in models.yaml".to_owned(),
                    |cost| match cost {
                        0.0 => "free".to_owned(),
                        cost => format!("at most {}", Usd(cost)),
                    },
                );
                let _ = writeln!(text, "  about {tokens} tokens, {cost}");
            }
        }
        None => row("not reached", summary.not_reached),
    }
    if summary.model_calls > 0 {
        let cost = summary
            .cost_usd
            .map_or(String::new(), |cost| format!(", {}", Usd(cost)));
        let _ = writeln!(
            text,
            "{} model calls, {} tokens in, {} out{cost}; {} site reads, {} writes; {} s",
            summary.model_calls,
            summary.tokens.input,
            summary.tokens.output,
            summary.site_reads,
            summary.site_writes,
            summary.seconds
        );
    }
    if summary.models.len() > 1 {
        for (name, share) in &summary.models {
            let _ = writeln!(
                text,
                "  {name}: {} of {} texts, {} calls, {} of them without a text",
                share.generated, summary.generated, share.calls, share.failed
            );
        }
    }
    text.trim_end().to_owned()
}

fn headline(summary: &Summary) -> String {
    let did_nothing = summary.written + summary.waiting + summary.held + summary.failed == 0
        && summary.generated == 0
        && summary.adopted.unwrap_or(0) == 0;
    match summary.ended {
        "complete" if summary.dry_run.is_some() => "dry run, nothing was changed".into(),
        "complete" if did_nothing && summary.conflict == 0 => "nothing to do".into(),
        "complete" => "complete".into(),
        "budget" => "stopped: the budget is used up; run it again to go on".into(),
        "deadline" => "stopped at the deadline; run it again to go on".into(),
        "quota" => "stopped: the model's quota is used up; run it again later".into(),
        "outage" => "stopped: a service was down for too long; run it again later".into(),
        "interrupted" => "interrupted; run it again to go on".into(),
        other => other.to_owned(),
    }
}

fn because(skip: Skip) -> &'static str {
    match skip {
        Skip::Person => "have a person's text",
        Skip::Unproven => "have a machine's text that our record doesn't prove (altfill adopt)",
        Skip::UpToDate => "have our text",
        Skip::Cleared => "left empty: a person removed the text",
        Skip::Decorative => "decorative",
        Skip::Undone => "left alone: undone before",
        Skip::Held => "wait for a person, held before",
        Skip::NotDue => "failed lately, not due yet (--retry-failed tries them now)",
        Skip::Parked => "parked until their image changes",
        Skip::Excluded => "not asked for",
        Skip::Gone => "gone from the site meanwhile",
        Skip::Replaced => "left alone: a later run replaced that text; undo that one first",
    }
}

/// The state of the archive, one screen.
pub fn status(site: &SiteName, status: &Status, today: &Today, runs: &[RunRow]) -> String {
    let mut text = format!("{site}: {} photos\n", status.photos);
    if status.photos == 0 {
        text.push_str("Nothing is recorded yet; `altfill run --dry-run` looks without changing.\n");
        return text.trim_end().to_owned();
    }
    let share = |count: u64| count as f64 * 100.0 / status.photos as f64;
    let mut row = |label: &str, count: u64| {
        let _ = writeln!(text, "  {count:>7}  {:>5.1} %  {label}", share(count));
    };
    row("have a person's text", status.person);
    row("have our text", status.ours);
    if status.unproven > 0 {
        row(
            "have a machine's text that our record doesn't prove",
            status.unproven,
        );
    }
    row("have no text", status.missing);
    let parts = [
        (
            "have a draft that the next run writes",
            status.drafts_waiting,
        ),
        ("are held for a person", status.held),
        ("failed lately and are tried again", status.not_due),
        ("are parked until their image changes", status.parked),
        ("were not looked at yet", status.unseen),
        (
            "have a draft that a person rejected: until model or prompt change",
            status.rejected,
        ),
        (
            "were undone: left alone until model or prompt change",
            status.undone,
        ),
        ("were emptied by a person", status.cleared),
        ("are decorative", status.decorative),
    ];
    if parts.iter().any(|(_, count)| *count > 0) {
        text.push_str("Of those without text:\n");
        for (label, count) in parts.into_iter().filter(|(_, count)| *count > 0) {
            let _ = writeln!(text, "  {count:>7}           {label}");
        }
    }
    for (reasons, count) in &status.held_by_reason {
        let _ = writeln!(
            text,
            "  {count:>7}           held: {}",
            reasons.replace(',', ", ")
        );
    }
    next_run(&mut text, &status.next_run);
    if !runs.is_empty() {
        text.push_str("Last runs:\n");
        for run in runs {
            let ended = match (&run.ended, run.mode.as_str()) {
                (Some(ended), _) => ended.as_str(),
                (None, _) => "running, or killed",
            };
            let _ = writeln!(
                text,
                "  {:>7}  {}  {:<9} {ended}",
                run.number.0,
                day_and_time(run.started),
                run.mode
            );
        }
    }
    if !status.spent.is_empty() {
        text.push_str(&spent(&status.spent, today));
    }
    text.trim_end().to_owned()
}

/// What the next nightly run finds to do.
fn next_run(text: &mut String, next: &NextRun) {
    let rows = [
        (next.accepted, "texts that a person accepted are written"),
        (next.drafts, "drafts that are ready are written"),
        (next.generate, "photos without a text: a model is asked"),
        (next.retries, "failed photos are tried again"),
    ];
    if rows.iter().all(|(count, _)| *count == 0) {
        text.push_str("The next run has nothing to do, unless the site has new photos.\n");
        return;
    }
    text.push_str("The next run, beside photos that are new on the site:\n");
    for (count, label) in rows.into_iter().filter(|(count, _)| *count > 0) {
        let _ = writeln!(text, "  {count:>7}           {label}");
    }
}

/// What was spent, by month and model, with a total where a month had several
/// models. A star marks sums that are not the whole truth.
fn spent(spent: &[ModelSpend], today: &Today) -> String {
    let mut text = "Spent, by month (UTC):\n".to_owned();
    let mut row = |month: &str, model: &str, calls: u64, cost: Option<f64>, unpriced: u64| {
        let cost = match cost {
            Some(cost) if unpriced > 0 => format!("{}*", Usd(cost)),
            Some(cost) => Usd(cost).to_string(),
            None if unpriced > 0 => "no price*".to_owned(),
            None => Usd(0.0).to_string(),
        };
        let _ = writeln!(text, "  {month:<7}  {model:<24} {calls:>7} calls  {cost}");
    };
    // Each line can be understood by itself: by whoever hears it, too.
    let mut months = spent.chunk_by(|a, b| a.month == b.month);
    let shown: Vec<_> = months.by_ref().take(MONTHS).collect();
    for month in &shown {
        for model in *month {
            let unpriced = model.calls_without_price;
            let (calls, cost) = (model.calls, model.cost_usd);
            row(&model.month, &model.model, calls, cost, unpriced);
        }
        if month.len() > 1 {
            let calls = month.iter().map(|model| model.calls).sum();
            let unpriced = month.iter().map(|model| model.calls_without_price).sum();
            let costs = month.iter().filter_map(|model| model.cost_usd);
            row(
                &month[0].month,
                "all models",
                calls,
                costs.reduce(|a, b| a + b),
                unpriced,
            );
        }
    }
    let earlier = months.count();
    if earlier > 0 {
        let months = if earlier == 1 { "month" } else { "months" };
        let _ = writeln!(
            text,
            "  {earlier} {months} before that: altfill status --json"
        );
    }
    let shown = shown.into_iter().flatten();
    let unpriced: u64 = shown.map(|model| model.calls_without_price).sum();
    if unpriced > 0 {
        let _ = writeln!(
            text,
            "  * not in the sum: {unpriced} calls to models without a price in models.yaml"
        );
    }
    if let Some(limit) = today.limit {
        let star = if today.unpriced() > 0 { "*" } else { "" };
        let _ = writeln!(
            text,
            "  today, {} (UTC): {}{star} of {limit}",
            today.date(),
            today.spent.cost
        );
    }
    text
}

/// A moment as the local clock shows it.
pub fn day_and_time(moment: Moment) -> String {
    jiff::Timestamp::from_millisecond(moment.0).map_or_else(
        |_| "?".to_owned(),
        |time| {
            time.to_zoned(jiff::tz::TimeZone::system())
                .strftime("%Y-%m-%d %H:%M")
                .to_string()
        },
    )
}

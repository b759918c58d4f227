//! A report for a terminal of 80 columns: totals, albums, what was spent, and
//! the photos that a person may want to look at.

use super::facts::{Album, Photo, Report, RunFacts, Spent, State, Totals};
use serde_json::Value;
use std::fmt::Write;
use unicode_segmentation::UnicodeSegmentation;

/// Columns of the terminal that every line fits.
const WIDTH: usize = 80;

/// Photos listed at most, unless all are asked for.
const LISTED: usize = 20;

/// Albums listed at most, those that lack most first.
const ALBUMS: usize = 20;

/// How long the bar of a full album is.
const BAR: usize = 20;

/// The report as text.
pub fn report(report: &Report) -> String {
    let mut text = String::new();
    match &report.run {
        Some(run) => run_heading(&mut text, &report.site, run),
        None => {
            let _ = writeln!(text, "{}: {} photos", report.site, report.totals.photos);
        }
    }
    if report.totals.photos == 0 {
        text.push_str("Nothing is recorded yet; `altfill run --dry-run` looks without changing.\n");
        return text.trim_end().to_owned();
    }
    coverage(&mut text, &report.totals);
    albums(&mut text, &report.albums);
    spent(&mut text, &report.spent);
    photos(&mut text, report);
    text.trim_end().to_owned()
}

fn run_heading(text: &mut String, site: &str, run: &RunFacts) {
    let ended = run.ended.as_deref().unwrap_or("running");
    let what = match run.action {
        Some("dry_run") => ", dry run: nothing was changed",
        Some("preview") => ", preview: nothing was written",
        _ => "",
    };
    let _ = writeln!(
        text,
        "{site}, run {} ({}{what})\nbegan {}, {ended}",
        run.run, run.mode, run.started
    );
    let count = |name: &str| run.summary.get(name).and_then(Value::as_u64);
    let counts = [
        ("seen", "seen"),
        ("written", "written"),
        ("waiting", "drafts kept"),
        ("held", "held"),
        ("failed", "failed"),
        ("conflict", "changed by a person meanwhile"),
        ("not_reached", "not reached"),
    ];
    let counts: Vec<String> = counts
        .into_iter()
        .filter_map(|(name, label)| Some((count(name).filter(|it| *it > 0)?, label)))
        .map(|(count, label)| format!("{count} {label}"))
        .collect();
    if !counts.is_empty() {
        let _ = writeln!(text, "photos: {}", counts.join(", "));
    }
}

fn coverage(text: &mut String, totals: &Totals) {
    text.push_str("\nThe archive as it was last seen:\n");
    let _ = writeln!(
        text,
        "  {:>7}  {:>5.1} %  covered",
        totals.covered(),
        totals.coverage()
    );
    for state in State::ALL {
        let count = totals.get(state);
        if count > 0 {
            let share = count as f64 * 100.0 / totals.photos as f64;
            let _ = writeln!(text, "  {count:>7}  {share:>5.1} %  {}", state.words());
        }
    }
}

fn albums(text: &mut String, albums: &[Album]) {
    if albums.len() < 2 {
        return;
    }
    let mut sorted: Vec<&Album> = albums.iter().collect();
    sorted.sort_by(|a, b| {
        let by = |album: &Album| album.totals.photos - album.totals.covered();
        by(b).cmp(&by(a))
    });
    let _ = writeln!(
        text,
        "\n  {:<28} {:>7} {:>7}  coverage",
        "album", "photos", "lacking"
    );
    for album in sorted.iter().take(ALBUMS) {
        let totals = &album.totals;
        let filled = (totals.percent() as usize * BAR) / 100;
        let _ = writeln!(
            text,
            "  {} {:>7} {:>7}  {}{} {:>3} %",
            fit(&album.album, 28),
            totals.photos,
            totals.photos - totals.covered(),
            "#".repeat(filled),
            ".".repeat(BAR - filled),
            totals.percent()
        );
    }
    if let Some(more) = sorted.len().checked_sub(ALBUMS).filter(|more| *more > 0) {
        let _ = writeln!(text, "  and {more} more albums; --html, --json list all");
    }
}

fn spent(text: &mut String, spent: &Spent) {
    if spent.calls == 0 {
        return;
    }
    text.push_str("\nSpent:\n");
    for model in &spent.models {
        let cost = model.cost();
        let _ = writeln!(
            text,
            "  {} {:>6} calls {:>10} in {:>9} out  {cost}",
            fit(&model.model, 24),
            model.calls,
            model.input_tokens,
            model.output_tokens
        );
    }
}

/// Whether a report lists a photo in the terminal by itself: those of a run, or
/// those of the archive that need somebody.
fn listed(report: &Report, photo: &Photo) -> bool {
    match (&report.run, photo.outcome.as_deref()) {
        (Some(_), Some(outcome)) => !matches!(outcome, "left alone" | "not reached"),
        _ => matches!(photo.state, State::Held | State::Failed | State::Unproven),
    }
}

fn photos(text: &mut String, report: &Report) {
    let all: Vec<&Photo> = report
        .photos
        .iter()
        .filter(|photo| listed(report, photo))
        .collect();
    if all.is_empty() {
        return;
    }
    let what = match &report.run {
        Some(_) => "Photos of this run",
        None => "Photos that need a look",
    };
    let _ = writeln!(text, "\n{what} ({}):", all.len());
    for photo in all.iter().take(LISTED) {
        let state = photo
            .outcome
            .as_deref()
            .unwrap_or_else(|| photo.state.as_str());
        let _ = writeln!(
            text,
            "  {}",
            clip(&format!("{}: {state}", photo.id), WIDTH - 2)
        );
        for line in details(report, photo) {
            let _ = writeln!(text, "    {}", clip(&line, WIDTH - 4));
        }
    }
    if let Some(more) = all.len().checked_sub(LISTED).filter(|more| *more > 0) {
        let _ = writeln!(text, "  and {more} more; --html FILE or --csv lists all");
    }
}

fn details(report: &Report, photo: &Photo) -> Vec<String> {
    let mut lines: Vec<String> = photo.why.iter().cloned().collect();
    if let Some(draft) = &photo.draft {
        lines.push(format!("draft:  {draft}"));
    }
    let written = matches!(photo.outcome.as_deref(), Some("written" | "put back"));
    if report.run.is_some() && written {
        if let Some(before) = photo.alt_before.as_deref().filter(|it| !it.is_empty()) {
            lines.push(format!("before: {before}"));
        }
        lines.push(format!("now:    {}", photo.alt_after));
    }
    lines
}

/// One line of at most so many characters, without anything that moves a
/// terminal's cursor.
pub(super) fn clip(text: &str, width: usize) -> String {
    let plain: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let mut graphemes = plain.graphemes(true);
    let mut short: String = graphemes.by_ref().take(width).collect();
    if graphemes.next().is_some() {
        let keep: Vec<&str> = short.graphemes(true).collect();
        short = keep[..width - 1].concat();
        short.push('…');
    }
    short
}

/// The same, filled up to the width.
fn fit(text: &str, width: usize) -> String {
    let short = clip(text, width);
    let length = short.graphemes(true).count();
    format!("{short}{}", " ".repeat(width.saturating_sub(length)))
}

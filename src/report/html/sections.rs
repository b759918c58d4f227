//! The sections of the page, in their order.

use super::super::facts::{Album, Photo, Report, RunFacts, Spent, State, Totals};
use super::{escape, grouped};
use crate::archive::Usd;
use serde_json::Value;
use std::fmt::Write;

/// Albums in the open part of the table, those that lack most first.
const ALBUMS: usize = 15;

/// What the run did, or would do.
pub(super) fn run(html: &mut String, run: &RunFacts) {
    let summary = &run.summary;
    let count = |pointer: &str| {
        summary
            .pointer(pointer)
            .and_then(Value::as_u64)
            .unwrap_or(0)
    };
    html.push_str("<section aria-labelledby=\"run-title\">\n<h2 id=\"run-title\">This run</h2>\n");
    if let Some(dry) = summary.get("dry_run") {
        let tokens = count("/dry_run/tokens/input") + count("/dry_run/tokens/output");
        let cost = dry.get("cost_usd").and_then(Value::as_f64);
        let estimate = match (tokens, cost) {
            (0, _) => String::new(),
            (_, Some(cost)) => format!(
                ", with about {} tokens for {} at most",
                grouped(tokens),
                Usd(cost)
            ),
            (_, None) => format!(
                ", with about {} tokens; models.yaml has no price for them",
                grouped(tokens)
            ),
        };
        let _ = writeln!(
            html,
            "<p class=\"lead\"><strong>{}</strong> photos would get a text{estimate}.</p>",
            grouped(count("/dry_run/wanted"))
        );
    }
    html.push_str("<ul class=\"counts\">\n");
    let rows = [
        ("/seen", "photos seen"),
        (
            "/written",
            if run.mode == "undo" {
                "put back"
            } else {
                "written"
            },
        ),
        ("/waiting", "drafts kept, not written"),
        ("/held", "held for a person"),
        ("/failed", "failed"),
        ("/conflict", "changed by a person meanwhile, left alone"),
        ("/adopted", "adopted"),
        ("/skipped/person", "left alone: a person’s text"),
        ("/skipped/up_to_date", "left alone: our text"),
        ("/skipped/unproven", "left alone: unproven origin"),
        ("/skipped/cleared", "left empty: a person removed the text"),
        ("/skipped/decorative", "decorative"),
        ("/skipped/undone", "left alone: undone before"),
        ("/skipped/held", "held before, waiting for a person"),
        ("/skipped/not_due", "failed lately, not due yet"),
        ("/skipped/parked", "parked until their image changes"),
        ("/skipped/excluded", "not asked for"),
        (
            "/skipped/replaced",
            "left alone: a later run replaced that text",
        ),
    ];
    for (pointer, label) in rows {
        if count(pointer) > 0 {
            let _ = writeln!(html, "<li><b>{}</b> {label}</li>", grouped(count(pointer)));
        }
    }
    if summary.get("dry_run").is_none() && count("/not_reached") > 0 {
        let _ = writeln!(
            html,
            "<li><b>{}</b> not reached</li>",
            grouped(count("/not_reached"))
        );
    }
    html.push_str("</ul>\n</section>\n");
}

/// How much of the archive is covered.
pub(super) fn coverage(html: &mut String, totals: &Totals) {
    let _ = writeln!(
        html,
        "<section aria-labelledby=\"coverage-title\">\n<h2 id=\"coverage-title\">Coverage</h2>\n\
         <p class=\"lead\"><strong>{} %</strong> of {} photos have a text for those who listen, or \
         need none.</p>\n{}\n<ul class=\"legend\">",
        totals.percent(),
        grouped(totals.photos),
        bar(totals)
    );
    for state in State::ALL {
        let (name, count) = (state.as_str(), totals.get(state));
        if count > 0 {
            let _ = writeln!(
                html,
                "<li><button type=\"button\" class=\"pick\" data-pick=\"state\" data-value=\"{name}\">\
                 <span class=\"dot d-{name}\"></span><b>{}</b> {}</button></li>",
                grouped(count),
                state.words()
            );
        }
    }
    html.push_str("</ul>\n</section>\n");
}

/// A stacked bar. It says nothing that the numbers beside it don't.
fn bar(totals: &Totals) -> String {
    let mut svg = String::from(
        "<svg class=\"bar\" viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\">",
    );
    let mut from = 0.0;
    for state in State::ALL {
        let width = totals.get(state) as f64 * 1000.0 / totals.photos.max(1) as f64;
        if width > 0.0 {
            let _ = write!(
                svg,
                "<rect class=\"f-{}\" x=\"{from:.2}\" y=\"0\" width=\"{width:.2}\" height=\"10\"/>",
                state.as_str()
            );
            from += width;
        }
    }
    svg.push_str("</svg>");
    svg
}

/// The chart of coverage by album, as a table with bars.
pub(super) fn albums(html: &mut String, albums: &[Album]) {
    if albums.is_empty() {
        return;
    }
    let mut sorted: Vec<&Album> = albums.iter().collect();
    sorted.sort_by_key(|album| {
        let lacking = album.totals.photos - album.totals.covered();
        (
            std::cmp::Reverse(lacking),
            std::cmp::Reverse(album.totals.photos),
        )
    });
    html.push_str(
        "<section aria-labelledby=\"albums-title\">\n<h2 id=\"albums-title\">Albums</h2>\n",
    );
    let (open, folded) = sorted.split_at(sorted.len().min(ALBUMS));
    album_table(html, open, "Albums, those that lack most first");
    if !folded.is_empty() {
        let _ = writeln!(
            html,
            "<details><summary>{} more albums</summary>",
            grouped(folded.len() as u64)
        );
        album_table(html, folded, "The other albums");
        html.push_str("</details>\n");
    }
    html.push_str("</section>\n");
}

fn album_table(html: &mut String, albums: &[&Album], name: &str) {
    let _ = writeln!(
        html,
        "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"{name}\"><table>\n\
         <thead><tr><th scope=\"col\">Album</th><th scope=\"col\">Photos</th>\
         <th scope=\"col\">By a person</th><th scope=\"col\">By altfill</th>\
         <th scope=\"col\">Lacking</th><th scope=\"col\">Covered</th><td></td></tr></thead>\n<tbody>"
    );
    for album in albums {
        let totals = &album.totals;
        let label = if album.album.is_empty() {
            "(no album)"
        } else {
            &album.album
        };
        let _ = writeln!(
            html,
            "<tr><th scope=\"row\"><button type=\"button\" class=\"plain\" data-pick=\"album\" \
             data-value=\"={}\">{}</button></th><td>{}</td><td>{}</td><td>{}</td><td>{}</td>\
             <td>{} %</td><td class=\"wide\">{}</td></tr>",
            escape(&album.album),
            escape(label),
            grouped(totals.photos),
            grouped(totals.person),
            grouped(totals.ours),
            grouped(totals.photos - totals.covered()),
            totals.percent(),
            bar(totals)
        );
    }
    html.push_str("</tbody></table></div>\n");
}

/// What it cost, by model.
pub(super) fn spent(html: &mut String, spent: &Spent, of_run: bool) {
    if spent.calls == 0 {
        return;
    }
    let since = if of_run { "in this run" } else { "so far" };
    let total = spent.cost_usd.map_or_else(
        || "No price is known for these models.".to_owned(),
        |usd| match spent.calls_without_price {
            0 => format!("{} {since}.", Usd(usd)),
            more => format!("{} {since}, and {more} calls without a price.", Usd(usd)),
        },
    );
    let _ = writeln!(
        html,
        "<section aria-labelledby=\"cost-title\">\n<h2 id=\"cost-title\">Cost</h2>\n\
         <p>{total} {} calls, {} tokens in, {} out.</p>\n\
         <div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Cost by model\"><table>\n\
         <thead><tr><th scope=\"col\">Model</th><th scope=\"col\">Calls</th>\
         <th scope=\"col\">Tokens in</th><th scope=\"col\">Tokens out</th>\
         <th scope=\"col\">Cost</th></tr></thead>\n<tbody>",
        grouped(spent.calls),
        grouped(spent.input_tokens),
        grouped(spent.output_tokens)
    );
    for model in &spent.models {
        let _ = writeln!(
            html,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            escape(&model.model),
            grouped(model.calls),
            grouped(model.input_tokens),
            grouped(model.output_tokens),
            escape(&model.cost())
        );
    }
    html.push_str("</tbody></table></div>\n</section>\n");
}

/// The place of the list, with its filters; the script fills both.
pub(super) fn photos(html: &mut String, report: &Report) {
    let any = |has: &dyn Fn(&Photo) -> bool| report.photos.iter().any(has);
    let mut choices = vec![("state", "State", "Any state")];
    if any(&|photo| photo.outcome.is_some()) {
        choices.push(("outcome", "Outcome of the run", "Any outcome"));
    }
    choices.push(("album", "Album", "All albums"));
    if any(&|photo| photo.model.is_some()) {
        choices.push(("model", "Model", "Any model"));
    }
    if any(&|photo| !photo.reasons.is_empty()) {
        choices.push(("reason", "Reason for holding", "Any or none"));
    }
    html.push_str(
        "<section id=\"photos\" aria-labelledby=\"photos-title\">\n\
         <h2 id=\"photos-title\" tabindex=\"-1\">Photos</h2>\n\
         <noscript><p>The list of photos is drawn by a script inside this file, which sends \
         nothing anywhere. Without scripts, use <code>altfill report --csv</code>.</p></noscript>\n\
         <div id=\"tools\" hidden>\n<form id=\"filters\" role=\"search\" aria-label=\"Photos\">\n\
         <div class=\"find\"><label for=\"q\">Search in titles, texts, ids and reasons</label>\
         <input type=\"search\" id=\"q\" autocomplete=\"off\" spellcheck=\"false\"></div>\n",
    );
    for (id, label, all) in choices {
        let _ = writeln!(
            html,
            "<div><label for=\"{id}\">{label}</label><select id=\"{id}\">\
             <option value=\"\">{all}</option></select></div>"
        );
    }
    html.push_str(
        "<div><label for=\"sort\">Order</label><select id=\"sort\"><option value=\"\">By id</option>\
         <option value=\"title\">By title</option><option value=\"newest\">Newest first</option>\
         <option value=\"score\">Lowest score first</option></select></div>\n\
         <div><button type=\"reset\" class=\"button\">Show all</button></div>\n</form>\n\
         <p id=\"count\" role=\"status\"></p>\n<ol id=\"list\"></ol>\n\
         <nav aria-label=\"Pages of photos\"><button type=\"button\" class=\"button\" \
         id=\"previous\">Previous</button><span id=\"where\"></span><button type=\"button\" \
         class=\"button\" id=\"next\">Next</button></nav>\n</div>\n</section>\n",
    );
}

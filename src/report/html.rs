//! One HTML file for a person: it opens from disk, asks no network but for the
//! pictures, and runs nothing but its own script.
//!
//! Pictures are links to the site's own small images, loaded by the browser as
//! they come into view: ten thousand of them inside the file would weigh some
//! hundred megabytes, and making them would mean to fetch and decode the whole
//! archive, where a report needs neither site nor token. The list itself is data
//! that the script draws fifty photos at a time, so that a screen reader and an
//! old laptop meet a short page, whatever the archive's size.

mod rows;
mod sections;

use super::facts::Report;
use crate::archive::Language;
use base64::Engine as _;
use std::collections::BTreeSet;
use std::fmt::Write;
use url::Url;

const STYLE: &str = include_str!("html/style.css");
const SCRIPT: &str = include_str!("html/script.js");

/// The report as a page. Alt texts are marked as being in `language`.
pub fn page(report: &Report, language: &Language) -> String {
    let title = title(report);
    let mut html = String::with_capacity(64 * 1024 + report.photos.len() * 512);
    let _ = write!(
        html,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <meta name=\"generator\" content=\"altfill {}\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#photos\">Skip to the photos</a>\n\
         <header>\n<h1>{title}</h1>\n<p class=\"soft\">{}</p>\n</header>\n<main>\n",
        escape(&policy(report)),
        env!("CARGO_PKG_VERSION"),
        subtitle(report),
    );
    if let Some(run) = &report.run {
        sections::run(&mut html, run);
    }
    sections::coverage(&mut html, &report.totals);
    sections::albums(&mut html, &report.albums);
    sections::spent(&mut html, &report.spent, report.run.is_some());
    sections::photos(&mut html, report);
    let _ = write!(
        html,
        "</main>\n<footer><p>Made by altfill {} on {}. Pictures are loaded from where the \
         archive keeps them; everything else is in this file.</p></footer>\n\
         <script type=\"application/json\" id=\"data\">{}</script>\n<script>{SCRIPT}</script>\n\
         </body>\n</html>\n",
        env!("CARGO_PKG_VERSION"),
        time(&report.made_at),
        rows::data(report, language),
    );
    html
}

fn title(report: &Report) -> String {
    let site = escape(&report.site);
    match &report.run {
        None => format!("Alt text of {site}"),
        Some(run) => match run.action {
            Some("dry_run") => format!("Alt text of {site}: what a run would do"),
            Some("preview") => format!("Alt text of {site}: drafts of run {}", run.run),
            _ => format!("Alt text of {site}: run {}", run.run),
        },
    }
}

fn subtitle(report: &Report) -> String {
    match &report.run {
        None => format!(
            "The whole archive, as it was last seen. {}",
            time(&report.made_at)
        ),
        Some(run) => {
            let ended = run.ended.as_deref().unwrap_or("still running");
            let what = match run.action {
                Some("dry_run") => {
                    "Dry run: nothing was asked of a model and nothing was changed. "
                }
                Some("preview") => "Preview: drafts are kept, nothing was written to the site. ",
                _ => "",
            };
            format!(
                "{what}Mode {}, began {}, {}.",
                escape(&run.mode),
                time(&run.started),
                escape(ended)
            )
        }
    }
}

/// What the page may do: run this script, wear this style, show pictures from
/// the places of this archive. Nothing else, whatever a caption says.
fn policy(report: &Report) -> String {
    let images = report
        .photos
        .iter()
        .filter_map(|photo| photo.image.as_deref());
    let origins: BTreeSet<String> = images.filter_map(origin).collect();
    let images = if origins.is_empty() {
        "'none'".to_owned()
    } else {
        origins.into_iter().collect::<Vec<_>>().join(" ")
    };
    format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; img-src {images}; base-uri 'none'; \
         form-action 'none'",
        fingerprint(SCRIPT),
        fingerprint(STYLE)
    )
}

fn origin(address: &str) -> Option<String> {
    let url = Url::parse(address).ok()?;
    match url.scheme() {
        "file" => Some("file:".to_owned()),
        "http" | "https" => Some(url.origin().ascii_serialization()),
        _ => None,
    }
}

fn fingerprint(text: &str) -> String {
    let hash = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    let hash = base64::engine::general_purpose::STANDARD.encode(hash);
    format!("sha256-{hash}")
}

/// A text inside an element or an attribute in double quotes.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ => safe.push(c),
        }
    }
    safe
}

/// `2026-11-21T06:10:00Z` for people.
fn time(rfc3339: &str) -> String {
    escape(&rfc3339.replace('T', " ").replace('Z', " UTC"))
}

/// `12345` as `12,345`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(1000), "1,000");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }

    #[test]
    fn the_page_has_no_inline_style_or_handler_that_its_policy_would_refuse() {
        for text in [STYLE, SCRIPT] {
            assert!(!text.contains("</"), "it would end its own element");
        }
        assert!(!SCRIPT.contains("innerHTML"));
        assert!(!STYLE.contains("url("), "the page asks nobody for a style");
    }
}

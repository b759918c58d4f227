//! The description of a site that no preset fits, as far as one of its lists
//! told; the rest is left to a person.

use super::answers::Described;
use super::file::{below, key, quoted};
use crate::config::TO_FILL;
use crate::report::wrap::{COLUMNS, wrap};
use crate::site::discover::{Guess, Numbering};
use std::fmt::Write as _;

/// Lines of a settings file, with remarks that fit beside or above them.
#[derive(Default)]
struct Lines(String);

impl Lines {
    /// A table, with what it is for.
    fn table(&mut self, name: &str, about: &str) {
        self.0.push('\n');
        for line in wrap(about, COLUMNS - 2) {
            let _ = writeln!(self.0, "# {line}");
        }
        let _ = writeln!(self.0, "[{name}]");
    }

    fn line(&mut self, key: &str, value: &str, remark: &str) {
        let line = format!("{key} = {value}");
        let fits = line.chars().count().max(BESIDE) + 3 + remark.chars().count() <= COLUMNS;
        let _ = match (remark.is_empty(), fits) {
            (true, _) => writeln!(self.0, "{line}"),
            (false, true) => writeln!(self.0, "{line:BESIDE$} # {remark}"),
            (false, false) => writeln!(self.0, "# {remark}\n{line}"),
        };
    }

    /// A line that is known, or left to a person with a remark on what to write.
    fn known(&mut self, key: &str, value: Option<&str>, remark: &str) {
        match value {
            Some(value) => self.line(key, &quoted(value), ""),
            None => self.line(key, &quoted(TO_FILL), remark),
        }
    }
}

/// The column in which remarks begin.
pub(super) const BESIDE: usize = 33;

/// The tables of a description, as far as one of the site's lists told.
pub(super) fn description(described: &Described) -> String {
    let unknown = Guess::default();
    let guess = described.guess.as_deref();
    let list = guess.map(|guess| below(&described.base, &guess.path));
    let item = guess.and_then(|guess| guess.item.as_deref());
    let read = list.as_deref().filter(|_| item.is_some());
    let read = read.map(|list| format!("{}/{{id}}", list.trim_end_matches('/')));
    let items = guess.map(|guess| guess.items.as_str());
    let guess = guess.unwrap_or(&unknown);

    let mut lines = Lines::default();
    lines.table(
        "site.auth",
        "How the token is sent: bearer, basic, header or query.",
    );
    let scheme = if described.user.is_some() {
        "basic"
    } else {
        "bearer"
    };
    lines.line("scheme", &quoted(scheme), "");

    lines.table("site.list", "The list of photos.");
    lines.known("url", list.as_deref(), "such as \"/api/items\"");
    let (paging, query, next) = pages(guess);
    if !query.is_empty() {
        lines.line("query", &format!("{{ {} }}", query.join(", ")), "");
    }
    match paging {
        Some("none") => lines.line("paging", "\"none\"", "one reply has all, as it seems"),
        paging => lines.known("paging", paging, "page, offset, next, link, cursor or none"),
    }
    if let Some(next) = next {
        lines.line("next", &quoted(next), "the next page's address in a reply");
    }
    if let Some(total) = &guess.total {
        lines.line("total", &quoted(total), "");
    }
    lines.known("items", items, "where the items are, such as \"/data\"");
    lines.known("id", guess.id.as_deref(), "where an item's id is: \"/id\"");

    lines.table(
        "site.read",
        match read {
            Some(_) => "One photo. This was tried: it shows one.",
            None => "One photo; {id} is its id.",
        },
    );
    lines.known("url", read.as_deref(), "such as \"/api/items/{id}\"");
    if let Some(at) = item.filter(|at| !at.is_empty()) {
        lines.line("item", &quoted(at), "where the photo is in the reply");
    }

    lines.table(
        "site.update",
        "Changing one photo, as most APIs want it; {alt} is our text. Nothing was written to find \
         out: look it up, and let `altfill run --limit 1` write one text first.",
    );
    lines.line("method", "\"PATCH\"", "or PUT, POST");
    lines.known("url", read.as_deref(), "such as \"/api/items/{id}\"");
    match body(guess) {
        Some(body) => lines.line("body", &body, ""),
        None => lines.known("body", None, "such as { alt = \"{alt}\" }"),
    }

    lines.table("site.fields", "Where the texts are in one photo.");
    lines.known("alt", guess.alt.as_deref(), "such as \"/alt\"");
    for (key, at) in [("title", &guess.title), ("caption", &guess.caption)] {
        match at {
            Some(at) if guess.html => lines.line(key, &format!("{{ html = {} }}", quoted(at)), ""),
            Some(at) => lines.line(key, &quoted(at), ""),
            None => lines.line(&format!("# {key}"), "\"/…\"", "what a model may be told"),
        }
    }
    for (key, at) in [("changed", &guess.changed), ("mime", &guess.mime)] {
        if let Some(at) = at {
            lines.line(key, &quoted(at), "");
        }
    }

    lines.table("site.image", "Where its image is.");
    lines.known("url", guess.image.as_deref(), "such as \"/file/url\"");
    lines.0
}

/// What a change says: the alt text where the photo has it, and nothing else.
fn body(guess: &Guess) -> Option<String> {
    let step = |step: &str| key(&step.replace("~1", "/").replace("~0", "~"));
    let alt = guess.alt.as_deref()?;
    let wrap = guess.item.as_deref().unwrap_or_default();
    let steps: Vec<String> = wrap
        .split('/')
        .skip(1)
        .chain(alt.split('/').skip(1))
        .map(step)
        .collect();
    let body = steps
        .iter()
        .rev()
        .fold("\"{alt}\"".to_owned(), |inner, step| {
            format!("{{ {step} = {inner} }}")
        });
    Some(body)
}

/// How the list is cut into pages: its name, the query, and where the next page is.
fn pages(guess: &Guess) -> (Option<&'static str>, Vec<String>, Option<&str>) {
    let mut query = Vec::new();
    let mut variable = |name: &Option<String>, value: &str| {
        if let Some(name) = name {
            query.push(format!("{} = \"{{{value}}}\"", key(name)));
        }
    };
    let (paging, next) = match &guess.paging {
        Some(Numbering::Page { page, limit }) => {
            variable(&Some(page.clone()), "page");
            variable(limit, "limit");
            (Some("page"), None)
        }
        Some(Numbering::Offset { offset, limit }) => {
            variable(&Some(offset.clone()), "offset");
            variable(limit, "limit");
            (Some("offset"), None)
        }
        Some(Numbering::Next(at)) => (Some("next"), Some(at.as_str())),
        Some(Numbering::Link) => (Some("link"), None),
        Some(Numbering::None) => (Some("none"), None),
        None => (None, None),
    };
    let fixed = guess.query.iter();
    query.extend(fixed.map(|(name, value)| {
        let braces = value.replace('{', "{{").replace('}', "}}");
        format!("{} = {}", key(name), quoted(&braces))
    }));
    (paging, query, next)
}

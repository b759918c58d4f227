//! `altfill check`: does everything work that a run needs, and what is to be
//! done where it doesn't? Nothing is written, nothing is paid for, and one part
//! that fails keeps no other from being looked at.

mod models;
mod settings;
mod site;
mod state;

pub(super) use site::look as site;

use super::args::{self, Global};
use super::exit::Exit;
use super::output::Output;
use super::setup::overrides;
use super::signals;
use crate::config::{self, Environment, Needs, Overrides};
use crate::pipeline::{Stop, Why};
use crate::report::check::{self as report, Part, Sign};
use crate::site as sites;
use tokio_util::sync::CancellationToken;

pub(super) async fn check(
    global: &Global,
    args: args::Check,
    output: &Output,
) -> anyhow::Result<Exit> {
    if args.notify {
        return super::notify::check(global, output).await;
    }
    let flags = overrides(Needs::Site, global, None);
    if args.print_config {
        return print_config(&flags, &args, output);
    }
    let stop = Stop::default();
    signals::listen(stop.clone(), CancellationToken::new());
    tokio::select! {
        exit = try_all(global, &flags, &args, output) => exit,
        // What was started is dropped.
        () = stop.soft().cancelled() => Ok(match stop.why() {
            Some(Why::Signal(number)) => Exit::Signal(number),
            _ => Exit::Stopped,
        }),
    }
}

async fn try_all(
    global: &Global,
    flags: &Overrides,
    args: &args::Check,
    output: &Output,
) -> anyhow::Result<Exit> {
    let mut parts = Vec::new();
    let mut add = |part: Part| -> anyhow::Result<()> {
        if !args.json && !part.lines.is_empty() {
            let gap = if parts.is_empty() { "" } else { "\n" };
            output.data(&output.mask(&format!("{gap}{}", report::text(&part))))?;
        }
        parts.push(part);
        Ok(())
    };
    let (part, read) = settings::look(flags, output);
    add(part)?;
    if let Some(places) = &read.places {
        add(state::look(places, read.name.as_ref()).await)?;
    }
    if let Some(settings) = read.settings {
        let id = args.id.clone();
        for part in site::look(settings, id, global, output).await? {
            add(part)?;
        }
    }
    if let Some(catalog) = &read.catalog {
        add(models::look(catalog, args.call, output).await)?;
    }
    if args.json {
        output.data(&output.mask(&report::json(&parts)))?;
    } else {
        output.say(&format!("\n{}", sum(&parts)));
    }
    Ok(match report::count(&parts, Sign::Problem) {
        0 => Exit::Done,
        _ => Exit::Stopped,
    })
}

fn print_config(flags: &Overrides, args: &args::Check, output: &Output) -> anyhow::Result<Exit> {
    let shown = config::shown(flags, Environment::capture(), sites::described)?;
    let text = if args.json {
        crate::report::settings::json(&shown)
    } else {
        crate::report::settings::text(&shown)
    };
    output.data(&output.mask(&text))?;
    Ok(Exit::Done)
}

/// The end of it, in a sentence.
fn sum(parts: &[Part]) -> String {
    let some = |count: usize, one: &str| match count {
        1 => format!("1 {one}"),
        count => format!("{count} {one}s"),
    };
    let problems = report::count(parts, Sign::Problem);
    let warnings = report::count(parts, Sign::Warning);
    match (problems, warnings) {
        (0, 0) => {
            "All is well. Nothing on the site was changed; `altfill run --dry-run` shows what \
                   would be done."
                .to_owned()
        }
        (0, _) => format!(
            "{}, no problem. Nothing on the site was changed; `altfill run --dry-run` shows what \
             would be done.",
            some(warnings, "warning")
        ),
        (_, 0) => format!(
            "{}. Nothing on the site was changed.",
            some(problems, "problem")
        ),
        _ => format!(
            "{}, {}. Nothing on the site was changed.",
            some(problems, "problem"),
            some(warnings, "warning")
        ),
    }
}

//! `altfill models`: what can be asked.

use super::args::{self, Global};
use super::exit::Exit;
use super::output::Output;
use super::setup::settings;
use crate::report;

pub(super) fn models(
    global: &Global,
    args: &args::Models,
    output: &Output,
) -> anyhow::Result<Exit> {
    let settings = settings(global, None, output)?;
    let text = if args.json {
        report::json::models(&settings.models, &settings.chain)
    } else {
        report::terminal::models(&settings.models, &settings.chain)
    };
    output.data(&text)?;
    Ok(Exit::Done)
}

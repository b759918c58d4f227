//! `altfill export`: drafts as a table, to be decided about in a spreadsheet.

use super::args::{self, Global};
use super::exit::{Exit, Usage};
use super::output::Output;
use super::setup::{scratch, settings};
use crate::archive::SlotKind;
use crate::checkpoint::OpenDrafts;
use crate::report::{Links, sheet};
use std::io::Write as _;
use std::path::Path;

pub(super) async fn export(
    global: &Global,
    args: &args::Export,
    output: &Output,
) -> anyhow::Result<Exit> {
    let settings = settings(global, None, output)?;
    let checkpoint = scratch(&settings)?;
    let which = if args.all {
        OpenDrafts::All
    } else {
        OpenDrafts::Held
    };
    let drafts = checkpoint
        .open_drafts(which, SlotKind::Alt, &settings.language)
        .await?;
    let separator = match args.separator {
        args::Separator::Comma => sheet::Separator::Comma,
        args::Separator::Semicolon => sheet::Separator::Semicolon,
        args::Separator::Tab => sheet::Separator::Tab,
    };
    let table = sheet::write(&drafts, &Links::new(&settings), separator);
    match &args.output {
        None => output.exact(&table)?,
        Some(path) => write_new(path, &table)?,
    }
    match (drafts.len(), args.all) {
        (0, true) => output.say("there is no draft to decide about"),
        (0, false) => output.say("no draft is held; --all exports those that wait, too"),
        (count, _) => {
            output.say(&format!("{count} drafts to decide about"));
            output.say("write accept, edit or reject into the first column, and for edit your own");
            output.say("text in place of the draft's; then: altfill import FILE");
        }
    }
    Ok(Exit::Done)
}

/// Writes a file that must not be there yet: an older one may hold decisions
/// that nobody imported.
fn write_new(path: &Path, table: &str) -> anyhow::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    // Drafts that nobody has looked at yet are the owner's alone.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path);
    let written = file.and_then(|mut file| {
        file.write_all(table.as_bytes())?;
        file.write_all(b"\n")
    });
    written.map_err(|error| {
        let message = format!("the table can't be written to {}: {error}", path.display());
        let hint = match error.kind() {
            std::io::ErrorKind::AlreadyExists => {
                "it may hold decisions that were not imported; name another file"
            }
            _ => "check that its directory exists, its permissions and free space",
        };
        Usage::new(message, hint).into()
    })
}

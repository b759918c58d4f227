//! `altfill backup FILE`: a copy of the state file, even while a run is on.

use super::args::{self, Global};
use super::exit::{Exit, Usage};
use super::output::Output;
use super::setup::{refuse_odd_state, settings};
use crate::checkpoint::{self, BackupError};

pub(super) async fn backup(
    global: &Global,
    args: args::Backup,
    output: &Output,
) -> anyhow::Result<Exit> {
    let settings = settings(global, None, output)?;
    refuse_odd_state(&settings.state)?;
    let (state, target) = (settings.state, args.file);
    let shown = target.display().to_string();
    let copied = tokio::task::spawn_blocking(move || checkpoint::backup(&state, &target)).await?;
    match copied {
        Ok(bytes) => {
            output.say(&format!("written: {shown}, {} kB", bytes.div_ceil(1000)));
            Ok(Exit::Done)
        }
        Err(BackupError::State(error)) => Err(error.into()),
        Err(error) => Err(Usage::new(error.to_string(), error.hint()).into()),
    }
}

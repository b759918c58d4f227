//! `altfill completions SHELL` and `altfill man`: what shells and `man` know of
//! the program, made from its own flags.

use super::args::{self, Args};
use super::exit::{Exit, Usage};
use super::output::Output;
use clap::CommandFactory as _;

pub(super) fn completions(args: &args::Completions, output: &Output) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "altfill", &mut script);
    output.exact(String::from_utf8(script)?.trim_end())?;
    Ok(Exit::Done)
}

pub(super) fn man(args: &args::Man, output: &Output) -> anyhow::Result<Exit> {
    let folder = &args.dir;
    let made = std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(Args::command(), folder));
    if let Err(error) = made {
        let message = format!(
            "the pages can't be written to {}: {error}",
            folder.display()
        );
        return Err(Usage::new(message, "name a directory that you may write to").into());
    }
    output.say(&format!(
        "written to {}; read one with: man -l {}",
        folder.display(),
        folder.join("altfill.1").display()
    ));
    Ok(Exit::Done)
}

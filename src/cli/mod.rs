//! The command line: flags become a library call, its result becomes output and
//! an exit code. One file per command; nothing else in the program prints.

mod adopt;
mod args;
mod backup;
mod check;
mod completions;
mod exit;
mod export;
mod fix;
mod history;
mod import;
mod init;
mod log;
mod metrics;
mod models;
mod notify;
mod output;
mod progress;
mod replaced;
mod report;
mod run;
mod screen;
mod setup;
mod signals;
mod spared;
mod status;
mod undo;
mod vigil;

use args::{Args, Command};
use clap::Parser;
use exit::Exit;
use output::Output;
use std::process::ExitCode;

/// Runs the program: the whole of `main`.
pub fn main() -> ExitCode {
    // Errors of the command line itself are clap's: exit code 2, as documented.
    let args = Args::parse();
    // Everything that speaks TLS needs a provider; building a client without
    // one panics. A second installation is no error.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // A decoder that panics costs one photo; its message would only alarm.
    crate::photo::hush_decoder_panics();
    leave_no_core();
    let output = Output::new(&args);
    let spared = spared::spare(&args).map_err(anyhow::Error::from);
    if let Err(error) = spared.and_then(|()| output.start_logging(&args.global)) {
        output.error(&error);
        return Exit::of_error(&error).code();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let exit = match runtime {
        Ok(runtime) => {
            let exit = runtime.block_on(command(args, &output));
            // Blocking work that nobody awaits any more must not hold the exit.
            runtime.shutdown_background();
            exit
        }
        Err(error) => Err(anyhow::anyhow!("could not start: {error}")),
    };
    let exit = exit.unwrap_or_else(|error| {
        output.error(&error);
        Exit::of_error(&error)
    });
    exit.code()
}

/// A crash must not leave the memory of a process that holds tokens in a file.
fn leave_no_core() {
    use nix::sys::resource::{Resource, setrlimit};
    // Where even this is forbidden, cores hardly are allowed.
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
}

async fn command(args: Args, output: &Output) -> anyhow::Result<Exit> {
    signals::outlive_large_files();
    let global = args.global;
    match args.command {
        Command::Init(init) => init::init(&global, init, output).await,
        Command::Run(run) => run::run(&global, run, output).await,
        Command::Upgrade(upgrade) => run::upgrade(&global, upgrade, output).await,
        Command::Fix(fix) => fix::fix(&global, fix, output).await,
        Command::Undo(undo) => undo::undo(&global, undo, output).await,
        Command::Adopt(adopt) => adopt::adopt(&global, adopt, output).await,
        Command::Status(status) => status::status(&global, &status, output).await,
        Command::Report(report) => report::report(&global, &report, output).await,
        Command::History(history) => history::history(&global, &history, output).await,
        Command::Export(export) => export::export(&global, &export, output).await,
        Command::Import(import) => import::import(&global, &import, output).await,
        Command::Backup(backup) => backup::backup(&global, backup, output).await,
        Command::Completions(shell) => completions::completions(&shell, output),
        Command::Man(man) => completions::man(&man, output),
        Command::Check(check) => check::check(&global, check, output).await,
        Command::Models(models) => models::models(&global, &models, output).await,
    }
}

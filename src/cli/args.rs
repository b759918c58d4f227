//! What can be typed.

use crate::config;
use clap::{ArgAction, Parser, Subcommand};
use std::path::PathBuf;
use std::time::Duration;

/// Fill in missing alt text for a whole photo archive, safely and unattended.
#[derive(Debug, Parser)]
#[command(
    name = "altfill",
    version,
    max_term_width = 80,
    after_help = "Exit codes: 0 done; 1 could not run, or a bad key; 2 command line or settings \
                  wrong; 3 done, but some photos failed; 4 stopped early on purpose (budget, \
                  deadline, quota, outage): run again later; 5 another run holds the state; \
                  129, 130 or 143 interrupted."
)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// Flags of every command.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Global {
    /// The settings file [default: $ALTFILL_CONFIG, else pipeline.toml]
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// The list of models [default: models.yaml beside the settings]
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) models: Option<PathBuf>,
    /// The state file [default: state/altfill.db beside the settings]
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) state: Option<PathBuf>,
    /// The language of the alt texts, such as en or pt-BR
    #[arg(long, global = true, value_name = "TAG")]
    pub(super) language: Option<String>,
    /// Say nothing but errors and what was asked for
    #[arg(short, long, global = true)]
    pub(super) quiet: bool,
    /// Lines only: no bars, nothing is drawn over (for screen readers and logs)
    #[arg(long, global = true)]
    pub(super) plain: bool,
    /// Say more: one line per call (-v), requests (-vv)
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(super) verbose: u8,
    /// Append what a run does to this file, one JSON object a line
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) log_json: Option<PathBuf>,
    /// Keep every request to a model and its reply in this directory, keys
    /// masked
    #[arg(long, global = true, value_name = "DIR")]
    pub(super) log_bodies: Option<PathBuf>,
}

/// What altfill can do.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Look at a site and write settings for it; nothing on the site is changed
    #[command(after_help = "Examples:\n  altfill init embedded\n  \
                            altfill init https://example.org\n  \
                            altfill init https://example.org --user editor --yes\n  \
                            altfill init https://cms.example.org --list \\\n    \
                            \"https://cms.example.org/api/items?page=1&limit=50\"")]
    Init(Init),
    /// Fill in missing alt text
    #[command(
        after_help = "Examples:\n  altfill run --dry-run\n  altfill run --preview --limit 20\n  \
                            altfill run --album holidays-2024 --max-cost 1.50"
    )]
    Run(Run),
    /// Make our own texts anew with the current model and prompt
    #[command(
        after_help = "Examples:\n  altfill upgrade --dry-run\n  altfill upgrade --from llava-13b"
    )]
    Upgrade(Upgrade),
    /// Fix one photo, now
    #[command(after_help = "Examples:\n  altfill fix holidays/beach\n  \
                            altfill fix holidays/beach --note \"the dog is called Rex\"\n  \
                            altfill fix holidays/beach --text \"Rex jumps over a wave.\"")]
    Fix(Fix),
    /// Show what is done, waiting, held and parked, and what it cost
    #[command(after_help = "Examples:\n  altfill status\n  altfill status --json")]
    Status(Status),
    /// Tell photo by photo how the archive stands, or what a run did
    #[command(
        after_help = "Examples:\n  altfill report\n  altfill report --html report.html\n  \
                            altfill report --run 7 --csv > run-7.csv"
    )]
    Report(Report),
    /// Show all that ever happened to one photo
    #[command(after_help = "Examples:\n  altfill history holidays/beach\n  \
                            altfill history holidays/beach --json")]
    History(History),
    /// Put back what a run changed
    #[command(after_help = "Examples:\n  altfill undo 7\n  altfill undo 7 --yes --json")]
    Undo(Undo),
    /// Make machine-tagged texts ours (after a lost state file)
    #[command(
        after_help = "Examples:\n  altfill adopt\n  altfill adopt --album holidays-2024 --trust-tag"
    )]
    Adopt(Adopt),
    /// Write drafts into a table, to be decided about in a spreadsheet
    #[command(after_help = "Examples:\n  altfill export --output held.csv\n  \
                            altfill export --all --separator semicolon --output drafts.csv\n\n\
                      In the first column write accept, edit or reject; for edit, put your own\n\
                      text in place of the draft's. Then: altfill import held.csv")]
    Export(Export),
    /// Take in what a person decided about drafts in a spreadsheet
    #[command(after_help = "Examples:\n  altfill import held.csv\n  \
                            altfill import held.csv --partial\n\n\
                      Accepted drafts are written by the next run as machine-made, edited texts\n\
                      as a person's; rejected drafts are never written.")]
    Import(Import),
    /// Copy the state file, even while a run is on
    #[command(after_help = "Examples:\n  altfill backup altfill-2026-11-21.db\n  \
                            altfill backup \"backups/altfill-$(date +%F).db\"")]
    Backup(Backup),
    /// Try everything a run needs, and say what to do; nothing is written
    #[command(after_help = "Examples:\n  altfill check\n  altfill check 1204\n  \
                            altfill check --call\n  altfill check --print-config")]
    Check(Check),
    /// List the models of models.yaml, or try them
    #[command(
        after_help = "Examples:\n  altfill models\n  altfill models --check\n  \
                            altfill models qwen2.5vl-7b --check"
    )]
    Models(Models),
    /// Print what a shell needs to complete altfill's commands
    #[command(after_help = "Examples:\n  \
                            altfill completions bash > ~/.local/share/bash-completion/completions/altfill\n  \
                            altfill completions zsh > ~/.zfunc/_altfill\n  \
                            altfill completions fish > ~/.config/fish/completions/altfill.fish")]
    Completions(Completions),
    /// Write the manual pages into a directory
    #[command(after_help = "Examples:\n  altfill man ~/.local/share/man/man1\n  \
                            man -l ~/.local/share/man/man1/altfill-run.1")]
    Man(Man),
}

#[derive(Debug, clap::Args)]
pub(super) struct Init {
    /// The site's address, a folder, or `embedded` for the archive inside altfill
    #[arg(value_name = "URL")]
    pub(super) url: String,
    /// The preset to take, without looking which one fits
    #[arg(long, value_name = "NAME")]
    pub(super) preset: Option<String>,
    /// The account, where the credential is its password
    #[arg(long, value_name = "NAME")]
    pub(super) user: Option<String>,
    /// The variable that holds the site's token or password
    #[arg(long, value_name = "VARIABLE")]
    pub(super) token_env: Option<String>,
    /// The file that holds it
    #[arg(long, value_name = "FILE", conflicts_with = "token_env")]
    pub(super) token_file: Option<PathBuf>,
    /// The list of photos, one album/name a line (album API)
    #[arg(long, value_name = "FILE")]
    pub(super) manifest: Option<PathBuf>,
    /// Where the images are: a URL template or a directory (album API)
    #[arg(long, value_name = "TEMPLATE")]
    pub(super) pixels: Option<String>,
    /// A list of photos in the site's API, where no preset fits
    #[arg(long, value_name = "URL")]
    pub(super) list: Option<String>,
    /// The model to use, a name in models.yaml [default: one on this machine that
    /// sees, else the embedded one]
    #[arg(long, value_name = "NAME")]
    pub(super) model: Option<String>,
    /// Where Ollama answers
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:11434")]
    pub(super) ollama: url::Url,
    /// Ask nothing: take what was found and the usual for the rest
    #[arg(short, long)]
    pub(super) yes: bool,
}

#[derive(Debug, Default, clap::Args)]
pub(super) struct Run {
    /// Only look: what would happen, and what it would cost
    #[arg(long = "dry-run", conflicts_with = "preview")]
    pub(super) dry: bool,
    /// Generate and keep drafts, but write nothing to the site
    #[arg(long)]
    pub(super) preview: bool,
    /// Only photos of this album (repeatable)
    #[arg(long, value_name = "ALBUM")]
    pub(super) album: Vec<String>,
    /// Only this photo, as album/name (repeatable)
    #[arg(long, value_name = "ID")]
    pub(super) id: Vec<String>,
    /// At most so many photos generated or written
    #[arg(long, value_name = "N")]
    pub(super) limit: Option<u64>,
    /// Don't wait with photos that failed lately, as after a mended setting
    #[arg(long)]
    pub(super) retry_failed: bool,
    /// Write what became of every photo to this file: .html, .csv or .json
    #[arg(long, value_name = "FILE")]
    pub(super) report: Option<PathBuf>,
    #[command(flatten)]
    pub(super) with: With,
    #[command(flatten)]
    pub(super) watch: Watch,
}

/// Flags of everything that a machine may watch.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct Watch {
    /// Write metrics for Prometheus to this file, each minute and at the end
    #[arg(long, value_name = "FILE")]
    pub(super) metrics_file: Option<PathBuf>,
    /// Append what becomes of each photo to this file, one JSON object a line;
    /// - is standard output
    #[arg(long, value_name = "FILE")]
    pub(super) events: Option<PathBuf>,
}

/// Flags of everything that asks models.
#[derive(Debug, Default, clap::Args)]
pub(super) struct With {
    /// The model to use, a name in models.yaml
    #[arg(long, value_name = "NAME")]
    pub(super) model: Option<String>,
    /// Model calls in flight
    #[arg(long, value_name = "N")]
    pub(super) concurrency: Option<usize>,
    /// What the run may cost at most, in US dollars
    #[arg(long, value_name = "USD")]
    pub(super) max_cost: Option<f64>,
    /// How long the run may take, such as 90m or 4h
    #[arg(long, value_name = "TIME", value_parser = config::duration)]
    pub(super) deadline: Option<Duration>,
    /// No new calls from this time of day on (local), such as 06:00
    #[arg(long, value_name = "TIME", value_parser = config::time_of_day)]
    pub(super) until: Option<jiff::civil::Time>,
    /// Print the summary as one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Upgrade {
    /// Only texts that this model made
    #[arg(long, value_name = "NAME")]
    pub(super) from: Option<String>,
    /// Only texts older than this, such as 90d
    #[arg(long, value_name = "TIME", value_parser = config::duration)]
    pub(super) older_than: Option<Duration>,
    /// Only texts with a score below this (0 to 1)
    #[arg(long, value_name = "SCORE", value_parser = score)]
    pub(super) below: Option<f64>,
    #[command(flatten)]
    pub(super) run: Run,
}

#[derive(Debug, clap::Args)]
pub(super) struct Fix {
    /// The photo, as album/name
    #[arg(value_name = "ID", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(super) id: String,
    /// A hint for the model
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["text", "decorative"])]
    pub(super) note: Option<String>,
    /// Write this text, as a person's, without asking a model
    #[arg(long, value_name = "TEXT", conflicts_with = "decorative")]
    pub(super) text: Option<String>,
    /// The photo is decorative: it is to have no alt text
    #[arg(long)]
    pub(super) decorative: bool,
    /// Replace even a text that a person wrote
    #[arg(long)]
    pub(super) replace_human: bool,
    /// Do not ask
    #[arg(short, long)]
    pub(super) yes: bool,
    #[command(flatten)]
    pub(super) with: With,
    #[command(flatten)]
    pub(super) watch: Watch,
}

#[derive(Debug, clap::Args)]
pub(super) struct Status {
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Report {
    /// Of this run instead of the archive
    #[arg(long, value_name = "N")]
    pub(super) run: Option<i64>,
    /// Print JSON
    #[arg(long, group = "form")]
    pub(super) json: bool,
    /// Print CSV, one line a photo
    #[arg(long, group = "form")]
    pub(super) csv: bool,
    /// Write one HTML file that opens from disk
    #[arg(long, group = "form", value_name = "FILE")]
    pub(super) html: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(super) struct History {
    /// The photo, as album/name
    #[arg(value_name = "ID")]
    pub(super) id: String,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Export {
    /// Not only drafts that are held: those that the next run would write, too
    #[arg(long)]
    pub(super) all: bool,
    /// As CSV, the one form there is
    #[arg(long)]
    pub(super) csv: bool,
    /// What stands between cells; semicolon where a comma separates decimals
    #[arg(long, value_enum, default_value_t = Separator::Comma)]
    pub(super) separator: Separator,
    /// Write this new file instead of printing
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
}

/// What stands between the cells of a table.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(super) enum Separator {
    Comma,
    Semicolon,
    Tab,
}

#[derive(Debug, clap::Args)]
pub(super) struct Import {
    /// The edited table; - is standard input
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
    /// Take in what can be, even if some lines can't
    #[arg(long)]
    pub(super) partial: bool,
    /// Print the result as one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Backup {
    /// The new file
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(super) struct Completions {
    /// Which shell
    #[arg(value_name = "SHELL")]
    pub(super) shell: clap_complete::Shell,
}

#[derive(Debug, clap::Args)]
pub(super) struct Man {
    /// Where to; made where it is missing
    #[arg(value_name = "DIR")]
    pub(super) dir: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(super) struct Undo {
    /// The number of the run
    #[arg(value_name = "RUN")]
    pub(super) run: i64,
    /// Do not ask
    #[arg(short, long)]
    pub(super) yes: bool,
    /// Print the summary as one JSON object
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) watch: Watch,
}

#[derive(Debug, clap::Args)]
pub(super) struct Adopt {
    /// Trust a machine tag that the site sets by itself
    #[arg(long)]
    pub(super) trust_tag: bool,
    /// Only photos of this album (repeatable)
    #[arg(long, value_name = "ALBUM")]
    pub(super) album: Vec<String>,
    /// Do not ask
    #[arg(short, long)]
    pub(super) yes: bool,
    /// Print the summary as one JSON object
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) watch: Watch,
}

#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags are bools")]
pub(super) struct Check {
    /// The photo to look at [default: the first that the site lists]
    #[arg(value_name = "ID")]
    pub(super) id: Option<String>,
    /// Instead, try those who are notified: they get a start and a success
    #[arg(long, conflicts_with_all = ["id", "call", "print_config", "json"])]
    pub(super) notify: bool,
    /// Send each model in use a small test picture (cloud: some cents)
    #[arg(long, conflicts_with = "print_config")]
    pub(super) call: bool,
    /// Print every setting with its value and where that comes from, and check
    /// nothing
    #[arg(long, conflicts_with = "id")]
    pub(super) print_config: bool,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Models {
    /// Only these
    #[arg(value_name = "NAME")]
    pub(super) names: Vec<String>,
    /// Send each a small test picture (models in the cloud: some cents in all)
    #[arg(long)]
    pub(super) check: bool,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

fn score(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|score| (0.0..=1.0).contains(score))
        .ok_or_else(|| "a score is a number from 0 to 1".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_of_the_flags_is_sound() {
        Args::command().debug_assert();
    }
}

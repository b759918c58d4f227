//! Where output must not go: over what a person has, such as the texts and photos
//! of a folder, and over what altfill needs itself.

use super::args::{Args, Command, Global, Run, Watch};
use super::exit::Usage;
use super::setup::overrides;
use crate::config::{self, Environment, Needs, Places};
use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Links that are followed from one to the next, as systems do.
const LINKS: usize = 40;

/// As much of a file is read to see whose it is.
const BEGINNING: u64 = 4096;

/// What SQLite and the lock keep beside the state file.
const COMPANIONS: [&str; 4] = ["-wal", "-shm", "-journal", ".lock"];

/// What a file of ours among photos may be called.
const EXTENSIONS: [&str; 8] = [
    "csv", "htm", "html", "json", "jsonl", "log", "ndjson", "prom",
];

/// Refuses every output that the command line, or `metrics.file`, puts where
/// something has to stay what it is. Nothing was opened or made yet.
pub(super) fn spare(args: &Args) -> Result<(), Usage> {
    let files = outputs(args);
    let bodies = args.global.log_bodies.as_deref();
    let by_settings = follows_metrics_file(&args.command);
    if files.is_empty() && bodies.is_none() && !by_settings {
        return Ok(());
    }
    let spared = Spared::of(&args.global);
    for (flag, path) in files {
        spared.refuse(flag, path)?;
    }
    if let Some(directory) = bodies {
        spared.refuse_directory("--log-bodies", directory)?;
    }
    match &spared.metrics {
        Some(path) if by_settings => spared.refuse("metrics.file", path),
        _ => Ok(()),
    }
}

/// The files that the command line names for output.
fn outputs(args: &Args) -> Vec<(&'static str, &Path)> {
    let report = match &args.command {
        Command::Report(report) => ("--html", report.html.as_deref()),
        command => (
            "--report",
            run(command).and_then(|run| run.report.as_deref()),
        ),
    };
    let watch = watch(&args.command);
    let metrics = watch.and_then(|watch| watch.metrics_file.as_deref());
    let events = watch.and_then(|watch| watch.events.as_deref());
    let all = [
        report,
        ("--metrics-file", metrics),
        ("--events", events.filter(|path| *path != Path::new("-"))),
        ("--log-json", args.global.log_json.as_deref()),
    ];
    all.into_iter()
        .filter_map(|(flag, path)| Some((flag, path?)))
        .collect()
}

fn run(command: &Command) -> Option<&Run> {
    match command {
        Command::Run(run) => Some(run),
        Command::Upgrade(upgrade) => Some(&upgrade.run),
        _ => None,
    }
}

fn watch(command: &Command) -> Option<&Watch> {
    match command {
        Command::Fix(fix) => Some(&fix.watch),
        Command::Undo(undo) => Some(&undo.watch),
        Command::Adopt(adopt) => Some(&adopt.watch),
        command => run(command).map(|run| &run.watch),
    }
}

/// Whether the settings say where the command's metrics go.
fn follows_metrics_file(command: &Command) -> bool {
    run(command).is_some_and(|run| !run.dry && !run.preview && run.watch.metrics_file.is_none())
}

/// What output must not touch.
struct Spared {
    /// Files, and what each is.
    files: Vec<(Spot, &'static str)>,
    /// Directories of photos.
    photos: Vec<PathBuf>,
    /// Whether the settings say all of this, or can't be read.
    known: bool,
    /// What the settings say of metrics.
    metrics: Option<PathBuf>,
}

impl Spared {
    /// By the settings, however wrong they are otherwise.
    fn of(global: &Global) -> Self {
        let flags = overrides(Needs::Name, global, None);
        let environment = Environment::capture();
        let Ok(places) = config::places(&flags, environment.clone()) else {
            let given = [&global.config, &global.models, &global.state];
            let given = given.into_iter().flatten().map(PathBuf::as_path);
            let usual = ["pipeline.toml", "models.yaml", ".env"].map(Path::new);
            let files = given.chain(usual);
            return Self {
                files: files.map(|path| (Spot::of(path), "settings")).collect(),
                photos: Vec::new(),
                known: false,
                metrics: None,
            };
        };
        let catalog = config::load_models(&flags, environment).ok();
        let models = catalog.iter().flat_map(|catalog| catalog.models.values());
        let keys = models.filter_map(|entry| entry.api_key_file.as_deref());
        let mut files = files(&places);
        files.extend(keys.map(|path| (Spot::of(path), "a file with a secret")));
        Self {
            files,
            photos: places.photos.iter().map(|path| real(path)).collect(),
            known: true,
            metrics: places.metrics,
        }
    }

    /// Refuses a file that must not be written.
    fn refuse(&self, flag: &str, path: &Path) -> Result<(), Usage> {
        let spot = Spot::of(path);
        let what = if let Some((_, what)) = self.files.iter().find(|(file, _)| *file == spot) {
            what
        } else if self.is_among_photos(&spot.path) && !may_be_among_photos(&spot.path) {
            "among the photos, whose files stay as they are"
        } else if !self.known && !is_ours(&spot.path) {
            "there already and by nobody that altfill knows, as its settings can't be read"
        } else {
            return Ok(());
        };
        Err(refused(flag, path, what))
    }

    /// Refuses a directory in which files must not be made.
    fn refuse_directory(&self, flag: &str, path: &Path) -> Result<(), Usage> {
        if self.is_among_photos(&real(path)) {
            return Err(refused(flag, path, "among the photos"));
        }
        Ok(())
    }

    fn is_among_photos(&self, path: &Path) -> bool {
        self.photos.iter().any(|photos| path.starts_with(photos))
    }
}

fn refused(flag: &str, path: &Path, what: &str) -> Usage {
    let message = format!("{flag} {}: this is {what}", path.display());
    Usage::new(
        message,
        "nothing was done; name another file for the output",
    )
}

/// The files that the settings name.
fn files(places: &Places) -> Vec<(Spot, &'static str)> {
    let state = &places.state;
    let beside = COMPANIONS.map(|end| {
        let mut name = state.clone().into_os_string();
        name.push(end);
        PathBuf::from(name)
    });
    let dotenv = places.config.with_file_name(".env");
    let settings = [&places.config, &places.models, &dotenv];
    let all = [
        ("the state file", vec![state]),
        ("a part of the state file", beside.iter().collect()),
        ("a file with settings", settings.to_vec()),
        ("a file with a secret", places.secrets.iter().collect()),
        (
            "a file that the settings name",
            places.named.iter().collect(),
        ),
    ];
    let all = all.into_iter();
    all.flat_map(|(what, paths)| paths.into_iter().map(move |path| (Spot::of(path), what)))
        .collect()
}

/// A file by where it really is, whether it is there or not.
struct Spot {
    path: PathBuf,
    /// Its device and number, where it is there.
    file: Option<(u64, u64)>,
}

impl Spot {
    fn of(path: &Path) -> Self {
        let path = real(path);
        let found = fs::metadata(&path).ok().filter(fs::Metadata::is_file);
        let file = found.map(|found| (found.dev(), found.ino()));
        Self { path, file }
    }
}

impl PartialEq for Spot {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path || (self.file.is_some() && self.file == other.file)
    }
}

/// A path without links, as far as it is there.
fn real(path: &Path) -> PathBuf {
    resolve(path, &mut LINKS.clone())
}

fn resolve(path: &Path, links: &mut usize) -> PathBuf {
    if let Ok(found) = path.canonicalize() {
        return found;
    }
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if *links > 0
        && let Ok(target) = fs::read_link(path)
    {
        *links -= 1;
        return resolve(&folder.join(target), links);
    }
    match path.file_name() {
        Some(name) if folder != path => resolve(folder, links).join(name),
        _ => path.to_owned(),
    }
}

/// Whether a file of this name may be made or written anew among photos: neither a
/// photo nor a sidecar, nor anything that a person has there.
fn may_be_among_photos(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default();
    EXTENSIONS
        .iter()
        .any(|known| extension.eq_ignore_ascii_case(known))
        && is_ours(path)
}

/// Whether what is there was made by altfill, by its beginning. What is not there,
/// empty or no file is nobody's.
fn is_ours(path: &Path) -> bool {
    if !fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() > 0) {
        return true;
    }
    let mut beginning = Vec::new();
    let read = File::open(path).and_then(|file| file.take(BEGINNING).read_to_end(&mut beginning));
    let text = String::from_utf8_lossy(&beginning);
    read.is_ok()
        && (text.starts_with("{\"")
            || text.starts_with("\"photo\",\"album\"")
            || text.contains("altfill"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use tempfile::TempDir;

    #[test]
    fn a_file_is_known_by_whatever_way_leads_to_it() {
        let dir = TempDir::new().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir(at("a")).unwrap();
        fs::write(at("a/file"), "x").unwrap();
        fs::hard_link(at("a/file"), at("hard")).unwrap();
        symlink("a", at("b")).unwrap();
        symlink("a/file", at("soft")).unwrap();
        symlink("b/gone", at("dangling")).unwrap();
        let file = Spot::of(&at("a/file"));
        for other in ["hard", "soft", "b/file", "a/../a/./file"] {
            assert!(file == Spot::of(&at(other)), "{other}");
        }
        assert!(file != Spot::of(&at("a/other")));
        assert!(Spot::of(&at("dangling")) == Spot::of(&at("a/gone")));
    }

    #[test]
    fn links_in_a_circle_end_somewhere() {
        let dir = TempDir::new().unwrap();
        symlink("b/x", dir.path().join("a")).unwrap();
        symlink("a", dir.path().join("b")).unwrap();
        let _ = real(&dir.path().join("a/c"));
    }

    #[test]
    fn among_photos_only_what_is_ours_is_written_anew() {
        let dir = TempDir::new().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("mine.csv"), "path,alt\n").unwrap();
        fs::write(at("ours.json"), "{\"totals\":1}").unwrap();
        for (name, may) in [
            ("new.html", true),
            ("new.JPG", false),
            ("new.xmp", false),
            ("new", false),
            ("mine.csv", false),
            ("ours.json", true),
        ] {
            assert_eq!(may_be_among_photos(&at(name)), may, "{name}");
        }
    }
}

//! What a seed begins with: its archive, its settings, and how hard things are
//! made for each execution.

use super::dice::Chance;
use super::history::Photo;
use super::process::{Hardship, ReadOnly};
use super::site::BROKEN_IMAGE;
use super::support::Workspace;
use super::support::http::Server;
use super::world::{Manners, PatchReply, Weather, World};
use altfill::config::{self, Environment, Overrides, Settings};
use fastrand::Rng;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;
use tempfile::TempDir;

/// Photos, some with a person's text, one that can't be read, one that no model
/// describes.
pub(crate) fn archive(world: &mut World, random: &mut Rng) {
    const ALBUMS: [&str; 3] = ["alps-2019", "coast", "harbour"];
    const SUBJECTS: [&str; 4] = ["Morning", "Evening", "A walk", "The market"];
    for number in 0..random.u32(8..28) {
        let album = random.one_of(&ALBUMS);
        let id = format!("{album}/p{number:03}");
        let title = format!("{} at {album}, page-{number:04}", random.one_of(&SUBJECTS));
        let mark = *random.one_of(&[None, Some(0), Some(0)]);
        let mut photo = Photo::new(title, number, mark);
        match random.u8(..20) {
            0..4 => {
                let words = world.words_of_a_person();
                let mark = *random.one_of(&[None, Some(0), Some(1)]);
                photo = photo.written_by_person(&words, mark);
            }
            4 => photo.pixels = BROKEN_IMAGE,
            5 => world.refused.push(id.clone()),
            6 => "IMG_1234.jpg".clone_into(&mut photo.stand.alt),
            _ => {}
        }
        world.history.photos.insert(id, photo);
    }
}

/// A handful of photos, for layers that play many seeds.
pub(crate) fn few(world: &mut World, random: &mut Rng) {
    archive(world, random);
    let keep = random.usize(1..6);
    let ids: Vec<String> = world.history.photos.keys().cloned().collect();
    for id in ids.iter().skip(keep) {
        world.history.photos.remove(id);
    }
}

/// A site's own way, by chance.
pub(crate) fn manners(random: &mut Rng) -> Manners {
    Manners {
        conditional: random.happens(0.35),
        patch_reply: *random.one_of(&[
            PatchReply::Item,
            PatchReply::Item,
            PatchReply::NoContent,
            PatchReply::Empty,
            PatchReply::Html,
        ]),
        cleans: random.happens(0.3),
    }
}

/// So many photos, a tenth of them with a person's text, on a simple site.
pub(crate) fn plain(seed: u64, photos: u32) -> World {
    let manners = Manners {
        conditional: false,
        patch_reply: PatchReply::Item,
        cleans: false,
    };
    let mut world = World::new(seed, manners);
    for number in 0..photos {
        let title = format!("Morning at coast, page-{number:04}");
        let mut photo = Photo::new(title, number % 40, Some(0));
        if number % 10 == 7 {
            photo = photo.written_by_person(&world.words_of_a_person(), Some(1));
        }
        let id = format!("coast/p{number:03}");
        world.history.photos.insert(id, photo);
    }
    world
}

/// Settings for an archive without quirks.
pub(crate) fn plain_settings(servers: [&Server; 3]) -> Workspace {
    let mut workspace = common(servers);
    let mut set = |key: &str, value: toml::Value| workspace.set(key, value);
    set("site.concurrency", 8.into());
    set("site.recheck", "0s".into());
    set("run.concurrency", 4.into());
    set("run.max_tries", 3.into());
    workspace
}

/// Settings for one site and two models, by chance.
pub(crate) fn settings(random: &mut Rng, servers: [&Server; 3]) -> Workspace {
    let mut workspace = common(servers);
    let mut set = |key: &str, value: toml::Value| workspace.set(key, value);
    if random.happens(0.3) {
        set("fallback", vec!["second".to_owned()].into());
    }
    set("site.concurrency", random.i64(1..16).into());
    let recheck = *random.one_of(&["0s", "0s", "0s", "7d"]);
    set("site.recheck", recheck.into());
    set("run.concurrency", random.i64(1..8).into());
    set("run.max_tries", random.i64(1..4).into());
    workspace
}

/// What all settings have in common: short waits.
fn common([site, first, second]: [&Server; 3]) -> Workspace {
    let mut workspace = Workspace::empty();
    let mut set = |key: &str, value: toml::Value| workspace.set(key, value);
    set("model", "first".into());
    set("state", "state/altfill.db".into());
    set("site.name", "torture".into());
    set("site.preset", "album".into());
    set("site.base_url", site.url().into());
    set("site.token_env", "SITE_TOKEN".into());
    set("site.manifest", "photos.txt".into());
    set("site.pixels", "/files/{album}/{name}.jpg".into());
    set("site.timeout", "700ms".into());
    set("run.drain", "500ms".into());
    set("run.outage_patience", "1s".into());
    set("run.retry_after", "1s".into());
    set("run.retry_after_max", "1s".into());
    let models = serde_json::json!({
        "first": {
            "model": "first-vision", "provider": "openai", "deployment": "local",
            "base_url": format!("{}/v1", first.url()), "api_key_env": "MODEL_KEY",
            "settings": {"max_tokens": 200}, "limits": {"timeout": "1500ms"},
        },
        "second": {
            "model": "second-vision", "provider": "ollama", "deployment": "local",
            "base_url": second.url(), "limits": {"timeout": "1500ms"},
        },
    });
    workspace.write("models.yaml", models.to_string());
    std::fs::create_dir_all(workspace.path("state")).expect("a scratch directory");
    workspace
}

/// When nothing goes wrong any more, there is no hurry either: on a busy machine an
/// answer may take longer than a client that is to be tormented would wait.
pub(crate) fn without_hurry(workspace: &mut Workspace) {
    workspace.set("site.recheck", "0s");
    workspace.set("site.timeout", "30s");
    workspace.set("run.outage_patience", "30s");
    let path = workspace.path("models.yaml");
    let models = std::fs::read_to_string(path).expect("a file in the scratch directory");
    workspace.write("models.yaml", models.replace("\"1500ms\"", "\"60s\""));
}

/// From bright to terrible.
pub(crate) fn weather(random: &mut Rng) -> Weather {
    let badness = *random.one_of(&[0.0, 0.02, 0.05, 0.1, 0.25]);
    let edits = *random.one_of(&[0.0, 0.02, 0.1, 0.3]);
    Weather {
        hostile: badness,
        slow: *random.one_of(&[0.0, 0.1, 0.5]),
        late: badness / 2.0,
        pretends: badness / 4.0,
        edits,
        bad_text: *random.one_of(&[0.0, 0.1, 0.4]),
    }
}

/// What an execution has to put up with, mostly nothing.
pub(crate) fn hardship(random: &mut Rng) -> Hardship {
    let clocks = ["-3d", "+2h", "+40d", "-1h x50", "+10y"];
    Hardship {
        blocks: random.happens(0.06).then(|| random.u64(1..500)),
        clock: random
            .happens(0.1)
            .then(|| (*random.one_of(&clocks)).to_owned()),
        twin: random
            .happens(0.08)
            .then(|| Duration::from_millis(random.u64(20..120))),
        read_only: random
            .happens(0.06)
            .then(|| *random.one_of(&[ReadOnly::File, ReadOnly::Folder])),
        under: Vec::new(),
    }
}

/// A folder in memory where there is one, since no power is lost here.
pub(crate) fn in_memory() -> TempDir {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() {
        tempfile::tempdir_in(memory)
    } else {
        tempfile::tempdir()
    };
    folder.expect("a scratch directory")
}

/// The same settings for all seeds of the decision core.
pub(crate) fn of_the_core() -> &'static Settings {
    static SETTINGS: OnceLock<Settings> = OnceLock::new();
    SETTINGS.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a scratch directory");
        let file = folder.path().join("pipeline.toml");
        let write = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).expect("a file in a scratch directory");
        };
        write(
            "pipeline.toml",
            "model = \"first\"\nfallback = [\"second\"]\n[site]\nname = \"torture\"\n\
             base_url = \"http://127.0.0.1:9\"\nmanifest = \"photos.txt\"\n\
             pixels = \"/{album}/{name}.jpg\"\nrecheck = \"0s\"\nconcurrency = 4\n\
             [run]\nconcurrency = 3\noutage_patience = \"20s\"\n",
        );
        write(
            "models.yaml",
            "first: {model: first, provider: ollama}\nsecond: {model: second, provider: ollama}\n",
        );
        write("photos.txt", "");
        let overrides = Overrides {
            config: Some(file),
            ..Overrides::default()
        };
        config::load(&overrides, Environment::capture()).expect("sound settings")
    })
}

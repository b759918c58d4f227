//! A folder of photos for altfill to work on, and what a person or another program
//! does in it.

use super::photos::{Metadata, photo};
use super::{FakeModel, Program, Workspace};
use serde_json::json;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The account that has no privileges.
const NOBODY: u32 = 65534;

/// A workspace whose site is the folder `photos` in it.
pub(crate) struct Folder {
    pub(crate) workspace: Workspace,
}

impl Folder {
    /// An empty folder; every photo is looked at in each run.
    pub(crate) fn new(model: &FakeModel) -> Self {
        let mut workspace = Workspace::empty();
        workspace.add_model("fake", model);
        workspace.set("model", "fake");
        workspace.set("site.preset", "folder");
        workspace.set("site.dir", "photos");
        workspace.set("site.recheck", "0s");
        for name in ["photos", "state"] {
            std::fs::create_dir_all(workspace.path(name)).expect("a scratch directory");
        }
        Self { workspace }
    }

    /// The same with so many photos in three albums.
    pub(crate) fn with_photos(model: &FakeModel, n: usize) -> Self {
        let folder = Self::new(model);
        for (nth, id) in Self::ids(n).iter().enumerate() {
            folder.add(id, nth as u32);
        }
        folder
    }

    /// The ids of [`Self::with_photos`].
    pub(crate) fn ids(n: usize) -> Vec<String> {
        let album = |nth: usize| ["2019/Brügge", "city walks", "coast"][nth % 3];
        (0..n)
            .map(|nth| format!("{}/IMG_{nth:04}.jpg", album(nth)))
            .collect()
    }

    /// Runs that are killed at random moments, so many at most; after each one
    /// the folder is looked at. Gives the seed.
    pub(crate) fn killed(&self, times: usize, model: &FakeModel, look: impl Fn(u64)) -> u64 {
        let seed = fastrand::u64(..);
        let mut random = fastrand::Rng::with_seed(seed);
        let mut kills = 0;
        for _ in 0..times {
            let enough = model.count() + random.usize(1..24);
            let pause = Duration::from_millis(random.u64(0..40));
            let mut running = self.workspace.spawn(&["run", "--json"]);
            if !running.until(|| model.count() >= enough) {
                break;
            }
            // A random moment is the point of this.
            std::thread::sleep(pause);
            running.kill();
            kills += 1;
            look(seed);
        }
        assert!(kills > 0, "the folder is too small for this test");
        seed
    }

    /// Has a script of the shell write the texts, one after the other.
    pub(crate) fn describe_by(&mut self, script: &str) {
        let command = ["sh", "-c", script, "{image}"];
        let entry = json!({"deployment": "local", "provider": "command", "command": command});
        self.workspace.add_entry("fake", entry);
        self.workspace.set("run.concurrency", 1);
    }

    pub(crate) fn path(&self, id: &str) -> PathBuf {
        self.workspace.path("photos").join(id)
    }

    /// Adds or replaces a photo.
    pub(crate) fn add(&self, id: &str, seed: u32) {
        self.write(id, &photo(seed, 160, 120, Metadata::None));
    }

    /// Writes any file.
    pub(crate) fn write(&self, id: &str, bytes: &[u8]) {
        let path = self.path(id);
        let parent = path.parent().expect("it lies in the folder");
        std::fs::create_dir_all(parent).expect("a scratch directory");
        std::fs::write(path, bytes).expect("a scratch file");
    }

    pub(crate) fn read(&self, id: &str) -> String {
        let path = self.path(id);
        let bytes =
            std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        String::from_utf8(bytes).expect("our texts are UTF-8")
    }

    /// The alt text of a sidecar as a strict XML reader finds it; `None` where
    /// there is no sidecar.
    pub(crate) fn alt(&self, sidecar: &str) -> Option<String> {
        let path = self.path(sidecar);
        path.exists().then(|| alt_text(&self.read(sidecar)))
    }

    /// Every file with its content.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let top = self.workspace.path("photos");
        let entries = walkdir::WalkDir::new(&top)
            .into_iter()
            .filter_map(Result::ok);
        let files = entries.filter(|entry| entry.file_type().is_file());
        files
            .map(|entry| {
                let name = entry.path().strip_prefix(&top).expect("it is inside");
                let bytes = std::fs::read(entry.path()).expect("our own file");
                (name.to_string_lossy().into_owned(), bytes)
            })
            .collect()
    }

    /// Every file with the time of its last change.
    pub(crate) fn times(&self) -> BTreeMap<String, (i64, i64)> {
        let time = |name: &String| {
            let metadata = self.path(name).metadata().expect("our own file");
            (metadata.mtime(), metadata.mtime_nsec())
        };
        let names = self.files().into_keys();
        names.map(|name| (name.clone(), time(&name))).collect()
    }

    /// The program as somebody to whom permissions mean something.
    pub(crate) fn as_nobody(&self, args: &[&str]) -> Program {
        let program = self.workspace.altfill(args);
        if !nix::unistd::geteuid().is_root() {
            return program;
        }
        for entry in walkdir::WalkDir::new(self.workspace.directory()) {
            let entry = entry.expect("our own directory");
            chown(entry.path(), Some(NOBODY), Some(NOBODY)).expect("root may give files away");
        }
        program.user(NOBODY)
    }
}

/// The text of `AltTextAccessibility` in a packet. Fails on what is no XML.
pub(crate) fn alt_text(packet: &str) -> String {
    let mut reader = quick_xml::Reader::from_str(packet);
    let (mut inside, mut text, mut depth) = (false, String::new(), 0_i32);
    loop {
        use quick_xml::events::Event;
        let named =
            |name: quick_xml::name::QName<'_>| name.into_inner().ends_with(":AltTextAccessibility");
        match reader
            .read_event()
            .unwrap_or_else(|error| panic!("{error}: {packet}"))
        {
            Event::Start(tag) => {
                depth += 1;
                inside |= named(tag.name());
            }
            Event::End(tag) => {
                depth -= 1;
                inside &= !named(tag.name());
            }
            Event::Text(part) if inside => text.push_str(&part.xml10_content()),
            Event::GeneralRef(part) if inside => text.push_str(match &*part {
                "amp" => "&",
                "lt" => "<",
                "gt" => ">",
                "quot" => "\"",
                "apos" => "'",
                other => panic!("unexpected &{other};"),
            }),
            Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(depth, 0, "half a packet: {packet}");
    text.trim().to_owned()
}

/// Whether exiftool can be asked; where it can't, that is said.
pub(crate) fn has_exiftool() -> bool {
    let there = Command::new("exiftool").arg("-ver").output().is_ok();
    if !there {
        let said = "exiftool IS NOT INSTALLED: sidecars are not validated with it";
        let _ = writeln!(std::io::stderr(), "{said}");
    }
    there
}

/// What exiftool prints with these arguments about all sidecars below a directory.
pub(crate) fn exiftool(args: &[&str], directory: &Path) -> String {
    let output = Command::new("exiftool")
        .args(args)
        .args(["-r", "-ext", "xmp", "-charset", "filename=utf8"])
        .arg(directory)
        .output()
        .expect("exiftool was there before");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A JPEG with an XMP packet inside.
pub(crate) fn with_packet(jpeg: &[u8], packet: &str) -> Vec<u8> {
    let content = [b"http://ns.adobe.com/xap/1.0/\0", packet.as_bytes()].concat();
    let length = u16::try_from(content.len() + 2).expect("a short packet");
    let head = [&[0xff, 0xe1], &length.to_be_bytes()[..]].concat();
    [&jpeg[..2], &head, &content, &jpeg[2..]].concat()
}

/// A packet as Lightroom writes it, with this alt text where there is one.
pub(crate) fn packet(alt: Option<&str>) -> String {
    let alt = alt.map_or_else(String::new, |alt| {
        format!(
            "   <Iptc4xmpCore:AltTextAccessibility>\n    <rdf:Alt>\n     <rdf:li \
             xml:lang=\"x-default\">{alt}</rdf:li>\n    </rdf:Alt>\n   \
             </Iptc4xmpCore:AltTextAccessibility>\n"
        )
    });
    format!(
        "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\" x:xmptk=\"Adobe XMP Core 7.0-c000\">\n <rdf:RDF \
         xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\n  <rdf:Description \
         rdf:about=\"\"\n    xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\"\n    \
         xmlns:dc=\"http://purl.org/dc/elements/1.1/\"\n    \
         xmlns:photoshop=\"http://ns.adobe.com/photoshop/1.0/\"\n    \
         xmlns:Iptc4xmpCore=\"http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/\"\n   \
         xmp:Rating=\"4\"\n   photoshop:City=\"Brugge\"\n   photoshop:Country=\"Belgium\">\n   \
         <dc:title>\n    <rdf:Alt>\n     <rdf:li xml:lang=\"x-default\">The belfry</rdf:li>\n    \
         </rdf:Alt>\n   </dc:title>\n   <dc:subject>\n    <rdf:Bag>\n     \
         <rdf:li>tower</rdf:li>\n    </rdf:Bag>\n   </dc:subject>\n{alt}  </rdf:Description>\n \
         </rdf:RDF>\n</x:xmpmeta>\n"
    )
}

//! As the owner of a folder of photos I let altfill write alt text into sidecars
//! beside them, as safely as on any site. (The one file with all texts has its own
//! stories in `sites_folder_texts`, and what may go wrong in `sites_folder_faults`.)

use crate::support::folder::{alt_text, exiftool, has_exiftool, packet, with_packet};
use crate::support::photos::{Metadata, photo};
use crate::support::{FakeModel, Folder, Output, Workspace};

use std::process::Command;
use std::time::Duration;

pub(crate) const N: usize = 9;
pub(crate) const MINE: &str = "Anna and the belfry &amp; a dog";

pub(crate) fn written(folder: &Folder) -> usize {
    folder
        .files()
        .keys()
        .filter(|name| is_sidecar(name))
        .count()
}

pub(crate) fn is_sidecar(name: &str) -> bool {
    std::path::Path::new(name).extension() == Some("xmp".as_ref())
}

/// Other programs' sidecars, of every kind that is at hand.
pub(crate) fn foreign(folder: &Folder) {
    let ids = Folder::ids(N);
    folder.write(&format!("{}.xmp", ids[0]), packet(None).as_bytes());
    let windows = packet(None).replace('\n', "\r\n");
    folder.write(
        &ids[1].replace(".jpg", ".xmp"),
        format!("\u{feff}{windows}").as_bytes(),
    );
    let darktable = packet(None)
        .replace("Adobe XMP Core 7.0-c000", "XMP Core 4.4.0-Exiv2")
        .replace(
            "xmp:Rating=\"4\"",
            "xmp:Rating=\"4\"\n   xmlns:darktable=\"http://darktable.sf.net/\"\n   \
             darktable:history_end=\"1\"",
        )
        .replace(
            "  </rdf:Description>",
            "   <darktable:history>\n    <rdf:Seq>\n     <rdf:li\n      darktable:num=\"0\"\n      \
             darktable:operation=\"flip\"\n      darktable:params=\"ffffffff\"/>\n    \
             </rdf:Seq>\n   </darktable:history>\n  </rdf:Description>",
        );
    folder.write(
        &format!("{}.xmp", ids[2]),
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{darktable}").as_bytes(),
    );
    let attributes = "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF xmlns:rdf=\"http://www.w3.org\
                      /1999/02/22-rdf-syntax-ns#\"><rdf:Description rdf:about=\"uuid:1\" \
                      xmlns:d=\"http://www.digikam.org/ns/1.0/\" d:PickLabel=\"2\"/></rdf:RDF>\
                      </x:xmpmeta>";
    folder.write(&format!("{}.xmp", ids[3]), attributes.as_bytes());
    if has_exiftool() {
        let made = Command::new("exiftool")
            .args([
                "-q",
                "-XMP:Title=A title",
                "-XMP:Subject=one",
                "-Rating=2",
                "-o",
            ])
            .arg(folder.path(&ids[4].replace(".jpg", ".xmp")))
            .status();
        assert!(made.expect("exiftool runs").success());
    }
}

#[test]
fn a_short_settings_file_is_all_it_takes() {
    let model = FakeModel::openai();
    let folder = Folder::with_photos(&model, N);
    let settings = "model = \"fake\"\nstate = \"state/altfill.db\"\n[site]\npreset = \
                    \"folder\"\ndir = \"photos\"\n";
    folder.workspace.write("pipeline.toml", settings);
    let before = folder.files();
    let output = folder.workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/written"), N as u64);
    for id in Folder::ids(N) {
        let alt = folder.alt(&format!("{id}.xmp")).expect("a sidecar");
        assert!(model.captions().contains(&alt), "{id}: {alt}");
        assert_eq!(
            before[&id],
            folder.files()[&id],
            "the photo itself is as it was"
        );
    }
    let prompt = &model.calls()[0].prompt;
    assert!(prompt.contains("2019/Brügge") || prompt.contains("coast") || prompt.contains("city"));
    if has_exiftool() {
        let found = exiftool(
            &["-validate", "-warning", "-error", "-a"],
            folder.workspace.directory(),
        );
        assert_eq!(found.matches(": OK").count(), N, "{found}");
    }
    let (calls, times) = (model.count(), folder.times());
    let output = folder.workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/skipped/up_to_date"), N as u64);
    assert_eq!(output.number("/written"), 0);
    assert_eq!((model.count(), folder.times()), (calls, times));
}

#[test]
fn a_night_in_which_nothing_changed_opens_no_photo() {
    let model = FakeModel::openai();
    let mut folder = Folder::with_photos(&model, N);
    folder.workspace.unset("site.recheck");
    let _ = folder.workspace.run(&["run", "--json"]).expect(0).counted();
    // Longer ago than any clock is wrong.
    let sidecar = format!("{}.xmp", Folder::ids(N)[0]);
    let old = std::time::SystemTime::now() - Duration::from_secs(86_400);
    for name in folder.files().keys() {
        let file = std::fs::File::options().write(true).open(folder.path(name));
        file.expect("our own file")
            .set_modified(old)
            .expect("a time can be set");
    }
    let tomorrow = "UPDATE sites SET listing_mark = listing_mark + 600000000000";
    let state = rusqlite::Connection::open(folder.workspace.path("state/altfill.db"));
    let state = state.expect("the state is an ordinary SQLite file");
    assert_eq!(
        state.execute(tomorrow, []).expect("a mark in nanoseconds"),
        1
    );
    let output = folder.workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/skipped/up_to_date"), N as u64);
    assert_eq!(output.number("/site_reads"), 0, "{output}");
    // A person's edit and a new photo are seen the next night all the same.
    let state = rusqlite::Connection::open(folder.workspace.path("state/altfill.db"));
    let today = "UPDATE sites SET listing_mark = listing_mark - 1200000000000";
    state
        .expect("as before")
        .execute(today, [])
        .expect("as before");
    let alt = alt_text(&folder.read(&sidecar));
    folder.write(
        &sidecar,
        folder.read(&sidecar).replace(&alt, "Rex.").as_bytes(),
    );
    folder.add("coast/new.jpg", 77);
    let output = folder.workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/skipped/person"), 1, "{output}");
    assert_eq!(output.number("/written"), 1, "{output}");
}

#[test]
fn what_people_wrote_stays_wherever_it_stands() {
    let model = FakeModel::openai();
    let folder = Folder::new(&model);
    let jpeg = photo(1, 160, 120, Metadata::None);
    folder.add("full.jpg", 1);
    folder.write("full.jpg.xmp", packet(Some(MINE)).as_bytes());
    folder.add("short.jpg", 2);
    folder.write("short.xmp", packet(Some(MINE)).as_bytes());
    folder.write("inside.jpg", &with_packet(&jpeg, &packet(Some(MINE))));
    folder.add("german.jpg", 3);
    let german = packet(Some(MINE)).replace(
        "</rdf:li>\n    </rdf:Alt>\n   </Iptc4",
        "</rdf:li>\n     \
                 <rdf:li xml:lang=\"de\">Anna und der Turm</rdf:li>\n    </rdf:Alt>\n   </Iptc4",
    );
    folder.write("german.jpg.xmp", german.as_bytes());
    let before = folder.files();
    for command in ["run", "upgrade"] {
        let output = folder
            .workspace
            .run(&[command, "--json"])
            .expect(0)
            .counted();
        assert_eq!(output.number("/skipped/person"), 4, "{output}");
    }
    assert_eq!((folder.files(), model.count()), (before, 0));
    // Asked by name, it goes; and comes back.
    let before = folder.files();
    for (id, sidecar) in [("inside.jpg", "inside.jpg.xmp"), ("short.jpg", "short.xmp")] {
        let fix = ["fix", id, "--replace-human", "--yes", "--json"];
        let output = folder.workspace.run(&fix).expect(0);
        let alt = folder.alt(sidecar).expect("a sidecar");
        assert!(model.captions().contains(&alt), "{alt}");
        let again = folder.workspace.run(&["run", "--json"]).expect(0).counted();
        assert_eq!(again.number("/skipped/up_to_date"), 1, "{again}");
        let run = output.number("/run").to_string();
        let _ = folder
            .workspace
            .run(&["undo", &run, "--yes", "--json"])
            .expect(0);
        assert_eq!(folder.files(), before, "{id}");
    }
}

#[test]
fn other_programs_sidecars_keep_all_else_and_undo_restores_every_byte() {
    let model = FakeModel::openai();
    let folder = Folder::with_photos(&model, N);
    foreign(&folder);
    let directory = folder.workspace.directory().to_owned();
    let told = |folder: &Folder| {
        let args = [
            "-j",
            "-G1",
            "-a",
            "-x",
            "FileModifyDate",
            "-x",
            "FileAccessDate",
        ];
        let text = exiftool(&args, folder.workspace.directory());
        let all: Vec<serde_json::Map<String, serde_json::Value>> =
            serde_json::from_str(&text).unwrap_or_default();
        let keep = |key: &String| key.starts_with("XMP-") || key == "SourceFile";
        let ours = |key: &String| key.contains("AltText");
        let only = all.into_iter().map(|mut file| {
            file.retain(|key, _| keep(key) && !ours(key));
            file
        });
        let mut only: Vec<_> = only.collect();
        only.sort_by_key(|file| file["SourceFile"].to_string());
        only
    };
    let exiftool_there = has_exiftool();
    let (before, all) = (folder.files(), exiftool_there.then(|| told(&folder)));
    let output = folder.workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/written"), N as u64);
    assert_eq!(
        written(&folder),
        N,
        "one sidecar for each photo: {:?}",
        folder.files().keys()
    );
    let prompts: Vec<String> = model.calls().into_iter().map(|call| call.prompt).collect();
    let titled = prompts
        .iter()
        .filter(|prompt| prompt.contains("The belfry"));
    assert_eq!(titled.count(), 3, "the title is context: {prompts:?}");
    assert!(
        !prompts.iter().any(|prompt| prompt.contains("Brugge")),
        "the place is not asked for"
    );
    if let Some(all) = all {
        let now = told(&folder);
        for file in &all {
            assert!(now.contains(file), "{file:?} is not in {now:?}");
        }
        let found = exiftool(&["-validate", "-warning", "-error", "-a"], &directory);
        assert_eq!(found.matches(": OK").count(), N, "{found}");
        let alts = exiftool(&["-s3", "-XMP-iptcCore:AltTextAccessibility"], &directory);
        for caption in model.captions() {
            assert!(alts.contains(&caption), "{caption}: {alts}");
        }
    }
    let _ = folder
        .workspace
        .run(&["undo", "1", "--yes", "--json"])
        .expect(0);
    assert_eq!(
        folder.files(),
        before,
        "undo restores every byte, and removes what it made"
    );
    let output = folder.workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/skipped/undone"), N as u64);
}

#[test]
fn a_better_model_changes_our_own_texts_and_undo_brings_them_back() {
    let (old, new) = (FakeModel::openai(), FakeModel::ollama());
    let mut folder = Folder::with_photos(&old, N);
    foreign(&folder);
    let _ = folder.workspace.run(&["run", "--json"]).expect(0).counted();
    let ids = Folder::ids(N);
    let edited = format!("{}.xmp", ids[5]);
    let text = alt_text(&folder.read(&edited));
    folder.write(
        &edited,
        folder
            .read(&edited)
            .replace(&text, "Rex, our old friend")
            .as_bytes(),
    );
    let before = folder.files();
    folder.workspace.add_model("new", &new);
    folder.workspace.set("model", "new");
    let output = folder
        .workspace
        .run(&["upgrade", "--json"])
        .expect(0)
        .counted();
    assert_eq!(output.number("/written"), N as u64 - 1);
    assert_eq!(output.number("/skipped/person"), 1);
    assert_eq!(folder.files()[&edited], before[&edited]);
    let sidecar = format!("{}.xmp", ids[0]);
    assert!(
        new.captions()
            .contains(&folder.alt(&sidecar).expect("a sidecar"))
    );
    let _ = folder
        .workspace
        .run(&["undo", "2", "--yes", "--json"])
        .expect(0);
    assert_eq!(folder.files(), before);
}

#[test]
fn after_a_lost_state_our_own_texts_are_known_by_their_mark() {
    let model = FakeModel::openai();
    let folder = Folder::with_photos(&model, N);
    let _ = folder.workspace.run(&["run", "--json"]).expect(0).counted();
    let edited = format!("{}.xmp", Folder::ids(N)[0]);
    let text = alt_text(&folder.read(&edited));
    folder.write(
        &edited,
        folder.read(&edited).replace(&text, "Rex.").as_bytes(),
    );
    let before = folder.files();
    std::fs::remove_dir_all(folder.workspace.path("state")).expect("the state was there");
    std::fs::create_dir(folder.workspace.path("state")).expect("a scratch directory");
    let output = folder.workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/skipped/unproven"), N as u64 - 1);
    assert_eq!(
        output.number("/skipped/person"),
        1,
        "the mark speaks of another text"
    );
    let output = folder
        .workspace
        .run(&["adopt", "--yes", "--json"])
        .expect(0);
    assert_eq!(output.number("/adopted"), N as u64 - 1);
    let output = folder.workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/skipped/up_to_date"), N as u64 - 1);
    assert_eq!((folder.files(), model.count()), (before, N));
}

#[test]
fn new_sidecars_are_named_as_the_settings_say() {
    let model = FakeModel::openai();
    let mut folder = Folder::new(&model);
    folder.workspace.set("site.sidecar", "photo.xmp");
    for name in ["a.jpg", "b.jpg", "b.png", "c.d.jpg"] {
        folder.add(name, 5);
    }
    let output = folder.workspace.run(&["run", "--json"]).expect(3).counted();
    assert_eq!(
        output.number("/failed"),
        2,
        "b.xmp could be either's: {output}"
    );
    assert!(folder.alt("a.xmp").is_some() && folder.alt("c.d.xmp").is_some());
    assert_eq!(written(&folder), 2);
}

#[test]
fn a_replaced_image_gets_a_new_text_and_other_metadata_does_not() {
    let model = FakeModel::openai();
    let folder = Folder::with_photos(&model, 3);
    let _ = folder.workspace.run(&["run", "--json"]).expect(0).counted();
    let ids = Folder::ids(3);
    let jpeg = std::fs::read(folder.path(&ids[0])).expect("our own file");
    folder.write(&ids[0], &with_packet(&jpeg, &packet(None)));
    folder.add(&ids[1], 55);
    let output = folder.workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/written"), 1, "{output}");
    assert_eq!(output.number("/skipped/up_to_date"), 2, "{output}");
    assert_eq!(model.count(), 4);
    // A photo that is gone is no failure.
    std::fs::remove_file(folder.path(&ids[2])).expect("our own file");
    let output = folder.workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/failed"), 0, "{output}");
}

/// What was printed, without the breaks that a narrow terminal asks for.
pub(crate) fn unwrapped(output: &Output) -> String {
    let words: Vec<&str> = output.stdout.split_whitespace().collect();
    words.join(" ")
}

#[test]
fn check_says_what_there_is_and_writes_nothing() {
    let model = FakeModel::openai();
    let folder = Folder::with_photos(&model, N);
    folder.write("a/1.HEIC", b"x");
    folder.write(
        &format!("{}.xmp", Folder::ids(N)[0]),
        packet(Some(MINE)).as_bytes(),
    );
    let before = folder.files();
    let output = folder.workspace.run(&["check"]).expect(0);
    let told = unwrapped(&output);
    for part in [
        "9 photos in 3 directories",
        "1 HEIC files are passed over",
        "all 3 directories may be written to",
        "its sidecar is IMG_0000.jpg.xmp",
        "\"Brugge, Belgium\"",
        "\"2019/Brügge\"",
        "image/jpeg",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert_eq!(folder.files(), before);
    let other = Folder::ids(N)[1].clone();
    let output = folder.workspace.run(&["check", &other]).expect(0);
    assert!(
        unwrapped(&output).contains("IMG_0001.jpg.xmp would be made"),
        "{output}"
    );
}

#[test]
fn settings_that_can_not_work_are_told() {
    let model = FakeModel::openai();
    let mut folder = Folder::with_photos(&model, 1);
    let try_with = |workspace: &mut Workspace, key: &str, value: &str, says: &str| {
        workspace.set(key, value);
        let output = workspace.run(&["check"]).expect(1);
        assert!(unwrapped(&output).contains(says), "{says}: {output}");
        let _ = workspace.run(&["run"]).expect(2);
        workspace.unset(key);
    };
    let workspace = &mut folder.workspace;
    try_with(workspace, "site.texts", "alt.txt", ".csv or .json");
    try_with(
        workspace,
        "site.texts",
        "none/alt.csv",
        "lies in no directory",
    );
    try_with(workspace, "site.sidecar", "xmp", "photo.jpg.xmp");
    workspace.unset("site.dir");
    workspace
        .run(&["run"])
        .expect(2)
        .says(&["`site.dir` is missing"]);
    workspace.set("site.dir", "nowhere");
    workspace
        .run(&["run"])
        .expect(2)
        .says(&["there is no directory", "nowhere"]);
}

#[test]
fn a_sidecar_is_known_however_its_name_is_spelled() {
    let model = FakeModel::openai();
    let folder = Folder::new(&model);
    for (photo, sidecar) in [
        ("UP.JPG", "UP.XMP"),
        ("upper.jpg", "upper.jpg.XMP"),
        ("case.JPG", "case.jpg.xmp"),
        ("cafe\u{301}.jpg", "caf\u{e9}.jpg.xmp"),
    ] {
        folder.add(photo, 1);
        folder.write(sidecar, packet(None).as_bytes());
    }
    folder.add("Mine.JPG", 2);
    folder.write("mine.jpg.XMP", packet(Some(MINE)).as_bytes());
    let before: Vec<String> = folder.files().into_keys().collect();
    let output = folder.workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/skipped/person"), 1, "{output}");
    assert_eq!(output.number("/written"), 4, "{output}");
    let after: Vec<String> = folder.files().into_keys().collect();
    assert_eq!(after, before, "no second sidecar is made");
    for sidecar in ["UP.XMP", "upper.jpg.XMP", "case.jpg.xmp"] {
        let alt = folder.alt(sidecar).expect("a sidecar");
        assert!(model.captions().contains(&alt), "{sidecar}: {alt}");
    }
    let again = folder.workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(again.number("/written"), 0, "{again}");
}

#[test]
fn what_stands_in_for_an_empty_text_is_a_persons() {
    let model = FakeModel::openai();
    let folder = Folder::new(&model);
    let with = |language: &str, empty: &str| {
        packet(Some(MINE)).replace(
            "<rdf:li xml:lang=\"x-default\">Anna",
            &format!("{empty}<rdf:li xml:lang=\"{language}\">Anna"),
        )
    };
    let empty = "<rdf:li xml:lang=\"en\"></rdf:li>";
    for (nth, (id, sidecar)) in [
        ("default.jpg", with("x-default", empty)),
        ("short.jpg", with("x-default", "<rdf:li xml:lang=\"en\"/>")),
        ("british.jpg", with("en-GB", empty)),
    ]
    .into_iter()
    .enumerate()
    {
        assert!(sidecar.contains("xml:lang=\"en\""), "{sidecar}");
        folder.add(id, nth as u32);
        folder.write(&format!("{id}.xmp"), sidecar.as_bytes());
    }
    let before = folder.files();
    let output = folder.workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/skipped/person"), 3, "{output}");
    assert_eq!((folder.files(), model.count()), (before, 0));
}

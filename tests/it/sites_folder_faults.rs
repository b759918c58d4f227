//! What may go wrong in a folder of photos: edits at the worst moment, sidecars that
//! can't be read, names of every kind, permissions, kills. Nothing that somebody
//! else wrote is lost, and one bad photo stays one bad photo.

use crate::sites_folder::{MINE, N, foreign, is_sidecar, unwrapped, written};
use crate::support::folder::{alt_text, exiftool, has_exiftool, packet};
use crate::support::{FakeModel, Folder};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::Duration;

#[test]
fn an_edit_while_the_model_is_asked_is_not_overwritten() {
    let nobody = FakeModel::openai();
    let mut folder = Folder::with_photos(&nobody, 3);
    let id = Folder::ids(3)[2].clone();
    folder.workspace.write("theirs.xmp", packet(Some(MINE)));
    folder.workspace.write("rating.xmp", packet(None));
    let other = Folder::ids(3)[1].clone();
    let text = |name: &str| folder.workspace.path(name).display().to_string();
    let script = format!(
        "test -e '{0}' || {{ cp '{1}' '{2}.xmp'; cp '{3}' '{4}.xmp'; touch '{0}'; }}\n\
         echo 'A grey heron stands in shallow water.'",
        text("done"),
        text("theirs.xmp"),
        folder.path(&id).display(),
        text("rating.xmp"),
        folder.path(&other).display(),
    );
    folder.describe_by(&script);
    let output = folder.workspace.run(&["run", "--json"]).expect(0).counted();
    let person = output.number("/conflict") + output.number("/skipped/person");
    assert_eq!(person, 1, "{output}");
    assert_eq!(output.number("/failed"), 0, "{output}");
    assert_eq!(folder.read(&format!("{id}.xmp")), packet(Some(MINE)));
    // A rating that came meanwhile is no reason not to write, and is kept.
    let shared = folder.read(&format!("{other}.xmp"));
    assert!(shared.contains("xmp:Rating=\"4\""), "{shared}");
    let output = folder.workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/skipped/person"), 1, "{output}");
}

#[test]
fn sidecars_that_can_not_be_read_fail_alone_and_stay_as_they_are() {
    let model = FakeModel::openai();
    let folder = Folder::with_photos(&model, N);
    let ids = Folder::ids(N);
    let bomb = "<!DOCTYPE a [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">\
                <!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;\">]><x>&c;</x>";
    let half = packet(None);
    for (id, bytes) in [
        (&ids[0], &half.as_bytes()[..half.len() / 2]),
        (&ids[1], bomb.as_bytes()),
        (&ids[2], b""),
        (&ids[3], b"\xff\xfe<\0a\0/\0>\0"),
    ] {
        folder.write(&format!("{id}.xmp"), bytes);
    }
    let outside = folder.workspace.path("passwd");
    std::fs::write(&outside, packet(None)).expect("a scratch file");
    symlink(&outside, folder.path(&format!("{}.xmp", ids[4]))).expect("a link");
    let before = folder.files();
    let output = folder.workspace.run(&["run", "--json"]).expect(3).counted();
    assert_eq!(output.number("/failed"), 5, "{output}");
    assert_eq!(output.number("/written"), N as u64 - 5);
    output.says(&[
        "document type declaration",
        "no sound XML",
        "not UTF-8",
        "it is a link",
    ]);
    let after = folder.files();
    for (name, bytes) in &before {
        assert_eq!(&after[name], bytes, "{name}");
    }
    assert_eq!(
        std::fs::read_to_string(&outside).expect("as before"),
        packet(None)
    );
}

#[test]
fn a_sidecar_that_two_photos_share_is_nobodys() {
    let model = FakeModel::openai();
    let folder = Folder::new(&model);
    for name in ["a.jpg", "a.PNG", "b.jpg", "c.jpg"] {
        folder.add(name, 5);
    }
    folder.write("a.xmp", packet(Some(MINE)).as_bytes());
    folder.write("b.CR2", b"raw");
    folder.write("b.xmp", packet(None).as_bytes());
    folder.write("c.JPG.xmp", packet(None).as_bytes());
    let before = folder.files();
    let output = folder.workspace.run(&["run", "--json"]).expect(3).counted();
    assert_eq!(
        (output.number("/failed"), output.number("/written")),
        (2, 2)
    );
    output.says(&["a.xmp may belong to a.PNG as well as to a.jpg", "rename it"]);
    for name in ["a.xmp", "b.xmp"] {
        assert_eq!(folder.files()[name], before[name], "{name}");
    }
    assert!(
        folder.alt("b.jpg.xmp").is_some(),
        "beside the raw file's own sidecar"
    );
}

#[test]
fn names_of_every_kind_are_found_and_nothing_hidden_or_linked_is() {
    let model = FakeModel::openai();
    let folder = Folder::new(&model);
    let odd = [
        "50% off #1?.jpg",
        " space .jpg",
        "Ünï/日本.jpeg",
        "a/b/c/d.JPG",
        "=1+1.jpg",
        "x.jpe",
    ];
    for name in odd {
        folder.add(name, 1);
    }
    for name in [
        ".hidden/1.jpg",
        "a/.2.jpg",
        "@eaDir/a/3.jpg",
        "a/notes.txt",
        "a/4.heic",
    ] {
        folder.add(name, 1);
    }
    folder.write("a/page.jpg", b"<!DOCTYPE html><html>");
    symlink("..", folder.path("a/loop")).expect("a link");
    symlink("/etc", folder.path("etc")).expect("a link");
    symlink(folder.path("x.jpe"), folder.path("linked.jpg")).expect("a link");
    let latin = std::ffi::OsString::from(std::ffi::OsStr::new("a"));
    let mut latin = std::os::unix::ffi::OsStringExt::into_vec(latin);
    latin.extend(b"\xfc.jpg");
    let latin: std::ffi::OsString = std::os::unix::ffi::OsStringExt::from_vec(latin);
    let strange = std::fs::write(folder.workspace.path("photos").join(latin), b"x");
    let output = folder.workspace.run(&["run", "--json"]).expect(3).counted();
    assert_eq!(output.number("/written"), odd.len() as u64, "{output}");
    let failed = 1 + u64::from(strange.is_ok());
    assert_eq!(output.number("/failed"), failed, "{output}");
    output.says(&["HTML page"]);
    if strange.is_ok() {
        output.says(&["not UTF-8"]);
    }
    for name in odd {
        assert!(folder.alt(&format!("{name}.xmp")).is_some(), "{name}");
    }
    assert_eq!(written(&folder), odd.len());
    for id in [
        "../pipeline.toml",
        "/etc/passwd",
        "a/.2.jpg",
        "etc/x.jpg",
        "a/loop/x.jpe",
    ] {
        let _ = folder
            .workspace
            .run(&["fix", id, "--text", "A text.", "--json"])
            .expect(3);
    }
    assert_eq!(written(&folder), odd.len());
    let output = folder
        .workspace
        .run(&["run", "--album", "a/b", "--json"])
        .expect(3);
    assert_eq!(output.number("/skipped/up_to_date"), 1, "{output}");
}

#[test]
fn what_may_not_be_written_or_looked_into_fails_alone() {
    let model = FakeModel::openai();
    let folder = Folder::with_photos(&model, N);
    folder.add("secret/1.jpg", 1);
    let ids = Folder::ids(N);
    folder.write(&format!("{}.xmp", ids[0]), packet(None).as_bytes());
    // Where no text has ever arrived, a few refusals end a run.
    let fit = ids[1..].iter().find(|id| !id.starts_with("coast"));
    let fit = fit.expect("a photo elsewhere");
    let _ = folder.as_nobody(&["run", "--id", fit]).run().expect(0);
    let program = folder.as_nobody(&["run", "--json"]);
    let mode = |name: &str, mode: u32| {
        std::fs::set_permissions(folder.path(name), PermissionsExt::from_mode(mode)).expect("ours");
    };
    mode("secret", 0o000);
    mode("coast", 0o555);
    mode(&format!("{}.xmp", ids[0]), 0o444);
    let output = program.run().expect(3).counted();
    let check = folder.as_nobody(&["check"]).run().expect(1);
    mode("secret", 0o755);
    mode("coast", 0o755);
    let coast = ids.iter().filter(|id| id.starts_with("coast")).count() as u64;
    assert_eq!(output.number("/failed"), coast + 2, "{output}");
    assert_eq!(output.number("/written"), N as u64 - coast - 2);
    output.says(&[
        "secret: can't be looked into: permission denied",
        "coast",
        "permission denied",
    ]);
    assert_eq!(folder.read(&format!("{}.xmp", ids[0])), packet(None));
    let told = unwrapped(&check);
    assert!(
        told.contains("may not be written to: coast: permission denied"),
        "{told}"
    );
    assert!(told.contains("secret: can't be looked into"), "{told}");
}

#[test]
fn killed_again_and_again_it_leaves_no_half_written_sidecar() {
    const MANY: usize = 240;
    let model = FakeModel::openai();
    let mut folder = Folder::with_photos(&model, MANY);
    foreign(&folder);
    folder.workspace.set("run.concurrency", 8);
    model.latency(Duration::from_millis(5));
    let seed = folder.killed(20, &model, |seed| {
        let captions = model.captions();
        let confirmed = "SELECT photos.photo AS id, writes.alt_kept AS alt FROM writes JOIN slots ON \
                         slots.id = writes.slot JOIN photos ON photos.id = slots.photo \
                         WHERE writes.state = 'confirmed'";
        for (name, bytes) in folder.files() {
            if is_sidecar(&name) {
                let text = String::from_utf8(bytes).expect("UTF-8");
                let alt = alt_text(&text);
                let known = alt.is_empty() || captions.contains(&alt);
                assert!(known, "seed {seed}: {name}: {alt}");
            }
        }
        for row in folder.workspace.rows(confirmed) {
            let (id, alt) = (row["id"].as_str(), row["alt"].as_str());
            let id = id.expect("an id");
            let full = folder.alt(&format!("{id}.xmp"));
            let there = full.or_else(|| folder.alt(&id.replace(".jpg", ".xmp")));
            assert_eq!(there.as_deref(), alt, "seed {seed}: {id}");
        }
    });
    let output = folder.workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.ended(), "complete", "seed {seed}");
    assert_eq!(written(&folder), MANY, "seed {seed}");
    let twice = folder.workspace.rows(
        "SELECT slot, key, count(*) AS times FROM calls
         WHERE state = 'answered' AND purpose = 'caption' GROUP BY slot, key HAVING times > 1",
    );
    assert!(twice.is_empty(), "seed {seed}: {twice:?}");
    if has_exiftool() {
        let args = [
            "-q",
            "-validate",
            "-warning",
            "-error",
            "-a",
            "-p",
            "$Validate",
        ];
        let found = exiftool(&args, folder.workspace.directory());
        let good = found.lines().filter(|line| *line == "OK").count();
        assert_eq!(good, MANY, "seed {seed}: {found}");
    }
}

//! As an owner of an archive whose albums and photos anybody may name, I rely on a
//! name being a name: never another path, another address or another header.

use crate::support::cms::FakeCms;
use crate::support::{FakeModel, FakePhoto, FakeSite, Place, Reply, SITE_TOKEN, Workspace, photos};
use percent_encoding::percent_decode_str;
use serde_json::json;
use std::fmt::Write as _;

/// Names that mean something to some parser on the way.
const NAMES: [&str; 34] = [
    "..%2f..%2fadmin",
    "%2e%2e",
    "%2e%2e%2f",
    "%252e%252e",
    "%00",
    "%0d%0aX-Evil: 1",
    "a?b=c",
    "?",
    "#",
    "a#b",
    "a;b=c",
    "a&b=c",
    "a\\..\\b",
    "\\",
    "..\\..\\admin",
    "a:b",
    "http:evil.example",
    "javascript:alert(1)",
    "@evil.example",
    "me:pw@evil.example",
    " leading and trailing ",
    "...",
    ".hidden",
    "~root",
    "-rf",
    "*",
    "{name}",
    "{album}",
    "$(touch pwned)",
    "\u{202e}gpj.exe",
    "\u{feff}bom",
    "日本の写真",
    "e\u{301}\u{200d}👩‍🚀",
    "'\"<script>",
];

/// Names that can't be a segment of a path: each is refused by its line.
const REFUSED: [&str; 6] = [".", "..", "a\u{0}b", "a\rb", "a\u{7f}b", "a\u{2028}b"];

#[test]
fn a_name_is_one_encoded_segment_of_the_path_or_the_photo_is_refused() {
    let (site, model) = (FakeSite::start(), FakeModel::openai());
    for name in NAMES {
        site.add(&format!("album/{name}"), FakePhoto::new("One"));
        site.add(&format!("{name}/photo"), FakePhoto::new("Two"));
    }
    let workspace = Workspace::album(&site, &model);
    let mut manifest = String::new();
    for id in site.ids() {
        // Lines are trimmed, as people expect.
        let _ = writeln!(manifest, "{id}");
    }
    for name in REFUSED {
        let _ = writeln!(manifest, "album/{name}\n{name}/photo");
    }
    let _ = writeln!(
        manifest,
        "album/{}\n../../etc/passwd\n/etc/passwd",
        "x".repeat(5000)
    );
    workspace.write("photos.txt", manifest);
    let output = workspace.run(&["run", "--json"]);
    let segment = |text: &str| {
        let plain = text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte));
        plain && !matches!(text, "" | "." | "..")
    };
    for request in site.requests() {
        let parts: Vec<&str> = request.path.split('/').collect();
        let known = matches!(request.place, Place::Get | Place::Patch | Place::Pixels);
        assert!(known, "{}", request.path);
        assert_eq!(parts.len(), 5, "{}", request.path);
        assert!(
            parts[1..].iter().all(|part| segment(part)),
            "{}",
            request.path
        );
        for part in &parts[1..] {
            let decoded = percent_decode_str(part).decode_utf8().expect("UTF-8");
            for name in REFUSED {
                assert_ne!(decoded, *name, "{}", request.path);
            }
        }
        let all = format!("{:?}", request.headers).to_lowercase();
        assert!(!all.contains("x-evil"), "{all}");
        assert!(request.path.len() < 8000, "{}", request.path.len());
    }
    for name in NAMES.iter().filter(|name| name.trim() == **name) {
        for id in [format!("album/{name}"), format!("{name}/photo")] {
            // A line that begins so is a comment, and a byte order mark is none
            // of a name.
            if id.starts_with('#') || id.starts_with('\u{feff}') {
                continue;
            }
            assert!(!site.alt(&id).is_empty(), "{id} was not served: {output}");
        }
    }
    let refused = 2 * REFUSED.len() as u64 + 3;
    let lines = output.stderr.matches("line ").count() as u64;
    assert!(
        lines >= 5 || output.number("/failed") >= refused,
        "{output}"
    );
    assert!(!workspace.path("pwned").exists());
}

#[test]
fn an_id_that_the_site_gives_is_one_encoded_segment_too() {
    let ids: Vec<String> = NAMES
        .into_iter()
        .chain(["../../admin", "a/b/c", "//evil.example/x", "/etc/passwd"])
        .map(str::to_owned)
        .collect();
    let known = ids.clone();
    let cms = FakeCms::start(json!({"paths": []}), move |call, database| {
        let paths = database["paths"].as_array_mut().expect("a list");
        paths.push(json!(call.request.path));
        if call.request.path == "/items" {
            let item = |id: &String| json!({"id": id, "alt": "", "image": "/files/one.jpg"});
            let items: Vec<_> = known.iter().map(item).collect();
            return Reply::json(200, &json!(items));
        }
        if call.request.path.starts_with("/files/") {
            return Reply::bytes(200, "image/jpeg", photos::pool()[0].to_vec());
        }
        let text = call.json["alt"].as_str().unwrap_or_default();
        let shown = json!({"id": "x", "alt": text, "image": "/files/one.jpg"});
        Reply::json(200, &shown)
    });
    let mut workspace = Workspace::empty();
    let model = FakeModel::openai();
    workspace.add_model("fake", &model);
    for (key, value) in [
        ("model", "fake"),
        ("site.preset", "rest"),
        ("site.base_url", cms.url().as_str()),
        ("site.token_env", "SITE_TOKEN"),
        ("site.image.url", "/image"),
        ("site.list.url", "/items"),
        ("site.list.paging", "none"),
        ("site.list.id", "/id"),
        ("site.read.url", "/items/{id}"),
        ("site.update.url", "/items/{id}"),
        ("site.update.body.alt", "{alt}"),
        ("site.fields.alt", "/alt"),
    ] {
        workspace.set(key, value);
    }
    let output = workspace.run(&["run", "--json"]);
    let database = cms.database();
    let paths = database["paths"].as_array().expect("a list");
    assert!(paths.len() > NAMES.len(), "{output}");
    for path in paths {
        let path = path.as_str().expect("a path");
        let parts: Vec<&str> = path.split('/').collect();
        let fits = matches!(parts[..], ["", "items"] | ["", "items" | "files", _]);
        assert!(fits, "{path}");
        assert!(path.bytes().all(|byte| byte.is_ascii_graphic()), "{path}");
    }
}

#[test]
fn originals_on_disk_are_never_left_by_a_name_or_a_link() {
    let (site, model) = (FakeSite::start(), FakeModel::openai());
    let mut workspace = Workspace::album(&site, &model);
    let picture = photos::pool()[0].to_vec();
    workspace.write("originals/a/good.jpg", &picture);
    workspace.write("secret/hidden.jpg", &picture);
    workspace.write("originals.jpg", &picture);
    let link = |to: &str, at: &str| {
        let (to, at) = (workspace.path(to), workspace.path(at));
        std::os::unix::fs::symlink(to, at).expect("a link");
    };
    link("secret/hidden.jpg", "originals/a/file.jpg");
    link("secret", "originals/linked");
    link("originals/a/loop.jpg", "originals/a/loop.jpg");
    std::os::unix::fs::symlink("/dev/zero", workspace.path("originals/a/zero.jpg"))
        .expect("a link");
    nix_fifo(&workspace.path("originals/a/pipe.jpg"));
    let ids = [
        "a/good",
        "a/file",
        "linked/hidden",
        "a/loop",
        "a/zero",
        "a/pipe",
        "a/..%2f..%2fsecret%2fhidden",
        "..\\secret/hidden",
    ];
    for id in ids {
        site.add(id, FakePhoto::new("One"));
    }
    workspace.list(&site);
    let mut folder = toml::Table::new();
    let originals = workspace.path("originals");
    folder.insert(
        "dir".to_owned(),
        originals.to_str().expect("plain text").into(),
    );
    workspace.set("site.pixels", folder);
    let output = workspace.run(&["run", "--json"]).expect(3);
    assert_eq!(output.number("/written"), 1, "{output}");
    assert_eq!(
        model.count(),
        1,
        "only the one inside was sent to the model"
    );
    assert!(!site.alt("a/good").is_empty());
}

fn nix_fifo(path: &std::path::Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status();
    assert!(made.is_ok_and(|status| status.success()), "a pipe");
}

#[test]
fn header_values_from_settings_can_not_smuggle_another_header() {
    let site = FakeSite::with_photos(1);
    let model = FakeModel::openai();
    let broken = |change: &dyn Fn(&mut Workspace)| {
        let mut workspace = Workspace::album(&site, &model);
        change(&mut workspace);
        workspace
    };
    let evil = "x\r\nX-Evil: 1\r\n\r\nGET /evil HTTP/1.1";
    let cases: Vec<(&str, Workspace)> = vec![
        (
            "a user",
            broken(&|it| {
                it.set("site.user", evil);
                it.set("site.auth.scheme", "basic");
            }),
        ),
        (
            "a user with a colon",
            broken(&|it| {
                it.set("site.user", "a:b");
                it.set("site.auth.scheme", "basic");
            }),
        ),
        (
            "a header's name",
            broken(&|it| {
                it.set("site.auth.scheme", "header");
                it.set("site.auth.header", evil);
            }),
        ),
        (
            "a header's name with a space",
            broken(&|it| {
                it.set("site.auth.scheme", "header");
                it.set("site.auth.header", "X Key");
            }),
        ),
        (
            "a header's value",
            broken(&|it| {
                it.set("site.auth.scheme", "header");
                it.set("site.auth.value", format!("Key {{token}} {evil}"));
            }),
        ),
        (
            "a header of a request",
            broken(&|it| {
                it.set("site.read.headers.X-Extra", evil);
            }),
        ),
        (
            "a header's name of a request",
            broken(&|it| {
                it.set(
                    "site.read.headers",
                    toml::Table::from_iter([(evil.to_owned(), "1".into())]),
                );
            }),
        ),
        (
            "a media type",
            broken(&|it| {
                it.set("site.update.content_type", evil);
            }),
        ),
        (
            "a token in a file",
            broken(&|it| {
                it.write("token.txt", evil);
                it.unset("site.token_env");
                it.set("site.token_file", "token.txt");
            }),
        ),
        (
            "a key",
            broken(&|it| {
                it.write(
                    ".env",
                    format!("EVIL_KEY=\"{}\"\n", evil.replace("\r\n", "\\n")),
                );
                it.set_model("fake", "api_key_env", json!("EVIL_KEY"));
            }),
        ),
        (
            "a base address",
            broken(&|it| {
                it.set("site.base_url", "http://user:pass@127.0.0.1/");
            }),
        ),
    ];
    for (what, workspace) in &cases {
        let output = workspace.run(&["run", "--json"]);
        assert_eq!(output.code, Some(2), "{what}: {output}");
        assert!(output.stderr.contains("error"), "{what}: {output}");
        output.says(&[]);
        for secret in [SITE_TOKEN, "GET /evil", "pass@"] {
            assert!(!output.stderr.contains(secret), "{what}: {output}");
        }
    }
    // What travels is what was meant, and nothing besides.
    assert!(site.requests().is_empty(), "{:?}", site.requests());
    assert_eq!(model.count(), 0);
}

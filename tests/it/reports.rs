//! As the owner of an archive I look at what a run did, or would do, before I
//! trust it; and I show it to somebody.

use crate::support::{Act, FakeModel, FakePhoto, FakeSite, Place, Say, When, Workspace};
use serde_json::{Value, json};
use std::path::Path;

/// A text that tries to be a script, and a formula.
/// Ways in which a text becomes something else in a page. Each sets
/// `window.hacked`, or asks a server at evil.example for something.
const PAYLOADS: [&str; 20] = [
    "<!--<script>window.hacked=2</script>",
    "<!--<script>",
    "]]><script>window.hacked=3</script>",
    "<svg onload=window.hacked=4>",
    "<iframe src=//evil.example></iframe>",
    "<meta http-equiv=refresh content='0;url=http://evil.example/'>",
    "<base href=http://evil.example/>",
    "<link rel=stylesheet href=http://evil.example/x.css>",
    "<style>@import 'http://evil.example/y.css'</style>",
    "<form action=http://evil.example/><input autofocus onfocus=window.hacked=5></form>",
    "\" onmouseover=\"window.hacked=6\" x=\"",
    "' autofocus onfocus='window.hacked=7",
    "javascript:window.hacked=8",
    "data:text/html,<script>window.hacked=9</script>",
    "${window.hacked=10}",
    "{{constructor.constructor('window.hacked=11')()}}",
    "\\u003cscript>window.hacked=12\\u003c/script>",
    "\\\"};window.hacked=13;//",
    "&lt;script&gt;window.hacked=14&lt;/script&gt;",
    "<img src=http://evil.example/p.png srcset='http://evil.example/q.png 2x'>",
];

const HOSTILE: &str = "</script><script>window.hacked=1</script><img src=x onerror=alert(1)>";

/// An archive with a photo of every kind: three that get a text, a person's, one
/// that is held, one whose file is missing, one with a placeholder.
fn mixed() -> (FakeSite, FakeModel, Workspace) {
    let (site, model) = (FakeSite::start(), FakeModel::openai());
    for name in ["a", "b", "c"] {
        let title = format!("Dunes {name}");
        site.add(&format!("coast/{name}"), FakePhoto::new(&title));
    }
    let told = FakePhoto::new("Told").alt("Two dogs on a beach");
    site.add("coast/told", told.verified(1));
    site.add("town/refused", FakePhoto::new("Refused 17"));
    model.script(When::chat().text("Refused 17"), Act::say(Say::Filtered));
    site.add("town/broken", FakePhoto::new("Broken").no_pixels());
    site.add(
        "town/camera",
        FakePhoto::new("Camera").alt("IMG_2041.jpg").verified(0),
    );
    let workspace = Workspace::album(&site, &model);
    (site, model, workspace)
}

fn photo<'a>(report: &'a Value, id: &str) -> &'a Value {
    let photos = report["photos"].as_array().expect("a list of photos");
    let found = photos.iter().find(|photo| photo["photo"] == id);
    found.unwrap_or_else(|| panic!("{id} is not in the report"))
}

fn states(report: &Value) -> Vec<(String, String)> {
    let photos = report["photos"].as_array().expect("a list of photos");
    let text = |photo: &Value, key: &str| photo[key].as_str().unwrap_or_default().to_owned();
    photos
        .iter()
        .map(|it| (text(it, "photo"), text(it, "state")))
        .collect()
}

/// The rows of a CSV file by column name.
fn rows(text: &str) -> Vec<serde_json::Map<String, Value>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let names = reader.headers().expect("a header").clone();
    let row = |row: csv::Result<csv::StringRecord>| {
        let row = row.expect("a sound row");
        let cells = names.iter().zip(row.iter());
        cells
            .map(|(name, cell)| (name.to_owned(), json!(cell)))
            .collect()
    };
    reader.records().map(row).collect()
}

/// What the script of a page reads.
fn data(html: &str) -> Value {
    let (_, rest) = html
        .split_once("<script type=\"application/json\" id=\"data\">")
        .expect("the page has its data");
    let (data, _) = rest.split_once("</script>").expect("the data ends");
    serde_json::from_str(data).expect("the data is JSON")
}

/// Keeps a report for the browser tests, which say where.
fn keep(html: &Path, name: &str) {
    if let Some(folder) = std::env::var_os("ALTFILL_KEEP_REPORTS") {
        std::fs::copy(html, Path::new(&folder).join(name)).expect("a place for reports");
    }
}

#[test]
fn the_report_of_the_archive_says_the_same_in_every_form() {
    let (_site, _model, workspace) = mixed();
    let _ = workspace.run(&["run", "--json"]).expect(3);
    let json = workspace.run(&["report", "--json"]).expect(0).json();
    assert_eq!(json["totals"]["photos"], 7);
    assert_eq!(json["totals"]["ours"], 4);
    assert_eq!(json["totals"]["person"], 1);
    assert_eq!(json["totals"]["held"], 1);
    assert_eq!(json["totals"]["failed"], 1);
    assert_eq!(photo(&json, "coast/told")["state"], "person");
    let held = photo(&json, "town/refused");
    assert_eq!(held["state"], "held");
    assert_eq!(held["reasons"][0], "refusal");
    assert_eq!(held["why"], "the model refused; the text is empty");
    assert_eq!(held["model"], "fake");
    let failed = photo(&json, "town/broken");
    assert_eq!(failed["state"], "failed");
    assert!(
        failed["why"]
            .as_str()
            .is_some_and(|why| why.contains("town/broken"))
    );
    let camera = photo(&json, "town/camera");
    assert_eq!(camera["alt_before"], "IMG_2041.jpg");
    assert_ne!(camera["alt_after"], "IMG_2041.jpg");
    assert_eq!(camera["verdict"], "write");
    let image = camera["image"].as_str().unwrap_or_default();
    assert!(
        image.ends_with("/files/cache/town/camera-1280w.jpg"),
        "{image}"
    );
    let albums = json["albums"].as_array().expect("albums");
    assert_eq!(albums.len(), 2);
    assert_eq!(albums[0]["album"], "coast");
    assert_eq!(albums[0]["ours"], 3);
    assert!(json["spent"]["calls"].as_u64() >= Some(5));

    let csv = workspace.run(&["report", "--csv"]).expect(0).stdout;
    let csv = rows(&csv);
    let of_csv: Vec<(String, String)> = csv
        .iter()
        .map(|row| {
            let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
            (text("photo"), text("state"))
        })
        .collect();
    assert_eq!(of_csv, states(&json));

    let path = workspace.path("report.html");
    let args = ["report", "--html", path.to_str().expect("a plain path")];
    let output = workspace.run(&args).expect(0);
    assert!(output.stdout.is_empty(), "{output}");
    let html = std::fs::read_to_string(&path).expect("the report");
    assert_eq!(states(&data(&html)), states(&json));
    assert!(html.contains("71 %") && html.contains("default-src &#39;none"));
    keep(&path, "mixed.html");

    let text = workspace.run(&["report"]).expect(0).stdout;
    for part in [
        "7 photos",
        "71.4 %",
        "town/refused: held",
        "the model refused",
    ] {
        assert!(text.contains(part), "{part:?} is missing in: {text}");
    }
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
}

#[test]
fn the_report_of_a_run_has_what_that_run_did_and_nothing_else() {
    let (site, _model, workspace) = mixed();
    let _ = workspace
        .run(&["run", "--json", "--album", "coast"])
        .expect(0);
    let _ = workspace.run(&["run", "--json"]).expect(3);
    let first = workspace.run(&["report", "--run", "1", "--json"]).expect(0);
    let first = first.json();
    assert_eq!(first["run"]["run"], 1);
    assert_eq!(first["run"]["summary"]["written"], 3);
    let outcomes = |report: &Value| -> Vec<(String, String)> {
        let photos = report["photos"].as_array().expect("photos");
        let text = |photo: &Value, key: &str| photo[key].as_str().unwrap_or_default().to_owned();
        let pair = |photo| (text(photo, "photo"), text(photo, "outcome"));
        photos.iter().map(pair).collect()
    };
    let pairs = |list: &[(&str, &str)]| -> Vec<(String, String)> {
        let owned = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
        list.iter().map(owned).collect()
    };
    assert_eq!(
        outcomes(&first),
        pairs(&[
            ("coast/a", "written"),
            ("coast/b", "written"),
            ("coast/c", "written"),
        ])
    );
    let second = workspace.run(&["report", "--run", "2", "--json"]).expect(0);
    assert_eq!(
        outcomes(&second.json()),
        pairs(&[
            ("town/broken", "failed"),
            ("town/camera", "written"),
            ("town/refused", "held"),
        ])
    );
    // Undone since, and changed by a person since: the report of the run tells
    // what it wrote.
    site.edit_by_person("coast/b", "Marram grass on a dune", Some(json!(1)));
    let _ = workspace.run(&["undo", "1", "--yes", "--json"]).expect(0);
    let first = workspace.run(&["report", "--run", "1", "--json"]).expect(0);
    let first = first.json();
    assert_eq!(photo(&first, "coast/a")["outcome"], "written");
    assert_eq!(photo(&first, "coast/a")["why"], "put back by a later run");
    assert_eq!(photo(&first, "coast/b")["state"], "person");
    assert_ne!(
        photo(&first, "coast/b")["alt_after"],
        "Marram grass on a dune"
    );
    let undo = workspace
        .run(&["report", "--run", "3", "--json"])
        .expect(0)
        .json();
    assert_eq!(photo(&undo, "coast/a")["outcome"], "put back");
    let text = workspace.run(&["report", "--run", "2"]).expect(0).stdout;
    assert!(
        text.contains("now:") && text.contains("before: IMG_2041.jpg"),
        "{text}"
    );
    let unknown = workspace.run(&["report", "--run", "17"]).expect(2);
    unknown.says(&["there is no run 17", "the last run is 3"]);
}

#[test]
fn an_empty_archive_has_a_report_too() {
    let (_site, _model, workspace) = mixed();
    let text = workspace.run(&["report"]).expect(0).stdout;
    assert!(text.contains("Nothing is recorded yet"), "{text}");
    let path = workspace.path("empty.html");
    let args = ["report", "--html", path.to_str().expect("a plain path")];
    let _ = workspace.run(&args).expect(0);
    keep(&path, "empty.html");
    assert_eq!(
        workspace.run(&["report", "--json"]).expect(0).json()["photos"],
        json!([])
    );
    let none = workspace.run(&["report", "--run", "1"]).expect(2);
    none.says(&["there was no run yet"]);
}

#[test]
fn a_report_that_cannot_be_written_is_said_before_anything_is_done() {
    let (site, model, workspace) = mixed();
    for (file, words) in [
        ("nowhere/report.html", "there is no directory nowhere"),
        ("report.pdf", ".html, .csv or .json"),
        ("state", "which form"),
    ] {
        let output = workspace.run(&["run", "--report", file]).expect(2);
        output.says(&[words]);
    }
    std::fs::create_dir(workspace.path("folder.html")).expect("a directory");
    let output = workspace.run(&["run", "--report", "folder.html"]).expect(2);
    output.says(&["is a directory"]);
    assert_eq!((site.requests().len(), model.count()), (0, 0));
    let output = workspace
        .run(&["report", "--html", "nowhere/x.html"])
        .expect(2);
    output.says(&["there is no directory nowhere"]);
    // A new file would take the device's place.
    let output = workspace.run(&["report", "--html", "/dev/null"]).expect(2);
    output.says(&["/dev/null is no regular file"]);
}

#[test]
fn a_dry_run_report_lists_every_photo_with_what_would_happen_and_why() {
    let (site, model, mut workspace) = mixed();
    workspace.set_model("fake", "price", json!({"input": 2.0, "output": 8.0}));
    let path = workspace.path("dry.json");
    let args = ["run", "--dry-run", "--report", "dry.json", "--json"];
    let output = workspace.run(&args).expect(0);
    let report: Value =
        serde_json::from_str(&std::fs::read_to_string(path).expect("a report")).expect("JSON");
    assert_eq!(report["run"]["action"], "dry_run");
    let summary = &report["run"]["summary"];
    assert_eq!(summary["dry_run"]["wanted"], 6);
    assert!(summary["dry_run"]["cost_usd"].as_f64() > Some(0.0));
    assert_eq!(summary, &output.json());
    assert_eq!(report["photos"].as_array().map(Vec::len), Some(7));
    let a = photo(&report, "coast/a");
    assert_eq!(
        (&a["outcome"], &a["why"]),
        (&json!("would be done"), &json!("it has no alt text"))
    );
    let told = photo(&report, "coast/told");
    assert_eq!(told["outcome"], "left alone");
    assert_eq!(told["why"], "a person wrote the text");
    let camera = photo(&report, "town/camera")["why"].clone();
    assert_eq!(camera, "its alt text is only a placeholder: IMG_2041.jpg");
    assert_eq!((model.count(), site.count(Place::Pixels)), (0, 0));
    assert!(workspace.state().is_none(), "a dry run made a state file");
    let _ = workspace
        .run(&["run", "--dry-run", "--report", "dry.html"])
        .expect(0);
    keep(&workspace.path("dry.html"), "dry.html");
}

#[test]
fn preview_and_run_write_their_report_at_the_end() {
    let (_site, _model, workspace) = mixed();
    let args = ["run", "--preview", "--report", "preview.csv", "--json"];
    let _ = workspace.run(&args).expect(3);
    let csv = std::fs::read_to_string(workspace.path("preview.csv")).expect("a report");
    let preview = rows(&csv);
    assert_eq!(preview.len(), 7);
    let a = preview
        .iter()
        .find(|row| row["photo"] == "coast/a")
        .expect("a row");
    assert_eq!(
        (&a["outcome"], &a["state"]),
        (&json!("waiting"), &json!("waiting"))
    );
    let draft = a["draft"].clone();
    assert_ne!(draft, "");
    let _ = workspace
        .run(&["run", "--report", "run.json", "--json"])
        .expect(0);
    let text = std::fs::read_to_string(workspace.path("run.json")).expect("a report");
    let run: Value = serde_json::from_str(&text).expect("JSON");
    let a = photo(&run, "coast/a");
    assert_eq!(
        (&a["outcome"], &a["alt_before"]),
        (&json!("written"), &json!(""))
    );
    assert_eq!(a["alt_after"], draft);
    assert_eq!(
        photo(&run, "town/refused")["why"],
        "a draft is held and waits for a person"
    );
    // The next one has nothing to do, and its report says so of each photo.
    let _ = workspace
        .run(&["run", "--report", "run.json", "--json"])
        .expect(0);
    let text = std::fs::read_to_string(workspace.path("run.json")).expect("a report");
    let run: Value = serde_json::from_str(&text).expect("JSON");
    let a = photo(&run, "coast/a");
    assert_eq!(
        (&a["outcome"], &a["alt_before"]),
        (&json!("left alone"), &Value::Null)
    );
}

#[test]
fn a_report_can_be_made_while_a_run_is_on() {
    let (_site, model, workspace) = mixed();
    model.script(
        When::chat().nth(2),
        Act::late(std::time::Duration::from_secs(60)),
    );
    let mut running = workspace.spawn(&["run", "--json"]);
    assert!(running.until(|| model.count() >= 2));
    let report = workspace.run(&["report", "--json"]).expect(0).json();
    assert!(report["totals"]["photos"].as_u64() > Some(0));
    let of_run = workspace.run(&["report", "--run", "1", "--json"]).expect(0);
    assert_eq!(of_run.json()["run"]["ended"], Value::Null);
    let _ = running.kill();
}

#[test]
fn a_report_needs_neither_site_nor_token() {
    let (site, _model, workspace) = mixed();
    let _ = workspace.run(&["run", "--json"]).expect(3);
    site.forget();
    std::fs::remove_file(workspace.path("photos.txt")).expect("our own file");
    let report = workspace.altfill(&["report", "--json"]);
    let report = report.without_env("SITE_TOKEN").without_env("MODEL_KEY");
    let report = report.run().expect(0).json();
    assert!(
        photo(&report, "coast/a")["image"].is_string(),
        "its links are there"
    );
    assert!(site.requests().is_empty());
}

#[test]
fn hostile_texts_stay_texts_in_every_form() {
    let (site, model) = (FakeSite::start(), FakeModel::openai());
    let formula = "=HYPERLINK(\"http://evil.example\",\"x\")";
    site.add(
        "a/formula",
        FakePhoto::new(formula).alt("@SUM(A1:A9)").verified(1),
    );
    site.add("a/script", FakePhoto::new(HOSTILE).alt(HOSTILE).verified(1));
    site.add(
        "javascript:alert(1)/x",
        FakePhoto::new("\u{202e}gpj.x")
            .alt("a\u{2028}b")
            .verified(1),
    );
    site.add(
        "a/c",
        FakePhoto::new("Two\nlines, and \"quotes\"")
            .alt("-1+1")
            .verified(1),
    );
    for (number, payload) in PAYLOADS.into_iter().enumerate() {
        let photo = FakePhoto::new(payload).alt(payload).verified(1);
        site.add(&format!("b/{number:02}"), photo);
        let photo = FakePhoto::new("As an album's name").alt("x").verified(1);
        site.add(
            &format!("{}/{number}", payload.replace('/', "\u{2215}")),
            photo,
        );
    }
    let workspace = Workspace::album(&site, &model);
    let _ = workspace.run(&["run", "--json"]).expect(0);
    let path = workspace.path("hostile.html");
    let args = ["report", "--html", path.to_str().expect("a plain path")];
    let _ = workspace.run(&args).expect(0);
    keep(&path, "hostile.html");
    let html = std::fs::read_to_string(&path).expect("the report");
    assert!(!html.contains("<script>window"), "a title became a script");
    assert_eq!(
        html.matches("<script").count(),
        2,
        "the page has two scripts of its own"
    );
    let page = data(&html);
    assert_eq!(photo(&page, "a/script")["after"], HOSTILE);
    for it in page["photos"].as_array().expect("photos") {
        let link = it["link"].as_str().unwrap_or_default();
        assert!(link.starts_with("http://127.0.0.1:"), "{link}");
    }
    let csv = workspace.run(&["report", "--csv"]).expect(0).stdout;
    for row in rows(&csv) {
        for (name, cell) in row {
            let cell = cell.as_str().unwrap_or_default();
            let runs = cell.trim_start().starts_with(['=', '+', '-', '@']);
            assert!(!runs, "{name} would be a formula: {cell}");
        }
    }
    let text = workspace.run(&["report", "--run", "1"]).expect(0).stdout;
    assert!(!text.contains('\u{202e}') && !text.contains('\u{1b}'));
}

/// Fills the state with photos as a run would have left them.
fn fill(workspace: &Workspace, n: usize) {
    let path = workspace.path("state/altfill.db");
    let state = rusqlite::Connection::open(path).expect("the state is a SQLite file");
    let (site, run): (String, i64) = state
        .query_row(
            "SELECT site, (SELECT max(number) FROM runs) FROM photos",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .expect("a run was there");
    state.execute_batch("BEGIN").expect("a transaction");
    for i in 0..n {
        let photo = 1000 + i64::try_from(i).expect("a small number");
        let album = i % 97;
        let owner = ["ours", "person", "nobody", "ours"][i % 4];
        let alt = format!("A walk along the coast in the evening light, page {i:05}");
        let alt = if owner == "nobody" { "" } else { &alt };
        state
            .execute(
                "INSERT INTO photos (id, site, photo, alt, tag, owner, title, album, looked_at)
                 VALUES (?1, ?2, ?3, ?4, 'machine', ?5, ?6, ?7, 1790000000000)",
                rusqlite::params![
                    photo,
                    site,
                    format!("album-{album:03}/p{i:05}"),
                    alt,
                    owner,
                    format!("Evening {i:05}"),
                    format!("Album {album:03}"),
                ],
            )
            .expect("a photo");
        state
            .execute(
                "INSERT INTO slots (id, photo, kind, language) VALUES (?1, ?1, 'alt', 'en')",
                [photo],
            )
            .expect("a slot");
        if owner == "ours" {
            state
                .execute(
                    "INSERT INTO drafts (id, slot, run, key, model, text, verdict, reasons, made_at)
                     VALUES (?1, ?1, ?2, 'k', 'fake', ?3, 'write', '', 1790000000000)",
                    rusqlite::params![photo, run, alt],
                )
                .expect("a draft");
            state
                .execute(
                    "INSERT INTO writes (id, slot, draft, run, alt_before, alt_sent, alt_kept,
                        model, state, intended_at, settled_at)
                     VALUES (?1, ?1, ?1, ?2, '', ?3, ?3, 'fake', 'confirmed', 1, 1790000000000)",
                    rusqlite::params![photo, run, alt],
                )
                .expect("a write");
        }
    }
    state.execute_batch("COMMIT").expect("a commit");
}

#[test]
fn a_report_of_ten_thousand_photos_is_written_whole() {
    let (site, model) = (FakeSite::with_photos(1), FakeModel::openai());
    let workspace = Workspace::album(&site, &model);
    let _ = workspace.run(&["run", "--json"]).expect(0);
    fill(&workspace, 9_999);
    let path = workspace.path("large.html");
    let args = ["report", "--html", path.to_str().expect("a plain path")];
    let _ = workspace.run(&args).expect(0);
    keep(&path, "large.html");
    let html = std::fs::read_to_string(&path).expect("the report");
    assert_eq!(data(&html)["photos"].as_array().map(Vec::len), Some(10_000));
    assert!(html.contains("83 more albums"), "small albums are folded");
    let text = workspace.run(&["report"]).expect(0).stdout;
    assert!(
        text.contains("10000 photos") && text.lines().count() < 60,
        "{text}"
    );
}

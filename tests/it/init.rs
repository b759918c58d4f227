//! As somebody new I give the address of my site and get settings that work, or
//! a sentence that says what is to be filled in.

use crate::sites_described::{drupal, image, items, strapi, unheard_of};
use crate::support::cms::{Call, FakeCms};
use crate::support::{FakeModel, Output, Program, Reply, SITE_TOKEN, Terminal, Workspace, photos};
use serde_json::{Value, json};
use std::time::Duration;

/// A directory without anything, and `init` in it. No model answers there.
fn init(workspace: &Workspace, args: &[&str]) -> Program {
    Program::new(workspace.directory())
        .args(&["init", "--ollama", "http://127.0.0.1:9"])
        .args(args)
}

fn altfill(workspace: &Workspace, args: &[&str]) -> Output {
    Program::new(workspace.directory()).args(args).run()
}

fn settings(workspace: &Workspace) -> toml::Table {
    let text =
        std::fs::read_to_string(workspace.path("pipeline.toml")).expect("settings were written");
    text.parse()
        .unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// `check` finds nothing wrong, and neither it nor `init` changed anything.
fn check_accepts(workspace: &Workspace, variable: &str, cms: &FakeCms) {
    let check = Program::new(workspace.directory()).args(&["check"]);
    let _ = check.env(variable, SITE_TOKEN).run().expect(0);
    cms.was_only_read();
}

fn nothing_was_written(workspace: &Workspace) {
    let left = std::fs::read_dir(workspace.directory())
        .expect("our own directory")
        .count();
    assert_eq!(left, 0, "something was written");
}

#[test]
fn the_embedded_archive_is_set_up_checked_and_done() {
    let workspace = Workspace::empty();
    let output = init(&workspace, &["embedded"]).run().expect(0);
    assert!(
        output.stdout.contains("ok       site.may_write"),
        "{output}"
    );
    output.says(&["wrote pipeline.toml and models.yaml", "altfill run"]);
    let _ = altfill(&workspace, &["check"]).expect(0);
    let run = altfill(&workspace, &["run", "--json"]).expect(0);
    assert_eq!(run.number("/written"), 38, "{run}");
    let text = std::fs::read_to_string(workspace.path("pipeline.toml")).expect("settings");
    let schema = text
        .lines()
        .next()
        .and_then(|line| line.strip_prefix("#:schema "))
        .expect("a schema");
    assert!(workspace.path(schema).is_file(), "{schema}");
    let text = std::fs::read_to_string(workspace.path("models.yaml")).expect("models");
    let (_, schema) = text
        .lines()
        .next()
        .and_then(|line| line.split_once("$schema="))
        .expect("a schema");
    assert!(workspace.path(schema).is_file(), "{schema}");
}

#[test]
fn nothing_is_written_over_what_is_there() {
    let workspace = Workspace::empty();
    workspace.write("pipeline.toml", "mine = true\n");
    let output = init(&workspace, &["embedded"]).run().expect(2);
    output.says(&["pipeline.toml is there already", "--config"]);
    assert_eq!(
        std::fs::read_to_string(workspace.path("pipeline.toml")).expect("mine"),
        "mine = true\n"
    );
    assert!(!workspace.path("models.yaml").exists());
    workspace.write(
        "models.yaml",
        "embedded: {deployment: local, provider: embedded}\n",
    );
    let _ = init(&workspace, &["embedded", "--config", "other.toml"])
        .run()
        .expect(0);
    assert!(
        std::fs::read_to_string(workspace.path("models.yaml"))
            .expect("mine")
            .starts_with("embedded: {")
    );
}

/// WordPress, as far as `init` and `check` look at it.
fn wordpress(call: &Call<'_>, _: &mut Value) -> Reply {
    // editor:SITE_TOKEN
    let editor = call.request.header("authorization")
        == Some("Basic ZWRpdG9yOnNpdGUtdG9rZW4tNWQxZjBjN2E5Yg==");
    let url = |path: &str| {
        format!(
            "http://{}{path}",
            call.request.header("host").unwrap_or_default()
        )
    };
    let media = json!({"id": 7, "alt_text": "", "title": {"raw": "A walk"}, "caption": {"raw": ""},
        "mime_type": "image/jpeg", "source_url": url("/img/7.jpg"), "meta": [],
        "modified_gmt": "2026-11-01T10:00:00", "media_details": {"width": 640, "height": 480, "filesize": 9}});
    let refused =
        json!({"code": "rest_not_logged_in", "message": "You are not currently logged in."});
    match call.what.as_str() {
        "GET /" => Reply::html(200).with(
            "link",
            &format!("<{}>; rel=\"https://api.w.org/\"", url("/wp-json/")),
        ),
        "GET /wp-json/" => Reply::json(
            200,
            &json!({"name": "Our photos", "namespaces": ["wp/v2"],
            "authentication": {"application-passwords": {"endpoints": {"authorization": url("/wp-admin/authorize-application.php")}}}}),
        ),
        "GET /img/7.jpg" => Reply::bytes(200, "image/jpeg", photos::pool()[0].to_vec()),
        _ if call.query("context").is_some() && !editor => Reply::json(401, &refused),
        "GET /wp-json/wp/v2/users/me" => Reply::json(200, &json!({"id": 3})),
        "GET /wp-json/wp/v2/media" => Reply::json(200, &json!([media]))
            .with("x-wp-total", "1")
            .with("x-wp-totalpages", "1"),
        "GET /wp-json/wp/v2/media/7" => {
            Reply::json(200, &media).with("allow", "GET, POST, PUT, PATCH, DELETE")
        }
        _ => Reply::json(404, &json!({"code": "rest_no_route"})),
    }
}

#[test]
fn wordpress_is_known_by_itself_and_tried_once_its_password_is_there() {
    let (workspace, cms) = (Workspace::empty(), FakeCms::start(json!(null), wordpress));
    let output = init(&workspace, &[&cms.url()]).run().expect(2);
    output.says(&["--user is missing", "nobody is there to answer"]);
    nothing_was_written(&workspace);
    let output = init(&workspace, &[&cms.url(), "--user", "editor"])
        .run()
        .expect(0);
    for part in [
        "wordpress: its API answers",
        "\"Our photos\"",
        "1 that everybody may see",
    ] {
        assert!(output.stdout.contains(part), "{part}: {output}");
    }
    output.says(&[
        "authorize-application.php",
        "WP_APP_PASSWORD",
        ".env",
        "altfill check",
    ]);
    let written = settings(&workspace);
    assert_eq!(written["site"]["preset"].as_str(), Some("wordpress"));
    assert_eq!(
        written["site"]["base_url"].as_str(),
        Some(cms.url().as_str())
    );
    std::fs::remove_file(workspace.path("pipeline.toml")).expect("it was written");
    let output = init(&workspace, &[&cms.url(), "--user", "editor"])
        .env("WP_APP_PASSWORD", SITE_TOKEN)
        .run()
        .expect(0);
    assert!(
        output.stdout.contains("ok       site.may_write"),
        "{output}"
    );
    assert!(
        !workspace.everything().contains(SITE_TOKEN),
        "a secret was written"
    );
    check_accepts(&workspace, "WP_APP_PASSWORD", &cms);
}

#[test]
fn drupal_and_strapi_are_known_by_their_apis() {
    let media = json!([{"id": "u-1", "name": "Photo", "file": "f-1",
        "meta": {"alt": "", "title": "", "width": 640, "height": 480}}]);
    // The entry point of a real one names its media types.
    let entry = |call: &Call<'_>, database: &mut Value| match call.what.as_str() {
        "GET /jsonapi" => {
            let links = json!({"media--image": {"href": "x"}, "me": {"href": "x"}});
            Reply::json(
                200,
                &json!({"jsonapi": {"version": "1.0"}, "data": [], "links": links, "meta": {"links": links}}),
            )
        }
        "GET /" => Reply::html(200).with("x-generator", "Drupal 11 (https://www.drupal.org)"),
        what if what.contains("/jsonapi") || what.contains("/files/") => drupal(call, database),
        _ => Reply::html(404),
    };
    let (workspace, cms) = (Workspace::empty(), FakeCms::start(media, entry));
    let output = init(
        &workspace,
        &[&cms.url(), "--user", "editor", "--token-env", "SITE_TOKEN"],
    )
    .env("SITE_TOKEN", SITE_TOKEN)
    .run()
    .expect(0);
    assert!(
        output.stdout.contains("image field field_media_image"),
        "{output}"
    );
    assert_eq!(
        settings(&workspace)["site"]["preset"].as_str(),
        Some("drupal-jsonapi")
    );

    let files = json!([{"id": 1, "name": "Photo", "alternativeText": "", "caption": null,
        "mime": "image/jpeg", "width": 4000, "height": 3000, "size": 1.5, "url": "/uploads/1.jpg"}]);
    let (workspace, cms) = (Workspace::empty(), FakeCms::start(files, strapi));
    let output = init(&workspace, &[&cms.url(), "--token-env", "SITE_TOKEN"])
        .env("SITE_TOKEN", SITE_TOKEN)
        .run()
        .expect(0);
    assert!(
        output.stdout.contains("strapi: its upload plugin answers"),
        "{output}"
    );
    assert!(output.stdout.contains("ok       site.read"), "{output}");
    cms.was_only_read();
}

#[test]
fn a_site_that_nothing_fits_is_guessed_from_one_of_its_lists() {
    let mut library = items(3);
    for (n, item) in library
        .as_array_mut()
        .expect("a list")
        .iter_mut()
        .enumerate()
    {
        item["key"] = json!(format!("k{n}"));
    }
    let (workspace, cms) = (Workspace::empty(), FakeCms::start(library, unheard_of));
    let list = format!("{}/api/items?page=1&limit=2", cms.url());
    let output = init(&workspace, &[&cms.url(), "--list", &list])
        .env("SITE_TOKEN", SITE_TOKEN)
        .run()
        .expect(0);
    for line in ["site.list", "site.read", "site.fields.alt", "site.image"] {
        assert!(
            output.stdout.contains(&format!("ok       {line}")),
            "{line}: {output}"
        );
    }
    let site = &settings(&workspace)["site"];
    assert_eq!(site["list"]["items"].as_str(), Some("/result/items"));
    assert_eq!(
        site["update"]["body"]["texts"]["alternative"].as_str(),
        Some("{alt}")
    );
    check_accepts(&workspace, "SITE_TOKEN", &cms);
}

#[test]
fn what_can_t_be_guessed_is_marked_and_every_such_line_is_named() {
    // A list of objects without anything that looks like an alt text or image.
    let odd = |call: &Call<'_>, _: &mut Value| match call.what.as_str() {
        "GET /things" => Reply::json(
            200,
            &json!({"rows": [{"nr": 1, "words": "x"}, {"nr": 2, "words": "y"}]}),
        ),
        _ => Reply::empty(404),
    };
    let (workspace, cms) = (Workspace::empty(), FakeCms::start(json!(null), odd));
    let output = init(&workspace, &[&format!("{}/things", cms.url())])
        .run()
        .expect(0);
    output.says(&["fill in the lines with FILL IN", "altfill check"]);
    let text = std::fs::read_to_string(workspace.path("pipeline.toml")).expect("settings");
    let open: Vec<usize> = (1..)
        .zip(text.lines())
        .filter(|(_, line)| line.contains("\"FILL IN\""))
        .map(|(n, _)| n)
        .collect();
    assert!(open.len() >= 4, "{text}");
    let checked = altfill(&workspace, &["check"]).expect(1);
    for line in open {
        assert!(
            checked.stdout.contains(&format!("line {line}: `site.")),
            "line {line}: {checked}"
        );
    }
    assert!(checked.stdout.contains("ok       space"), "{checked}");
}

#[test]
fn a_page_that_is_no_api_gives_an_empty_description() {
    let page = |_: &Call<'_>, _: &mut Value| Reply::html(200);
    let (workspace, cms) = (Workspace::empty(), FakeCms::start(json!(null), page));
    let output = init(&workspace, &[&cms.url()]).run().expect(0);
    assert!(output.stdout.contains("no preset fits"), "{output}");
    output.says(&["fill in the lines with FILL IN"]);
    let _ = altfill(&workspace, &["check"]).expect(1);
}

#[test]
fn what_is_no_site_is_said_and_nothing_is_written() {
    for (address, code, says) in [
        ("http://127.0.0.1:9", 1, "connection refused"),
        ("http://127.0.0.1:9/x", 1, "nothing was written"),
        ("ftp://example.org", 2, "is no address of a site"),
        (
            "http://me:s3cret@127.0.0.1:9",
            2,
            "holds a user name or a password",
        ),
        ("/no/such/folder", 2, "there is no folder"),
    ] {
        let workspace = Workspace::empty();
        let output = init(&workspace, &[address]).run().expect(code);
        output.says(&[says]);
        assert!(!format!("{output}").contains("s3cret"), "{output}");
        nothing_was_written(&workspace);
    }
    // Plain HTTP where TLS is expected.
    let cms = FakeCms::start(json!(null), |_, _| Reply::html(200));
    let workspace = Workspace::empty();
    let output = init(&workspace, &[&cms.url().replace("http://", "https://")])
        .run()
        .expect(1);
    output.says(&["its scheme (https or http)"]);
    nothing_was_written(&workspace);
}

#[test]
fn a_folder_of_photos_is_set_up_and_checked() {
    let workspace = Workspace::empty();
    workspace.write("photos/walk.jpg", &*photos::pool()[0]);
    let output = init(&workspace, &["./photos"]).run().expect(0);
    assert!(output.stdout.contains("a folder of photos"), "{output}");
    assert_eq!(
        settings(&workspace)["site"]["preset"].as_str(),
        Some("folder")
    );
    let _ = altfill(&workspace, &["check"]).expect(0);
}

#[test]
fn a_redirect_is_followed_and_the_new_address_is_written() {
    let cms = FakeCms::start(json!(null), wordpress);
    let there = cms.url();
    let front = FakeCms::start(json!(null), move |_, _| {
        Reply::redirect(301, &format!("{there}/"))
    });
    let workspace = Workspace::empty();
    let output = init(&workspace, &[&front.url(), "--user", "editor"])
        .run()
        .expect(0);
    assert!(output.stdout.contains("leads to"), "{output}");
    assert_eq!(
        settings(&workspace)["site"]["base_url"].as_str(),
        Some(cms.url().as_str())
    );
    let circle = FakeCms::start(json!(null), |_, _| Reply::redirect(302, "/again"));
    let output = init(&Workspace::empty(), &[&circle.url()]).run().expect(1);
    output.says(&["without an end"]);
}

#[test]
fn the_album_api_needs_its_list_and_says_which_flag_is_missing() {
    let album = |call: &Call<'_>, _: &mut Value| match call.what.as_str() {
        "GET /album/a/b/get" => Reply::json(200, &json!({"title": "T", "alt": "", "verified": 0})),
        "GET /files/cache/a/b-1280w.jpg" => image(),
        _ => Reply::html(404),
    };
    let (workspace, cms) = (Workspace::empty(), FakeCms::start(json!(null), album));
    let output = init(&workspace, &[&cms.url(), "--preset", "album"])
        .run()
        .expect(2);
    output.says(&["--manifest is missing"]);
    workspace.write("photos.txt", "# ours\na/b\n");
    let output = init(&workspace, &[&cms.url(), "--manifest", "photos.txt"])
        .env("SITE_TOKEN", SITE_TOKEN)
        .run()
        .expect(0);
    assert!(output.stdout.contains("ok       site.image"), "{output}");
    assert_eq!(
        settings(&workspace)["site"]["preset"].as_str(),
        Some("album")
    );
}

#[test]
fn a_model_on_this_machine_that_sees_is_taken() {
    let model = FakeModel::ollama();
    let workspace = Workspace::empty();
    let cms = FakeCms::start(json!(null), |_, _| Reply::html(200));
    // The fake answers as an Ollama does that has one model for pictures.
    let ollama = FakeCms::start(json!(null), |call, _| match call.what.as_str() {
        "GET /api/tags" => Reply::json(
            200,
            &json!({"models": [{"name": "qwen3:8b"}, {"name": "acme-eye:4b"}]}),
        ),
        "POST /api/show" if call.json["model"] == "acme-eye:4b" => {
            Reply::json(200, &json!({"capabilities": ["completion", "vision"]}))
        }
        "POST /api/show" => Reply::json(200, &json!({"capabilities": ["completion"]})),
        _ => Reply::empty(404),
    });
    let output = Program::new(workspace.directory())
        .args(&["init", &cms.url(), "--ollama", &ollama.url()])
        .run()
        .expect(0);
    assert!(
        output
            .stdout
            .contains("acme-eye-4b: acme-eye:4b on this machine"),
        "{output}"
    );
    assert_eq!(settings(&workspace)["model"].as_str(), Some("acme-eye-4b"));
    let listed = altfill(&workspace, &["models", "acme-eye-4b", "--json"]).expect(0);
    assert_eq!(listed.json()[0]["provider"], "ollama");
    assert_eq!(model.count(), 0);
}

#[test]
fn a_person_at_a_terminal_is_asked() {
    let cms = FakeCms::start(json!(null), wordpress);
    let workspace = Workspace::empty();
    let url = cms.url();
    let args = ["init", url.as_str(), "--ollama", "http://127.0.0.1:9"];
    let mut terminal = Terminal::start(workspace.directory(), &args, &[]);
    terminal.shows("The account's name");
    terminal.type_in("editor\r");
    terminal.shows("The variable that holds");
    std::thread::sleep(Duration::from_millis(50));
    terminal.type_in("\r");
    let (code, screen) = terminal.wait();
    assert_eq!(code, Some(0), "{screen}");
    assert_eq!(
        settings(&workspace)["site"]["user"].as_str(),
        Some("editor")
    );
    assert_eq!(
        settings(&workspace)["site"]["token_env"].as_str(),
        Some("WP_APP_PASSWORD")
    );
}

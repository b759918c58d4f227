//! As an owner I trust altfill with a token and a key: they go where they
//! belong, and nowhere else.

use crate::support::http::header;
use crate::support::photos::HIDDEN;
use crate::support::{
    Act, Delivery, FakeModel, FakeSite, MODEL_KEY, Output, Place, Reply, SITE_TOKEN, When,
    Workspace,
};
use serde_json::json;

fn library() -> (FakeSite, FakeModel, Workspace) {
    let (site, model) = (FakeSite::with_photos(6), FakeModel::openai());
    let workspace = Workspace::album(&site, &model);
    (site, model, workspace)
}

/// Fails when a secret is in anything that a run left behind.
fn nothing_leaked(workspace: &Workspace, output: &Output) {
    let left = format!("{output}\n{}", workspace.everything());
    for secret in [SITE_TOKEN, MODEL_KEY] {
        let at = left.find(secret);
        let around = at.map(|at| left[..at].chars().rev().take(80).collect::<String>());
        assert_eq!(at, None, "a secret leaked after (reversed) {around:?}");
    }
}

#[test]
fn no_secret_is_left_behind_by_a_good_run() {
    let (_site, model, workspace) = library();
    let output = workspace.run(&["-vvv", "run", "--json"]).expect(0);
    assert_eq!(output.number("/written"), 6);
    nothing_leaked(&workspace, &output);
    let everything = workspace.everything();
    assert!(
        !everything.contains(HIDDEN),
        "a photo's metadata is in the state"
    );
    for call in model.calls() {
        assert!(!format!("{call:?}").contains(SITE_TOKEN));
    }
}

#[test]
fn no_secret_is_left_behind_when_servers_send_it_back() {
    let (site, model, workspace) = library();
    let echo = json!({"error": {"message": format!("Incorrect API key: {MODEL_KEY}"), "type": "invalid_request_error", "code": "invalid_api_key"}});
    model.script(When::chat().from(3), Act::reply(Reply::json(401, &echo)));
    let output = workspace.run(&["-vvv", "run", "--json"]).expect(1);
    nothing_leaked(&workspace, &output);
    model.behave();
    let page = format!("<html>Forbidden: Authorization: {SITE_TOKEN}</html>");
    site.script(
        When::any(),
        Act::reply(Reply::bytes(401, "text/html", page)),
    );
    let output = workspace.run(&["-vvv", "run", "--json"]).expect(1);
    nothing_leaked(&workspace, &output);
}

#[test]
fn no_secret_is_left_behind_by_broken_connections() {
    let (site, model, workspace) = library();
    model.script(
        When::chat().every(2),
        Act::default().by(Delivery::CutInBody),
    );
    site.script(When::patch().nth(1), Act::reset());
    site.script(When::get().nth(2), Act::cut_in_headers());
    let output = workspace.run(&["-vvv", "run", "--json"]);
    assert!(output.number("/written") > 0);
    nothing_leaked(&workspace, &output);
}

#[test]
fn a_token_does_not_follow_an_image_to_another_server() {
    let (site, _model, workspace) = library();
    let other = FakeSite::with_photos(6);
    for id in site.ids() {
        let (album, name) = id.split_once('/').expect("album and name");
        let album = album.replace(' ', "%20").replace('ü', "%C3%BC");
        let there = format!("{}/files/cache/{album}/{name}-1280w.jpg", other.url());
        site.script(
            When::pixels().photo(&id),
            Act::reply(Reply::redirect(302, &there)),
        );
    }
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/written"), 6);
    assert!(other.count(Place::Pixels) >= 6);
    for request in other.requests() {
        assert_eq!(header(&request.headers, "authorization"), None);
        assert!(!format!("{request:?}").contains(SITE_TOKEN));
    }
}

#[test]
fn an_image_on_another_server_gets_no_token() {
    let (_site, _model, mut workspace) = library();
    let other = FakeSite::with_photos(6);
    let template = format!("{}/files/cache/{{album}}/{{name}}-1280w.jpg", other.url());
    workspace.set("site.pixels", template);
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/written"), 6);
    for request in other.requests() {
        assert_eq!(header(&request.headers, "authorization"), None);
    }
}

/// Some sites show their images to whoever has the token only.
#[test]
fn a_token_for_images_goes_to_the_sites_own_origin_only() {
    let (site, _model, mut workspace) = library();
    workspace.set("site.auth.images", true);
    let other = FakeSite::with_photos(6);
    let away = site.ids()[0].clone();
    let there = format!("{}/files/elsewhere.jpg", other.url());
    site.script(
        When::pixels().photo(&away),
        Act::reply(Reply::redirect(302, &there)),
    );
    let _ = workspace.run(&["run", "--json"]).counted();
    let images = site.requests();
    let mut images = images.iter().filter(|r| r.place == Place::Pixels);
    assert!(images.all(|r| header(&r.headers, "authorization") == Some(SITE_TOKEN)));
    assert!(site.count(Place::Pixels) >= 6);
    assert!(!other.requests().is_empty(), "it was redirected there");
    for request in other.requests() {
        assert_eq!(header(&request.headers, "authorization"), None);
        assert!(!format!("{request:?}").contains(SITE_TOKEN));
    }
}

#[test]
fn api_clients_follow_no_redirect() {
    let (site, model, workspace) = library();
    let other = FakeSite::with_photos(6);
    let there = format!("{}/album/coast/p00001/get", other.url());
    site.script(When::get(), Act::reply(Reply::redirect(307, &there)));
    let output = workspace.run(&["run", "--json"]);
    assert_ne!(output.code, Some(0), "{output}");
    site.behave();
    model.script(When::chat(), Act::reply(Reply::redirect(308, &there)));
    let output = workspace.run(&["run", "--json"]);
    assert_ne!(output.code, Some(0), "{output}");
    assert!(other.requests().is_empty(), "{:?}", other.requests());
}

#[test]
fn a_dotenv_file_gives_secrets_and_does_not_override_the_environment() {
    let (site, model, workspace) = library();
    workspace.write(
        ".env",
        format!("SITE_TOKEN={SITE_TOKEN}\nMODEL_KEY=sk-wrong\n"),
    );
    let program = workspace
        .altfill(&["run", "--json"])
        .without_env("SITE_TOKEN");
    let output = program.run().expect(0);
    assert_eq!(output.number("/written"), 6);
    assert_eq!(site.writes().len(), model.count());
}

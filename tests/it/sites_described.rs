//! As somebody with another CMS I take its preset, or describe it in my settings,
//! and it is served like any other. Against fakes written from documentation.

use crate::support::cms::{Call, FakeCms};
use crate::support::{FakeModel, Reply, SITE_TOKEN, Workspace, photos};
use serde_json::{Value, json};

const MINE: &str = "Grandmother in her garden, laughing";

pub(crate) fn workspace(cms: &FakeCms, model: &FakeModel, preset: &str) -> Workspace {
    let mut workspace = Workspace::empty();
    workspace.add_model("fake", model);
    workspace.set("model", "fake");
    workspace.set("site.preset", preset);
    workspace.set("site.base_url", cms.url());
    workspace.set("site.token_env", "SITE_TOKEN");
    workspace.set("site.recheck", "0s");
    workspace
}

pub(crate) fn image() -> Reply {
    Reply::bytes(200, "image/jpeg", photos::pool()[0].to_vec())
}

fn bearer(call: &Call<'_>) -> bool {
    call.request.header("authorization") == Some(&format!("Bearer {SITE_TOKEN}"))
}

/// Fills, does nothing the second time, and puts everything back.
fn whole_life(cms: &FakeCms, workspace: &Workspace, written: u64) {
    let before = cms.database();
    let first = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(first.number("/written"), written, "{first}");
    let filled = cms.database();
    let second = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(second.number("/site_writes"), 0, "{second}");
    assert_eq!(second.number("/model_calls"), 0, "{second}");
    assert_eq!(cms.database(), filled);
    let run = first.number("/run").to_string();
    let undone = workspace.run(&["undo", &run, "--yes", "--json"]).expect(0);
    assert_eq!(undone.number("/written"), written, "{undone}");
    assert_eq!(cms.database(), before);
}

/// Drupal's JSON:API: pages of fifty at most, items left out after paging, a
/// relationship that is replaced whole.
pub(crate) fn drupal(call: &Call<'_>, database: &mut Value) -> Reply {
    let kind = "application/vnd.api+json";
    let reply = |status, body: Value| Reply::bytes(status, kind, body.to_string());
    // editor:SITE_TOKEN
    let known = call.request.header("authorization")
        == Some("Basic ZWRpdG9yOnNpdGUtdG9rZW4tNWQxZjBjN2E5Yg==");
    let error = |status: u16, detail: &str| {
        reply(
            status,
            json!({"errors": [{"status": status.to_string(), "detail": detail}]}),
        )
    };
    if call.after("GET /files/").is_some() {
        return image();
    }
    let media = database.as_array_mut().expect("a list");
    let show = |item: &Value| {
        let file = &item["file"];
        json!({"type": "media--image", "id": item["id"],
            "attributes": {"name": item["name"], "changed": "2026-11-01T10:00:00+00:00"},
            "relationships": {"field_media_image": {"data": {
                "type": "file--file", "id": file, "meta": item["meta"]}}}})
    };
    let included = |items: &[Value]| -> Vec<Value> {
        let file = |item: &Value| {
            let url = format!("/files/{}.jpg", item["id"].as_str().unwrap_or_default());
            json!({"type": "file--file", "id": item["file"], "attributes":
                {"uri": {"value": "public://x.jpg", "url": url}, "filemime": "image/jpeg", "filesize": 9}})
        };
        items.iter().map(file).collect()
    };
    if call.what == "GET /jsonapi" {
        let links = if known {
            json!({"me": {"href": "x"}})
        } else {
            json!({})
        };
        return reply(200, json!({"data": [], "meta": {"links": links}}));
    }
    if call.what == "GET /jsonapi/media/image" {
        let offset = call.number("page[offset]").unwrap_or(0);
        let limit = call.number("page[limit]").unwrap_or(50).min(50);
        let page: Vec<Value> = media.iter().skip(offset).take(limit).cloned().collect();
        let next = offset + limit;
        let host = call.request.header("host").unwrap_or_default();
        let links = if next < media.len() {
            json!({"next": {"href":
                format!("http://{host}/jsonapi/media/image?page%5Boffset%5D={next}&page%5Blimit%5D={limit}")}})
        } else {
            json!({})
        };
        // What the account may not see is left out after paging.
        let seen: Vec<Value> = page
            .iter()
            .filter(|i| i["hidden"].is_null())
            .cloned()
            .collect();
        return reply(
            200,
            json!({"data": seen.iter().map(show).collect::<Vec<_>>(),
            "included": included(&seen), "links": links}),
        );
    }
    let id = call.what.rsplit('/').next().unwrap_or_default().to_owned();
    let Some(item) = media.iter_mut().find(|item| item["id"] == id.as_str()) else {
        return error(404, "The \"entity\" parameter was not converted.");
    };
    if call.request.method == "PATCH" {
        if !known {
            return error(401, "No authentication credentials provided.");
        }
        if call.request.header("content-type") != Some(kind) {
            return error(415, "Unsupported media type.");
        }
        let data = &call.json["data"];
        let relation = &data["relationships"]["field_media_image"]["data"];
        if data["id"] != item["id"] || relation["id"] != item["file"] {
            return error(
                400,
                "The selected entity does not match the ID in the payload.",
            );
        }
        item["meta"] = relation["meta"].clone();
    }
    let item = item.clone();
    reply(
        200,
        json!({"data": show(&item), "included": included(&[item])}),
    )
}

#[test]
fn a_drupal_archive_is_served_through_its_preset() {
    let meta = |alt: Value| json!({"alt": alt, "title": "", "width": 640, "height": 480});
    let mut media: Vec<Value> = (0..112)
        .map(|n| {
            json!({"id": format!("uuid-{n}"), "name": format!("Photo {n}"),
                "file": format!("file-{n}"), "meta": meta(json!(""))})
        })
        .collect();
    media[3]["meta"] = meta(json!(MINE));
    media[4]["meta"] = meta(Value::Null);
    media[60]["hidden"] = json!(true);
    let (cms, model) = (FakeCms::start(json!(media), drupal), FakeModel::openai());
    let mut workspace = workspace(&cms, &model, "drupal-jsonapi");
    workspace.set("site.user", "editor");
    cms.change(|media| media[4]["meta"]["alt"] = json!(""));
    whole_life(&cms, &workspace, 110);
    assert_eq!(cms.database()[3]["meta"]["alt"], MINE);
    workspace.set("site.user", "somebody");
    let output = workspace.run(&["run", "--json"]).expect(1);
    output.says(&["does not take the token for a logged-in user's"]);
}

/// Strapi 5's upload plugin: everything in one list, changes as a form.
pub(crate) fn strapi(call: &Call<'_>, database: &mut Value) -> Reply {
    if call.after("GET /uploads/").is_some() {
        return image();
    }
    let error = |status: u16, name: &str| {
        Reply::json(
            status,
            &json!({"data": null,
            "error": {"status": status, "name": name, "message": name, "details": {}}}),
        )
    };
    if !bearer(call) {
        return error(401, "UnauthorizedError");
    }
    let files = database.as_array_mut().expect("a list");
    if call.what == "GET /api/upload/files" {
        return Reply::json(200, &json!(files));
    }
    let id = match call.after("GET /api/upload/files/") {
        Some(id) => id.to_owned(),
        None => call.query("id").unwrap_or_default(),
    };
    let id: Option<i64> = id.parse().ok();
    let Some(file) = files.iter_mut().find(|file| file["id"].as_i64() == id) else {
        return error(404, "NotFoundError");
    };
    if call.what == "POST /api/upload" {
        let body = String::from_utf8_lossy(&call.request.body).into_owned();
        let info = body
            .split("name=\"fileInfo\"\r\n\r\n")
            .nth(1)
            .and_then(|rest| rest.split("\r\n--").next());
        let Some(info) = info.and_then(|text| serde_json::from_str::<Value>(text).ok()) else {
            return error(400, "ValidationError");
        };
        file["alternativeText"] = info["alternativeText"].clone();
    }
    Reply::json(200, file)
}

#[test]
fn a_strapi_library_is_served_through_its_preset() {
    let mut files: Vec<Value> = (1..=12)
        .map(|n| {
            json!({"id": n, "name": format!("Photo {n}"), "alternativeText": "", "caption": null,
                "mime": "image/jpeg", "width": 4000, "height": 3000, "size": 1.5,
                "url": format!("/uploads/{n}.jpg"),
                "formats": {"small": {"url": format!("/uploads/small_{n}.jpg"), "width": 500, "height": 375},
                    "large": {"url": format!("/uploads/large_{n}.jpg"), "width": 1024, "height": 768}}})
        })
        .collect();
    files[2]["alternativeText"] = json!(MINE);
    files[5]["mime"] = json!("application/pdf");
    let (cms, model) = (FakeCms::start(json!(files), strapi), FakeModel::openai());
    let workspace = workspace(&cms, &model, "strapi");
    whole_life(&cms, &workspace, 10);
    let images: Vec<String> = cms.requests();
    let images: Vec<&String> = images.iter().filter(|r| r.contains("/uploads/")).collect();
    assert!(images.iter().all(|r| r.contains("/large_")), "{images:?}");
}

/// A CMS that nobody has heard of: bearer token, `page` and `limit`, nested
/// fields, `PATCH /items/{id}`.
pub(crate) fn unheard_of(call: &Call<'_>, database: &mut Value) -> Reply {
    if call.after("GET /img/").is_some() {
        return image();
    }
    if !bearer(call) {
        return Reply::json(401, &json!({"problem": {"text": "Who are you?"}}));
    }
    let items = database.as_array_mut().expect("a list");
    if call.what == "GET /api/items" {
        let (page, limit) = (
            call.number("page").unwrap_or(1),
            call.number("limit").unwrap_or(10),
        );
        let page: Vec<&Value> = items.iter().skip((page - 1) * limit).take(limit).collect();
        return Reply::json(200, &json!({"result": {"items": page}}));
    }
    let id = call.what.rsplit('/').next().unwrap_or_default().to_owned();
    let Some(item) = items.iter_mut().find(|item| item["key"] == id.as_str()) else {
        return Reply::json(404, &json!({"problem": {"text": "No such item."}}));
    };
    if call.request.method == "PATCH" {
        let text = call.json["texts"]["alternative"]
            .as_str()
            .unwrap_or_default();
        if text.len() > 1000 {
            return Reply::json(200, &json!({"problem": {"text": "Too long."}}));
        }
        item["texts"]["alternative"] = json!(text);
        if let Some(by) = call.json["texts"].get("by") {
            item["texts"]["by"] = by.clone();
        }
        return Reply::empty(204);
    }
    Reply::json(200, item)
}

/// The description of it, as somebody would write it.
pub(crate) const UNHEARD_OF: &str = r#"
[auth]
scheme = "bearer"
[list]
url    = "/api/items"
query  = { page = "{page}", limit = "{limit}" }
paging = "page"
limit  = 25
items  = "/result/items"
id     = "/key"
[read]
url = "/api/items/{id}"
[update]
url  = "/api/items/{id}"
body = { texts = { alternative = "{alt}", by = "{tag}" } }
[fields]
alt   = "/texts/alternative"
title = { html = "/texts/heading" }
[image]
url = "/file/href"
[tag]
pointer = "/texts/by"
machine = { write = { robot = true }, read = [{ robot = true }] }
person  = { write = { robot = false }, read = [{ robot = false }] }
unset   = "nobody"
[errors]
message = "/problem/text"
present = "/problem"
"#;

pub(crate) fn items(n: usize) -> Value {
    (0..n)
        .map(|n| {
            json!({"key": format!("k {n}/ä"), "file": {"href": format!("img/{n}.jpg")},
                "texts": {"heading": "<b>A</b> walk", "alternative": "", "by": "nobody"}})
        })
        .collect()
}

pub(crate) fn describe(workspace: &mut Workspace, description: &str) {
    let table: toml::Table = description.parse().expect("a description is TOML");
    for (key, value) in table {
        workspace.set(&format!("site.{key}"), value);
    }
}

#[test]
fn a_cms_that_nobody_has_heard_of_is_described_in_thirty_lines() {
    assert!(UNHEARD_OF.trim().lines().count() <= 30);
    let mut library = items(60);
    library[7]["texts"]["alternative"] = json!(MINE);
    // The key has a slash, so the fake splits the path behind the last one.
    for (n, item) in library
        .as_array_mut()
        .expect("a list")
        .iter_mut()
        .enumerate()
    {
        item["key"] = json!(format!("k {n} ä"));
    }
    let (cms, model) = (FakeCms::start(library, unheard_of), FakeModel::openai());
    let mut workspace = workspace(&cms, &model, "rest");
    describe(&mut workspace, UNHEARD_OF);
    whole_life(&cms, &workspace, 59);
    let lists = cms.requests().into_iter().filter(|r| r == "GET /api/items");
    // Three pages and an empty one, in each of two runs.
    assert_eq!(lists.count(), 8);
    assert!(
        model
            .calls()
            .iter()
            .all(|call| call.prompt.contains("A walk"))
    );
}

#[test]
fn a_wrong_line_of_a_description_is_named() {
    let (cms, model) = (FakeCms::start(items(3), unheard_of), FakeModel::openai());
    for (from, to, code, says) in [
        (
            "paging = \"page\"",
            "paging = \"pages\"",
            2,
            vec!["site.list.paging", "line", "unknown variant"],
        ),
        (
            "\"/result/items\"",
            "\"/items\"",
            1,
            vec!["nothing at \"/items\"", "it has: result", "site.list.items"],
        ),
        (
            "\"/key\"",
            "\"/id\"",
            1,
            vec![
                "no id at \"/id\"",
                "it has: key, file, texts",
                "site.list.id",
            ],
        ),
        (
            "page = \"{page}\"",
            "p = \"{page}\"",
            1,
            vec!["page 2 has the same items", "site.list"],
        ),
        (
            "url    = \"/api/items\"",
            "url    = \"/api\"",
            1,
            vec!["404"],
        ),
    ] {
        let mut workspace = workspace(&cms, &model, "rest");
        let changed = UNHEARD_OF
            .replace(from, to)
            .replace("limit  = 25", "limit  = 2");
        assert_ne!(
            changed,
            UNHEARD_OF.replace("limit  = 25", "limit  = 2"),
            "{from}"
        );
        describe(&mut workspace, &changed);
        let output = workspace.run(&["run", "--json"]).expect(code);
        output.says(&says);
    }
}

#[test]
fn a_success_with_an_error_in_it_is_a_failure_in_the_sites_words() {
    let (cms, model) = (FakeCms::start(items(1), unheard_of), FakeModel::openai());
    cms.change(|items| items[0]["key"] = json!("k"));
    let mut workspace = workspace(&cms, &model, "rest");
    describe(&mut workspace, UNHEARD_OF);
    let long = "word ".repeat(300);
    let output = workspace
        .run(&["fix", "k", "--text", &long, "--json"])
        .expect(3);
    output.says(&["Too long."]);
    assert_eq!(cms.database()[0]["texts"]["alternative"], "");
}

#[test]
fn an_image_on_another_machine_of_the_private_network_is_not_fetched() {
    for address in [
        "http://10.0.0.7/x.jpg",
        "http://169.254.169.254/meta",
        "file:///etc/passwd",
    ] {
        let (cms, model) = (FakeCms::start(items(1), unheard_of), FakeModel::openai());
        cms.change(|items| {
            items[0]["key"] = json!("k");
            items[0]["file"]["href"] = json!(address);
        });
        let mut workspace = workspace(&cms, &model, "rest");
        describe(&mut workspace, UNHEARD_OF);
        let output = workspace.run(&["run", "--json"]).expect(3).counted();
        assert_eq!(
            (output.number("/failed"), model.count()),
            (1, 0),
            "{output}"
        );
        output.says(&["the image's address"]);
    }
}

#[test]
fn ids_that_would_leave_their_folder_are_left_out_and_told() {
    let (cms, model) = (FakeCms::start(items(3), unheard_of), FakeModel::openai());
    cms.change(|items| {
        items[0]["key"] = json!("..");
        items[1]["key"] = json!("a\nb");
        items[2]["key"] = json!("fine");
    });
    let mut workspace = workspace(&cms, &model, "rest");
    describe(&mut workspace, UNHEARD_OF);
    let output = workspace.run(&["run", "--json"]).expect(3).counted();
    assert_eq!(output.number("/failed"), 2, "{output}");
    assert_eq!(output.number("/written"), 1);
    assert!(
        cms.requests()
            .iter()
            .all(|r| !r.contains("..") && !r.contains('\n'))
    );
}

/// GraphQL, as Craft has it: one address, errors with status 200.
fn graphql(call: &Call<'_>, database: &mut Value) -> Reply {
    if call.after("GET /img/").is_some() {
        return image();
    }
    let variables = &call.json["variables"];
    let query = call.json["query"].as_str().unwrap_or_default();
    let assets = database.as_array_mut().expect("a list");
    let data = if query.contains("assets(") {
        let (limit, offset) = (&variables["limit"], &variables["offset"]);
        let (Some(limit), Some(offset)) = (limit.as_u64(), offset.as_u64()) else {
            return Reply::json(200, &json!({"errors": [{"message": "Int expected"}]}));
        };
        let page = assets.iter().skip(offset as usize).take(limit as usize);
        json!({"assets": page.collect::<Vec<_>>()})
    } else {
        let wanted = &variables["id"];
        let Some(asset) = assets.iter_mut().find(|asset| asset["id"] == *wanted) else {
            return Reply::json(200, &json!({"errors": [{"message": "No such asset"}]}));
        };
        if let Some(alt) = variables.get("alt") {
            asset["alt"] = alt.clone();
        }
        json!({"asset": asset})
    };
    Reply::json(200, &json!({"data": data}))
}

#[test]
fn a_graphql_site_can_be_described_too() {
    let assets: Value = (0..7)
        .map(|n| json!({"id": n.to_string(), "title": format!("Asset {n}"), "alt": "", "url": format!("/img/{n}.jpg")}))
        .collect();
    let (cms, model) = (FakeCms::start(assets, graphql), FakeModel::openai());
    let mut workspace = workspace(&cms, &model, "rest");
    describe(
        &mut workspace,
        r#"
        [list]
        method = "POST"
        url    = "/api"
        paging = "offset"
        limit  = 3
        items  = "/data/assets"
        id     = "/id"
        [list.body]
        query     = "query($limit: Int, $offset: Int) {{ assets(kind: \"image\", limit: $limit, offset: $offset) {{ id title alt url }} }}"
        variables = { limit = "{limit}", offset = "{offset}" }
        [read]
        method = "POST"
        url    = "/api"
        item   = "/data/asset"
        body   = { query = "query($id: ID!) {{ asset(id: $id) {{ id title alt url }} }}", variables = { id = "{id}" } }
        [update]
        method = "POST"
        url    = "/api"
        item   = "/data/asset"
        body   = { query = "mutation($id: ID!, $alt: String) {{ save(id: $id, alt: $alt) {{ id alt }} }}", variables = { id = "{id}", alt = "{alt}" } }
        [fields]
        alt   = "/alt"
        title = "/title"
        [image]
        url = "/url"
        [errors]
        message = "/errors/0/message"
        present = "/errors"
        means   = [{ status = 200, code = "busy", is = "retry" }]
        "#,
    );
    whole_life(&cms, &workspace, 7);
}

#[test]
fn a_check_says_what_each_line_finds_and_writes_nothing() {
    let (cms, model) = (FakeCms::start(items(2), unheard_of), FakeModel::openai());
    cms.change(|items| items[0]["key"] = json!("k"));
    let before = cms.database();
    let mut workspace = workspace(&cms, &model, "rest");
    describe(&mut workspace, UNHEARD_OF);
    let output = workspace.run(&["check"]).expect(0);
    for line in [
        "ok site.list",
        "the first photo is k;",
        "ok site.fields.title \"A walk\"",
        "ok site.tag",
        "\"/texts/by\" is \"nobody\", which means that nobody",
        "bytes of image/jpeg from img/0.jpg",
        "ok picture a model gets it with",
    ] {
        let words: Vec<&str> = output.stdout.split_whitespace().collect();
        assert!(words.join(" ").contains(line), "{line}: {output}");
    }
    let wrong = UNHEARD_OF
        .replace("/texts/heading", "/texts/title")
        .replace("/file/href", "/file");
    describe(&mut workspace, &wrong);
    let output = workspace.run(&["check", "k"]).expect(1);
    for line in [
        "-- site.fields.title nothing at \"/texts/title\" (\"/texts\" has: heading, alternative,",
        "problem site.image",
        "the site names none; check site.image.url",
    ] {
        let words: Vec<&str> = output.stdout.split_whitespace().collect();
        assert!(words.join(" ").contains(line), "{line}: {output}");
    }
    assert!(
        cms.requests()
            .iter()
            .all(|request| request.starts_with("GET"))
    );
    assert_eq!((cms.database(), model.count()), (before, 0));
}

//! The fakes themselves: they do what the other tests rely on. They are asked
//! over plain sockets, so that nothing retries or tidies up in between.

use crate::support::photos::{self, Metadata};
use crate::support::{
    Act, Author, Cleaning, Delivery, Fail, FakeModel, FakePhoto, FakeSite, Library, MODEL_KEY,
    PatchReply, Place, Reply, SITE_TOKEN, Say, When, Workspace,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// What came back before the connection ended.
#[derive(Debug)]
struct Heard {
    raw: Vec<u8>,
    error: Option<ErrorKind>,
}

impl Heard {
    fn status(&self) -> u16 {
        let head = self.raw.get(9..12).expect("a status line");
        String::from_utf8_lossy(head).parse().expect("a status")
    }

    fn body(&self) -> &[u8] {
        let end = self.raw.windows(4).position(|four| four == b"\r\n\r\n");
        &self.raw[end.expect("headers that end") + 4..]
    }

    fn json(&self) -> Value {
        serde_json::from_slice(self.body()).expect("a JSON body")
    }

    fn says(&self, text: &str) -> bool {
        String::from_utf8_lossy(&self.raw).contains(text)
    }
}

/// How long an answer may take; far above what it needs.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long to wait for an answer that never comes.
const IMPATIENCE: Duration = Duration::from_millis(300);

fn ask(server: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Heard {
    ask_within(PATIENCE, server, method, path, headers, body)
}

fn ask_within(
    patience: Duration,
    server: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Heard {
    let address = server.trim_start_matches("http://");
    let mut start = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
    for (name, value) in headers {
        start.extend([name, ": ", value, "\r\n"]);
    }
    start.extend(["content-length: ", &body.len().to_string(), "\r\n\r\n"]);
    let mut heard = Heard {
        raw: Vec::new(),
        error: None,
    };
    let outcome = TcpStream::connect(address).and_then(|mut stream| {
        stream.set_read_timeout(Some(patience))?;
        stream.write_all(start.as_bytes())?;
        stream.write_all(body)?;
        stream.read_to_end(&mut heard.raw)
    });
    heard.error = outcome.err().map(|error| error.kind());
    heard
}

const TOKEN: (&str, &str) = ("authorization", SITE_TOKEN);
const JSON: (&str, &str) = ("content-type", "application/json");

fn get(site: &FakeSite, id: &str) -> Heard {
    get_within(PATIENCE, site, id)
}

fn get_within(patience: Duration, site: &FakeSite, id: &str) -> Heard {
    ask_within(
        patience,
        &site.url(),
        "GET",
        &format!("/album/{id}/get"),
        &[TOKEN],
        b"",
    )
}

fn patch(site: &FakeSite, id: &str, body: &Value) -> Heard {
    let path = format!("/album/{id}/patch");
    ask(
        &site.url(),
        "PATCH",
        &path,
        &[TOKEN, JSON],
        body.to_string().as_bytes(),
    )
}

fn small_site() -> FakeSite {
    let site = FakeSite::start();
    site.add("a/one", FakePhoto::new("One"));
    site.add("a/two", FakePhoto::new("Two").alt("Two dogs").verified(1));
    site
}

#[test]
fn a_site_reads_and_changes_photos() {
    let site = small_site();
    let heard = get(&site, "a/one");
    assert_eq!(heard.status(), 200);
    assert_eq!(
        heard.json(),
        json!({"title": "One", "alt": "", "caption": ""})
    );
    let heard = patch(&site, "a/one", &json!({"alt": "A dog", "verified": 0}));
    assert_eq!(heard.json()["alt"], "A dog");
    assert_eq!(site.alt("a/one"), "A dog");
    assert_eq!(site.verified("a/one"), Some(json!(0)));
    let writes = site.writes();
    assert_eq!(writes.len(), 1);
    assert_eq!(writes[0].before["alt"], "");
    assert_eq!(writes[0].after["alt"], "A dog");
    assert_eq!(site.requests()[1].status, Some(200));
    assert_eq!(site.requests()[1].body["verified"], 0);
    assert_eq!(site.count(Place::Get), 1);
}

#[test]
fn a_site_refuses_what_the_api_does_not_know() {
    let site = small_site();
    assert_eq!(
        ask(&site.url(), "GET", "/album/a/one/get", &[], b"").status(),
        401
    );
    let bearer = [("authorization", "Bearer site-token-5d1f0c7a9b")];
    assert_eq!(
        ask(&site.url(), "GET", "/album/a/one/get", &bearer, b"").status(),
        401
    );
    assert_eq!(get(&site, "a/none").status(), 404);
    assert_eq!(
        patch(&site, "a/one", &json!({"alt": "x", "colour": 1})).status(),
        400
    );
    assert_eq!(patch(&site, "a/one", &json!(["alt"])).status(), 400);
    assert_eq!(
        ask(&site.url(), "POST", "/album/a/one/get", &[TOKEN], b"").status(),
        405
    );
    assert!(site.writes().is_empty());
}

#[test]
fn a_site_decodes_names_and_serves_images() {
    let site = FakeSite::with_photos(12);
    assert_eq!(get(&site, "city%20walks/p00002").status(), 200);
    assert_eq!(get(&site, "K%C3%BCste/p00004").status(), 200);
    let path = "/files/cache/coast/p00001-1280w.jpg";
    let image = ask(&site.url(), "GET", path, &[], b"");
    assert_eq!(image.body(), &*photos::pool()[1]);
    let head = ask(&site.url(), "HEAD", path, &[], b"");
    assert!(head.says("etag: \"") && head.body().is_empty());
    site.add("a/none", FakePhoto::new("None").no_pixels());
    assert_eq!(
        ask(
            &site.url(),
            "GET",
            "/files/cache/a/none-1280w.jpg",
            &[],
            b""
        )
        .status(),
        404
    );
    assert_eq!(site.requests()[1].photo.as_deref(), Some("Küste/p00004"));
}

#[test]
fn a_site_breaks_connections_on_command() {
    let site = small_site();
    let acts = [
        Act::reset(),
        Act::cut_in_headers(),
        Act::cut_in_body(),
        Act::never(),
        Act::half_body(),
        Act::default().by(Delivery::EndInBody),
        Act::default().by(Delivery::StallInBody),
    ];
    let heard: Vec<Heard> = (1..=8)
        .map(|n| {
            let act = acts.get(n - 1).cloned().unwrap_or_default();
            let silent = matches!(act.delivery, Delivery::Never | Delivery::StallInBody);
            site.script(When::get().nth(1), act);
            let heard = get_within(if silent { IMPATIENCE } else { PATIENCE }, &site, "a/one");
            // One that nobody waited for may not have been read yet.
            let end = Instant::now() + PATIENCE;
            while site.count(Place::Get) < n {
                assert!(Instant::now() < end, "request {n} never arrived");
                std::thread::sleep(Duration::from_millis(1));
            }
            site.behave();
            heard
        })
        .collect();
    assert_eq!(heard[0].error, Some(ErrorKind::ConnectionReset));
    assert!(heard[0].raw.is_empty());
    assert_eq!(heard[1].error, Some(ErrorKind::ConnectionReset));
    assert!(!heard[1].raw.is_empty() && !heard[1].says("\r\n\r\n"));
    assert_eq!(heard[2].error, Some(ErrorKind::ConnectionReset));
    assert!(heard[2].says("\r\n\r\n{"));
    assert_eq!(heard[3].error, Some(ErrorKind::WouldBlock));
    assert!(heard[3].raw.is_empty());
    assert!(serde_json::from_slice::<Value>(heard[4].body()).is_err());
    assert_eq!(heard[4].error, None);
    assert!(heard[5].error.is_none() && heard[5].body().len() < 30);
    assert_eq!(heard[6].error, Some(ErrorKind::WouldBlock));
    assert_eq!(heard[7].json()["title"], "One");
}

#[test]
fn a_site_can_lose_the_reply_to_a_change_or_only_pretend_to_make_it() {
    let site = small_site();
    site.script(When::patch().photo("a/one"), Act::lose_reply());
    site.script(When::patch().photo("a/two"), Act::keep_old());
    let heard = patch(&site, "a/one", &json!({"alt": "A dog"}));
    assert_eq!(heard.error, Some(ErrorKind::ConnectionReset));
    assert_eq!(site.alt("a/one"), "A dog");
    let heard = patch(&site, "a/two", &json!({"alt": "A cat"}));
    assert_eq!(heard.json()["alt"], "Two dogs");
    assert_eq!(site.alt("a/two"), "Two dogs");
    assert_eq!(site.writes().len(), 2);
}

#[test]
fn a_site_cleans_texts_and_answers_in_several_styles() {
    let site = small_site();
    site.cleans(&[
        Cleaning::StripTags,
        Cleaning::Collapse,
        Cleaning::Trim,
        Cleaning::Shorten(9),
    ]);
    patch(
        &site,
        "a/one",
        &json!({"alt": " A <b>red</b>\n\t dog here"}),
    );
    assert_eq!(site.alt("a/one"), "A red dog");
    for (style, status, length) in [
        (PatchReply::NoContent, 204, 0..1),
        (PatchReply::Empty, 200, 0..1),
        (PatchReply::Html, 200, 50..500),
    ] {
        site.patch_reply(style);
        let heard = patch(&site, "a/one", &json!({"alt": "A cat"}));
        assert_eq!(heard.status(), status);
        assert!(length.contains(&heard.body().len()), "{heard:?}");
    }
}

#[test]
fn a_site_with_versions_refuses_a_stale_change() {
    let site = small_site();
    site.with_etags();
    assert!(get(&site, "a/one").says("etag: \"v1\""));
    site.edit_by_person("a/one", "A person's text", None);
    let headers = [TOKEN, JSON, ("if-match", "\"v1\"")];
    let body = json!({"alt": "A dog"}).to_string();
    let heard = ask(
        &site.url(),
        "PATCH",
        "/album/a/one/patch",
        &headers,
        body.as_bytes(),
    );
    assert_eq!(heard.status(), 412);
    assert_eq!(site.alt("a/one"), "A person's text");
}

#[test]
fn a_person_edits_between_two_requests() {
    let site = small_site();
    let second = When::get().photo("a/one").nth(2);
    site.edit_after(second, "a/one", "By hand", Some(json!(1)));
    site.after(When::patch(), |library: &mut Library| {
        library.remove("a/two");
    });
    let texts: Vec<Value> = (0..3)
        .map(|_| get(&site, "a/one").json()["alt"].clone())
        .collect();
    assert_eq!(texts, ["", "", "By hand"]);
    let history = site.history();
    assert_eq!(history.len(), 1);
    assert_eq!(history[0].author, Author::Person);
    assert_eq!(history[0].after["verified"], 1);
    patch(&site, "a/one", &json!({"verified": 0}));
    assert_eq!(get(&site, "a/two").status(), 404);
}

#[test]
fn rules_count_only_what_fits_them() {
    let site = small_site();
    let busy = Act::reply(Reply::html(429).with("retry-after", "1"));
    site.script(When::get().every(3), busy);
    site.script(
        When::get().photo("a/two").from(2),
        Act::reply(Reply::html(401)),
    );
    site.script(
        When::any().between(Duration::ZERO, Duration::ZERO),
        Act::never(),
    );
    let ids = [
        "a/one", "a/two", "a/one", "a/one", "a/two", "a/two", "a/one",
    ];
    let statuses: Vec<u16> = ids.iter().map(|id| get(&site, id).status()).collect();
    assert_eq!(statuses, [200, 200, 429, 200, 401, 429, 200]);
    site.behave();
    site.script(
        When::get().nth_of_each_photo(1),
        Act::reply(Reply::html(500)),
    );
    let statuses: Vec<u16> = ids[..4].iter().map(|id| get(&site, id).status()).collect();
    assert_eq!(statuses, [500, 500, 200, 200]);
}

#[test]
fn a_server_that_is_down_refuses_connections_and_comes_back() {
    let site = small_site();
    assert_eq!(get(&site, "a/one").status(), 200);
    site.down_for(Duration::from_secs(5));
    assert_eq!(
        get(&site, "a/one").error,
        Some(ErrorKind::ConnectionRefused)
    );
    let end = Instant::now() + PATIENCE;
    while get(&site, "a/one").error.is_some() {
        assert!(Instant::now() < end, "the site never came back");
    }
    assert_eq!(get(&site, "a/one").status(), 200);
    let url = site.url();
    drop(site);
    while ask(&url, "GET", "/", &[], b"").error != Some(ErrorKind::ConnectionRefused) {
        assert!(Instant::now() < end, "the site never went away");
    }
}

fn picture() -> String {
    STANDARD.encode(photos::photo(9, 320, 200, Metadata::None))
}

fn openai_request(image: &str) -> Value {
    let url = format!("data:image/jpeg;base64,{image}");
    json!({"model": "m", "max_completion_tokens": 100, "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [
            {"type": "image_url", "image_url": {"url": url}},
            {"type": "text", "text": "Describe."},
        ]},
    ]})
}

fn ollama_request(image: &str) -> Value {
    json!({"model": "m", "stream": false, "options": {"num_predict": 100},
        "messages": [{"role": "user", "content": "Describe.", "images": [image]}]})
}

fn anthropic_request(image: &str) -> Value {
    let source = json!({"type": "base64", "media_type": "image/jpeg", "data": image});
    json!({"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": [
        {"type": "image", "source": source}, {"type": "text", "text": "Describe."}]}]})
}

fn gemini_request(image: &str) -> Value {
    json!({"generationConfig": {"maxOutputTokens": 100}, "contents": [{"role": "user", "parts": [
        {"inlineData": {"mimeType": "image/jpeg", "data": image}}, {"text": "Describe."}]}]})
}

fn chat(model: &FakeModel, path: &str, body: &Value) -> Heard {
    chat_within(PATIENCE, model, path, body)
}

fn chat_within(patience: Duration, model: &FakeModel, path: &str, body: &Value) -> Heard {
    let bearer = format!("Bearer {MODEL_KEY}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("x-api-key", MODEL_KEY),
        ("x-goog-api-key", MODEL_KEY),
        ("anthropic-version", "2023-06-01"),
        JSON,
    ];
    ask_within(
        patience,
        &model.url(),
        "POST",
        path,
        &headers,
        body.to_string().as_bytes(),
    )
}

const OPENAI: &str = "/v1/chat/completions";
const OLLAMA: &str = "/api/chat";
const ANTHROPIC: &str = "/v1/messages";
const GEMINI: &str = "/v1beta/models/m:generateContent";

type Face = (FakeModel, &'static str, fn(&str) -> Value, &'static str);

/// Every face: server, path, a good request, and where its reply has the text.
fn faces() -> [Face; 4] {
    [
        (
            FakeModel::openai(),
            OPENAI,
            openai_request,
            "/choices/0/message/content",
        ),
        (
            FakeModel::ollama(),
            OLLAMA,
            ollama_request,
            "/message/content",
        ),
        (
            FakeModel::anthropic(),
            ANTHROPIC,
            anthropic_request,
            "/content/0/text",
        ),
        (
            FakeModel::gemini(),
            GEMINI,
            gemini_request,
            "/candidates/0/content/parts/0/text",
        ),
    ]
}

#[test]
fn every_model_captions_each_call_differently_and_keeps_a_log() {
    for (model, path, request, text_at) in faces() {
        let good = request(&picture());
        let texts: Vec<Value> = (0..2)
            .map(|_| chat(&model, path, &good).json().pointer(text_at).cloned())
            .map(|text| text.expect("a text where the documentation says"))
            .collect();
        assert_ne!(texts[0], texts[1], "{path}");
        assert!(
            texts[0]
                .as_str()
                .expect("a text")
                .starts_with("A test scene with ")
        );
        let calls = model.calls();
        assert_eq!(calls.len(), 2, "{path}");
        assert_eq!(calls[1].caption.as_deref(), texts[1].as_str());
        assert!(calls[0].prompt.ends_with("Describe."));
        assert_eq!(calls[0].model, "m");
        assert!(calls[0].tokens.input > 50 && calls[0].tokens.output > 5);
        let facts = model.image(calls[0].image.as_deref().expect("an image"));
        let facts = facts.expect("a decoded image");
        assert_eq!((facts.width, facts.height), (320, 200));
        assert!(facts.metadata.is_empty());
        assert_eq!(model.violations(), Vec::<String>::new());
        assert_eq!(model.most_in_flight(), 1);
    }
}

#[test]
fn every_model_refuses_damaged_and_badly_encoded_images() {
    let whole = photos::photo(9, 320, 200, Metadata::None);
    let mut folded = STANDARD.encode(&whole);
    folded.insert(76, '\n');
    let bad = [
        STANDARD.encode(photos::truncated(&whole)),
        STANDARD.encode(photos::png(1)),
        STANDARD.encode(b""),
        folded,
        STANDARD.encode(&whole).trim_end_matches('=').to_owned() + "A",
    ];
    for (model, path, request, _) in faces() {
        for image in &bad {
            assert_eq!(chat(&model, path, &request(image)).status(), 400, "{path}");
        }
        assert_eq!(model.violations().len(), bad.len());
        assert_eq!(model.count(), 0);
    }
}

#[test]
fn metadata_in_an_uploaded_image_is_noticed() {
    let model = FakeModel::openai();
    for (seed, metadata, segments) in [
        (1, Metadata::TurnedWithGps, vec!["APP1"]),
        (2, Metadata::Comment, vec!["COM", "APP13", "APP2"]),
    ] {
        let file = photos::photo(seed, 64, 64, metadata);
        chat(&model, OPENAI, &openai_request(&STANDARD.encode(file)));
        let calls = model.calls();
        let hash = calls[calls.len() - 1].image.clone().expect("an image");
        assert_eq!(model.image(&hash).expect("decoded").metadata, segments);
    }
}

#[test]
fn openai_is_strict_about_keys_and_fields() {
    let model = FakeModel::openai();
    let heard = ask(&model.url(), "POST", OPENAI, &[JSON], b"{}");
    assert_eq!(heard.status(), 401);
    assert_eq!(heard.json()["error"]["code"], "invalid_api_key");
    let good = openai_request(&picture());
    let mut faults = Vec::new();
    for (key, value) in [
        ("top_k", json!(5)),
        ("stream", json!(true)),
        ("max_tokens", json!(5)),
    ] {
        let mut request = good.clone();
        request[key] = value;
        faults.push(request);
    }
    for key in ["max_completion_tokens", "model", "messages"] {
        let mut request = good.clone();
        request
            .as_object_mut()
            .expect("an object")
            .shift_remove(key);
        faults.push(request);
    }
    let mut bare = good.clone();
    bare["messages"][1]["content"][0]["image_url"]["url"] = json!(picture());
    faults.push(bare);
    for request in &faults {
        assert_eq!(
            chat(&model, OPENAI, request).status(),
            400,
            "{request:.200}"
        );
    }
    model.refuses_setting("temperature");
    let mut warm = good;
    warm["temperature"] = json!(0);
    assert_eq!(
        chat(&model, OPENAI, &warm).json()["error"]["code"],
        "unsupported_parameter"
    );
    assert_eq!(model.violations().len(), faults.len() + 2);
}

#[test]
fn ollama_is_strict_about_streams_caps_and_data_urls() {
    let model = FakeModel::ollama();
    let good = ollama_request(&picture());
    let mut faults = vec![good.clone(); 5];
    faults[0]
        .as_object_mut()
        .expect("an object")
        .shift_remove("stream");
    faults[1]["options"] = json!({"temperature": 0});
    faults[2]["options"]["temperature"] = json!("0");
    faults[3]["keep_alive"] = json!("300");
    faults[4]["messages"][0]["images"][0] = json!(format!("data:image/jpeg;base64,{}", picture()));
    for request in &faults {
        assert_eq!(
            chat(&model, OLLAMA, request).status(),
            400,
            "{request:.200}"
        );
    }
    let mut unknown = good;
    unknown["options"]["no_such_option"] = json!(1);
    assert_eq!(chat(&model, OLLAMA, &unknown).status(), 200);
}

#[test]
fn every_model_can_fail_and_refuse_in_its_own_words() {
    for (model, path, request, text_at) in faces() {
        let good = request(&picture());
        let fails = [
            (Fail::RateLimit(Some("2".to_owned())), 429),
            (Fail::Internal, 500),
            (Fail::BadImage, 400),
            (Fail::NoModel, 404),
        ];
        for (fail, status) in fails {
            model.behave();
            model.script(When::chat(), Act::fail(fail));
            assert_eq!(chat(&model, path, &good).status(), status, "{path}");
        }
        for say in [Say::Filtered, Say::Empty, Say::Length("Cut".to_owned())] {
            model.behave();
            model.script(When::chat(), Act::say(say));
            let heard = chat(&model, path, &good);
            assert_eq!(heard.status(), 200);
            let json = heard.json();
            let text = json
                .pointer(text_at)
                .and_then(Value::as_str)
                .unwrap_or_default();
            assert!(text.is_empty() || text == "Cut", "{path}: {text}");
        }
        assert!(model.captions().is_empty(), "{path}");
        assert_eq!(model.count(), 7);
    }
}

#[test]
fn a_model_counts_what_is_in_flight_and_how_long_it_takes() {
    let model = FakeModel::openai();
    let latency = Duration::from_secs(6);
    model.latency(latency);
    model.script(When::chat().text("Describe.").nth(5), Act::never());
    let request = openai_request(&picture());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| chat(&model, OPENAI, &request));
        }
    });
    assert_eq!(model.most_in_flight(), 4);
    assert!(model.span() >= latency);
    assert_eq!(
        chat_within(IMPATIENCE, &model, OPENAI, &request).error,
        Some(ErrorKind::WouldBlock)
    );
    let end = Instant::now() + PATIENCE;
    while model.count() < 5 {
        assert!(Instant::now() < end, "the last call never arrived");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(model.calls()[4].status, None);
}

#[test]
fn a_workspace_holds_settings_that_can_be_changed() {
    let (site, model) = (FakeSite::with_photos(3), FakeModel::ollama());
    let mut workspace = Workspace::album(&site, &model);
    workspace.set("run.concurrency", 3);
    workspace.unset("language");
    workspace.set_model("fake", "prompt", json!("Say: what?"));
    let settings = std::fs::read_to_string(workspace.path("pipeline.toml")).expect("a file");
    let settings: toml::Table = settings.parse().expect("TOML");
    assert_eq!(settings["run"]["concurrency"].as_integer(), Some(3));
    assert_eq!(
        settings["site"]["base_url"].as_str(),
        Some(site.url().as_str())
    );
    assert!(!settings.contains_key("language"));
    let models = std::fs::read_to_string(workspace.path("models.yaml")).expect("a file");
    let models: Value = serde_yaml::from_str(&models).expect("YAML");
    assert_eq!(models["fake"]["prompt"], "Say: what?");
    assert_eq!(models["fake"]["base_url"], model.url());
    let manifest = std::fs::read_to_string(workspace.path("photos.txt")).expect("a file");
    assert_eq!(manifest.lines().count(), 4);
    assert!(workspace.everything().contains("Say: what?"));
    assert!(workspace.rows("SELECT 1").is_empty());
}

#[test]
fn a_state_file_in_use_can_be_read() {
    let workspace = Workspace::empty();
    workspace.write("state/altfill.db", "");
    let writer = rusqlite::Connection::open(workspace.path("state/altfill.db")).expect("a file");
    writer
        .execute_batch(
            "PRAGMA journal_mode=WAL; CREATE TABLE t (a, b); INSERT INTO t VALUES (1, 'x');",
        )
        .expect("plain SQL");
    let row = &workspace.rows("SELECT * FROM t")[0];
    assert_eq!(Value::Object(row.clone()), json!({"a": 1, "b": "x"}));
    drop(writer);
    assert_eq!(workspace.rows("SELECT * FROM t").len(), 1);
}

//! As an owner I rely on a model over any connection and behind any proxy:
//! whatever arrives in place of a reply, nothing is lost, asked in circles, or
//! taken for a caption.

use crate::protocol::{Means, Place, Row, are_understood, plain, row, told};
use crate::support::{Act, Delivery, Fail, Reply, When};
use altfill::archive::{Ending, Unanswered};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::Duration;

const PROVIDERS: [&str; 4] = ["openai-compatible", "ollama", "anthropic", "gemini"];

/// Tells the same story of every wire format, all at once: most of the time is
/// spent waiting.
fn on_every_wire_format(story: impl Fn(&str) + Sync) {
    std::thread::scope(|scope| {
        for provider in PROVIDERS {
            let story = &story;
            scope.spawn(move || story(provider));
        }
    });
}

/// What stands in an error's body, in every shape that servers have for it
/// (trap 16), with the words that a person should see of it.
fn shapes() -> Vec<(&'static str, Reply, &'static str)> {
    let of = |value: &Value| Reply::json(0, value);
    vec![
        (
            "an object",
            of(
                &json!({"error": {"message": "strange things", "type": "odd", "param": null, "code": "odd"}}),
            ),
            "strange things",
        ),
        (
            "an object with a number as code",
            of(&json!({"error": {"message": "strange things", "code": 7}})),
            "strange things",
        ),
        (
            "an object with null as code",
            of(&json!({"error": {"message": "strange things", "type": null, "code": null}})),
            "strange things",
        ),
        (
            "a string",
            of(&json!({"error": "strange things"})),
            "strange things",
        ),
        (
            "flat fields",
            of(
                &json!({"object": "error", "message": "strange things", "type": "odd", "code": null}),
            ),
            "strange things",
        ),
        (
            "a detail text",
            of(&json!({"detail": "strange things"})),
            "strange things",
        ),
        (
            "a detail list",
            of(&json!({"detail": [{"loc": ["body"], "msg": "strange things", "type": "odd"}]})),
            "strange things",
        ),
        (
            "a detail list of texts",
            of(&json!({"detail": ["strange things"]})),
            "strange things",
        ),
        (
            "a list of errors",
            of(&json!({"errors": [{"message": "strange things"}]})),
            "strange things",
        ),
        (
            "an array of one",
            of(&json!([{"error": {"code": 7, "message": "strange things", "status": "ODD"}}])),
            "strange things",
        ),
        (
            "plain text",
            Reply::bytes(0, "text/plain", "strange things\n"),
            "strange things",
        ),
        (
            "plain text called JSON",
            Reply::bytes(0, "application/json", "strange\r\nthings"),
            "strange things",
        ),
        (
            "HTML",
            Reply::bytes(
                0,
                "text/html",
                "<html>\n<head><title>strange things</title></head><body><center>nginx</center></body></html>",
            ),
            "strange things",
        ),
        (
            "HTML called JSON",
            Reply::bytes(
                0,
                "application/json",
                "<!DOCTYPE html><h1>strange things</h1>",
            ),
            "strange things",
        ),
        ("nothing", Reply::empty(0), "HTTP"),
        (
            "half a JSON",
            Reply::bytes(0, "application/json", "{\"error\": {\"message\": \"stra"),
            "HTTP",
        ),
        ("other JSON", of(&json!({"ok": false})), "HTTP"),
        ("null", of(&Value::Null), "HTTP"),
        (
            "broken text",
            Reply::bytes(0, "text/plain", vec![b's', 0xff, 0xfe, 0, b'x']),
            "HTTP",
        ),
    ]
}

#[test]
fn an_error_is_taken_for_what_its_status_says_whatever_shape_its_body_has() {
    let mut rows: Vec<Row> = Vec::new();
    for (status, means) in [
        (400, Means::Photo),
        (401, Means::Settings),
        (403, Means::Settings),
        (404, Means::Settings),
        (408, Means::Later),
        (413, Means::Photo),
        (429, Means::Wait(None)),
        (500, Means::Later),
        (502, Means::Later),
        (503, Means::Later),
        (504, Means::Later),
        (529, Means::Later),
    ] {
        for (shape, reply, says) in shapes() {
            let name = format!("{status} with {shape}");
            rows.push(plain(&name, Reply { status, ..reply }, means).says(says));
        }
    }
    for provider in PROVIDERS {
        are_understood(provider, &json!({}), &rows);
    }
}

#[test]
fn what_an_error_says_is_one_line_without_markup() {
    for provider in PROVIDERS {
        let place = Place::new(provider, &json!({}));
        let client = place.client();
        for (number, (shape, reply, _)) in shapes().into_iter().enumerate() {
            let marker = format!("Shape {number:03}.");
            let reply = Reply {
                status: 500,
                ..reply
            };
            place
                .fake
                .script(When::chat().text(&marker), Act::reply(reply));
            let ending = client.hear(&marker).expect("a reply");
            let told = told(&ending);
            assert!(
                !told.contains(['\n', '\r', '<', '\0']),
                "{provider}, {shape}: {told:?}"
            );
        }
    }
}

/// A success without a caption in it: something else answers, or the model
/// broke off. It is asked again or is that photo's; it is never a caption.
#[test]
fn a_success_that_is_no_reply_is_never_a_caption() {
    let text = |body: &str| Reply::bytes(200, "application/json", body);
    let rows = [
        plain("200 empty", Reply::empty(200), Means::Later),
        plain("204 empty", Reply::empty(204), Means::Later),
        plain("200 white space", text(" \n"), Means::Later),
        plain("200 a web page", Reply::html(200), Means::Later).says("base_url"),
        plain(
            "200 plain text",
            text("A brown dog runs along a wet beach."),
            Means::Later,
        ),
        plain(
            "200 half a JSON",
            text("{\"choices\": [{\"mess"),
            Means::Later,
        ),
        plain("200 null", text("null"), Means::Later),
        plain("200 a number", text("7"), Means::Later),
        plain("200 an empty object", text("{}"), Means::Photo),
        plain("200 an empty array", text("[]"), Means::Photo),
        row(
            "200 something else",
            200,
            &json!({"status": "ok"}),
            Means::Photo,
        ),
        row(
            "200 an unexplained error",
            200,
            &json!({"error": {}}),
            Means::Later,
        ),
        row(
            "200 an error in words",
            200,
            &json!({"error": "strange things"}),
            Means::Later,
        )
        .says("strange things"),
        plain(
            "302 to a login page",
            Reply::redirect(302, "/login"),
            Means::Later,
        ),
        plain(
            "308 to a new address",
            Reply::redirect(308, "/v2"),
            Means::Settings,
        )
        .says("base_url"),
    ];
    for provider in PROVIDERS {
        are_understood(provider, &json!({}), &rows);
    }
}

/// Everything that is sent, with a word for the photo: nothing that nobody
/// configured (no structured output, no sampling, no thinking), the photo before
/// the text that speaks of it, and no `data:` where it is refused (trap 10).
#[test]
fn a_request_has_nothing_that_nobody_configured() {
    let (system, text) = ("Write alt text.", "Describe.");
    for (provider, body) in [
        (
            "openai-compatible",
            json!({"model": "fake-vision", "max_tokens": 300, "messages": [
                {"role": "system", "content": system},
                {"role": "user", "content": [
                    {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,IMAGE"}},
                    {"type": "text", "text": text}]}]}),
        ),
        (
            "ollama",
            json!({"model": "fake-vision", "stream": false, "options": {"num_predict": 300}, "keep_alive": "30m", "messages": [
                {"role": "system", "content": system},
                {"role": "user", "content": text, "images": ["IMAGE"]}]}),
        ),
        (
            "anthropic",
            json!({"model": "fake-vision", "max_tokens": 300, "system": system, "messages": [
                {"role": "user", "content": [
                    {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "IMAGE"}},
                    {"type": "text", "text": text}]}]}),
        ),
        (
            "gemini",
            json!({"systemInstruction": {"parts": [{"text": system}]},
                "generationConfig": {"maxOutputTokens": 300},
                "contents": [{"role": "user", "parts": [
                    {"inlineData": {"mimeType": "image/jpeg", "data": "IMAGE"}}, {"text": text}]}]}),
        ),
    ] {
        let place = Place::new(provider, &json!({}));
        let heard = place.client().hear(text);
        assert!(
            matches!(heard, Ok(Ending::Done(_))),
            "{provider}: {heard:?}"
        );
        assert_eq!(place.fake.calls()[0].body, body, "{provider}");
    }
}

/// When a service says when to come back, in all forms in which it is said.
#[test]
fn a_wait_is_read_in_every_form_in_which_services_name_it() {
    let said = |words: &str| json!({"error": {"message": words, "type": "requests", "param": null, "code": "rate_limit_exceeded"}});
    let limited = |name: &str, seconds: f64| {
        row(
            name,
            429,
            &said("Rate limit reached."),
            Means::Wait(Some(seconds)),
        )
        .with("date", "Fri, 31 May 2024 12:00:00 GMT")
    };
    let in_words = |words: &str, seconds| {
        row(
            &format!("in the text: {words}"),
            429,
            &said(words),
            Means::Wait(seconds),
        )
    };
    let rows = [
        limited("retry-after in seconds", 2.0).with("retry-after", "2"),
        limited("retry-after with a fraction", 1.5).with("retry-after", "1.5"),
        limited("retry-after 0", 0.0).with("retry-after", "0"),
        limited("retry-after as an HTTP date", 30.0)
            .with("retry-after", "Fri, 31 May 2024 12:00:30 GMT"),
        limited("retry-after as a date in the past", 0.0)
            .with("retry-after", "Fri, 31 May 2024 11:00:00 GMT"),
        limited("retry-after-ms", 0.25).with("retry-after-ms", "250"),
        limited("retry-after-ms before retry-after", 0.25)
            .with("retry-after", "9")
            .with("retry-after-ms", "250"),
        limited("retry-after before a reset", 2.0)
            .with("retry-after", "2")
            .with("x-ratelimit-reset-requests", "6m0s"),
        limited("an unusable retry-after falls back to the reset", 6.0)
            .with("retry-after", "soon")
            .with("x-ratelimit-reset-requests", "6s"),
        limited("a reset as a duration", 60.5).with("x-ratelimit-reset-tokens", "1m0.5s"),
        limited("a reset as a Unix time", 10.0).with("x-ratelimit-reset", "1717156810"),
        limited("a reset in seconds", 7.0).with("x-ratelimit-reset", "7"),
        limited("a reset as an RFC 3339 time", 20.0)
            .with("anthropic-ratelimit-tokens-remaining", "0")
            .with("anthropic-ratelimit-tokens-reset", "2024-05-31T12:00:20Z"),
        in_words(
            "Limit 3, Used 3, Requested 1. Please try again in 20s. Visit https://x.example/ to learn more.",
            Some(20.0),
        ),
        in_words("Please try again in 6m0s.", Some(360.0)),
        in_words("Please try again in 86ms.", Some(0.086)),
        in_words("Please try again in 7.66s", Some(7.66)),
        in_words("Please retry in 39.5s.", Some(39.5)),
        in_words("Please retry after 26 seconds.", Some(26.0)),
        in_words("Try again in 2 minutes", Some(120.0)),
        in_words("Please try again in 1 second", Some(1.0)),
        in_words("Too many requests, try again later.", None),
        in_words("Please try again in a while.", None),
        in_words("Retry in -5s.", None),
        row(
            "words before a reset of the whole limit",
            429,
            &said("Please try again in 1.2s."),
            Means::Wait(Some(1.2)),
        )
        .with("x-ratelimit-reset-tokens", "6m0s"),
        row(
            "a header before words",
            429,
            &said("Please try again in 9s."),
            Means::Wait(Some(2.0)),
        )
        .with("retry-after", "2"),
        row(
            "no wait at all",
            429,
            &said("Rate limit reached."),
            Means::Wait(None),
        ),
    ];
    are_understood("openai-compatible", &json!({}), &rows);
}

#[test]
fn a_service_may_say_itself_whether_asking_again_helps() {
    let body = json!({"error": {"message": "strange things", "type": "odd"}});
    let rows = [
        row("400 with x-should-retry: true", 400, &body, Means::Later)
            .with("x-should-retry", "true"),
        row("500 with x-should-retry: false", 500, &body, Means::Photo)
            .with("x-should-retry", "false"),
        row("429 with x-should-retry: false", 429, &body, Means::Money)
            .with("x-should-retry", "false"),
        row(
            "429 with x-should-retry: false and a wait",
            429,
            &body,
            Means::Wait(Some(1.0)),
        )
        .with("x-should-retry", "false")
        .with("retry-after", "1"),
    ];
    are_understood("openai-compatible", &json!({}), &rows);
    are_understood("gemini", &json!({}), &rows[..2]);
}

#[test]
fn a_connection_that_breaks_loses_one_reply_and_nothing_else() {
    let broken = [
        ("reset before the first byte", Act::reset()),
        ("reset after the request was worked on", Act::lose_reply()),
        ("cut in the headers", Act::cut_in_headers()),
        ("cut in the body", Act::cut_in_body()),
        (
            "ended politely in the body",
            Act::default().by(Delivery::EndInBody),
        ),
    ];
    // These are lost when their time is over. It is long enough for the next
    // reply on a machine that stands still for a while, and passes at once for
    // both.
    let stalled = [
        (
            "stalled in the body",
            Act::default().by(Delivery::StallInBody),
        ),
        ("no answer at all", Act::never()),
    ];
    on_every_wire_format(|provider| {
        let loses_one_reply = |place: &Place, acts: &[(&str, Act)]| {
            let client = place.client();
            for (name, act) in acts {
                place.fake.script(When::chat().text(name), act.clone());
                let heard = client.hear(name);
                assert!(
                    matches!(heard, Err(Unanswered::Lost(_))),
                    "{provider}, {name}: {heard:?}"
                );
                let next = client.hear("Go on.");
                assert!(
                    matches!(next, Ok(Ending::Done(_))),
                    "{provider} after {name}: {next:?}"
                );
            }
        };
        std::thread::scope(|scope| {
            for act in &stalled {
                scope.spawn(|| {
                    let place = Place::new(provider, &json!({"limits": {"timeout": "9s"}}));
                    loses_one_reply(&place, std::slice::from_ref(act));
                });
            }
            let place = Place::new(provider, &json!({}));
            loses_one_reply(&place, &broken);
            // JSON of half the length in whole HTTP.
            place
                .fake
                .script(When::chat().text("Half."), Act::half_body());
            let heard = place.client().hear("Half.");
            assert!(
                matches!(heard, Ok(Ending::Outage(_))),
                "{provider}: {heard:?}"
            );
        });
    });
}

#[test]
fn a_run_goes_on_after_every_kind_of_broken_reply_on_every_wire_format() {
    on_every_wire_format(|provider| {
        // Both that stall do so at the same time. What is in flight while the
        // machine stands still must not be lost: it would be asked once more.
        let place = Place::new(provider, &json!({"limits": {"timeout": "12s"}}));
        let (site, workspace) = place.library();
        let acts = [
            Act::default().by(Delivery::StallInBody),
            Act::never(),
            Act::reset(),
            Act::lose_reply(),
            Act::cut_in_headers(),
            Act::cut_in_body(),
            Act::default().by(Delivery::EndInBody),
            Act::half_body(),
            Act::fail(Fail::Internal),
            Act::fail(Fail::Overloaded),
            Act::reply(Reply::html(502)),
            Act::reply(Reply::html(200)),
            Act::reply(Reply::empty(504)),
            Act::reply(Reply::empty(200)),
        ];
        site.add_many(acts.len());
        workspace.list(&site);
        for (number, act) in acts.iter().enumerate() {
            let when = When::chat().text(&format!("page {number:04}")).times(1);
            place.fake.script(when, act.clone());
        }
        let output = workspace.run(&["run", "--json"]).counted();
        assert_eq!(output.code, Some(0), "{provider}: {output}");
        let captions = place.fake.captions();
        for (id, alt) in site.alts() {
            assert!(captions.contains(&alt), "{provider}, {id}: {alt:?}");
        }
        assert_eq!(
            place.fake.count(),
            2 * acts.len(),
            "{provider}: each asked once more"
        );
        assert_eq!(workspace.tries(), 0, "{provider}");
    });
}

#[test]
fn nobody_at_the_address_is_told_with_the_address_and_costs_nothing() {
    for provider in PROVIDERS {
        let place = Place::new(provider, &json!({}));
        let client = place.client();
        place.fake.down_for(Duration::from_secs(60));
        let heard = client.hear("Is anybody there?");
        let Err(Unanswered::NotSent(why)) = &heard else {
            panic!("{provider}: {heard:?}")
        };
        let host = place.fake.url();
        assert!(why.contains(&host), "{provider}: {why}");
        assert!(why.contains("refused"), "{provider}: {why}");
        if provider == "ollama" {
            assert!(why.contains("ollama serve"), "{why}");
        }
    }
}

/// Some servers close a connection that was idle for four seconds, perhaps at
/// the very moment at which the next request is on its way.
#[test]
fn a_connection_that_the_server_closes_after_four_idle_seconds_loses_nothing() {
    on_every_wire_format(|provider| {
        let place = Place::new(provider, &json!({}));
        let client = place.client();
        place.fake.longest_idle(Duration::from_millis(3900));
        // Idle connections must leave the pool by themselves, so this can only
        // be seen in real time.
        for pause in [0, 4000, 200] {
            if pause == 200 {
                place.fake.longest_idle(Duration::from_secs(60));
            }
            std::thread::sleep(Duration::from_millis(pause));
            let heard = client.hear("Again.");
            assert!(
                matches!(heard, Ok(Ending::Done(_))),
                "{provider} after {pause} ms: {heard:?}"
            );
        }
    });
}

/// Trap 9: an overloaded Ollama shows itself as a timeout. A request that nobody
/// waits for any more must not go on taking its place in the queue.
#[test]
fn a_request_that_timed_out_is_hung_up_before_the_next_one() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("a bound socket");
    let (tell, told) = mpsc::channel();
    let server = std::thread::spawn(move || {
        let (mut first, _) = listener.accept().expect("a first connection");
        let mut bytes = [0; 4096];
        // The whole request, and then the end of the connection.
        while first.read(&mut bytes).is_ok_and(|read| read > 0) {}
        tell.send(()).expect("the test waits");
        let (second, _) = listener.accept().expect("a second connection");
        answer_ollama(second);
    });
    let base = format!("http://{address}");
    let changes = json!({"base_url": base, "limits": {"timeout": "9s"}});
    let client = Place::new("ollama", &changes).client();
    let heard = client.hear("Describe.");
    assert!(matches!(heard, Err(Unanswered::Lost(_))), "{heard:?}");
    told.recv_timeout(Duration::from_secs(30))
        .expect("the client hangs up, without another request");
    let heard = client.hear("Describe.");
    assert!(matches!(heard, Ok(Ending::Done(_))), "{heard:?}");
    server.join().expect("the server is content");
}

fn answer_ollama(mut stream: TcpStream) {
    let mut request = Vec::new();
    let mut bytes = [0; 4096];
    while !request.ends_with(b"}") {
        let read = stream.read(&mut bytes).expect("a request");
        assert!(read > 0, "the request ends early");
        request.extend_from_slice(&bytes[..read]);
    }
    let body = json!({"model": "m", "message": {"role": "assistant", "content": "A dog."}, "done": true, "done_reason": "stop"}).to_string();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nContent-Type: application/json\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).expect("a listener");
    stream.write_all(body.as_bytes()).expect("a listener");
}

/// Trap 17: what was sent may be billed although its reply was lost, so it is
/// booked at its estimate; what was never sent costs nothing.
#[test]
fn a_lost_reply_is_booked_at_its_estimate() {
    let place = Place::new(
        "openai-compatible",
        &json!({"price": {"input": 10.0, "output": 10.0}}),
    );
    let (site, workspace) = place.library();
    site.add_many(2);
    workspace.list(&site);
    place.fake.script(When::chat().nth(1), Act::cut_in_body());
    let output = workspace
        .run(&["run", "--json", "--concurrency", "1"])
        .expect(0)
        .counted();
    let calls = workspace.rows("SELECT state, cost, estimate FROM calls ORDER BY id");
    assert_eq!(calls.len(), 3);
    assert_eq!(calls[0]["state"], "lost");
    assert_eq!(calls[0]["cost"], calls[0]["estimate"]);
    let total: f64 = calls.iter().filter_map(|call| call["cost"].as_f64()).sum();
    let told = output.json()["cost_usd"].as_f64().expect("a cost");
    assert!((told - total).abs() < 1e-9, "{told} {total}");
    assert!(
        calls
            .iter()
            .all(|call| call["cost"].as_f64().is_some_and(|cost| cost > 0.0))
    );
}

/// Trap 13: a refusal in plain words under HTTP 200 looks like any caption.
#[test]
fn a_refusal_in_plain_words_is_never_published_on_any_wire_format() {
    on_every_wire_format(|provider| {
        let place = Place::new(provider, &json!({}));
        let (site, workspace) = place.library();
        site.add_many(3);
        workspace.list(&site);
        place.fake.script(
            When::chat(),
            Act::text("I'm sorry, but I can't help with describing this image."),
        );
        let output = workspace.run(&["run", "--json"]).expect(0).counted();
        assert_eq!(output.number("/held"), 3, "{provider}: {output}");
        assert!(site.writes().is_empty(), "{provider}");
    });
}

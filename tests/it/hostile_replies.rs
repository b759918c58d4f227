//! As an owner I rely on a run that neither hangs nor eats the machine, whatever a
//! site or a model answers: JSON without end, JSON without bottom, a few kilobytes
//! that unpack to gigabytes.

use crate::support::{Act, FakeModel, FakeSite, Output, Program, Reply, When, Workspace};
use serde_json::json;
use std::process::Command;

/// More than this is more than a run is documented to take.
const MEGABYTES: u64 = 250;

/// Runs altfill and returns how much memory it held at most, in megabytes.
pub(crate) fn measured(program: Program) -> (Output, u64) {
    let mut running = program.spawn();
    let status = format!("/proc/{}/status", running.id());
    let mut peak = 0;
    while !running.has_ended() {
        if let Ok(status) = std::fs::read_to_string(&status) {
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
            peak = peak.max(kilobytes.unwrap_or(0_u64) / 1000);
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    (running.wait(), peak)
}

/// Bytes that gzip makes of so many megabytes of one byte.
fn bomb(megabytes: usize, byte: char) -> Vec<u8> {
    let script = format!("head -c {megabytes}M /dev/zero | tr '\\0' '{byte}' | gzip -9");
    let output = Command::new("/bin/sh").args(["-c", &script]).output();
    output.expect("gzip is there").stdout
}

fn packed(status: u16, bytes: Vec<u8>) -> Reply {
    Reply::bytes(status, "application/json", bytes).with("content-encoding", "gzip")
}

fn hostile() -> Vec<(&'static str, Reply)> {
    let deep = |open: &str, close: &str, n: usize| {
        let text = format!("{}0{}", open.repeat(n), close.repeat(n));
        Reply::bytes(200, "application/json", text)
    };
    let wide = format!("[{}0]", "0,".repeat(3 << 20));
    let long = json!({"alt": "", "title": "x".repeat(7 << 20), "verified": 0});
    let keys: Vec<String> = (0..400_000).map(|n| format!("\"k{n}\":{n},")).collect();
    let keys = keys.concat();
    vec![
        ("arrays without bottom", deep("[", "]", 1 << 20)),
        ("objects without bottom", deep("{\"alt\":", "}", 1 << 20)),
        (
            "a list without end",
            Reply::bytes(200, "application/json", wide),
        ),
        ("a title of megabytes", Reply::json(200, &long)),
        (
            "half a million keys",
            Reply::bytes(200, "application/json", format!("{{{keys}\"alt\":\"\"}}")),
        ),
        (
            "a number without end",
            Reply::bytes(
                200,
                "application/json",
                format!("{{\"alt\":{}}}", "9".repeat(4 << 20)),
            ),
        ),
        ("a gzip bomb", packed(200, bomb(1024, ' '))),
        ("a gzip bomb as an error", packed(422, bomb(1024, '['))),
        ("a gzip bomb as an error page", packed(500, bomb(512, '<'))),
        (
            "a page of one tag",
            Reply::bytes(404, "text/html", "<a ".repeat(1 << 20)),
        ),
        (
            "a page of entities",
            Reply::bytes(
                404,
                "text/html",
                format!("<title>{}</title>", "&amp".repeat(20_000)),
            ),
        ),
    ]
}

#[test]
fn a_site_that_answers_bombs_costs_photos_and_not_the_machine() {
    for (what, reply) in hostile() {
        let (site, model) = (FakeSite::with_photos(6), FakeModel::openai());
        let ids = site.ids();
        for id in &ids[..2] {
            site.script(When::get().photo(id), Act::reply(reply.clone()));
        }
        site.script(When::patch().photo(&ids[2]), Act::reply(reply.clone()));
        let workspace = Workspace::album(&site, &model);
        let (output, peak) = measured(workspace.altfill(&["run", "--json"]));
        assert!(matches!(output.code, Some(0 | 3)), "{what}: {output}");
        assert!(output.number("/written") >= 3, "{what}: {output}");
        assert!(peak > 0 && peak < MEGABYTES, "{what}: {peak} MB");
        for line in output.stderr.lines() {
            assert!(line.len() < 2000, "{what}: {} bytes in a line", line.len());
        }
    }
}

#[test]
fn a_model_that_answers_bombs_costs_photos_and_not_the_machine() {
    let faces = [
        FakeModel::openai as fn() -> FakeModel,
        FakeModel::ollama,
        FakeModel::anthropic,
        FakeModel::gemini,
    ];
    for (number, (what, reply)) in hostile().into_iter().enumerate() {
        // Each of the wire formats gets some of them.
        let (site, model) = (FakeSite::with_photos(3), faces[number % faces.len()]());
        model.script(When::chat().nth(2), Act::reply(reply));
        let mut workspace = Workspace::album(&site, &model);
        workspace.set("run.outage_patience", "1s");
        workspace.set("run.concurrency", 1);
        let (output, peak) = measured(workspace.altfill(&["run", "--json"]));
        assert!(output.number("/written") >= 1, "{what}: {output}");
        assert!(peak > 0 && peak < MEGABYTES, "{what}: {peak} MB");
        for (id, alt) in site.alts() {
            let letters = alt.chars().count();
            assert!(letters < 1000, "{what}, {id}: {letters} characters");
        }
        for reply in workspace.replies() {
            assert!(reply.len() < 9 << 20, "{} bytes are kept", reply.len());
        }
    }
}

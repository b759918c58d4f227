//! Requests and replies as they travelled, one pair of files a call, for an
//! owner who wants to see what a model was asked and what it said
//! (`--log-bodies`). Off unless asked for.
//!
//! The files have no secret in them: headers and parameters that carry one are
//! blanked whatever they hold, and every secret that the settings know is masked
//! wherever else it turns up. A picture is replaced by its size and hash.

use crate::archive::CallId;
use crate::config::Secrets;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderMap;
use serde_json::{Map, Value, json};
use std::fs::{DirBuilder, File, OpenOptions};
use std::future::Future;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use url::Url;

/// Headers that carry a secret by their nature.
const SECRET_HEADERS: &[&str] = &[
    "authorization",
    "proxy-authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "cookie",
    "set-cookie",
];

/// Parameters of an address that carry a secret by their nature. Gemini, for
/// one, takes its key as `key=`.
const SECRET_PARAMETERS: &[&str] = &[
    "key",
    "api_key",
    "api-key",
    "apikey",
    "token",
    "access_token",
    "auth",
    "sig",
    "signature",
];

/// A run of so many characters of base64 is a file and no word.
const SHORTEST_FILE: usize = 200;

const MASK: &str = "***";

tokio::task_local! {
    static CALL: Call;
}

/// The call on whose behalf a task is sending.
struct Call {
    bodies: Arc<Bodies>,
    id: CallId,
    /// A call may take more than one request; the first one is number 1.
    requests: AtomicU32,
}

/// Where requests and replies are kept.
#[derive(Debug)]
pub struct Bodies {
    directory: PathBuf,
    secrets: Secrets,
    problem: Mutex<Problem>,
}

#[derive(Debug, Default)]
enum Problem {
    #[default]
    None,
    Untold(String),
    Told,
}

impl Bodies {
    /// Keeps them in this directory, which is made when the first one is kept.
    pub fn new(directory: PathBuf, secrets: Secrets) -> Self {
        Self {
            directory,
            secrets,
            problem: Mutex::default(),
        }
    }

    /// What went wrong, the first time that something did. It never fails a
    /// call: whoever sends tells a person, once.
    pub fn problem(&self) -> Option<String> {
        let mut problem = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::take(&mut *problem) {
            Problem::None => None,
            Problem::Untold(why) => {
                *problem = Problem::Told;
                Some(why)
            }
            Problem::Told => {
                *problem = Problem::Told;
                None
            }
        }
    }

    fn keep(&self, name: &str, content: &Value) {
        let kept = self.write(name, &self.clean(content.clone()));
        if let Err(error) = kept {
            let mut problem = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
            if matches!(*problem, Problem::None) {
                let place = self.directory.display();
                *problem = Problem::Untold(format!(
                    "requests and replies can't be kept in {place}: {error}; the run goes on"
                ));
            }
        }
    }

    fn write(&self, name: &str, content: &Value) -> io::Result<()> {
        // An existing directory keeps its permissions: it may be somebody's /tmp.
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.directory)?;
        let mut text = serde_json::to_string_pretty(content).expect("a value is JSON");
        text.push('\n');
        private_file(&self.directory.join(name))?.write_all(text.as_bytes())
    }

    fn clean(&self, value: Value) -> Value {
        match value {
            Value::String(text) => self.text(&text).into(),
            Value::Array(items) => items.into_iter().map(|item| self.clean(item)).collect(),
            Value::Object(fields) => {
                let cleaned = fields.into_iter().map(|(name, value)| {
                    (self.secrets.mask(&name).into_owned(), self.clean(value))
                });
                Value::Object(cleaned.collect())
            }
            other => other,
        }
    }

    fn text(&self, text: &str) -> String {
        without_files(&without_parameters(&self.secrets.mask(text)))
    }
}

/// Makes a file that nobody else can read, in place of one of an earlier state
/// file's call with the same number.
fn private_file(path: &Path) -> io::Result<File> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// Sends on behalf of a call: what is requested and replied meanwhile is
/// kept under its number.
pub async fn keeping<F: Future>(bodies: Option<&Arc<Bodies>>, id: CallId, send: F) -> F::Output {
    let Some(bodies) = bodies else {
        return send.await;
    };
    let call = Call {
        bodies: Arc::clone(bodies),
        id,
        requests: AtomicU32::new(0),
    };
    CALL.scope(call, send).await
}

/// Keeps a request, if this task's are to be kept. The content is made only then.
pub(super) async fn request(content: impl FnOnce() -> Value) {
    let job = CALL.try_with(|call| {
        let number = call.requests.fetch_add(1, Ordering::Relaxed) + 1;
        (
            Arc::clone(&call.bodies),
            name(call.id, number, "request"),
            content(),
        )
    });
    keep(job.ok()).await;
}

/// Keeps what came of the last request.
pub(super) async fn replied(content: impl FnOnce() -> Value) {
    let job = CALL.try_with(|call| {
        let number = call.requests.load(Ordering::Relaxed);
        (
            Arc::clone(&call.bodies),
            name(call.id, number, "reply"),
            content(),
        )
    });
    keep(job.ok()).await;
}

async fn keep(job: Option<(Arc<Bodies>, String, Value)>) {
    if let Some((bodies, name, content)) = job {
        // A slow disk must not hold up the replies of other calls.
        let kept = tokio::task::spawn_blocking(move || bodies.keep(&name, &content));
        kept.await.ok();
    }
}

/// `call-00000017.request.json`; a second request of the same call has a number
/// of its own.
fn name(call: CallId, number: u32, what: &str) -> String {
    let id = call.0;
    if number < 2 {
        format!("call-{id:08}.{what}.json")
    } else {
        format!("call-{id:08}-{number}.{what}.json")
    }
}

/// An HTTP request as it is kept.
pub(super) fn http_request(url: &Url, headers: &HeaderMap, body: &Value) -> Value {
    let mut shown = url.clone();
    if !shown.username().is_empty() || shown.password().is_some() {
        shown.set_username(MASK).ok();
        shown.set_password(None).ok();
    }
    json!({"method": "POST", "url": shown.as_str(), "headers": shown_headers(headers), "body": body})
}

/// An HTTP reply as it is kept; its body as JSON where it is.
pub(super) fn http_reply(status: u16, headers: &HeaderMap, body: &str) -> Value {
    let body = serde_json::from_str(body).unwrap_or_else(|_| Value::from(body));
    json!({"status": status, "headers": shown_headers(headers), "body": body})
}

fn shown_headers(headers: &HeaderMap) -> Value {
    let mut shown = Map::new();
    for name in headers.keys() {
        let secret = SECRET_HEADERS.contains(&name.as_str());
        let values = headers.get_all(name).iter().map(|value| {
            if secret || value.is_sensitive() {
                MASK.to_owned()
            } else {
                String::from_utf8_lossy(value.as_bytes()).into_owned()
            }
        });
        let values: Vec<String> = values.collect();
        shown.insert(name.to_string(), values.join(", ").into());
    }
    Value::Object(shown)
}

/// Blanks the values of parameters that carry a secret, in addresses anywhere in
/// a text.
fn without_parameters(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['?', '&']) {
        let (before, after) = rest.split_at(at + 1);
        clean.push_str(before);
        rest = after;
        let Some((name, value)) = rest.split_once('=') else {
            continue;
        };
        if SECRET_PARAMETERS.contains(&name.to_ascii_lowercase().as_str()) {
            let ends = |c: char| c.is_whitespace() || "&#\"'<>)]},;".contains(c);
            let end = value.find(ends).unwrap_or(value.len());
            clean.push_str(&rest[..=name.len()]);
            clean.push_str(if end == 0 { "" } else { MASK });
            rest = &value[end..];
        }
    }
    clean.push_str(rest);
    clean
}

/// Replaces what is a file in base64 by its size and hash.
fn without_files(text: &str) -> String {
    // Some servers write `\/` for `/` in a body that is no whole JSON.
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || "+/=-_\\".contains(c);
    let mut clean = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_base64) {
        let (before, after) = rest.split_at(start);
        clean.push_str(before);
        let end = after.find(|c| !is_base64(c)).unwrap_or(after.len());
        let (run, after) = after.split_at(end);
        if run.len() < SHORTEST_FILE {
            clean.push_str(run);
        } else {
            clean.push_str(&described(run));
        }
        rest = after;
    }
    clean.push_str(rest);
    clean
}

fn described(run: &str) -> String {
    match STANDARD.decode(run) {
        Ok(file) => {
            let kind = if file.starts_with(&[0xff, 0xd8]) {
                "JPEG"
            } else {
                "file"
            };
            let hash = blake3::hash(&file).to_hex();
            format!("<{kind} of {} bytes, blake3 {hash}>", file.len())
        }
        Err(_) => format!("<{} characters of base64>", run.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::SecretString;
    use std::os::unix::fs::PermissionsExt;

    fn bodies(directory: &Path) -> Arc<Bodies> {
        let secret = SecretString::from("sk-canary".to_owned());
        Arc::new(Bodies::new(directory.to_owned(), Secrets::new([&secret])))
    }

    fn read(path: &Path) -> Value {
        let text = std::fs::read_to_string(path).expect("the file is there");
        assert!(!text.contains("sk-canary"), "{text}");
        serde_json::from_str(&text).expect("the file is JSON")
    }

    #[test]
    fn secrets_in_addresses_are_blanked_whatever_they_are() {
        for (text, expected) in [
            ("https://h/v1?key=abc", "https://h/v1?key=***"),
            (
                "https://h/v1?a=1&KEY=abc&b=2",
                "https://h/v1?a=1&KEY=***&b=2",
            ),
            (
                "see \"http://h/?token=x\" now",
                "see \"http://h/?token=***\" now",
            ),
            ("https://h/?key=&x=1", "https://h/?key=&x=1"),
            ("what? a key = b & monkey=c", "what? a key = b & monkey=c"),
            ("?x&key=1", "?x&key=***"),
        ] {
            assert_eq!(without_parameters(text), expected);
        }
        let url = Url::parse("https://me:pass@h/v1?key=abc").expect("an address");
        let mut headers = HeaderMap::new();
        headers.insert("x-goog-api-key", "abc".parse().expect("a value"));
        headers.insert("accept", "x".parse().expect("a value"));
        let kept = http_request(&url, &headers, &json!({}));
        assert_eq!(
            kept["headers"],
            json!({"x-goog-api-key": "***", "accept": "x"})
        );
        assert!(
            !kept["url"].as_str().expect("text").contains("pass"),
            "{kept}"
        );
    }

    #[test]
    fn a_picture_becomes_its_size_and_hash() {
        let mut file = vec![0xff, 0xd8];
        file.resize(1000, 7);
        let hash = blake3::hash(&file).to_hex();
        let text = format!("data:image/jpeg;base64,{}", STANDARD.encode(&file));
        let described = format!("data:image/jpeg;base64,<JPEG of 1000 bytes, blake3 {hash}>");
        assert_eq!(without_files(&text), described);
        let cut = &STANDARD.encode(&file)[..401];
        assert_eq!(
            without_files(&format!("bad: {cut}!")),
            "bad: <401 characters of base64>!"
        );
        assert_eq!(
            without_files("a short line/of words"),
            "a short line/of words"
        );
    }

    #[tokio::test]
    async fn a_call_leaves_a_request_and_a_reply_that_only_we_can_read() {
        let scratch = tempfile::tempdir().expect("a scratch directory");
        let directory = scratch.path().join("new/bodies");
        let bodies = bodies(&directory);
        keeping(Some(&bodies), CallId(17), async {
            request(|| json!({"a": "x sk-canary"})).await;
            replied(|| http_reply(200, &HeaderMap::new(), "{\"sk-canary\": [\"sk-canary\"]}"))
                .await;
            request(|| json!("again")).await;
        })
        .await;
        let path = directory.join("call-00000017.request.json");
        assert_eq!(read(&path), json!({"a": "x ***"}));
        let reply = read(&directory.join("call-00000017.reply.json"));
        assert_eq!(reply["body"], json!({"***": ["***"]}));
        assert_eq!(
            read(&directory.join("call-00000017-2.request.json")),
            "again"
        );
        let mode = |path: &Path| {
            std::fs::metadata(path)
                .expect("it is there")
                .permissions()
                .mode()
        };
        assert_eq!(mode(&path) & 0o777, 0o600);
        assert_eq!(mode(&directory) & 0o777, 0o700);
        assert_eq!(bodies.problem(), None);
    }

    #[tokio::test]
    async fn nothing_is_kept_unless_asked_for_and_a_failure_is_told_once() {
        request(|| panic!("nobody asked")).await;
        let scratch = tempfile::tempdir().expect("a scratch directory");
        let file = scratch.path().join("file");
        std::fs::write(&file, "").expect("written");
        let bodies = bodies(&file);
        for id in 0..3 {
            keeping(Some(&bodies), CallId(id), request(|| json!(1))).await;
        }
        let told = bodies.problem().expect("a problem");
        assert!(told.contains("can't be kept in"), "{told}");
        keeping(Some(&bodies), CallId(4), request(|| json!(1))).await;
        assert_eq!(bodies.problem(), None);
    }
}

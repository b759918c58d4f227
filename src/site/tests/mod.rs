//! A described site against real servers on loopback that answer as they are
//! told to, and misbehave on command.

mod api;
mod credentials;
mod origins;
mod outages;
mod pixels;

use super::open::open_with;
use super::patience::Patience;
use super::rest::RestSite;
use super::{ChangeSet, Extent, Site, SiteError, TagChange};
use crate::archive::{PhotoId, Reading, SiteName, Tag};
use crate::config::{Manifest, PhotoLimits, PixelSource, Preset, SiteSettings};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use url::Url;

const TOKEN: &str = "s3cr3t-t0ken";

/// A request as a server saw it.
#[derive(Clone, Debug)]
struct Seen {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: String,
    /// How many requests with this method and path came before.
    before: usize,
}

impl Seen {
    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    fn is(&self, method: &str, path: &str) -> bool {
        self.method == method && self.path == path
    }
}

/// What a server does about a request.
enum Reply {
    Answer {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
    },
    /// Closes the connection without a word.
    Hangup,
    /// Announces more than it sends, then closes.
    Cut(Vec<u8>),
    /// Sends in pieces, without announcing a length.
    Chunks(Vec<u8>),
    /// Says nothing until it is told to.
    Hold(Arc<Notify>, Box<Reply>),
}

fn answer(status: u16, body: impl Into<Vec<u8>>) -> Reply {
    Reply::Answer {
        status,
        headers: vec![("content-type", "application/json".to_owned())],
        body: body.into(),
    }
}

impl Reply {
    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        if let Self::Answer { headers, .. } = &mut self {
            headers.retain(|(known, _)| *known != name);
            headers.push((name, value.into()));
        }
        self
    }
}

type Script = Arc<dyn Fn(&Seen) -> Reply + Send + Sync>;

/// A server that ends with the test.
struct Server {
    url: Url,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    async fn start(script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let script: Script = Arc::new(script);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&script), Arc::clone(&log)));
            }
        });
        Self {
            url: Url::parse(&url).unwrap(),
            seen,
            task,
        }
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    fn count(&self, method: &str) -> usize {
        let seen = self.seen();
        seen.iter().filter(|seen| seen.method == method).count()
    }
}

/// A port that refuses connections; nobody else gets it while this is kept.
fn reserve(address: SocketAddr) -> std::io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// One that is free.
fn nobody() -> TcpSocket {
    reserve(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap()
}

/// One connection, one request.
async fn serve(mut stream: TcpStream, script: Script, log: Arc<Mutex<Vec<Seen>>>) {
    let Some(mut seen) = receive(&mut stream).await else {
        return;
    };
    let reply = {
        let mut log = log.lock().unwrap();
        let same = |other: &&Seen| other.is(&seen.method, &seen.path);
        seen.before = log.iter().filter(same).count();
        log.push(seen.clone());
        drop(log);
        script(&seen)
    };
    send(&mut stream, reply, seen.method == "HEAD").await;
}

async fn receive(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let mut seen = Seen {
        method: first.next()?.to_owned(),
        path: first.next()?.to_owned(),
        headers,
        body: String::new(),
        before: 0,
    };
    let length: usize = seen
        .header("content-length")
        .map_or(0, |n| n.parse().unwrap());
    while bytes.len() < end + 4 + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    seen.body = String::from_utf8(bytes[end + 4..].to_vec()).unwrap();
    Some(seen)
}

async fn send(stream: &mut TcpStream, reply: Reply, head_only: bool) {
    let mut reply = reply;
    while let Reply::Hold(told, then) = reply {
        told.notified().await;
        reply = *then;
    }
    let (head, body) = match reply {
        Reply::Hangup | Reply::Hold(..) => return,
        Reply::Answer {
            status,
            headers,
            body,
        } => {
            let mut head = format!("HTTP/1.1 {status} x\r\nconnection: close\r\n");
            for (name, value) in headers {
                head += &[name, ": ", &value, "\r\n"].concat();
            }
            if status != 204 {
                head += &["content-length: ", &body.len().to_string(), "\r\n"].concat();
            }
            (head, body)
        }
        Reply::Cut(body) => {
            let length = body.len() + 10;
            (
                format!("HTTP/1.1 200 x\r\ncontent-length: {length}\r\n"),
                body,
            )
        }
        Reply::Chunks(body) => {
            let head = "HTTP/1.1 200 x\r\ntransfer-encoding: chunked\r\n".to_owned();
            let chunks = body.chunks(10).map(|chunk| {
                [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat()
            });
            (
                head,
                chunks.chain([b"0\r\n\r\n".to_vec()]).flatten().collect(),
            )
        }
    };
    // The other side may have gone: that is its right.
    let _ = stream.write_all(format!("{head}\r\n").as_bytes()).await;
    if !head_only {
        let _ = stream.write_all(&body).await;
    }
    let _ = stream.shutdown().await;
}

fn settings(base_url: &Url) -> SiteSettings {
    SiteSettings {
        name: SiteName::new("test"),
        preset: Preset::Album,
        base_url: base_url.clone(),
        description: serde_json::Map::new(),
        lines: Vec::new(),
        user: None,
        token: Some(TOKEN.to_owned().into()),
        token_from: None,
        authorities: None,
        manifest: Some(Manifest::Ids(vec![id("a/1")])),
        pixels: PixelSource::Url("/files/{album}/{name}.jpg".to_owned()),
        thumbnail: None,
        page: None,
        concurrency: 4,
        requests_per_second: None,
        recheck: Duration::ZERO,
        sweep: Duration::ZERO,
        image_edge: 1024,
        timeout: Duration::from_secs(5),
        folder: None,
    }
}

/// Waits so short that trouble is over at once, with patience that no test
/// exhausts, however loaded the machine is.
const QUICK: Patience = Patience {
    outage: Duration::from_secs(60),
    first_wait: Duration::from_millis(1),
    longest_wait: Duration::from_millis(10),
    timeout: Duration::from_secs(60),
};

/// For tests in which patience runs out.
const IMPATIENT: Patience = Patience {
    outage: Duration::from_millis(200),
    ..QUICK
};

const LIMITS: PhotoLimits = PhotoLimits {
    max_bytes: 1000,
    max_pixels: 1000,
    max_memory: 10_000_000,
};

fn open(settings: &SiteSettings) -> RestSite {
    open_with(settings, &LIMITS, CancellationToken::new(), QUICK).unwrap()
}

fn impatient(server: &Server) -> RestSite {
    let settings = settings(&server.url);
    open_with(&settings, &LIMITS, CancellationToken::new(), IMPATIENT).unwrap()
}

fn at(server: &Server) -> RestSite {
    open(&settings(&server.url))
}

fn id(text: &str) -> PhotoId {
    PhotoId::new(text)
}

const PHOTO: &str = r#"{"title":"Lake","alt":"","caption":null,"verified":0}"#;

fn photo() -> Reply {
    answer(200, PHOTO)
}

fn change() -> ChangeSet {
    ChangeSet {
        alt: "A lake at dawn.".to_owned(),
        tag: TagChange::Set(Tag::Machine),
    }
}

async fn write(site: &RestSite, photo: &str) -> Result<super::Written, SiteError> {
    site.write(&id(photo), &change(), &Reading::default()).await
}

/// The text of an error, which never shows the token.
fn text(error: &SiteError) -> String {
    let text = error.to_string();
    assert!(!text.contains(TOKEN), "{text}");
    text
}

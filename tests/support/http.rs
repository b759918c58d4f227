//! A small HTTP/1.1 server on loopback. A ready-made one can't break its own
//! rules; this one can cut a header in half, reset a connection in the middle
//! of a body, never answer, or stop listening for a while.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, mpsc};
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// All servers of a test binary share two threads; they only shuffle bytes.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime for the servers")
});

/// Far above any request of a caption client; keeps a mistake from filling
/// the memory.
const LARGEST_BODY: usize = 64 << 20;

/// A request that arrived whole.
#[derive(Clone)]
pub(crate) struct Request {
    /// The method, in capitals as it was sent.
    pub(crate) method: String,
    /// The path as it was sent, percent-encoded, without the query.
    pub(crate) path: String,
    /// What follows the question mark; empty without one.
    pub(crate) query: String,
    /// Header names in lower case, with their values, in order.
    pub(crate) headers: Vec<(String, String)>,
    /// The whole body.
    pub(crate) body: Vec<u8>,
    /// When its last byte was there.
    pub(crate) arrived: Instant,
}

impl Request {
    /// The first value of a header; `name` in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {:?}", self.method, self.path, self.headers)
    }
}

/// The first value of a header; `name` in lower case.
pub(crate) fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}

/// A reply, before anything is done to it on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    /// The status code.
    pub(crate) status: u16,
    /// Headers besides `content-length`, which is added unless it is here.
    pub(crate) headers: Vec<(String, String)>,
    /// The body.
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// A reply without a body.
    pub(crate) fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// A reply with bytes of some content type.
    pub(crate) fn bytes(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            body: body.into(),
            ..Self::empty(status).with("content-type", content_type)
        }
    }

    /// A JSON reply.
    pub(crate) fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::bytes(status, "application/json", body.to_string())
    }

    /// A page for people, as web servers and proxies answer in place of an API.
    pub(crate) fn html(status: u16) -> Self {
        let page = format!(
            "<!DOCTYPE html><html><head><title>{status}</title></head><body><h1>Something is not right</h1></body></html>"
        );
        Self::bytes(status, "text/html; charset=utf-8", page)
    }

    /// A redirect to another address.
    pub(crate) fn redirect(status: u16, location: &str) -> Self {
        Self::empty(status).with("location", location)
    }

    /// The same reply with one more header.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn head(&self) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} Status\r\n", self.status);
        for (name, value) in &self.headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        // RFC 9110 forbids a length on 204 and 304.
        let lengthless = matches!(self.status, 204 | 304);
        if !lengthless && header(&self.headers, "content-length").is_none() {
            head.extend(["content-length: ", &self.body.len().to_string(), "\r\n"]);
        }
        head.push_str("\r\n");
        head.into_bytes()
    }
}

/// How a reply travels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// Whole.
    #[default]
    Whole,
    /// Whole, and then the connection is closed.
    AndClose,
    /// The connection is reset in the middle of the headers.
    CutInHeaders,
    /// The connection is reset in the middle of the body.
    CutInBody,
    /// The connection is closed politely in the middle of the body.
    EndInBody,
    /// The connection stays open after half of the body, and nothing follows.
    StallInBody,
    /// The connection is reset before the first byte.
    Reset,
    /// Nothing is sent until the client hangs up.
    Never,
}

/// What a server does with a request.
pub(crate) struct Answer {
    /// What it says.
    pub(crate) reply: Reply,
    /// How that travels.
    pub(crate) delivery: Delivery,
}

/// What stands behind a server.
pub(crate) trait Handler: Send + Sync + 'static {
    /// Answers one request, after whatever wait is due.
    fn answer(&self, request: Request) -> impl Future<Output = Answer> + Send;

    /// How long a connection may be idle. A request that arrives later meets a
    /// server that is just closing it, and is reset unread: the worst moment
    /// there is.
    fn longest_idle(&self) -> Option<Duration> {
        None
    }
}

enum Order {
    GoDown(Duration, mpsc::SyncSender<()>),
    Stop,
}

/// A listening server; dropping it cuts all its connections.
pub(crate) struct Server {
    address: SocketAddr,
    orders: tokio::sync::mpsc::UnboundedSender<Order>,
    listening: Listening,
}

/// Connections on which a request may be waiting that no handler has seen yet.
#[derive(Clone, Default)]
struct Listening(Arc<AtomicUsize>);

impl Listening {
    fn begin(&self) -> Ear {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ear(self.clone())
    }
}

struct Ear(Listening);

impl Drop for Ear {
    fn drop(&mut self) {
        (self.0).0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Server {
    /// Listens on a free port of loopback.
    pub(crate) fn start<H: Handler>(handler: Arc<H>) -> Self {
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = RUNTIME.block_on(async { bind(free).listen(1024) });
        let listener = listener.expect("a bound socket can listen");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let (orders, inbox) = tokio::sync::mpsc::unbounded_channel();
        let listening = Listening::default();
        RUNTIME.spawn(accept(listener, listening.clone(), handler, inbox));
        Self {
            address,
            orders,
            listening,
        }
    }

    /// Waits until the handler has seen every request of a client that is gone:
    /// on a busy machine, some may still be on their way through the sockets.
    pub(crate) fn catch_up(&self) {
        let end = Instant::now() + Duration::from_secs(60);
        // Connections are taken in the order in which they were made, so once this
        // one is noticed, all are.
        if let Ok(mut last) = std::net::TcpStream::connect(self.address) {
            let _ = last.set_read_timeout(Some(Duration::from_secs(60)));
            let _ = last.shutdown(std::net::Shutdown::Write);
            let _ = last.read(&mut [0]);
        }
        while self.listening.0.load(Ordering::SeqCst) > 0 && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Scheme, host and port, without a slash at the end.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Cuts all connections and refuses new ones for a time. Returns once they
    /// are refused. The port stays ours meanwhile.
    pub(crate) fn down_for(&self, time: Duration) {
        let (done, wait) = mpsc::sync_channel(1);
        self.orders
            .send(Order::GoDown(time, done))
            .expect("the server runs as long as its handle");
        wait.recv_timeout(Duration::from_secs(10))
            .expect("a server goes down at once");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The other end is gone only when the whole process is ending.
        let _ = self.orders.send(Order::Stop);
    }
}

async fn accept<H: Handler>(
    mut listener: TcpListener,
    listening: Listening,
    handler: Arc<H>,
    mut inbox: tokio::sync::mpsc::UnboundedReceiver<Order>,
) {
    let address = listener
        .local_addr()
        .expect("a bound socket has an address");
    let mut connections = CancellationToken::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let handler = Arc::clone(&handler);
                let cut = connections.clone();
                let (listening, ear) = (listening.clone(), listening.begin());
                tokio::spawn(async move {
                    // Resetting instead of closing keeps ports out of TIME_WAIT.
                    let _ = stream.set_zero_linger();
                    tokio::select! {
                        () = cut.cancelled() => {}
                        _ = converse(stream, handler, &listening, ear) => {}
                    }
                });
            }
            order = inbox.recv() => match order {
                Some(Order::GoDown(time, done)) => {
                    // A bound socket that doesn't listen refuses connections,
                    // and nobody else can take the port.
                    let reserved = bind(address);
                    drop(listener);
                    connections.cancel();
                    connections = CancellationToken::new();
                    let _ = done.send(());
                    tokio::time::sleep(time).await;
                    listener = reserved.listen(1024).expect("our own port can listen again");
                }
                Some(Order::Stop) | None => {
                    connections.cancel();
                    return;
                }
            },
        }
    }
}

/// A socket of an address that may be ours already.
fn bind(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("a socket option");
    socket.set_reuseport(true).expect("a socket option");
    socket.bind(address).expect("a free port, or our own");
    socket
}

async fn converse<H: Handler>(
    mut stream: TcpStream,
    handler: Arc<H>,
    listening: &Listening,
    mut ear: Ear,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(16 << 10);
    let mut idle_since = None;
    while let Some(request) = read_request(&mut stream, &mut buffer).await? {
        let too_long = |since: Instant| {
            let longest = handler.longest_idle();
            longest.is_some_and(|longest| request.arrived.duration_since(since) >= longest)
        };
        if idle_since.is_some_and(too_long) {
            break;
        }
        let wants_body = request.method != "HEAD";
        let closing = request.header("connection") == Some("close");
        let mut answer = std::pin::pin!(handler.answer(request));
        // What a handler does before it waits for anything, it does now.
        let at_once = poll_fn(|context| Poll::Ready(answer.as_mut().poll(context))).await;
        drop(ear);
        let answer = match at_once {
            Poll::Ready(answer) => answer,
            Poll::Pending => answer.await,
        };
        let goes_on = deliver(&mut stream, &answer, wants_body).await?;
        ear = listening.begin();
        if !goes_on {
            break;
        }
        idle_since = Some(Instant::now());
        if closing {
            hang_up(&mut stream).await?;
            break;
        }
    }
    Ok(())
}

/// Reads one request; `None` when the client hung up between two. What arrived
/// beyond it stays in `buffer`.
async fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Option<Request>> {
    let head = loop {
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            let rest = buffer.split_off(end + 4);
            break std::mem::replace(buffer, rest);
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    };
    let head = String::from_utf8(head).map_err(|_| unusable("headers that are no text"))?;
    let mut lines = head.lines();
    let mut words = lines.next().unwrap_or_default().split(' ');
    let method = words.next().unwrap_or_default().to_owned();
    let target = words.next().ok_or_else(|| unusable("no target"))?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_lowercase(), value.trim().to_owned()))
        .collect();
    if header(&headers, "transfer-encoding").is_some() {
        return Err(unusable("chunked bodies are not read here"));
    }
    let length: usize = match header(&headers, "content-length") {
        Some(value) => value.parse().map_err(|_| unusable("a bad length"))?,
        None => 0,
    };
    if length > LARGEST_BODY {
        return Err(unusable("a body that is too large"));
    }
    buffer.reserve(length.saturating_sub(buffer.len()));
    while buffer.len() < length {
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
    let rest = buffer.split_off(length);
    let body = std::mem::replace(buffer, rest);
    Ok(Some(Request {
        method,
        path: path.to_owned(),
        query: query.to_owned(),
        headers,
        body,
        arrived: Instant::now(),
    }))
}

fn unusable(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Sends an answer; says whether the connection is still good.
async fn deliver(stream: &mut TcpStream, answer: &Answer, wants_body: bool) -> io::Result<bool> {
    let head = answer.reply.head();
    let body: &[u8] = if wants_body { &answer.reply.body } else { &[] };
    let half = &body[..body.len() / 2];
    match answer.delivery {
        Delivery::Whole | Delivery::AndClose => {
            let mut all = head;
            all.extend_from_slice(body);
            stream.write_all(&all).await?;
            if answer.delivery == Delivery::AndClose {
                return hang_up(stream).await;
            }
            Ok(true)
        }
        Delivery::CutInHeaders => {
            stream.write_all(&head[..head.len() / 2]).await?;
            settle().await;
            Ok(false)
        }
        Delivery::CutInBody => {
            stream.write_all(&[&head, half].concat()).await?;
            settle().await;
            Ok(false)
        }
        Delivery::EndInBody => {
            stream.write_all(&[&head, half].concat()).await?;
            hang_up(stream).await
        }
        Delivery::StallInBody => {
            stream.write_all(&[&head, half].concat()).await?;
            wait_for_hang_up(stream).await
        }
        Delivery::Reset => Ok(false),
        Delivery::Never => wait_for_hang_up(stream).await,
    }
}

/// Closes politely: everything sent arrives before the end does.
async fn hang_up(stream: &mut TcpStream) -> io::Result<bool> {
    stream.shutdown().await?;
    wait_for_hang_up(stream).await
}

async fn wait_for_hang_up(stream: &mut TcpStream) -> io::Result<bool> {
    let mut sink = [0; 1024];
    while stream.read(&mut sink).await? > 0 {}
    Ok(false)
}

/// A reset makes the other side forget what it has not read yet, so it gets a
/// moment to read.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(20)).await;
}

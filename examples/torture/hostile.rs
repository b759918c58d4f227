//! Every way in which a server may answer that is not the one a client hopes
//! for: a catalogue that is gone through at random, and counted by name.

use super::dice::Chance;
use super::support::http::{Delivery, Reply};
use fastrand::Rng;
use std::sync::LazyLock;

/// Whether the request is carried out although the answer is what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Executes {
    /// The answer says that it was not, and that is true.
    Never,
    /// The answer says nothing about it.
    Perhaps,
    /// It was.
    Always,
}

/// One kind of hostile answer.
#[derive(Clone, Debug)]
pub(crate) struct Hostile {
    /// Its name in the figures.
    pub(crate) name: String,
    /// Whether the request is carried out.
    pub(crate) executes: Executes,
    make: Make,
}

/// Makes a true reply look odd.
type Oddly = fn(Reply) -> Reply;

#[derive(Clone, Debug)]
enum Make {
    /// This reply in place of the usual one.
    Reply(Reply),
    /// The usual reply with other headers or another status.
    Usual(Oddly),
    /// The usual reply, damaged.
    Damaged(fn(Vec<u8>) -> Vec<u8>),
    /// The usual reply on a broken way.
    Travels(Delivery),
}

impl Hostile {
    /// Whether it is the usual answer and only looks odd.
    pub(crate) fn is_true(&self) -> bool {
        matches!(self.make, Make::Usual(_))
    }

    /// The answer, made from the one that would have been given.
    pub(crate) fn answer(&self, usual: Reply) -> (Reply, Delivery) {
        match &self.make {
            Make::Reply(reply) => (reply.clone(), Delivery::Whole),
            Make::Usual(change) => (change(usual), Delivery::Whole),
            Make::Damaged(damage) => {
                let body = damage(usual.body.clone());
                (Reply { body, ..usual }, Delivery::Whole)
            }
            Make::Travels(delivery) => (usual, *delivery),
        }
    }
}

/// All kinds.
pub(crate) static CATALOGUE: LazyLock<Vec<Hostile>> = LazyLock::new(catalogue);

/// One kind at random.
pub(crate) fn any(random: &mut Rng) -> &'static Hostile {
    random.one_of(&CATALOGUE)
}

/// Statuses that say that nothing was done.
const REFUSALS: [u16; 25] = [
    400, 401, 402, 403, 404, 405, 406, 409, 410, 411, 412, 413, 414, 415, 416, 417, 418, 421, 422,
    423, 424, 426, 428, 431, 451,
];

/// Statuses after which anything may have happened.
const TROUBLES: [u16; 13] = [
    408, 425, 500, 501, 502, 503, 504, 505, 507, 508, 511, 520, 599,
];

/// Values of `retry-after`: every form, and nonsense.
const WAITS: [&str; 9] = [
    "0",
    "1",
    "0.3",
    "-1",
    "soon",
    "",
    "99999",
    "Thu, 01 Jan 1970 00:00:00 GMT",
    "Fri, 31 Dec 2099 23:59:59 GMT",
];

fn catalogue() -> Vec<Hostile> {
    let mut all = Vec::new();
    let mut add = |name: &str, executes, make| {
        let name = name.to_owned();
        all.push(Hostile {
            name,
            executes,
            make,
        });
    };
    for status in REFUSALS {
        let json = serde_json::json!({"message": "no", "error": {"message": "no"}});
        let reply = Reply::json(status, &json);
        add(&format!("{status}"), Executes::Never, Make::Reply(reply));
    }
    for status in TROUBLES {
        let reply = Reply::html(status);
        add(
            &format!("{status} html"),
            Executes::Perhaps,
            Make::Reply(reply),
        );
    }
    for (number, wait) in WAITS.iter().enumerate() {
        let reply = Reply::empty(429).with("retry-after", wait);
        add(
            &format!("429 wait {number}"),
            Executes::Never,
            Make::Reply(reply),
        );
    }
    let milliseconds = Reply::empty(429).with("retry-after-ms", "120");
    add(
        "429 milliseconds",
        Executes::Never,
        Make::Reply(milliseconds),
    );
    add("429 bare", Executes::Never, Make::Reply(Reply::empty(429)));
    let busy = Reply::html(503).with("retry-after", "1");
    add("503 wait", Executes::Perhaps, Make::Reply(busy));
    for status in [301, 302, 303, 307, 308] {
        let to_itself = Reply::redirect(status, "");
        add(
            &format!("{status} loop"),
            Executes::Perhaps,
            Make::Reply(to_itself),
        );
    }
    let away = Reply::redirect(302, "http://127.0.0.1:9/elsewhere");
    add("302 away", Executes::Perhaps, Make::Reply(away));
    let login = Reply::redirect(302, "/user/login");
    add("302 login", Executes::Perhaps, Make::Reply(login));
    add(
        "302 nowhere",
        Executes::Perhaps,
        Make::Reply(Reply::empty(302)),
    );
    bodies(&mut add);
    travels(&mut add);
    all
}

fn bodies(add: &mut impl FnMut(&str, Executes, Make)) {
    use Executes::Perhaps;
    let mut page = |name: &str, reply| add(name, Perhaps, Make::Reply(reply));
    let text = |body: &str| Reply::bytes(200, "application/json", body);
    page("200 html", Reply::html(200));
    page("200 empty", Reply::empty(200));
    page("204", Reply::empty(204));
    page("205", Reply::empty(205));
    page("304", Reply::empty(304));
    page("101", Reply::empty(101));
    page("999", Reply::empty(999));
    page("null", text("null"));
    page("a list", text("[]"));
    page("a number", text("42"));
    page("a string", text("\"text\""));
    page("no fields", text("{}"));
    page(
        "an error in 200",
        text(r#"{"error": {"message": "later"}}"#),
    );
    page("NaN", text("{\"x\": NaN}"));
    page("deep", text(&"[".repeat(20_000)));
    page(
        "not UTF-8",
        Reply::bytes(200, "application/json", vec![0xff, 0xfe, b'{', 0xc0]),
    );
    page(
        "NUL bytes",
        Reply::bytes(200, "application/json", vec![0; 64]),
    );
    page(
        "huge",
        Reply::bytes(200, "application/json", vec![b' '; 9 << 20]),
    );
    page(
        "huge header",
        text("{").with("x-long", &"x".repeat(200_000)),
    );
    page("not gzip", text("{}").with("content-encoding", "gzip"));
    page(
        "unknown coding",
        text("{}").with("content-encoding", "rot13"),
    );
    page(
        "chunks that are none",
        text("zz\r\nnope").with("transfer-encoding", "chunked"),
    );
    page(
        "length too short",
        text("{\"a\": 1}garbage").with("content-length", "3"),
    );
    page(
        "length too long",
        text("{\"a\": 1}").with("content-length", "300"),
    );
    page(
        "length is no number",
        text("{}").with("content-length", "many"),
    );
    let mut damage = |name: &str, damage| add(name, Executes::Always, Make::Damaged(damage));
    damage("half a body", |mut body| {
        body.truncate(body.len() / 2);
        body
    });
    damage("one byte less", |mut body| {
        body.pop();
        body
    });
    damage("something behind", |mut body| {
        body.extend(b"<!-- cached -->");
        body
    });
    damage("something before", |body| {
        [b"Warning: x in y.php\n".to_vec(), body].concat()
    });
    damage("a hole", |mut body| {
        let middle = body.len() / 2;
        body[middle / 2..middle].fill(0);
        body
    });
}

fn travels(add: &mut impl FnMut(&str, Executes, Make)) {
    let ways = [
        ("cut in headers", Delivery::CutInHeaders),
        ("cut in body", Delivery::CutInBody),
        ("ended in body", Delivery::EndInBody),
        ("stalled in body", Delivery::StallInBody),
        ("reset", Delivery::Reset),
        ("never answered", Delivery::Never),
    ];
    for (name, way) in ways {
        add(name, Executes::Perhaps, Make::Travels(way));
    }
    // True answers that look odd: a client may take them or leave them.
    let odd: [(&str, Oddly); 4] = [
        ("201", |usual| Reply {
            status: 201,
            ..usual
        }),
        ("203", |usual| Reply {
            status: 203,
            ..usual
        }),
        ("wrong content type", |mut usual| {
            usual.headers.retain(|(name, _)| name != "content-type");
            usual.with("content-type", "text/html")
        }),
        ("a mark before", |mut usual| {
            usual.body.splice(0..0, *b"\xef\xbb\xbf");
            usual
        }),
    ];
    for (name, change) in odd {
        add(name, Executes::Always, Make::Usual(change));
    }
}

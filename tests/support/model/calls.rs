//! Inside a fake model: the way one call takes through format check, script
//! and reply, and the log of it.

use super::{
    Asked, Face, Looks, Manners, Tokens, anthropic, gemini, mistral, ollama, openai, strict,
};
use crate::support::http::{Answer, Delivery, Handler, Reply, Request};
use crate::support::photos::ImageFacts;
use crate::support::script::{Act, Instead, Place, Rules, Say, Seen};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// One call, as the model saw it.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// Its number, from 1, over the life of the server.
    pub(crate) number: u64,
    /// When the whole request was there.
    pub(crate) started: Instant,
    /// When the reply was ready to leave; `None` while it is worked on.
    pub(crate) ended: Option<Instant>,
    /// The model that was asked for.
    pub(crate) model: String,
    /// All texts of the request.
    pub(crate) prompt: String,
    /// A hash of its first image.
    pub(crate) image: Option<String>,
    /// Header names in lower case, with their values.
    pub(crate) headers: Vec<(String, String)>,
    /// Bytes of the request's body.
    pub(crate) bytes: usize,
    /// The request's body, with a word in place of every image; null for a model
    /// that looks [`Looks::Barely`].
    pub(crate) body: Value,
    /// The status that was sent; `None` while it is worked on, or when nothing
    /// was sent.
    pub(crate) status: Option<u16>,
    /// How the reply travelled.
    pub(crate) delivery: Delivery,
    /// The text of a reply that left whole and was no error.
    pub(crate) caption: Option<String>,
    /// The tokens that the reply named.
    pub(crate) tokens: Tokens,
}

/// Everything a fake model knows.
pub(crate) struct State {
    pub(crate) manners: Manners,
    pub(crate) acts: Rules<Act>,
    pub(crate) calls: Vec<Call>,
    pub(crate) violations: Vec<String>,
    pub(crate) most_in_flight: usize,
    in_flight: usize,
    served: u64,
    images: HashMap<String, Result<ImageFacts, String>>,
    /// The files of the images that were looked at closely.
    pub(crate) pictures: HashMap<String, Vec<u8>>,
}

/// A fake model behind its server.
pub(crate) struct Backend(Mutex<State>);

impl Backend {
    pub(crate) fn new(manners: Manners) -> Self {
        Self(Mutex::new(State {
            manners,
            acts: Rules::default(),
            calls: Vec::new(),
            violations: Vec::new(),
            most_in_flight: 0,
            in_flight: 0,
            served: 0,
            images: HashMap::new(),
            pictures: HashMap::new(),
        }))
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // A test that failed while it held the lock has said why already.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads a request; the error is the reply to a bad one.
    fn understand(&self, request: &Request) -> Result<Asked, Reply> {
        let face = self.state().manners.face;
        let body = serde_json::from_slice(&request.body);
        let state = self.state();
        let asked = match face {
            Face::OpenAi => mistral::check(&state.manners, &body)
                .and_then(|()| openai::understand(&state.manners, request, body)),
            Face::Ollama => ollama::understand(request, body),
            Face::Anthropic => anthropic::understand(&state.manners, request, body),
            Face::Gemini => gemini::understand(&state.manners, request, body),
        };
        drop(state);
        asked.map_err(|fault| {
            self.state().violations.push(fault.what);
            fault.reply
        })
    }

    /// Looks at all images of a request; decoding happens without the lock.
    fn look_at(&self, asked: &Asked) -> Result<Option<String>, String> {
        let mut first = None;
        for text in &asked.images {
            let hash = blake3::hash(text.as_bytes()).to_hex()[..16].to_owned();
            let (looks, known) = {
                let state = self.state();
                (state.manners.looks, state.images.get(&hash).cloned())
            };
            let facts = match (looks, known) {
                (Looks::Barely, _) => None,
                (Looks::Closely, Some(known)) => Some(known),
                (Looks::Closely, None) => Some(strict::image(text)),
            };
            if let Some(facts) = facts {
                let file = STANDARD.decode(text).unwrap_or_default();
                let mut state = self.state();
                state.pictures.insert(hash.clone(), file);
                state.images.insert(hash.clone(), facts.clone());
                drop(state);
                facts?;
            }
            first.get_or_insert(hash);
        }
        Ok(first)
    }

    fn begin(&self, request: &Request, asked: &Asked, image: Option<String>) -> (u64, Act) {
        let mut state = self.state();
        state.served += 1;
        state.in_flight += 1;
        state.most_in_flight = state.most_in_flight.max(state.in_flight);
        let call = Call {
            number: state.served,
            started: request.arrived,
            ended: None,
            model: asked.model.clone(),
            prompt: asked.prompt.clone(),
            image,
            headers: request.headers.clone(),
            bytes: request.body.len(),
            body: match state.manners.looks {
                Looks::Closely => without_images(&request.body, &asked.images),
                Looks::Barely => Value::Null,
            },
            status: None,
            delivery: Delivery::Whole,
            caption: None,
            tokens: Tokens::default(),
        };
        state.calls.push(call);
        let seen = Seen {
            place: Place::Chat,
            photo: None,
            text: &asked.prompt,
            at: request.arrived,
        };
        let act = state.acts.taken_by(&seen).first().map(|act| (*act).clone());
        (state.served, act.unwrap_or_default())
    }
}

/// The body of a request that was understood, with a word for each image.
fn without_images(body: &[u8], images: &[String]) -> Value {
    let mut text = String::from_utf8_lossy(body).into_owned();
    for image in images {
        text = text.replace(image.as_str(), "IMAGE");
    }
    serde_json::from_str(&text).unwrap_or_default()
}

/// What counts a call as in flight; the server may drop the work at any point.
struct InFlight<'a>(&'a Backend);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.state().in_flight -= 1;
    }
}

impl Handler for Backend {
    fn longest_idle(&self) -> Option<std::time::Duration> {
        self.state().manners.longest_idle
    }

    async fn answer(&self, request: Request) -> Answer {
        let whole = |reply| Answer {
            reply,
            delivery: Delivery::Whole,
        };
        let face = self.state().manners.face;
        if let Some(reply) = beside_calls(face, &request) {
            return whole(reply);
        }
        let asked = match self.understand(&request) {
            Ok(asked) => asked,
            Err(reply) => return whole(reply),
        };
        let image = match self.look_at(&asked) {
            Ok(image) => image,
            Err(what) => {
                self.state().violations.push(what.clone());
                return whole(strict::bad_image(face, &what));
            }
        };
        let (number, act) = self.begin(&request, &asked, image);
        let in_flight = InFlight(self);
        let wait = self.state().manners.latency + act.delay;
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        let answer = self.state().finish(number, &asked, act);
        drop(in_flight);
        answer
    }
}

/// Replies to what is not a call: what the server has, and wrong addresses.
fn beside_calls(face: Face, request: &Request) -> Option<Reply> {
    let is_call = match face {
        Face::OpenAi => request.path == "/v1/chat/completions",
        Face::Ollama => request.path == "/api/chat",
        Face::Anthropic => request.path == "/v1/messages",
        Face::Gemini => request.path.ends_with(":generateContent"),
    };
    if is_call && request.method == "POST" {
        return None;
    }
    Some(match (face, request.path.as_str()) {
        (Face::OpenAi, "/v1/models") => openai::models(),
        (Face::Ollama, "/api/tags") => ollama::tags(),
        (Face::Ollama, "/api/show") => ollama::show(),
        _ if is_call => Reply::empty(405),
        _ => Reply::bytes(404, "text/plain", "404 page not found"),
    })
}

impl State {
    pub(crate) fn known_image(&self, hash: &str) -> Option<ImageFacts> {
        self.images.get(hash).and_then(|facts| facts.clone().ok())
    }

    fn finish(&mut self, number: u64, asked: &Asked, act: Act) -> Answer {
        let place = self.calls.iter().position(|call| call.number == number);
        let image = place.and_then(|at| self.calls[at].image.clone());
        let say = match &act.instead {
            Instead::Say(say) => say.clone(),
            _ => Say::Text(caption(image.as_deref().unwrap_or_default(), number)),
        };
        let tokens = self.tokens(asked, &say, image.as_deref());
        let face = self.manners.face;
        let mut caption = None;
        let reply = match act.instead {
            Instead::Reply(reply) => reply,
            Instead::Fail(fail) => match face {
                Face::OpenAi => openai::failure(&asked.model, &fail),
                Face::Ollama => ollama::failure(&asked.model, &fail),
                Face::Anthropic => anthropic::failure(&asked.model, &fail),
                Face::Gemini => gemini::failure(&asked.model, &fail),
            },
            other => {
                let mut reply = match face {
                    Face::OpenAi => openai::success(number, &asked.model, &say, tokens),
                    Face::Ollama => ollama::success(&asked.model, &say, tokens),
                    Face::Anthropic => anthropic::success(number, &asked.model, &say, tokens),
                    Face::Gemini => gemini::success(&asked.model, &say, tokens),
                };
                if other == Instead::HalfBody {
                    reply.body.truncate(reply.body.len() / 2);
                } else if let Say::Text(text) = say {
                    caption = Some(text);
                }
                reply
            }
        };
        let whole = matches!(act.delivery, Delivery::Whole | Delivery::AndClose);
        let sends = !matches!(act.delivery, Delivery::Reset | Delivery::Never);
        if let Some(at) = place {
            let call = &mut self.calls[at];
            call.ended = Some(Instant::now());
            call.status = sends.then_some(reply.status);
            call.delivery = act.delivery;
            call.tokens = if caption.is_some() {
                tokens
            } else {
                call.tokens
            };
            call.caption = caption.filter(|_| whole);
        }
        Answer {
            reply,
            delivery: act.delivery,
        }
    }

    /// Image tokens by each service's published arithmetic, where the size is
    /// known; four letters of text are taken for one token.
    fn tokens(&self, asked: &Asked, say: &Say, image: Option<&str>) -> Tokens {
        let (width, height) = image
            .and_then(|hash| self.known_image(hash))
            .map_or((1024, 768), |facts| (facts.width, facts.height));
        let image_tokens = match self.manners.face {
            Face::OpenAi => openai::image_tokens(width, height),
            Face::Anthropic => u64::from(width.div_ceil(28) * height.div_ceil(28)),
            Face::Gemini => 1120,
            Face::Ollama => u64::from((width.div_ceil(28) * height.div_ceil(28)).max(1024)),
        };
        let text = match say {
            Say::Text(text) | Say::Length(text) | Say::Refusal(text) => text.len(),
            Say::Filtered | Say::Empty => 0,
        };
        Tokens {
            input: image_tokens * asked.images.len() as u64 + asked.prompt.len() as u64 / 4,
            output: text as u64 / 4 + 1,
        }
    }
}

/// A caption that no other call gets, that depends on the image, and that no
/// check of a caption could have anything against.
fn caption(image: &str, number: u64) -> String {
    const COUNTS: [&str; 4] = ["two", "three", "four", "five"];
    const COLOURS: [&str; 5] = ["red", "blue", "green", "white", "yellow"];
    const THINGS: [&str; 6] = ["boats", "bicycles", "houses", "trees", "kites", "benches"];
    let seed = usize::from_str_radix(image.get(..8).unwrap_or("0"), 16).unwrap_or(0);
    format!(
        "A test scene with {} {} {} number {number}.",
        COUNTS[seed % COUNTS.len()],
        COLOURS[seed / 4 % COLOURS.len()],
        THINGS[seed / 20 % THINGS.len()]
    )
}

//! Fake models: chat completions and Ollama's own format, with good texts, bad
//! texts and every hostile answer, and a log of what was asked.

use super::captions::{self, Finish, Saying};
use super::dice::Chance;
use super::hostile;
use super::support::MODEL_KEY;
use super::support::http::{Answer, Delivery, Handler, Reply, Request};
use super::world::{Call, Shared, World};
use fastrand::Rng;
use serde_json::{Value, json};
use std::time::Duration;

/// A model behind its server; it speaks both formats.
pub(crate) struct Model(pub(crate) Shared);

/// A request, understood.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    /// The model's name.
    pub(crate) model: String,
    /// All texts.
    pub(crate) prompt: String,
    /// A hash of the image.
    pub(crate) image: String,
    /// Tokens that the answer may have: a reply that was cut off may be asked
    /// for once more with more of them.
    pub(crate) room: u64,
}

impl Handler for Model {
    async fn answer(&self, request: Request) -> Answer {
        let ollama = request.path == "/api/chat";
        let called = ollama || request.path == "/v1/chat/completions";
        if !called || request.method != "POST" {
            return Answer {
                reply: Reply::bytes(404, "text/plain", "404 page not found"),
                delivery: Delivery::Whole,
            };
        }
        let asked = understand(&request);
        if ollama && asked.prompt.is_empty() {
            // Nothing is asked: the model is only to be loaded.
            return Answer {
                reply: loaded(&asked),
                delivery: Delivery::Whole,
            };
        }
        let (number, wait, mut random) = {
            let mut world = self.0.lock();
            world.requests += 1;
            let begun = world.begins(&asked, &request, ollama);
            world.strikes(false);
            begun
        };
        tokio::time::sleep(wait).await;
        let mut world = self.0.lock();
        let answer = world.speaks(number, &asked, ollama, &mut random);
        world.strikes(true);
        answer
    }
}

fn understand(request: &Request) -> Asked {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let mut asked = Asked {
        model: body["model"].as_str().unwrap_or_default().to_owned(),
        ..Asked::default()
    };
    for message in body["messages"].as_array().into_iter().flatten() {
        collect(message, "", &mut asked);
    }
    let caps = [
        &body["max_tokens"],
        &body["max_completion_tokens"],
        &body["options"]["num_predict"],
    ];
    asked.room = caps.iter().find_map(|cap| cap.as_u64()).unwrap_or_default();
    asked
}

fn loaded(asked: &Asked) -> Reply {
    let body = json!({
        "model": asked.model, "created_at": "2026-11-21T00:00:00Z",
        "message": {"role": "assistant", "content": ""},
        "done": true, "done_reason": "load",
    });
    Reply::json(200, &body)
}

/// Gathers texts and images, wherever the format has them.
fn collect(value: &Value, key: &str, asked: &mut Asked) {
    match value {
        Value::Object(fields) => fields
            .iter()
            .for_each(|(key, value)| collect(value, key, asked)),
        Value::Array(items) => items.iter().for_each(|item| collect(item, key, asked)),
        Value::String(text) if matches!(key, "url" | "images") => {
            blake3::hash(text.as_bytes()).to_hex()[..16].clone_into(&mut asked.image);
        }
        Value::String(text) if matches!(key, "content" | "text") => {
            asked.prompt.push_str(text);
            asked.prompt.push('\n');
        }
        _ => {}
    }
}

impl World {
    /// A request arrived over HTTP.
    fn begins(&mut self, asked: &Asked, request: &Request, ollama: bool) -> (u64, Duration, Rng) {
        let bearer = format!("Bearer {MODEL_KEY}");
        if !ollama && request.header("authorization") != Some(&bearer) {
            let what = "a model was asked without its key".to_owned();
            self.history.breaks("9, secrets stay secret", what);
        }
        let (number, mut random) = self.is_asked(asked);
        let mut delay = 0;
        if random.happens(self.weather.slow) {
            self.fault("model: slow");
            delay = random.u64(1..80);
        }
        if let Some(call) = self.calls.last_mut() {
            call.delay = delay;
        }
        (number, Duration::from_millis(delay), random)
    }

    /// A call arrived: was it paid for before? Gives its number and its chance.
    pub(crate) fn is_asked(&mut self, asked: &Asked) -> (u64, Rng) {
        let at = self.history.tick();
        let photo = self.photo_of(&asked.prompt);
        if let Some(photo) = photo
            .as_ref()
            .and_then(|id| self.history.photos.get_mut(id))
        {
            photo.worked_on = at;
        }
        let Asked {
            model,
            prompt,
            image,
            room,
        } = asked;
        let key = format!("{model}\n{prompt}\n{image}\n{room}");
        let of_a_photo = photo.is_some() && !self.asks_afresh();
        if let Some(run) = self.paid.get(&key).filter(|_| of_a_photo) {
            let what = format!(
                "run {} asked {} about {photo:?} again, although its reply of run {run} is kept",
                self.run, asked.model
            );
            self.history.breaks("2, never pay twice", what);
        }
        let whose = photo.clone().unwrap_or_default();
        let nth = self.nth(&asked.model, &whose);
        let random = self.dice.roll(&asked.model, &whose, nth);
        let pixels = photo.as_ref().and_then(|id| self.given.get(id).copied());
        self.calls.push(Call {
            photo,
            key,
            run: self.run,
            said: None,
            pixels,
            delay: 0,
        });
        (self.calls.len() as u64, random)
    }

    fn photo_of(&self, prompt: &str) -> Option<String> {
        let token = prompt.split("page-").nth(1)?;
        let token: String = token.chars().take_while(char::is_ascii_digit).collect();
        let wanted = format!("page-{token}");
        self.history
            .photos
            .iter()
            .find(|(_, photo)| photo.title.split([' ', ',']).any(|word| word == wanted))
            .map(|(id, _)| id.clone())
    }

    /// What a model has to say to call `number`.
    pub(crate) fn saying(&mut self, number: u64, asked: &Asked, random: &mut Rng) -> Saying {
        let photo = self.call(number).photo.clone();
        let never = photo.is_some_and(|id| self.refused.contains(&id));
        if never || random.happens(self.weather.bad_text) {
            self.fault("model: a text that must not be published");
            captions::bad(random, number, &asked.prompt)
        } else {
            captions::good(random, number)
        }
    }

    /// Call `number`, to note what was said.
    pub(crate) fn call(&mut self, number: u64) -> &mut Call {
        let index = usize::try_from(number - 1).unwrap_or(usize::MAX);
        &mut self.calls[index]
    }

    /// What the model answers to call `number`.
    fn speaks(&mut self, number: u64, asked: &Asked, ollama: bool, random: &mut Rng) -> Answer {
        let saying = self.saying(number, asked, random);
        let usual = if ollama {
            ollama_reply(number, asked, &saying)
        } else {
            chat_reply(number, asked, &saying)
        };
        if random.happens(self.weather.hostile) {
            let kind = hostile::any(random);
            self.fault(format!("model: {}", kind.name));
            if kind.is_true() {
                self.call(number).said = Some(saying);
            }
            let (reply, delivery) = kind.answer(usual);
            return Answer { reply, delivery };
        }
        self.call(number).said = Some(saying);
        Answer {
            reply: usual,
            delivery: Delivery::Whole,
        }
    }
}

/// The mark by which a stored reply is told from all others.
pub(crate) fn mark(number: u64) -> String {
    format!("call-{number}-")
}

fn chat_reply(number: u64, asked: &Asked, saying: &Saying) -> Reply {
    let finish = match saying.finish {
        Finish::Stop => "stop",
        Finish::Length => "length",
        Finish::Filtered => "content_filter",
    };
    let body = json!({
        "id": mark(number), "object": "chat.completion", "created": 1_790_000_000_u32,
        "model": asked.model,
        "choices": [{"index": 0, "finish_reason": finish,
            "message": {"role": "assistant", "content": saying.text, "refusal": null}}],
        "usage": {"prompt_tokens": 900, "completion_tokens": 30, "total_tokens": 930},
    });
    Reply::json(200, &body)
}

fn ollama_reply(number: u64, asked: &Asked, saying: &Saying) -> Reply {
    let reason = match saying.finish {
        Finish::Length => "length",
        _ => "stop",
    };
    let body = json!({
        "model": asked.model, "created_at": "2026-11-21T00:00:00Z", "id": mark(number),
        "message": {"role": "assistant", "content": saying.text},
        "done": true, "done_reason": reason,
        "prompt_eval_count": 900, "eval_count": 30,
    });
    Reply::json(200, &body)
}

//! A model behind the trait of altfill, without any network: it says what the
//! fakes of the black box say, and fails by chance.

use super::captions;
use super::dice::Chance;
use super::models::{Asked, mark};
use super::simulated::Imagined;
use super::world::World;
use altfill::archive::{Ending, Finish, RawReply, Reply, Unanswered, Usage};
use altfill::model::{Conversation, Model, Part};
use async_trait::async_trait;
use fastrand::Rng;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// A model of this name, dying together with the site.
pub(crate) struct Spoken(pub(crate) Arc<Imagined>, pub(crate) String);

#[async_trait]
impl Model for Spoken {
    async fn send(&self, conversation: &Conversation) -> Result<RawReply, Unanswered> {
        let asked = asked(&self.1, conversation);
        let (number, mut random) = self.0.shared.lock().is_asked(&asked);
        self.0.may_die(&mut random).await;
        tokio::time::sleep(Duration::from_micros(random.u64(..200_000))).await;
        let reply = {
            let mut world = self.0.shared.lock();
            self.0.land_late(&mut world, false);
            reply(&mut world, &mut random, number, &asked)
        };
        self.0.may_die(&mut random).await;
        reply
    }

    fn judge(&self, reply: &RawReply) -> Ending {
        let said = || format!("status {}", reply.status);
        let body: Value = serde_json::from_str(&reply.body).unwrap_or_default();
        match (reply.status, body["text"].as_str()) {
            (200, Some(text)) => Ending::Done(Reply {
                text: text.to_owned(),
                finish: match body["finish"].as_str() {
                    Some("length") => Finish::Length,
                    Some("refused") => Finish::Refused,
                    _ => Finish::Stop,
                },
                usage: None,
                model: None,
            }),
            (429, _) => Ending::RetryAfter(None, said()),
            (402, _) => Ending::Quota(said()),
            (401, _) => Ending::Settings(said()),
            (400, _) | (200, None) => Ending::Photo(said()),
            _ => Ending::Outage(said()),
        }
    }

    fn estimate(&self, _: &Conversation) -> Usage {
        Usage {
            input: 900,
            output: 30,
        }
    }
}

fn asked(model: &str, conversation: &Conversation) -> Asked {
    let mut asked = Asked {
        model: model.to_owned(),
        prompt: conversation.system.clone().unwrap_or_default(),
        image: String::new(),
        room: conversation.cap.unwrap_or_default().into(),
    };
    for part in conversation.turns.iter().flat_map(|turn| &turn.parts) {
        match part {
            Part::Text(text) => {
                asked.prompt.push('\n');
                asked.prompt.push_str(text);
            }
            Part::Image(jpeg) => {
                blake3::hash(&jpeg.bytes).to_hex()[..16].clone_into(&mut asked.image);
            }
        }
    }
    asked
}

fn reply(
    world: &mut World,
    random: &mut Rng,
    number: u64,
    asked: &Asked,
) -> Result<RawReply, Unanswered> {
    let plain = |status, body: String| RawReply {
        status,
        headers: Vec::new(),
        body,
    };
    if random.happens(world.weather.hostile) {
        world.fault("model: failed");
        let lost = "by chance".to_owned();
        return match random.u8(..12) {
            0 | 1 => Err(Unanswered::Lost(lost)),
            2 | 3 => Err(Unanswered::NotSent(lost)),
            4 | 5 => Ok(plain(429, String::new())),
            6 | 7 => Ok(plain(503, "<html>".to_owned())),
            8 | 9 => Ok(plain(400, "{}".to_owned())),
            10 => Ok(plain(200, "{\"te".to_owned())),
            _ => Ok(plain(*random.one_of(&[401, 402, 500, 599]), String::new())),
        };
    }
    let saying = world.saying(number, asked, random);
    let finish = match saying.finish {
        captions::Finish::Stop => "stop",
        captions::Finish::Length => "length",
        captions::Finish::Filtered => "refused",
    };
    let body = json!({"id": mark(number), "text": saying.text, "finish": finish});
    world.call(number).said = Some(saying);
    Ok(plain(200, body.to_string()))
}

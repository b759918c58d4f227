//! Everything about models: the conversation that is sent, one file per wire
//! format, and all HTTP to models.

use crate::archive::{Ending, Jpeg, RawReply, Unanswered, Usage};
use async_trait::async_trait;

/// What is said to a model, in the terms of every provider.
#[derive(Clone, Debug)]
pub struct Conversation {
    /// Standing instructions; a wire format without a place for them puts them
    /// before the first turn's text.
    pub system: Option<String>,
    /// The turns, the oldest first; the last one is the user's.
    pub turns: Vec<Turn>,
}

/// Who says a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// We, on behalf of a person.
    User,
    /// The model.
    Assistant,
}

/// One turn of a conversation.
#[derive(Clone, Debug)]
pub struct Turn {
    /// Who says it.
    pub role: Role,
    /// Its parts, in order; images come before the text that speaks of them.
    pub parts: Vec<Part>,
}

/// A piece of a turn.
#[derive(Clone, Debug)]
pub enum Part {
    /// Plain text.
    Text(String),
    /// An image.
    Image(Jpeg),
}

/// One model, ready to be asked. An implementation keeps no limits and retries
/// nothing: the caption stage does both, so that every attempt is counted.
#[async_trait]
pub trait Model: Send + Sync {
    /// Sends one request and waits for the whole reply, at most for the
    /// entry's timeout.
    async fn send(&self, conversation: &Conversation) -> Result<RawReply, Unanswered>;

    /// Says what a reply means. Pure: a stored reply is judged the same way.
    fn judge(&self, reply: &RawReply) -> Ending;

    /// The tokens a request is expected to use, by the model's documented image
    /// arithmetic where there is one; the output at its cap.
    fn estimate(&self, conversation: &Conversation) -> Usage;
}

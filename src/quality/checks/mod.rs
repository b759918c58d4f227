//! What must not be published: one file per kind of fault, each a function from
//! a caption to yes or no.

mod coordinates;
mod cut_off;
mod damage;
mod fault;
mod language;
mod leak;
mod markup;
mod options;
mod private;
mod refusal;
mod repetition;
mod script;
mod stand_in;
mod url;

pub(super) use fault::{Caption, found};

//! What a run did and how the archive stands, in the forms people and scripts
//! read: one file per form. Pure: values in, text out.

mod cell;
mod compose;
pub mod csv;
mod facts;
pub mod html;
pub mod json;
mod links;
mod stories;
pub mod table;
pub mod terminal;

pub use compose::{Material, RunPhotos};
pub use facts::{Photo, Report, State};
pub use links::Links;
pub use stories::Stories;

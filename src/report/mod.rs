//! What a run did and how the archive stands, in the forms people and scripts
//! read: one file per form. Pure: values in, text out.

pub mod json;
pub mod models;
pub mod terminal;

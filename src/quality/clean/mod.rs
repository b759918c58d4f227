//! From what a model wrote to the caption inside it: packaging is taken off,
//! and not one word of the description is dropped.
//!
//! The order of work is in `rounds`; each other file takes off one kind of
//! packaging.

mod characters;
mod layout;
mod openings;
mod packaging;
mod preamble;
mod remarks;
mod rounds;
mod thinking;

pub(super) use preamble::LABEL;
pub(super) use rounds::{Cleaned, clean};

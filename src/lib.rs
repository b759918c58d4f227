//! altfill fills in missing alt text for a whole photo archive: safely,
//! unattended, and again later when a better model exists.
//!
//! The map, from what everything speaks of to what a person types:
//! [`archive`] (the nouns), [`policy`] (pure decisions), [`quality`], [`photo`],
//! [`xmp`] and [`table`] (pure text, image, packet and table work), [`pace`]
//! (limits), [`config`], [`site`] (HTTP, and the folder), [`model`] and [`notify`]
//! (all other HTTP), [`checkpoint`] (all SQL), [`demo`] (the
//! embedded archive), [`pipeline`] (the stages), [`report`] and [`cli`].
//! `docs/ARCHITECTURE.md` draws the way one photo takes through them.

pub mod archive;
pub mod checkpoint;
pub mod cli;
pub mod config;
pub mod demo;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod model;
pub mod notify;
pub mod pace;
pub mod photo;
pub mod pipeline;
pub mod policy;
pub mod quality;
pub mod report;
pub mod site;
pub mod table;
pub mod xmp;

//! Pure decisions: no clock, no file, no network; everything comes in as an
//! argument, so that every combination can be tested.

pub mod retry;

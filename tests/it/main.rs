//! The tests from outside: the real program against servers on loopback. One
//! file per user story; `support` has the servers and the scratch directories.

#[path = "../support/mod.rs"]
mod support;

mod fakes;
// Stories that wait for the part of the program that they tell of:
mod backfill;
mod bad_input;
mod captions;
mod human_text;
mod kill;
mod lost_state;
mod models_fail;
mod preview;
mod secrets;
mod sites_described;
mod sites_wordpress;
mod upgrade_undo;

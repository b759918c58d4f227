//! The tests from outside: the real program against servers on loopback. One
//! file per user story; `support` has the servers and the scratch directories.

#[path = "../support/mod.rs"]
mod support;

mod fakes;

//! What the tests from outside stand on: servers that behave like the real
//! ones and misbehave on command, and scratch directories in which the real
//! program runs.
//!
//! Nothing here uses a type of altfill. The servers are written from the
//! published documentation of the services they stand for, so that a mistake
//! in altfill's reading of it can't hide behind the same mistake here.
//! Examples may use it too: `#[path = "../tests/support/mod.rs"] mod support;`.

#![allow(
    dead_code,
    unused_imports,
    reason = "every user of this module needs another part of it"
)]

mod album;
pub(crate) mod bombs;
pub(crate) mod cms;
pub(crate) mod folder;
pub(crate) mod http;
pub(crate) mod library;
pub(crate) mod model;
pub(crate) mod photos;
pub(crate) mod program;
pub(crate) mod receiver;
pub(crate) mod script;
pub(crate) mod site;
pub(crate) mod terminal;
pub(crate) mod wordpress;
pub(crate) mod workspace;

pub(crate) use folder::Folder;
pub(crate) use http::{Delivery, Reply, Request};
pub(crate) use library::{FakePhoto, Library};
pub(crate) use model::{Call, FakeModel, Limit, OutputCap};
pub(crate) use program::{Output, Program, Running, there_is};
pub(crate) use receiver::Receiver;
pub(crate) use script::{Act, Fail, Place, Say, When};
pub(crate) use site::{Author, Cleaning, FakeSite, PatchReply, SiteRequest, SiteWrite};
pub(crate) use terminal::Terminal;
pub(crate) use workspace::{MODEL_KEY, SITE_TOKEN, Workspace};

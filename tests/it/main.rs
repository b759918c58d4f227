//! The tests from outside: the real program against servers on loopback. One
//! file per user story; `support` has the servers and the scratch directories.

#[path = "../support/mod.rs"]
mod support;

mod fakes;
// Stories that wait for the part of the program that they tell of:
mod backfill;
mod backup;
mod bad_input;
mod broken_model;
mod broken_photos;
mod canary;
mod captions;
mod command_models;
mod credentials;
mod estimates;
mod events;
mod fallback;
mod foreign_models;
mod formats;
mod history;
mod hostile_images;
mod hostile_names;
mod hostile_replies;
mod hostile_texts;
mod human_text;
mod kill;
mod logs;
mod lost_state;
mod metrics;
mod models_check;
mod models_fail;
mod models_live;
mod money;
mod notify;
mod operations;
mod plain;
mod preview;
mod private_files;
mod programs;
mod protocol;
mod protocol_anthropic;
mod protocol_batch;
mod protocol_compatible;
mod protocol_connection;
mod protocol_gemini;
mod protocol_ollama;
mod protocol_openai;
mod proxies;
mod regressions;
mod reports;
mod secrets;
mod shell;
mod sites_described;
mod sites_folder;
mod sites_folder_texts;
mod sites_misdescribed;
mod sites_wordpress;
mod spreadsheet;
mod status;
mod terminal;
mod tls;
mod until;
mod upgrade_undo;

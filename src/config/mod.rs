//! `pipeline.toml` and `models.yaml`: what a person writes becomes checked
//! [`Settings`] here, and nowhere else. Only this room reads settings files and
//! the environment.
//!
//! A file's text becomes a tree of values that know their places; a reader
//! takes typed values out of it (the raw form) and finds unknown keys; the raw
//! form, flags, environment and defaults become checked settings. Whatever is
//! wrong is collected, so that a person sees all of it at once, each with its
//! line.

mod addresses;
mod authorities;
mod catalog;
mod clock;
mod connection;
mod entries;
mod environment;
mod error;
mod folder;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod layers;
mod models;
mod notify;
mod providers;
mod quantities;
mod raw;
mod reader;
mod resolve;
mod secrets;
mod settings;
mod site;
mod source;
mod toml_tree;
mod tree;
mod yaml_tree;

#[cfg(test)]
mod tests;

pub use authorities::Authorities;
pub use catalog::{Catalog, load_models};
pub use clock::time_of_day;
pub use environment::{Environment, VARIABLES, Variable};
pub use error::{ConfigError, Problem, Spot};
pub use layers::{Needs, Overrides};
pub use models::{Dialect, ImageSettings, ModelEntry, ModelLimits, Models, Price, Provider};
pub use quantities::{duration, duration_text};
pub use resolve::load;
pub use secrets::Secrets;
pub use settings::{
    ContextPolicy, FolderSettings, FolderTexts, Manifest, NotifySettings, PhotoLimits, PingMethod,
    PixelSource, Preset, RunSettings, SecretUrl, Settings, SidecarName, SiteSettings, Webhook,
};

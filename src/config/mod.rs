//! `pipeline.toml` and `models.yaml`: the raw form that a person writes becomes
//! checked [`Settings`] here, and nowhere else. Only this room reads settings
//! files and the environment.

mod models;
mod settings;

pub use models::{ImageSettings, ModelEntry, ModelLimits, Models, Price, Provider};
pub use settings::{
    ContextPolicy, Manifest, PhotoLimits, PixelSource, Preset, RunSettings, Settings, SiteSettings,
};

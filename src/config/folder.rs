//! `[site]` of a folder, checked.

use super::error::{Problems, Remark};
use super::layers::Needs;
use super::site::{Parts, Resolved, defaults};
use super::{FolderSettings, FolderTexts, PixelSource, Preset, SidecarName, SiteSettings};
use crate::archive::{Language, SiteName};
use std::path::PathBuf;

/// Files looked at together: a disk answers one at a time, a file server many.
const CONCURRENCY: usize = 16;

/// With all texts in one file, so many changes share one write of it.
const SHARED_WRITES: usize = 64;

/// What `texts` says for sidecars.
const SIDECARS: &str = "sidecars";

impl Parts<'_> {
    /// A folder needs its path and nothing else.
    pub(super) fn folder(&self, problems: &mut Problems) -> Option<Resolved> {
        let dir = self.dir(problems);
        let texts = self.texts(problems);
        let (dir, texts) = (dir?, texts?);
        let ignored = self.raw.of_http().into_iter();
        let mut warnings: Vec<String> = ignored
            .map(|key| format!("site.{key} has no effect for a folder"))
            .collect();
        if self.raw.sidecar.is_some() && matches!(texts, FolderTexts::File(_)) {
            warnings.push("site.sidecar has no effect with all texts in one file".to_owned());
        }
        let name = dir
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        let name = SiteName::new(name.unwrap_or_else(|| "folder".to_owned()));
        Some(Resolved {
            warnings,
            settings: SiteSettings {
                preset: Preset::Folder,
                pixels: PixelSource::Dir(dir.clone()),
                concurrency: match texts {
                    FolderTexts::Sidecars(_) => CONCURRENCY,
                    FolderTexts::File(_) => SHARED_WRITES,
                },
                folder: Some(FolderSettings {
                    dir,
                    texts,
                    // The run's, which is known later.
                    language: Language::new("en"),
                }),
                ..defaults(name)
            },
        })
    }

    fn dir(&self, problems: &mut Problems) -> Option<PathBuf> {
        let Some(given) = &self.raw.dir else {
            let remark = Remark::new("the settings name no folder: `site.dir` is missing")
                .hint("under [site] add dir = \"…\", the directory with the photos");
            problems.add_general(remark);
            return None;
        };
        let path = self.directory.join(&given.value);
        if self.needs == Needs::Name || path.is_dir() {
            return Some(path);
        }
        let message = format!(
            "{}: there is no directory `{}`",
            given.title(),
            path.display()
        );
        let hint = "check the path, and that its disk is mounted";
        given.remark(problems, Remark::new(message).hint(hint));
        None
    }

    fn texts(&self, problems: &mut Problems) -> Option<FolderTexts> {
        let name = match &self.raw.sidecar {
            None => SidecarName::Full,
            Some(given) => match given.value.as_str() {
                "photo.jpg.xmp" => SidecarName::Full,
                "photo.xmp" => SidecarName::Short,
                _ => {
                    let what = "must be \"photo.jpg.xmp\" or \"photo.xmp\"";
                    given.refuse(problems, what);
                    return None;
                }
            },
        };
        let Some(given) = &self.raw.texts else {
            return Some(FolderTexts::Sidecars(name));
        };
        if given.value == SIDECARS {
            return Some(FolderTexts::Sidecars(name));
        }
        let path = self.directory.join(&given.value);
        let known = ["csv", "json"];
        let extension = path
            .extension()
            .and_then(|it| it.to_str())
            .unwrap_or_default();
        if !known.contains(&extension) {
            let what = "must be \"sidecars\", or a file whose name ends in .csv or .json";
            given.refuse(problems, what);
            return None;
        }
        let parent = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        let there = parent.is_none_or(std::path::Path::is_dir);
        if self.needs == Needs::Site && !there {
            given.refuse(
                problems,
                format!("lies in no directory: `{}`", path.display()),
            );
            return None;
        }
        Some(FolderTexts::File(path))
    }
}

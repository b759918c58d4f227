//! Where a reader of a report finds a photo: its image, a small one of it, and
//! its page on the site. From the settings alone, so that a report asks nobody.

use crate::archive::PhotoId;
use crate::config::{PixelSource, Preset, Settings};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::path::{Path, PathBuf};
use url::Url;

/// RFC 3986's unreserved characters stay as they are.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// What the folder of a local archive may hold, in the order of preference:
/// formats that browsers show.
const SHOWN: [&str; 9] = [
    "jpg", "jpeg", "JPG", "JPEG", "png", "webp", "gif", "PNG", "avif",
];

/// The addresses of a site's photos.
#[derive(Clone, Debug, Default)]
pub struct Links {
    base: Option<Url>,
    image: Option<Image>,
    thumbnail: Option<String>,
    page: Option<String>,
}

#[derive(Clone, Debug)]
enum Image {
    Template(String),
    Folder(PathBuf),
    /// A folder in which ids are paths.
    Tree(PathBuf),
}

/// The addresses of one photo, each `http`, `https` or `file`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PhotoLinks {
    /// Its page on the site, or else its image.
    pub link: Option<String>,
    /// A small image of it where the settings name one, or else the image that
    /// models are shown.
    pub image: Option<String>,
}

impl Links {
    /// The addresses that these settings tell of.
    pub fn new(settings: &Settings) -> Self {
        let site = &settings.site;
        let beside = || settings.state.parent().unwrap_or(Path::new(""));
        match (site.preset, &site.pixels) {
            // Its server is gone after each run; its files stay.
            (Preset::Embedded, _) => Self {
                image: Some(Image::Folder(beside().join("embedded").join("files"))),
                ..Self::default()
            },
            (Preset::Folder, PixelSource::Dir(folder)) => Self {
                image: Some(Image::Tree(folder.clone())),
                thumbnail: site.thumbnail.clone(),
                page: site.page.clone(),
                base: None,
            },
            (_, PixelSource::Dir(folder)) => Self {
                base: Some(site.base_url.clone()),
                image: Some(Image::Folder(folder.clone())),
                thumbnail: site.thumbnail.clone(),
                page: site.page.clone(),
            },
            // Where the site names the images, only the site knows them.
            (_, PixelSource::Site) => Self {
                base: Some(site.base_url.clone()),
                image: None,
                thumbnail: site.thumbnail.clone(),
                page: site.page.clone(),
            },
            (_, PixelSource::Url(template)) => Self {
                base: Some(site.base_url.clone()),
                image: Some(Image::Template(template.clone())),
                thumbnail: site.thumbnail.clone(),
                page: site.page.clone(),
            },
        }
    }

    /// The addresses of one photo, whose image the site may have `named`.
    pub fn of(&self, photo: &PhotoId, named: Option<&str>) -> PhotoLinks {
        let whole = match &self.image {
            Some(Image::Template(template)) => self.fill(template, photo),
            Some(Image::Folder(folder)) => file(folder, photo),
            Some(Image::Tree(folder)) => below(folder, photo),
            None => named.and_then(|named| self.named(named)),
        };
        let small = self.thumbnail.as_ref().and_then(|it| self.fill(it, photo));
        let page = self.page.as_ref().and_then(|it| self.fill(it, photo));
        PhotoLinks {
            link: page.or_else(|| whole.clone()),
            image: small.or(whole),
        }
    }

    /// Fills a template in and refuses what is no plain web address: an id may
    /// contain anything.
    fn fill(&self, template: &str, photo: &PhotoId) -> Option<String> {
        let (album, name) = halves(photo);
        if template.is_empty() || (template.contains("{album}") && album.is_empty()) {
            return None;
        }
        let encoded = |text: &str| utf8_percent_encode(text, RESERVED).to_string();
        let filled = template
            .replace("{id}", &encoded(photo.as_str()))
            .replace("{album}", &encoded(album))
            .replace("{name}", &encoded(name));
        let lower = filled.to_ascii_lowercase();
        let url = if lower.starts_with("http://") || lower.starts_with("https://") {
            Url::parse(&filled).ok()?
        } else {
            let base = self.base.as_ref()?.as_str().trim_end_matches('/');
            Url::parse(&format!("{base}/{}", filled.trim_start_matches('/'))).ok()?
        };
        plain(&url).then(|| url.to_string())
    }

    /// An address that the site itself gave, perhaps below its own.
    fn named(&self, named: &str) -> Option<String> {
        let url = self.base.as_ref()?.join(named).ok()?;
        plain(&url).then(|| url.to_string())
    }
}

/// Whether an address is one of the web and carries no credentials: neither a
/// name and a password nor a signature that lets its bearer in.
fn plain(url: &Url) -> bool {
    let bare = url.username().is_empty() && url.password().is_none();
    let signed = url.query_pairs().any(|(key, _)| {
        let key = key.to_ascii_lowercase();
        key.contains("signature") || key == "sig" || (key.contains("token") && key != "itok")
    });
    matches!(url.scheme(), "http" | "https") && bare && !signed
}

/// Album and name; the album is empty where an id has one part.
fn halves(photo: &PhotoId) -> (&str, &str) {
    photo
        .as_str()
        .split_once('/')
        .unwrap_or(("", photo.as_str()))
}

/// The file of a photo in a folder, if there is one that browsers show.
fn file(folder: &Path, photo: &PhotoId) -> Option<String> {
    let (album, name) = halves(photo);
    let leaves = |part: &str| part.contains(['/', '\\', '\0']) || matches!(part, "." | "..");
    if leaves(album) || leaves(name) || name.is_empty() {
        return None;
    }
    let path = SHOWN
        .iter()
        .map(|extension| folder.join(album).join(format!("{name}.{extension}")))
        .find(|path| path.is_file())?;
    let path = std::path::absolute(path).ok()?;
    Url::from_file_path(path).ok().map(Into::into)
}

/// The file that an id is the path of, below a folder.
fn below(folder: &Path, photo: &PhotoId) -> Option<String> {
    let inside = |part: &str| !part.is_empty() && !matches!(part, "." | "..");
    if !photo.as_str().split('/').all(inside) || photo.as_str().contains('\0') {
        return None;
    }
    let path = std::path::absolute(folder.join(photo.as_str())).ok()?;
    Url::from_file_path(path).ok().map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(image: &str) -> Links {
        Links {
            base: Some(Url::parse("https://h/cms/").expect("a URL")),
            image: Some(Image::Template(image.to_owned())),
            ..Links::default()
        }
    }

    fn image(links: &Links, id: &str) -> Option<String> {
        links.of(&PhotoId::new(id), None).image
    }

    #[test]
    fn templates_are_filled_below_the_base_address_and_encoded() {
        let links = links("/files/{album}/{name}-1280w.jpg");
        assert_eq!(
            image(&links, "city walks/a?b#c").as_deref(),
            Some("https://h/cms/files/city%20walks/a%3Fb%23c-1280w.jpg")
        );
        assert_eq!(image(&links, "no-album"), None);
    }

    #[test]
    fn a_page_and_a_thumbnail_are_preferred_where_they_are_named() {
        let links = Links {
            page: Some("/photo/{album}/{name}".into()),
            thumbnail: Some("https://cdn.example/{id}.jpg".into()),
            ..links("/files/{album}/{name}.jpg")
        };
        let found = links.of(&PhotoId::new("a/b"), None);
        assert_eq!(found.link.as_deref(), Some("https://h/cms/photo/a/b"));
        assert_eq!(
            found.image.as_deref(),
            Some("https://cdn.example/a%2Fb.jpg")
        );
    }

    #[test]
    fn no_id_makes_a_link_that_runs_something() {
        for template in ["{name}", "/{name}", "javascript:{name}"] {
            let made = image(&links(template), "x/javascript:alert(1)");
            assert!(
                made.is_none_or(|url| url.starts_with("https://h/cms/")),
                "{template}"
            );
        }
    }

    #[test]
    fn an_image_that_the_site_names_is_linked_unless_its_address_is_a_key() {
        let links = Links {
            image: None,
            ..links("")
        };
        let found = |named| links.of(&PhotoId::new("7"), Some(named)).image;
        for (named, expected) in [
            (
                "/files/a.jpg?itok=x1",
                Some("https://h/files/a.jpg?itok=x1"),
            ),
            ("https://cdn/a.jpg", Some("https://cdn/a.jpg")),
            ("javascript:alert(1)", None),
            ("data:image/png;base64,x", None),
            ("https://me:secret@h/a.jpg", None),
            ("https://h/a.jpg?X-Amz-Signature=1&X-Amz-Date=2", None),
            ("https://h/a.jpg?token=secret", None),
        ] {
            assert_eq!(found(named).as_deref(), expected, "{named}");
        }
    }

    #[test]
    fn an_image_on_disk_is_linked_only_if_it_is_there_and_inside() {
        let folder = tempfile::tempdir().expect("a scratch directory");
        std::fs::create_dir(folder.path().join("a")).expect("a directory");
        std::fs::write(folder.path().join("a/b c.jpg"), "x").expect("a file");
        let links = Links {
            image: Some(Image::Folder(folder.path().join("."))),
            ..Links::default()
        };
        let found = image(&links, "a/b c").expect("a file");
        assert!(found.starts_with("file:///") && found.ends_with("/a/b%20c.jpg"));
        assert_eq!(image(&links, "a/other"), None);
        assert_eq!(image(&links, "../a/b c"), None);
    }
}

//! What each kind of site needs, and which keys mean nothing to it.

use super::*;

/// Lines that mean something for a site behind HTTP only.
const FOR_HTTP: [&str; 8] = [
    "base_url = \"https://example.org\"",
    "token_env = \"SITE_TOKEN\"",
    "token_file = \"token\"",
    "ca_file = \"ca.pem\"",
    "manifest = \"ids.txt\"",
    "pixels = \"/files/{id}\"",
    "user = \"editor\"",
    "probe = \"/ping\"\n",
];

#[test]
fn a_command_that_needs_only_the_sites_name_needs_nothing_else_of_it() {
    let mut scratch = Scratch::new(&album("token_env = \"NOT_SET\"")).no_variables();
    scratch = scratch.without("photos.txt");
    scratch.overrides.needs = Needs::Name;
    let site = scratch.settings().site;
    assert_eq!(site.name.as_str(), "example.org");
    assert!(site.token.is_none() && site.manifest.is_none());
}

#[test]
fn a_site_without_address_list_or_pixels_says_what_to_add() {
    let text = Scratch::new("model = \"embedded\"\n").refusal();
    assert_all(
        &text,
        &[
            "`site.base_url` is missing",
            "`site.pixels` is missing",
            "preset = \"embedded\"",
        ],
    );
    let text = Scratch::new(
        "model = \"embedded\"\n[site]\nbase_url = \"https://example.org\"\npixels = \"/{name}\"\n",
    )
    .refusal();
    assert_all(&text, &["`site.manifest` is missing", "photos.txt"]);
    let text = Scratch::new("site.preset = \"embedded\"\n").refusal();
    assert_all(&text, &["no model is named", "`model`"]);
}

#[test]
fn a_directory_of_pixels_is_a_list_of_its_own() {
    let scratch = Scratch::new(
        "model = \"embedded\"\n[site]\nbase_url = \"http://localhost:8080\"\npixels = { dir = \"p\" }\n",
    );
    std::fs::create_dir(scratch.path("p")).expect("created");
    let site = scratch.settings().site;
    assert_eq!(site.manifest, None);
    assert_eq!(site.pixels, PixelSource::Dir(scratch.path("p")));
    assert_eq!(site.name.as_str(), "localhost:8080");
    let stdin = Scratch::new(&album("manifest = \"-\"")).settings().site;
    assert_eq!(stdin.manifest, Some(Manifest::Stdin));
    assert_eq!(stdin.name.as_str(), "example.org");
}

#[test]
fn the_embedded_archive_needs_nothing_and_says_what_it_ignores() {
    let settings = Scratch::new(EMBEDDED).no_variables().settings();
    assert_eq!(settings.site.base_url.as_str(), "http://127.0.0.1/");
    assert!(settings.site.token.is_none());
    assert_eq!(settings.site.manifest, Some(Manifest::Ids(Vec::new())));
    assert!(
        matches!(&settings.site.pixels, PixelSource::Url(url) if url.contains("{name}-1280w.jpg"))
    );
    let odd = format!("{EMBEDDED}{}dir = \"photos\"\n", FOR_HTTP.join("\n"));
    let warnings = Scratch::new(&odd).settings().warnings;
    assert_eq!(warnings.len(), FOR_HTTP.len() + 1, "{warnings:?}");
    assert!(
        warnings[0].contains("site.base_url has no effect"),
        "{warnings:?}"
    );
}

#[test]
fn a_folder_says_what_it_ignores() {
    let lines = "model = \"embedded\"\n[site]\npreset = \"folder\"\ndir = \".\"\n";
    let odd = format!(
        "{lines}{}texts = \"alt.csv\"\nsidecar = \"photo.xmp\"\n",
        FOR_HTTP.join("\n")
    );
    let warnings = Scratch::new(&odd).settings().warnings;
    for line in FOR_HTTP {
        let key = line.split([' ', '=']).next().expect("a key");
        let says = format!("site.{key} has no effect for a folder");
        assert!(warnings.contains(&says), "{key}: {warnings:?}");
    }
    let last = "site.sidecar has no effect with all texts in one file";
    assert_eq!(warnings.last().map(String::as_str), Some(last));
}

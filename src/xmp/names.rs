//! The names that matter here.

/// RDF's own.
pub(super) const RDF: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";
/// The wrapper around a packet.
pub(super) const META: &str = "adobe:ns:meta/";
/// `xml:`, which needs no declaration.
pub(super) const XML: &str = "http://www.w3.org/XML/1998/namespace";
/// IPTC Core, which has the alt text.
pub(super) const IPTC: &str = "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/";
/// Dublin Core: title and description.
pub(super) const DC: &str = "http://purl.org/dc/elements/1.1/";
/// City and country.
pub(super) const PHOTOSHOP: &str = "http://ns.adobe.com/photoshop/1.0/";
/// Our own mark. This is a name and no address: nothing is ever fetched there.
pub(super) const OURS: &str = "https://altfill.dev/ns/1.0/";

/// The alt text.
pub(super) const ALT: (&str, &str) = (IPTC, "AltTextAccessibility");

/// Who stands behind the alt text: `machine` or `person`.
pub(super) const SOURCE: &str = "AltTextSource";
/// Of which text the mark speaks: a digest of it.
pub(super) const DIGEST: &str = "AltTextDigest";
/// The language of the text.
pub(super) const LANGUAGE: &str = "AltTextLanguage";
/// The text inside the image file that this one stands above: a digest of it.
pub(super) const ABOVE: &str = "AltTextAbove";

/// What we write into `x:xmptk`, and know our own files by.
pub(super) const TOOLKIT: &str = "altfill";

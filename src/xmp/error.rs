//! Why a packet can't be used.

/// Why a packet can't be read, or not be changed without harm.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum XmpError {
    /// It is larger than [`super::LARGEST`].
    #[error("it is larger than {} MiB", super::LARGEST / 1024 / 1024)]
    TooLarge,
    /// UTF-16, or no text at all.
    #[error("it is not UTF-8")]
    Encoding,
    /// It declares a document type, whose entities could be anything.
    #[error("it has a document type declaration (<!DOCTYPE), which no XMP has")]
    DocumentType,
    /// It is no well-formed XML.
    #[error("it is no sound XML: line {line}: {why}")]
    Malformed {
        /// The line, from 1.
        line: usize,
        /// What the parser says.
        why: String,
    },
    /// There is no `rdf:RDF`, or more than one.
    #[error("it has no single rdf:RDF, so it is no XMP")]
    NoRdf,
    /// The alt text is there twice, and who knows which counts.
    #[error("it holds the alt text twice")]
    Twice,
    /// The alt text is something else than a text.
    #[error("its alt text is no plain text")]
    NotText,
    /// The change would have touched something else.
    #[error("the alt text can't be changed without changing something else in it")]
    Entangled,
}

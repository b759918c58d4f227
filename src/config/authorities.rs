//! Certificate authorities of an organisation's own, beside those that the
//! machine trusts.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// A file of certificates is far below this.
const LARGEST: u64 = 8 << 20;

/// The certificates of a `ca_file`, each checked to be one.
#[derive(Clone, PartialEq, Eq)]
pub struct Authorities(Arc<[CertificateDer<'static>]>);

impl fmt::Debug for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authorities({})", self.0.len())
    }
}

impl Authorities {
    /// Reads a file in PEM form, with one certificate or several.
    ///
    /// # Errors
    /// What is wrong with the file, as the end of a sentence about it.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let size = std::fs::metadata(path).map_err(|error| format!("`{shown}`: {error}"))?;
        if size.len() > LARGEST {
            return Err(format!("`{shown}`, which is too large for certificates"));
        }
        let bytes = std::fs::read(path).map_err(|error| format!("`{shown}`: {error}"))?;
        Self::parse(&bytes).map_err(|what| format!("`{shown}`, which {what}"))
    }

    fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
        let found = found.map_err(|_| "is no PEM file")?;
        if found.is_empty() {
            return Err("holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)");
        }
        let mut store = RootCertStore::empty();
        for certificate in &found {
            let taken = store.add(certificate.clone());
            taken.map_err(|_| "holds a certificate that can't be read")?;
        }
        Ok(Self(found.into()))
    }

    /// The certificates in DER form.
    pub fn ders(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(AsRef::as_ref)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_no_certificate_is_refused() {
        for (text, expected) in [
            ("", "holds no certificate"),
            ("hello", "holds no certificate"),
            (
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                "can't be read",
            ),
            ("-----BEGIN CERTIFICATE-----\n%%%%\n", "no PEM"),
        ] {
            let error = Authorities::parse(text.as_bytes()).expect_err(text);
            assert!(error.contains(expected), "{text:?}: {error}");
        }
    }
}

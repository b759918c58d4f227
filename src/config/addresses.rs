//! Addresses and credentials, checked before anything is sent to them.

use super::error::{Problems, Remark};
use super::reader::Given;
use secrecy::SecretString;
use std::path::Path;
use url::{Host, Url};

/// Checks the address of an API: http or https, a host, and nothing that does
/// not belong into a base address. A message never quotes the address, since
/// it may hold a password.
pub(super) fn base_url(given: &Given<'_, String>, problems: &mut Problems) -> Option<Url> {
    let example = "write it like \"https://example.org\"";
    let wrong = |what: &str| Remark::new(format!("{} {what}", given.title())).hint(example);
    let url = match Url::parse(given.value.trim()) {
        Ok(url) => url,
        Err(error) => {
            given.remark(problems, wrong(&format!("is no address: {error}")));
            return None;
        }
    };
    let what = if !matches!(url.scheme(), "http" | "https") {
        "must start with http:// or https://"
    } else if !url.username().is_empty() || url.password().is_some() {
        "must not contain a user name or password"
    } else if url.query().is_some() {
        "must not have a query (`?…`)"
    } else if url.fragment().is_some() {
        "must not have a fragment (`#…`)"
    } else {
        return Some(url);
    };
    given.remark(problems, wrong(what));
    None
}

/// An address that is a secret as a whole: http or https, with whatever path and
/// query. A message never quotes it.
pub(super) fn secret_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text.trim()).map_err(|error| format!("is no address: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("does not start with http:// or https://".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("contains a user name or password".to_owned());
    }
    Ok(url)
}

/// Whether an address means this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Whether an address lies on the owner's own machines or network.
pub(super) fn is_private(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            // A name without a dot is resolved inside the local network only.
            let local = [".local", ".lan", ".internal", ".home.arpa"];
            !name.contains('.') || local.iter().any(|end| name.ends_with(end)) || is_loopback(url)
        }
        Some(Host::Ipv4(address)) => {
            address.is_loopback() || address.is_private() || address.is_link_local()
        }
        Some(Host::Ipv6(address)) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
        None => false,
    }
}

/// Whether a secret sent to this address crosses a network unencrypted.
pub(super) fn is_exposed(url: &Url) -> bool {
    url.scheme() == "http" && !is_loopback(url)
}

/// Wraps a credential. White space around it (a file's last newline) is no part
/// of it; `Err` says what an HTTP header can't carry.
pub(super) fn credential(text: &str) -> Result<SecretString, &'static str> {
    let text = text.trim();
    if text.is_empty() {
        return Err("is empty");
    }
    if text.chars().all(|c| c.is_ascii_graphic() || c == ' ') {
        return Ok(SecretString::from(text.to_owned()));
    }
    Err("holds a character that no HTTP header can carry, such as a line break or an accent")
}

/// The credential in a file; `Err` says which file, and what is wrong with it.
pub(super) fn secret_file(path: &Path) -> Result<SecretString, String> {
    match std::fs::read_to_string(path) {
        Ok(text) => {
            credential(&text).map_err(|what| format!("the file `{}`, which {what}", path.display()))
        }
        Err(error) => Err(format!("the file `{}`: {error}", path.display())),
    }
}

/// Checks a URL template for pixels.
pub(super) fn pixel_template(template: &str) -> Result<(), String> {
    let mut filled = String::new();
    let mut named = false;
    let mut rest = template;
    while let Some(open) = rest.find(['{', '}']) {
        filled.push_str(&rest[..open]);
        let end = rest[open..].find('}').map(|length| open + length);
        let (true, Some(end)) = (rest[open..].starts_with('{'), end) else {
            return Err("has a brace without its partner".to_owned());
        };
        match &rest[open + 1..end] {
            "name" => named = true,
            "album" => {}
            other => {
                return Err(format!(
                    "has the unknown variable {{{other}}}; known are {{album}} and {{name}}"
                ));
            }
        }
        filled.push('x');
        rest = &rest[end + 1..];
    }
    filled.push_str(rest);
    if !named {
        return Err("must contain {name}, or every photo would have the same pixels".to_owned());
    }
    if filled.chars().any(|c| c.is_control() || c == ' ') {
        return Err("must not contain spaces or control characters".to_owned());
    }
    absolute_part(&filled)
}

/// An absolute template must be an address that could be fetched.
fn absolute_part(filled: &str) -> Result<(), String> {
    if !filled.contains("://") && !filled.starts_with("//") {
        return Ok(());
    }
    let url = Url::parse(filled).map_err(|error| format!("is no address: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("must start with / or with http:// or https://".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not contain a user name or password".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("an address")
    }

    #[test]
    fn templates_need_the_name_and_known_variables_only() {
        for good in [
            "/files/cache/{album}/{name}-1280w.jpg",
            "{name}.jpg",
            "https://cdn.example.org/{album}/{name}.jpg?w=1280",
        ] {
            assert_eq!(pixel_template(good), Ok(()), "{good}");
        }
        for (bad, expected) in [
            ("/files/photo.jpg", "{name}"),
            ("/files/{album}.jpg", "{name}"),
            ("/{nmae}.jpg", "{nmae}"),
            ("/{name.jpg", "brace"),
            ("/name}.jpg", "brace"),
            ("/{name}} .jpg", "brace"),
            ("/my photos/{name}.jpg", "spaces"),
            ("ftp://example.org/{name}", "http"),
            ("https://u:p@example.org/{name}", "password"),
            ("//example.org/{name}", "address"),
        ] {
            let error = pixel_template(bad).expect_err(bad);
            assert!(error.contains(expected), "{bad}: {error}");
        }
    }

    #[test]
    fn only_plain_http_to_another_machine_exposes_a_secret() {
        for (address, exposed) in [
            ("http://127.0.0.1:8080/", false),
            ("http://[::1]/", false),
            ("http://localhost/", false),
            ("https://example.org/", false),
            ("http://example.org/", true),
            ("http://192.168.1.5/", true),
        ] {
            assert_eq!(is_exposed(&url(address)), exposed, "{address}");
        }
    }

    #[test]
    fn private_addresses_are_told_from_public_ones() {
        for (address, private) in [
            ("http://nas:8000/", true),
            ("http://gpu.local/", true),
            ("http://10.0.0.2/", true),
            ("http://[fd00::1]/", true),
            ("https://api.example.org/", false),
            ("http://8.8.8.8/", false),
        ] {
            assert_eq!(is_private(&url(address)), private, "{address}");
        }
    }

    #[test]
    fn credentials_are_trimmed_and_must_fit_a_header() {
        use secrecy::ExposeSecret as _;
        let token = credential(" abc def\n").expect("fits");
        assert_eq!(token.expose_secret(), "abc def");
        assert!(credential("a\nb").is_err());
        assert!(credential("pässword").is_err());
        assert_eq!(credential(" \n").err(), Some("is empty"));
    }
}

//! Signatures as the Standard Webhooks have them (standardwebhooks.com, 1.0.0):
//! HMAC-SHA256 over `id.timestamp.body`, in Base64 after `v1,`.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::hmac;
use secrecy::{ExposeSecret as _, SecretString};

/// The value of `webhook-signature`. `seconds` since 1970; the key in Base64.
pub(super) fn signature(id: &str, seconds: i64, body: &str, key: &SecretString) -> String {
    // The settings have encoded it themselves.
    let key = BASE64_STANDARD
        .decode(key.expose_secret())
        .unwrap_or_default();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let tag = hmac::sign(&key, format!("{id}.{seconds}.{body}").as_bytes());
    format!("v1,{}", BASE64_STANDARD.encode(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification_comes_out() {
        let key = SecretString::from("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
        let signature = signature(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
            &key,
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}

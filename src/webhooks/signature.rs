//! Signs what is posted, as the Standard Webhooks specification says.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::SecretString;
use sha2::Sha256;

use crate::domain::WebhookSecret;

/// A new secret.
pub fn generate() -> WebhookSecret {
    let mut octets = [0; 32];
    getrandom::fill(&mut octets).expect("the operating system has random numbers");
    WebhookSecret::new(octets)
}

/// A secret as the receiver's library takes it.
pub fn written(secret: &WebhookSecret) -> SecretString {
    format!("whsec_{}", STANDARD.encode(secret.expose())).into()
}

/// The header `webhook-signature`: one signature for each secret.
pub fn signatures<'a>(secrets: impl Iterator<Item = &'a WebhookSecret>, id: &str, second: i64, body: &[u8]) -> String {
    let sign = |secret: &WebhookSecret| {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose()).expect("HMAC takes keys of any length");
        mac.update(format!("{id}.{second}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    };
    secrets.map(sign).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    /// Worked out with OpenSSL: `printf '%s' 'msg_1.1700000000.{"a":1}' | openssl dgst -sha256 -mac HMAC -macopt hexkey:…`.
    #[test]
    fn the_id_the_time_and_the_body_are_signed() {
        let secret = WebhookSecret::new([0x2a; 32]);
        let signed = signatures([&secret].into_iter(), "msg_1", 1_700_000_000, br#"{"a":1}"#);
        assert_eq!(signed, "v1,DJvzz6D5wxW72nCAr9XIwJPGsGeJ6/0+Qb77Tskdmgc=");
        let both = signatures([&secret, &secret].into_iter(), "msg_1", 1_700_000_000, br#"{"a":1}"#);
        assert_eq!(both, format!("{signed} {signed}"));
        assert_ne!(signed, signatures([&secret].into_iter(), "msg_2", 1_700_000_000, br#"{"a":1}"#));
    }

    #[test]
    fn a_secret_is_thirty_two_random_octets_in_base64() {
        let (one, other) = (generate(), generate());
        assert_ne!(one, other);
        let text = written(&one);
        let encoded = text.expose_secret().strip_prefix("whsec_").unwrap();
        assert_eq!(STANDARD.decode(encoded).unwrap(), one.expose());
    }
}

//! A webhook as a practice wants it: where its events are posted to, which of them, and what signs them.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use jiff::Timestamp;

use super::WebhookId;

/// The most characters of a URL: what servers commonly take, with room to spare for a token in it.
pub const URL_CHARS_MAX: usize = 2_048;
/// The most characters of a host name (RFC 1035 §2.3.4).
const HOST_CHARS_MAX: usize = 253;

/// Where the events of a practice are posted to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    pub id: WebhookId,
    /// Tells it apart from another that had the same id before it.
    pub serial: u64,
    pub url: WebhookUrl,
    /// The types of events that are posted; `None` is all of them, those that are yet to be invented among them.
    pub events: Option<BTreeSet<String>>,
    pub enabled: bool,
    pub secret: WebhookSecret,
    pub previous: Option<PreviousSecret>,
}

/// A secret that was replaced: it signs beside the new one until the receiver knows that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviousSecret {
    pub secret: WebhookSecret,
    pub until: Timestamp,
}

impl Webhook {
    pub fn wants(&self, event: &str) -> bool {
        self.events.as_ref().is_none_or(|events| events.contains(event))
    }

    /// The secrets that sign at this time, the newest first.
    pub fn secrets(&self, now: Timestamp) -> impl Iterator<Item = &WebhookSecret> {
        let previous = self.previous.iter().filter(move |previous| now < previous.until);
        std::iter::once(&self.secret).chain(previous.map(|previous| &previous.secret))
    }
}

/// What events are signed with. It is shown once, when it is made.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret([u8; 32]);

impl WebhookSecret {
    pub fn new(octets: [u8; 32]) -> Self {
        Self(octets)
    }

    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(…)")
    }
}

/// An absolute `http` or `https` URL. It may have a secret in it, so it is not shown where logs are.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookUrl {
    text: Arc<str>,
    is_https: bool,
    host: WebhookHost,
    port: u16,
    /// Where in the text the path or the query begins.
    target_at: usize,
}

/// Whom a URL names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebhookHost {
    Address(IpAddr),
    /// In small letters.
    Name(String),
}

/// Why a text is not the URL of a webhook. Nothing of the text is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    #[error("must have at most {URL_CHARS_MAX} characters")]
    TooLong,
    #[error("must begin with https://")]
    Scheme,
    #[error("must be visible ASCII; write other characters percent-encoded, and a host in its xn-- form")]
    Characters,
    #[error("must not have a user name or a password in it: what is posted is signed instead")]
    UserInfo,
    #[error("must not have a fragment, which is never sent")]
    Fragment,
    #[error("must name a host, and a port from 1 to 65535 if any")]
    Host,
}

impl WebhookUrl {
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        if text.len() > URL_CHARS_MAX {
            return Err(UrlError::TooLong);
        }
        // RFC 3986 §2 has no place for a backslash, and who takes it for a slash reads another host.
        if !text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
            return Err(UrlError::Characters);
        }
        if text.contains('#') {
            return Err(UrlError::Fragment);
        }
        let (scheme, rest) = text.split_once("://").ok_or(UrlError::Scheme)?;
        let is_https = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(UrlError::Scheme),
        };
        let authority = &rest[..rest.find(['/', '?']).unwrap_or(rest.len())];
        if authority.contains('@') {
            return Err(UrlError::UserInfo);
        }
        let (host, port) = split_port(authority).ok_or(UrlError::Host)?;
        let port = match port {
            None if is_https => 443,
            None => 80,
            Some(digits) => port_of(digits).ok_or(UrlError::Host)?,
        };
        let host = WebhookHost::parse(host).ok_or(UrlError::Host)?;
        Ok(Self { is_https, host, port, target_at: scheme.len() + 3 + authority.len(), text: text.into() })
    }

    pub fn expose(&self) -> &str {
        &self.text
    }

    pub fn is_https(&self) -> bool {
        self.is_https
    }

    pub fn host(&self) -> &WebhookHost {
        &self.host
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// What goes into the `Host` header: as it is written, because a receiver may compare.
    pub fn authority(&self) -> &str {
        let start = if self.is_https { "https://".len() } else { "http://".len() };
        &self.text[start..self.target_at]
    }

    /// The path and the query, as a request line has them (RFC 9112 §3.2.1).
    pub fn target(&self) -> String {
        let rest = &self.text[self.target_at..];
        if rest.starts_with('/') { rest.to_owned() } else { format!("/{rest}") }
    }
}

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookUrl(…)")
    }
}

/// The port stands after the last colon that is not in brackets.
fn split_port(authority: &str) -> Option<(&str, Option<&str>)> {
    if let Some(bracketed) = authority.strip_prefix('[') {
        let end = bracketed.find(']')? + 2;
        let (host, after) = authority.split_at(end);
        return match after.strip_prefix(':') {
            Some(port) => Some((host, Some(port))),
            None => after.is_empty().then_some((host, None)),
        };
    }
    match authority.split_once(':') {
        Some((host, port)) => Some((host, Some(port))),
        None => Some((authority, None)),
    }
}

fn port_of(digits: &str) -> Option<u16> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { digits.parse().ok().filter(|port| *port > 0) } else { None }
}

impl WebhookHost {
    fn parse(text: &str) -> Option<Self> {
        if let Some(address) = text.strip_prefix('[') {
            let address: Ipv6Addr = address.strip_suffix(']')?.parse().ok()?;
            return Some(Self::Address(address.into()));
        }
        let name = text.to_ascii_lowercase();
        let labels_are_plain = name.trim_end_matches('.').split('.').all(|label| {
            !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        });
        if name.len() > HOST_CHARS_MAX || name.ends_with("..") || !labels_are_plain {
            return None;
        }
        // What ends in a number is an address or nothing: `127.1` and `0x7f000001` are spellings that resolvers take.
        let last = name.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
        let is_numeric = last.bytes().all(|byte| byte.is_ascii_digit())
            || last.strip_prefix("0x").is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
        if is_numeric {
            return name.parse::<Ipv4Addr>().ok().map(|address| Self::Address(address.into()));
        }
        Some(Self::Name(name))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: (&str, u16, &str)) {
        let url = WebhookUrl::parse(text).unwrap();
        let host = match url.host() {
            WebhookHost::Address(address) => address.to_string(),
            WebhookHost::Name(name) => name.clone(),
        };
        assert_eq!((host.as_str(), url.port(), url.target().as_str()), expected, "{text}");
    }

    #[test]
    fn a_url_is_taken_apart() {
        check("https://hooks.example", ("hooks.example", 443, "/"));
        check("https://Hooks.Example./a/b?c=d", ("hooks.example.", 443, "/a/b?c=d"));
        check("https://hooks.example?c=d", ("hooks.example", 443, "/?c=d"));
        check("http://192.0.2.7:8080/x", ("192.0.2.7", 8080, "/x"));
        check("https://[2001:db8::1]:8443/x", ("2001:db8::1", 8443, "/x"));
        check("HTTPS://[::1]/", ("::1", 443, "/"));
        check("https://hooks.example/a@b:c", ("hooks.example", 443, "/a@b:c"));
        assert_eq!(WebhookUrl::parse("https://Hooks.example:8443/x").unwrap().authority(), "Hooks.example:8443");
    }

    #[test]
    fn what_is_no_url_of_a_webhook_is_refused_and_not_repeated() {
        for (text, error) in [
            ("", UrlError::Scheme),
            ("hooks.example/x", UrlError::Scheme),
            ("ftp://hooks.example", UrlError::Scheme),
            ("file:///etc/passwd", UrlError::Scheme),
            ("https://user:pw@hooks.example/", UrlError::UserInfo),
            ("https://hooks.example@127.0.0.1/", UrlError::UserInfo),
            ("https://hooks.example/#x", UrlError::Fragment),
            ("https://hooks.example\\@evil.example/", UrlError::Characters),
            ("https://hooks.example/a b", UrlError::Characters),
            ("https://hooks.example/\r\nHost: x", UrlError::Characters),
            ("https://bücher.example/", UrlError::Characters),
            ("https:///x", UrlError::Host),
            ("https://:443/", UrlError::Host),
            ("https://hooks.example:/", UrlError::Host),
            ("https://hooks.example:0/", UrlError::Host),
            ("https://hooks.example:65536/", UrlError::Host),
            ("https://hooks.example:+1/", UrlError::Host),
            ("https://hooks..example/", UrlError::Host),
            ("https://[::1/", UrlError::Host),
            ("https://[::1]x/", UrlError::Host),
            ("https://[fe80::1%25eth0]/", UrlError::Host),
            ("https://127.1/", UrlError::Host),
            ("https://2130706433/", UrlError::Host),
            ("https://0x7f000001/", UrlError::Host),
            ("https://0x7f.0.0.0x1/", UrlError::Host),
            ("https://a%2eb/", UrlError::Host),
        ] {
            assert_eq!(WebhookUrl::parse(text), Err(error), "{text}");
        }
        let long = format!("https://hooks.example/{}", "x".repeat(URL_CHARS_MAX));
        assert_eq!(WebhookUrl::parse(&long), Err(UrlError::TooLong));
        let url = WebhookUrl::parse("https://hooks.example/?token=hush").unwrap();
        assert_eq!(format!("{url:?} {:?}", WebhookSecret::new([7; 32])), "WebhookUrl(…) WebhookSecret(…)");
    }

    proptest! {
        #[test]
        fn any_text_is_taken_apart_or_refused(
            text in "(?i:https?)?(://)?[a-zA-Z0-9.@:/?#\\[\\]_-]{0,40}",
            other in any::<String>(),
        ) {
            for text in [&text, &other] {
                let Ok(url) = WebhookUrl::parse(text) else { continue };
                prop_assert!(text.contains(url.authority()));
                prop_assert!(url.target().starts_with('/') && !url.authority().is_empty() && url.port() > 0);
            }
        }
    }

    #[test]
    fn a_secret_that_was_replaced_signs_until_its_time_is_over() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let webhook = Webhook {
            id: WebhookId::parse("ehr").unwrap(),
            serial: 1,
            url: WebhookUrl::parse("https://hooks.example").unwrap(),
            events: Some(BTreeSet::from(["message.received".to_owned()])),
            enabled: true,
            secret: WebhookSecret::new([2; 32]),
            previous: Some(PreviousSecret { secret: WebhookSecret::new([1; 32]), until: at(100) }),
        };
        assert_eq!(webhook.secrets(at(99)).map(|secret| secret.expose()[0]).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(webhook.secrets(at(100)).map(|secret| secret.expose()[0]).collect::<Vec<_>>(), [2]);
        assert!(webhook.wants("message.received") && !webhook.wants("unread.changed"));
    }
}

//! A host or a network inside the operator's own, as the configuration names it.

use std::str::FromStr;

use super::{Prefix, WebhookHost, WebhookUrl};

/// Where a webhook may lead though it is not on the internet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InternalHost {
    Prefix(Prefix),
    /// In small letters.
    Name(String),
}

/// What is neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an IP address, a network such as 10.1.2.0/24 with no bit after it set, or the name of a host")]
pub struct NotAHost;

impl FromStr for InternalHost {
    type Err = NotAHost;

    fn from_str(text: &str) -> Result<Self, NotAHost> {
        if let Ok(prefix) = text.parse() {
            return Ok(Self::Prefix(prefix));
        }
        if text.contains(['/', ':', '?']) {
            return Err(NotAHost);
        }
        let url = WebhookUrl::parse(&format!("https://{text}")).map_err(|_| NotAHost)?;
        match url.host() {
            WebhookHost::Name(name) => Ok(Self::Name(name.trim_end_matches('.').to_owned())),
            WebhookHost::Address(_) => Err(NotAHost),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_an_address_a_network_or_a_name() {
        for text in ["10.1.2.3", "10.1.2.0/24", "::1", "fd00::/8"] {
            assert_eq!(text.parse(), Ok(InternalHost::Prefix(text.parse().unwrap())), "{text}");
        }
        for text in ["hooks.internal", "Hooks.Internal.", "localhost"] {
            let name = text.to_ascii_lowercase().trim_end_matches('.').to_owned();
            assert_eq!(text.parse(), Ok(InternalHost::Name(name)), "{text}");
        }
        for text in
            ["", "10.1.2.3/24", "10.1.2", "hooks.internal:80", "https://hooks.internal", "a/b", "*.internal", "a b"]
        {
            assert_eq!(text.parse::<InternalHost>(), Err(NotAHost), "{text}");
        }
    }
}

//! The origin of a page, as a browser names it.

use std::net::IpAddr;
use std::str::FromStr;

/// Scheme, host and port: `https://inbox.example`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(String);

/// Why a text is no origin that may be named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    #[error("must be an origin, such as https://inbox.example: a scheme, a host in small letters, and no path")]
    NotAnOrigin,
    #[error("must be https, because whoever is on the way could write the page; http is for this machine alone")]
    Unencrypted,
}

impl Origin {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let (scheme, authority) = text.split_once("://").ok_or(OriginError::NotAnOrigin)?;
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            Some(_) | None => (authority, None),
        };
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let address: Option<IpAddr> = host.parse().ok();
        let is_name = !host.is_empty()
            && host
                .bytes()
                .all(|octet| octet.is_ascii_lowercase() || octet.is_ascii_digit() || matches!(octet, b'-' | b'.'));
        let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|number| number.to_string() == port));
        if !(address.is_some() || is_name) || !is_port {
            return Err(OriginError::NotAnOrigin);
        }
        let is_this_machine = host == "localhost" || address.is_some_and(|address| address.is_loopback());
        match scheme {
            "https" => Ok(Self(text.to_owned())),
            "http" if is_this_machine => Ok(Self(text.to_owned())),
            "http" => Err(OriginError::Unencrypted),
            _ => Err(OriginError::NotAnOrigin),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_a_browser_would_send() {
        for good in [
            "https://inbox.example",
            "https://inbox.example:8443",
            "http://localhost:3000",
            "http://127.0.0.1:5173",
            "http://[::1]:5173",
            "https://10.0.0.7",
        ] {
            assert_eq!(good.parse::<Origin>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            "*",
            "null",
            "inbox.example",
            "https://",
            "https://inbox.example/",
            "https://Inbox.example",
            "https://*.example",
            "https://a b",
            "https://inbox.example:0443",
            "https://inbox.example:x",
            "ftp://inbox.example",
        ] {
            assert_eq!(bad.parse::<Origin>(), Err(OriginError::NotAnOrigin), "{bad}");
        }
        assert_eq!("http://inbox.example".parse::<Origin>(), Err(OriginError::Unencrypted));
    }
}

//! Where a Redis is, as its url says.
//!
//! `redis://host:port/db` is one server, `redis+sentinel://h1,h2/master` the master that these sentinels name,
//! `redis+cluster://h1,h2,h3` a cluster. With `rediss` in place of `redis`, all of it is over TLS. A name and a password
//! stand before the hosts: `redis://name:password@host`.

use std::fmt;

use percent_encoding::percent_decode_str;
use secrecy::SecretString;

const REDIS_PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

/// Where a Redis is.
#[derive(Debug, Clone)]
pub struct Address {
    pub shape: Shape,
    pub tls: Tls,
    pub user: Option<String>,
    pub password: Option<SecretString>,
}

/// How many servers there are, and who says which is which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    Single {
        host: Host,
        database: i64,
    },
    /// The master of this name, as any of these sentinels says.
    Sentinel {
        sentinels: Vec<Host>,
        master: String,
    },
    /// Some nodes of it; they know the others.
    Cluster {
        nodes: Vec<Host>,
    },
}

/// Whether what is stored travels encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// Verified.
    Yes,
    No,
}

/// A name or address, and a port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Host {
    pub name: String,
    pub port: u16,
}

/// Why a url names no Redis. It does not repeat the url, which may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("store url is not understood: {0}")]
pub struct AddressError(String);

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.contains(':') {
            write!(f, "[{}]:{}", self.name, self.port)
        } else {
            write!(f, "{}:{}", self.name, self.port)
        }
    }
}

/// The address without its secrets, for logs and messages.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |hosts: &[Host]| hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        match &self.shape {
            Shape::Single { host, database } => write!(f, "redis at {host}, database {database}"),
            Shape::Sentinel { sentinels, master } => write!(f, "redis {master:?} of the sentinels {}", list(sentinels)),
            Shape::Cluster { nodes } => write!(f, "redis cluster at {}", list(nodes)),
        }
    }
}

impl Address {
    /// Whether a url means a Redis at all.
    pub fn is_meant_by(scheme: &str) -> bool {
        Scheme::of(scheme).is_some()
    }

    pub fn parse(url: &str) -> Result<Self, AddressError> {
        let wrong = |what: &str| AddressError(what.to_owned());
        let (scheme, rest) = url.split_once("://").ok_or_else(|| wrong("it has no scheme"))?;
        let scheme = Scheme::of(scheme).ok_or_else(|| wrong("its scheme is none of redis's"))?;
        if rest.contains(['?', '#']) {
            return Err(wrong("it has parameters, and takes none"));
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (credentials, hosts) = match authority.rsplit_once('@') {
            Some((credentials, hosts)) => (Some(credentials), hosts),
            None => (None, authority),
        };
        let (user, password) = match credentials.map(|both| both.split_once(':').unwrap_or((both, ""))) {
            Some((user, password)) => (decoded(user)?, decoded(password)?),
            None => (None, None),
        };
        let port = if scheme.kind == Kind::Sentinel { SENTINEL_PORT } else { REDIS_PORT };
        let mut hosts = hosts.split(',').map(|host| Host::parse(host, port)).collect::<Result<Vec<_>, _>>()?;
        let shape = match scheme.kind {
            Kind::Single => {
                let (Some(host), true) = (hosts.pop(), hosts.is_empty()) else {
                    return Err(wrong("one server has one host; a cluster is written redis+cluster://h1,h2,h3"));
                };
                let database = if path.is_empty() { Ok(0) } else { path.parse() };
                let database = database.ok().filter(|number| (0..=i64::from(u16::MAX)).contains(number));
                Shape::Single { host, database: database.ok_or_else(|| wrong("the database after / is no number"))? }
            }
            Kind::Sentinel => {
                let master = decoded(path)?
                    .ok_or_else(|| wrong("the name of the master is missing: redis+sentinel://h1,h2/master"))?;
                Shape::Sentinel { sentinels: hosts, master }
            }
            Kind::Cluster if path.is_empty() => Shape::Cluster { nodes: hosts },
            Kind::Cluster => return Err(wrong("a cluster has no databases: leave out what comes after the hosts")),
        };
        Ok(Self { shape, tls: scheme.tls, user, password: password.map(SecretString::from) })
    }

    /// Whether every host is this machine, so that nothing leaves it.
    pub fn is_loopback(&self) -> bool {
        let hosts: Vec<&Host> = match &self.shape {
            Shape::Single { host, .. } => vec![host],
            Shape::Sentinel { sentinels: hosts, .. } | Shape::Cluster { nodes: hosts } => hosts.iter().collect(),
        };
        hosts.iter().all(|host| {
            host.name == "localhost" || host.name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Single,
    Sentinel,
    Cluster,
}

struct Scheme {
    kind: Kind,
    tls: Tls,
}

impl Scheme {
    fn of(scheme: &str) -> Option<Self> {
        let (protocol, kind) = scheme.split_once('+').unwrap_or((scheme, ""));
        let tls = match protocol {
            "redis" => Tls::No,
            "rediss" => Tls::Yes,
            _ => return None,
        };
        let kind = match kind {
            "" => Kind::Single,
            "sentinel" => Kind::Sentinel,
            "cluster" => Kind::Cluster,
            _ => return None,
        };
        Some(Self { kind, tls })
    }
}

impl Host {
    fn parse(text: &str, default_port: u16) -> Result<Self, AddressError> {
        let (name, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((name, port)) => (name, port.strip_prefix(':')),
            None => match text.rsplit_once(':') {
                Some((name, port)) => (name, Some(port)),
                None => (text, None),
            },
        };
        let port = port.map_or(Ok(default_port), str::parse);
        match port {
            Ok(port) if !name.is_empty() => Ok(Self { name: name.to_owned(), port }),
            _ => Err(AddressError("a host is written HOST or HOST:PORT".to_owned())),
        }
    }
}

/// A part of a url; none when it is empty.
fn decoded(text: &str) -> Result<Option<String>, AddressError> {
    let decoded = percent_decode_str(text).decode_utf8();
    let decoded = decoded.map_err(|_| AddressError("a part of it is not UTF-8".to_owned()))?;
    Ok((!decoded.is_empty()).then(|| decoded.into_owned()))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn host(name: &str, port: u16) -> Host {
        Host { name: name.into(), port }
    }

    #[test]
    fn every_form_of_url_is_read() {
        let shape = |url| Address::parse(url).unwrap().shape;
        assert_eq!(shape("redis://db"), Shape::Single { host: host("db", 6379), database: 0 });
        assert_eq!(shape("redis://127.0.0.1:7000/3"), Shape::Single { host: host("127.0.0.1", 7000), database: 3 });
        assert_eq!(shape("rediss://[::1]:7000/"), Shape::Single { host: host("::1", 7000), database: 0 });
        assert_eq!(
            shape("redis+sentinel://a,b:7/front%20desk"),
            Shape::Sentinel { sentinels: vec![host("a", 26379), host("b", 7)], master: "front desk".into() }
        );
        assert_eq!(
            shape("rediss+cluster://a:1,b:2,c:3"),
            Shape::Cluster { nodes: vec![host("a", 1), host("b", 2), host("c", 3)] }
        );
        assert_eq!(Address::parse("redis://a").unwrap().tls, Tls::No);
        assert_eq!(Address::parse("rediss+sentinel://a/m").unwrap().tls, Tls::Yes);
    }

    #[test]
    fn a_name_and_a_password_may_hold_anything_and_do_not_show() {
        let address = Address::parse("redis://clinic:p%40ss:w%2Frd@db:1").unwrap();
        assert_eq!(address.user.as_deref(), Some("clinic"));
        assert_eq!(address.password.as_ref().unwrap().expose_secret(), "p@ss:w/rd");
        assert!(!format!("{address:?}{address}").contains("p@ss"));
        let address = Address::parse("redis://:secret@db").unwrap();
        assert_eq!((address.user, address.password.unwrap().expose_secret()), (None, "secret"));
    }

    #[test]
    fn what_is_wrong_is_named_and_no_secret_with_it() {
        for url in [
            "redis://",
            "redis://a:port",
            "redis://a,b",
            "redis://a/one",
            "redis://a/-1",
            "redis+sentinel://a",
            "redis+cluster://a,b/0",
            "redis+tree://a",
            "redis://u:secret@a?db=1",
        ] {
            let error = Address::parse(url).unwrap_err().to_string();
            assert!(error.starts_with("store url is not understood: ") && !error.contains("secret"), "{url}: {error}");
        }
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for (url, is_loopback) in [
            ("redis://localhost", true),
            ("redis://127.0.0.1:1", true),
            ("redis+cluster://[::1],127.0.0.2", true),
            ("redis+cluster://127.0.0.1,db", false),
            ("redis://10.0.0.1", false),
        ] {
            assert_eq!(Address::parse(url).unwrap().is_loopback(), is_loopback, "{url}");
        }
    }
}

//! Tags of what can be changed, so that of two people who change one thing the second hears of the first (RFC 9110 §13).
//!
//! A tag covers what a PUT of the resource writes. What is shown beside that, such as today's count of segments, changes
//! without making anybody's edit stale.

use axum::extract::FromRequestParts;
use axum::http::header::{ETAG, HeaderName, IF_MATCH, IF_NONE_MATCH};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::problem::Problem;
use crate::ports::Record;
use crate::records::Over;

/// Octets of a tag: two things that differ never have the same one.
const OCTETS: usize = 16;
/// Tags that one header may name. A client has one, or a few.
const TAGS_MAX: usize = 32;

/// Makes tags. The key follows from the operator's token, so that every daemon makes the same ones; without it a tag, which
/// ends up in logs, tells nothing of a name or a phone to whoever would guess.
pub struct Tags {
    key: [u8; 32],
}

/// The strong tag of a resource, as it is written, in its quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ETag(String);

impl Tags {
    pub fn new(operator_token: &SecretString) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"assent tags 1\0");
        hash.update(operator_token.expose_secret());
        Self { key: hash.finalize().into() }
    }

    /// The tag of a resource, by its path and by what of it can be changed.
    pub fn of(&self, path: &[&str], shown: &impl Serialize) -> ETag {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        for name in path {
            mac.update(name.as_bytes());
            mac.update(&[0]);
        }
        mac.update(&serde_json::to_vec(shown).expect("what is shown has text for keys"));
        ETag(format!("\"{}\"", URL_SAFE_NO_PAD.encode(&mac.finalize().into_bytes()[..OCTETS])))
    }
}

impl ETag {
    /// Puts the tag on an answer.
    pub fn on(&self, mut response: Response) -> Response {
        let value = HeaderValue::from_str(&self.0).expect("a tag is of visible characters");
        response.headers_mut().insert(ETAG, value);
        response
    }
}

/// What a caller says must be there for the change to be made: `If-Match`, `If-None-Match`, both or neither.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Condition {
    matches: Option<Named>,
    none_matches: Option<Named>,
}

/// The tags that a header names.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Named {
    Any,
    These(Vec<ETag>),
}

impl Condition {
    /// Whether it asks for nothing.
    pub fn is_none(&self) -> bool {
        self.matches.is_none() && self.none_matches.is_none()
    }

    /// Whether what is there is what the caller wants to change; `None` is that nothing is there.
    pub fn permits(&self, there: Option<&ETag>) -> bool {
        let matches = self.matches.as_ref().is_none_or(|named| named.fits(there));
        let none_matches = self.none_matches.as_ref().is_none_or(|named| !named.fits(there));
        matches && none_matches
    }

    /// What a record is put over, when this is the condition and `tag` makes the tag of such a record.
    pub fn over(self, tag: impl FnOnce(&Record) -> Option<ETag> + Send + 'static) -> Over {
        if self.is_none() {
            return Over::Anything;
        }
        Over::Only(Box::new(move |there| self.permits(there.and_then(tag).as_ref())))
    }

    fn read(headers: &HeaderMap) -> Result<Self, Problem> {
        Ok(Self { matches: Named::read(headers, &IF_MATCH)?, none_matches: Named::read(headers, &IF_NONE_MATCH)? })
    }
}

impl Named {
    fn fits(&self, there: Option<&ETag>) -> bool {
        match (self, there) {
            (_, None) => false,
            (Self::Any, Some(_)) => true,
            (Self::These(tags), Some(there)) => tags.contains(there),
        }
    }

    fn read(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Self>, Problem> {
        let mut lists = Vec::new();
        for value in headers.get_all(name) {
            lists.push(value.to_str().map_err(|_| bad(name))?);
        }
        if lists.is_empty() {
            return Ok(None);
        }
        let joined = lists.join(",");
        if joined.trim() == "*" {
            return Ok(Some(Self::Any));
        }
        let tags = joined.split(',').map(str::trim).filter(|tag| !tag.is_empty());
        let tags: Option<Vec<ETag>> = tags.take(TAGS_MAX + 1).map(strong).collect();
        match tags {
            Some(tags) if !tags.is_empty() && tags.len() <= TAGS_MAX => Ok(Some(Self::These(tags))),
            Some(_) | None => Err(bad(name)),
        }
    }
}

/// A tag as a caller names it. A weak one is none of ours and so fits nothing, which is what RFC 9110 asks of it.
fn strong(tag: &str) -> Option<ETag> {
    let quoted = tag.strip_prefix("W/").unwrap_or(tag);
    let inner = quoted.strip_prefix('"')?.strip_suffix('"')?;
    inner.bytes().all(|octet| octet != b'"' && octet.is_ascii_graphic()).then(|| ETag(tag.to_owned()))
}

fn bad(name: &HeaderName) -> Problem {
    let written = if *name == IF_MATCH { "If-Match" } else { "If-None-Match" };
    Problem::field(written, format!("must be * or at most {TAGS_MAX} tags in quotes, as ETag gave them"))
}

impl<S: Send + Sync> FromRequestParts<S> for Condition {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::read(&parts.headers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(shown: &str) -> ETag {
        Tags::new(&SecretString::from("operator")).of(&["riverside", "staff"], &shown)
    }

    fn condition(headers: &[(HeaderName, &str)]) -> Result<Condition, Problem> {
        let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()));
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, value);
        }
        Condition::read(&map)
    }

    #[test]
    fn a_tag_is_of_one_resource_as_it_is_and_tells_nothing_without_the_key() {
        assert_eq!(tag("amy"), tag("amy"));
        assert_ne!(tag("amy"), tag("Amy"));
        let tags = Tags::new(&SecretString::from("operator"));
        assert_ne!(tags.of(&["a", "b"], &1), tags.of(&["ab"], &1));
        assert_ne!(tags.of(&["a"], &1), Tags::new(&SecretString::from("other")).of(&["a"], &1));
    }

    #[test]
    fn a_condition_says_what_may_be_changed() {
        let (amy, tex) = (tag("amy"), tag("tex"));
        let both = format!("{}, {}", amy.0, tex.0);
        let weak = format!("W/{}", amy.0);
        type Headers<'a> = &'a [(HeaderName, &'a str)];
        // The headers, and whether Amy, Tex and an absent one may be changed.
        let cases: [(Headers<'_>, [bool; 3]); 9] = [
            (&[], [true, true, true]),
            (&[(IF_MATCH, "*")], [true, true, false]),
            (&[(IF_MATCH, &amy.0)], [true, false, false]),
            (&[(IF_MATCH, &both)], [true, true, false]),
            (&[(IF_MATCH, &amy.0), (IF_MATCH, &tex.0)], [true, true, false]),
            (&[(IF_MATCH, &weak)], [false, false, false]),
            (&[(IF_NONE_MATCH, "*")], [false, false, true]),
            (&[(IF_NONE_MATCH, &amy.0)], [false, true, true]),
            (&[(IF_MATCH, &both), (IF_NONE_MATCH, &amy.0)], [false, true, false]),
        ];
        for (headers, expected) in cases {
            let condition = condition(headers).unwrap();
            let found = [Some(&amy), Some(&tex), None].map(|there| condition.permits(there));
            assert_eq!((found, condition.is_none()), (expected, headers.is_empty()), "{headers:?}");
        }
    }

    #[test]
    fn a_condition_that_is_none_is_not_taken_for_no_condition() {
        let many = vec!["\"x\""; TAGS_MAX + 1].join(",");
        for value in ["", ",", "amy", "\"amy", "\"a\"b\"", "*, \"amy\"", "\"a b\"", many.as_str()] {
            for name in [IF_MATCH, IF_NONE_MATCH] {
                assert!(condition(&[(name, value)]).is_err(), "{value}");
            }
        }
    }
}

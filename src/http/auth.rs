//! Decides who is calling, and whether they may: before anything else about a request is looked at.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, Method};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::problem::Problem;
use super::{Api, session};
use crate::domain::{PracticeId, StaffId, StaffMember};
use crate::ports::{CaughtUp, TokenRecord};
use crate::records::Records;

/// What a route is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// The daemon, or all practices.
    Service,
    /// The practice of the path. Whoever may not know of it gets what they get for one that does not exist.
    Practice,
    /// A practice that may not exist yet.
    PracticeToBe,
}

/// What a route needs its caller to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Nothing: it tells nothing about anybody.
    Anyone,
    /// Any valid token.
    Token,
    Operator,
    /// The practice's backend, or the operator; not a member of staff on their own.
    PracticeToken,
    /// The token of one member of staff.
    Session,
    SiteAdministrator,
    PatientTextAdministrator,
}

/// Whose token was shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Credential {
    Operator,
    Token { id: String, practice: PracticeId, session_of: Option<StaffId> },
}

/// Who is calling.
#[derive(Debug, Clone)]
pub struct Caller {
    pub(super) credential: Credential,
    /// The member of staff who acts.
    pub staff: Option<StaffId>,
}

impl Caller {
    /// The one practice that the caller may see; `None` for the operator, who may see all.
    pub fn only_practice(&self) -> Option<&PracticeId> {
        match &self.credential {
            Credential::Operator => None,
            Credential::Token { practice, .. } => Some(practice),
        }
    }

    /// Whose session it is, and of which practice; `None` where it is none.
    pub fn session(&self) -> Option<(&PracticeId, &StaffId)> {
        match &self.credential {
            Credential::Operator => None,
            Credential::Token { practice, session_of, .. } => Some((practice, session_of.as_ref()?)),
        }
    }

    /// The public part of the token.
    pub fn token_id(&self) -> Option<&str> {
        match &self.credential {
            Credential::Operator => None,
            Credential::Token { id, .. } => Some(id),
        }
    }

    /// When the token runs out, if it does.
    pub fn expires_at(&self, records: &Records) -> Option<Timestamp> {
        match &self.credential {
            Credential::Operator => None,
            Credential::Token { id, .. } => records.token_expires_at(id),
        }
    }

    /// Whether what let the caller in still holds.
    pub fn still_may(&self, records: &Records, practice: &PracticeId, permission: Permission) -> bool {
        let is_live = match &self.credential {
            Credential::Operator => true,
            Credential::Token { id, .. } => records.is_live(id),
        };
        let member = self.staff.as_ref().map(|id| records.staff_member(practice, id));
        match member {
            Some(None) => false,
            Some(Some(member)) => is_live && permits(permission, &self.credential, Some(&member)).is_ok(),
            None => is_live && permits(permission, &self.credential, None).is_ok(),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(parts.extensions.get::<Self>().cloned().expect("the guard of the route lets nobody in without a name"))
    }
}

impl Credential {
    pub fn may_see(&self, id: &PracticeId) -> bool {
        match self {
            Self::Operator => true,
            Self::Token { practice, .. } => practice == id,
        }
    }
}

/// A member of staff has their own permissions, whoever's token names them. The operator on their own may do everything.
pub(super) fn permits(
    permission: Permission,
    credential: &Credential,
    staff: Option<&StaffMember>,
) -> Result<(), Problem> {
    let of_staff = |has: fn(&StaffMember) -> bool| match (staff, credential) {
        (Some(member), _) => has(member),
        (None, Credential::Operator) => true,
        (None, Credential::Token { .. }) => false,
    };
    let (may, otherwise) = match permission {
        Permission::Anyone | Permission::Token => return Ok(()),
        Permission::Operator => (*credential == Credential::Operator, Problem::NotOperator),
        Permission::PracticeToken => {
            let is_session = matches!(credential, Credential::Token { session_of: Some(_), .. });
            (!is_session, Problem::NotPracticeToken)
        }
        Permission::Session => {
            let is_session = matches!(credential, Credential::Token { session_of: Some(_), .. });
            (is_session, Problem::NotSession)
        }
        Permission::SiteAdministrator => (of_staff(|one| one.site_administrator), Problem::NotSiteAdministrator),
        Permission::PatientTextAdministrator => {
            (of_staff(|one| one.patient_text_administrator), Problem::NotPatientTextAdministrator)
        }
    };
    if may { Ok(()) } else { Err(otherwise) }
}

/// The operator's token among those that are held to their allowance. No practice's token is called so.
const OPERATOR: &str = "operator";

/// Whose token came with a request, which must not be one too many of it. Wrong ones are counted against the address that they
/// came from; right ones are never refused for that, because many callers may share the address of a proxy.
///
/// Whatever another daemon was told before this request came is known from here on: a permission that was withdrawn there is
/// gone here, and a phone that a patient gave up is not written to. An address that has shown as many wrong tokens as it
/// may has the store asked for none: a token that another daemon has just made is known from the news in a moment.
pub(super) async fn authenticate(
    api: &Api,
    method: &Method,
    headers: &HeaderMap,
    extensions: &Extensions,
) -> Result<Credential, Problem> {
    let token = shown(api, method, headers)?;
    let peer = peer(extensions);
    let mut credential = recognize(api, token);
    match &credential {
        Some(credential) => within_allowance(api, credential)?,
        None if Records::may_be_token(token) && !api.failures.are_many(peer) => {}
        None => return Err(wrong_token(api, peer)),
    }
    match api.records.catch_up().await? {
        CaughtUp::Learnt => credential = recognize(api, token),
        CaughtUp::NothingNew => {}
    }
    credential.ok_or_else(|| wrong_token(api, peer))
}

fn wrong_token(api: &Api, peer: IpAddr) -> Problem {
    match api.failures.count(peer) {
        Ok(()) => Problem::NotAuthenticated,
        Err(retry_after_s) => Problem::TooManyFailures { retry_after_s },
    }
}

fn recognize(api: &Api, token: &str) -> Option<Credential> {
    if is_operators(token, &api.operator_token) {
        return Some(Credential::Operator);
    }
    let TokenRecord { id, practice, staff, .. } = api.records.authenticate(token)?;
    Some(Credential::Token { id, practice, session_of: staff })
}

fn within_allowance(api: &Api, credential: &Credential) -> Result<(), Problem> {
    let token = match credential {
        Credential::Operator => OPERATOR,
        Credential::Token { id, .. } => id,
    };
    api.allowances.count(token).map_err(|retry_after_s| Problem::TooManyRequests { retry_after_s })
}

/// The token that came with a request: in the header, or in a browser's cookie, which is sent along whoever asks.
fn shown<'a>(api: &Api, method: &Method, headers: &'a HeaderMap) -> Result<&'a str, Problem> {
    if headers.contains_key(AUTHORIZATION) {
        return bearer(headers).ok_or(Problem::NotAuthenticated);
    }
    let token = session::token(headers).ok_or(Problem::NotAuthenticated)?;
    api.origins.admit(method, headers)?;
    Ok(token)
}

/// The token in the header `Authorization`.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let (Some(one), None) = (given.next(), given.next()) else { return None };
    let (scheme, token) = one.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim()).filter(|token| !token.is_empty())
}

fn is_operators(token: &str, operators: &SecretString) -> bool {
    let operators = operators.expose_secret();
    let (shown, kept) = (Sha256::digest(token.as_bytes()), Sha256::digest(operators.as_bytes()));
    bool::from(shown.ct_eq(&kept)) && !operators.is_empty()
}

fn peer(extensions: &Extensions) -> IpAddr {
    let known = extensions.get::<ConnectInfo<SocketAddr>>();
    known.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(address)| address.ip())
}

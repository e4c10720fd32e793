//! Decides who is calling, and whether they may: before anything else about a request is looked at.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts, RawPathParams, Request, State as Given};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::Api;
use super::problem::Problem;
use crate::domain::{Practice, PracticeId, StaffId, StaffMember};
use crate::ports::{CaughtUp, TokenRecord};
use crate::records::Records;

/// Names who acts, in calls with a practice's token.
pub const STAFF_HEADER: &str = "assent-staff";

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
    SiteAdministrator,
    PatientTextAdministrator,
}

/// Whose token was shown.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Credential {
    Operator,
    Token { id: String, practice: PracticeId, session_of: Option<StaffId> },
}

/// Who is calling.
#[derive(Debug, Clone)]
pub struct Caller {
    credential: Credential,
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

/// Stands before a handler.
#[derive(Clone)]
pub struct Guard {
    pub api: Arc<Api>,
    pub resource: Resource,
    pub permission: Permission,
}

/// Lets a request through to its handler, with the caller and the practice in its extensions.
pub async fn guard(
    Given(guard): Given<Guard>,
    params: Result<RawPathParams, axum::extract::rejection::RawPathParamsRejection>,
    mut request: Request,
    next: Next,
) -> Response {
    if guard.permission == Permission::Anyone {
        return next.run(request).await;
    }
    let practice = params.as_ref().ok().and_then(|params| {
        let mut named = params.iter().filter(|(name, _)| *name == "practice");
        named.next().map(|(_, value)| value)
    });
    match guard.admit(practice, request.headers(), request.extensions()).await {
        Ok(admitted) => {
            request.extensions_mut().insert(admitted.caller);
            if let Some(practice) = admitted.practice {
                request.extensions_mut().insert(practice);
            }
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

/// Nothing is here, which only those with a token get to hear.
pub async fn nowhere(Given(api): Given<Arc<Api>>, request: Request) -> Problem {
    match authenticate(&api, request.headers(), request.extensions()).await {
        Ok(_) => Problem::NotFound,
        Err(problem) => problem,
    }
}

struct Admitted {
    caller: Caller,
    practice: Option<Arc<Practice>>,
}

impl Guard {
    async fn admit(
        &self,
        named: Option<&str>,
        headers: &HeaderMap,
        extensions: &Extensions,
    ) -> Result<Admitted, Problem> {
        let credential = authenticate(&self.api, headers, extensions).await?;
        let practice = self.practice(&credential, named)?;
        let staff = self.who_acts(&credential, practice.as_deref(), headers)?;
        permits(self.permission, &credential, staff.as_ref())?;
        let caller = Caller { credential, staff: staff.map(|member| member.id) };
        Ok(Admitted { caller, practice })
    }

    fn practice(&self, credential: &Credential, named: Option<&str>) -> Result<Option<Arc<Practice>>, Problem> {
        let id = match self.resource {
            Resource::Service => return Ok(None),
            Resource::Practice | Resource::PracticeToBe => named.and_then(|text| PracticeId::parse(text).ok()),
        };
        let known = id.filter(|id| credential.may_see(id)).and_then(|id| self.api.records.practice(&id));
        let may_create = self.resource == Resource::PracticeToBe && *credential == Credential::Operator;
        if known.is_none() && !may_create { Err(Problem::NotFound) } else { Ok(known) }
    }

    fn who_acts(
        &self,
        credential: &Credential,
        practice: Option<&Practice>,
        headers: &HeaderMap,
    ) -> Result<Option<StaffMember>, Problem> {
        let mut given = headers.get_all(STAFF_HEADER).iter();
        let named = match (given.next(), given.next()) {
            (None, _) => None,
            (Some(one), None) => {
                let id = one.to_str().ok().and_then(|text| StaffId::parse(text).ok());
                Some(id.ok_or(Problem::UnknownStaff)?)
            }
            (Some(_), Some(_)) => return Err(Problem::UnknownStaff),
        };
        let id = match (credential, named) {
            (Credential::Token { session_of: Some(own), .. }, Some(named)) if named != *own => {
                return Err(Problem::OtherStaff);
            }
            (Credential::Token { session_of: Some(own), .. }, _) => own.clone(),
            (_, Some(named)) => named,
            (_, None) => return Ok(None),
        };
        if self.resource == Resource::Service && *credential == Credential::Operator {
            // Staff are staff of a practice, and here is none.
            return Ok(None);
        }
        let practice = practice.map(|practice| &practice.id).or(match credential {
            Credential::Operator => None,
            Credential::Token { practice, .. } => Some(practice),
        });
        let member = practice.and_then(|practice| self.api.records.staff_member(practice, &id));
        member.map(Some).ok_or(Problem::UnknownStaff)
    }
}

impl Credential {
    fn may_see(&self, id: &PracticeId) -> bool {
        match self {
            Self::Operator => true,
            Self::Token { practice, .. } => practice == id,
        }
    }
}

/// A member of staff has their own permissions, whoever's token names them. The operator on their own may do everything.
fn permits(permission: Permission, credential: &Credential, staff: Option<&StaffMember>) -> Result<(), Problem> {
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
async fn authenticate(api: &Api, headers: &HeaderMap, extensions: &Extensions) -> Result<Credential, Problem> {
    let Some(token) = bearer(headers) else { return Err(Problem::NotAuthenticated) };
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

fn bearer(headers: &HeaderMap) -> Option<&str> {
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

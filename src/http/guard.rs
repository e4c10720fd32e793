//! Stands before every handler: lets in who may come, and sees to it that what they did is in the audit before they are answered.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;

use axum::extract::{RawPathParams, Request, State as Given};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;

use super::auth::{Caller, Credential, Permission, Resource, authenticate, permits};
use super::problem::{Code, Problem};
use super::{Api, audit};
use crate::domain::audit::{Audited, By, Ended, Subject};
use crate::domain::{MessageId, Practice, PracticeId, StaffId, StaffMember};
use crate::ports::StoreError;

/// Names who acts, in calls with a practice's token.
pub const STAFF_HEADER: &str = "assent-staff";

/// Stands before a handler.
#[derive(Clone)]
pub struct Guard {
    pub api: Arc<Api>,
    pub resource: Resource,
    pub permission: Permission,
    /// The call, as it is entered in the audit.
    pub action: &'static str,
}

/// Lets a request through to its handler, with the caller and the practice in its extensions. What came of it is in the
/// practice's audit before it is answered.
pub async fn guard(
    Given(guard): Given<Guard>,
    params: Result<RawPathParams, axum::extract::rejection::RawPathParamsRejection>,
    mut request: Request,
    next: Next,
) -> Response {
    if guard.permission == Permission::Anyone {
        return next.run(request).await;
    }
    let authenticated = authenticate(&guard.api, request.method(), request.headers(), request.extensions()).await;
    let credential = match authenticated {
        Ok(credential) => credential,
        Err(problem) => return problem.into_response(),
    };
    let named = params.as_ref().ok().and_then(|params| {
        let mut named = params.iter().filter(|(name, _)| *name == "practice");
        named.next().and_then(|(_, value)| PracticeId::parse(value).ok())
    });
    let about = params.as_ref().map(audit::subject).unwrap_or_default();
    let admitted = guard.admit(&credential, named.as_ref(), request.headers());
    let staff = admitted.as_ref().ok().and_then(|admitted| admitted.caller.staff.clone());
    let by = audit::by(&credential, staff);
    let whose = guard.whose(&credential, named);
    let answering = async move {
        let answered = match admitted {
            Ok(admitted) => {
                request.extensions_mut().insert(admitted.caller);
                if let Some(practice) = admitted.practice {
                    request.extensions_mut().insert(practice);
                }
                AssertUnwindSafe(next.run(request)).catch_unwind().await
            }
            Err(problem) => Ok(problem.into_response()),
        };
        let (ended, message) = match &answered {
            Ok(response) => (audit::ended(response), response.extensions().get::<MessageId>().copied()),
            Err(_) => (Ended::Refused(Code::Internal.meaning().name.to_owned()), None),
        };
        let about = Subject { message: message.or(about.message), ..about };
        let entered = guard.enter(whose, by, about, ended).await;
        match (answered, entered) {
            (Ok(response), Ok(())) => response,
            (Ok(_), Err(error)) => Problem::from(error).into_response(),
            (Err(panic), _) => resume_unwind(panic),
        }
    };
    // Whoever goes away before they are answered is in the audit all the same.
    match tokio::spawn(answering).await {
        Ok(response) => response,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            Err(_) => Problem::Unavailable.into_response(),
        },
    }
}

/// Nothing is here, which only those with a token get to hear.
pub async fn nowhere(Given(api): Given<Arc<Api>>, request: Request) -> Problem {
    match authenticate(&api, request.method(), request.headers(), request.extensions()).await {
        Ok(_) => Problem::NotFound,
        Err(problem) => problem,
    }
}

struct Admitted {
    caller: Caller,
    practice: Option<Arc<Practice>>,
}

impl Guard {
    fn admit(
        &self,
        credential: &Credential,
        named: Option<&PracticeId>,
        headers: &HeaderMap,
    ) -> Result<Admitted, Problem> {
        let practice = self.practice(credential, named)?;
        let staff = self.who_acts(credential, practice.as_deref(), headers)?;
        permits(self.permission, credential, staff.as_ref())?;
        let caller = Caller { credential: credential.clone(), staff: staff.map(|member| member.id) };
        Ok(Admitted { caller, practice })
    }

    /// In whose audit a call belongs: that of the practice that it names, and else that of the token's own practice, where
    /// it shows who tried another's.
    fn whose(&self, credential: &Credential, named: Option<PracticeId>) -> Option<PracticeId> {
        let named = named.filter(|id| credential.may_see(id));
        named.or_else(|| match credential {
            Credential::Operator => None,
            Credential::Token { practice, .. } => Some(practice.clone()),
        })
    }

    /// Enters a call in the audit. A practice that is not there has none.
    async fn enter(&self, whose: Option<PracticeId>, by: By, about: Subject, ended: Ended) -> Result<(), StoreError> {
        let Some(practice) = whose.filter(|id| self.api.records.practice(id).is_some()) else { return Ok(()) };
        let (at, action) = (self.api.clock.now(), self.action.to_owned());
        self.api.audits.enter(Audited { practice, at, by, action, about, ended }).await
    }

    fn practice(&self, credential: &Credential, named: Option<&PracticeId>) -> Result<Option<Arc<Practice>>, Problem> {
        match self.resource {
            Resource::Service => return Ok(None),
            Resource::Practice | Resource::PracticeToBe => {}
        }
        let known = named.filter(|id| credential.may_see(id)).and_then(|id| self.api.records.practice(id));
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

//! The session of a browser: one member of staff, for a quarter of an hour, in a cookie that no script can read.
//!
//! The practice's backend makes a token of a member of staff and gives it to the page; the page shows it here, once, and has
//! no need to keep it. From then on the browser sends it along, with `EventSource` too, which knows no headers.

use std::sync::Arc;

use axum::extract::State as Given;
use axum::http::header::{CACHE_CONTROL, COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::response::Response;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::auth::{self, Caller};
use super::forms::{StaffIdentifier, Time};
use super::operation::{OPERATION, Operation, nothing, ok};
use super::origin::is_called_on_this_machine;
use super::problem::Problem;
use super::{Api, answer};

/// What the cookie is called.
const NAME: &str = "assent_session";

pub const CREATE: Operation = Operation {
    id: "begin_session",
    group: "staff",
    summary: "Put a session into a cookie of the browser",
    about: "Takes the token in Authorization. The cookie can be read by no script, and is sent from our own page alone.",
    answers: &[nothing("The cookie is set")],
    ..OPERATION
};
/// Takes the token of a member of staff, and puts it into the cookie.
pub async fn create(Given(api): Given<Arc<Api>>, caller: Caller, headers: HeaderMap) -> Result<Response, Problem> {
    // A page that is not ours must not choose who acts in this browser.
    // Browsers say which page posts; whoever says nothing is none.
    api.origins.admit(&Method::GET, &headers)?;
    let token = auth::bearer(&headers).ok_or(Problem::NotAuthenticated)?;
    let left = caller.expires_at(&api.records).map_or(0, |at| seconds_until(at, api.clock.now()));
    Ok(with_cookie(answer::nothing(), &headers, token, left))
}

/// Who acts in this browser, and what they may.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "OpenSession")]
struct Session<'a> {
    #[schemars(example = &"riverside")]
    practice: &'a str,
    #[schemars(with = "StaffIdentifier")]
    staff: &'a str,
    #[schemars(example = &"Maria Lopez")]
    name: &'a str,
    site_administrator: bool,
    patient_text_administrator: bool,
    #[schemars(with = "Option<Time>")]
    expires_at: Option<String>,
}

pub const GET: Operation = Operation {
    id: "get_session",
    group: "staff",
    summary: "Who acts in this browser, and what they may",
    answers: &[ok::<Session<'_>>("The session")],
    ..OPERATION
};
pub async fn get(Given(api): Given<Arc<Api>>, caller: Caller) -> Result<Response, Problem> {
    let (practice, staff) = caller.session().ok_or(Problem::NotSession)?;
    // Whoever is of the staff no more has no session.
    let member = api.records.staff_member(practice, staff).ok_or(Problem::NotAuthenticated)?;
    let mut response = answer::ok(Session {
        practice: practice.as_str(),
        staff: staff.as_str(),
        name: &member.name,
        site_administrator: member.site_administrator,
        patient_text_administrator: member.patient_text_administrator,
        expires_at: caller.expires_at(&api.records).map(|at| at.to_string()),
    });
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

pub const DELETE: Operation = Operation {
    id: "end_session",
    group: "staff",
    summary: "End the session, and take the cookie away",
    answers: &[nothing("The token is good for nothing any more")],
    ..OPERATION
};
/// Ends the session: the token is good for nothing from here on, and the cookie is gone.
pub async fn delete(Given(api): Given<Arc<Api>>, caller: Caller, headers: HeaderMap) -> Result<Response, Problem> {
    let (practice, _) = caller.session().ok_or(Problem::NotSession)?;
    let id = caller.token_id().ok_or(Problem::NotSession)?;
    api.records.end_session(practice, id).await?;
    tracing::info!(%practice, token = id, "session was ended");
    Ok(with_cookie(answer::nothing(), &headers, "", 0))
}

/// The token in the cookie. A browser sends one of that name; where there are several, somebody else has set one.
pub fn token(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut found = pairs.filter(|(name, _)| *name == NAME).map(|(_, token)| token);
    let (Some(token), None) = (found.next(), found.next()) else { return None };
    Some(token).filter(|token| !token.is_empty())
}

fn seconds_until(at: Timestamp, now: Timestamp) -> i64 {
    at.duration_since(now).as_secs().max(0)
}

/// Over plain HTTP a browser keeps no cookie that is `Secure`; a demo on this machine is the one that has nothing else.
fn with_cookie(mut response: Response, headers: &HeaderMap, token: &str, seconds: i64) -> Response {
    let secure = if is_called_on_this_machine(headers) { "" } else { "; Secure" };
    let cookie = format!("{NAME}={token}; Path=/v1; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}");
    let cookie = HeaderValue::from_str(&cookie).expect("a token that was recognized is of visible characters");
    response.headers_mut().insert(SET_COOKIE, cookie);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others_and_two_of_its_name_are_none() {
        let read = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(COOKIE, HeaderValue::from_str(value).unwrap());
            }
            token(&headers).map(str::to_owned)
        };
        let found = Some("as_1_2".to_owned());
        assert_eq!(read(&["assent_session=as_1_2"]), found);
        assert_eq!(read(&["a=1; assent_session=as_1_2;b=2"]), found);
        assert_eq!(read(&["a=1", "assent_session=as_1_2"]), found);
        for none in [&["assent_session="][..], &["xassent_session=1"], &["a=assent_session"], &[]] {
            assert_eq!(read(none), None, "{none:?}");
        }
        assert_eq!(read(&["assent_session=1; assent_session=2"]), None);
        assert_eq!(read(&["assent_session=1", "assent_session=2"]), None);
    }
}

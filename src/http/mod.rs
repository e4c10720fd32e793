//! The API, and the table of its routes. What a route is about and whom it lets in stands beside its path: a route
//! without that, or without a word of documentation, can't be written: [`Operation`] says how one is documented.

mod allowance;
mod answer;
mod audit;
mod auth;
mod bodies;
mod consent;
mod conversations;
mod cursor;
mod decisions;
mod desk;
mod docs;
mod door;
mod etag;
mod events;
mod extract;
mod failures;
mod fields;
mod forms;
mod guard;
mod health;
mod hours;
mod links;
mod listen;
mod messages;
mod openapi;
mod operation;
mod origin;
mod parameters;
mod patients;
mod practices;
mod preview;
mod problem;
mod session;
mod staff;
mod templates;
mod texts;
mod views;
mod webhooks;

use std::num::NonZeroU32;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::handler::Handler;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodFilter, MethodRouter, on};
use futures_util::future::BoxFuture;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;

use crate::conversations::Directory;
use crate::inbox::Inbox;
use crate::ports::{Audits, Clock};
use crate::records::Records;
use crate::webhooks::{Teller, Webhooks};
pub use auth::{Permission, Resource};
pub use docs::errors_in_markdown;
pub use door::IN_FLIGHT_MAX;
pub use events::{STREAMS_IN_ALL_MAX, STREAMS_MAX};
pub use extract::BODY_MAX;
pub use failures::FAILURES_MAX;
pub use guard::STAFF_HEADER;
pub use listen::{CONNECTIONS_MAX, serve};
pub use openapi::{document, written};
pub use operation::Operation;
pub use origin::Origins;
pub use problem::{Code, Meaning, Problem};

use allowance::Allowances;
use cursor::Cursors;
use door::Door;
use etag::Tags;
use events::Streams;
use failures::Failures;

/// Items of a list that are answered with when the caller names no limit.
const PAGE_DEFAULT: usize = 50;
const PAGE_MAX: usize = 200;

/// Says whether the daemon can do its work, and if not why not, without personal data.
pub type Readiness = Arc<dyn Fn() -> BoxFuture<'static, Result<(), Vec<String>>> + Send + Sync>;
/// Writes the figures of the daemon.
pub type Metrics = Arc<dyn Fn() -> String + Send + Sync>;

/// What the API needs of the rest of the daemon.
pub struct State {
    pub records: Arc<Records>,
    pub inbox: Arc<Inbox>,
    pub webhooks: Arc<Webhooks>,
    pub directory: Arc<Directory>,
    pub clock: Arc<dyn Clock>,
    pub operator_token: SecretString,
    /// What each token may ask for.
    pub requests_per_second: NonZeroU32,
    /// Other pages that may call from a browser.
    pub origins: Origins,
    pub audits: Arc<dyn Audits>,
    pub readiness: Readiness,
    pub metrics: Metrics,
    /// Ends the event streams; requests that are under way are finished.
    pub stopping: CancellationToken,
}

/// What the handlers share.
struct Api {
    records: Arc<Records>,
    inbox: Arc<Inbox>,
    webhooks: Arc<Webhooks>,
    directory: Arc<Directory>,
    clock: Arc<dyn Clock>,
    operator_token: SecretString,
    readiness: Readiness,
    metrics: Metrics,
    stopping: CancellationToken,
    cursors: Cursors,
    tags: Tags,
    origins: Arc<Origins>,
    audits: Arc<dyn Audits>,
    allowances: Allowances,
    failures: Failures,
    streams: Arc<Streams>,
}

/// One call of the API.
pub struct Route {
    pub method: Method,
    pub path: &'static str,
    pub resource: Resource,
    pub permission: Permission,
    pub operation: Operation,
    handler: MethodRouter<Arc<Api>>,
}

/// Every call of the API.
#[rustfmt::skip]
pub fn routes() -> Vec<Route> {
    use Permission::{Anyone, Operator, PatientTextAdministrator as Texting, PracticeToken, Session, SiteAdministrator, Token};
    use Resource::{Practice, PracticeToBe, Service};
    let (get, put, post, patch, delete) = (Method::GET, Method::PUT, Method::POST, Method::PATCH, Method::DELETE);
    vec![
        route(&get,    "/healthz", Service, Anyone, health::alive, health::ALIVE),
        route(&get,    "/readyz",  Service, Anyone, health::ready, health::READY),
        route(&get,    "/metrics", Service, Anyone, health::metrics, health::METRICS),
        route(&get,    "/openapi.json", Service, Anyone, openapi::describe, openapi::DESCRIBE),
        route(&get,    "/docs",           Service, Anyone, docs::calls,  docs::CALLS),
        route(&get,    "/docs/errors",    Service, Anyone, docs::errors, docs::ERRORS),
        route(&get,    "/docs/style.css", Service, Anyone, docs::style,  docs::STYLE),

        route(&post,   "/v1/session", Service, Session, session::create, session::CREATE),
        route(&get,    "/v1/session", Service, Session, session::get, session::GET),
        route(&delete, "/v1/session", Service, Session, session::delete, session::DELETE),

        route(&get,    "/v1/practices",            Service,      Token,    practices::list, practices::LIST),
        route(&put,    "/v1/practices/{practice}", PracticeToBe, Operator, practices::put, practices::PUT),
        route(&get,    "/v1/practices/{practice}", Practice,     Token,    practices::get, practices::GET),
        route(&post,   "/v1/practices/{practice}/tokens",         Practice, Operator, practices::create_token, practices::CREATE_TOKEN),
        route(&get,    "/v1/practices/{practice}/tokens",         Practice, Operator, practices::tokens, practices::TOKENS),
        route(&delete, "/v1/practices/{practice}/tokens/{token}", Practice, Operator, practices::revoke_token, practices::REVOKE_TOKEN),

        route(&put,    "/v1/practices/{practice}/staff/{staff}",          Practice, SiteAdministrator, staff::put, staff::PUT),
        route(&get,    "/v1/practices/{practice}/staff",                  Practice, SiteAdministrator, staff::list, staff::LIST),
        route(&get,    "/v1/practices/{practice}/staff/{staff}",          Practice, SiteAdministrator, staff::get, staff::GET),
        route(&post,   "/v1/practices/{practice}/staff/{staff}/sessions", Practice, PracticeToken, staff::create_session, staff::CREATE_SESSION),

        route(&put,    "/v1/practices/{practice}/patients/{patient}", Practice, Texting, patients::put, patients::PUT),
        route(&get,    "/v1/practices/{practice}/patients",           Practice, Texting, patients::search, patients::SEARCH_THEM),
        route(&get,    "/v1/practices/{practice}/patients/{patient}", Practice, Texting, patients::get, patients::GET),

        route(&post,   "/v1/practices/{practice}/patients/{patient}/messages",           Practice, Texting, messages::send, messages::SEND),
        route(&get,    "/v1/practices/{practice}/patients/{patient}/messages",           Practice, Texting, messages::list, messages::LIST),
        route(&get,    "/v1/practices/{practice}/patients/{patient}/messages/{message}", Practice, Texting, messages::get, messages::GET),

        route(&delete, "/v1/practices/{practice}/patients/{patient}/messages/{message}",         Practice, Texting, decisions::take_back, decisions::TAKE_BACK),
        route(&post,   "/v1/practices/{practice}/patients/{patient}/messages/{message}/resolve", Practice, Texting, decisions::resolve, decisions::RESOLVE),
        route(&post,   "/v1/practices/{practice}/patients/{patient}/opt-out", Practice, Texting, consent::opt_out, consent::OPT_OUT),

        route(&post,   "/v1/practices/{practice}/preview",                               Practice, Texting, preview::preview, preview::PREVIEW),

        route(&put,    "/v1/practices/{practice}/templates/{template}",        Practice, Texting, templates::put, templates::PUT),
        route(&get,    "/v1/practices/{practice}/templates",                   Practice, Texting, templates::list, templates::LIST),
        route(&get,    "/v1/practices/{practice}/templates/{template}",        Practice, Texting, templates::get, templates::GET),
        route(&post,   "/v1/practices/{practice}/templates/{template}/render", Practice, Texting, templates::render, templates::RENDER),
        route(&delete, "/v1/practices/{practice}/templates/{template}",        Practice, Texting, templates::remove, templates::REMOVE),

        route(&get,    "/v1/practices/{practice}/conversations",                Practice, Texting, conversations::list, conversations::LIST),
        route(&get,    "/v1/practices/{practice}/conversations/{phone}/messages", Practice, Texting, messages::list_with_phone, messages::LIST_WITH_PHONE),
        route(&get,    "/v1/practices/{practice}/conversations/{phone}/messages/{message}",         Practice, Texting, messages::get, messages::GET_WITH_PHONE),
        route(&delete, "/v1/practices/{practice}/conversations/{phone}/messages/{message}",         Practice, Texting, decisions::take_back, decisions::TAKE_BACK_WITH_PHONE),
        route(&post,   "/v1/practices/{practice}/conversations/{phone}/messages/{message}/resolve", Practice, Texting, decisions::resolve, decisions::RESOLVE_WITH_PHONE),
        route(&put,    "/v1/practices/{practice}/conversations/{phone}/patients/{patient}", Practice, Texting, links::put, links::PUT),
        route(&delete, "/v1/practices/{practice}/conversations/{phone}/patients/{patient}", Practice, Texting, links::remove, links::REMOVE),
        route(&get,    "/v1/practices/{practice}/conversations/{phone}",        Practice, Texting, desk::get, desk::GET),
        route(&patch,  "/v1/practices/{practice}/conversations/{phone}",        Practice, Texting, desk::rearrange, desk::REARRANGE),
        route(&get,    "/v1/practices/{practice}/conversations/{phone}/notes",  Practice, Texting, desk::notes, desk::NOTES),
        route(&post,   "/v1/practices/{practice}/conversations/{phone}/notes",  Practice, Texting, desk::add_note, desk::ADD_NOTE),
        route(&post,   "/v1/practices/{practice}/conversations/{phone}/typing", Practice, Texting, desk::typing, desk::TYPING),
        route(&post,   "/v1/practices/{practice}/conversations/{phone}/read",   Practice, Texting, conversations::mark_read, conversations::MARK_READ),
        route(&post,   "/v1/practices/{practice}/conversations/{phone}/unread", Practice, Texting, conversations::mark_unread, conversations::MARK_UNREAD),
        route(&post,   "/v1/practices/{practice}/conversations/{phone}/hold",   Practice, Texting, consent::settle_hold, consent::SETTLE_HOLD),
        route(&get,    "/v1/practices/{practice}/unread",                       Practice, Texting, conversations::unread, conversations::UNREAD_NOW),
        route(&get,    "/v1/practices/{practice}/events",                       Practice, events::PERMISSION, events::stream, events::STREAM),

        route(&put,    "/v1/practices/{practice}/webhooks/{webhook}",        Practice, SiteAdministrator, webhooks::put, webhooks::PUT),
        route(&get,    "/v1/practices/{practice}/webhooks",                  Practice, SiteAdministrator, webhooks::list, webhooks::LIST),
        route(&get,    "/v1/practices/{practice}/webhooks/{webhook}",        Practice, SiteAdministrator, webhooks::get, webhooks::GET),
        route(&post,   "/v1/practices/{practice}/webhooks/{webhook}/secret", Practice, SiteAdministrator, webhooks::rotate, webhooks::ROTATE),
        route(&post,   "/v1/practices/{practice}/webhooks/{webhook}/test",   Practice, SiteAdministrator, webhooks::test, webhooks::TEST_IT),
        route(&get,    "/v1/practices/{practice}/webhooks/{webhook}/deliveries",                   Practice, SiteAdministrator, webhooks::deliveries, webhooks::DELIVERIES),
        route(&post,   "/v1/practices/{practice}/webhooks/{webhook}/deliveries/{delivery}/resend", Practice, SiteAdministrator, webhooks::resend, webhooks::RESEND),
        route(&delete, "/v1/practices/{practice}/webhooks/{webhook}",        Practice, SiteAdministrator, webhooks::remove, webhooks::REMOVE),

        route(&get,    "/v1/practices/{practice}/audit", Practice, SiteAdministrator, audit::list, audit::LIST),
    ]
}

fn route<H, T>(
    method: &Method,
    path: &'static str,
    resource: Resource,
    permission: Permission,
    handler: H,
    operation: Operation,
) -> Route
where
    H: Handler<T, Arc<Api>>,
    T: 'static,
{
    let filter = MethodFilter::try_from(method.clone()).expect("the table names methods that axum knows");
    Route { method: method.clone(), path, resource, permission, operation, handler: on(filter, handler) }
}

/// The API, and beside it the pages that anyone may load; all of them behind the same door. With them comes who tells
/// webhooks what happened in the words of the API.
pub fn router(state: State, pages: Router) -> (Router, Arc<dyn Teller>) {
    let State {
        records,
        inbox,
        webhooks,
        directory,
        clock,
        operator_token,
        requests_per_second,
        origins,
        audits,
        readiness,
        metrics,
        stopping,
    } = state;
    let origins = Arc::new(origins);
    let api = Arc::new(Api {
        cursors: Cursors::new(&operator_token),
        tags: Tags::new(&operator_token),
        origins: Arc::clone(&origins),
        audits,
        allowances: Allowances::new(requests_per_second),
        failures: Failures::default(),
        streams: Arc::default(),
        records,
        inbox,
        webhooks,
        directory,
        clock,
        operator_token,
        readiness,
        metrics,
        stopping,
    });
    let teller: Arc<dyn Teller> = Arc::clone(&api) as Arc<dyn Teller>;
    let door = Arc::new(Door::new(IN_FLIGHT_MAX));
    let mut router = Router::new();
    for Route { path, resource, permission, operation, handler, .. } in routes() {
        let before = guard::Guard { api: Arc::clone(&api), resource, permission, action: operation.id };
        router = router.route(path, handler.route_layer(from_fn_with_state(before, guard::guard)));
    }
    let router = router
        .fallback(guard::nowhere)
        .method_not_allowed_fallback(|| async { Problem::MethodNotAllowed })
        .with_state(api)
        .merge(pages)
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(CatchPanicLayer::custom(door::panicked))
        .layer(from_fn_with_state(origins, origin::cross))
        .layer(from_fn_with_state(door, door::pass));
    (router, teller)
}

/// Reads the `limit` of a list.
fn limit(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=PAGE_MAX).contains(number));
    number.ok_or_else(|| format!("must be a whole number from 1 to {PAGE_MAX}"))
}

//! Which codes a call may answer, as far as that follows from the route table.

use std::collections::BTreeSet;

use super::{is_of_practice, takes_body};
use crate::http::Route;
use crate::http::auth::Permission;
use crate::http::problem::Code;

/// What any call may come to: the daemon is busy, slow, or broken.
const ANY: &[Code] = &[Code::TooSlow, Code::Unavailable, Code::Internal];
/// What a call with a token may come to.
const WITH_TOKEN: &[Code] = &[
    Code::NotAuthenticated,
    Code::TooManyFailures,
    Code::TooManyRequests,
    Code::UnknownStaff,
    Code::OtherStaff,
    Code::OriginNotAllowed,
    Code::StoreRolledBack,
];
/// What a call with a body may come to.
const WITH_BODY: &[Code] = &[Code::MalformedJson, Code::TooLarge, Code::NotJson, Code::Invalid];

/// Every code of a route, its own among them.
pub fn refusals(route: &Route) -> Vec<Code> {
    let mut codes: BTreeSet<Code> = route.operation.refuses.iter().chain(ANY).copied().collect();
    match route.permission {
        Permission::Anyone => {}
        Permission::Token => codes.extend(WITH_TOKEN),
        Permission::Operator => codes.extend(WITH_TOKEN.iter().chain(&[Code::NotOperator])),
        Permission::PracticeToken => codes.extend(WITH_TOKEN.iter().chain(&[Code::NotPracticeToken])),
        Permission::Session => codes.extend(WITH_TOKEN.iter().chain(&[Code::NotSession])),
        Permission::SiteAdministrator => codes.extend(WITH_TOKEN.iter().chain(&[Code::NotSiteAdministrator])),
        Permission::PatientTextAdministrator => {
            codes.extend(WITH_TOKEN.iter().chain(&[Code::NotPatientTextAdministrator]));
        }
    }
    if is_of_practice(route.resource) {
        codes.insert(Code::NotFound);
    }
    // Fields may be wrong.
    if takes_body(route) {
        codes.extend(WITH_BODY);
    }
    // So may a parameter, and a tag that is none.
    if !route.operation.query.is_empty() || codes.contains(&Code::ChangedMeanwhile) {
        codes.insert(Code::Invalid);
    }
    codes.into_iter().collect()
}

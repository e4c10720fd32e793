//! The codes of problems: what programs rely on, and what a developer reads who meets one. The table at the foot is where
//! one is added; `/docs/errors`, `docs/errors.md` and the description of the API are made of it.

use axum::http::StatusCode;

/// What is behind a code.
pub struct Meaning {
    pub status: StatusCode,
    /// The code itself.
    pub name: &'static str,
    pub title: &'static str,
    /// Why it comes.
    pub cause: &'static str,
    /// What whoever meets it can do.
    pub remedy: &'static str,
}

/// One table for the codes, so that none can be without a title, a cause and a remedy.
macro_rules! codes {
    ($($code:ident: $status:ident, $name:literal, $title:literal, cause $cause:literal, remedy $remedy:literal;)*) => {
        /// What is wrong, by the name that stays.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $($code,)*
        }

        impl Code {
            pub const ALL: &[Self] = &[$(Self::$code,)*];

            pub const fn meaning(self) -> Meaning {
                match self {
                    $(Self::$code => Meaning {
                        status: StatusCode::$status, name: $name, title: $title, cause: $cause, remedy: $remedy,
                    },)*
                }
            }
        }
    };
}

impl Code {
    /// Where it is explained: the `type` of its problems, relative to the daemon that answered.
    pub fn explained_at(self) -> String {
        format!("/docs/errors#{}", self.meaning().name)
    }
}

#[rustfmt::skip]
codes! {
    // The request itself.
    MalformedJson: BAD_REQUEST, "malformed-json", "The body is not JSON",
        cause "The body is not JSON in UTF-8, is nested too deeply, or ended before it was complete.",
        remedy "Look at the line and column in `detail`, and send what a JSON library writes.";
    BadIdempotencyKey: BAD_REQUEST, "bad-idempotency-key", "The Idempotency-Key can't be used",
        cause "The header Idempotency-Key came twice, is empty, is longer than 255 characters, or has characters that can't be seen.",
        remedy "Send one key of 1 to 255 visible ASCII characters, such as a UUID made once for each text.";
    BadCursor: BAD_REQUEST, "bad-cursor", "There is no such place in the list",
        cause "The place in the list was not given by an earlier answer to this call, or is that of another list.",
        remedy "Take `next` of the answer before as it is, or leave the parameter out and begin anew.";
    TooLarge: PAYLOAD_TOO_LARGE, "too-large", "The body is too large",
        cause "The body has more octets than `detail` says. No call needs as many.",
        remedy "Send less: a text of ten segments fits many times over.";
    NotJson: UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "The body is not said to be JSON",
        cause "The header Content-Type is missing, came twice, or names another type.",
        remedy "Send Content-Type: application/json.";
    TooSlow: REQUEST_TIMEOUT, "timeout", "The request took too long",
        cause "The request was not complete, or could not be answered, within ten seconds.",
        remedy "Try again, with the same Idempotency-Key where there is one. When it stays so, look at /readyz.";
    MethodNotAllowed: METHOD_NOT_ALLOWED, "method-not-allowed", "This can't be done here",
        cause "The path is there, and has no call with this method.",
        remedy "Use one of the methods that the header Allow names.";
    Invalid: UNPROCESSABLE_ENTITY, "invalid", "Some fields can't be used",
        cause "Fields of the body, parameters or names in the path are missing, unknown, given twice, or not what the call takes.",
        remedy "`errors` names each with what it must be. Correct all of them at once.";

    // Who asks.
    NotAuthenticated: UNAUTHORIZED, "not-authenticated", "A valid token is needed",
        cause "There is no Authorization: Bearer, or its token is unknown, revoked or expired. Which of them is not told.",
        remedy "Send a valid token. A session lasts 15 minutes: have the backend make another.";
    TooManyFailures: TOO_MANY_REQUESTS, "too-many-failures", "Too many invalid tokens came from this address",
        cause "This address showed many invalid tokens within a minute. Valid ones are answered all the same.",
        remedy "Wait as long as Retry-After says, and look for the program with the old token.";
    TooManyRequests: TOO_MANY_REQUESTS, "too-many-requests", "The token's allowance of requests is used up",
        cause "The token was used more often in a second than `http.requests_per_second` allows.",
        remedy "Wait as long as Retry-After says. Follow the event stream instead of asking again and again.";
    NotOperator: FORBIDDEN, "not-operator", "Only the operator may do this",
        cause "The call takes the operator's token, and another valid one came.",
        remedy "Have whoever runs the server do it.";
    NotSession: FORBIDDEN, "not-session", "This takes a session",
        cause "The token is the operator's or the practice's, and this is about the session of one member of staff.",
        remedy "Make a session first: POST /v1/practices/{practice}/staff/{staff}/sessions. Then send its token.";
    OriginNotAllowed: FORBIDDEN, "origin-not-allowed", "The page may not call with a cookie",
        cause "The call came with a session's cookie, and Origin or Sec-Fetch-Site names a page that is not ours; or it changes something and names none.",
        remedy "Call from Assent's own origin, or name the page's in http.origins. A program that is no page sends its token in Authorization.";
    NotPracticeToken: FORBIDDEN, "not-practice-token", "Only the practice's own token may do this",
        cause "A session of a member of staff came where the practice's backend, or the operator, is needed.",
        remedy "Make the call from the backend, with the practice's token.";
    NotSiteAdministrator: FORBIDDEN, "not-site-administrator", "This needs a Site Administrator",
        cause "Whoever acts does not have the permission Site Administrator, or nobody is named in Assent-Staff.",
        remedy "Name a member of staff in Assent-Staff who has the permission, or have one give it.";
    NotPatientTextAdministrator: FORBIDDEN, "not-patient-text-administrator", "This needs a Patient Text Administrator",
        cause "Whoever acts does not have the permission Patient Text Administrator, or nobody is named in Assent-Staff.",
        remedy "Name a member of staff in Assent-Staff who has the permission, or have a Site Administrator give it.";
    UnknownStaff: FORBIDDEN, "unknown-staff", "Nobody of this practice acts",
        cause "Assent-Staff came twice, or names nobody of this practice's staff.",
        remedy "Put the member of staff first: PUT /v1/practices/{practice}/staff/{staff}.";
    OtherStaff: FORBIDDEN, "other-staff", "The token is another member of staff's",
        cause "A session acts for its own member of staff alone, and Assent-Staff names another.",
        remedy "Leave Assent-Staff out, or make a session for the other one.";

    // What is asked for.
    NotFound: NOT_FOUND, "not-found", "There is nothing here",
        cause "What the path names does not exist, or belongs to a practice that is not this token's. Which of them is not told.",
        remedy "Look at the names in the path, and at whose token it is. A + in a path is written %2B by most programs.";
    NumberFixed: CONFLICT, "number-fixed", "A practice keeps its number",
        cause "The practice was put with another number than it has. Patients gave their consent to the one it has.",
        remedy "Put it with its own number. Another number is another practice.";
    NumberTaken: CONFLICT, "number-taken", "The number is in use",
        cause "Another practice or a patient has the number.",
        remedy "Choose another number, or correct the record that has it.";
    ChangedMeanwhile: PRECONDITION_FAILED, "changed-meanwhile", "It is not what you have seen",
        cause "Somebody else changed it since, or it is there, or not there, against what If-Match or If-None-Match says.",
        remedy "Read it again, show whoever changes it what it is, and send the ETag of that in If-Match.";
    TooManyLinks: CONFLICT, "too-many-links", "Too many are linked already",
        cause "The number is linked to as many patients as it may be, or the patient to as many numbers.",
        remedy "Take back a link that is wrong: DELETE /v1/practices/{practice}/conversations/{phone}/patients/{patient}.";
    TooManyTemplates: CONFLICT, "too-many-templates", "The practice has too many templates",
        cause "The practice has as many templates as one may have.",
        remedy "Remove those that nobody uses: GET, then DELETE /v1/practices/{practice}/templates/{template}.";
    TooManyTokens: CONFLICT, "too-many-tokens", "The practice has too many tokens",
        cause "The practice has as many tokens as one may have.",
        remedy "Revoke those that nobody uses: GET, then DELETE /v1/practices/{practice}/tokens/{token}.";
    TooManySessions: TOO_MANY_REQUESTS, "too-many-sessions", "The practice has too many sessions",
        cause "As many sessions of the practice are open as it may have at once.",
        remedy "Use a session until it expires instead of making one for each call, and wait for some to expire.";
    TooManyWebhooks: CONFLICT, "too-many-webhooks", "The practice has too many webhooks",
        cause "The practice has as many webhooks as one may have.",
        remedy "Remove one that nobody listens at: GET, then DELETE /v1/practices/{practice}/webhooks/{webhook}.";
    IdempotencyKeyReused: UNPROCESSABLE_ENTITY, "idempotency-key-reused", "The Idempotency-Key was used for something else",
        cause "The key came before with another text, patient, time or member of staff.",
        remedy "Make a fresh key for each text. Use one again only to repeat the same request.";
    OptedOut: CONFLICT, "opted-out", "The patient opted out",
        cause "The patient asked for no more texts. `detail` says since when.",
        remedy "Call the patient. They can text START to the practice's number; nobody can do it for them.";
    TooManyWaiting: CONFLICT, "too-many-waiting", "Too many texts wait for this patient",
        cause "As many texts to this patient wait as may, for consent or for the carrier.",
        remedy "Wait until some have gone out, or take some back.";
    TooLate: CONFLICT, "too-late", "It can't be taken back any more",
        cause "The text is on its way to the patient, or finished.",
        remedy "Read the message: its status says which.";
    NotUnconfirmed: CONFLICT, "not-unconfirmed", "It is known what became of it",
        cause "Only a message that is `unconfirmed`, or held for want of an author, is decided about.",
        remedy "Read the message: its status says what became of it.";
    InvitationLimit: CONFLICT, "invitation-limit", "The patient was invited and did not answer",
        cause "The patient was asked for consent as often as is decent, and did not answer YES.",
        remedy "Call the patient. They can text START, or be invited again from the day that `detail` names.";
    NumberSuspended: CONFLICT, "number-suspended", "The number is not the patient's any more",
        cause "A receipt or a text said that the number is nobody's, or somebody else's.",
        remedy "Ask the patient for their number and put the patient with it, even if it is the same.";
    AuthorMaySend: CONFLICT, "author-may-send", "Nobody has to answer for it",
        cause "`send` is for a text that is held because its author may text patients no more, and this one is not.",
        remedy "Read the message: its status says what it waits for.";
    NotHeld: CONFLICT, "not-held", "There is nothing to settle",
        cause "No probable opt-out is held: it was settled, or ran out and counts as an opt-out.",
        remedy "Read the conversation's `consent`.";
    OptedInSince: CONFLICT, "opted-in-since", "The patient has opted in since",
        cause "The patient texted that they want texts, after what this is about.",
        remedy "Nothing is to be done. Read the thread.";
    TooManyNotes: CONFLICT, "too-many-notes", "The conversation has too many notes",
        cause "As many notes are written down in the conversation as may be.",
        remedy "Keep what is worth keeping in the patient's file.";

    // Us.
    Unavailable: SERVICE_UNAVAILABLE, "unavailable", "Assent can't answer at the moment",
        cause "The store can't be written or read, the daemon is stopping, or too many requests are under way.",
        remedy "Try again after Retry-After, with the same Idempotency-Key. Nothing is lost that was acknowledged.";
    StoreRolledBack: SERVICE_UNAVAILABLE, "store-rolled-back", "Assent's store has lost what it had",
        cause "The store was put back to an earlier state. Nothing is sent and nothing is taken meanwhile.",
        remedy "Whoever runs the server looks at it, then runs `assent store accept`.";
    TooManyStreams: SERVICE_UNAVAILABLE, "too-many-streams", "Too many event streams are open",
        cause "The practice, or the daemon, has as many event streams open as it may.",
        remedy "Close streams that nobody reads, and share one in a browser's tabs.";
    NotReady: SERVICE_UNAVAILABLE, "not-ready", "Assent is not ready",
        cause "The store can't be written, or no carrier link is bound. `reasons` says what.",
        remedy "Look at `reasons` and at the log; `assent check --config FILE` tries each.";
    Internal: INTERNAL_SERVER_ERROR, "internal", "Something is wrong with Assent",
        cause "A mistake in Assent ended the request. It is in Assent's log.",
        remedy "Tell whoever runs the server. Trying again rarely helps.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_says_why_it_comes_and_what_to_do() {
        for code in Code::ALL {
            let Meaning { name, title, cause, remedy, .. } = code.meaning();
            for sentence in [cause, remedy] {
                assert!(sentence.len() > 20 && sentence.ends_with('.'), "{name}: {sentence}");
            }
            assert!(!title.is_empty() && !title.ends_with('.'), "{name}: {title}");
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{name}");
            assert_eq!(
                Code::ALL.iter().filter(|other| other.meaning().name == name).count(),
                1,
                "{name} is there twice"
            );
        }
    }
}

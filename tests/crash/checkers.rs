//! What must hold, whatever was killed and when: one small function for each promise.

use std::collections::{BTreeMap, HashMap};

use assent::simulator::{WireDirection, WireEntry};

use super::records::{Message, OF_STAFF, OPTED_OUT, Records};

/// What is wrong, in words; nothing if all is well.
pub type Complaints = Vec<String>;

pub type Checker = fn(&Records) -> Complaints;

/// All of them.
pub const CHECKERS: [Checker; 10] = [
    a_draft_that_was_accepted_is_in_its_thread_once,
    a_key_makes_one_message,
    a_text_that_was_typed_is_in_its_thread_once,
    no_staff_text_is_submitted_twice,
    texts_of_staff_leave_in_the_order_of_their_drafts,
    what_was_sending_at_a_death_is_not_sent_again,
    what_was_sending_at_a_death_is_settled_or_unconfirmed,
    nothing_is_left_on_its_way,
    no_staff_text_follows_an_answered_stop,
    an_opt_out_is_confirmed_once,
];

/// Panics with everything that any checker complains about.
#[track_caller]
pub fn check(records: &Records) {
    let complaints: Complaints = CHECKERS.iter().flat_map(|checker| checker(records)).collect();
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

/// What was answered with 202 is there; what was never accepted is not.
pub fn a_draft_that_was_accepted_is_in_its_thread_once(records: &Records) -> Complaints {
    let shown = count(records.threads.iter().filter(|message| message.is_of_staff()));
    let mut complaints = Vec::new();
    for draft in &records.drafted {
        let times = shown.get(&(draft.phone.as_str(), draft.text.as_str())).copied().unwrap_or_default();
        let expected = usize::from(!draft.accepted.is_empty());
        if times != expected {
            complaints.push(format!("{:?} is in its thread {times} times, not {expected}", draft.text));
        }
    }
    let accepted = records.drafted.iter().filter(|draft| !draft.accepted.is_empty()).count();
    let strangers = shown.values().sum::<usize>().abs_diff(accepted);
    if strangers != 0 && complaints.is_empty() {
        complaints.push(format!("the threads have {strangers} texts of staff that nobody drafted"));
    }
    complaints
}

/// However often a draft was posted under a key, it is the same message.
pub fn a_key_makes_one_message(records: &Records) -> Complaints {
    let mut complaints = Vec::new();
    for draft in &records.drafted {
        if draft.accepted.windows(2).any(|pair| pair[0] != pair[1]) {
            complaints.push(format!("{} made several messages: {:?}", draft.key, draft.accepted));
        }
        let shown = |id: &String| records.threads.iter().any(|message| message.id == *id && message.text == draft.text);
        if let Some(lost) = draft.accepted.iter().find(|id| !shown(id)) {
            complaints.push(format!("{} was answered with {lost}, which is in no thread", draft.key));
        }
    }
    complaints
}

/// Once if the carrier saw our answer, once if it had to bring it again.
pub fn a_text_that_was_typed_is_in_its_thread_once(records: &Records) -> Complaints {
    let shown = count(records.threads.iter().filter(|message| message.is_inbound));
    let mut typed: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut complaints = Vec::new();
    for text in &records.typed {
        *typed.entry((&text.phone, &text.text)).or_default() += 1;
        if !text.answered {
            complaints.push(format!("{:?} was never answered", text.text));
        }
    }
    for (text, expected) in &typed {
        let times = shown.get(text).copied().unwrap_or_default();
        if times != *expected {
            complaints.push(format!("{text:?} was typed {expected} times and is in its thread {times} times"));
        }
    }
    for text in shown.keys().filter(|text| !typed.contains_key(*text)) {
        complaints.push(format!("{text:?} is in a thread, and nobody typed it"));
    }
    complaints
}

/// Only complete PDUs are in the carrier's log: what is there once may have reached the phone.
pub fn no_staff_text_is_submitted_twice(records: &Records) -> Complaints {
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for text in staff_submits(&records.wire).filter_map(|entry| entry.text.as_deref()) {
        *times.entry(text).or_default() += 1;
    }
    let twice = times.into_iter().filter(|(_, times)| *times > 1);
    twice.map(|(text, times)| format!("{text:?} was submitted {times} times")).collect()
}

/// To each phone, whichever daemon took the draft, and whichever sent it.
pub fn texts_of_staff_leave_in_the_order_of_their_drafts(records: &Records) -> Complaints {
    let mut complaints = Vec::new();
    let mut place: HashMap<&str, usize> = HashMap::new();
    for (number, draft) in records.drafted.iter().enumerate() {
        place.insert(&draft.text, number);
    }
    let mut latest: BTreeMap<&str, (usize, &str)> = BTreeMap::new();
    for entry in staff_submits(&records.wire) {
        let (Some(phone), Some(text)) = (entry.destination.as_deref(), entry.text.as_deref()) else { continue };
        let Some(drafted) = place.get(text) else { continue };
        match latest.get(phone) {
            Some((later, before)) if later > drafted => complaints.push(format!("{text:?} left after {before:?}")),
            Some(_) | None => drop(latest.insert(phone, (*drafted, text))),
        }
    }
    complaints
}

/// Whether it left before the death or not: it does not leave after it.
pub fn what_was_sending_at_a_death_is_not_sent_again(records: &Records) -> Complaints {
    let mut complaints = Vec::new();
    for death in &records.deaths {
        let later = |entry: &&WireEntry| entry.connection > death.last_connection;
        for entry in staff_submits(&records.wire).filter(later) {
            if let Some(text) = entry.text.as_ref().filter(|text| death.sending.contains(text)) {
                let on = entry.connection;
                complaints
                    .push(format!("{text:?} was sending at a death, and was submitted on connection {on} after it"));
            }
        }
    }
    complaints
}

/// A receipt proves that it arrived; without one nobody knows.
pub fn what_was_sending_at_a_death_is_settled_or_unconfirmed(records: &Records) -> Complaints {
    let mut complaints = Vec::new();
    for text in records.deaths.iter().flat_map(|death| &death.sending) {
        let left = staff_submits(&records.wire).any(|entry| entry.text.as_ref() == Some(text));
        let expected = if left { "delivered" } else { "unconfirmed" };
        let status =
            records.threads.iter().find(|message| message.text == *text).map(|message| message.status.as_str());
        if status != Some(expected) {
            complaints.push(format!("{text:?} was sending at a death, and is {status:?} instead of {expected}"));
        }
    }
    complaints
}

/// In the end each text of staff has arrived, has failed, or is for staff to look at; and the wire agrees.
pub fn nothing_is_left_on_its_way(records: &Records) -> Complaints {
    let left: Vec<&str> = staff_submits(&records.wire).filter_map(|entry| entry.text.as_deref()).collect();
    let mut complaints = Vec::new();
    for message in records.threads.iter().filter(|message| message.is_of_staff()) {
        let Message { text, status, .. } = message;
        let is_over = match status.as_str() {
            "delivered" => left.contains(&text.as_str()),
            "failed" | "unconfirmed" => !left.contains(&text.as_str()),
            _ => false,
        };
        if !is_over {
            let on_wire = if left.contains(&text.as_str()) { "was" } else { "was not" };
            complaints.push(format!("{text:?} is {status:?}, and {on_wire} on the wire"));
        }
    }
    complaints
}

/// From the octet that says that the STOP is durable, to the octet that says that the START is.
pub fn no_staff_text_follows_an_answered_stop(records: &Records) -> Complaints {
    let mut stopped: BTreeMap<&str, bool> = BTreeMap::new();
    let mut complaints = Vec::new();
    let words = words(&records.wire);
    for entry in &records.wire {
        match answered_word(entry, &words) {
            Some((phone, Word::Stop)) => drop(stopped.insert(phone, true)),
            Some((phone, Word::Start)) => drop(stopped.insert(phone, false)),
            None => {}
        }
        let phone = entry.destination.as_deref().unwrap_or_default();
        if is_staff_submit(entry) && stopped.get(phone) == Some(&true) {
            complaints.push(format!("{:?} was submitted after an answered STOP", entry.text));
        }
    }
    complaints
}

/// From one START to the next there is one STOP that changes anything, and one confirmation of it.
pub fn an_opt_out_is_confirmed_once(records: &Records) -> Complaints {
    let mut confirmed: BTreeMap<&str, usize> = BTreeMap::new();
    let mut complaints = Vec::new();
    let words = words(&records.wire);
    for entry in &records.wire {
        if let Some((phone, Word::Start)) = answered_word(entry, &words) {
            confirmed.remove(phone);
        }
        let is_confirmation = entry.text.as_ref().is_some_and(|text| text.contains(OPTED_OUT));
        if entry.command == "submit_sm" && is_confirmation {
            let times = confirmed.entry(entry.destination.as_deref().unwrap_or_default()).or_default();
            *times += 1;
            if *times > 1 {
                complaints.push(format!("an opt-out was confirmed {times} times on connection {}", entry.connection));
            }
        }
    }
    complaints
}

/// No line of the log has any of these in it.
pub fn what_the_log_gives_away(log: &[String], canaries: &[&str]) -> Complaints {
    let line_with =
        |canary: &&str| log.iter().find(|line| line.contains(*canary)).map(|line| (*canary).to_owned() + " in " + line);
    canaries.iter().filter_map(line_with).collect()
}

#[derive(Clone, Copy)]
enum Word {
    Stop,
    Start,
}

/// Each STOP and START that was brought, by connection and sequence number: whose it is.
fn words(wire: &[WireEntry]) -> HashMap<(u64, u32), (&str, Word)> {
    let of = |entry: &WireEntry| match entry.text.as_ref()?.to_ascii_uppercase().as_str() {
        "STOP" => Some(Word::Stop),
        "START" => Some(Word::Start),
        _ => None,
    };
    let brought = wire.iter().filter(|entry| entry.command == "deliver_sm");
    brought
        .filter_map(|entry| Some(((entry.connection, entry.sequence), (entry.source.as_deref()?, of(entry)?))))
        .collect()
}

/// The word that this entry answers with ROK.
fn answered_word<'a>(entry: &WireEntry, words: &HashMap<(u64, u32), (&'a str, Word)>) -> Option<(&'a str, Word)> {
    let is_rok = entry.command == "deliver_sm_resp" && entry.status == 0;
    words.get(&(entry.connection, entry.sequence)).filter(|_| is_rok).copied()
}

fn staff_submits(wire: &[WireEntry]) -> impl Iterator<Item = &WireEntry> {
    wire.iter().filter(|entry| is_staff_submit(entry))
}

fn is_staff_submit(entry: &WireEntry) -> bool {
    let is_ours = entry.command == "submit_sm" && entry.direction == WireDirection::FromGateway;
    is_ours && entry.text.as_ref().is_some_and(|text| text.starts_with(OF_STAFF))
}

/// How often each text is in each thread.
fn count<'a>(messages: impl Iterator<Item = &'a Message>) -> BTreeMap<(&'a str, &'a str), usize> {
    let mut times = BTreeMap::new();
    for message in messages {
        *times.entry((message.phone.as_str(), message.text.as_str())).or_default() += 1;
    }
    times
}

/// Each checker finds nothing in sound records, and something in forged ones.
mod tests {
    use assent::simulator::{WireDirection, WireEntry};
    use jiff::Timestamp;

    use super::super::records::{Death, Drafted, OF_PHONES, Typed};
    use super::*;

    const PHONE: &str = "+13035557101";

    fn entry(connection: u64, sequence: u32, command: &'static str) -> WireEntry {
        WireEntry {
            at: Timestamp::UNIX_EPOCH,
            connection,
            direction: WireDirection::FromGateway,
            command,
            status: 0,
            sequence,
            source: None,
            destination: None,
            text: None,
            user_message_reference: None,
        }
    }

    fn submitted(connection: u64, text: &str) -> WireEntry {
        let (destination, text) = (Some(PHONE.to_owned()), Some(text.to_owned()));
        WireEntry { destination, text, ..entry(connection, 1, "submit_sm") }
    }

    fn delivered(connection: u64, sequence: u32, text: &str) -> [WireEntry; 2] {
        let (source, text) = (Some(PHONE.to_owned()), Some(text.to_owned()));
        let direction = WireDirection::ToGateway;
        let delivered = WireEntry { source, text, direction, ..entry(connection, sequence, "deliver_sm") };
        [delivered, entry(connection, sequence, "deliver_sm_resp")]
    }

    fn staff(name: &str) -> String {
        format!("{OF_STAFF} {name}")
    }

    fn message(text: &str, status: &str) -> Message {
        let (id, phone, is_inbound) = (format!("id of {text}"), PHONE.to_owned(), status == "received");
        Message { id, phone, is_inbound, text: text.to_owned(), status: status.to_owned() }
    }

    fn drafted(name: &str) -> Drafted {
        let text = staff(name);
        let accepted = vec![format!("id of {text}"); 2];
        Drafted { key: name.to_owned(), phone: PHONE.to_owned(), text, accepted, refused: false }
    }

    fn typed(text: &str) -> Typed {
        Typed { phone: PHONE.to_owned(), text: text.to_owned(), id: text.to_owned(), answered: true }
    }

    /// Two texts left; the daemon died over a third; then STOP came, and later START.
    fn sound() -> Records {
        let question = format!("{OF_PHONES} question");
        let wire = [
            vec![submitted(1, &staff("one"))],
            delivered(1, 1, &question).to_vec(),
            vec![submitted(2, &staff("two"))],
            delivered(2, 1, "stop").to_vec(),
            vec![submitted(2, &format!("Riverside: {OPTED_OUT} and will get no more texts."))],
            delivered(2, 2, "START").to_vec(),
        ];
        Records {
            drafted: ["one", "two", "three"].map(drafted).to_vec(),
            typed: [question.as_str(), "stop", "START"].map(typed).to_vec(),
            wire: wire.concat(),
            threads: vec![
                message(&staff("one"), "delivered"),
                message(&question, "received"),
                message(&staff("two"), "delivered"),
                message(&staff("three"), "unconfirmed"),
                message("stop", "received"),
                message("START", "received"),
            ],
            deaths: vec![Death { last_connection: 1, sending: vec![staff("one"), staff("three")] }],
        }
    }

    #[track_caller]
    fn complains(checker: Checker, forge: impl FnOnce(&mut Records)) {
        assert_eq!(checker(&sound()), Vec::<String>::new());
        let mut forged = sound();
        forge(&mut forged);
        assert_ne!(checker(&forged), Vec::<String>::new(), "the forgery was not found");
    }

    #[test]
    fn a_lost_draft_is_found_out() {
        complains(a_draft_that_was_accepted_is_in_its_thread_once, |records| {
            records.threads.retain(|message| message.text != staff("three"));
        });
    }

    #[test]
    fn a_draft_that_shows_twice_or_was_refused_and_shows_is_found_out() {
        let checker = a_draft_that_was_accepted_is_in_its_thread_once;
        complains(checker, |records| records.threads.push(message(&staff("one"), "delivered")));
        complains(checker, |records| records.threads.push(message(&staff("nobody's"), "delivered")));
        complains(checker, |records| records.drafted[0].accepted.clear());
    }

    #[test]
    fn a_key_that_made_two_messages_is_found_out() {
        complains(a_key_makes_one_message, |records| records.drafted[0].accepted.push("another id".into()));
        complains(a_key_makes_one_message, |records| records.drafted[0].accepted = vec!["unknown id".into()]);
    }

    #[test]
    fn a_reply_that_is_lost_or_doubled_or_invented_is_found_out() {
        let checker = a_text_that_was_typed_is_in_its_thread_once;
        complains(checker, |records| records.threads.retain(|message| message.text != "stop"));
        complains(checker, |records| records.threads.push(message("stop", "received")));
        complains(checker, |records| records.threads.push(message("never typed", "received")));
        complains(checker, |records| records.typed[0].answered = false);
    }

    #[test]
    fn a_text_on_the_wire_twice_is_found_out() {
        complains(no_staff_text_is_submitted_twice, |records| records.wire.push(submitted(2, &staff("one"))));
    }

    #[test]
    fn a_text_that_overtook_another_is_found_out() {
        complains(texts_of_staff_leave_in_the_order_of_their_drafts, |records| records.drafted.swap(0, 1));
    }

    #[test]
    fn a_text_that_a_dead_daemon_began_and_the_next_one_sent_is_found_out() {
        let checker = what_was_sending_at_a_death_is_not_sent_again;
        complains(checker, |records| records.wire.push(submitted(2, &staff("three"))));
    }

    #[test]
    fn a_wrong_story_about_what_was_sending_is_found_out() {
        let checker = what_was_sending_at_a_death_is_settled_or_unconfirmed;
        complains(checker, |records| records.threads[0].status = "unconfirmed".into());
        complains(checker, |records| records.threads[3].status = "delivered".into());
        complains(checker, |records| records.threads[3].status = "queued".into());
        complains(checker, |records| drop(records.threads.remove(3)));
    }

    #[test]
    fn a_text_that_stays_on_its_way_is_found_out() {
        for status in ["queued", "sending", "sent", "pending", "failed", "unconfirmed"] {
            complains(nothing_is_left_on_its_way, |records| records.threads[0].status = status.into());
        }
        complains(nothing_is_left_on_its_way, |records| records.threads[3].status = "delivered".into());
    }

    #[test]
    fn a_text_after_stop_is_found_out() {
        let checker = no_staff_text_follows_an_answered_stop;
        let after = |records: &Records, command: &str| {
            let place = records.wire.iter().rposition(|entry| entry.command == command && entry.sequence == 1);
            place.unwrap() + 1
        };
        complains(checker, |records| {
            let place = after(records, "deliver_sm_resp");
            records.wire.insert(place, submitted(2, &staff("four")));
        });
        // START was brought, but not answered.
        complains(checker, |records| {
            records.wire.pop();
            records.wire.push(submitted(2, &staff("four")));
        });
        // Before the answer to STOP and after that to START it may go.
        let mut allowed = sound();
        allowed.wire.push(submitted(2, &staff("four")));
        let place = after(&allowed, "deliver_sm");
        allowed.wire.insert(place, submitted(2, &staff("five")));
        assert_eq!(checker(&allowed), Vec::<String>::new());
    }

    #[test]
    fn a_second_confirmation_is_found_out() {
        complains(an_opt_out_is_confirmed_once, |records| {
            let confirmation =
                records.wire.iter().position(|entry| entry.text.as_ref().is_some_and(|text| text.contains(OPTED_OUT)));
            let again = records.wire[confirmation.unwrap()].clone();
            records.wire.insert(confirmation.unwrap(), again);
        });
    }

    #[test]
    fn a_log_that_gives_a_patient_away_is_found_out() {
        let log = ["texted +13035557101".to_owned(), "all is well".to_owned()];
        assert_eq!(what_the_log_gives_away(&log, &["13035557102", "Quenby"]), Vec::<String>::new());
        assert_eq!(what_the_log_gives_away(&log, &["13035557101"]).len(), 1);
    }
}

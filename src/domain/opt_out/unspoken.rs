//! Texts that are not the patient's own words: reactions, a phone's automatic answers, receipts, quotations of ours.

use std::sync::LazyLock;

use super::pattern::Patterns;
use crate::domain::keyword;

/// How phones of either kind say that somebody reacted to a text, before they quote it.
const REACTIONS: &[&str] = &[
    "liked",
    "loved",
    "disliked",
    "laughed at",
    "emphasized",
    "emphasised",
    "questioned",
    "reacted",
    "removed",
    "le gusto",
    "le gusta",
    "le encanto",
    "le encanta",
    "le dio",
    "no le gusto",
    "me gusta",
    "me encanta",
    "se rio de",
    "enfatizo",
    "destaco",
    "cuestiono",
    "pregunto por",
    "reacciono",
    "quito",
    "elimino",
];

/// What stands between a name or an emoji and the quotation: `Ana liked “…”`, `👍 to “…”`, `A Ana le gustó “…”`.
const REACTIONS_WITHIN: &[&str] =
    &[" liked", " loved", " disliked", " laughed at", " emphasized", " questioned", " le gusto", " le encanto"];

/// What automatic answers say of themselves.
static AUTOMATIC: LazyLock<Patterns> = LazyLock::new(|| {
    Patterns::new(&[
        "^ fwd|fw|forwarded ~ * ~ *",
        "is your ~ .. otp|passcode",
        "otp|passcode is",
        "auto reply|response|respuesta|responder",
        "^ auto",
        "autoreply|autoresponder|autorespuesta",
        "automatic|automated reply|response|message|answer|text",
        "sent automatically",
        "vacation responder",
        "out of the? office",
        "away message",
        "do not disturb while driving",
        "driving with focus|do turned?",
        "with focus turned on",
        "phone on focus|silent|dnd",
        "sleep|work|driving|personal focus $",
        "not receiving notifications",
        "notifications are? silenced|turned",
        "focus turned on",
        "line|number|mailbox|inbox does not accept",
        "line|number|mailbox|inbox is not|no longer? monitored",
        "not in service",
        "message blocking is active",
        "freemsg",
        "^ free message",
        "unable to send|receive message|messages",
        "not able to receive text|texts|message|messages",
        "message failed|undeliverable",
        "message was not delivered",
        "^ do not reply to this",
        "respuesta|mensaje|contestacion automatica|automatico",
        "thank|thanks you? for texting|contacting|messaging|reaching|calling .. .. .. reply|shortly|closed|hours|member|soon|respond|touch|office",
        "gracias por contactar|contactarnos|escribir|llamar|comunicarse .. .. responderemos|pronto|horario|cerrado|cerrados",
        "fuera de la? oficina",
        "no molestar al conducir",
    ])
});

/// Our own words, as patients quote and forward them.
static OURS: LazyLock<Patterns> = LazyLock::new(|| {
    Patterns::new(&[
        "reply|text|send|respond|responda|responde|envie stop|alto|end|quit|cancel to|for|para ~ opt|cancelar|end|unsubscribe|stop|cancel|quit|terminar|no|opt|be ~ out|@texts?",
        "to ~ stop|end|opt|cancel|unsubscribe ~ out|@texts|from|receiving|these|this? ~ reply|text|send|respond ~ with? ~ stop|end|quit|cancel",
        "reply|text|send ~ stop ~ or|and help",
        "help stop to opt out",
        "text start to opt back in",
        "you are opted out|in and? will? get? no? more? texts?",
    ])
});

/// Whether a text says that its sender reacted to another text, which it quotes.
pub(super) fn is_reaction(text: &str) -> bool {
    let folded: String = keyword::fold(text).collect();
    let folded = folded.trim();
    let Some((before, quoted)) = folded.split_once(['"', '«']) else { return false };
    // What follows the quotation is the sender's own.
    if quoted.rsplit_once(['"', '»']).is_some_and(|(_, after)| after.contains(char::is_alphanumeric)) {
        return false;
    }
    let before = before.trim();
    let is_emoji_to = before
        .strip_suffix(" to")
        .or(before.strip_suffix(" a"))
        .is_some_and(|emoji| !emoji.trim().is_empty() && !emoji.contains(char::is_alphanumeric));
    let begins = REACTIONS
        .iter()
        .any(|reaction| before.strip_prefix(reaction).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric)));
    is_emoji_to || begins || REACTIONS_WITHIN.iter().any(|reaction| before.ends_with(reaction))
}

/// Whether a text is a receipt that came as a text (SMPP 3.4 appendix B).
pub(super) fn is_receipt(text: &str) -> bool {
    text.starts_with("id:") && ["sub:", "dlvrd:", "stat:"].iter().any(|field| text.contains(field))
}

/// Whether a phone answered by itself.
pub(super) fn is_automatic(said: &[&str]) -> bool {
    AUTOMATIC.matches(said, 0..said.len()).next().is_some()
}

/// Leaves a gap, that no pattern of words takes, for each of our own phrases.
pub(super) fn without_our_own_words<'a>(said: &[&'a str]) -> Vec<&'a str> {
    let mut rest = said.to_vec();
    for found in OURS.matches_whole(said, 0..said.len()) {
        rest[found].fill("");
    }
    rest
}

//! What phones type, as the gateway gets it: again, in parts, out of order, and after a refusal.

use assent::carrier::udh;
use assent::simulator::{DefaultAlphabet, Faults, LongTexts, Span};

use crate::gateway::{Gateway, OFFICE, ROSA, bound_with, carrier_with, words};

const FULL: u32 = 0x14;
const REFUSED: u32 = 0x64;

#[tokio::test]
async fn a_deliver_sm_comes_again_without_waiting() {
    let (carrier, mut gateway) = bound_with(Faults { deliver_copies: 2, ..Faults::default() }).await;
    carrier.phone(ROSA).send(OFFICE, "Yes");
    let frames = gateway.hears_all(3).await;
    let sequences: Vec<u32> = frames.iter().map(|frame| frame.sequence()).collect();
    assert_eq!(sequences, [1, 2, 3]);
    for frame in &frames {
        gateway.answers(frame, 0).await;
    }
    gateway.hears_nothing().await;
}

#[tokio::test]
async fn what_is_refused_for_the_time_being_comes_again_and_what_is_refused_otherwise_is_gone() {
    let faults = Faults { redeliver_on: vec![FULL], redeliver_after: Span::default(), ..Faults::default() };
    let (carrier, mut gateway) = bound_with(faults).await;
    carrier.phone(ROSA).send(OFFICE, "Yes");
    let first = gateway.hears().await;
    gateway.answers(&first, FULL).await;
    let second = gateway.hears().await;
    assert_eq!(second.body(), first.body());
    gateway.answers(&second, REFUSED).await;
    gateway.hears_nothing().await;
    assert_eq!(carrier.counts().answered, 1);
    assert!(!carrier.phone(ROSA).texts()[0].answered, "the phone never hears of it");
}

#[tokio::test]
async fn parts_come_in_any_way_and_any_order() {
    for long_texts in [LongTexts::Udh, LongTexts::Udh16, LongTexts::Sar] {
        let faults = Faults { long_texts, parts: vec![3, 1, 1], ..Faults::default() };
        let (carrier, mut gateway) = bound_with(faults).await;
        carrier.phone(ROSA).send(OFFICE, &"my knee hurts ".repeat(30));
        let mut parts = Vec::new();
        for _ in 0..3 {
            let message = gateway.takes().await;
            parts.push(match long_texts {
                LongTexts::Sar => (message.parameters.sar_total_segments, message.parameters.sar_segment_seqnum),
                _ => {
                    let (part, _) = udh::split(&message.short_message).unwrap();
                    (part.map(|part| part.total), part.map(|part| part.number))
                }
            });
        }
        assert_eq!(parts, [(Some(3), Some(3)), (Some(3), Some(1)), (Some(3), Some(1))], "{long_texts:?}");
        gateway.hears_nothing().await;
    }
}

#[tokio::test]
async fn a_long_text_may_come_whole() {
    let (carrier, mut gateway) = bound_with(Faults { long_texts: LongTexts::Payload, ..Faults::default() }).await;
    let long = "my knee hurts ".repeat(30);
    carrier.phone(ROSA).send(OFFICE, &long);
    let message = gateway.takes().await;
    assert_eq!(message.parameters.message_payload, Some(long.into_bytes()));
}

#[tokio::test]
async fn the_default_alphabet_is_as_it_was_set_up() {
    let carrier = carrier_with(|config| config.alphabet = DefaultAlphabet::Latin1).await;
    let mut gateway = Gateway::bound(&carrier).await;
    carrier.phone(ROSA).send(OFFICE, "Sí");
    let message = gateway.takes().await;
    assert_eq!((message.data_coding, message.short_message), (0, vec![b'S', 0xED]));
    gateway.asks(crate::gateway::segment(0, &[b'S', 0xED])).await;
    assert_eq!(carrier.phone(ROSA).texts()[1].text, "Sí");
}

#[tokio::test]
async fn texts_are_kept_back_until_the_script_lets_them_go() {
    let (carrier, mut gateway) = bound_with(Faults { hold_deliver: true, ..Faults::default() }).await;
    carrier.phone(ROSA).send(OFFICE, "Yes");
    gateway.hears_nothing().await;
    carrier.set_faults(Faults::default());
    assert_eq!(words(&gateway.takes().await), "Yes");
}

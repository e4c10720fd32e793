//! Who may bind, as what, how often, and which bind gets what.

use std::time::Duration;

use assent::simulator::{Faults, Span, Verb};
use smpp::{CommandId, Pdu};

use crate::gateway::{
    Gateway, OFFICE, ROSA, bound_with, carrier, carrier_with, receiver, registered, text, transceiver, transmitter,
    words,
};

const ALREADY_BOUND: u32 = 0x05;
const WRONG_STATE: u32 = 0x04;

#[tokio::test]
async fn a_transmitter_sends_and_a_receiver_receives() {
    let carrier = carrier().await;
    let mut sends = Gateway::connected(&carrier).await;
    assert_eq!(sends.asks(transmitter("practice")).await.id(), CommandId::BindTransmitterResp);
    let mut receives = Gateway::connected(&carrier).await;
    assert_eq!(receives.asks(receiver("practice")).await.id(), CommandId::BindReceiverResp);

    assert_eq!(receives.asks(text("hello")).await.status(), WRONG_STATE);
    assert_eq!(sends.asks(registered("hello")).await.status(), 0);
    let receipt = receives.takes().await;
    assert_eq!(receipt.esm_class, 0x04);
    carrier.phone(ROSA).send(OFFICE, "Yes");
    assert_eq!(words(&receives.takes().await), "Yes");
    sends.hears_nothing().await;
}

#[tokio::test]
async fn a_text_goes_to_whoever_sends_from_that_number() {
    let carrier = carrier().await;
    let mut other = Gateway::connected(&carrier).await;
    other.asks(transceiver("another")).await;
    let mut ours = Gateway::bound(&carrier).await;
    ours.asks(text("hello")).await;
    for answer in ["one", "two", "three"] {
        carrier.phone(ROSA).send(OFFICE, answer);
        assert_eq!(words(&ours.takes().await), answer);
    }
    other.hears_nothing().await;
}

#[tokio::test]
async fn a_system_id_has_so_many_binds_at_once() {
    let carrier = carrier_with(|config| config.binds_max = 2).await;
    let mut first = Gateway::bound(&carrier).await;
    let _second = Gateway::bound(&carrier).await;
    let mut third = Gateway::connected(&carrier).await;
    assert_eq!(third.asks(transceiver("practice")).await.status(), ALREADY_BOUND);
    assert_eq!(third.hears_or_end().await, None);
    let mut another = Gateway::connected(&carrier).await;
    assert_eq!(another.asks(transceiver("another")).await.status(), 0);
    assert_eq!(first.asks(Pdu::Unbind).await.id(), CommandId::UnbindResp);
    carrier.wait_for_binds(2).await;
    Gateway::bound(&carrier).await;
}

#[tokio::test]
async fn a_bind_may_go_unanswered() {
    let carrier = carrier().await;
    carrier.set_faults(Faults { silent_to_bind: true, ..Faults::default() });
    let mut gateway = Gateway::connected(&carrier).await;
    gateway.says(transceiver("practice")).await;
    gateway.hears_nothing().await;
    assert_eq!(carrier.counts().bound, 0);
}

#[tokio::test]
async fn an_old_bind_still_seems_to_stand() {
    let ghost = Faults { ghost_for: Span(Duration::from_secs(3_600)), ..Faults::default() };
    let (carrier, gateway) = bound_with(ghost).await;
    drop(gateway);
    carrier.wait_for_binds(0).await;
    let mut again = Gateway::connected(&carrier).await;
    assert_eq!(again.asks(transceiver("practice")).await.status(), ALREADY_BOUND);
    let mut another = Gateway::connected(&carrier).await;
    assert_eq!(another.asks(transceiver("another")).await.status(), 0);
}

#[tokio::test]
async fn a_bind_that_said_goodbye_leaves_no_ghost() {
    let ghost = Faults { ghost_for: Span(Duration::from_secs(3_600)), ..Faults::default() };
    let (carrier, mut gateway) = bound_with(ghost).await;
    gateway.asks(Pdu::Unbind).await;
    carrier.wait_for_binds(0).await;
    Gateway::bound(&carrier).await;
}

#[tokio::test]
async fn the_carrier_says_unbind_and_closes_when_it_is_answered() {
    let (carrier, mut gateway) = bound_with(Faults::default()).await;
    carrier.tell(Verb::Unbind).unwrap();
    assert_eq!(gateway.hears().await.id(), CommandId::Unbind);
    gateway.says(Pdu::UnbindResp).await;
    assert_eq!(gateway.hears_or_end().await, None);
}

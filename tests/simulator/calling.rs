//! The carrier goes to a gateway that listens: to say that it should bind, or to bind there itself.

use assent::carrier::frame::Frame;
use assent::carrier::short_message::ShortMessage;
use assent::simulator::{Callee, DeliverBy, Faults, Scenario, Simulator, Verb};
use smpp::pdus::{BindTransceiverResp, DeliverSm, DeliverSmResp, SubmitSmResp};
use smpp::types::{COctetString, OctetString};
use smpp::values::{EsmClass, InterfaceVersion, RegisteredDelivery, Ton};
use smpp::{CommandId, Pdu};
use tokio::net::TcpListener;

use crate::gateway::{Gateway, OFFICE, ROSA, carrier, carrier_of, receiver, words};

/// A gateway that listens, and as whom the carrier is told to come to it.
async fn listening() -> (TcpListener, Callee) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, Callee { address, system_id: "carrier-a".into(), password: "secret".into() })
}

/// The carrier has bound to a gateway that listens.
async fn bound() -> (Simulator, Gateway) {
    let (carrier, (listener, callee)) = (carrier().await, listening().await);
    carrier.tell(Verb::BindTo(callee)).unwrap();
    let mut gateway = Gateway::over(listener.accept().await.unwrap().0);
    let asked = gateway.hears().await;
    let Some(Pdu::BindTransceiver(bind)) = asked.decode() else { panic!("no bind") };
    assert_eq!((bind.system_id.as_str(), bind.password.as_str()), ("carrier-a", "secret"));
    assert_eq!(bind.interface_version, InterfaceVersion::Smpp3_4);
    gateway.answers_with(&asked, BindTransceiverResp::default().into()).await;
    carrier.wait_for_binds(1).await;
    (carrier, gateway)
}

fn submitted(frame: &Frame) -> ShortMessage {
    assert_eq!(frame.id(), CommandId::SubmitSm);
    ShortMessage::read(frame).unwrap_or_else(|malformed| panic!("{}", malformed.reason))
}

#[tokio::test]
async fn a_gateway_that_is_told_to_binds_over_the_connection_that_the_carrier_made() {
    let (carrier, (listener, callee)) = (carrier().await, listening().await);
    carrier.phone(ROSA).send(OFFICE, "Yes");
    carrier.tell(Verb::Outbind(callee)).unwrap();
    let mut gateway = Gateway::over(listener.accept().await.unwrap().0);
    let Some(Pdu::Outbind(outbind)) = gateway.hears().await.decode() else { panic!("no outbind") };
    assert_eq!((outbind.system_id.as_str(), outbind.password.as_str()), ("carrier-a", "secret"));
    let response = gateway.asks(receiver("practice")).await;
    assert_eq!((response.id(), response.status()), (CommandId::BindReceiverResp, 0));
    assert_eq!(words(&gateway.takes().await), "Yes");
    assert_eq!(carrier.counts().binds, 1);
}

#[tokio::test]
async fn what_phones_type_goes_as_submit_sm_where_the_carrier_has_bound() {
    let (carrier, mut gateway) = bound().await;
    let typed = carrier.phone(ROSA).send(OFFICE, "Yes");
    let submit = gateway.hears().await;
    let text = submitted(&submit);
    assert_eq!(
        (text.source.digits.as_slice(), text.destination.digits.as_slice()),
        (&b"13035550123"[..], &b"13035550100"[..])
    );
    assert_eq!(words(&text), "Yes");

    // The answer to something else is none.
    gateway.answers_with(&submit, DeliverSmResp::default().into()).await;
    gateway.hears_nothing().await;
    assert!(!carrier.phone(ROSA).texts()[0].answered);
    gateway.answers_with(&submit, SubmitSmResp::default().into()).await;
    carrier.phone(ROSA).wait_until_answered(&typed.id).await;
    assert_eq!(carrier.summary().unanswered.deliver_sm, 0);
}

#[tokio::test]
async fn the_gateways_texts_come_as_deliver_sm_where_the_carrier_has_bound() {
    let (carrier, mut gateway) = bound().await;
    let mut text = DeliverSm::builder()
        .source_addr_ton(Ton::International)
        .source_addr("13035550100".parse().unwrap())
        .dest_addr_ton(Ton::International)
        .destination_addr("13035550123".parse().unwrap())
        .esm_class(EsmClass::from(0))
        .short_message(OctetString::from_slice(b"See you at 3").unwrap())
        .build();
    text.registered_delivery = RegisteredDelivery::from(1);
    let response = gateway.asks(text).await;
    let Some(Pdu::DeliverSmResp(taken)) = response.decode() else { panic!("no deliver_sm_resp") };
    let shown = carrier.phone(ROSA).wait_for_text(|shown| shown.text == "See you at 3").await;
    assert_eq!(shown.from, OFFICE);

    let receipt = gateway.hears().await;
    let said = submitted(&receipt);
    assert_eq!(said.esm_class, 0x04);
    assert!(words(&said).starts_with(&format!("id:{} sub:001", taken.message_id().as_str())), "{}", words(&said));
    gateway.answers_with(&receipt, SubmitSmResp::default().into()).await;

    // Who has bound is not bound to, and takes no submit_sm.
    assert_eq!(gateway.asks(crate::gateway::text("hello")).await.id(), CommandId::GenericNack);
    assert_eq!(gateway.asks(crate::gateway::transceiver("practice")).await.id(), CommandId::GenericNack);

    carrier.tell(Verb::Unbind).unwrap();
    let unbind = gateway.hears().await;
    assert_eq!(unbind.id(), CommandId::Unbind);
    gateway.answers_with(&unbind, Pdu::UnbindResp).await;
    assert_eq!(gateway.hears_or_end().await, None);
}

#[tokio::test]
async fn a_carrier_that_is_refused_goes_and_one_that_reaches_nobody_goes_on() {
    let (carrier, (listener, callee)) = (carrier().await, listening().await);
    carrier.tell(Verb::BindTo(callee.clone())).unwrap();
    let mut gateway = Gateway::over(listener.accept().await.unwrap().0);
    let asked = gateway.hears().await;
    let refused = assent::carrier::frame::encode(0x0E, asked.sequence(), BindTransceiverResp::default().into());
    tokio::io::AsyncWriteExt::write_all(&mut gateway.stream, &refused).await.unwrap();
    assert_eq!(gateway.hears_or_end().await, None);
    assert_eq!(carrier.counts().binds, 0);

    drop(listener);
    carrier.tell(Verb::Outbind(callee)).unwrap();
    Gateway::bound(&carrier).await;
    assert_eq!(carrier.counts().connections, 2, "the one that it made, and the one that was made to it");
}

#[tokio::test]
async fn a_scenario_makes_calls() {
    let (listener, Callee { address, .. }) = listening().await;
    let scenario = format!(
        "[[step]]\ndo = {{ outbind = {{ address = \"{address}\", system_id = \"carrier-a\" }} }}\n\
         [[step]]\nafter = {{ binds = 1 }}\ndo = \"end\"\n[expect]\nbinds = 1"
    );
    let scenario = Scenario::parse(&scenario).unwrap();
    let carrier = carrier_of(&scenario).await;
    let gateway = async {
        let mut gateway = Gateway::over(listener.accept().await.unwrap().0);
        let Some(Pdu::Outbind(outbind)) = gateway.hears().await.decode() else { panic!("no outbind") };
        assert_eq!(outbind.password, COctetString::null());
        gateway.asks(receiver("practice")).await
    };
    // Its first step is done when something happens, or by the clock.
    tokio::join!(carrier.play(), gateway);
    assert_eq!(scenario.unmet(&carrier.summary()), Vec::<String>::new());
}

#[tokio::test]
async fn texts_and_receipts_come_by_data_sm_as_well() {
    let faults = Faults { deliver_by: DeliverBy::DataSm, ..Faults::default() };
    let (carrier, mut gateway) = crate::gateway::bound_with(faults).await;
    let typed = carrier.phone(ROSA).send(OFFICE, "Yes");
    let data = gateway.hears().await;
    assert_eq!(data.id(), CommandId::DataSm);
    assert!(data.decode().is_some(), "strictly read");
    // A deliver_sm_resp is no answer to it.
    gateway.answers(&data, 0).await;
    gateway.hears_nothing().await;
    assert!(!carrier.phone(ROSA).texts()[0].answered);
    gateway.answers_with(&data, smpp::pdus::DataSmResp::default().into()).await;
    carrier.phone(ROSA).wait_until_answered(&typed.id).await;

    gateway.says(crate::gateway::registered("hello")).await;
    let heard = gateway.hears_all(2).await;
    assert!(heard.iter().any(|frame| frame.id() == CommandId::DataSm), "its receipt");

    // And where the carrier has bound.
    let (carrier, mut gateway) = bound().await;
    carrier.set_faults(Faults { deliver_by: DeliverBy::DataSm, ..Faults::default() });
    carrier.phone(ROSA).send(OFFICE, "Yes");
    assert_eq!(gateway.hears().await.id(), CommandId::DataSm);
}

//! Everything else that goes over a session: binds of each kind, enquiries, refusals, alerts and goodbyes.

use assent::carrier::frame::status;
use assent::simulator::{Alert, Callee, DefaultAlphabet, Faults, Nack, RefuseBy, Verb, WireDirection, WireEntry};
use smpp::pdus::{BindTransceiver, BindTransceiverResp, DataSm, DeliverSm, SubmitSmResp};
use smpp::tlvs::MessageSubmissionRequestTlvValue as Parameter;
use smpp::types::{AnyOctetString, OctetString};
use smpp::values::{MessagePayload, RegisteredDelivery, Ton};
use tokio::net::{TcpListener, TcpStream};

use crate::capture::{Recorder, Tape, Way};
use crate::gateway::{Gateway, OFFICE, ROSA, carrier_with, receiver, registered, transceiver, transmitter};
use crate::recording::Recording;
use crate::tshark::{Pdu, dissect};

const GENERIC_NACK: u32 = 0x8000_0000;
const BIND_RECEIVER: u32 = 0x01;
const BIND_TRANSMITTER: u32 = 0x02;
const SUBMIT_SM: u32 = 0x04;
const DELIVER_SM: u32 = 0x05;
const UNBIND: u32 = 0x06;
const BIND_TRANSCEIVER: u32 = 0x09;
const OUTBIND: u32 = 0x0B;
const ENQUIRE_LINK: u32 = 0x15;
const ALERT_NOTIFICATION: u32 = 0x102;
const DATA_SM: u32 = 0x103;
const RESPONSE: u32 = 0x8000_0000;

/// `command_status` of the next one of this kind.
#[track_caller]
fn next<'a>(pdus: &mut impl Iterator<Item = &'a Pdu>, command: u32, way: Way) -> &'a Pdu {
    let next = pdus.find(|pdu| pdu.is(command, way));
    next.unwrap_or_else(|| panic!("no {command:#x} {way:?} is left"))
}

#[tokio::test]
async fn a_link_and_a_carrier_say_everything_that_they_can_say() {
    let mut recording = Recording::begin(Default::default(), DefaultAlphabet::Gsm7).await;
    let carrier = recording.carrier.clone();
    let heard = async |command: &str, direction: WireDirection| {
        let is_there = |log: &[WireEntry]| {
            log.iter().any(|entry| (entry.command, entry.direction) == (command, direction)).then_some(())
        };
        carrier.wait_for_wire(is_there).await;
    };
    let (from, to) = (WireDirection::FromGateway, WireDirection::ToGateway);
    for (refuse_with, refuse_by) in [(status::RTHROTTLED, RefuseBy::Response), (status::RSYSERR, RefuseBy::GenericNack)]
    {
        carrier.set_faults(Faults { refuse_with: Some(refuse_with), refuse_by, ..Faults::default() });
        recording.submit("hello").await;
    }
    carrier.set_faults(Faults::default());
    carrier.tell(Verb::EnquireLinks(2)).unwrap();
    carrier.tell(Verb::Alert(Alert { phone: ROSA.into(), to: OFFICE.into() })).unwrap();
    carrier.tell(Verb::Nack(Nack { status: 3, sequence: 77 })).unwrap();
    // A second: the least that a link may be told to wait before it asks.
    heard("enquire_link", from).await;
    heard("generic_nack", to).await;
    heard("enquire_link_resp", from).await;
    carrier.tell(Verb::Unbind).unwrap();
    heard("unbind_resp", from).await;

    let pdus = dissect(&recording.end().await);
    let (up, down) = (Way::ToServer, Way::ToClient);
    let bind = next(&mut pdus.iter(), BIND_TRANSCEIVER, up);
    for (field, meant) in [("smpp.system_id", "practice"), ("smpp.password", "secret"), ("smpp.system_type", "clinic")]
    {
        assert_eq!(bind.shown(field), Some(meant));
    }
    assert_eq!(bind.numbers(["smpp.interface_version", "smpp.addr_ton", "smpp.addr_npi"]), [0x34, 0, 0]);
    let bound = next(&mut pdus.iter(), BIND_TRANSCEIVER | RESPONSE, down);
    assert_eq!(bound.shown("smpp.system_id"), Some("assent-carrier"));
    assert_eq!(bound.numbers(["smpp.command_status", "smpp.SC_interface_version"]), [0, 0x34]);

    let mut submits = pdus.iter();
    let throttled = next(&mut pdus.iter(), SUBMIT_SM | RESPONSE, down);
    assert_eq!(throttled.number("smpp.command_status"), status::RTHROTTLED);
    assert_eq!(throttled.number("smpp.command_length"), 16, "a refusal has no body (SMPP 3.4 §4.4.2)");
    same_number(next(&mut submits, SUBMIT_SM, up), throttled);
    let mut nacks = pdus.iter();
    let refused = next(&mut nacks, GENERIC_NACK, down);
    assert_eq!(refused.number("smpp.command_status"), status::RSYSERR);
    same_number(next(&mut submits, SUBMIT_SM, up), refused);
    let stray = next(&mut nacks, GENERIC_NACK, down);
    assert_eq!(stray.numbers(["smpp.command_status", "smpp.sequence_number"]), [3, 77]);

    for (asks, answers) in [(up, down), (down, up)] {
        let asked = next(&mut pdus.iter(), ENQUIRE_LINK, asks);
        same_number(asked, next(&mut pdus.iter(), ENQUIRE_LINK | RESPONSE, answers));
    }
    let alert = next(&mut pdus.iter(), ALERT_NOTIFICATION, down);
    assert_eq!(alert.shown("smpp.source_addr"), Some("13035550123"));
    assert_eq!(alert.shown("smpp.esme_addr"), Some("13035550100"));
    same_number(next(&mut pdus.iter(), UNBIND, down), next(&mut pdus.iter(), UNBIND | RESPONSE, up));
}

#[track_caller]
fn same_number(request: &Pdu, response: &Pdu) {
    let [asked, answered] = [request, response].map(|pdu| pdu.number("smpp.sequence_number"));
    assert_eq!(asked, answered);
}

#[tokio::test]
async fn binds_of_every_kind_are_read_with_their_answers() {
    let carrier = carrier_with(|config| config.password = Some("secret".into())).await;
    let recorder = Recorder::to(carrier.address()).await;
    let connected = async || Gateway::over(TcpStream::connect(recorder.address()).await.unwrap());

    let mut refused = connected().await;
    assert_eq!(refused.asks(transceiver("practice")).await.status(), status::RINVPASWD);
    assert_eq!(refused.hears_or_end().await, None);
    let (mut sends, mut receives) = (connected().await, connected().await);
    let secret = || "secret".parse().unwrap();
    let mut bind = transmitter("practice");
    bind.password = secret();
    assert_eq!(sends.asks(bind).await.status(), 0);
    let mut bind = receiver("practice");
    bind.password = secret();
    assert_eq!(receives.asks(bind).await.status(), 0);
    sends.asks(registered("hello")).await;
    receives.takes().await;
    sends.asks(data_sm("and by data_sm")).await;
    receives.takes().await;
    // What a receiver may not say, and what nobody may.
    assert_eq!(receives.asks(registered("hello")).await.status(), status::RINVBNDSTS);
    assert_eq!(sends.asks(smpp::Pdu::from(BindTransceiver::default())).await.status(), status::RALYBND);
    let mut unbinds = connected().await;
    let mut bind = transceiver("practice");
    bind.password = secret();
    unbinds.asks(bind).await;
    assert_eq!(unbinds.asks(smpp::Pdu::Unbind).await.status(), 0);

    let tape: Tape = recorder.tape();
    let pdus = dissect(&tape);
    let statuses = |connection: u16, command: u32| -> Vec<u32> {
        let of_it = pdus.iter().filter(|pdu| pdu.connection == connection && pdu.is(command | RESPONSE, Way::ToClient));
        of_it.map(|pdu| pdu.number("smpp.command_status")).collect()
    };
    assert_eq!(statuses(0, BIND_TRANSCEIVER), [status::RINVPASWD]);
    assert_eq!((statuses(1, BIND_TRANSMITTER), statuses(1, BIND_TRANSCEIVER)), (vec![0], vec![status::RALYBND]));
    assert_eq!((statuses(1, SUBMIT_SM), statuses(1, DATA_SM)), (vec![0], vec![0]));
    assert_eq!((statuses(2, BIND_RECEIVER), statuses(2, SUBMIT_SM)), (vec![0], vec![status::RINVBNDSTS]));
    assert_eq!((statuses(3, BIND_TRANSCEIVER), statuses(3, UNBIND)), (vec![0], vec![0]));
    assert_eq!(pdus.iter().filter(|pdu| pdu.is(DELIVER_SM, Way::ToClient)).count(), 2, "two receipts");
    let data = next(&mut pdus.iter(), DATA_SM, Way::ToServer);
    assert_eq!(data.octets("smpp.message_payload").as_deref(), Some(&b"and by data_sm"[..]));
}

fn data_sm(words: &str) -> DataSm {
    let mut data = DataSm::builder()
        .source_addr_ton(Ton::International)
        .source_addr("13035550100".parse().unwrap())
        .dest_addr_ton(Ton::International)
        .destination_addr("13035550123".parse().unwrap())
        .registered_delivery(RegisteredDelivery::from(1))
        .build();
    let payload = MessagePayload::new(AnyOctetString::from_vec(words.as_bytes().to_vec()));
    data.push_tlv(Parameter::MessagePayload(payload));
    data
}

#[tokio::test]
async fn a_carrier_that_calls_is_read_as_well() {
    let carrier = carrier_with(|_| {}).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let recorder = Recorder::to(listener.local_addr().unwrap()).await;
    let callee =
        Callee { address: recorder.address().to_string(), system_id: "carrier-a".into(), password: "secret".into() };
    carrier.tell(Verb::Outbind(callee.clone())).unwrap();
    let mut told = Gateway::over(listener.accept().await.unwrap().0);
    told.hears().await;
    told.asks(receiver("practice")).await;

    carrier.tell(Verb::BindTo(callee)).unwrap();
    let mut bound = Gateway::over(listener.accept().await.unwrap().0);
    let bind = bound.hears().await;
    bound.answers_with(&bind, BindTransceiverResp::new("practice".parse().unwrap(), None).into()).await;
    carrier.wait_for_binds(2).await;
    let mut text = DeliverSm::builder()
        .source_addr_ton(Ton::International)
        .source_addr("13035550100".parse().unwrap())
        .dest_addr_ton(Ton::International)
        .destination_addr("13035550123".parse().unwrap())
        .short_message(OctetString::from_slice(b"hello").unwrap())
        .build();
    text.registered_delivery = RegisteredDelivery::from(1);
    bound.asks(text).await;
    // The other bind is another customer's.
    let receipt = bound.hears().await;
    bound.answers_with(&receipt, SubmitSmResp::default().into()).await;

    let pdus = dissect(&recorder.tape());
    // The carrier is the client here.
    let outbind = next(&mut pdus.iter(), OUTBIND, Way::ToServer);
    let bind = next(&mut pdus.iter(), BIND_TRANSCEIVER, Way::ToServer);
    for pdu in [outbind, bind] {
        assert_eq!((pdu.shown("smpp.system_id"), pdu.shown("smpp.password")), (Some("carrier-a"), Some("secret")));
    }
    assert_eq!(bind.number("smpp.interface_version"), 0x34);
    let answer = next(&mut pdus.iter(), DELIVER_SM | RESPONSE, Way::ToServer);
    assert_eq!(answer.number("smpp.command_status"), 0);
    let receipt = next(&mut pdus.iter(), SUBMIT_SM, Way::ToServer);
    assert_eq!(receipt.number("smpp.esm.submit.msg_type"), 1);
    assert!(receipt.words().contains("stat:DELIVRD"), "{}", receipt.words());
}

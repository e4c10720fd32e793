//! A gateway that does what it is told and no more: frames over TCP, by hand.

use std::sync::Arc;
use std::time::Duration;

use assent::app::SystemClock;
use assent::carrier::frame::{Frame, Framer, encode};
use assent::carrier::short_message::ShortMessage;
use assent::simulator::{Faults, Scenario, Simulator, SimulatorConfig};
use smpp::pdus::{BindReceiver, BindTransceiver, BindTransmitter, DeliverSmResp, SubmitSm};
use smpp::types::{COctetString, OctetString};
use smpp::values::{EsmClass, RegisteredDelivery, Ton};
use smpp::{CommandId, Pdu};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub const OFFICE: &str = "+13035550100";
pub const ROSA: &str = "+13035550123";
/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// A carrier that takes any bind; its receipts come at once.
pub async fn carrier() -> Simulator {
    carrier_with(|_| {}).await
}

/// A carrier that plays a scenario.
pub async fn carrier_of(scenario: &Scenario) -> Simulator {
    let config = SimulatorConfig::new("127.0.0.1:0".parse().unwrap(), Arc::new(SystemClock));
    Simulator::start_with(config, scenario).await.unwrap()
}

pub async fn carrier_with(change: impl FnOnce(&mut SimulatorConfig)) -> Simulator {
    let mut config = SimulatorConfig::new("127.0.0.1:0".parse().unwrap(), Arc::new(SystemClock));
    config.receipt_delay = Duration::ZERO;
    change(&mut config);
    Simulator::start(config).await.unwrap()
}

/// A carrier with these faults, and a gateway that is bound to it.
pub async fn bound_with(faults: Faults) -> (Simulator, Gateway) {
    faults.check().unwrap();
    let carrier = carrier().await;
    carrier.set_faults(faults);
    let gateway = Gateway::bound(&carrier).await;
    (carrier, gateway)
}

/// One connection to the carrier.
pub struct Gateway {
    pub stream: TcpStream,
    framer: Framer,
    last_sequence: u32,
}

impl Gateway {
    pub async fn connected(carrier: &Simulator) -> Self {
        Self::over(TcpStream::connect(carrier.address()).await.unwrap())
    }

    pub fn over(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self { stream, framer: Framer::default(), last_sequence: 0 }
    }

    /// As transceiver.
    pub async fn bound(carrier: &Simulator) -> Self {
        let mut gateway = Self::connected(carrier).await;
        let response = gateway.asks(transceiver("practice")).await;
        assert_eq!((response.id(), response.status()), (CommandId::BindTransceiverResp, 0));
        gateway
    }

    /// Says something, and gives its sequence number.
    pub async fn says(&mut self, pdu: impl Into<Pdu>) -> u32 {
        self.last_sequence += 1;
        let octets = encode(0, self.last_sequence, pdu.into());
        self.stream.write_all(&octets).await.unwrap();
        self.last_sequence
    }

    /// Says something, and hears what comes next.
    pub async fn asks(&mut self, pdu: impl Into<Pdu>) -> Frame {
        self.says(pdu).await;
        self.hears().await
    }

    /// The next PDU.
    pub async fn hears(&mut self) -> Frame {
        self.hears_or_end().await.expect("the carrier closed the connection")
    }

    /// The next PDU; `None` when the connection is at its end.
    pub async fn hears_or_end(&mut self) -> Option<Frame> {
        let next = async {
            let mut buffer = [0; 4_096];
            loop {
                if let Some(frame) = self.framer.next_frame().unwrap() {
                    return Some(frame);
                }
                match self.stream.read(&mut buffer).await {
                    Ok(octets @ 1..) => self.framer.push(&buffer[..octets]),
                    Ok(0) | Err(_) => return None,
                }
            }
        };
        tokio::time::timeout(PATIENCE, next).await.expect("the carrier says nothing")
    }

    /// Hears so many, whatever they are.
    pub async fn hears_all(&mut self, count: usize) -> Vec<Frame> {
        let mut heard = Vec::new();
        while heard.len() < count {
            heard.push(self.hears().await);
        }
        heard
    }

    /// Octets as they come.
    pub async fn reads(&mut self) -> Vec<u8> {
        let mut buffer = vec![0; 4_096];
        let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut buffer)).await;
        buffer.truncate(read.expect("the carrier says nothing").unwrap());
        buffer
    }

    /// Asks whether the carrier is there: what it did not say before that, it does not say at all.
    pub async fn hears_nothing(&mut self) {
        let sequence = self.says(Pdu::EnquireLink).await;
        let next = self.hears().await;
        assert_eq!((next.id(), next.sequence()), (CommandId::EnquireLinkResp, sequence));
    }

    /// The next PDU is a `deliver_sm`: takes it, and says what is in it.
    pub async fn takes(&mut self) -> ShortMessage {
        let frame = self.hears().await;
        self.answers(&frame, 0).await;
        message(&frame)
    }

    pub async fn answers(&mut self, deliver_sm: &Frame, command_status: u32) {
        let response = encode(command_status, deliver_sm.sequence(), DeliverSmResp::default().into());
        self.stream.write_all(&response).await.unwrap();
    }

    pub async fn answers_with(&mut self, request: &Frame, response: Pdu) {
        self.stream.write_all(&encode(0, request.sequence(), response)).await.unwrap();
    }
}

pub fn transceiver(system_id: &str) -> BindTransceiver {
    BindTransceiver::builder().system_id(COctetString::from_string(system_id.into()).unwrap()).build()
}

pub fn transmitter(system_id: &str) -> BindTransmitter {
    BindTransmitter::builder().system_id(COctetString::from_string(system_id.into()).unwrap()).build()
}

pub fn receiver(system_id: &str) -> BindReceiver {
    BindReceiver::builder().system_id(COctetString::from_string(system_id.into()).unwrap()).build()
}

/// A text from the office to Rosa, without a receipt.
pub fn text(words: &str) -> SubmitSm {
    segment(0, words.as_bytes())
}

/// And with one.
pub fn registered(words: &str) -> SubmitSm {
    let mut pdu = text(words);
    pdu.registered_delivery = RegisteredDelivery::from(1);
    pdu
}

pub fn segment(esm_class: u8, octets: &[u8]) -> SubmitSm {
    SubmitSm::builder()
        .source_addr_ton(Ton::International)
        .source_addr("13035550100".parse().unwrap())
        .dest_addr_ton(Ton::International)
        .destination_addr("13035550123".parse().unwrap())
        .esm_class(EsmClass::from(esm_class))
        .short_message(OctetString::from_slice(octets).unwrap())
        .build()
}

pub fn message(frame: &Frame) -> ShortMessage {
    assert_eq!(frame.id(), CommandId::DeliverSm);
    ShortMessage::read(frame).unwrap_or_else(|malformed| panic!("{}", malformed.reason))
}

/// The words of what came, as they are on the wire.
pub fn words(message: &ShortMessage) -> String {
    String::from_utf8(message.short_message.clone()).unwrap()
}

/// The id that a text was taken with.
pub fn id(response: &Frame) -> String {
    assert_eq!((response.id(), response.status()), (CommandId::SubmitSmResp, 0));
    let Some(Pdu::SubmitSmResp(response)) = response.decode() else { panic!("not a submit_sm_resp") };
    response.message_id().as_str().to_owned()
}

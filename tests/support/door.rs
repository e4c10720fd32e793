//! A listener, and what carriers say to be let in.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use assent::carrier::bind::BindKind;
use assent::carrier::{LinkConfig, LinkState, Links, ListenerConfig, OnOutbind};
use assent::domain::Prefix;
use assent::domain::{Answer, Inbound, Phone, Receipt};
use assent::ports::{Carrier, Delivery};
use smpp::CommandId;
use smpp::pdus::{BindReceiver, BindTransceiver, BindTransmitter, Outbind};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::line::Line;
use super::wire::{PATIENT, TestReception, cleared, clock, in_two_seconds, link_to};

/// A gateway that listens, and what it received.
pub struct Open {
    pub links: Arc<Links>,
    pub address: SocketAddr,
    pub reception: Arc<TestReception>,
    pub seen: mpsc::UnboundedReceiver<Delivery>,
}

/// What the carrier has to show.
pub fn account() -> (&'static str, &'static str) {
    ("carrier-a", "letmein")
}

macro_rules! bind {
    ($name:ident, $pdu:ident) => {
        pub fn $name() -> $pdu {
            let (system_id, password) = account();
            $pdu::builder().system_id(system_id.parse().unwrap()).password(password.parse().unwrap()).build()
        }
    };
}
bind!(transceiver, BindTransceiver);
bind!(transmitter, BindTransmitter);
bind!(receiver, BindReceiver);
bind!(outbind, Outbind);

pub async fn open(change: impl Fn(&mut ListenerConfig)) -> Open {
    open_beside(Vec::new(), change).await
}

/// Beside links that we open ourselves.
pub async fn open_beside(links: Vec<LinkConfig>, change: impl Fn(&mut ListenerConfig)) -> Open {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let mut config = ListenerConfig {
        link: LinkConfig { name: "listener".into(), ..link_to(address) },
        listen: address,
        system_id: account().0.into(),
        password: account().1.to_owned().into(),
        allow: Prefix::LOOPBACK.to_vec(),
        tls: None,
        on_outbind: OnOutbind::BindBack(BindKind::Transceiver),
    };
    change(&mut config);
    let (sender, seen) = mpsc::unbounded_channel();
    let allowed = Semaphore::new(1_000_000);
    let reception = Arc::new(TestReception { seen: sender, allowed, ended: Mutex::default() });
    let links = Links::start_with(links, vec![(config, socket)], reception.clone(), clock(), None);
    Open { links, address, reception, seen }
}

impl Open {
    /// A carrier that is bound as transceiver.
    pub async fn bound(&self) -> Line {
        let mut carrier = Line::to(self.address).await;
        let response = carrier.asks(transceiver()).await;
        assert_eq!((response.id(), response.status()), (CommandId::BindTransceiverResp, 0));
        self.until(LinkState::Bound).await;
        carrier
    }

    pub async fn until(&self, state: LinkState) {
        let mut changes = self.links.changes();
        changes.wait_for(|links| links.iter().all(|link| link.state == state)).await.unwrap();
    }

    pub async fn submit(&self, text: &str) -> Answer {
        let cleared = cleared(PATIENT, text);
        let place = self.links.place(cleared.from(), assent::domain::text::Segments::count(text)).await.unwrap();
        place.submit(cleared, in_two_seconds(), CancellationToken::new()).await
    }

    pub async fn text(&mut self) -> (Phone, Inbound) {
        match self.seen.recv().await.unwrap() {
            Delivery::Text { from, inbound, .. } => (from, inbound),
            other => panic!("a text was expected: {other:?}"),
        }
    }

    pub async fn receipt(&mut self) -> Receipt {
        match self.seen.recv().await.unwrap() {
            Delivery::Receipt { receipt, .. } => receipt,
            other => panic!("a receipt was expected: {other:?}"),
        }
    }
}

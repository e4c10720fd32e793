//! A carrier is tried before a daemon runs: bound and unbound, and what is wrong told apart.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use assent::app::SystemClock;
use assent::carrier::{Binds, LinkConfig, TrialError, try_bind};
use assent::simulator::{Faults, Simulator, SimulatorConfig, WireDirection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

fn link(address: SocketAddr) -> LinkConfig {
    LinkConfig {
        name: "primary".into(),
        address: address.to_string(),
        tls: None,
        system_id: "practice".into(),
        password: "secret".to_owned().into(),
        system_type: String::new(),
        bind: Binds::Transceiver,
        window: 10,
        segments_per_second: NonZeroU32::MIN,
        enquire_link: Duration::from_secs(30),
        response_timeout: Duration::from_secs(60),
        numbers: Vec::new(),
        profile: Arc::default(),
        priority: 0,
    }
}

async fn carrier() -> Simulator {
    let mut config = SimulatorConfig::new("127.0.0.1:0".parse().unwrap(), Arc::new(SystemClock));
    config.system_id = Some("practice".into());
    config.password = Some("secret".into());
    Simulator::start(config).await.unwrap()
}

/// What went over the wire, as commands, from the gateway or to it.
fn commands(carrier: &Simulator, direction: WireDirection) -> Vec<&'static str> {
    let log = carrier.wire_log().into_iter();
    log.filter(|entry| entry.direction == direction).map(|entry| entry.command).collect()
}

#[tokio::test]
async fn a_good_carrier_is_bound_and_left_at_once() {
    let carrier = carrier().await;
    assert_eq!(try_bind(&link(carrier.address())).await, Ok(()));
    assert_eq!(commands(&carrier, WireDirection::FromGateway), ["bind_transceiver", "unbind"]);
    carrier.wait_for_binds(0).await;
}

#[tokio::test]
async fn what_is_delivered_during_a_trial_is_left_to_the_carrier() {
    let carrier = carrier().await;
    let phone = carrier.phone("+13035550123");
    let texts = ["STOP", "hello"].map(|words| phone.send("+13035550100", words).id);
    assert_eq!(try_bind(&link(carrier.address())).await, Ok(()));
    carrier.wait_for_binds(0).await;
    let from_us = commands(&carrier, WireDirection::FromGateway);
    assert!(!from_us.contains(&"deliver_sm_resp"), "{from_us:?}");
    assert!(commands(&carrier, WireDirection::ToGateway).contains(&"deliver_sm"), "it was tried");
    assert!(phone.texts().iter().all(|text| texts.contains(&text.id) && !text.answered), "both are still to come");
}

#[tokio::test]
async fn a_refused_bind_says_what_was_refused() {
    let carrier = carrier().await;
    let wrong_password = LinkConfig { password: "other".to_owned().into(), ..link(carrier.address()) };
    let unknown = LinkConfig { system_id: "nobody".into(), ..link(carrier.address()) };
    for (link, said) in [
        (wrong_password, "carrier refused the bind: wrong password (0x0E): check the password with the carrier"),
        (unknown, "carrier refused the bind: unknown system_id (0x0F): check the system_id with the carrier"),
    ] {
        assert_eq!(try_bind(&link).await.unwrap_err().to_string(), said);
    }
    for (command_status, said) in
        [(0x05, "a running assent may be bound"), (0x0D, "ask the carrier why"), (0x58, "0x58")]
    {
        carrier.set_faults(Faults { refuse_bind_with: Some(command_status), ..Faults::default() });
        let error = try_bind(&link(carrier.address())).await.unwrap_err();
        assert!(matches!(error, TrialError::NotBound(_)) && error.to_string().contains(said), "{error}");
    }
}

#[tokio::test]
async fn nobody_who_listens_is_told_from_one_who_hangs_up_or_speaks_otherwise() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answers: [&'static [u8]; 4] =
        [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"220 mail.example\r\n", &[0x15, 0x03, 0x03, 0, 2, 2, 40]];
    let answering = tokio::spawn(async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_bind(&mut stream).await;
            stream.write_all(answer).await.unwrap();
        }
    });
    let hung_up = try_bind(&link(address)).await.unwrap_err().to_string();
    assert!(
        hung_up.contains(
            "without an answer to the bind: ask the carrier whether it takes binds from this machine's address"
        ),
        "{hung_up}"
    );
    for said in [
        "peer speaks HTTP, not SMPP: check that SMPP 3.4 is spoken at this address",
        "peer sent words, not SMPP: check that SMPP 3.4 is spoken at this address",
        "peer speaks TLS on a link without it: set tls = true, or ask the carrier for its address without TLS",
    ] {
        assert_eq!(try_bind(&link(address)).await.unwrap_err().to_string(), said);
    }
    answering.await.unwrap();

    let nobody = try_bind(&link(address)).await.unwrap_err();
    assert!(matches!(nobody, TrialError::NoConnection(_)), "{nobody}");
    assert!(nobody.to_string().contains("Connection refused"), "{nobody}");
}

#[tokio::test(start_paused = true)]
async fn one_who_never_answers_is_waited_for_ten_seconds() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let silent = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_bind(&mut stream).await;
        // Until the other end gives up.
        let _ = stream.read(&mut [0; 64]).await;
    });
    let began = tokio::time::Instant::now();
    let error = try_bind(&link(address)).await.unwrap_err();
    assert!(error.to_string().starts_with("carrier did not answer the bind within 10 seconds: check that"), "{error}");
    assert_eq!(began.elapsed().as_secs(), 10);
    silent.await.unwrap();
}

#[tokio::test]
async fn what_smpp_can_not_carry_is_said_without_a_connection() {
    let link = LinkConfig { password: "pässword".to_owned().into(), ..link("127.0.0.1:1".parse().unwrap()) };
    assert!(matches!(try_bind(&link).await, Err(TrialError::Config(_))));
}

/// Reads one PDU whole.
async fn read_bind(stream: &mut TcpStream) {
    let length = usize::try_from(stream.read_u32().await.unwrap()).unwrap();
    let mut rest = vec![0; length - 4];
    stream.read_exact(&mut rest).await.unwrap();
}

//! TLS towards a carrier: what is trusted is bound, and what is not is told apart.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/tls.rs"]
mod tls;

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use assent::app::SystemClock;
use assent::carrier::{Binds, LinkConfig, NoConnection, Tls, TlsRefusal, TrialError, try_bind};
use assent::simulator::{Simulator, SimulatorConfig};
use tls::Authority;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const HERE: &str = "IP:127.0.0.1";

fn link(address: SocketAddr, tls: Tls) -> LinkConfig {
    LinkConfig {
        name: "primary".into(),
        address: address.to_string(),
        tls: Some(tls),
        system_id: "practice".into(),
        password: "secret".to_owned().into(),
        system_type: String::new(),
        bind: Binds::Transceiver,
        window: 10,
        segments_per_second: NonZeroU32::MIN,
        enquire_link: Duration::from_secs(30),
        response_timeout: Duration::from_secs(60),
        numbers: Vec::new(),
        profile: Default::default(),
        priority: 0,
    }
}

async fn carrier() -> Simulator {
    Simulator::start(SimulatorConfig::new("127.0.0.1:0".parse().unwrap(), Arc::new(SystemClock))).await.unwrap()
}

#[track_caller]
fn check_refused(result: Result<(), TrialError>, expected: &TlsRefusal) {
    match result {
        Err(TrialError::NoConnection(NoConnection::Tls { refusal, .. })) => assert_eq!(refusal, *expected),
        other => panic!("{expected:?} was expected: {other:?}"),
    }
}

#[tokio::test]
async fn a_carrier_whose_certificate_is_trusted_is_bound() {
    let (authority, carrier) = (Authority::new(), carrier().await);
    authority.vouches("server", HERE);
    for version in rustls::ALL_VERSIONS {
        let door = authority.door_with("server", carrier.address(), &[version], None);
        assert_eq!(try_bind(&link(door, authority.trusted())).await, Ok(()), "{version:?}");
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_the_carriers_own_is_not_taken() {
    let (authority, carrier) = (Authority::new(), carrier().await);
    authority.vouches("elsewhere", "DNS:smpp.carrier.example");
    authority.vouches("own", HERE);
    authority.vouches_from_to("old", HERE, "20200101000000Z", "20210101000000Z");
    authority.vouches_from_to("young", HERE, "20900101000000Z", "20910101000000Z");
    let try_door = async |file, tls| try_bind(&link(authority.door(file, carrier.address()), tls)).await;

    let other =
        TlsRefusal::OtherName { expected: "127.0.0.1".into(), presented: "DnsName(\"smpp.carrier.example\")".into() };
    check_refused(try_door("elsewhere", authority.trusted()).await, &other);
    check_refused(try_door("old", authority.trusted()).await, &TlsRefusal::Expired);
    check_refused(try_door("young", authority.trusted()).await, &TlsRefusal::NotYetValid);
    check_refused(try_door("own", Authority::new().trusted()).await, &TlsRefusal::UnknownAuthority);

    let named = Tls { server_name: Some("smpp.carrier.example".into()), ..authority.trusted() };
    assert_eq!(try_door("elsewhere", named).await, Ok(()), "the operator vouches for the name");
}

#[tokio::test]
async fn a_carrier_that_asks_for_a_certificate_is_shown_ours() {
    let (authority, practices, carrier) = (Authority::new(), Authority::new(), carrier().await);
    authority.vouches("server", HERE);
    practices.vouches("practice", "DNS:practice.example");
    let ours = Tls { client: Some(practices.client("practice")), ..authority.trusted() };
    let others = Tls { client: Some(authority.client("server")), ..authority.trusted() };
    for version in rustls::ALL_VERSIONS {
        let door = authority.door_with("server", carrier.address(), &[version], Some(&practices));
        assert_eq!(try_bind(&link(door, ours.clone())).await, Ok(()), "{version:?}");
        for refused in [authority.trusted(), others.clone()] {
            let error = try_bind(&link(door, refused)).await.unwrap_err().to_string();
            let said = "does not take our certificate, or wants one: check client_certificate_file with the carrier";
            let said_after_the_handshake = said.replace("our certificate", "our TLS certificate");
            assert!(error.contains(said) || error.contains(&said_after_the_handshake), "{version:?}: {error}");
        }
    }
}

#[tokio::test]
async fn a_renewed_certificate_is_used_at_the_next_connection() {
    let (authority, practices, carrier) = (Authority::new(), Authority::new(), carrier().await);
    authority.vouches("server", HERE);
    practices.vouches_from_to("practice", "DNS:practice.example", "20200101000000Z", "20210101000000Z");
    let link = link(
        authority.door_with("server", carrier.address(), rustls::ALL_VERSIONS, Some(&practices)),
        Tls { client: Some(practices.client("practice")), ..authority.trusted() },
    );
    assert!(try_bind(&link).await.is_err(), "it has expired");
    practices.vouches("practice", "DNS:practice.example");
    assert_eq!(try_bind(&link).await, Ok(()));
}

#[tokio::test]
async fn a_certificate_and_a_key_that_do_not_belong_together_are_named() {
    let authority = Authority::new();
    authority.vouches("one", HERE);
    authority.vouches("two", HERE);
    let mut mixed = authority.client("one");
    mixed.key_file = authority.client("two").key_file;
    let tls = Tls { client: Some(mixed), ..authority.trusted() };
    let error = try_bind(&link("127.0.0.1:1".parse().unwrap(), tls)).await.unwrap_err().to_string();
    assert!(error.contains("one.crt") && error.contains("two.key") && error.contains("renewed together"), "{error}");
}

#[tokio::test]
async fn a_carrier_that_speaks_plain_smpp_is_told_from_one_that_hangs_up() {
    let (authority, carrier) = (Authority::new(), carrier().await);
    check_refused(try_bind(&link(carrier.address(), authority.trusted())).await, &TlsRefusal::NotTls);

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let hangs_up = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        assert!(stream.read(&mut [0; 16 * 1024]).await.unwrap() > 0);
        stream.shutdown().await.unwrap();
    };
    let link = link(address, authority.trusted());
    let (result, ()) = tokio::join!(try_bind(&link), hangs_up);
    check_refused(result, &TlsRefusal::HungUp);
}

#[tokio::test(start_paused = true)]
async fn one_who_never_agrees_is_waited_for_ten_seconds() {
    let authority = Authority::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let silent = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        // Until the other end gives up.
        while stream.read(&mut [0; 1024]).await.is_ok_and(|octets| octets > 0) {}
    });
    let began = tokio::time::Instant::now();
    check_refused(try_bind(&link(address, authority.trusted())).await, &TlsRefusal::Silent);
    assert_eq!(began.elapsed().as_secs(), 10);
    silent.await.unwrap();
}

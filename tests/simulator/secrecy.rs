//! TLS on the carrier's port: by files, whom it lets in, and what is wrong with a file.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use assent::carrier::{Binds, ClientCertificate, LinkConfig, ServerTls, Tls, TrialError, try_bind};
use assent::simulator::{Faults, Simulator, Verb, WireEntry};

use crate::gateway::carrier_with;
use crate::scenarios::running;
use crate::tls::Authority;

const HERE: &str = "IP:127.0.0.1";

fn files(authority: &Authority, guests_of: Option<&Authority>) -> ServerTls {
    let ClientCertificate { certificate_file, key_file } = authority.client("carrier");
    ServerTls { certificate_file, key_file, client_ca_file: guests_of.map(|guests| guests.file("authority.crt")) }
}

async fn carrier(tls: &ServerTls) -> Simulator {
    let tls = tls.clone();
    carrier_with(|config| config.tls = Some(tls)).await
}

async fn bind(address: SocketAddr, tls: Option<Tls>) -> Result<(), TrialError> {
    let config = LinkConfig {
        name: "primary".into(),
        address: address.to_string(),
        tls,
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
    };
    try_bind(&config).await
}

#[tokio::test]
async fn a_gateway_binds_over_tls_and_hears_nothing_without() {
    let authority = Authority::new();
    authority.vouches("carrier", HERE);
    let carrier = carrier(&files(&authority, None)).await;
    assert_eq!(bind(carrier.address(), Some(authority.trusted())).await, Ok(()));
    assert!(bind(carrier.address(), None).await.is_err());
    assert_eq!(carrier.counts().binds, 1);
}

#[tokio::test]
async fn a_carrier_may_ask_who_comes() {
    let (authority, guests) = (Authority::new(), Authority::new());
    authority.vouches("carrier", HERE);
    guests.vouches("practice", "DNS:practice.example");
    let carrier = carrier(&files(&authority, Some(&guests))).await;
    let shown = Tls { client: Some(guests.client("practice")), ..authority.trusted() };
    assert_eq!(bind(carrier.address(), Some(shown)).await, Ok(()));
    let refused = bind(carrier.address(), Some(authority.trusted())).await.unwrap_err().to_string();
    assert!(refused.contains("does not take our TLS certificate, or wants one"), "{refused}");
}

#[tokio::test]
async fn a_connection_with_tls_can_be_dropped_and_reset() {
    let authority = Authority::new();
    authority.vouches("carrier", HERE);
    let carrier = carrier(&files(&authority, None)).await;
    for verb in [Verb::Drop, Verb::Reset] {
        carrier.set_faults(Faults { silent_to_bind: true, ..Faults::default() });
        let before = carrier.counts().connections;
        let trial = bind(carrier.address(), Some(authority.trusted()));
        let drops = async {
            let asked = |log: &[WireEntry]| {
                log.iter().any(|entry| entry.command == "bind_transceiver" && entry.connection > before).then_some(())
            };
            carrier.wait_for_wire(asked).await;
            carrier.tell(verb.clone()).unwrap();
        };
        let (bound, ()) = tokio::join!(trial, drops);
        assert!(matches!(bound, Err(TrialError::NotBound(_))), "{verb:?}: {bound:?}");
    }
}

#[tokio::test]
async fn the_command_takes_files_and_says_what_is_wrong_with_one() {
    let authority = Authority::new();
    authority.vouches("carrier", HERE);
    let [certificate, key] = ["carrier.crt", "carrier.key"].map(|file| authority.file(file).display().to_string());
    let carrier = running(&["--tls-certificate", &certificate, "--tls-key", &key]).await;
    assert_eq!(bind(carrier.smpp.parse().unwrap(), Some(authority.trusted())).await, Ok(()));

    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_assent"))
        .args(["carrier", "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0"])
        .args(["--tls-certificate", &key, "--tls-key", &key])
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("has no certificate in PEM: it must hold certificates between lines"), "{said}");
}

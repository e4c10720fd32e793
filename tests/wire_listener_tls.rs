//! TLS where carriers connect to us: our certificate, theirs, and files that are renewed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/door.rs"]
#[allow(dead_code)]
mod door;
#[path = "support/line.rs"]
#[allow(dead_code)]
mod line;
#[path = "support/tls.rs"]
#[allow(dead_code)]
mod tls;
#[path = "support/wire.rs"]
#[allow(dead_code)]
mod wire;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use assent::carrier::ServerTls;
use door::{Open, open, transceiver};
use line::{Line, submit_sm};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tls::Authority;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use wire::{PATIENT, PRACTICE};

const HERE: &str = "IP:127.0.0.1";

/// A listener with this certificate, and one that asks carriers for theirs.
async fn listens(authority: &Authority, file: &str, guests_of: Option<&Authority>) -> Open {
    let own = authority.client(file);
    let client_ca_file = guests_of.map(|guests| guests.file("authority.crt"));
    let tls = ServerTls { certificate_file: own.certificate_file, key_file: own.key_file, client_ca_file };
    open(|config| config.tls = Some(tls.clone())).await
}

/// A carrier that trusts this authority, and has a certificate of its own if it has one.
async fn connects(
    address: SocketAddr,
    trusts: &Authority,
    own: Option<(&Authority, &str)>,
) -> io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(trusts.file("authority.crt")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots);
    let config = match own {
        None => config.with_no_client_auth(),
        Some((authority, file)) => {
            let own = authority.client(file);
            let certificate = CertificateDer::from_pem_file(own.certificate_file).unwrap();
            config
                .with_client_auth_cert(vec![certificate], PrivateKeyDer::from_pem_file(own.key_file).unwrap())
                .unwrap()
        }
    };
    let stream = TcpStream::connect(address).await.unwrap();
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("127.0.0.1").unwrap(), stream).await
}

#[tokio::test]
async fn a_carrier_binds_over_tls() {
    let authority = Authority::new();
    authority.vouches("gateway", HERE);
    let mut open = listens(&authority, "gateway", None).await;
    let mut carrier = Line::over(connects(open.address, &authority, None).await.unwrap());
    assert_eq!(carrier.asks(transceiver()).await.status(), 0);
    assert_eq!(carrier.asks(submit_sm(PATIENT, PRACTICE, "STOP")).await.status(), 0);
    assert_eq!(open.text().await.1.text.expose(), "STOP");
}

#[tokio::test]
async fn a_carrier_that_speaks_plain_smpp_where_tls_is_wanted_is_not_listened_to() {
    let authority = Authority::new();
    authority.vouches("gateway", HERE);
    let open = listens(&authority, "gateway", None).await;
    let mut stream = TcpStream::connect(open.address).await.unwrap();
    let bind = assent::carrier::frame::encode(0, 1, transceiver().into());
    tokio::io::AsyncWriteExt::write_all(&mut stream, &bind).await.unwrap();
    let mut heard = Vec::new();
    // It may be told in the words of TLS, or not at all.
    let _ = stream.read_to_end(&mut heard).await;
    assert!(heard.first().is_none_or(|kind| *kind == 0x15), "{heard:02x?}");
}

#[tokio::test]
async fn where_a_certificate_is_asked_for_only_its_owner_gets_in() {
    let (authority, carriers, others) = (Authority::new(), Authority::new(), Authority::new());
    authority.vouches("gateway", HERE);
    carriers.vouches("carrier", "DNS:smpp.carrier.example");
    others.vouches("carrier", "DNS:smpp.carrier.example");
    let open = listens(&authority, "gateway", Some(&carriers)).await;
    for own in [None, Some((&others, "carrier"))] {
        // In TLS 1.3 the refusal comes after the handshake.
        if let Ok(stream) = connects(open.address, &authority, own).await {
            let mut carrier = Line::over(stream);
            carrier.says(transceiver()).await;
            assert!(carrier.hears_or_end().await.is_none());
        }
    }
    let mut carrier = Line::over(connects(open.address, &authority, Some((&carriers, "carrier"))).await.unwrap());
    assert_eq!(carrier.asks(transceiver()).await.status(), 0);
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_at_the_next_connection() {
    let authority = Authority::new();
    authority.vouches_from_to("gateway", HERE, "20200101000000Z", "20210101000000Z");
    let open = listens(&authority, "gateway", None).await;
    assert!(connects(open.address, &authority, None).await.is_err(), "it has expired");
    authority.vouches("gateway", HERE);
    let mut carrier = Line::over(connects(open.address, &authority, None).await.unwrap());
    assert_eq!(carrier.asks(transceiver()).await.status(), 0);
}

#[tokio::test]
async fn a_certificate_that_can_not_be_used_is_named() {
    let authority = Authority::new();
    authority.vouches("one", HERE);
    authority.vouches("two", HERE);
    let tls = ServerTls {
        certificate_file: authority.client("one").certificate_file,
        key_file: authority.client("two").key_file,
        client_ca_file: None,
    };
    let error = tls.check().unwrap_err();
    assert!(error.to_string().contains("one.crt") && error.what_to_do().contains("renewed together"), "{error}");
    let absent = ServerTls { key_file: authority.file("absent"), ..tls };
    assert!(absent.check().unwrap_err().to_string().starts_with("cannot read "));
}

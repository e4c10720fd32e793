//! A door with TLS in front of a carrier that speaks plain SMPP, and the certificates for both sides of it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use assent::carrier::{ClientCertificate, Tls};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// What `openssl ca` keeps book with.
const BOOKS: &str = "[ca]\ndefault_ca=books\n[books]\ndatabase=index.txt\nrand_serial=yes\nnew_certs_dir=.\n\
                     certificate=authority.crt\nprivate_key=authority.key\ndefault_md=sha256\npolicy=names\n\
                     copy_extensions=copy\nunique_subject=no\n[names]\ncommonName=supplied\n";

const NEW_KEY: [&str; 6] = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

/// An authority, and what it vouches for.
pub struct Authority(TempDir);

impl Authority {
    pub fn new() -> Self {
        let authority = Self(tempfile::tempdir().unwrap());
        fs::write(authority.file("books"), BOOKS).unwrap();
        fs::write(authority.file("index.txt"), "").unwrap();
        // Of two authorities with one name, the one would be taken for the other's forger.
        let subject = format!("/CN=authority {}", getrandom::u64().unwrap());
        let own = ["-x509", "-days", "2", "-subj", &subject, "-out", "authority.crt"];
        authority.openssl(&[&NEW_KEY[..], &["-keyout", "authority.key"], &own].concat());
        authority
    }

    /// Makes a certificate for this name, such as `IP:127.0.0.1`.
    pub fn vouches(&self, file: &str, name: &str) {
        self.vouches_from_to(file, name, "20200101000000Z", "21000101000000Z");
    }

    pub fn vouches_from_to(&self, file: &str, name: &str, from: &str, to: &str) {
        let alternative = format!("subjectAltName={name}");
        let [key, request, certificate] = ["key", "csr", "crt"].map(|kind| format!("{file}.{kind}"));
        let asked = ["-keyout", &key, "-subj", "/CN=party of a test", "-addext", &alternative, "-out", &request];
        self.openssl(&[&NEW_KEY[..], &asked].concat());
        let vouch = ["ca", "-batch", "-notext", "-config", "books", "-in", &request, "-out", &certificate];
        self.openssl(&[&vouch[..], &["-startdate", from, "-enddate", to]].concat());
    }

    /// What a link needs that trusts this authority alone.
    pub fn trusted(&self) -> Tls {
        Tls { ca_file: Some(self.file("authority.crt")), ..Tls::default() }
    }

    pub fn client(&self, file: &str) -> ClientCertificate {
        ClientCertificate {
            certificate_file: self.file(&format!("{file}.crt")),
            key_file: self.file(&format!("{file}.key")),
        }
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A door with this certificate; it leads to the carrier at that address.
    pub fn door(&self, file: &str, to: SocketAddr) -> SocketAddr {
        self.door_with(file, to, rustls::ALL_VERSIONS, None)
    }

    /// One that speaks these versions, and lets in whoever this authority vouches for, if there is one.
    pub fn door_with(
        &self,
        file: &str,
        to: SocketAddr,
        versions: &[&'static SupportedProtocolVersion],
        guests_of: Option<&Authority>,
    ) -> SocketAddr {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config =
            ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(versions).unwrap();
        let config = match guests_of {
            None => config.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(certificate(&authority.file("authority.crt"))).unwrap();
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
                config.with_client_cert_verifier(verifier.unwrap())
            }
        };
        let own = self.client(file);
        let key = PrivateKeyDer::from_pem_file(own.key_file).unwrap();
        let config = config.with_single_cert(vec![certificate(&own.certificate_file)], key).unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(open(TcpListener::from_std(listener).unwrap(), TlsAcceptor::from(Arc::new(config)), to));
        address
    }

    fn openssl(&self, words: &[&str]) {
        let mut command = Command::new("openssl");
        command.args(words).current_dir(self.0.path()).stdin(Stdio::null());
        let made = command.output().expect("openssl is installed");
        assert!(made.status.success(), "{words:?}: {}", String::from_utf8_lossy(&made.stderr));
    }
}

async fn open(listener: TcpListener, acceptor: TlsAcceptor, to: SocketAddr) {
    loop {
        let (outside, _) = listener.accept().await.unwrap();
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            let mut outside = match acceptor.accept(outside).into_fallible().await {
                Ok(outside) => outside,
                Err((_, mut refused)) => {
                    // Closing with something unread would take our last words with it.
                    let _ = refused.shutdown().await;
                    let _ = refused.read_to_end(&mut Vec::new()).await;
                    return;
                }
            };
            let mut inside = TcpStream::connect(to).await.unwrap();
            // Either side may end it.
            let _ = copy_bidirectional(&mut outside, &mut inside).await;
        });
    }
}

fn certificate(file: &Path) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(file).unwrap()
}

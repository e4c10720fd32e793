//! TLS towards a carrier: whom we trust and who we are, read from files, and what went wrong in words for operators.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{AlertDescription, CertificateError, ClientConfig, RootCertStore};

/// How a link speaks TLS (1.2 or above). The carrier's certificate is always verified.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// The name that the carrier's certificate must be for; the host of the address if left out.
    pub server_name: Option<String>,
    /// Certificates, in PEM, that the carrier's own must come from; those that this machine trusts if left out.
    pub ca_file: Option<PathBuf>,
    /// What the carrier knows us by, if it asks.
    pub client: Option<ClientCertificate>,
}

/// Our own certificate, with those between it and its authority, and its key; both in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    pub certificate_file: PathBuf,
    pub key_file: PathBuf,
}

/// What is wrong with a file that TLS needs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsFileError {
    #[error("cannot read {}: {why}", file.display())]
    Unreadable { file: PathBuf, why: String },
    #[error("{} has no certificate in PEM", .0.display())]
    NoCertificate(PathBuf),
    #[error("{} has a certificate that cannot be used: {why}", file.display())]
    BadCertificate { file: PathBuf, why: String },
    #[error("{} has no private key in PEM", .0.display())]
    NoKey(PathBuf),
    #[error("the certificate in {} and the key in {} do not belong together: {why}", certificate.display(), key.display())]
    NotAPair { certificate: PathBuf, key: PathBuf, why: String },
    #[error("this machine trusts no certificate authority")]
    NothingTrusted,
}

/// Why there is no TLS with a carrier that took the connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsRefusal {
    #[error("the peer answers without TLS")]
    NotTls,
    #[error("the peer closed the connection when TLS was begun")]
    HungUp,
    #[error("the peer did not agree on TLS within 10 seconds")]
    Silent,
    #[error("the peer speaks neither TLS 1.2 nor 1.3")]
    TooOld,
    #[error("the peer's certificate has expired")]
    Expired,
    #[error("the peer's certificate is not valid yet")]
    NotYetValid,
    #[error("the peer's certificate is for {presented}, not for {expected}")]
    OtherName { expected: String, presented: String },
    #[error("the peer's certificate comes from nobody who is trusted here")]
    UnknownAuthority,
    #[error("the peer's certificate cannot be used: {0}")]
    BadCertificate(String),
    #[error("the peer does not take our certificate, or wants one")]
    CertificateRefused,
    #[error("{0}")]
    Other(String),
}

impl Tls {
    /// Whose certificate is asked for at this address.
    pub(super) fn peer(&self, address: &str) -> Option<ServerName<'static>> {
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']');
        ServerName::try_from(self.server_name.as_deref().unwrap_or(host).to_owned()).ok()
    }

    /// Reads the files. Done for each connection, so that a certificate that was renewed is used from then on.
    pub(super) fn read(&self) -> Result<ClientConfig, TlsFileError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let trusted = Arc::new(self.trusted()?);
        let verifier = WebPkiServerVerifier::builder_with_provider(trusted, Arc::clone(&provider));
        let verifier = verifier.build().map_err(|_| TlsFileError::NothingTrusted)?;
        let versions = [&rustls::version::TLS13, &rustls::version::TLS12];
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions)
            .expect("ring has the suites of both versions")
            .with_webpki_verifier(verifier);
        let Some(ClientCertificate { certificate_file, key_file }) = &self.client else {
            return Ok(config.with_no_client_auth());
        };
        let (chain, key) = read_pair(certificate_file, key_file)?;
        config.with_client_auth_cert(chain, key).map_err(|error| not_a_pair(certificate_file, key_file, &error))
    }

    fn trusted(&self) -> Result<RootCertStore, TlsFileError> {
        match &self.ca_file {
            Some(file) => trusted(file),
            None => {
                let mut machines = RootCertStore::empty();
                // Of the hundred that a machine trusts some may be odd; those are not trusted.
                machines.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                Ok(machines)
            }
        }
    }
}

/// The authorities in a file.
pub(super) fn trusted(file: &Path) -> Result<RootCertStore, TlsFileError> {
    let mut trusted = RootCertStore::empty();
    for certificate in certificates(file)? {
        trusted
            .add(certificate)
            .map_err(|error| TlsFileError::BadCertificate { file: file.to_owned(), why: error.to_string() })?;
    }
    Ok(trusted)
}

/// A certificate, with those between it and its authority, and its key.
pub(super) fn read_pair(
    certificate_file: &Path,
    key_file: &Path,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsFileError> {
    let chain = certificates(certificate_file)?;
    let key = PrivateKeyDer::from_pem_file(key_file).map_err(|error| match error {
        pem::Error::Io(error) => unreadable(key_file, &error),
        _ => TlsFileError::NoKey(key_file.to_owned()),
    })?;
    Ok((chain, key))
}

pub(super) fn not_a_pair(certificate_file: &Path, key_file: &Path, error: &rustls::Error) -> TlsFileError {
    TlsFileError::NotAPair {
        certificate: certificate_file.to_owned(),
        key: key_file.to_owned(),
        why: error.to_string(),
    }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFileError> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
    match read {
        Ok(certificates) if Vec::is_empty(&certificates) => Err(TlsFileError::NoCertificate(file.to_owned())),
        Ok(certificates) => Ok(certificates),
        Err(pem::Error::Io(error)) => Err(unreadable(file, &error)),
        Err(error) => Err(TlsFileError::BadCertificate { file: file.to_owned(), why: error.to_string() }),
    }
}

fn unreadable(file: &Path, error: &io::Error) -> TlsFileError {
    TlsFileError::Unreadable { file: file.to_owned(), why: error.to_string() }
}

impl TlsFileError {
    pub fn what_to_do(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "check the file's path and who may read it",
            Self::NoCertificate(_) | Self::BadCertificate { .. } => {
                "it must hold certificates between lines of BEGIN CERTIFICATE and END CERTIFICATE"
            }
            Self::NoKey(_) => "it must hold a key without a passphrase between lines of BEGIN and END PRIVATE KEY",
            Self::NotAPair { .. } => "check that both files were renewed together",
            Self::NothingTrusted => "set ca_file, or install the certificates of the usual authorities",
        }
    }
}

impl TlsRefusal {
    /// Reads what the handshake ended with.
    pub(super) fn of(error: &io::Error) -> Self {
        let Some(error) = rustls_error(error) else {
            return match error.kind() {
                io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                    Self::HungUp
                }
                _ => Self::Other(error.to_string()),
            };
        };
        match error {
            rustls::Error::InvalidMessage(_) => Self::NotTls,
            rustls::Error::PeerIncompatible(_)
            | rustls::Error::AlertReceived(
                AlertDescription::ProtocolVersion | AlertDescription::InsufficientSecurity,
            ) => Self::TooOld,
            rustls::Error::AlertReceived(alert) if is_about_our_certificate(*alert) => Self::CertificateRefused,
            rustls::Error::InvalidCertificate(about) => Self::of_certificate(about),
            other => Self::Other(other.to_string()),
        }
    }

    fn of_certificate(about: &CertificateError) -> Self {
        match about {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Self::NotYetValid,
            CertificateError::UnknownIssuer => Self::UnknownAuthority,
            CertificateError::NotValidForNameContext { expected, presented } => {
                let presented = if presented.is_empty() { "nobody by name".to_owned() } else { presented.join(", ") };
                Self::OtherName { expected: expected.to_str().into_owned(), presented }
            }
            other => Self::BadCertificate(other.to_string()),
        }
    }

    pub(super) fn what_to_do(&self) -> &'static str {
        match self {
            Self::NotTls | Self::HungUp | Self::Silent => {
                "this may be the address for plain SMPP; ask the carrier where it speaks TLS"
            }
            Self::TooOld => "ask the carrier for an address with TLS 1.2 or above",
            Self::Expired => "ask the carrier to renew it; if it did, check this machine's clock",
            Self::NotYetValid => "check this machine's clock",
            Self::OtherName { .. } => "if that is the carrier's name, set server_name to it; else check the address",
            Self::UnknownAuthority => "if the carrier has an authority of its own, set ca_file to its certificate",
            Self::BadCertificate(_) => "ask the carrier about its certificate",
            Self::CertificateRefused => {
                "check client_certificate_file with the carrier, or set it and client_key_file if it is not set"
            }
            Self::Other(_) => "ask the carrier which TLS it speaks",
        }
    }
}

/// Whether a connection that stood was broken off for our certificate's sake: in TLS 1.3 we hear of that only after the
/// handshake (RFC 8446 §4.4.2.4).
pub(super) fn is_certificate_refused(error: &io::Error) -> bool {
    matches!(rustls_error(error), Some(rustls::Error::AlertReceived(alert)) if is_about_our_certificate(*alert))
}

fn rustls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref().and_then(|inner| inner.downcast_ref())
}

/// RFC 8446 §6.2. Before 1.3 a missing certificate is a failed handshake.
fn is_about_our_certificate(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
            | AlertDescription::DecryptError
            | AlertDescription::HandshakeFailure
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_that_of_the_address_unless_another_is_given() {
        let name = |tls: &Tls, address| tls.peer(address).map(|name| name.to_str().into_owned());
        let plain = Tls::default();
        assert_eq!(name(&plain, "smpp.carrier.example:3550").as_deref(), Some("smpp.carrier.example"));
        assert_eq!(name(&plain, "192.0.2.7:3550").as_deref(), Some("192.0.2.7"));
        assert_eq!(name(&plain, "[2001:db8::7]:3550").as_deref(), Some("2001:db8::7"));
        assert_eq!(name(&plain, "not a host:3550"), None);
        let named = Tls { server_name: Some("smpp.carrier.example".into()), ..Tls::default() };
        assert_eq!(name(&named, "127.0.0.1:3550").as_deref(), Some("smpp.carrier.example"));
    }

    #[test]
    fn a_file_that_is_not_what_it_should_be_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let (absent, empty) = (folder.path().join("absent"), folder.path().join("empty"));
        std::fs::write(&empty, "").unwrap();
        let read = |ca_file: &PathBuf| Tls { ca_file: Some(ca_file.clone()), ..Tls::default() }.read().unwrap_err();
        assert!(read(&absent).to_string().starts_with("cannot read /"), "{}", read(&absent));
        assert_eq!(read(&empty), TlsFileError::NoCertificate(empty.clone()));
    }
}

//! TLS towards whoever connects: who we are and whom we let in, read from files.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;

use super::tls::{TlsFileError, not_a_pair, read_pair, trusted};

/// How whoever listens speaks TLS (1.2 or above).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerTls {
    /// Our own certificate, with those between it and its authority, in PEM.
    pub certificate_file: PathBuf,
    /// Its key, in PEM.
    pub key_file: PathBuf,
    /// Certificates, in PEM, that a carrier's own must come from; if there are none, none is asked for.
    pub client_ca_file: Option<PathBuf>,
}

impl ServerTls {
    /// Whether the files can be used.
    pub fn check(&self) -> Result<(), TlsFileError> {
        self.read().map(drop)
    }

    /// Reads the files. Done for each connection, so that a certificate that was renewed is used from then on.
    pub(crate) fn read(&self) -> Result<ServerConfig, TlsFileError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let versions = [&rustls::version::TLS13, &rustls::version::TLS12];
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&versions)
            .expect("ring has the suites of both versions");
        let config = match &self.client_ca_file {
            None => config.with_no_client_auth(),
            Some(file) => {
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(trusted(file)?), provider).build();
                config.with_client_cert_verifier(
                    verifier
                        .map_err(|error| TlsFileError::BadCertificate { file: file.clone(), why: error.to_string() })?,
                )
            }
        };
        let (chain, key) = read_pair(&self.certificate_file, &self.key_file)?;
        config.with_single_cert(chain, key).map_err(|error| not_a_pair(&self.certificate_file, &self.key_file, &error))
    }
}

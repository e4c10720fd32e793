//! TLS on the carrier's port: who it is, and whom it lets in.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use tokio_rustls::TlsAcceptor;

use crate::carrier::TlsFileError;
use crate::carrier::tls::{authorities, certificates, private_key};

/// The files, all in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// Its certificate, with those between it and its authority.
    pub certificate_file: PathBuf,
    pub key_file: PathBuf,
    /// Who must vouch for a gateway; left out, a gateway shows no certificate.
    pub client_ca_file: Option<PathBuf>,
}

/// What the files say. Clones are the same.
#[derive(Clone)]
pub struct ServerTls(pub(super) TlsAcceptor);

impl TlsFiles {
    /// Reads the files, once.
    pub fn read(&self) -> Result<ServerTls, TlsFileError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let versions = [&rustls::version::TLS13, &rustls::version::TLS12];
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&versions)
            .expect("ring has the suites of both versions");
        let config = match &self.client_ca_file {
            None => config.with_no_client_auth(),
            Some(file) => {
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(authorities(file)?), provider);
                config.with_client_cert_verifier(verifier.build().map_err(|_| TlsFileError::NothingTrusted)?)
            }
        };
        let (chain, key) = (certificates(&self.certificate_file)?, private_key(&self.key_file)?);
        let config = config.with_single_cert(chain, key).map_err(|error| TlsFileError::NotAPair {
            certificate: self.certificate_file.clone(),
            key: self.key_file.clone(),
            why: error.to_string(),
        })?;
        Ok(ServerTls(TlsAcceptor::from(Arc::new(config))))
    }
}

//! What the kubelet or the API server must prove before it gets our token.
//!
//! A certificate for the address that is asked, signed by an authority of `clients.ca` (the system's without it); or the very certificate that
//! stands in that file. The second is for kubelets: most sign their own certificate, for their host name and no address, and never renew
//! it. Whoever names that file trusts this key, whatever name and dates are written beside it.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_rustls::TlsConnector;

use super::Failure;

/// What we speak inside TLS (RFC 7301).
const ALPN: &[u8] = b"http/1.1";

/// Certificates of a file that are looked at.
const MOST_CERTIFICATES: usize = 256;

/// What opens connections to a server that proves itself by the certificates in `authorities`.
///
/// The file is read each time: both a cluster's authority and a kubelet's own certificate are replaced while we run.
///
/// # Errors
///
/// When the file cannot be read or has no certificate in it.
pub(super) fn connector(authorities: Option<&Path>) -> Result<TlsConnector, Failure> {
    let certificates = match authorities {
        Some(path) => read(path)?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    let mut roots = RootCertStore::empty();
    // A certificate that is no authority's may not parse as one, and is known by itself all the same.
    roots.add_parsable_certificates(certificates.iter().cloned());
    let provider = Arc::new(aws_lc_rs::default_provider());
    let webpki = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().ok();
    let known = if authorities.is_some() { certificates } else { Vec::new() };
    let verifier = Verifier { webpki, known, algorithms: provider.signature_verification_algorithms };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::Credentials(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

/// The certificates in a PEM file.
fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let failure = |text: String| Failure::Credentials(format!("clients.ca: {}: {text}", path.display()));
    let found = CertificateDer::pem_file_iter(path).map_err(|error| failure(error.to_string()))?;
    let found: Vec<_> =
        found.take(MOST_CERTIFICATES).collect::<Result<_, _>>().map_err(|error| failure(error.to_string()))?;
    if found.is_empty() { Err(failure("holds no certificate".to_owned())) } else { Ok(found) }
}

/// Checks a server's certificate, and always that it holds the key.
#[derive(Debug)]
struct Verifier {
    /// By authorities; `None` if there is none.
    webpki: Option<Arc<WebPkiServerVerifier>>,
    /// By being one of these.
    known: Vec<CertificateDer<'static>>,
    /// How signatures are checked.
    algorithms: rustls::crypto::WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.known.iter().any(|known| known == end_entity) {
            return Ok(ServerCertVerified::assertion());
        }
        match &self.webpki {
            Some(webpki) => webpki.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now),
            None => Err(rustls::CertificateError::UnknownIssuer.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

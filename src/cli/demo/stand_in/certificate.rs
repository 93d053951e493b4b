//! A certificate authority for one demo, and the resolver's certificate from it.
//!
//! The keys never leave memory; only the authority's certificate is written down, for the daemon to read as a private CA.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// The name that the daemon must find in the certificate (RFC 8310 section 8.1).
pub(crate) const AUTHENTICATION_NAME: &str = "resolver.example";

/// RFC 7858 section 3.1 names no protocol, IANA does: "dot".
const ALPN: &[u8] = b"dot";

/// What came of it.
pub(in crate::cli::demo) struct Certificates {
    /// The authority's certificate.
    pub(in crate::cli::demo) authority_pem: String,
    /// The resolver's side of TLS.
    pub(in crate::cli::demo) server: Arc<ServerConfig>,
}

/// Makes an authority and lets it sign the resolver's certificate.
pub(in crate::cli::demo) fn make() -> Result<Certificates, Box<dyn std::error::Error>> {
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.distinguished_name.push(DnType::CommonName, "nodens demo CA");
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let authority_key = KeyPair::generate()?;
    let authority_pem = authority.self_signed(&authority_key)?.pem();
    let issuer = Issuer::new(authority, authority_key);

    let mut server = CertificateParams::new(vec![AUTHENTICATION_NAME.to_owned()])?;
    server.distinguished_name.push(DnType::CommonName, "nodens demo resolver");
    server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let server_key = KeyPair::generate()?;
    let certificate = server.signed_by(&server_key, &issuer)?;

    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(server_key.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(Certificates { authority_pem, server: Arc::new(config) })
}

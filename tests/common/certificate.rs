//! A certificate authority that lives as long as a test.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::BASE64;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PublicKeyData as _};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, SupportedProtocolVersion};
use tempfile::TempDir;

/// An authority with its certificate in a file.
#[derive(Debug)]
pub(crate) struct Authority {
    /// Signs.
    issuer: Issuer<'static, KeyPair>,
    /// Holds the files.
    folder: TempDir,
    /// The authority's certificate, PEM.
    file: PathBuf,
}

/// A server's certificate and key.
#[derive(Debug)]
pub(crate) struct Certificate {
    /// The certificate, PEM.
    pub(crate) chain_file: PathBuf,
    /// The key, PEM.
    pub(crate) key_file: PathBuf,
    /// `sha256/…`, the form that pins have in the configuration (RFC 7858 section 4.2).
    pub(crate) pin: String,
    /// The certificate.
    certificate: CertificateDer<'static>,
    /// The key.
    key: PrivateKeyDer<'static>,
}

impl Authority {
    /// A new authority.
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "an authority of the tests");
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        std::fs::write(&file, pem).unwrap();
        Self { issuer: Issuer::new(params, key), folder, file }
    }

    /// The file that `ca = …` names.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// A certificate for these names and addresses.
    pub(crate) fn certificate(&self, names: &[&str]) -> Certificate {
        self.certificate_with(names, |_| ())
    }

    /// The same with something changed in it.
    pub(crate) fn certificate_with(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Certificate {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let pin = format!("sha256/{}", BASE64.encode(digest(&SHA256, &key.subject_public_key_info()).as_ref()));
        let stem = self.folder.path().join(format!("{:x}", rand::random::<u64>()));
        let (chain_file, key_file) = (stem.with_extension("pem"), stem.with_extension("key"));
        std::fs::write(&chain_file, certificate.pem()).unwrap();
        std::fs::write(&key_file, key.serialize_pem()).unwrap();
        let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Certificate { chain_file, key_file, pin, certificate: certificate.der().clone(), key: der }
    }
}

impl Certificate {
    /// Settings of a TLS server of these versions; ALPN `dot`.
    pub(crate) fn server_of(&self, versions: &[&'static SupportedProtocolVersion]) -> Arc<ServerConfig> {
        let mut server = ServerConfig::builder_with_provider(default_provider().into())
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone()], self.key.clone_key())
            .unwrap();
        server.alpn_protocols = vec![b"dot".to_vec()];
        Arc::new(server)
    }

    /// Settings of a TLS server of TLS 1.3 and 1.2.
    pub(crate) fn server(&self) -> Arc<ServerConfig> {
        self.server_of(&[&TLS13, &TLS12])
    }
}

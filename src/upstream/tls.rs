//! Who a TLS server must prove to be, as one configuration a group of servers (step 6 of the flow).
//!
//! The usage profile is Strict (RFC 8310 section 5): a server that does not authenticate itself gets no query, and there is no
//! way back to plain text. What it must prove depends on what the operator said of it (RFC 8310 section 6, table 2):
//!
//! | said | proof |
//! |---|---|
//! | a name or an address | a certificate for it, signed by a trusted authority (PKIX, RFC 8310 section 8.1) |
//! | a name and pins | the same, and a pinned key in the validated chain |
//! | pins | the pinned key, and that the server holds it (RFC 7858 section 4.2) |
//! | `insecure = true` | nothing |
//!
//! Each kind of proof has a configuration of its own, and so its own session tickets: resumption skips the certificate, hence a
//! ticket must never be worth more than the check it was issued under. Groups share nothing but the system's certificates.
//!
//! No connections are made here, and nothing is read after the start. Revocation is not checked: asking for it would need DNS.

use std::cell::OnceCell;
use std::collections::HashSet;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use ::aws_lc_rs::digest;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier, verify_server_cert_signed_by_trust_anchor};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme};
use tokio_rustls::TlsConnector;

use crate::config::{Authentication, Server, Transport, Upstream};
use crate::error::{ExitCode, Failure};
use crate::upstream::error::{Rejection, TlsFailure, UpstreamError};

/// The protocol that we want to speak inside TLS (the registered ALPN identifier). Some servers ask for it; one that chooses nothing is used all the
/// same, since RFC 7858 is older than the identifier, and one that wants another protocol ends the handshake (RFC 7301 section 3.2).
const ALPN: &[u8] = b"dot";

/// Session tickets kept for one server name; tickets are used once (RFC 8446 appendix C.4).
///
/// What the library's store holds for a name; a worker uses one for each new connection and gets two or more back.
const TICKETS_PER_NAME: usize = 8;

//------ TlsGroup ----------------------------------------------------------------------------------------------------------------

/// How to open encrypted connections to the servers of one group. Cheap to clone; all workers share one.
#[derive(Clone)]
pub struct TlsGroup {
    /// For servers known by name or address, perhaps with pins besides.
    named: Option<TlsConnector>,
    /// For servers known by pins alone.
    pinned: Option<TlsConnector>,
    /// For servers that need prove nothing.
    unchecked: Option<TlsConnector>,
}

impl TlsGroup {
    /// Makes what the `tls` servers of `upstream` need; a group without such servers needs nothing.
    ///
    /// Reads `ca` or else the system's certificates; costs some milliseconds in the latter case, once a call.
    ///
    /// # Errors
    /// When `ca` cannot be read or holds no certificate, and when a server has no way to prove itself. The text names the group,
    /// the file and the remedy.
    pub fn new(upstream: &Upstream) -> Result<Self, Failure> {
        Self::with_roots(upstream, &SystemRoots::default())
    }

    /// Whether two groups open connections by the very same means, with the same certificates in memory.
    #[must_use]
    pub fn is_same(one: Option<&Self>, other: Option<&Self>) -> bool {
        let parts = |group: &Self| {
            [&group.named, &group.pinned, &group.unchecked]
                .map(|connector| connector.as_ref().map(|connector| Arc::as_ptr(connector.config())))
        };
        one.map(parts) == other.map(parts)
    }

    /// As [`new`](Self::new), with the system's certificates shared between groups.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_roots(upstream: &Upstream, system: &SystemRoots) -> Result<Self, Failure> {
        let (mut names, mut addresses, mut unproven) = (HashSet::new(), HashSet::new(), HashSet::new());
        for server in upstream.servers.iter().filter(|server| server.transport == Transport::Tls) {
            let name = server_name(server).ok_or_else(|| {
                let text = "is neither a host name nor an address; write it as in the server's certificate";
                misconfigured(upstream, &format!("the authentication name of {} {text}", server.address))
            })?;
            match server.authentication {
                Some(Authentication::Name(_)) => names.insert(name),
                Some(Authentication::Nothing) => unproven.insert(name),
                None => addresses.insert(name),
            };
        }
        if !addresses.is_empty() && upstream.pins.is_empty() {
            let text =
                "a tls server has neither an authentication name nor a pin; write tls://ADDRESS#NAME or add pins";
            return Err(misconfigured(upstream, text));
        }
        if !unproven.is_empty() && !upstream.pins.is_empty() {
            let text = "pins ask for a proof and `insecure = true` for none; remove one of them";
            return Err(misconfigured(upstream, text));
        }

        let provider = Arc::new(aws_lc_rs::default_provider());
        let connector = |proof: Proof, names: &HashSet<_>| connector(&provider, proof, names.len());
        Ok(Self {
            named: if names.is_empty() {
                None
            } else {
                let roots = match &upstream.ca {
                    Some(path) => Arc::new(read_authorities(upstream, path)?),
                    None => system.load(),
                };
                let webpki = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
                    .build()
                    .map_err(|error| misconfigured(upstream, &error.to_string()))?;
                Some(connector(Proof::Name { webpki, pins: upstream.pins.clone() }, &names))
            },
            pinned: (!addresses.is_empty()).then(|| connector(Proof::Pin(upstream.pins.clone()), &addresses)),
            unchecked: (!unproven.is_empty()).then(|| connector(Proof::Nothing, &unproven)),
        })
    }

    /// How to connect to `server`: what opens the connection, and the name that the certificate must carry.
    ///
    /// A name goes to the server as SNI (RFC 6066 section 3); an address does not, so a server known by pins gets no SNI.
    ///
    /// # Panics
    /// When `server` is not one of the `tls` servers that the group was made for.
    #[must_use]
    pub fn connector(&self, server: &Server) -> (TlsConnector, ServerName<'static>) {
        let connector = match server.authentication {
            Some(Authentication::Name(_)) => &self.named,
            Some(Authentication::Nothing) => &self.unchecked,
            None => &self.pinned,
        };
        let connector = connector.clone().expect("the group was made for this server");
        let name = server_name(server).expect("names were checked when the group was made");
        (connector, name)
    }
}

impl fmt::Debug for TlsGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsGroup")
            .field("named", &self.named.is_some())
            .field("pinned", &self.pinned.is_some())
            .field("unchecked", &self.unchecked.is_some())
            .finish()
    }
}

/// The name that the server's certificate must carry; its address where no name was given.
fn server_name(server: &Server) -> Option<ServerName<'static>> {
    match &server.authentication {
        // The last dot is not part of a certificate's name, nor of SNI (RFC 6066 section 3).
        Some(Authentication::Name(name)) => {
            ServerName::try_from(name.strip_suffix('.').unwrap_or(name).to_owned()).ok()
        }
        Some(Authentication::Nothing) | None => Some(ServerName::from(server.address.ip())),
    }
}

/// A failure of the configuration of `upstream`.
fn misconfigured(upstream: &Upstream, text: &str) -> Failure {
    Failure::new(ExitCode::Config, format!("upstream {:?}: {text}", upstream.name))
}

/// One configuration for the servers that must give the same `proof`; `names` is how many there are.
fn connector(provider: &Arc<CryptoProvider>, proof: Proof, names: usize) -> TlsConnector {
    let verifier = Verifier { proof, algorithms: provider.signature_verification_algorithms };
    // The provider is passed, never taken from the process: a library must not depend on who was there first.
    let mut config = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .expect("the provider has cipher suites for TLS 1.2 and 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = Resumption::in_memory_sessions(TICKETS_PER_NAME * names);
    TlsConnector::from(Arc::new(config))
}

//------ Trust -------------------------------------------------------------------------------------------------------------------

/// The authorities that the system trusts; read when the first group needs them, then shared.
#[derive(Debug, Default)]
pub struct SystemRoots(OnceCell<Arc<RootCertStore>>);

impl SystemRoots {
    /// The system's certificates; Mozilla's, compiled in, where the system has none (an empty container image).
    ///
    /// `SSL_CERT_FILE` and `SSL_CERT_DIR` are obeyed. Of each certificate only name and key are kept: about 60 kB in all.
    fn load(&self) -> Arc<RootCertStore> {
        let load = || {
            let mut roots = RootCertStore::empty();
            // System stores hold certificates that no longer parse by today's rules; those that do are enough.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() {
                tracing::info!("the system trusts no certificate authority; using the compiled-in ones");
                roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
            }
            Arc::new(roots)
        };
        Arc::clone(self.0.get_or_init(load))
    }
}

/// The authorities in the PEM file `path`, and no others.
fn read_authorities(upstream: &Upstream, path: &Path) -> Result<RootCertStore, Failure> {
    use rustls::pki_types::pem::Error;

    let failure = |code, text: &str| {
        let remedy = "name a PEM file with the certificates of the authorities that sign the servers' certificates";
        Failure::new(code, format!("upstream {:?}: ca = {path:?}: {text}; {remedy}", upstream.name))
    };
    let malformed = |error: Error| match error {
        Error::Io(error) => failure(ExitCode::NoInput, &format!("cannot be read ({error})")),
        error => failure(ExitCode::Config, &format!("is not a valid PEM file ({error})")),
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(malformed)? {
        // A system store may be sloppy; a file that the operator named may not.
        roots.add(certificate.map_err(malformed)?).map_err(|error| {
            failure(ExitCode::Config, &format!("certificate {} does not parse ({error})", roots.len() + 1))
        })?;
    }
    if roots.is_empty() {
        return Err(failure(ExitCode::Config, "holds no certificate"));
    }
    Ok(roots)
}

//------ Verifier ----------------------------------------------------------------------------------------------------------------

/// What a server must prove.
#[derive(Debug)]
enum Proof {
    /// That its certificate is for the name and signed by an authority; with pins, that the chain holds a pinned key.
    Name {
        /// PKIX validation (RFC 5280, RFC 6125).
        webpki: Arc<WebPkiServerVerifier>,
        /// SHA-256 digests of public keys; empty asks for none.
        pins: Vec<[u8; 32]>,
    },
    /// That it holds one of these keys. Never empty.
    Pin(Vec<[u8; 32]>),
    /// Nothing.
    Nothing,
}

/// Checks certificates by [`Proof`], and always that the server holds the key of the certificate it shows.
#[derive(Debug)]
struct Verifier {
    /// What the certificate must prove.
    proof: Proof,
    /// How signatures are checked.
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    /// Whether a pinned key is in the chain from the server's certificate to an authority.
    ///
    /// RFC 7858 section 4.2 asks for a key "in the validated server's certificate chain". Whatever else the server sends counts
    /// for nothing: anybody can append the pinned authority's certificate to a chain of his own. So a pin on an authority
    /// counts only if the server's certificate is also valid with that authority as the only one trusted.
    fn chain_is_pinned(
        &self,
        pins: &[[u8; 32]],
        end_entity: &ParsedCertificate<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> bool {
        let signs = |authority: &CertificateDer<'_>| {
            let mut roots = RootCertStore::empty();
            roots.add(authority.clone()).is_ok()
                && verify_server_cert_signed_by_trust_anchor(
                    end_entity,
                    &roots,
                    intermediates,
                    now,
                    self.algorithms.all,
                )
                .is_ok()
        };
        is_pinned(pins, end_entity)
            || intermediates.iter().any(|authority| {
                ParsedCertificate::try_from(authority).is_ok_and(|parsed| is_pinned(pins, &parsed)) && signs(authority)
            })
    }
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
        let pinned = match &self.proof {
            Proof::Nothing => true,
            Proof::Pin(pins) => is_pinned(pins, &ParsedCertificate::try_from(end_entity)?),
            Proof::Name { webpki, pins } => {
                webpki
                    .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
                    .map_err(unsigned)?;
                pins.is_empty()
                    || self.chain_is_pinned(pins, &ParsedCertificate::try_from(end_entity)?, intermediates, now)
            }
        };
        if pinned { Ok(ServerCertVerified::assertion()) } else { Err(PinMismatch.into()) }
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

/// A signature in the chain that is not by the authority which the certificate names is one by somebody we do not trust: he has only taken the name.
fn unsigned(error: rustls::Error) -> rustls::Error {
    match error {
        rustls::Error::InvalidCertificate(CertificateError::BadSignature) => CertificateError::UnknownIssuer.into(),
        error => error,
    }
}

/// Whether the certificate's subject public key info has one of the digests (RFC 7469 section 2.4).
fn is_pinned(pins: &[[u8; 32]], certificate: &ParsedCertificate<'_>) -> bool {
    let digest = digest::digest(&digest::SHA256, &certificate.subject_public_key_info());
    pins.iter().any(|pin| pin == digest.as_ref())
}

//------ Errors ------------------------------------------------------------------------------------------------------------------

/// No pinned key in the server's chain; travels through rustls to [`classify`].
#[derive(Debug)]
struct PinMismatch;

impl fmt::Display for PinMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no key of the certificate chain is pinned")
    }
}

impl std::error::Error for PinMismatch {}

impl From<PinMismatch> for rustls::Error {
    fn from(mismatch: PinMismatch) -> Self {
        Self::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(mismatch))))
    }
}

/// What an error of an encrypted connection means; a wrong certificate is told from all else.
#[must_use]
pub fn classify(error: &io::Error) -> UpstreamError {
    let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) else {
        return UpstreamError::from(error);
    };
    match error {
        rustls::Error::InvalidCertificate(error) => UpstreamError::Authentication(rejection(error)),
        rustls::Error::NoCertificatesPresented => UpstreamError::Authentication(Rejection::Certificate),
        rustls::Error::AlertReceived(alert) => UpstreamError::Tls(TlsFailure::Alert(*alert)),
        rustls::Error::PeerIncompatible(_) => UpstreamError::Tls(TlsFailure::Incompatible),
        _ => UpstreamError::Tls(TlsFailure::Protocol),
    }
}

/// What is wrong with a certificate.
fn rejection(error: &CertificateError) -> Rejection {
    match error {
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => Rejection::Name,
        CertificateError::UnknownIssuer => Rejection::Issuer,
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => Rejection::Validity,
        CertificateError::Other(error) if error.0.is::<PinMismatch>() => Rejection::Pin,
        _ => Rejection::Certificate,
    }
}

#[cfg(test)]
mod tests;

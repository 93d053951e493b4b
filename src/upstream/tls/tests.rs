//! Handshakes with real servers on loopback, with certificates made on the spot.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, PublicKeyData};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{HandshakeKind, ServerConfig, ServerConnection, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio_rustls::{TlsAcceptor, client::TlsStream};

use super::*;

/// Ends a test that hangs; never reached otherwise.
const PATIENCE: Duration = Duration::from_secs(10);

//------ Certificates ------------------------------------------------------------------------------------------------------------

/// A certificate authority.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: rcgen::Certificate,
}

/// A server's certificates, its own first, and its key.
struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: KeyPair,
}

impl Authority {
    /// One that nobody signed.
    fn new() -> Self {
        Self::make(|params, key| params.self_signed(key))
    }

    /// One that this one signed.
    fn subordinate(&self) -> Self {
        Self::make(|params, key| params.signed_by(key, &self.issuer))
    }

    /// One that `sign` signs.
    fn make(sign: impl FnOnce(&CertificateParams, &KeyPair) -> Result<rcgen::Certificate, rcgen::Error>) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let distinguished = format!("Authority {:?}", &key.subject_public_key_info()[60..]);
        params.distinguished_name.push(rcgen::DnType::CommonName, distinguished);
        let certificate = sign(&params, &key).unwrap();
        Self { issuer: Issuer::new(params, key), certificate }
    }

    /// A server with a certificate for `names`, changed by `change` before it is signed.
    fn sign_with(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let key = KeyPair::generate().unwrap();
        let mut params = server_params(names);
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Identity { chain: vec![certificate.der().clone()], key }
    }

    /// A server with a certificate for `names`.
    fn sign(&self, names: &[&str]) -> Identity {
        self.sign_with(names, |_| ())
    }

    /// The certificate in a PEM file of its own.
    fn file(&self) -> (tempfile::TempDir, PathBuf) {
        file(&self.certificate.pem())
    }

    /// The digest of its public key.
    fn pin(&self) -> [u8; 32] {
        pin(self.issuer.key())
    }
}

/// A file with this text, gone when its folder is dropped.
fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

/// What a server's certificate for `names` says.
fn server_params(names: &[&str]) -> CertificateParams {
    let names: Vec<_> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

/// A server that signed its own certificate for `names`.
fn self_signed(names: &[&str]) -> Identity {
    let key = KeyPair::generate().unwrap();
    let certificate = server_params(names).self_signed(&key).unwrap();
    Identity { chain: vec![certificate.der().clone()], key }
}

/// The digest of a key's subject public key info, made without the code under test.
fn pin(key: &KeyPair) -> [u8; 32] {
    digest::digest(&digest::SHA256, &key.subject_public_key_info()).as_ref().try_into().unwrap()
}

//------ Servers and clients -----------------------------------------------------------------------------------------------------

/// ALPN and SNI of a handshake.
type Told = (Option<Vec<u8>>, Option<String>);

/// A server that completes handshakes, sends one octet and notes what it was told; gone when dropped.
struct TestServer {
    address: SocketAddr,
    task: AbortHandle,
    /// What the last client said.
    told: Arc<std::sync::Mutex<Told>>,
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A server with `identity` that speaks `versions` and `protocols`.
async fn serve_with(
    identity: &Identity,
    versions: &[&'static SupportedProtocolVersion],
    protocols: &[&[u8]],
) -> TestServer {
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(identity.key.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(identity.chain.clone(), key)
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let told: Arc<std::sync::Mutex<Told>> = Arc::default();
    let note = Arc::clone(&told);
    let task = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // A client that refuses us is what many of the tests are about.
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let connection: &ServerConnection = stream.get_ref().1;
            *note.lock().unwrap() =
                (connection.alpn_protocol().map(<[u8]>::to_vec), connection.server_name().map(ToOwned::to_owned));
            let _: io::Result<()> = stream.write_all(b"!").await;
            let _: io::Result<()> = stream.shutdown().await;
        }
    });
    TestServer { address, task: task.abort_handle(), told }
}

/// A server with `identity` that speaks everything.
async fn serve(identity: &Identity) -> TestServer {
    serve_with(identity, rustls::ALL_VERSIONS, &[b"dot"]).await
}

/// A group with one server, of which the operator said no more than this.
fn group(address: SocketAddr, authentication: Option<Authentication>) -> Upstream {
    Upstream {
        name: "internet".to_owned(),
        servers: vec![Server { transport: Transport::Tls, address, further: Vec::new(), authentication }],
        ca: None,
        pins: Vec::new(),
        policy: crate::config::Policy::Fastest,
        timeout: Duration::from_secs(5),
        try_timeout: Duration::from_secs(2),
        connections: 2,
        pipeline: 128,
        idle_timeout: Duration::from_secs(30),
        max_age: Duration::from_secs(600),
        padding: 128,
        case_randomization: true,
        cookies: true,
        udp_sockets: 64,
    }
}

/// The authentication by a name.
fn named(name: &str) -> Option<Authentication> {
    Some(Authentication::Name(name.to_owned()))
}

/// Connects to the first server and reads what it sends, so that its session tickets are taken in.
async fn connect(group: &TlsGroup, upstream: &Upstream) -> Result<TlsStream<TcpStream>, UpstreamError> {
    let server = &upstream.servers[0];
    let (connector, name) = group.connector(server);
    let attempt = async {
        let stream = TcpStream::connect(server.address).await?;
        let mut stream = connector.connect(name, stream).await?;
        stream.read_exact(&mut [0]).await?;
        Ok(stream)
    };
    let result: io::Result<_> = tokio::time::timeout(PATIENCE, attempt).await.expect("the test hangs");
    result.map_err(|error| classify(&error))
}

/// What becomes of a connection to a server with `identity`, if the operator said `authentication` and what `say` adds.
async fn outcome(
    identity: &Identity,
    authentication: Option<Authentication>,
    say: impl FnOnce(&mut Upstream),
) -> Result<(), UpstreamError> {
    let server = serve(identity).await;
    let mut upstream = group(server.address, authentication);
    say(&mut upstream);
    connect(&TlsGroup::new(&upstream).unwrap(), &upstream).await.map(drop)
}

/// The error of a certificate that is refused for this reason.
fn refused(rejection: Rejection) -> Result<(), UpstreamError> {
    Err(UpstreamError::Authentication(rejection))
}

//------ Names and authorities ---------------------------------------------------------------------------------------------------

#[tokio::test]
async fn a_certificate_of_the_private_authority_for_the_right_name_is_accepted() {
    let authority = Authority::new();
    let (_folder, path) = authority.file();
    let identity = authority.sign(&["dns.example", "other.example"]);
    for name in ["dns.example", "other.example", "DNS.Example", "dns.example."] {
        assert_eq!(outcome(&identity, named(name), |u| u.ca = Some(path.clone())).await, Ok(()), "{name}");
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let authority = Authority::new();
    let (_folder, path) = authority.file();
    let identity = authority.sign(&["dns.example"]);
    for name in ["other.example", "example", "a.dns.example", "127.0.0.1"] {
        let outcome = outcome(&identity, named(name), |u| u.ca = Some(path.clone())).await;
        assert_eq!(outcome, refused(Rejection::Name), "{name}");
    }
}

#[tokio::test]
async fn a_certificate_for_the_address_is_accepted_and_nothing_is_sent_as_sni() {
    let authority = Authority::new();
    let (_folder, path) = authority.file();
    let server = serve(&authority.sign(&["127.0.0.1"])).await;
    let mut upstream = group(server.address, named("127.0.0.1"));
    upstream.ca = Some(path);
    connect(&TlsGroup::new(&upstream).unwrap(), &upstream).await.unwrap();
    assert_eq!(*server.told.lock().unwrap(), (Some(b"dot".to_vec()), None));

    upstream.servers[0].authentication = named("127.0.0.2");
    let error = connect(&TlsGroup::new(&upstream).unwrap(), &upstream).await.map(drop);
    assert_eq!(error, refused(Rejection::Name));
}

#[tokio::test]
async fn the_name_is_sent_as_sni_and_dot_as_the_protocol() {
    let authority = Authority::new();
    let (_folder, path) = authority.file();
    let server = serve(&authority.sign(&["dns.example"])).await;
    let mut upstream = group(server.address, named("dns.example."));
    upstream.ca = Some(path);
    let stream = connect(&TlsGroup::new(&upstream).unwrap(), &upstream).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"dot"[..]));
    assert_eq!(*server.told.lock().unwrap(), (Some(b"dot".to_vec()), Some("dns.example".to_owned())));
}

#[tokio::test]
async fn a_server_that_knows_no_protocol_names_is_accepted_and_one_for_others_is_not() {
    let identity = self_signed(&["dns.example"]);
    for (protocols, accepted) in [(&[][..], true), (&[&b"h2"[..]][..], false)] {
        let server = serve_with(&identity, rustls::ALL_VERSIONS, protocols).await;
        let upstream = group(server.address, Some(Authentication::Nothing));
        let outcome = connect(&TlsGroup::new(&upstream).unwrap(), &upstream).await.map(drop);
        let alert = TlsFailure::Alert(rustls::AlertDescription::NoApplicationProtocol);
        assert_eq!(outcome, if accepted { Ok(()) } else { Err(UpstreamError::Tls(alert)) });
    }
}

#[tokio::test]
async fn only_the_named_authorities_are_trusted() {
    let (authority, other) = (Authority::new(), Authority::new());
    let (_folder, path) = other.file();
    let identity = authority.sign(&["dns.example"]);
    let private = outcome(&identity, named("dns.example"), |u| u.ca = Some(path.clone())).await;
    assert_eq!(private, refused(Rejection::Issuer));
    assert_eq!(outcome(&identity, named("dns.example"), |_| ()).await, refused(Rejection::Issuer), "system store");
}

#[tokio::test]
async fn an_expired_certificate_is_refused_and_so_is_one_from_the_future() {
    let authority = Authority::new();
    let (_folder, path) = authority.file();
    let expired = authority.sign_with(&["dns.example"], |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
    let future = authority.sign_with(&["dns.example"], |params| params.not_before = rcgen::date_time_ymd(2999, 1, 1));
    for identity in [expired, future] {
        let outcome = outcome(&identity, named("dns.example"), |u| u.ca = Some(path.clone())).await;
        assert_eq!(outcome, refused(Rejection::Validity));
    }
}

#[tokio::test]
async fn a_certificate_for_clients_is_refused() {
    let authority = Authority::new();
    let (_folder, path) = authority.file();
    let identity = authority.sign_with(&["dns.example"], |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    let outcome = outcome(&identity, named("dns.example"), |u| u.ca = Some(path)).await;
    assert_eq!(outcome, refused(Rejection::Certificate));
}

//------ Pins --------------------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn a_pinned_key_alone_authenticates_whatever_the_certificate_says() {
    let identity = self_signed(&["unrelated.example"]);
    let pins = vec![[7; 32], pin(&identity.key)];
    assert_eq!(outcome(&identity, None, |u| u.pins.clone_from(&pins)).await, Ok(()));
    assert_eq!(outcome(&identity, None, |u| u.pins = vec![[7; 32]]).await, refused(Rejection::Pin));
}

#[tokio::test]
async fn a_pinned_key_must_be_the_servers_own_if_nothing_else_is_known() {
    // Without a name, a pin on an authority would accept everybody whom it ever signed.
    let authority = Authority::new();
    let mut identity = authority.sign(&["dns.example"]);
    identity.chain.push(authority.certificate.der().clone());
    assert_eq!(outcome(&identity, None, |u| u.pins = vec![authority.pin()]).await, refused(Rejection::Pin));
}

#[tokio::test]
async fn name_and_pin_must_both_hold() {
    let authority = Authority::new();
    let (_folder, path) = authority.file();
    let identity = authority.sign(&["dns.example"]);
    let right = pin(&identity.key);
    let outcome = async |name, pin| {
        outcome(&identity, named(name), |u| {
            u.ca = Some(path.clone());
            u.pins = vec![pin];
        })
        .await
    };
    assert_eq!(outcome("dns.example", right).await, Ok(()));
    assert_eq!(outcome("dns.example", [7; 32]).await, refused(Rejection::Pin));
    assert_eq!(outcome("other.example", right).await, refused(Rejection::Name));
}

#[tokio::test]
async fn a_pin_on_an_authority_holds_only_for_what_it_signed() {
    let root = Authority::new();
    let (pinned, other) = (root.subordinate(), root.subordinate());
    let (_folder, path) = root.file();
    let outcome = async |signer: &Authority, sent: &[&Authority]| {
        let mut identity = signer.sign(&["dns.example"]);
        identity.chain.extend(sent.iter().map(|authority| authority.certificate.der().clone()));
        outcome(&identity, named("dns.example"), |u| {
            u.ca = Some(path.clone());
            u.pins = vec![pinned.pin()];
        })
        .await
    };
    assert_eq!(outcome(&pinned, &[&pinned]).await, Ok(()));
    assert_eq!(outcome(&other, &[&other]).await, refused(Rejection::Pin));
    assert_eq!(outcome(&other, &[&other, &pinned]).await, refused(Rejection::Pin), "appended, but signed nothing");
}

#[tokio::test]
async fn a_server_must_hold_the_key_of_the_certificate_it_shows() {
    struct Thief(Arc<rustls::sign::CertifiedKey>);
    impl fmt::Debug for Thief {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Thief")
        }
    }
    impl rustls::server::ResolvesServerCert for Thief {
        fn resolve(&self, _: rustls::server::ClientHello<'_>) -> Option<Arc<rustls::sign::CertifiedKey>> {
            Some(Arc::clone(&self.0))
        }
    }
    let (victim, thief) = (self_signed(&["dns.example"]), self_signed(&["dns.example"]));
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(thief.key.serialize_der()));
    let key = aws_lc_rs::sign::any_supported_type(&key).unwrap();
    let stolen = rustls::sign::CertifiedKey::new(victim.chain.clone(), key);
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Thief(Arc::new(stolen.clone()))));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let mut upstream = group(listener.local_addr().unwrap(), None);
        upstream.pins = vec![pin(&victim.key)];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let server = tokio::spawn(async move { acceptor.accept(listener.accept().await.unwrap().0).await.map(drop) });
        let outcome = connect(&TlsGroup::new(&upstream).unwrap(), &upstream).await.map(drop);
        assert_eq!(outcome, refused(Rejection::Certificate), "{version:?}");
        assert!(server.await.unwrap().is_err());
    }
}

#[tokio::test]
async fn nothing_is_checked_only_when_the_operator_says_so() {
    let identity = self_signed(&["unrelated.example"]);
    assert_eq!(outcome(&identity, Some(Authentication::Nothing), |_| ()).await, Ok(()));
}

//------ Sessions ----------------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn the_second_connection_resumes_in_both_versions() {
    let authority = Authority::new();
    let (_folder, path) = authority.file();
    let identity = authority.sign(&["dns.example"]);
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let server = serve_with(&identity, &[version], &[b"dot"]).await;
        let mut upstream = group(server.address, named("dns.example"));
        upstream.ca = Some(path.clone());
        let made = TlsGroup::new(&upstream).unwrap();
        let mut kinds = Vec::new();
        // Workers have clones of the group; tickets are common to all.
        for group in [made.clone(), made.clone(), made] {
            let stream = connect(&group, &upstream).await.unwrap();
            kinds.push(stream.get_ref().1.handshake_kind().unwrap());
        }
        assert_eq!(kinds, [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed], "{version:?}");
    }
}

#[tokio::test]
async fn a_session_that_proved_less_is_not_resumed_where_more_is_asked() {
    let identity = self_signed(&["127.0.0.1"]);
    let server = serve(&identity).await;
    let mut upstream = group(server.address, Some(Authentication::Nothing));
    upstream.servers.push(Server { authentication: named("127.0.0.1"), ..upstream.servers[0].clone() });
    let made = TlsGroup::new(&upstream).unwrap();
    connect(&made, &upstream).await.unwrap();
    upstream.servers.swap(0, 1);
    assert!(matches!(connect(&made, &upstream).await, Err(UpstreamError::Authentication(_))));
}

//------ Mistakes and errors -----------------------------------------------------------------------------------------------------

/// What `TlsGroup::new` says against a group.
fn mistake(say: impl FnOnce(&mut Upstream)) -> (ExitCode, String) {
    let mut upstream = group(SocketAddr::from((Ipv4Addr::LOCALHOST, 853)), named("dns.example"));
    say(&mut upstream);
    let failure = TlsGroup::new(&upstream).unwrap_err();
    assert!(failure.message.contains("\"internet\""), "{}", failure.message);
    (failure.code, failure.message)
}

#[test]
fn mistakes_name_the_group_the_file_and_the_remedy() {
    let (code, text) = mistake(|u| u.ca = Some("/nonexistent/ca.pem".into()));
    assert_eq!(code, ExitCode::NoInput);
    assert!(text.contains("/nonexistent/ca.pem") && text.contains("No such file"), "{text}");

    for wrong in [
        "",
        "nonsense",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\n!",
    ] {
        let (_folder, path) = file(wrong);
        let (code, text) = mistake(|u| u.ca = Some(path.clone()));
        assert_eq!(code, ExitCode::Config, "{wrong:?}");
        assert!(text.contains("ca.pem") && text.contains("PEM file with the certificates"), "{text}");
    }

    let (code, text) = mistake(|u| u.servers[0].authentication = named("not a name"));
    assert_eq!(code, ExitCode::Config);
    assert!(text.contains("127.0.0.1:853"), "{text}");
    assert!(mistake(|u| u.servers[0].authentication = None).1.contains("pins"));
    let both = mistake(|u| {
        u.servers[0].authentication = Some(Authentication::Nothing);
        u.pins = vec![[0; 32]];
    });
    assert!(both.1.contains("insecure"), "{}", both.1);
}

#[test]
fn servers_without_tls_need_nothing() {
    let mut upstream = group(SocketAddr::from((Ipv4Addr::LOCALHOST, 53)), None);
    upstream.servers[0].transport = Transport::Udp;
    upstream.ca = Some("/nonexistent/ca.pem".into());
    let system = SystemRoots::default();
    TlsGroup::with_roots(&upstream, &system).unwrap();
    assert!(system.0.get().is_none(), "the system's certificates are read only when they are needed");
}

#[test]
fn servers_of_one_group_may_be_known_in_different_ways() {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 853));
    let mut upstream = group(address, named("dns.example"));
    upstream.servers.push(Server { transport: Transport::Tls, address, further: Vec::new(), authentication: None });
    upstream.pins = vec![[0; 32]];
    let system = SystemRoots::default();
    let made = TlsGroup::with_roots(&upstream, &system).unwrap();
    assert!(!system.0.get().unwrap().is_empty(), "without a system store there are compiled-in authorities");
    let (by_name, name) = made.connector(&upstream.servers[0]);
    let (by_pin, pinned) = made.connector(&upstream.servers[1]);
    assert_eq!(name, ServerName::try_from("dns.example").unwrap());
    assert_eq!(pinned, ServerName::from(IpAddr::from(Ipv4Addr::LOCALHOST)));
    assert!(!Arc::ptr_eq(by_name.config(), by_pin.config()), "what they prove differs, so tickets must not be shared");
}

#[tokio::test]
async fn a_server_that_speaks_something_else_is_told_from_one_that_closes() {
    for (said, expected) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], UpstreamError::Tls(TlsFailure::Protocol)),
        (&b""[..], UpstreamError::Closed),
    ] {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let upstream = group(listener.local_addr().unwrap(), Some(Authentication::Nothing));
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.read_exact(&mut [0; 5]).await.unwrap();
            stream.write_all(said).await.unwrap();
        });
        let outcome = connect(&TlsGroup::new(&upstream).unwrap(), &upstream).await.map(drop);
        assert_eq!(outcome, Err(expected));
        server.await.unwrap();
    }
}

#[test]
fn errors_of_the_socket_keep_their_meaning() {
    let error = io::Error::from(io::ErrorKind::ConnectionRefused);
    assert_eq!(classify(&error), UpstreamError::Connect(io::ErrorKind::ConnectionRefused));
    let error = io::Error::new(io::ErrorKind::InvalidData, rustls::Error::NoCertificatesPresented);
    assert_eq!(classify(&error), UpstreamError::Authentication(Rejection::Certificate));
}

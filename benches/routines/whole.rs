//! Whole hits: a worker's pipeline with warm caches, by datagram and by stream, without sockets.

use std::cell::{Cell, RefCell};
use std::hint::black_box;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use nodens::cache::Store;
use nodens::config::{Config, Environment};
use nodens::filter::Addresses;
use nodens::listener::limits::Connections;
use nodens::listener::tcp::{Drain, Settings, serve};
use nodens::listener::{Handler, Incoming, Outcome};
use nodens::metrics::{Layout, Metrics, Protocol, WorkerMetrics};
use nodens::pipeline::{Numbers, Pipeline, Shared};
use nodens::policy::local::Local;
use nodens::policy::rate::Rates;
use nodens::sys::clock;
use nodens::wire::rtype;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::task::LocalSet;

use super::messages;

/// Names that are asked for in turn.
const NAMES: usize = 256;

/// Queries that a client of [`tcp`] sends at once.
const PIPELINED: usize = 32;

/// The configuration: nothing is ever forwarded, since all is known.
const CONFIG: &str = "[listen]\naddresses = [\"127.0.0.1:0\"]\nworkers = 1\n[[upstream]]\nname = \"all\"\nservers = [\"udp://192.0.2.1\"]\n\
                      [[zone]]\nname = \".\"\nupstream = \"all\"\n";

/// A list of who may ask, as long as one may be, a rate that is never met, and a name that is blocked.
fn guards() -> String {
    let prefixes: Vec<String> = (0..1023).map(|n| format!("\"10.{}.{}.0/24\"", n / 250, n % 250)).collect();
    let allow = format!("allow = [\"127.0.0.1\", {}]\nworkers", prefixes.join(", "));
    let limits =
        "[limits]\nclient-rate = 1000000\nclient-burst = 10000000\n[policy]\nblock = [\"example.bad\"]\n[[upstream]]";
    CONFIG.replacen("workers", &allow, 1).replacen("[[upstream]]", limits, 1)
}

/// A pipeline of a configuration that knows [`NAMES`] names, where it counts, and a query for each.
fn warm(text: &str) -> (Rc<Pipeline>, Arc<WorkerMetrics>, Vec<Vec<u8>>) {
    let loaded = Config::parse(text, "bench", &Environment::neutral()).expect("the configuration is without mistakes");
    let config = Arc::new(loaded.config);
    let store = Arc::new(Store::new(config.cache.size, config.cache.negative_size));
    let local = Arc::new(Local::new(&config).expect("there are no local records"));
    for number in 0..NAMES {
        store.insert(super::entry(&messages::host(number), store.hashing(), clock::coarse()).1);
    }
    store.settle();
    let layout = Layout {
        servers: vec!["dns://127.0.0.1:53".to_owned()],
        zones: vec![".".to_owned()],
        upstreams: vec![("all".to_owned(), "udp://192.0.2.1:53".to_owned())],
    };
    let metrics = Metrics::new(&layout, 1).worker(0);
    let numbers = Arc::new(Numbers::of(&config));
    let rates = Rates::new(&config.limits).map(Arc::new);
    let addresses = Arc::new(Addresses::new(&config.rebinding, &[]));
    let (tls, loops) = (vec![None].into(), Arc::default());
    // The generation of what [`super::entry`] makes.
    let anchors = Arc::default();
    let rules = Arc::default();
    let shared = Shared { config, store, local, rules, anchors, rates, tls, addresses, policy: 0, loops, numbers };
    let pipeline = Pipeline::new(&shared, Arc::clone(&metrics));
    let queries = (0..NAMES).map(|number| messages::query(&format!("www.site{number}.example"), rtype::A)).collect();
    (pipeline, metrics, queries)
}

/// A runtime as a worker's.
fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("the kernel has an event queue to give")
}

/// A datagram to its answer, one name after another.
pub(super) fn hit() -> Box<dyn FnMut()> {
    hit_of(CONFIG)
}

/// The same where the operator says who may ask, how fast, and what nobody gets.
pub(super) fn guarded() -> Box<dyn FnMut()> {
    hit_of(&guards())
}

/// The same with this configuration.
fn hit_of(text: &str) -> Box<dyn FnMut()> {
    let runtime = runtime();
    let (pipeline, _, queries) = LocalSet::new().block_on(&runtime, async { warm(text) });
    let mut room = vec![0; 4096];
    let mut turn = 0;
    let now = clock::coarse();
    let mut call = move || {
        let query = &queries[turn % NAMES];
        turn += 1;
        room[..query.len()].copy_from_slice(query);
        let incoming = Incoming {
            server: 0,
            protocol: Protocol::Udp,
            client: IpAddr::from([127, 0, 0, 1]),
            port: 40_000,
            room: &mut room,
            length: query.len(),
            cut: false,
            now,
        };
        let outcome = pipeline.handle(black_box(incoming), &|| unreachable!("a hit is answered at once"));
        assert!(matches!(outcome, Outcome::Answer(_)), "every name is known");
    };
    // From the store to the front.
    (0..NAMES).for_each(|_| call());
    Box::new(call)
}

/// A query of a stream to its answer; every 32nd call does the work of 32.
pub(super) fn tcp() -> Box<dyn FnMut()> {
    let (runtime, local) = (runtime(), LocalSet::new());
    let (near, far) = duplex(64 << 10);
    let requests = local.block_on(&runtime, async {
        let (pipeline, metrics, queries) = warm(CONFIG);
        let connections = Connections::new(1, 1);
        let client = SocketAddr::from(([127, 0, 0, 1], 40_000));
        let permit = connections.admit(client.ip()).expect("it is the only one");
        let (drain, drained) = watch::channel(Drain::No);
        // The sender must live as long as the connection.
        Box::leak(Box::new(drain));
        let settings = Settings {
            idle: Cell::new(std::time::Duration::from_secs(3600)),
            pipeline: Cell::new(PIPELINED),
            connections,
            allow: RefCell::default(),
            metrics,
            open: Cell::new(0),
            room: RefCell::new(vec![0; 65_535].into()),
            drain: drained,
            heirs: tokio::sync::mpsc::channel(1).0,
        };
        tokio::task::spawn_local(serve(far, client, 0, permit, Rc::new(settings), pipeline));
        let frame = |query: &Vec<u8>| {
            [&u16::try_from(query.len()).expect("queries are short").to_be_bytes()[..], query].concat()
        };
        queries.chunks(PIPELINED).map(|chunk| chunk.iter().flat_map(frame).collect::<Vec<u8>>()).collect::<Vec<_>>()
    });
    let mut client = Client { near, answers: vec![0; 64 << 10] };
    let mut turn = 0;
    let mut call = move || {
        if turn % PIPELINED == 0 {
            let request = &requests[turn / PIPELINED % requests.len()];
            local.block_on(&runtime, client.ask(request));
        }
        turn += 1;
    };
    (0..NAMES).for_each(|_| call());
    Box::new(call)
}

/// A client of the stream.
struct Client {
    /// Its end.
    near: DuplexStream,
    /// Room for answers.
    answers: Vec<u8>,
}

impl Client {
    /// Sends queries and takes all their answers: each is an A record, 16 bytes, longer.
    async fn ask(&mut self, request: &[u8]) {
        self.near.write_all(request).await.expect("the connection is open");
        let mut wanted = request.len() + PIPELINED * 16;
        while wanted > 0 {
            wanted -= self.near.read(&mut self.answers).await.expect("the connection is open");
        }
    }
}

//! What hickory's validator asks, and what it gets.
//!
//! It wants a handle that can be sent between threads; our upstreams live in one. So the handle itself knows nothing: what a question may ask for
//! stands in its [`Work`], which is set while its validator is polled, and orders for the upstream go through a channel to whoever polls
//! it. Both ends are in the same task, so nothing is spawned, and what is given up is gone.
//!
//! Whatever hickory asks for, upstreams are asked with DO and CD set: a validating upstream would hide what is bogus, and with it the reason.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{future, io};

use async_trait::async_trait;
use foldhash::quality::RandomState;
use futures_util::stream::{self, Stream};
use hickory_net::NetError;
use hickory_net::runtime::{RuntimeProvider, Time, TokioHandle, TokioRuntimeProvider, TokioTime};
use hickory_net::xfer::DnsHandle;
use hickory_proto::op::{DnsRequest, DnsResponse, Message, Query};
use hickory_proto::rr::rdata::NS;
use hickory_proto::rr::{Name, RData, Record, RecordType};
use moka::sync::Cache;
use tokio::sync::{mpsc, oneshot};

use super::budget::{Budget, Limit};
use super::messages::{Known, Question, Unanswered, fresh};
use super::wire;
use crate::sys::clock;

tokio::task_local! {
    /// What is being worked on by the validator that is polled now.
    static WORK: Arc<Work>;
}

/// The validator's only source. See the module.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source;

/// A question for the upstream, and where its answer goes.
pub(super) struct Order {
    /// What is asked.
    pub(super) question: Question,
    /// The way back.
    pub(super) reply: oneshot::Sender<Result<Arc<Known>, Unanswered>>,
}

/// What one part of an answer may ask for and has asked for.
pub(super) struct Work {
    /// The messages that are kept.
    kept: Cache<Question, Arc<Known>, RandomState>,
    /// To whoever asks the upstream.
    orders: mpsc::UnboundedSender<Order>,
    /// The zone of the trust anchor, in wire format: nothing at it or above it is asked for a proof.
    anchor: Box<[u8]>,
    /// What changes. Its lock is never waited for: all is in one task.
    state: Mutex<State>,
}

/// What changes.
struct State {
    /// The answer to be judged, until it is asked for.
    prepared: Option<DnsResponse>,
    /// What is left.
    budget: Budget,
    /// What was given, in order.
    seen: Vec<(Question, Arc<Known>)>,
    /// Where the zone of the answer begins, as the first denial of an NS set told.
    apex: Option<Name>,
    /// Why there was no answer to a question.
    unanswered: Option<Unanswered>,
    /// The bound that was met.
    limit: Option<Limit>,
}

/// What became of it.
pub(super) struct Done {
    /// What is left.
    pub(super) budget: Budget,
    /// What was given, in order.
    pub(super) seen: Vec<(Question, Arc<Known>)>,
    /// Why there was no answer to a question.
    pub(super) unanswered: Option<Unanswered>,
    /// The bound that was met.
    pub(super) limit: Option<Limit>,
}

/// What a question gets.
type Reply = Result<DnsResponse, NetError>;

/// What a question gets, or will get.
enum Given {
    /// It is here.
    Now(Reply),
    /// It will be.
    Later(oneshot::Receiver<Result<Arc<Known>, Unanswered>>),
}

impl Work {
    /// The work on `prepared`, whose cost is paid already.
    pub(super) fn new(
        prepared: DnsResponse,
        anchor: &[u8],
        budget: Budget,
        kept: Cache<Question, Arc<Known>, RandomState>,
    ) -> (Arc<Self>, mpsc::UnboundedReceiver<Order>) {
        let (orders, ordered) = mpsc::unbounded_channel();
        let state =
            State { prepared: Some(prepared), budget, seen: Vec::new(), apex: None, unanswered: None, limit: None };
        (Arc::new(Self { kept, orders, anchor: anchor.into(), state: Mutex::new(state) }), ordered)
    }

    /// Lets `validation` ask on this account.
    pub(super) async fn on_account<T>(self: Arc<Self>, validation: impl Future<Output = T>) -> T {
        WORK.scope(self, validation).await
    }

    /// What became of it.
    pub(super) fn done(&self) -> Done {
        let mut state = self.state();
        let seen = std::mem::take(&mut state.seen);
        Done { budget: state.budget, seen, unanswered: state.unanswered, limit: state.limit }
    }

    /// What changes. Nothing panics while it is held.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers a question of the validator's.
    fn answer(&self, query: &Query) -> Given {
        let mut state = self.state();
        if let Some(prepared) = state.prepared.take() {
            return Given::Now(Ok(prepared));
        }
        // Whatever comes now, there is no verdict any more; so nothing else is asked.
        if state.limit.is_some() || state.unanswered.is_some() {
            return Given::Now(Err(NetError::Busy));
        }
        if query.query_type() == RecordType::NS
            && let Some(reply) = state.delegation(query)
        {
            return Given::Now(Ok(reply));
        }
        let question = Question { name: wire(query.name()).into(), kind: query.query_type().into() };
        // The anchor is the beginning. That nobody above vouches for it proves nothing: without this, to take the signatures off an answer of such
        // a zone would make it an unsigned one.
        if query.query_type() == RecordType::DS && question.name.len() <= self.anchor.len() {
            return Given::Now(Err(NetError::NoConnections));
        }
        if let Err(limit) = state.budget.ask() {
            state.limit = Some(limit);
            return Given::Now(Err(NetError::Busy));
        }
        if let Some(known) = fresh(&self.kept, &question) {
            return Given::Now(state.give(question, &known));
        }
        let (reply, given) = oneshot::channel();
        // It fails only when nobody polls this any more.
        let _ = self.orders.send(Order { question, reply });
        Given::Later(given)
    }

    /// Takes the answer of an order.
    fn take(&self, question: Question, answer: Result<Arc<Known>, Unanswered>) -> Reply {
        let mut state = self.state();
        match answer {
            Ok(known) => state.give(question, &known),
            Err(unanswered) => {
                state.unanswered.get_or_insert(unanswered);
                Err(NetError::Timeout)
            }
        }
    }
}

impl State {
    /// Gives an answer, if there is enough left for it.
    fn give(&mut self, question: Question, known: &Arc<Known>) -> Reply {
        let again = self.seen.iter().any(|(seen, _)| *seen == question);
        let taken = self.budget.take(known.cost, again);
        let response =
            match known.response.as_ref().map_err(|limit| *limit).and_then(|response| taken.map(|()| response)) {
                Ok(response) => response.clone(),
                Err(limit) => {
                    self.limit = Some(limit);
                    return Err(NetError::Busy);
                }
            };
        if known.is_no_zone(&question)
            && let Some(apex) = known.apex()
            && response.queries.first().is_some_and(|query| apex.zone_of(query.name()))
        {
            self.apex = Some(apex.clone());
        }
        if !again {
            self.seen.push((question, Arc::clone(known)));
        }
        Ok(response)
    }

    /// What is known of the NS set of a name without asking. To find the zone of an unsigned set, hickory goes up label by label; but the
    /// first answer already says where the zone begins, and that is where the proof is looked for in any case.
    fn delegation(&self, query: &Query) -> Option<DnsResponse> {
        let apex = self.apex.as_ref()?;
        if !apex.zone_of(query.name()) {
            return None;
        }
        let mut message = Message::query().into_response();
        message.add_query(query.clone());
        if query.name() == apex {
            message.add_answer(Record::from_rdata(apex.clone(), 0, RData::NS(NS(apex.clone()))));
        }
        DnsResponse::from_message(message).ok()
    }
}

impl DnsHandle for Source {
    type Response = Pin<Box<dyn Stream<Item = Reply> + Send>>;
    type Runtime = Offline;

    fn send(&self, request: DnsRequest) -> Self::Response {
        let Some(query) = request.queries.first().cloned() else {
            return Box::pin(stream::once(future::ready(Err(NetError::from("a request without a question")))));
        };
        let Ok(work) = WORK.try_with(Arc::clone) else {
            return Box::pin(stream::once(future::ready(Err(NetError::from("nothing is being validated")))));
        };
        match work.answer(&query) {
            Given::Now(reply) => Box::pin(stream::once(future::ready(reply))),
            Given::Later(given) => Box::pin(stream::once(async move {
                let question = Question { name: wire(query.name()).into(), kind: query.query_type().into() };
                let answer = given.await.unwrap_or(Err(Unanswered { ede: None, is_timeout: false }));
                work.take(question, answer)
            })),
        }
    }
}

//------ The runtime -------------------------------------------------------------------------------------------------

/// A runtime without sockets, whose clock is ours: the validator asks nobody itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offline;

impl RuntimeProvider for Offline {
    type Handle = TokioHandle;
    type Timer = Clock;
    type Udp = <TokioRuntimeProvider as RuntimeProvider>::Udp;
    type Tcp = <TokioRuntimeProvider as RuntimeProvider>::Tcp;

    fn create_handle(&self) -> Self::Handle {
        TokioHandle::default()
    }

    fn connect_tcp(
        &self,
        _: std::net::SocketAddr,
        _: Option<std::net::SocketAddr>,
        _: Option<Duration>,
    ) -> Pin<Box<dyn Send + Future<Output = io::Result<Self::Tcp>>>> {
        Box::pin(future::ready(Err(io::ErrorKind::Unsupported.into())))
    }

    fn bind_udp(
        &self,
        _: std::net::SocketAddr,
        _: std::net::SocketAddr,
    ) -> Pin<Box<dyn Send + Future<Output = io::Result<Self::Udp>>>> {
        Box::pin(future::ready(Err(io::ErrorKind::Unsupported.into())))
    }
}

/// The time of day, from [`clock`]: signatures are valid from a date to another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock;

#[async_trait]
impl Time for Clock {
    async fn delay_for(duration: Duration) {
        TokioTime::delay_for(duration).await;
    }

    async fn timeout<F: 'static + Future + Send>(duration: Duration, future: F) -> io::Result<F::Output> {
        TokioTime::timeout(duration, future).await
    }

    fn current_time() -> u64 {
        clock::wall().as_secs()
    }
}

//! The supervisor's one loop.

use std::future::{Future, pending};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::rc::Rc;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tracing::{debug, error, info, warn};

use super::channel::{Conversation, Message};
use super::child::{self, Happened, Recipe, Worker};
use super::figures::Figures;
use super::handover::{self, Door, Inheritance};
use super::keeper::Keeper;
use super::manager::Manager;
use super::orders::{self, Orders, PidFile};
use super::patience::Patience;
use super::signals::{Signals, Word};
use super::standing::Standing;
use crate::config::{Config, Loaded, Origin};
use crate::control::admin::{self, Listening};
use crate::error::{ExitCode, Failure};
use crate::listener::sockets::Sockets;
use crate::log;
use crate::metrics::Gauge;
use crate::querylog;
use crate::sys::sandbox::{self, Sandbox};
use crate::sys::{memory, process};

/// Time a worker has beyond `listen.drain-timeout` to end: it may write its file of answers, which it gives five seconds.
const END_PATIENCE: Duration = Duration::from_secs(7);

/// Time a worker has to leave its answers for one that takes over; then those it left before have to do.
const KEEP_PATIENCE: Duration = Duration::from_secs(2);

/// Runs until SIGTERM or SIGINT, or until another nodens has taken over.
///
/// # Errors
///
/// When the configuration is wrong, an address cannot be had, or the first worker cannot start.
pub fn run(mut origin: Origin, orders: &Orders) -> Result<(), Failure> {
    let system =
        |error: io::Error| Failure::new(ExitCode::System, format!("the supervisor has no event loop: {error}"));
    let runtime = Builder::new_current_thread().enable_all().build().map_err(system)?;
    let signals = runtime.block_on(async { Signals::new() }).map_err(system)?;
    let loaded = origin.read()?;
    // What is odd about the configuration, the worker says.
    log::initialize(&loaded.config.log)?;
    if let Err(error) = sandbox::claim() {
        warn!(%error, "the capabilities of the program's file stay unused");
    }
    // Workers inherit it.
    if let Err(error) = process::raise_descriptor_limit() {
        warn!(%error, "the limit on file descriptors stays as it is");
    }
    // Workers may not give a folder away, nor this process a moment later.
    let worker = Sandbox::of(&loaded.config, &origin.paths());
    querylog::prepare(&loaded.config.query_log, worker.becomes())?;
    if loaded.config.sandbox.enabled {
        match sandbox::supervise(loaded.config.manages_node()) {
            Ok(left) => debug!(capabilities = left, "supervisor"),
            Err(error) => warn!(%error, "the supervisor keeps all its capabilities"),
        }
    }
    let (shown, files) = (origin.clone(), loaded.files.clone());
    let outcome = runtime.block_on(async {
        tokio::select! {
            outcome = turns(&mut origin, loaded, orders, signals) => outcome,
            () = orders::show(shown, files) => unreachable!("it never ends"),
        }
    });
    runtime.shutdown_background();
    outcome
}

/// Supervises; and again, with the configuration of that time, when one that took over has gone first.
async fn turns(origin: &mut Origin, mut loaded: Loaded, orders: &Orders, mut signals: Signals) -> Result<(), Failure> {
    loop {
        let standing = Standing::new(origin.clone(), &loaded);
        let config = loaded.config.clone();
        let successor = supervise(config, standing, orders.clone(), Manager::find(), &mut signals).await?;
        let Some(successor) = successor.filter(|_| loaded.config.supervisor.linger) else { return Ok(()) };
        if !handover::outlives(&successor, &mut signals).await {
            return Ok(());
        }
        warn!("the nodens that had taken over has gone: its place is taken again");
        match origin.read() {
            Ok(read) => loaded = read,
            // Somebody has to answer.
            Err(failure) => warn!(%failure, "the configuration is wrong by now; that of before is used"),
        }
    }
}

/// Lets workers answer, and keeps the node in order around them. Whoever has taken over, if that is why it ends.
async fn supervise(
    config: Config,
    standing: Standing,
    orders: Orders,
    manager: Manager,
    signals: &mut Signals,
) -> Result<Option<Conversation>, Failure> {
    let (life, lives) = watch::channel(None);
    let (stop, mut stopped) = watch::channel(false);
    let figures = Rc::new(Figures::default());
    let mut keeper = Keeper::new(&config, Rc::clone(&figures));
    // A link that cannot be made now may be later; meanwhile whoever gets here without it is answered.
    keeper.raise().await;
    let mut supervisor = Supervisor::new((config, standing), orders, manager, figures, (life, stop)).await?;
    let (tend, serve) = (keeper.tend(&lives, &mut stopped), async {
        let end = supervisor.serve(signals).await;
        supervisor.let_go();
        end
    });
    // Of what is kept in order, a step that is under way comes to its end.
    let ((), end) = tokio::join!(tend, serve);
    let worker = match end {
        Ok(End::Left) => return Ok(supervisor.guest.take().map(|guest| guest.conversation)),
        Ok(End::Told(worker)) => worker,
        Err(failure) => {
            keeper.lower_rules().await;
            keeper.lower_interface().await;
            return Err(failure);
        }
    };
    keeper.lower_rules().await;
    supervisor.stop(worker).await;
    keeper.lower_interface().await;
    info!("stopped");
    Ok(None)
}

/// Why the supervisor ends.
enum End {
    /// Another nodens has taken over.
    Left,
    /// It was told to; this worker, if any, is still to be ended.
    Told(Option<Box<Worker>>),
}

/// What outlives a worker.
struct Supervisor {
    /// How workers are started.
    recipe: Recipe,
    /// The configuration of the start.
    config: Config,
    /// The document that the worker goes by.
    standing: Standing,
    /// The listening sockets.
    sockets: Sockets,
    /// What the worker has left last.
    answers: Option<OwnedFd>,
    /// What is counted.
    figures: Rc<Figures>,
    /// The service manager.
    manager: Manager,
    /// Where signs of life are shown.
    life: watch::Sender<Option<Instant>>,
    /// Tells that link and rules are no longer looked after here.
    stop: watch::Sender<bool>,
    /// When the next one starts.
    patience: Patience,
    /// Whether any worker has ever answered.
    has_answered: bool,
    /// Whom this one takes over from, until that one is gone.
    before: Option<Conversation>,
    /// Kept open for one that lingers: it hears by its end that this process is gone.
    lingering: Option<Conversation>,
    /// Where others come to take over.
    door: Option<Door>,
    /// Where operators ask the worker.
    control: Option<Listening>,
    /// Who has come.
    guest: Option<Guest>,
    /// The file with the number of this process.
    pid_file: PidFile,
}

/// Another nodens that takes over.
struct Guest {
    /// What it is spoken to by.
    conversation: Conversation,
    /// How far it has come.
    stage: Stage,
}

/// How far a hand-over has come.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    /// It has come in.
    Come,
    /// The worker leaves its answers for it, until then.
    Waits(Instant),
    /// It has sockets and answers.
    Given,
    /// It answers; this one leaves.
    Taken,
}

/// Waits for what an option offers; for ever if it offers nothing.
async fn maybe<T>(future: Option<impl Future<Output = T>>) -> T {
    match future {
        Some(future) => future.await,
        None => pending().await,
    }
}

impl Supervisor {
    /// Binds the listen addresses, or takes their sockets over.
    async fn new(
        (config, standing): (Config, Standing),
        orders: Orders,
        manager: Manager,
        figures: Rc<Figures>,
        (life, stop): (watch::Sender<Option<Instant>>, watch::Sender<bool>),
    ) -> Result<Self, Failure> {
        let recipe = Recipe { arguments: orders.worker, hang_timeout: config.supervisor.hang_timeout };
        let pid_file = PidFile::new(orders.pid_file);
        let inheritance = match &config.supervisor.socket {
            Some(path) => handover::take_over(path).await.unwrap_or_else(|error| {
                warn!(path = %path.display(), %error, "nothing is taken over from the nodens that is there");
                None
            }),
            None => None,
        };
        let (given, answers, before) = match inheritance {
            Some(Inheritance { sockets, answers, before }) => {
                info!(sockets = sockets.len(), answers = answers.is_some(), "taking over from another nodens");
                (Sockets::adopt(sockets), answers, Some(before))
            }
            None => {
                let (sockets, answers) = manager.kept();
                (Sockets::adopt(sockets), answers, None)
            }
        };
        let sockets = given.complete(&config.listen)?;
        manager.keep_sockets(&sockets);
        let patience = Patience::default();
        let (door, guest, lingering) = (None, None, None);
        // Where another nodens answers, the place is its until it leaves.
        let control = if before.is_none() { open_control(&config, false) } else { None };
        Ok(Self {
            recipe,
            config,
            standing,
            sockets,
            answers,
            figures,
            manager,
            life,
            stop,
            patience,
            has_answered: false,
            before,
            lingering,
            door,
            control,
            guest,
            pid_file,
        })
    }

    /// Lets workers answer until told to stop, or until another nodens does.
    async fn serve(&mut self, signals: &mut Signals) -> Result<End, Failure> {
        let mut worker: Option<Worker> = None;
        let mut start_at = Instant::now();
        loop {
            let waits_until = match &self.guest {
                Some(Guest { stage: Stage::Waits(until), .. }) => Some(*until),
                _ => None,
            };
            let leaves = self.leaves();
            tokio::select! {
                () = sleep_until(start_at), if worker.is_none() && !leaves => match self.start().await {
                    Ok(started) => worker = Some(started),
                    Err(error) => {
                        let pause = self.patience.after(None);
                        error!(%error, ?pause, "a worker cannot be started; tried again");
                        start_at = Instant::now() + pause;
                    }
                },
                happened = maybe(worker.as_mut().map(Worker::happens)) => {
                    if let Some(ended) = self.heed(happened, &mut worker).await? {
                        if leaves {
                            self.leave().await;
                            return Ok(End::Left);
                        }
                        start_at = Instant::now() + ended;
                    }
                }
                word = signals.next() => match word {
                    Word::Reload => {
                        self.manager.reloading();
                        // One that is about to start reads it anyway.
                        if let Some(worker) = &worker {
                            worker.say(&Message::Reload).await;
                        }
                    }
                    Word::Stop(signal) => {
                        info!(signal, "stopping");
                        self.manager.stopping();
                        return Ok(End::Told(worker.map(Box::new)));
                    }
                },
                guest = maybe(self.door.as_ref().filter(|_| self.guest.is_none()).map(Door::guest)) => match guest {
                    Ok(conversation) => self.guest = Some(Guest { conversation, stage: Stage::Come }),
                    Err(error) => warn!(%error, "nobody can take over"),
                },
                heard = maybe(self.guest.as_ref().map(|guest| guest.conversation.receive())) => {
                    self.entertain(heard, &mut worker).await;
                    if self.leaves() && worker.is_none() {
                        self.leave().await;
                        return Ok(End::Left);
                    }
                }
                () = maybe(waits_until.map(sleep_until)) => self.give().await,
                heard = maybe(self.before.as_ref().filter(|_| self.has_answered).map(Conversation::receive)) => {
                    self.inherit(heard, worker.as_ref()).await;
                }
            }
        }
    }

    /// Starts a worker.
    async fn start(&self) -> io::Result<Worker> {
        let answers = self.answers.as_ref().filter(|_| self.patience.trusts_answers());
        // The first one has to take what is there, and say what is wrong with it.
        let document = self.has_answered.then(|| self.standing.document()).flatten();
        Worker::start(&self.recipe, &self.sockets, document, answers, self.figures.all(), self.control.as_ref()).await
    }

    /// Does what follows from what happened to the worker. If it is gone, how long the next one waits.
    async fn heed(&mut self, happened: Happened, worker: &mut Option<Worker>) -> Result<Option<Duration>, Failure> {
        let Some(current) = worker else { return Ok(None) };
        match happened {
            Happened::Beat { is_first } => {
                if is_first {
                    self.greet(current).await;
                }
                // After the word to the nodens before: two that look after the same rules would replace each other's.
                let _ = self.life.send(Some(Instant::now()));
                self.manager.alive();
                if let Some(news) = self.figures.news() {
                    current.say(&Message::Figures(news)).await;
                }
                return Ok(None);
            }
            Happened::Reloaded => {
                self.manager.ready();
                return Ok(None);
            }
            Happened::InForce(hash) => {
                self.standing.in_force(&hash);
                return Ok(None);
            }
            Happened::Kept(answers) => {
                debug!("the worker has left its answers");
                self.answers = Some(answers);
                if matches!(self.guest, Some(Guest { stage: Stage::Waits(_), .. })) {
                    self.give().await;
                }
                return Ok(None);
            }
            Happened::Connection(connection, begun) => {
                if let Some(Guest { conversation, .. }) = &self.guest {
                    let _ = conversation.say(&Message::Connection(connection, begun)).await;
                }
                return Ok(None);
            }
            Happened::Hung if self.leaves() => {
                warn!("the worker does not end; what it has in hand is lost");
                current.kill().await;
            }
            Happened::Hung => {
                error!(timeout = ?self.recipe.hang_timeout, "the worker gives no sign of life; it is killed and started again");
                self.figures.count(Gauge::WorkerHung);
                current.kill().await;
            }
            Happened::Ended(_) if self.leaves() => {}
            Happened::Ended(status) => {
                if let Some(failure) = self.cannot_start(status) {
                    return Err(failure);
                }
                error!(status = %describe(status), "the worker has ended; it is started again");
                self.figures.count(Gauge::WorkerDied);
            }
        }
        let answered = current.answered();
        *worker = None;
        Ok(Some(self.patience.after(answered)))
    }

    /// Why there is no point in starting another worker: the very first one has ended by itself, and said why.
    fn cannot_start(&self, status: ExitStatus) -> Option<Failure> {
        let code = status.code().and_then(ExitCode::of).filter(|_| !self.has_answered)?;
        Some(Failure::new(code, "the worker cannot start, see above"))
    }

    /// A worker answers for the first time.
    async fn greet(&mut self, worker: &Worker) {
        debug!("the worker answers");
        if !self.has_answered {
            // All that ran once at the start.
            memory::give_back();
            memory::forget_code();
        }
        self.has_answered = true;
        self.pid_file.write();
        if self.before.is_some() && self.control.is_none() {
            self.take_control(worker).await;
        }
        if let Some(before) = &self.before {
            info!("the other nodens may leave");
            if let Err(error) = before.say(&Message::Taken).await {
                warn!(%error, "the other nodens has gone too early");
                self.before = None;
            }
            self.figures.count(Gauge::TookOver);
        }
        if self.before.is_none() {
            self.open();
        }
        self.manager.ready();
    }

    /// Puts a socket for operators in the place of that of the nodens before, which still answers: whoever comes from now on comes to us.
    async fn take_control(&mut self, worker: &Worker) {
        self.control = open_control(&self.config, true);
        match self.control.as_ref().map(child::share).transpose() {
            Ok(Some(message)) => worker.say(&message).await,
            Ok(None) => {}
            Err(error) => warn!(%error, "there is no control socket"),
        }
    }

    /// Lets others come to take over.
    fn open(&mut self) {
        let Some(path) = self.config.supervisor.socket.as_ref().filter(|_| self.door.is_none()) else { return };
        match Door::open(path) {
            Ok(door) => self.door = Some(door),
            Err(error) => warn!(path = %path.display(), %error, "no other nodens can take over: see supervisor.socket"),
        }
    }

    //------ The other side --------------------------------------------------------------------------------------------

    /// Whether another nodens answers by now.
    fn leaves(&self) -> bool {
        matches!(self.guest, Some(Guest { stage: Stage::Taken, .. }))
    }

    /// Does what another nodens asks for.
    async fn entertain(&mut self, heard: io::Result<Option<Message>>, worker: &mut Option<Worker>) {
        let Some(guest) = &mut self.guest else { return };
        match (heard, guest.stage) {
            (Ok(Some(Message::Hello(version))), Stage::Come) => {
                let _ = guest.conversation.say(&Message::Hello(handover::VERSION)).await;
                if version != handover::VERSION {
                    return self.dismiss(&format!("it speaks version {version}"));
                }
                match worker.as_ref().filter(|worker| worker.answered().is_some()) {
                    Some(worker) => {
                        guest.stage = Stage::Waits(Instant::now() + KEEP_PATIENCE);
                        worker.say(&Message::Keep).await;
                    }
                    None => self.give().await,
                }
            }
            (Ok(Some(Message::Taken)), Stage::Given) => {
                info!("another nodens has taken over");
                guest.stage = Stage::Taken;
                // From now on link and rules are the other's.
                let _ = self.stop.send(true);
                if let Some(worker) = worker {
                    worker.say(&Message::Leave).await;
                    worker.must_end_within(self.config.listen.drain_timeout + END_PATIENCE);
                }
            }
            // It will not come back; what is in hand is still answered.
            (_, Stage::Taken) => {}
            (Ok(Some(other)), _) => self.dismiss(&format!("it says {other:?}")),
            (Ok(None), _) => self.dismiss("it has gone"),
            (Err(error), _) => self.dismiss(&error.to_string()),
        }
    }

    /// Goes on as if nobody had come.
    fn dismiss(&mut self, reason: &str) {
        warn!(reason, "another nodens came to take over and did not");
        self.figures.count(Gauge::HandOverFailed);
        self.guest = None;
    }

    /// Gives sockets and answers to whoever waits for them.
    async fn give(&mut self) {
        let Some(guest) = &mut self.guest else { return };
        let copies = self.sockets.descriptors().map(|socket| socket.try_clone_to_owned()).collect::<io::Result<_>>();
        let answers = self.answers.as_ref().map(|answers| answers.as_fd().try_clone_to_owned()).transpose();
        let given = match (copies, answers) {
            (Ok(copies), Ok(answers)) => match guest.conversation.say(&Message::Sockets(copies)).await {
                Ok(()) => guest.conversation.say(&Message::Begin(answers)).await,
                Err(error) => Err(error),
            },
            (Err(error), _) | (_, Err(error)) => Err(error),
        };
        match given {
            Ok(()) => guest.stage = Stage::Given,
            Err(error) => self.dismiss(&error.to_string()),
        }
    }

    /// Link and rules are no longer looked after.
    fn let_go(&self) {
        let _ = self.stop.send(true);
    }

    /// Nothing is in hand any more.
    async fn leave(&mut self) {
        if let Some(guest) = &self.guest {
            let _ = guest.conversation.say(&Message::Gone).await;
        }
        info!("stopped");
    }

    /// Does what follows from what the nodens before has said.
    async fn inherit(&mut self, heard: io::Result<Option<Message>>, worker: Option<&Worker>) {
        match (heard, worker) {
            (Ok(Some(Message::Connection(connection, begun))), Some(worker)) => {
                worker.say(&Message::Connection(connection, begun)).await;
            }
            (Ok(Some(Message::Connection(..))), None) => {}
            (Ok(Some(Message::Gone) | None) | Err(_), _) => {
                info!("the other nodens has gone");
                self.lingering = self.before.take();
                self.open();
            }
            (Ok(Some(other)), _) => warn!(?other, "the other nodens is not understood"),
        }
    }

    //------ The end -----------------------------------------------------------------------------------------------------

    /// Lets the worker answer what it has in hand.
    async fn stop(&mut self, worker: Option<Box<Worker>>) {
        if let Some(mut worker) = worker {
            if self.manager.is_there() {
                // For the next one, if the service manager starts one.
                worker.say(&Message::Keep).await;
            }
            worker.say(&Message::Stop).await;
            worker.must_end_within(self.config.listen.drain_timeout + END_PATIENCE);
            loop {
                match worker.happens().await {
                    Happened::Ended(_) => break,
                    Happened::Hung => {
                        warn!("the worker does not end; it is killed");
                        worker.kill().await;
                        break;
                    }
                    Happened::Kept(answers) => self.answers = Some(answers),
                    Happened::Beat { .. } | Happened::Reloaded | Happened::InForce(_) | Happened::Connection(..) => {}
                }
            }
        }
        if let Some(answers) = &self.answers {
            self.manager.keep_answers(answers);
        }
    }
}

/// Where operators ask, if they may; `takes_over` if the one before leaves its place to us.
fn open_control(config: &Config, takes_over: bool) -> Option<Listening> {
    let path = config.control.socket.as_ref()?;
    let tell =
        |error: io::Error| warn!(path = %path.display(), %error, "there is no control socket: see control.socket");
    admin::listen(path, takes_over).map_err(tell).ok()
}

/// How a process ended, in words.
fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "unknown".to_owned(),
    }
}

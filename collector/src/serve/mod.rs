//! The HTTP side: from requests to calls, and from answers to responses.
//!
//! Neither the address nor the user agent of a sender is read, stored or logged.

pub(crate) mod body;
mod demo;
mod erasure;
pub(crate) mod reply;

use crate::device;
use crate::epochs;
use crate::erase;
use crate::error::Code;
use crate::ingest::{self, Batch};
use crate::keys::Signer;
use crate::log::{Log, LogConfig};
use crate::operator;
use crate::peppers::Peppers;
use crate::pseudonyms;
use crate::receipts;
use crate::retention::{self, Keep, Look, Trust};
use crate::store::{Expected, Store};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::response::Response;
use axum::routing::{get, post};
use nymtrail::core::epoch::{DAY, Period};
use reply::{fallback, json, not_allowed, refuse};
use serde_json::json;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, Any, CorsLayer};
use tower_http::services::ServeDir;
use tower_http::set_header::SetResponseHeaderLayer;

/// What a page may see of an answer beyond its body: when to come again, and by which clock.
pub(crate) const EXPOSED: [HeaderName; 2] = [header::RETRY_AFTER, header::DATE];
/// How many batches are read and judged at a time; those that have arrived meanwhile wait for their turn.
const TURNS: usize = 8;
/// How often the due rotations are looked for.
pub(crate) const ROTATE_EVERY: Duration = Duration::from_secs(60);
/// How often it is looked what is kept too long, and what was erased is taken out of the store's files for good.
const TIDY_EVERY: Duration = Duration::from_secs(24 * 3600);
/// When to look again if that could not be done.
const TIDY_AGAIN: Duration = Duration::from_secs(3600);
/// How often what was signed is logged.
const LOG_EVERY: Duration = Duration::from_secs(1);
/// How long requests under way may take to end after the signal to stop.
pub(crate) const STOP_TIME: Duration = Duration::from_secs(10);

/// The pages, by their origin, that may read the collector's answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origins {
    /// Pages of this server alone.
    #[default]
    Same,
    /// Pages of these origins as well.
    Listed(Vec<HeaderValue>),
    /// Every page.
    All,
}

impl Origins {
    /// From the command line's values, `*` being all. A value that is no header value is left out.
    pub fn of(values: &[String]) -> Self {
        if values.iter().any(|value| value == "*") {
            return Self::All;
        }
        let listed: Vec<_> = values.iter().filter_map(|value| HeaderValue::from_str(value).ok()).collect();
        if listed.is_empty() { Self::Same } else { Self::Listed(listed) }
    }

    pub(crate) fn layer(&self) -> CorsLayer {
        let layer = CorsLayer::new()
            .allow_methods([Method::GET, Method::POST])
            .allow_headers([header::CONTENT_TYPE, header::CONTENT_ENCODING])
            .expose_headers(EXPOSED)
            .max_age(Duration::from_secs(24 * 3600));
        match self {
            Self::Same => CorsLayer::new(),
            Self::Listed(origins) => layer.allow_origin(AllowOrigin::list(origins.clone())),
            Self::All => layer.allow_origin(Any),
        }
    }
}

/// What can be set about the server.
#[derive(Clone, Debug)]
pub struct Config {
    /// Which pages may read answers.
    pub origins: Origins,
    /// The largest body that is taken, in bytes, as it arrives and as it is once unpacked. Default 1 MiB.
    pub max_body: usize,
    /// A folder of files to serve beside the API.
    pub www: Option<PathBuf>,
    /// Whether rows can be read and damaged over HTTP.
    pub demo: bool,
    /// The peppers, if pseudonyms of a second level alone are to be stored.
    pub peppers: Option<Peppers>,
    /// How long events are kept. `None`: until they are erased otherwise.
    pub keep: Option<Keep>,
    /// The collector's own log. `None`: it keeps none for now; what it signs meanwhile is logged once there is one.
    pub log: Option<LogConfig>,
}

impl Default for Config {
    fn default() -> Self {
        Self { origins: Origins::Same, max_body: 1 << 20, www: None, demo: false, peppers: None, keep: None, log: None }
    }
}

/// A clock: ms since 1970.
pub type Clock = Box<dyn Fn() -> u64 + Send + Sync>;

/// The system's clock, in ms since 1970.
pub fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as u64)
}

/// What all requests share.
pub struct App {
    /// The one writer. Readers open the file for themselves.
    writer: Mutex<Store>,
    signer: Signer,
    path: PathBuf,
    deployment: String,
    period: Period,
    config: Config,
    clock: Clock,
    damaged: Mutex<Vec<demo::Original>>,
    room: Arc<Semaphore>,
    turns: Arc<Semaphore>,
}

impl App {
    /// `store` is the open store, `signer` signs receipts, `path` is the file the store is in.
    pub fn new(store: Store, signer: Signer, path: PathBuf, config: Config, clock: Clock) -> Arc<Self> {
        let (deployment, period) = (store.deployment.clone(), store.period);
        Arc::new(Self {
            writer: Mutex::new(store),
            signer,
            path,
            deployment,
            period,
            room: body::room(config.max_body),
            turns: Arc::new(Semaphore::new(TURNS)),
            config,
            clock,
            damaged: Mutex::default(),
        })
    }

    fn writer(&self) -> MutexGuard<'_, Store> {
        // A transaction that a panic cut off was rolled back, so the store is as it was before it.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does `work`, which may wait for the disk, without holding up other requests.
async fn blocking<T: Send + 'static>(
    app: Arc<App>,
    work: impl FnOnce(&App) -> Result<T, Code> + Send + 'static,
) -> Result<T, Code> {
    tokio::task::spawn_blocking(move || work(&app)).await.unwrap_or(Err(Code::Internal))
}

/// All paths of the collector.
pub fn router(app: Arc<App>) -> Router {
    let mut main = Router::new()
        .route("/v1/batch", post(take_batch))
        .route("/v1/erase", post(erasure::take))
        .route("/v1/health", get(health));
    if app.config.demo {
        main = main
            .route("/v1/verify", get(demo::verify))
            .route("/v1/rows", get(demo::rows))
            .route("/v1/demo/damage", post(demo::damage))
            .route("/v1/demo/repair", post(demo::repair));
    }
    main = match &app.config.www {
        Some(dir) => {
            let missing = axum::handler::HandlerWithoutStateExt::into_service(fallback);
            main.fallback_service(ServeDir::new(dir).call_fallback_on_method_not_allowed(true).fallback(missing))
        }
        None => main.route("/", get(welcome)).fallback(fallback),
    };
    let main = main.method_not_allowed_fallback(not_allowed).layer(app.config.origins.layer());
    // The document is the same for everybody, and pages of any origin need it.
    let epochs = Router::new()
        .route("/v1/epochs", get(epochs))
        .method_not_allowed_fallback(not_allowed)
        .layer(CorsLayer::new().allow_origin(Any).allow_methods([Method::GET]).expose_headers(EXPOSED));
    let mut main = main.merge(epochs);
    if let Some(log) = &app.config.log {
        // Like the document: the same for everybody, and for whoever wants to check.
        let missing = axum::handler::HandlerWithoutStateExt::into_service(fallback);
        let files = ServeDir::new(&log.dir).append_index_html_on_directories(false).fallback(missing);
        let files = Router::new().fallback_service(files);
        main = main.nest("/log", files.layer(CorsLayer::new().allow_origin(Any).allow_methods([Method::GET])));
    }
    main.layer(SetResponseHeaderLayer::if_not_present(header::CACHE_CONTROL, HeaderValue::from_static("no-cache")))
        .layer(SetResponseHeaderLayer::overriding(
            HeaderName::from_static("x-content-type-options"),
            HeaderValue::from_static("nosniff"),
        ))
        .layer(CatchPanicLayer::custom(|_| refuse(Code::Internal)))
        .with_state(app)
}

async fn take_batch(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Result<Response, Response> {
    let body = body::read(body, app.config.max_body, &app.room).await.map_err(refuse)?;
    let gzipped = body::is_gzipped(&headers).map_err(refuse)?;
    // There is one writer, so that more at once would be no faster, but take more memory.
    let turn = app.turns.clone().acquire_owned().await.map_err(|_| refuse(Code::Internal))?;
    let answer = blocking(app, move |app| {
        let _turn = turn; // to the end of this work, which goes on if the sender does not wait for it
        let mut batch =
            if gzipped { Batch::read(&body::unpack(&body, app.config.max_body)?)? } else { Batch::read(&body)? };
        drop(body);
        batch.check(&app.deployment, app.period, (app.clock)())?;
        batch.prepare(app.config.peppers.as_ref())?;
        app.writer().write(|tx| {
            let mut answer = ingest::take(tx, &batch)?;
            device::take(tx, &app.deployment, &batch, &mut answer)?;
            pseudonyms::take(tx, &batch, &mut answer)?;
            // The time is taken while nobody else writes: what was signed later says so.
            let now = (app.clock)();
            answer.receipt = receipts::issue(tx, &app.signer, &app.deployment, &answer, now)?;
            operator::record(tx, &app.signer, &app.deployment, &ingest::came_erased(&batch, &answer), now)?;
            Ok(answer)
        })
    });
    let answer = answer.await.map_err(refuse)?;
    tracing::debug!(answer.stored, answer.duplicate, answer.refused, "batch");
    Ok(json(answer.status(), &answer))
}

async fn epochs(State(app): State<Arc<App>>) -> Response {
    match blocking(app, |app| epochs::document(&mut app.writer(), (app.clock)())).await {
        Ok(document) => reply::text("application/json", document),
        Err(code) => refuse(code),
    }
}

async fn health(State(app): State<Arc<App>>) -> Response {
    let readable = blocking(app, |app| Ok(app.writer().db().query_row("SELECT 1", [], |_| Ok(()))?)).await;
    readable.map_or_else(refuse, |()| json(200, &json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")})))
}

async fn welcome(State(app): State<Arc<App>>) -> Response {
    let text = format!(
        "This is Nymtrail's collector. It takes events of the deployment `{}` at POST /v1/batch\n\
         and publishes the epochs document at GET /v1/epochs. `nymtrail --help` tells the rest.\n",
        app.deployment
    );
    reply::text("text/plain; charset=utf-8", text)
}

/// Serves until SIGINT or SIGTERM. `path` is the file the store is in.
///
/// # Errors
/// `key_file`, `cannot_listen`, `unavailable`, `internal`.
pub fn run(mut store: Store, path: PathBuf, listen: SocketAddr, config: Config) -> Result<(), Code> {
    report("salt", &epochs::rotate(&mut store, now_ms())?);
    let signer = signer(&store, &path)?;
    let log = config.log.clone().map(|log| Log::open(&path, log)).transpose()?;
    let log = log.map(|log| Arc::new(Mutex::new(log)));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|_| Code::Internal)?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(listen).await.map_err(|_| Code::CannotListen)?;
        let address = listener.local_addr().map_err(|_| Code::CannotListen)?;
        let what = if config.demo { "Open it in a browser for the demo." } else { "Batches go to POST /v1/batch." };
        say(&format!("Collecting events of `{}` on http://{address}/ into {}", store.deployment, path.display()));
        say(&format!("{what} Ctrl-C stops it; `nymtrail verify {}` checks what was collected.", path.display()));

        let app = App::new(store, signer, path, config, Box::new(now_ms));
        let rotation = tokio::spawn(keep_rotating(app.clone()));
        let tidying = tokio::spawn(keep_tidy(app.clone()));
        let logging = log.clone().map(|log| tokio::spawn(keep_logging(log)));
        let stop = Arc::new(tokio::sync::Notify::new());
        let stopped = stop.clone();
        let server = axum::serve(listener, router(app)).with_graceful_shutdown(async move { stopped.notified().await });
        let ended = tokio::select! {
            ended = server.into_future() => ended.map_err(|_| Code::Internal),
            () = async {
                stop_signal().await;
                stop.notify_one();
                tokio::time::sleep(STOP_TIME).await;
            } => Ok(()),
        };
        rotation.abort();
        tidying.abort();
        if let (Some(log), Some(logging)) = (log, logging) {
            logging.abort();
            step(log).await; // what was signed since the last one
        }
        say("Stopped.");
        ended
    })
}

/// The key that signs receipts; made at the first start.
fn signer(store: &Store, path: &Path) -> Result<Signer, Code> {
    let (signer, made) = Signer::open(path, &store.deployment)?;
    if made && store.db().query_row("SELECT count(*) FROM checkpoints", [], |row| row.get::<_, i64>(0))? > 0 {
        tracing::warn!("the key beside the store was gone; earlier receipts need the old public key to be checked");
    }
    Ok(signer)
}

/// Tells whoever listens; `println!` panics if nobody does any more.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

async fn keep_rotating(app: Arc<App>) {
    let mut ticks = tokio::time::interval(ROTATE_EVERY);
    loop {
        ticks.tick().await;
        // A failure was logged where it happened; the next tick tries again.
        if let Ok(destroyed) = blocking(app.clone(), |app| epochs::rotate(&mut app.writer(), (app.clock)())).await {
            report("salt", &destroyed);
        }
        if let Ok(destroyed) = blocking(app.clone(), destroy_peppers).await {
            report("pepper", &destroyed);
        }
    }
}

async fn keep_tidy(app: Arc<App>) {
    loop {
        // A failure was logged where it happened.
        let done = blocking(app.clone(), tidy).await;
        tokio::time::sleep(if done.is_ok() { TIDY_EVERY } else { TIDY_AGAIN }).await;
    }
}

/// Erases what is kept too long, and takes what was erased out of the store's files. With a connection of its own, so that
/// batches that come meanwhile are told to come again, and don't wait in memory.
fn tidy(app: &App) -> Result<(), Code> {
    let mut store = Store::open(&app.path, &Expected::default())?;
    if let Some(keep) = app.config.keep {
        match retention::look(&mut store, &app.signer, keep, (app.clock)())? {
            Look::Erased(0) => {}
            Look::Erased(events) => tracing::info!(events, "erased events that were older than {keep}"),
            Look::Held(Trust::Jumped(ms)) => tracing::warn!(
                days = ms / DAY.cast_signed(),
                "the clock has jumped since it was looked at last; nothing is erased for a day, so set it right if it is wrong"
            ),
            Look::Held(_) => {}
        }
    }
    if erase::is_due(store.db())? { erase::forget(&store) } else { Ok(()) }
}

async fn keep_logging(log: Arc<Mutex<Log>>) {
    let mut ticks = tokio::time::interval(LOG_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        step(log.clone()).await;
    }
}

/// A failure was logged where it happened; the next step tries again.
async fn step(log: Arc<Mutex<Log>>) {
    let work = move || log.lock().unwrap_or_else(PoisonError::into_inner).step();
    if let Ok(Err(code)) = tokio::task::spawn_blocking(work).await {
        tracing::warn!(%code, "the log was not published");
    }
}

fn destroy_peppers(app: &App) -> Result<Vec<u64>, Code> {
    let Some(peppers) = &app.config.peppers else { return Ok(Vec::new()) };
    peppers.destroy_due(app.period, (app.clock)()).inspect_err(|code| tracing::error!(%code, "no pepper was destroyed"))
}

fn report(what: &str, destroyed: &[u64]) {
    for epoch in destroyed {
        tracing::info!(epoch, "destroyed the {what}");
    }
}

/// Waits for SIGINT (Ctrl-C) or SIGTERM. If signals can't be had, waits for ever.
pub(crate) async fn stop_signal() {
    let interrupt = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => signal.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<Option<()>>();
    tokio::select! {
        () = interrupt => {}
        _ = terminate => {}
    }
}

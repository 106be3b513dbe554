//! The key server's HTTP side. The sender's address is used for the limits and goes no further; nothing of a request is logged.

use super::evaluate::{Admission, Refusal, admit};
use super::limits::{Limits, Rate, requester};
use super::store::KeyStore;
use super::{audit, keys};
use crate::error::Code;
use crate::serve::body;
use crate::serve::reply::{self, fallback, json, not_allowed, refuse};
use crate::serve::{Clock, EXPOSED, Origins, ROTATE_EVERY, STOP_TIME, now_ms, say, stop_signal};
use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::response::Response;
use axum::routing::{get, post};
use nymtrail::core::epoch::Published;
use nymtrail::core::pseudonym::Salt;
use serde_json::json;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{Any, CorsLayer};
use tower_http::set_header::SetResponseHeaderLayer;

/// The longest request: sixteen elements and a ticket take 1 KiB.
const MAX_BODY: usize = 4096;

/// What can be set about the server.
#[derive(Clone, Debug)]
pub struct Config {
    /// Which pages may read answers.
    pub origins: Origins,
    /// What one requester may have.
    pub per_requester: Rate,
    /// What all together may have.
    pub global: Rate,
    /// Who may ask.
    pub admission: Admission,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            origins: Origins::Same,
            per_requester: Rate { per_second: 1.0, burst: 16.0 },
            global: Rate { per_second: 100.0, burst: 400.0 },
            admission: Admission::default(),
            trusted_proxies: Vec::new(),
        }
    }
}

/// What all requests share.
pub struct App {
    inner: Mutex<(KeyStore, Limits)>,
    config: Config,
    clock: Clock,
    room: Arc<Semaphore>,
}

impl App {
    /// Over an open store.
    pub fn new(store: KeyStore, config: Config, clock: Clock) -> Arc<Self> {
        let limits = Limits::new(config.per_requester, config.global);
        Arc::new(Self { inner: Mutex::new((store, limits)), config, clock, room: body::room(MAX_BODY) })
    }

    fn inner(&self) -> MutexGuard<'_, (KeyStore, Limits)> {
        // A transaction that a panic cut off was rolled back, so the store is as it was before it.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rotate(&self) {
        let (now, (store, _)) = ((self.clock)(), &mut *self.inner());
        // A failure was logged where it happened; the next tick tries again.
        for epoch in keys::rotate(store, now).unwrap_or_default() {
            tracing::info!(epoch, "destroyed the key");
        }
        let _ = audit::prune(store.db(), now);
    }
}

/// All paths of the key server.
pub fn router(app: Arc<App>) -> Router {
    // The document is the same for everybody, and whoever wants to compare may read it.
    let document = Router::new()
        .route("/v1/keys", get(document))
        .method_not_allowed_fallback(not_allowed)
        .layer(CorsLayer::new().allow_origin(Any).allow_methods([Method::GET]).expose_headers(EXPOSED));
    Router::new()
        .route("/v1/evaluate", post(evaluate))
        .route("/v1/health", get(health))
        .fallback(fallback)
        .method_not_allowed_fallback(not_allowed)
        .layer(app.config.origins.layer())
        .merge(document)
        .layer(SetResponseHeaderLayer::overriding(
            HeaderName::from_static("x-content-type-options"),
            HeaderValue::from_static("nosniff"),
        ))
        .layer(CatchPanicLayer::custom(|_| refuse(Code::Internal)))
        .with_state(app)
}

async fn evaluate(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let body = match body::read(body, MAX_BODY, &app.room).await {
        Ok(body) => body,
        // The reader's word for a body that broke off is the batch's.
        Err(Code::MalformedBatch) => return refuse(Code::MalformedEvaluation),
        Err(code) => return refuse(code),
    };
    let forwarded: Vec<_> = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).collect();
    let forwarded = forwarded.iter().flat_map(|value| value.split(','));
    let requester = requester(peer.ip(), forwarded, &app.config.trusted_proxies);
    let done = tokio::task::spawn_blocking(move || {
        let granted = {
            let (store, limits) = &mut *app.inner();
            // The clock is read while nobody else is judged, so that time does not go back.
            admit(store, limits, &app.config.admission, requester, &body, (app.clock)())?
        };
        Ok(granted.evaluate()?)
    });
    match done.await.unwrap_or(Err(Code::Internal.into())) {
        Ok(answer) => json(200, &answer),
        Err(Refusal { code, retry_after }) => {
            let mut response = refuse(code);
            if let Some(seconds) = retry_after {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
            response
        }
    }
}

async fn document(State(app): State<Arc<App>>) -> Response {
    let work = move || keys::document(&mut app.inner().0, (app.clock)());
    match tokio::task::spawn_blocking(work).await.unwrap_or(Err(Code::Internal)) {
        Ok(document) => reply::text("application/json", document),
        Err(code) => refuse(code),
    }
}

async fn health() -> Response {
    json(200, &json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")}))
}

/// Serves until SIGINT or SIGTERM. `path` is the file the store is in.
///
/// # Errors
/// `cannot_listen`, `unavailable`, `internal`.
pub fn run(mut store: KeyStore, path: &Path, listen: SocketAddr, config: Config) -> Result<(), Code> {
    keys::rotate(&mut store, now_ms())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|_| Code::Internal)?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(listen).await.map_err(|_| Code::CannotListen)?;
        let address = listener.local_addr().map_err(|_| Code::CannotListen)?;
        say(&format!("Evaluating for `{}` on http://{address}/ with the keys in {}", store.deployment, path.display()));
        let id = store.period.id(now_ms());
        let public = Salt::new(keys::key(&store, id, now_ms())?.public());
        say(&format!("The commitment to the key of epoch {id}, for `pin`: {}", Published::Key.commitment(id, &public)));

        let app = App::new(store, config, Box::new(now_ms));
        let rotating = app.clone();
        let rotation = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(ROTATE_EVERY);
            loop {
                ticks.tick().await;
                let app = rotating.clone();
                let _ = tokio::task::spawn_blocking(move || app.rotate()).await;
            }
        });
        let stop = Arc::new(tokio::sync::Notify::new());
        let stopped = stop.clone();
        let service = router(app).into_make_service_with_connect_info::<SocketAddr>();
        let server = axum::serve(listener, service).with_graceful_shutdown(async move { stopped.notified().await });
        let ended = tokio::select! {
            ended = server.into_future() => ended.map_err(|_| Code::Internal),
            () = async {
                stop_signal().await;
                stop.notify_one();
                tokio::time::sleep(STOP_TIME).await;
            } => Ok(()),
        };
        rotation.abort();
        say("Stopped.");
        ended
    })
}

//! What is answered on which path: `/health`, `/ready`, `/metrics`, by GET and HEAD.

use std::net::IpAddr;
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::watch;

use super::readiness::Readiness;
use super::server::Endpoints;
use crate::metrics::{Event, Metrics};

/// The form of `/metrics`.
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The form of everything else.
const PLAIN: &str = "text/plain; charset=utf-8";

/// What one listener serves, and to whom.
#[derive(Debug)]
pub(super) struct Site {
    /// Whether `/metrics` is served here.
    pub(super) has_metrics: bool,
    /// Whether `/health` and `/ready` are served here.
    pub(super) has_health: bool,
    /// Who may read what; may change at any time.
    pub(super) endpoints: watch::Receiver<Endpoints>,
    /// What `/metrics` shows.
    pub(super) metrics: Arc<Metrics>,
    /// What `/ready` shows.
    pub(super) readiness: Arc<Readiness>,
}

/// A path that is served.
#[derive(Clone, Copy, Debug)]
enum Page {
    /// The process runs.
    Health,
    /// The listeners answer.
    Ready,
    /// The exposition.
    Metrics,
}

impl Site {
    /// The answer to a request; its body, if it has one, is not read.
    pub(super) fn answer<B>(&self, request: &Request<B>, client: IpAddr) -> Response<Full<Bytes>> {
        let page = match request.uri().path() {
            "/health" if self.has_health => Page::Health,
            "/ready" if self.has_health => Page::Ready,
            "/metrics" if self.has_metrics => Page::Metrics,
            _ => return plain(StatusCode::NOT_FOUND, "not found\n"),
        };
        let allowed = {
            let endpoints = self.endpoints.borrow();
            let endpoint = if matches!(page, Page::Metrics) { &endpoints.metrics } else { &endpoints.health };
            endpoint.allow.allows(client)
        };
        if !allowed {
            self.metrics.main().count(Event::HttpForbidden);
            return plain(StatusCode::FORBIDDEN, "forbidden\n");
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut refusal = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
            refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return refusal;
        }
        match page {
            Page::Health => plain(StatusCode::OK, "OK"),
            Page::Ready => {
                let pending = self.readiness.pending();
                if pending.is_empty() {
                    plain(StatusCode::OK, self.readiness.report())
                } else {
                    plain(StatusCode::SERVICE_UNAVAILABLE, pending.join("\n") + "\n")
                }
            }
            Page::Metrics => respond(StatusCode::OK, EXPOSITION, self.metrics.exposition()),
        }
    }
}

/// A short answer.
fn plain(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    respond(status, PLAIN, body)
}

/// An answer of a given form.
fn respond(status: StatusCode, form: &'static str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(form));
    // A proxy in between must not answer for a node from memory.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

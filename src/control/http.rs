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

/// What one listener serves.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pages {
    /// `/metrics`.
    pub(super) has_metrics: bool,
    /// `/health`.
    pub(super) has_health: bool,
    /// `/ready`.
    pub(super) has_ready: bool,
}

impl Pages {
    /// At `metrics.listen`.
    pub(super) const METRICS: Self = Self { has_metrics: true, has_health: false, has_ready: false };
    /// At `health.listen`.
    pub(super) const HEALTH: Self = Self { has_metrics: false, has_health: true, has_ready: true };
    /// At `health.ready-listen`.
    pub(super) const READY: Self = Self { has_metrics: false, has_health: false, has_ready: true };

    /// All that one of them has.
    pub(super) const fn and(self, other: Self) -> Self {
        Self {
            has_metrics: self.has_metrics || other.has_metrics,
            has_health: self.has_health || other.has_health,
            has_ready: self.has_ready || other.has_ready,
        }
    }

    /// What the log calls it.
    pub(super) const fn name(self) -> &'static str {
        match (self.has_metrics, self.has_health, self.has_ready) {
            (true, true, _) => "metrics,health",
            (true, false, true) => "metrics,ready",
            (true, false, false) => "metrics",
            (false, true, _) => "health",
            (false, false, _) => "ready",
        }
    }
}

/// What one listener serves, and to whom.
#[derive(Debug)]
pub(super) struct Site {
    /// What is served here.
    pub(super) pages: Pages,
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
            "/health" if self.pages.has_health => Page::Health,
            "/ready" if self.pages.has_ready => Page::Ready,
            "/metrics" if self.pages.has_metrics => Page::Metrics,
            _ => return plain(StatusCode::NOT_FOUND, "not found\n"),
        };
        let allowed = {
            let endpoints = self.endpoints.borrow();
            let allow = if matches!(page, Page::Metrics) { &endpoints.metrics.allow } else { &endpoints.health.allow };
            allow.allows(client)
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

//! One connection from its first byte to its end.

use std::pin::pin;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tower_http::timeout::TimeoutBody;

use crate::patience::{PatientStream, Requests};
use crate::{CloseWithoutAnswer, EdgeSettings};

/// What the service returns to hyper to have the connection closed.
#[derive(Debug)]
struct ClosedOnPurpose;

impl std::fmt::Display for ClosedOnPurpose {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("closed without an answer, on purpose")
    }
}
impl std::error::Error for ClosedOnPurpose {}

/// Serves the connection until the peer is done, the shutdown has drained it, or `cut` ends it.
pub(crate) async fn drive(
    stream: TcpStream,
    app: Router,
    settings: EdgeSettings,
    shutdown: CancellationToken,
    cut: CancellationToken,
) {
    let Ok(peer) = stream.peer_addr() else { return };
    // Answers are small and written at once, so there is nothing for Nagle's algorithm to gather.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let requests = Requests::default();
    let stream = PatientStream::new(
        stream,
        requests.clone(),
        settings.first_byte_timeout,
        settings.head_timeout,
    );
    let service = service_fn(move |request: Request<Incoming>| {
        let served = requests.begin();
        let app = app.clone();
        let mut request = request.map(|body| Body::new(TimeoutBody::new(settings.body_idle_timeout, body)));
        request.extensions_mut().insert(ConnectInfo(peer));
        async move {
            let response = match app.oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            // Served until its last piece is written, or given up.
            let response = response.map(|body| {
                Body::new(body.map_frame(move |frame| {
                    let _until_then = &served;
                    frame
                }))
            });
            answer_or_close(response)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new()) // without a timer hyper ignores the time-out
        .header_read_timeout(settings.idle_timeout)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = shutdown.cancelled() => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                ended = connection => ended,
                () = cut.cancelled() => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "connection ended early");
    }
}

fn answer_or_close(response: Response<Body>) -> Result<Response<Body>, ClosedOnPurpose> {
    match response.extensions().get::<CloseWithoutAnswer>() {
        Some(CloseWithoutAnswer) => Err(ClosedOnPurpose),
        None => Ok(response),
    }
}

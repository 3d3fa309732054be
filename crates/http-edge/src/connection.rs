//! One connection from its first byte to its end.

use std::net::SocketAddr;
use std::pin::pin;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tower_http::timeout::TimeoutBody;

use crate::patience::{PatientStream, Requests, UntilSent};
use crate::{CloseWithoutAnswer, EdgeSettings, TlsIdentity};

/// What the service returns to hyper to have the connection closed.
#[derive(Debug)]
struct ClosedOnPurpose;

impl std::fmt::Display for ClosedOnPurpose {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("closed without an answer, on purpose")
    }
}
impl std::error::Error for ClosedOnPurpose {}

/// What every connection of a server has in common.
#[derive(Clone)]
pub(crate) struct Terms {
    pub(crate) app: Router,
    pub(crate) settings: EdgeSettings,
    /// Who the server says it is, where it is served over TLS.
    pub(crate) tls: Option<TlsIdentity>,
    /// No further requests are taken.
    pub(crate) shutdown: CancellationToken,
    /// Everything ends at once.
    pub(crate) cut: CancellationToken,
}

/// Serves the connection until the peer is done, the shutdown has drained it, or it is cut.
pub(crate) async fn drive(stream: TcpStream, terms: Terms) {
    let Ok(peer) = stream.peer_addr() else { return };
    // Answers are small and written at once, so there is nothing for Nagle's algorithm to gather.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    // Whoever says nothing gets no buffers: those of hyper are most of what a connection costs.
    let said = tokio::time::timeout(terms.settings.first_byte_timeout, stream.readable());
    tokio::select! {
        said = said => match said {
            Ok(Ok(())) => attend(stream, peer, &terms).await,
            Ok(Err(error)) => tracing::debug!(%peer, %error, "connection ended early"),
            Err(_) => tracing::debug!(%peer, "connection said nothing in time"),
        },
        // No request has begun, so nobody loses one.
        () = terms.shutdown.cancelled() => {}
    }
}

/// Attends to a connection that has begun to say something.
async fn attend(stream: TcpStream, peer: SocketAddr, terms: &Terms) {
    let requests = Requests::default();
    let settings = &terms.settings;
    let stream = PatientStream::new(
        stream,
        requests.clone(),
        settings.first_byte_timeout,
        settings.head_timeout,
    );
    // In boxes of their own: a connection that has said nothing yet, and one without TLS, are many and stay small.
    match &terms.tls {
        None => Box::pin(converse(stream, peer, requests, terms)).await,
        Some(tls) => Box::pin(converse_over_tls(stream, tls, peer, requests, terms)).await,
    }
}

/// Shakes hands, and answers requests.
async fn converse_over_tls(
    stream: PatientStream,
    tls: &TlsIdentity,
    peer: SocketAddr,
    requests: Requests,
    terms: &Terms,
) {
    let accepted = tokio::select! {
        accepted = tls.acceptor().accept(stream) => accepted,
        // No request has begun, so nobody loses one.
        () = terms.shutdown.cancelled() => return,
    };
    match accepted {
        Ok(mut stream) => {
            // The handshake was no head of a request.
            stream.get_mut().0.begin_anew(terms.settings.first_byte_timeout);
            converse(stream, peer, requests, terms).await;
        }
        Err(error) => tracing::debug!(%peer, %error, "no TLS session came about"),
    }
}

/// Answers requests on a connection, whatever carries it.
async fn converse<S>(stream: S, peer: SocketAddr, requests: Requests, terms: &Terms)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (app, settings) = (terms.app.clone(), terms.settings);
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
            answer_or_close(response.map(|body| UntilSent::new(body, served)))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new()) // without a timer hyper ignores the time-out
        .header_read_timeout(settings.idle_timeout)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = terms.shutdown.cancelled() => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                ended = connection => ended,
                () = terms.cut.cancelled() => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "connection ended early");
    }
}

fn answer_or_close(response: Response<UntilSent>) -> Result<Response<UntilSent>, ClosedOnPurpose> {
    match response.extensions().get::<CloseWithoutAnswer>() {
        Some(CloseWithoutAnswer) => Err(ClosedOnPurpose),
        None => Ok(response),
    }
}

//! A migration tool that gives prepared answers, and calls to send it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Response, Uri};
use chrono::DateTime;
use failover_domain::{JobId, RequestKey};
use failover_engine::writer::{ReplicaWriter, WriterAnswer, WriterCall, WriterWish};
use http_edge::EdgeSettings;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use writer_hook::{Clock, Endpoint, HttpWriter, HttpWriterSettings};

pub(crate) const SECRET: &str = "an-example-secret-do-not-use";

/// 2026-01-01T00:00:00Z.
pub(crate) const NOW: i64 = 1_767_225_600;

/// For tests in which an answer comes: never waited for.
const LONG: Duration = Duration::from_secs(60);

/// For tests in which none comes.
pub(crate) const SHORT: Duration = Duration::from_millis(200);

/// A request as the tool received it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }
}

/// A tool that gives the same answer to everything.
pub(crate) struct Tool {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    _stops_when_dropped: DropGuard,
}

impl Tool {
    pub(crate) async fn answering(status: u16, body: &str) -> Self {
        let body = body.to_owned();
        Self::with(move || {
            Response::builder()
                .status(status)
                .body(body.clone().into())
                .unwrap()
        })
        .await
    }

    pub(crate) async fn with(answer: impl Fn() -> Response<Body> + Clone + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&seen);
        let handler = async move |method, uri, headers, body| {
            record.lock().unwrap().push(Seen {
                method,
                uri,
                headers,
                body,
            });
            answer()
        };
        let app = Router::new().fallback(handler);
        let stop = CancellationToken::new();
        tokio::spawn(http_edge::serve(
            listener,
            app,
            EdgeSettings::default(),
            stop.clone(),
        ));
        Self {
            address,
            seen,
            _stops_when_dropped: stop.drop_guard(),
        }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) async fn asked_to(&self, wish: WriterWish) -> WriterAnswer {
        writer_at(self.address, LONG).ask(&call(wish)).await
    }
}

/// What a server does that speaks no proper HTTP.
#[derive(Debug, Clone, Copy)]
pub(crate) enum After {
    Close,
    StayOpen,
}

/// A server that reads one request, writes `answer` as it is, and closes the connection or leaves it open.
pub(crate) async fn crude_server(answer: &'static str, after: After) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        // A connection that is closed before the request was read would be reset.
        while !request.ends_with(b"]}") {
            assert_ne!(socket.read_buf(&mut request).await.unwrap(), 0);
        }
        socket.write_all(answer.as_bytes()).await.unwrap();
        match after {
            After::Close => drop(socket),
            After::StayOpen => {
                // The other side gives up at some time.
                let _ = socket.read_buf(&mut request).await;
            }
        }
    });
    address
}

pub(crate) fn install_tls_provider() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        rustls::crypto::ring::default_provider()
            .install_default()
            .unwrap();
    });
}

pub(crate) fn clock() -> Clock {
    Arc::new(|| DateTime::from_timestamp(NOW, 0).unwrap())
}

/// Both wishes at one server.
pub(crate) fn settings(base: &str, timeout: Duration) -> HttpWriterSettings {
    let endpoint = |wish: WriterWish| {
        Some(Endpoint {
            url: format!("{base}/failover/{}", wish.as_str()),
            timeout,
        })
    };
    HttpWriterSettings {
        quiesce: endpoint(WriterWish::Quiesce),
        resume: endpoint(WriterWish::Resume),
        secret: SECRET.into(),
        ca_file: None,
    }
}

pub(crate) fn writer(settings: &HttpWriterSettings) -> HttpWriter {
    install_tls_provider();
    HttpWriter::new(settings, clock()).unwrap()
}

pub(crate) fn writer_at(address: SocketAddr, timeout: Duration) -> HttpWriter {
    writer(&settings(&format!("http://{address}"), timeout))
}

/// A call for a VM of two disks.
pub(crate) fn call(wish: WriterWish) -> WriterCall {
    let job_id: JobId = "live-failover-4205a841-0265-f4bd-39a6-39fd92196f53-1767225590"
        .parse()
        .unwrap();
    WriterCall {
        wish,
        key: RequestKey::derive(&job_id, wish.as_str(), 0),
        job_id,
        vm_id: "4205a841-0265-f4bd-39a6-39fd92196f53".parse().unwrap(),
        oma: "0a1b2c3d-0000-4000-8000-000000000001".parse().unwrap(),
        replicas: vec![
            "7c1d4f60-5a0e-4b57-9b0c-2f6a1d3e8c01".parse().unwrap(),
            "1b9e2d83-66c4-4c1f-8a5d-90e4b7f2ac02".parse().unwrap(),
        ],
    }
}

/// The text of an answer that is of the wanted kind.
#[track_caller]
pub(crate) fn unknown(answer: WriterAnswer) -> String {
    match answer {
        WriterAnswer::Unknown(text) => text,
        other @ (WriterAnswer::Done | WriterAnswer::NotYet(_) | WriterAnswer::Refused(_)) => {
            panic!("the outcome is unknown, but the answer is {other:?}")
        }
    }
}

//! An API on loopback that answers as a test wants, and the program run against it.

#![expect(clippy::unwrap_used, reason = "test fixtures may panic")]

use std::net::SocketAddr;
use std::process::{ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tokio::process::{Child, Command};

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// Method, path and query, such as `GET /api/v1/vms?name=x`.
    pub(crate) line: String,
    pub(crate) body: String,
    pub(crate) authorization: Option<String>,
    pub(crate) idempotency_key: Option<String>,
}

impl Request {
    /// The body as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Status and body of an answer.
pub(crate) type Reply = (u16, String);

type Script = dyn Fn(&Request, usize) -> Reply + Send + Sync;

#[derive(Clone)]
struct Shared {
    script: Arc<Script>,
    seen: Arc<Mutex<Vec<Request>>>,
}

pub(crate) struct FakeApi {
    pub(crate) address: SocketAddr,
    shared: Shared,
}

impl FakeApi {
    /// Serves `script`, which is told each request and how many came before it.
    pub(crate) async fn serve(script: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Shared {
            script: Arc::new(script),
            seen: Arc::default(),
        };
        let app = Router::new().fallback(answer).with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, shared }
    }

    pub(crate) fn seen(&self) -> Vec<Request> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// Runs the program against it, to its end.
    pub(crate) async fn run(&self, line: &[&str]) -> Ended {
        run(&format!("http://{}", self.address), line).await
    }

    /// Starts the program against it.
    pub(crate) fn start(&self, line: &[&str]) -> Child {
        program(&format!("http://{}", self.address), line)
            .spawn()
            .unwrap()
    }
}

async fn answer(
    State(shared): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let text = |name: &str| headers.get(name).map(|v| v.to_str().unwrap().to_owned());
    let (authorization, idempotency_key) = (text("authorization"), text("idempotency-key"));
    let body = String::from_utf8(body.to_vec()).unwrap();
    let request = Request {
        line: format!("{method} {uri}"),
        body,
        authorization,
        idempotency_key,
    };
    let before = {
        let mut seen = shared.seen.lock().unwrap();
        seen.push(request.clone());
        seen.len() - 1
    };
    let (status, body) = (shared.script)(&request, before);
    (StatusCode::from_u16(status).unwrap(), body).into_response()
}

/// The body of a value.
pub(crate) fn json(status: u16, value: &impl Serialize) -> Reply {
    (status, serde_json::to_string(value).unwrap())
}

/// How the program ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let Output {
            status,
            stdout,
            stderr,
        } = output;
        let code = ExitStatus::code(&status);
        Self {
            code,
            stdout: String::from_utf8(stdout).unwrap(),
            stderr: String::from_utf8(stderr).unwrap(),
        }
    }
}

/// Runs the program against any address.
pub(crate) async fn run(api: &str, line: &[&str]) -> Ended {
    program(api, line).output().await.unwrap().into()
}

fn program(api: &str, line: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_failoverctl"));
    // Settings of whoever runs the tests must not reach the program.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("FAILOVER") {
            command.env_remove(name);
        }
    }
    command.env("FAILOVERCTL_API", api).args(line);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

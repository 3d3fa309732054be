//! A cloud that says exactly what a test wants, byte by byte, and remembers what it was asked.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};
use ossea::cloudstack::{Clock, CloudStackClient, CloudStackSettings, install_tls_provider};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

pub(crate) const API_KEY: &str = "api-key-of-the-test";
pub(crate) const SECRET_KEY: &str = "secret-key-of-the-test";

/// What the cloud does with one request.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Answers with these headers and this body.
    Answer {
        status: u16,
        headers: Vec<(String, String)>,
        body: String,
    },
    /// Announces a body of `announced` bytes, sends less and hangs up.
    CutBody { announced: usize, body: String },
    /// Reads the request and hangs up.
    HangUp,
    /// Reads the request and never answers.
    FallSilent,
}

pub(crate) fn json(body: &str) -> Act {
    status(200, body)
}

pub(crate) fn status(status: u16, body: &str) -> Act {
    Act::Answer {
        status,
        headers: Vec::new(),
        body: body.to_owned(),
    }
}

pub(crate) fn dated(status: u16, body: &str, at: DateTime<Utc>) -> Act {
    let date = httpdate::fmt_http_date(at.into());
    Act::Answer {
        status,
        headers: vec![("Date".to_owned(), date)],
        body: body.to_owned(),
    }
}

/// One request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) content_type: String,
    pub(crate) query: String,
    pub(crate) body: String,
}

impl Request {
    /// The parameters, wherever they came.
    pub(crate) fn parameters(&self) -> BTreeMap<String, String> {
        let sent = if self.method == "GET" {
            &self.query
        } else {
            &self.body
        };
        form_urlencoded::parse(sent.as_bytes()).into_owned().collect()
    }
}

/// The cloud: a script with one act per request, in order. Asked more often it hangs up.
pub(crate) struct ScriptedCloud {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    server: JoinHandle<()>,
}

impl Drop for ScriptedCloud {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl ScriptedCloud {
    pub(crate) async fn start(script: Vec<Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let server = tokio::spawn(async move {
            let mut script = script.into_iter();
            let mut silent = Vec::new();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let Some(request) = read_request(&mut stream).await else {
                    continue;
                };
                seen.lock().unwrap().push(request);
                match script.next() {
                    None | Some(Act::HangUp) => drop(stream),
                    Some(Act::FallSilent) => silent.push(stream),
                    Some(Act::Answer {
                        status,
                        headers,
                        body,
                    }) => {
                        write(&mut stream, status, &headers, body.len(), &body).await;
                    }
                    Some(Act::CutBody { announced, body }) => {
                        write(&mut stream, 200, &[], announced, &body).await
                    }
                }
            }
        });
        Self {
            address,
            requests,
            server,
        }
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    pub(crate) fn parameters(&self, request: usize) -> BTreeMap<String, String> {
        self.requests()[request].parameters()
    }

    pub(crate) fn client(&self) -> CloudStackClient {
        self.client_with(|_| {}, now)
    }

    /// A client with other settings and another clock.
    pub(crate) fn client_with(
        &self,
        change: impl FnOnce(&mut CloudStackSettings),
        clock: impl Fn() -> DateTime<Utc> + Send + Sync + 'static,
    ) -> CloudStackClient {
        client_at(
            &format!("http://{}/client/api", self.address),
            change,
            Arc::new(clock),
        )
    }
}

/// The clock of all tests.
pub(crate) fn now() -> DateTime<Utc> {
    "2026-01-02T03:04:05Z".parse().unwrap()
}

pub(crate) fn client_at(
    endpoint: &str,
    change: impl FnOnce(&mut CloudStackSettings),
    clock: Clock,
) -> CloudStackClient {
    install_tls_provider();
    let mut settings = CloudStackSettings::new(endpoint, API_KEY.into(), SECRET_KEY.into());
    // The tests tell apart what happens before and after the end of a signature.
    settings.signature_ttl = Duration::from_secs(10 * 60);
    settings.request_timeout = Duration::from_secs(30);
    // A script is easier to read when every call is one request; repetitions have tests of their own.
    settings.attempts = 1;
    change(&mut settings);
    CloudStackClient::new(&settings, clock).unwrap()
}

async fn read_request(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).ok()?;
    let header = |name: &str| {
        head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    };
    let length = header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = bytes.split_off(head_end + 4);
    while body.len() < length {
        if stream.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    let mut first = head.lines().next()?.split(' ');
    let (method, target) = (first.next()?, first.next()?);
    Some(Request {
        method: method.to_owned(),
        content_type: header("content-type").unwrap_or_default(),
        query: target
            .split_once('?')
            .map_or_else(String::new, |(_, query)| query.to_owned()),
        body: String::from_utf8(body).ok()?,
    })
}

async fn write(stream: &mut TcpStream, status: u16, headers: &[(String, String)], length: usize, body: &str) {
    let mut text = format!("HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {length}\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    text.push_str(body);
    // The client may have gone away already; that is its business.
    let _ = stream.write_all(text.as_bytes()).await;
    let _ = stream.shutdown().await;
}

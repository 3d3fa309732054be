//! How long a connection waits for its peer's first byte, and for the rest of a request's head.
//!
//! hyper has one limit for both the idle time between requests and the time that a head takes. An idle connection of a
//! load balancer is a good one and may stay for a minute; a connection that says nothing at all, or a head of which only
//! a part has come, is an accident or an attack, and holds a slot of the connection limit. So the reads of hyper are
//! watched here.
//!
//! ```text
//! fresh ──first byte──▶ in a head ──head complete──▶ being served ──answer sent──▶ idle ──first byte──▶ in a head …
//! ```
//! Only the first two have a deadline here; hyper's own limit ends an idle connection.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use hyper::body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

/// How many requests of a connection were begun and ended: told by the service to the stream below it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Requests {
    begun: Arc<AtomicU64>,
    ended: Arc<AtomicU64>,
}

/// A request that is being served, until this is dropped.
#[derive(Debug)]
pub(crate) struct BeingServed(Arc<AtomicU64>);

impl Requests {
    /// The head of a request is complete.
    pub(crate) fn begin(&self) -> BeingServed {
        self.begun.fetch_add(1, Ordering::Relaxed);
        BeingServed(Arc::clone(&self.ended))
    }
}

impl Drop for BeingServed {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// The body of an answer: its request is served until the last piece is sent, or it is given up.
pub(crate) struct UntilSent {
    body: Body,
    _served: BeingServed,
}

impl UntilSent {
    pub(crate) fn new(body: Body, served: BeingServed) -> Self {
        Self {
            body,
            _served: served,
        }
    }
}

impl hyper::body::Body for UntilSent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Where a connection is between two requests.
enum Phase {
    /// Nothing has come yet.
    Fresh(Pin<Box<Sleep>>),
    /// A part of a head has come.
    InHead(Pin<Box<Sleep>>),
    /// A request is being served, or none has begun since.
    Calm,
}

/// A stream whose reads fail when the peer takes too long for its first byte or for the rest of a head.
pub(crate) struct PatientStream {
    stream: TcpStream,
    requests: Requests,
    /// How many requests had begun when the phase was looked at last.
    begun: u64,
    phase: Phase,
    head_within: Duration,
}

impl PatientStream {
    /// A fresh connection, of which a head was not seen yet.
    pub(crate) fn new(
        stream: TcpStream,
        requests: Requests,
        first_byte_within: Duration,
        head_within: Duration,
    ) -> Self {
        Self {
            stream,
            requests,
            begun: 0,
            phase: Phase::Fresh(Box::pin(tokio::time::sleep(first_byte_within))),
            head_within,
        }
    }

    /// What came until now was no request: the first byte of one is due anew.
    pub(crate) fn begin_anew(&mut self, first_byte_within: Duration) {
        self.phase = Phase::Fresh(Box::pin(tokio::time::sleep(first_byte_within)));
    }

    /// Whether a request is being served now. Notes heads that were completed since the last look.
    fn is_serving(&mut self) -> bool {
        let begun = self.requests.begun.load(Ordering::Relaxed);
        if begun != self.begun {
            self.begun = begun;
            self.phase = Phase::Calm;
        }
        begun != self.requests.ended.load(Ordering::Relaxed)
    }

    /// Bytes have come while no request is served: they are of a head.
    fn note_bytes(&mut self) {
        match self.phase {
            Phase::Fresh(_) | Phase::Calm => {
                self.phase = Phase::InHead(Box::pin(tokio::time::sleep(self.head_within)));
            }
            // A head that comes in drops has no more time than one that comes at once.
            Phase::InHead(_) => {}
        }
    }
}

impl AsyncRead for PatientStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let is_serving = this.is_serving();
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(context, buffer);
        if is_serving {
            return read;
        }
        if read.is_ready() {
            if buffer.filled().len() > before {
                this.note_bytes();
            }
            return read;
        }
        let (due, what) = match &mut this.phase {
            Phase::Fresh(due) => (due, "nothing was sent in time"),
            Phase::InHead(due) => (due, "the head of a request did not come in time"),
            Phase::Calm => return Poll::Pending,
        };
        ready!(due.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, what)))
    }
}

impl AsyncWrite for PatientStream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

//! Answers that a bad way damages, and what comes instead of answers.

use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};
use futures::stream::{self, StreamExt as _};
use http_edge::CloseWithoutAnswer;

use crate::cloud::Damage;
use crate::faults::Garbage;

/// The pieces of an answer that dribbles.
const PIECES: u32 = 16;

/// No client waits longer for the other half of an answer.
const FOR_EVER: Duration = Duration::from_secs(24 * 3600);

/// More than any client should read: the client of this project gives up at 32 MiB.
const HUGE_MEBIBYTES: usize = 40;

/// Nothing: the connection breaks.
pub(super) fn nothing() -> Response {
    let mut nothing = ().into_response();
    nothing.extensions_mut().insert(CloseWithoutAnswer);
    nothing
}

/// Something that is no answer of CloudStack, under status 200.
pub(super) fn garbage(body: Garbage) -> Response {
    let json = |body: &'static str| {
        ([(header::CONTENT_TYPE, "application/json; charset=UTF-8")], body).into_response()
    };
    match body {
        Garbage::Html => {
            Html("<html><head><title>Please wait</title></head><body><h1>Please wait</h1></body></html>")
                .into_response()
        }
        Garbage::CutJson => json(r#"{"listvirtualmachinesresponse":{"count":2,"virtualmachine":[{"id":"7f"#),
        Garbage::Empty => json(""),
        Garbage::Binary => {
            let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(4096).collect();
            ([(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response()
        }
        Garbage::Huge => {
            let mebibyte = Bytes::from(vec![b' '; 1 << 20]);
            let pieces = stream::iter(0..HUGE_MEBIBYTES).map(move |_| Ok::<_, io::Error>(mebibyte.clone()));
            Body::from_stream(pieces).into_response()
        }
        Garbage::WrongEnvelope => json(r#"{"listdoorsresponse":{"count":1,"door":[{"id":"front"}]}}"#),
    }
}

/// Does to an answer what happens to it on the way.
pub(super) async fn damaged(answer: Response, damage: Damage) -> Response {
    let (mut head, body) = answer.into_parts();
    // Answers are made in one piece, so this cannot fail.
    let whole = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let half = whole.slice(..whole.len() / 2);
    head.headers
        .insert(header::CONTENT_LENGTH, HeaderValue::from(whole.len()));
    let body = match damage {
        Damage::Dribbled(over) => dribbled(&whole, over),
        Damage::Cut => ending(half, Duration::ZERO),
        Damage::Stalled => ending(half, FOR_EVER),
        Damage::Short => {
            head.headers
                .insert(header::CONTENT_LENGTH, HeaderValue::from(half.len()));
            Body::from(half)
        }
    };
    Response::from_parts(head, body)
}

fn dribbled(whole: &Bytes, over: Duration) -> Body {
    let size = whole.len().div_ceil(PIECES as usize).max(1);
    let pieces: Vec<Bytes> = whole.chunks(size).map(Bytes::copy_from_slice).collect();
    let pieces = stream::iter(pieces).then(move |piece| async move {
        tokio::time::sleep(over / PIECES).await;
        Ok::<_, io::Error>(piece)
    });
    Body::from_stream(pieces)
}

/// A body that ends in an error, which breaks the connection, after some time.
fn ending(beginning: Bytes, after: Duration) -> Body {
    let beginning = stream::once(async { Ok(beginning) });
    let end = stream::once(async move {
        // The beginning leaves while the end is waited for, be it ever so short.
        tokio::time::sleep(after).await;
        tokio::task::yield_now().await;
        Err(io::Error::other("cut on purpose"))
    });
    Body::from_stream(beginning.chain(end))
}

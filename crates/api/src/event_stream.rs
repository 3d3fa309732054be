//! Server-sent events on the wire.

use std::convert::Infallible;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream;

use crate::journal_feed::{JournalStream, Sent};

/// The media type of a stream.
pub(crate) const EVENT_STREAM: &str = "text/event-stream";

/// The header with the id of the last event that a caller has.
pub(crate) const LAST_EVENT_ID: &str = "last-event-id";

/// After which time a browser that was cut off comes back: long enough for a load balancer to have noticed that a process
/// has gone.
const COME_BACK_AFTER: Duration = Duration::from_secs(2);

/// Tells proxies that gather answers not to gather this one.
const NO_GATHERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The answer that a stream is.
pub(crate) fn response(journal: JournalStream) -> Response {
    let first = stream::once(async { Event::default().retry(COME_BACK_AFTER) });
    let rest = stream::unfold(journal, async |mut journal| {
        let sent = journal.next().await?;
        Some((event(&sent), journal))
    });
    let events = stream::StreamExt::chain(first, rest);
    let events = stream::StreamExt::map(events, Ok::<_, Infallible>);
    let mut response = Sse::new(events).into_response();
    response
        .headers_mut()
        .insert(NO_GATHERING, HeaderValue::from_static("no"));
    response
}

fn event(sent: &Sent) -> Event {
    match sent {
        Sent::Entry(entry) => {
            let data = serde_json::to_string(&**entry).expect("an entry has text keys and finite numbers");
            let value: serde_json::Value =
                serde_json::from_str(&data).expect("what was written just now can be read");
            let kind = value["event"].as_str().expect("every entry tells its kind");
            Event::default().id(entry.seq.to_string()).event(kind).data(data)
        }
        Sent::Heartbeat => Event::default().comment("still here"),
        Sent::End => Event::default().event("end").data("{}"),
    }
}

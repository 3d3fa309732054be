//! What a ring keeps of what is logged.

use std::sync::Arc;

use chrono::DateTime;
use log_ring::{LogRecord, LogRing};
use tracing::{Level, info, info_span, warn};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;

/// What a ring holds after `log` has run under a filter.
fn logged(capacity: usize, filter: &str, log: impl FnOnce()) -> LogRing {
    let ring = LogRing::new(capacity, Arc::new(|| DateTime::UNIX_EPOCH));
    let subscriber = tracing_subscriber::registry()
        .with(EnvFilter::new(filter))
        .with(ring.layer());
    tracing::subscriber::with_default(subscriber, log);
    ring
}

fn field<'a>(record: &'a LogRecord, name: &str) -> &'a str {
    record.fields.get(name).map_or("", String::as_str)
}

#[test]
fn a_record_tells_what_happened_to_what_and_where() {
    let ring = logged(10, "info", || {
        let span = info_span!("request", request_id = "r-1", job_id = tracing::field::Empty);
        span.record("job_id", "job-7");
        let _inside = span.enter();
        let inner = info_span!("step", request_id = "nearer");
        let _deeper = inner.enter();
        warn!(attempt = 3, error = %"no space", "The step {} failed.", "snapshot");
    });
    let records = ring.newest(Level::INFO, 10);
    let [record] = records.as_slice() else {
        panic!("{records:?}")
    };
    assert_eq!(record.message, "The step snapshot failed.");
    assert_eq!((record.number, record.level.as_str()), (1, "WARN"));
    assert_eq!(record.at, DateTime::UNIX_EPOCH);
    assert_eq!(record.target, "ring");
    assert_eq!(field(record, "attempt"), "3");
    assert_eq!(field(record, "error"), "no space");
    assert_eq!(field(record, "job_id"), "job-7");
    assert_eq!(field(record, "request_id"), "nearer");
}

#[test]
fn the_oldest_make_room_for_the_newest() {
    let ring = logged(3, "info", || (1..=5).for_each(|n| info!("record {n}")));
    let numbers = |limit| -> Vec<u64> {
        ring.newest(Level::INFO, limit)
            .iter()
            .map(|record| record.number)
            .collect()
    };
    assert_eq!((numbers(10), numbers(2)), (vec![3, 4, 5], vec![4, 5]));
    assert_eq!(ring.made(), 5);
}

#[test]
fn what_the_log_leaves_out_is_left_out() {
    let ring = logged(10, "warn", || {
        info!("quiet");
        warn!("loud");
    });
    assert_eq!(ring.made(), 1);
    let ring = logged(10, "info", || {
        info!("quiet");
        warn!("loud");
    });
    assert_eq!(ring.newest(Level::INFO, 10).len(), 2);
    assert_eq!(ring.newest(Level::WARN, 10)[0].message, "loud");
}

#[test]
fn a_long_text_is_cut() {
    let ring = logged(10, "info", || info!(long = "ü".repeat(5000), "long"));
    let record = ring.newest(Level::INFO, 1).pop().unwrap();
    assert_eq!(field(&record, "long").chars().count(), 2001);
}

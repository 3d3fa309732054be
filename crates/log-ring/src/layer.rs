//! The layer that fills the ring.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::{LogRing, cut};

/// Notes every record in a ring.
#[derive(Debug)]
pub struct RingLayer {
    ring: LogRing,
}

/// The fields of a span, kept with it.
#[derive(Default)]
struct Fields(BTreeMap<String, String>);

/// The field that has a record's message.
const MESSAGE: &str = "message";

impl RingLayer {
    pub(crate) fn new(ring: LogRing) -> Self {
        Self { ring }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), cut(value.to_owned()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = String::new();
        // A value that cannot be written is a broken value; what it wrote so far is what there is.
        let _written = write!(text, "{value:?}");
        self.0.insert(field.name().to_owned(), cut(text));
    }
}

impl<S> Layer<S> for RingLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut extensions = span.extensions_mut();
        if let Some(fields) = extensions.get_mut::<Fields>() {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut all = Fields::default();
        // From the outside in, so that what is nearer to the event wins.
        for span in context
            .event_scope(event)
            .into_iter()
            .flat_map(|scope| scope.from_root())
        {
            if let Some(fields) = span.extensions().get::<Fields>() {
                all.0.extend(fields.0.clone());
            }
        }
        event.record(&mut all);
        let message = all.0.remove(MESSAGE).unwrap_or_default();
        let about = event.metadata();
        self.ring.push(*about.level(), about.target(), message, all.0);
    }
}

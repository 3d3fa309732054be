//! The cloud over HTTP.

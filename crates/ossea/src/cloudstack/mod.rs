//! Apache CloudStack over HTTP.

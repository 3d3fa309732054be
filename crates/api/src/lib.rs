//! The HTTP API of OSSEA failover: a thin skin over [`failover_engine::service::FailoverService`].

pub mod dto;

//! How many files the process may open: each connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the process's limit of open files as far as it may raise it by itself, and tells how many it may open; `None`
/// for any number.
///
/// The usual limit of 1,024 is one for programs that use `select`. What the system allows beyond it is for the asking.
pub fn allow_many_connections() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_as_high_as_it_may_be() {
        let told = allow_many_connections();
        let limit = getrlimit(Resource::Nofile);
        assert_eq!((told, limit.current), (limit.maximum, limit.maximum));
    }
}

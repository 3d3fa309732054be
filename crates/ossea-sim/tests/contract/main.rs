//! The contract of [`ossea::OsseaClient`] (`ossea_sim::contract`), proven on every implementation of ours.
//!
//! On the simulator inside the process (hours of work on virtual time), on the generated mock whose expectations ask it,
//! and on the HTTP client speaking to the simulator's HTTP server over a real socket. Where they differ, one of them does
//! not do what callers rely on. `cargo test -p ossea-sim --test contract -- --list` lists the suite.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod doors;
mod mocked;
mod wire;

mod in_process {
    use crate::doors::in_process;

    ossea_sim::client_contract!(
        #[tokio::test(start_paused = true)]
        in_process()
    );
}

mod mocked_client {
    use crate::doors::mocked;

    // A mock answers at once or never.
    ossea_sim::client_contract!(#[tokio::test(start_paused = true)] mocked(), cannot wait);
}

mod over_http {
    use crate::doors::over_http;

    ossea_sim::client_contract!(
        #[tokio::test]
        over_http()
    );
}

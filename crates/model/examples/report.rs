//! Runs the model and prints what it shows: `cargo run -p failover-model --example report`. Fails when the protocol does not
//! keep its promises, or keeps them without one of its guards.

use std::process::ExitCode;

use failover_model::report::{prove, table};

fn main() -> ExitCode {
    let proof = prove();
    println!("{}", table(&proof));
    if proof.holds() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

//! Runs the model and prints what it shows: `cargo run -p failover-model --example report`.

fn main() {
    println!("{}", failover_model::report::report());
}

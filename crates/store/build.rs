//! The migrations are embedded into the library; cargo does not notice a new one by itself.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
}

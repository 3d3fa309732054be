//! The one function that decides what a journal entry means: which entries may come when, and what each of them changes.

#![expect(
    dead_code,
    reason = "the laboratory is shared; not every test file uses all of it"
)]

mod course;
#[path = "../lab/mod.rs"]
mod lab;
mod ledger;
mod order;
mod progress;
mod replicas;
mod steps;

//! With all its guards the protocol keeps every promise.

use failover_model::guard::Guards;
use failover_model::model::{Failover, Scope};
use failover_model::promise::Witness;
use failover_model::report::{Explored, explore};
use failover_model::rest::rest;

fn keeps_every_promise(scope: Scope) -> Explored {
    let explored = explore(Guards::all(), scope);
    println!(
        "{scope:?}: {} unique states, {} deep",
        explored.states, explored.depth
    );
    assert_eq!(explored.broken, None);
    assert_eq!(
        explored.witnessed,
        Witness::ALL,
        "what must be possible was not seen"
    );
    explored
}

#[test]
fn every_promise_is_kept_and_every_job_can_come_to_its_end() {
    let explored = keeps_every_promise(Scope::FULL);
    let rest = rest(&Failover {
        guards: Guards::all(),
        scope: Scope::FULL,
    });
    assert_eq!(
        rest.states, explored.states,
        "two explorations of the same model reach the same states"
    );
    println!("{} of {} states have ended", rest.at_rest, rest.states);
    assert_eq!(rest.stuck, 0, "the job cannot end from: {:#?}", rest.example);
}

#[test]
fn former_owners_with_their_whole_memory_do_no_more_harm() {
    keeps_every_promise(Scope::WHOLE_MEMORY);
}

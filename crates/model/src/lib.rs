//! An exhaustive model of how workers, database and cloud share a failover.
//!
//! It is a model of the **protocol**, written by hand from the code, and not the code: it shows that the rules suffice
//! and that each of them is needed, not that the code keeps them. That is what the tests of engine and store are for.
//! It depends on none of our crates; whoever changes the protocol changes it here too.
//!
//! # What is modelled
//! One job of three steps (the replica leaves the OMA; a rollback point is made; the destination VM starts with the
//! replica) and its way back (leave, revert, return, delete), up to three tasks of up to three workers, a database, a
//! network and a cloud. Everything that can happen is an [`action::Action`], and every order of them is explored.
//!
//! | in the model | in the code |
//! |---|---|
//! | [`action::Action::Claim`], [`Free`](action::Action::Free), [`Renew`](action::Action::Renew) | `store::shared::leases` (`take_free_jobs`, `renew`) |
//! | [`HandBack`](action::Action::HandBack), [`FreeUnheld`](action::Action::FreeUnheld) | `engine::worker` (`run`, `free_unheld`), `store::shared::leases` (`retire`, `hand_back`) |
//! | [`Commit`](action::Action::Commit), [`database::Database::judge`] | `engine::journal::commit`, `store::shared::journal` (`append_batch`, `explain_refusal`) |
//! | [`Ask`](action::Action::Ask), [`Hear`](action::Action::Hear) | `store::shared::requests::note_request`, `engine::worker::hear`, `engine::journal::hear` |
//! | [`Decide`](action::Action::Decide), [`decide::decide`] | `engine::decide`, `engine::driver`, `engine::runner`, `engine::return_planner` |
//! | [`Send`](action::Action::Send), [`TimeOut`](action::Action::TimeOut), [`Bounce`](action::Action::Bounce) | `engine::runner::submit`, `submit_failed` |
//! | [`Arrive`](action::Action::Arrive), [`Lose`](action::Action::Lose), [`Duplicate`](action::Action::Duplicate) | the network and a proxy in front of the cloud |
//! | [`Work`](action::Action::Work), [`Forget`](action::Action::Forget), [`cloud::Cloud`] | CloudStack, as `ossea::command` and `ossea-sim` describe it |
//! | [`fold::Fold::apply`] | `engine::state::apply` |
//! | [`Crash`](action::Action::Crash), [`LeaseEnds`](action::Action::LeaseEnds) | kill -9; a pause or a database that is away for longer than the lease |
//!
//! A paused worker needs no action: a task takes its next step at any later moment, with the memory that it has by then.
//! A commit whose outcome is unknown is one whose reply is lost; the task sends the same batch again. Where each guard
//! stands is said at [`guard::Guard`], what is promised at [`promise::Promise`].
//!
//! # What is left out
//! * Lanes: the steps come one after another. Lanes of one job share one journal, whose entries are written one at a time.
//! * Time: a lease ends whenever it likes. Of the validity of requests only the order counts: when a worker takes a
//!   request for lost, everything that was proved under its own epoch or before is not valid any more. This is what
//!   `lost_after` longer than the validity comes to. The worker's configuration is checked for it (`assembly`); a program
//!   that embeds the crates must see to it: the default of `engine::EngineSettings` is shorter than that of
//!   `ossea::cloudstack::CloudStackSettings`.
//! * Several jobs, disks and VMs; the migration tool's hook; the scratch root, whose deletion has no key and may be
//!   repeated; attentions; the retention of completed failovers; backoff and budgets, which only choose among the
//!   decisions of which the model explores all.
//! * More than [`model::MOST_FAULTS`] faults of the cloud in one run, and more than [`system::FLYING`] requests on their
//!   way. Claims, crashes, pauses, lost requests and lost replies are not bounded.
//!
//! # What is taken for granted
//! * The database's transactions are atomic and serialised by the job's row; its reads after a claim see all of the
//!   journal.
//! * Work that goes on although its record says that it was cut off is shown by the object (`engine::step::in_between`).
//!   Against work that goes on unseen no protocol helps but patience.
//! * A create command reaches the cloud once. CloudStack makes the object before it looks at the key, so one that a proxy
//!   sends twice leaves a second object whatever we do.
//! * The cloud tells the truth about a revert, which leaves no other trace.
//!
//! # What the code does not guard as the model does
//! * [`guard::Guard::EndDecidedOnWhatWasHeard`]: `driver::drive` decides on a copy of the state and `journal::end` commits
//!   on the state as it is then. A cancel that is heard in between is not refused: `state::apply` takes `Completed` in
//!   whatever was heard. That nothing is heard in between rests on the order in which the journal's lock is handed out.
//! * [`guard::Guard::EndOnlyAtRest`]: the steps of the way back wait for a replica that is in between, but
//!   `return_planner::plan_return` counts it as home as soon as it is shown on the OMA.
//!
//! # What is shown
//! With all guards every promise holds in every reachable state, and from every reachable state the job's end can be
//! reached without faults, luck or a person ([`rest::rest`]; why not by `eventually` is told there). Without any one
//! guard a promise is broken; the shortest way there is a test in `tests/guards.rs`. The owner that a batch names beside
//! its epoch is not among them: a job that was freed and not claimed again would do no harm if its former owner went on,
//! and the next claim's epoch ends that. [`report::report`] prints all of it:
//! `cargo run -p failover-model --example report`.

pub mod action;
pub mod canonical;
pub mod cloud;
pub mod database;
pub mod decide;
pub mod fold;
pub mod guard;
pub mod model;
pub mod possible;
pub mod promise;
pub mod report;
pub mod rest;
pub mod system;
pub mod worker;

//! What goes wrong without each guard. A guard without which nothing goes wrong would be redundant, or the model too weak.

use std::collections::BTreeSet;

use failover_model::guard::Guard;
use failover_model::promise::Promise;
use failover_model::report::without;

/// Checks that a promise is the first to be broken without a guard.
fn goes_wrong(guard: Guard, expected: Promise) {
    let counterexample = without(guard);
    let Some((promise, way)) = counterexample.broken else {
        panic!("nothing goes wrong without {guard:?}");
    };
    println!(
        "without {}: not kept after {} steps: {}",
        guard.words(),
        way.len(),
        promise.words()
    );
    assert_eq!(promise, expected, "the way there: {way:#?}");
}

/// A test for each guard, and the list of those that have one.
macro_rules! tests {
    ($($name:ident: $guard:ident, $promise:ident;)*) => {
        $(
            #[test]
            fn $name() {
                goes_wrong(Guard::$guard, Promise::$promise);
            }
        )*
        const TAKEN_AWAY: &[Guard] = &[$(Guard::$guard),*];
    };
}

tests! {
    without_epoch_check_a_former_owner_writes: EpochCheckedOnAppend, OneWriterAnEpoch;
    without_growing_epoch_an_earlier_task_of_the_owner_writes: EpochGrowsAtClaim, OneWriterAnEpoch;
    without_lease_check_a_living_worker_is_robbed: OnlyEndedLeasesAreTaken, NobodyIsRobbed;
    without_sequence_check_a_batch_is_written_twice: SequenceCheckedOnAppend, JournalInOrder;
    without_intent_a_command_nobody_knows_of_takes_a_returned_replica: IntentBeforeSubmit, FailedAtHome;
    without_ledger_row_a_leftover_stays: LedgerRowBeforeCreate, NoDebris;
    without_dirty_intent_a_written_replica_returns_as_clean: DirtyFromTheIntent, DirtyNeverClean;
    without_request_key_a_repeated_request_acts_twice: RequestKeyAtTheCloud, NothingTwice;
    without_look_a_second_object_is_made: LookBeforeSubmit, NothingTwice;
    without_read_back_a_step_is_done_that_is_not: PostconditionReadBack, DoneIsSeen;
    without_looking_at_the_unknown_an_object_is_forgotten: UnknownResolvedByLooking, NoDebris;
    without_waiting_for_work_in_progress_it_is_done_twice: WorkInProgressWaitedFor, NothingTwice;
    without_rest_at_the_end_the_replica_leaves_after_it: EndOnlyAtRest, FailedAtHome;
    without_waiting_out_validity_a_late_request_takes_a_returned_replica: ValidityWaitedOut, FailedAtHome;
    without_validity_from_the_proof_a_woken_worker_takes_a_returned_replica: ValidFromTheProof, FailedAtHome;
    without_confirmed_lease_a_woken_worker_sends_again: LeaseConfirmedBeforeResend, FailedAtHome;
    without_settling_an_open_command_overtakes_the_way_back: OpenCommandSettledBeforeReturn, FailedAtHome;
    without_refusing_the_end_a_stored_cancel_is_dropped: EndRefusedWhileUnheard, NoRequestDropped;
    without_deciding_the_end_anew_a_heard_cancel_is_dropped: EndDecidedOnWhatWasHeard, NoRequestDropped;
    without_revert_a_dirty_replica_returns_as_clean: RevertBeforeReturn, DirtyNeverClean;
    without_mark_a_given_up_replica_returns_as_clean: MarkBeforeReturn, DirtyNeverClean;
    without_ledger_somebody_elses_object_is_removed: OnlyTheLedgerIsRemoved, OnlyTheLedger;
}

#[test]
fn every_guard_is_taken_away() {
    let taken_away: BTreeSet<Guard> = TAKEN_AWAY.iter().copied().collect();
    assert_eq!(taken_away, BTreeSet::from(Guard::ALL));
}

//! The suite that tells whether a store keeps the promises of [`crate::ports`].
//!
//! It is one list of async functions over a [`Harness`]; [`store_contract!`](crate::store_contract) makes a test
//! of each. An implementation passes when all of them pass:
//!
//! ```ignore
//! failover_engine::store_contract!(my_harness());
//! ```
//!
//! where `my_harness()` is a future of an `Option` of a harness on an **empty** store; `None` skips the test (the
//! harness says why).

pub mod audit;
pub mod fixture;
pub mod idempotency;
pub mod inventory;
pub mod jobs;
pub mod journal;
pub mod leases;
pub mod looks;
pub mod requests;
pub mod tokens;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use failover_access::Tokens;

use crate::clock::Clock;
use crate::idempotency::IdempotencyKeys;
use crate::looks::ReadinessLooks;
use crate::ports::{AuditTrail, Inventory, JobStore, Mappings, Workers};

/// An empty store and its clock.
#[async_trait]
pub trait Harness: Send + Sync {
    /// Its jobs.
    fn jobs(&self) -> Arc<dyn JobStore>;

    /// Its source VMs.
    fn inventory(&self) -> Arc<dyn Inventory>;

    /// Its network mappings.
    fn mappings(&self) -> Arc<dyn Mappings>;

    /// Its workers.
    fn workers(&self) -> Arc<dyn Workers>;

    /// Its idempotency keys.
    fn keys(&self) -> Arc<dyn IdempotencyKeys>;

    /// Its looks at readiness.
    fn looks(&self) -> Arc<dyn ReadinessLooks>;

    /// Its audit.
    fn audit(&self) -> Arc<dyn AuditTrail>;

    /// Its tokens.
    fn tokens(&self) -> Arc<dyn Tokens>;

    /// Lets time pass by the clock that leases are judged by.
    async fn pass(&self, time: Duration);
}

/// A clock that stands still until somebody moves it.
#[derive(Debug)]
pub struct ManualClock(Mutex<DateTime<Utc>>);

impl ManualClock {
    /// A clock that shows [`fixture::base`].
    pub fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(fixture::base())))
    }

    /// Moves the clock on.
    pub fn advance(&self, by: Duration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }
}
#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waiting on this clock moves it: nobody else does.
    async fn sleep(&self, duration: Duration) {
        self.advance(duration);
    }
}

/// Makes one test of each promise. See [`crate::contract`].
#[macro_export]
macro_rules! store_contract {
    ($harness:expr) => {
        $crate::store_contract!(@module $harness, jobs:
            fifty_concurrent_creates_give_one_job,
            each_source_vm_has_its_own_active_job,
            a_taken_id_gives_the_next_second,
            a_created_job_reads_back,
            what_does_not_exist_is_none,
            filters_select_by_vm_status_and_type,
            pages_of_jobs_join_without_gaps,
            pages_of_the_journal_join_without_gaps,
        );
        $crate::store_contract!(@module $harness, leases:
            concurrent_claimers_never_share_a_job,
            a_claim_raises_the_epoch_and_brings_the_whole_journal,
            a_claim_takes_the_oldest_jobs_up_to_its_limit,
            a_job_is_free_when_its_workers_lease_has_ended,
            a_renewed_lease_keeps_its_jobs,
            a_worker_without_a_lease_claims_nothing,
            a_retired_worker_frees_its_jobs_at_once,
            a_retired_worker_frees_no_job_of_another_one,
            a_released_job_is_free_at_once,
            a_lost_lease_releases_nothing,
            ended_jobs_are_not_claimable,
            the_living_workers_are_known_with_their_jobs,
        );
        $crate::store_contract!(@module $harness, requests:
            a_cancel_is_noted_once_and_only_while_the_job_is_active,
            requests_are_numbered_in_the_order_in_which_they_come,
            requests_at_once_lose_nothing,
            a_worker_is_brought_the_unheard_requests_of_its_own_jobs,
            a_job_does_not_end_while_a_request_is_unheard,
            a_test_window_does_not_close_while_a_request_is_unheard,
            a_live_failover_is_settled_once,
            concurrent_settlements_give_one_job,
            failovers_whose_time_has_come_are_found,
            jobs_that_need_a_person_are_found,
            a_quarantine_is_cleared_with_a_reason_or_not_at_all,
            a_quarantine_is_not_cleared_under_an_active_job,
            what_is_asked_of_a_job_is_audited,
        );
        $crate::store_contract!(@module $harness, journal:
            the_same_batch_twice_is_written_once,
            a_repetition_is_recognised_beside_other_jobs,
            the_last_batch_of_a_job_can_be_repeated_too,
            a_concurrent_repetition_is_written_once,
            instants_finer_than_the_store_keeps_are_still_repeatable,
            a_wrong_owner_or_epoch_writes_nothing,
            a_zombie_cannot_write_after_a_takeover,
            gaps_and_other_entries_in_taken_places_are_refused_whole,
            rows_are_replaced_by_their_key,
            every_column_of_the_projection_reads_back,
            a_batch_without_entries_moves_the_row_only,
        );
        $crate::store_contract!(@module $harness, inventory:
            a_full_report_reads_back,
            what_a_report_leaves_out_stays_unknown,
            a_second_report_takes_the_place_of_the_first,
            a_volume_belongs_to_one_source_vm,
            of_two_reports_at_once_one_gets_the_volume,
            a_volume_that_was_given_up_can_be_taken,
            the_disks_of_an_active_job_cannot_be_changed,
            the_resync_mark_stays_until_it_is_done,
            source_vms_are_found_by_name_and_paged_by_id,
            mappings_stand_side_by_side_by_purpose,
            the_mappings_of_many_are_those_of_each,
            many_mappings_are_put_like_single_ones,
            lists_of_mappings_at_once_are_all_stored,
            the_users_of_networks_are_found_among_all_source_vms,
        );
        $crate::store_contract!(@module $harness, looks:
            a_look_reads_back_for_its_type_only,
            a_newer_look_takes_the_place_of_an_older_one_and_never_the_reverse,
            looks_at_once_leave_the_newest,
        );
        $crate::store_contract!(@module $harness, idempotency:
            of_claims_at_once_one_is_granted,
            a_kept_answer_is_given_again,
            a_key_belongs_to_one_request,
            keys_of_two_callers_are_two_keys,
            a_claim_lapses_and_is_then_worth_nothing,
            a_claim_that_is_given_back_is_free,
            a_started_job_is_not_started_again,
            a_refused_start_leaves_the_claim,
            old_keys_are_forgotten,
        );
        $crate::store_contract!(@module $harness, audit:
            every_change_has_its_row,
            what_changes_nothing_has_no_row,
            changes_at_once_make_one_chain,
            rows_are_filtered_and_paged_in_both_orders,
            a_job_that_passes_over_warnings_says_so,
        );
        $crate::store_contract!(@module $harness, tokens:
            a_token_reads_back_and_its_secret_finds_it,
            a_name_is_taken_until_its_token_is_revoked,
            of_two_tokens_of_one_name_at_once_one_is_made,
            a_token_is_revoked_once_and_for_good,
            a_use_is_noted_at_most_once_a_minute,
            making_and_revoking_a_token_is_audited,
        );
    };
    (@module $harness:expr, $module:ident: $($name:ident),+ $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            if let Some(harness) = $harness.await {
                $crate::contract::$module::$name(&harness).await;
            }
        }
    )+};
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryStore;

    struct InMemory {
        store: Arc<MemoryStore>,
        clock: Arc<ManualClock>,
    }

    #[async_trait]
    impl Harness for InMemory {
        fn jobs(&self) -> Arc<dyn JobStore> {
            self.store.clone()
        }

        fn inventory(&self) -> Arc<dyn Inventory> {
            self.store.clone()
        }

        fn mappings(&self) -> Arc<dyn Mappings> {
            self.store.clone()
        }

        fn workers(&self) -> Arc<dyn Workers> {
            self.store.clone()
        }

        fn keys(&self) -> Arc<dyn IdempotencyKeys> {
            self.store.clone()
        }

        fn looks(&self) -> Arc<dyn ReadinessLooks> {
            self.store.clone()
        }

        fn audit(&self) -> Arc<dyn AuditTrail> {
            self.store.clone()
        }

        fn tokens(&self) -> Arc<dyn Tokens> {
            self.store.clone()
        }

        async fn pass(&self, time: Duration) {
            self.clock.advance(time);
        }
    }

    async fn in_memory() -> Option<InMemory> {
        let clock = ManualClock::new();
        Some(InMemory {
            store: Arc::new(MemoryStore::new(clock.clone())),
            clock,
        })
    }

    crate::store_contract!(in_memory());
}

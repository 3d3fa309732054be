//! The suite that tells whether an implementation of [`OsseaClient`] keeps the promises of that trait.
//!
//! Each case is written once, against a [`World`]: a client, and the simulated cloud behind it with the means to make it
//! fail ([`Harness`]). The crate's own tests run the suite on the cloud inside the process, on the generated mock, and on the
//! real client over a real socket; [`client_contract!`](crate::client_contract) makes tests of it for any other client:
//!
//! ```ignore
//! ossea_sim::client_contract!(#[tokio::test] my_world());
//! ```
//!
//! where `my_world()` is a future of a [`World`] that no other case has used: for a client that speaks HTTP over a fresh
//! [`SimulatedSite`], for a client that wraps another one over an [`InProcessCloud`](crate::InProcessCloud).
//!
//! What every command needs, what its repetition does and where its refusal shows follows CloudStack's own behaviour; the
//! documentation of the simulator says where each fact is from.

#![expect(clippy::unwrap_used, reason = "a case that cannot go on has failed")]

#[doc(hidden)]
pub mod endings;
#[doc(hidden)]
pub mod hosts;
#[doc(hidden)]
pub mod jobs;
#[doc(hidden)]
pub mod machines;
#[doc(hidden)]
pub mod nics;
#[doc(hidden)]
pub mod reads;
#[cfg(feature = "http")]
mod site;
#[doc(hidden)]
pub mod snapshots;
#[doc(hidden)]
pub mod surroundings;
#[doc(hidden)]
pub mod vm_snapshots;
#[doc(hidden)]
pub mod volumes;
#[doc(hidden)]
pub mod way;
mod world;

#[cfg(feature = "http")]
pub use site::SimulatedSite;
pub use world::{Harness, World};

/// The ids of what is in the cloud of every case.
#[doc(hidden)]
pub mod ids {
    pub use super::world::{
        BACKEND, DISK0, DISK1, EAST, FAR_NETWORK, FIXED, FREE, MANAGED, OMA, OMA_ROOT, PASSWORD_TEMPLATE,
        PRODUCTION, TEMPLATE, TEST_NETWORK, UNKNOWN, WEST,
    };
}

/// What is in the cloud of every case: small, with one example of everything that a rule is about.
pub fn contents() -> crate::SimContents {
    include_str!("contract/cloud.toml").parse().unwrap()
}

/// Makes one test of each case. See [`crate::contract`].
///
/// The attribute is that of each test, such as `#[tokio::test]`. With `cannot wait` in the end the cases that take time are
/// left out, as a mock has to.
#[macro_export]
macro_rules! client_contract {
    (#[$test:meta] $world:expr) => {
        $crate::client_contract!(#[$test] $world, cannot wait);
        $crate::client_contract!(@module #[$test] $world, way as waiting:
            an_answer_in_small_pieces_is_an_answer,
        );
    };
    (#[$test:meta] $world:expr, cannot wait) => {
        $crate::client_contract!(@module #[$test] $world, reads as reads:
            the_appliance_is_shown_with_its_card,
            the_volumes_of_the_appliance_are_shown_at_their_devices,
            an_id_that_never_was_finds_nothing,
            what_belongs_to_an_object_that_never_was_is_not_an_empty_list,
            what_belonged_to_a_removed_vm_is_an_empty_list,
            networks_are_shown_by_zone,
            zones_say_whether_they_take_vms,
            offerings_say_what_is_free,
            a_template_is_shown_only_in_its_zones,
            the_cloud_tells_its_version_and_what_we_may,
        );
        $crate::client_contract!(@module #[$test] $world, surroundings as surroundings:
            pools_are_shown_by_zone_with_kind_and_scope,
            a_volume_tells_its_pool_once_it_is_on_one,
            limits_are_told_and_kept,
            a_tag_is_put_on_once_and_taken_off_as_often_as_wanted,
            what_a_tag_is_put_on_is_looked_up_in_the_job,
        );
        $crate::client_contract!(@module #[$test] $world, volumes as volumes:
            a_volume_moves_and_the_cloud_shows_where_it_is,
            a_repeated_detach_is_refused_in_the_job,
            a_repeated_attach_is_refused_in_the_job,
            a_device_that_is_taken_or_reserved_is_refused_in_the_job,
            the_cloud_chooses_the_lowest_free_data_device,
            the_root_of_a_running_vm_stays,
            a_replica_becomes_the_root_of_a_stopped_vm_and_data_again,
            device_zero_of_a_running_vm_and_managed_storage_are_refused,
            ids_that_never_were_are_refused_at_once,
            a_scratch_root_is_deleted_at_once_and_only_detached,
            a_deleted_volume_is_known_to_the_job_but_not_found,
        );
        $crate::client_contract!(@module #[$test] $world, machines as machines:
            a_deployed_vm_is_stopped_marked_and_has_a_scratch_root,
            cards_keep_their_order_and_the_first_is_the_default,
            a_mac_address_is_given_to_the_card_that_asks_for_it,
            a_free_offering_takes_the_size_that_is_given,
            a_uefi_vm_can_be_deployed_with_and_without_secure_boot,
            an_impossible_deployment_is_refused_at_once_and_leaves_nothing,
            a_second_vm_of_the_same_name_on_the_network_is_refused,
            a_name_is_found_only_whole,
            a_vm_runs_after_its_start_and_starts_only_once,
            a_vm_without_a_root_does_not_start,
            stopping_can_be_repeated,
            destroying_keeps_data_disks_and_deletes_what_is_at_device_zero,
            a_vm_that_never_was_is_refused_at_once,
            a_failed_over_vm_runs_with_its_disks_in_order,
        );
        $crate::client_contract!(@module #[$test] $world, endings as endings:
            a_destroyed_vm_keeps_its_root_until_it_is_recovered,
            only_a_destroyed_vm_is_recovered,
            a_vm_that_could_not_be_expunged_is_left_in_error_and_expunged_later,
            only_what_is_destroyed_is_expunged,
            a_guest_that_does_not_stop_runs_on_unless_it_is_forced,
            a_volume_that_cannot_be_reverted_keeps_its_snapshot,
            a_vm_that_cannot_be_reverted_keeps_its_snapshot,
        );
        $crate::client_contract!(@module #[$test] $world, nics as nics:
            a_second_card_is_added_and_is_not_the_default,
            the_only_card_is_replaced_by_adding_choosing_and_removing,
            a_second_card_on_the_same_network_is_refused_in_the_job,
            a_card_elsewhere_or_with_a_name_or_an_address_that_is_taken_is_refused_in_the_job,
            the_default_card_stays_and_is_not_chosen_again,
            a_card_that_never_was_is_refused_at_once_and_one_that_is_gone_in_the_job,
            a_card_added_to_a_running_vm_takes_an_address,
        );
        $crate::client_contract!(@module #[$test] $world, snapshots as snapshots:
            a_detached_volume_is_snapshotted,
            the_snapshots_of_all_volumes_are_one_list,
            names_of_snapshots_are_not_unique,
            a_detached_volume_is_reverted_as_often_as_wanted,
            a_volume_of_a_running_vm_is_not_reverted,
            a_deleted_snapshot_is_gone_and_deleted_only_once,
            a_snapshot_of_nothing_is_refused_at_once,
            a_root_that_is_on_no_storage_yet_is_not_snapshotted,
        );
        $crate::client_contract!(@module #[$test] $world, vm_snapshots as vm_snapshots:
            the_disks_of_a_stopped_vm_are_snapshotted,
            a_name_is_used_once_on_each_vm,
            every_refusal_inside_the_call_is_a_530,
            what_never_was_is_refused_at_once,
            the_snapshots_of_a_vm_are_shown_newest_first,
            disks_and_cards_are_frozen_until_the_last_snapshot_is_deleted,
            going_back_needs_a_stopped_vm_and_can_be_repeated,
            a_deleted_vm_snapshot_is_gone_and_deleted_only_once,
            a_vm_has_at_most_ten_snapshots,
            a_volume_is_not_snapshotted_beside_a_vm_snapshot,
            beside_a_volume_snapshot_it_fails_in_the_job_and_freezes_the_vm,
            a_destroyed_vm_takes_its_snapshots_along,
        );
        $crate::client_contract!(@module #[$test] $world, jobs as jobs:
            a_job_carries_our_key,
            an_unfinished_job_is_listed_and_shown_on_its_volume,
            an_ended_job_is_no_longer_listed_but_still_known,
            the_same_key_is_refused_while_its_job_runs_and_afterwards,
            a_create_repeated_under_its_key_leaves_an_orphan,
            work_for_one_vm_is_done_in_turn,
            a_failed_job_tells_the_clouds_reason,
            a_failed_job_may_have_done_its_work,
            a_job_cut_off_by_a_restart_or_a_cancellation_says_nothing_about_its_work,
            a_forgotten_job_is_not_known_whatever_it_did,
            a_guest_that_does_not_let_go_keeps_its_volume,
        );
        $crate::client_contract!(@module #[$test] $world, way as way:
            a_lost_reply_is_resolved_by_looking,
            a_lost_request_is_resolved_by_looking,
            a_page_of_html_leaves_the_outcome_unknown,
            a_lost_reply_of_a_synchronous_command_is_unknown_too,
            a_lost_answer_to_a_read_is_unreachable,
            a_page_of_html_is_no_answer_to_a_read,
            throttling_tells_how_long_to_wait,
            a_server_that_shuts_down_is_busy_and_has_done_nothing,
            a_server_that_shuts_down_may_have_made_what_a_create_command_makes,
            refusals_are_told_apart_by_their_code_alone,
            only_an_unknown_job_is_not_known,
            no_kind_of_garbage_is_taken_for_an_answer,
            an_answer_that_breaks_in_the_middle_was_never_read,
            half_an_answer_under_a_wrong_length_is_no_answer,
            an_answer_that_stalls_is_given_up,
            a_restart_before_a_request_was_processed_leaves_nothing_of_it,
            a_restart_after_a_request_was_processed_leaves_its_job,
            a_server_in_maintenance_answers_reads_and_takes_no_jobs,
        );
        $crate::client_contract!(@module #[$test] $world, hosts as hosts:
            a_host_without_room_refuses_a_start_in_the_job_and_a_deployment_at_once,
            a_limit_refuses_a_snapshot_at_once,
            a_busy_device_fails_once_and_can_be_tried_again,
            without_an_agent_nothing_starts_and_running_vms_keep_their_disks,
            without_an_agent_only_a_forced_stop_says_that_it_worked,
            purged_jobs_are_not_known_and_what_they_did_remains,
        );
    };
    (@module #[$test:meta] $world:expr, $module:ident as $named:ident: $($case:ident),+ $(,)?) => {
        mod $named {
            use super::*;

            $(#[$test]
            async fn $case() {
                $crate::contract::$module::$case(&$world.await).await;
            })+
        }
    };
}

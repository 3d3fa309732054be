//! The tables, with the column types of the dialect. `migrations/` is the truth; this is what diesel is told.

diesel::table! {
    use super::super::dialect::sql_types::*;
    replication_jobs (id) {
        id -> Text,
        source_vm_id -> Text,
        source_vm_name -> Text,
        status -> Text,
        recorded_by -> Nullable<Text>,
        created_at -> TsSql,
        updated_at -> TsSql,
        completed_at -> Nullable<TsSql>,
    }
}

diesel::table! {
    use super::super::dialect::sql_types::*;
    ossea_volumes (id) {
        id -> BigInt,
        volume_id -> Text,
        volume_name -> Text,
        size_gb -> Nullable<BigInt>,
        status -> Text,
        oma_device -> Nullable<BigInt>,
        source_vm_id -> Nullable<Text>,
        needs_full_resync -> Bool,
        created_at -> TsSql,
        updated_at -> TsSql,
    }
}

diesel::table! {
    use super::super::dialect::sql_types::*;
    vm_disks (id) {
        id -> BigInt,
        job_id -> Text,
        ossea_volume_id -> Nullable<BigInt>,
        controller -> Nullable<Text>,
        bus -> Nullable<BigInt>,
        unit -> Nullable<BigInt>,
        label -> Nullable<Text>,
        size_bytes -> Nullable<BigInt>,
        cpu_count -> Nullable<BigInt>,
        memory_mb -> Nullable<BigInt>,
        os_type -> Nullable<Text>,
        display_name -> Nullable<Text>,
        power_state -> Nullable<Text>,
        firmware -> Nullable<Text>,
        secure_boot -> Bool,
        network_config -> Nullable<JsonSql>,
        created_at -> TsSql,
    }
}

diesel::table! {
    use super::super::dialect::sql_types::*;
    cbt_history (id) {
        id -> BigInt,
        job_id -> Text,
        change_id -> Nullable<Text>,
        sync_success -> Bool,
        created_at -> TsSql,
    }
}

diesel::table! {
    use super::super::dialect::sql_types::*;
    network_mappings (id) {
        id -> BigInt,
        vm_id -> Text,
        source_network_name -> Text,
        destination_network_id -> Text,
        destination_network_name -> Text,
        is_test_network -> Bool,
        created_at -> TsSql,
        updated_at -> TsSql,
    }
}

diesel::table! {
    use super::super::dialect::sql_types::*;
    workers (worker_id) {
        worker_id -> Text,
        lease_until -> TsSql,
    }
}

diesel::table! {
    use super::super::dialect::sql_types::*;
    failover_jobs (job_id) {
        job_id -> Text,
        vm_id -> Text,
        job_type -> Text,
        status -> Text,
        source_vm_name -> Text,
        ossea_snapshot_id -> Nullable<Text>,
        destination_vm_id -> Nullable<Text>,
        error_message -> Nullable<Text>,
        created_at -> TsSql,
        updated_at -> TsSql,
        completed_at -> Nullable<TsSql>,
        requested_by -> Text,
        progress -> Double,
        is_returning -> Bool,
        current_steps -> JsonSql,
        attention -> JsonSql,
        failure -> Nullable<JsonSql>,
        cancel_requested_by -> Nullable<Text>,
        started_at -> Nullable<TsSql>,
        last_seq -> BigInt,
        owner -> Nullable<Text>,
        epoch -> BigInt,
        test_window -> Nullable<JsonSql>,
        heard_requests -> BigInt,
        last_request -> BigInt,
        settle_at -> Nullable<TsSql>,
        settled_by -> Nullable<Text>,
    }
}

diesel::table! {
    use super::super::dialect::sql_types::*;
    failover_plans (job_id) {
        job_id -> Text,
        plan -> JsonSql,
    }
}

diesel::table! {
    use super::super::dialect::sql_types::*;
    failover_events (job_id, seq) {
        job_id -> Text,
        seq -> BigInt,
        at -> TsSql,
        event -> JsonSql,
    }
}

diesel::table! {
    use super::super::dialect::sql_types::*;
    failover_volumes (job_id, disk) {
        job_id -> Text,
        disk -> BigInt,
        volume_id -> Text,
        oma_device -> BigInt,
        destination_device -> BigInt,
        custody -> Text,
        device -> Nullable<BigInt>,
        dirty -> Bool,
        snapshot_id -> Nullable<Text>,
    }
}

diesel::table! {
    use super::super::dialect::sql_types::*;
    failover_resources (job_id, kind, name) {
        job_id -> Text,
        kind -> Text,
        name -> Text,
        cloud_id -> Nullable<Text>,
        state -> Text,
    }
}

diesel::table! {
    use super::super::dialect::sql_types::*;
    failover_requests (job_id, number) {
        job_id -> Text,
        number -> BigInt,
        requested_by -> Text,
        requested_at -> TsSql,
        kind -> Text,
        request -> JsonSql,
    }
}

diesel::table! {
    use super::super::dialect::sql_types::*;
    audit_log (seq) {
        seq -> BigInt,
        at -> TsSql,
        actor -> Text,
        action -> Text,
        object -> Text,
        vm_id -> Nullable<Text>,
        job_id -> Nullable<Text>,
        request_id -> Nullable<Text>,
        reason -> Text,
        hash -> Text,
    }
}

diesel::table! {
    use super::super::dialect::sql_types::*;
    audit_head (id) {
        id -> BigInt,
        seq -> BigInt,
        hash -> Text,
    }
}

diesel::table! {
    use super::super::dialect::sql_types::*;
    api_tokens (id) {
        id -> Text,
        name -> Text,
        prefix -> Text,
        hash -> Text,
        role -> Text,
        vms -> Nullable<JsonSql>,
        created_at -> TsSql,
        created_by -> Text,
        expires_at -> Nullable<TsSql>,
        revoked_at -> Nullable<TsSql>,
        last_used_at -> Nullable<TsSql>,
    }
}

diesel::table! {
    use super::super::dialect::sql_types::*;
    idempotency_keys (id) {
        id -> BigInt,
        caller -> Text,
        idempotency_key -> Text,
        method -> Text,
        path -> Text,
        body_sha256 -> Text,
        claim -> Text,
        claimed_until -> TsSql,
        kept_until -> TsSql,
        job_id -> Nullable<Text>,
        status -> Nullable<Integer>,
        headers -> Nullable<JsonSql>,
        body -> Nullable<Binary>,
    }
}

diesel::table! {
    use super::super::dialect::sql_types::*;
    readiness_looks (vm_id, failover_type) {
        vm_id -> Text,
        failover_type -> Text,
        at -> TsSql,
        is_ready -> Bool,
        score -> Double,
        failed_rules -> JsonSql,
    }
}

diesel::joinable!(vm_disks -> replication_jobs (job_id));
diesel::joinable!(vm_disks -> ossea_volumes (ossea_volume_id));
diesel::joinable!(cbt_history -> replication_jobs (job_id));
diesel::allow_tables_to_appear_in_same_query!(vm_disks, replication_jobs, ossea_volumes, cbt_history);
diesel::joinable!(failover_requests -> failover_jobs (job_id));
diesel::allow_tables_to_appear_in_same_query!(failover_jobs, workers);
diesel::allow_tables_to_appear_in_same_query!(failover_jobs, failover_requests);

//! What people are needed for, over all jobs; replicas in quarantine.

use failover_api::dto::{AttentionPage, AttentionView, MarkedReplica, QuarantineView};
use failover_domain::{Attention, JobId, Severity, VmId};

use super::event::word;
use super::verb::commands;
use super::{Paint, figures, table};

/// A page of open attentions.
pub(crate) fn page(page: &AttentionPage, paint: Paint) -> String {
    let entry = |view: &AttentionView| {
        format!(
            "{} ({}, {})\n{}",
            paint.bold(&view.source_vm_name),
            view.job_id,
            view.status,
            lines(&view.attention, &view.job_id, &view.vm_id, paint)
        )
    };
    let entries: Vec<String> = page.attention.iter().map(entry).collect();
    let mut text = if entries.is_empty() {
        "nobody is needed\n".to_owned()
    } else {
        entries.join("\n")
    };
    if let Some(cursor) = &page.next_cursor {
        text += &format!("There are more: failoverctl attention --cursor {cursor}\n");
    }
    text
}

/// Something that a person is needed for, with the commands that do something about it.
pub(crate) fn lines(attention: &Attention, job: &JobId, vm: &VmId, paint: Paint) -> String {
    let severity = word(&attention.severity);
    let label = format!("ATTENTION ({severity})");
    let label = match attention.severity {
        Severity::Warning => paint.warn(&label),
        Severity::Error | Severity::Critical => paint.bad(&label),
    };
    let mut text = format!(
        "{label} {} since {}: {}\n",
        word(&attention.code),
        figures::clock(attention.since),
        attention.message
    );
    if !attention.objects.is_empty() {
        text += &format!("  concerns {}\n", attention.objects.join(", "));
    }
    for choice in &attention.choices {
        text += &format!("  -> {choice}\n");
    }
    for command in commands(attention, job, vm) {
        text += &format!("     {command}\n");
    }
    text
}

/// The replicas of a VM that need a full synchronisation.
pub(crate) fn quarantine(view: &QuarantineView) -> String {
    if view.replicas.is_empty() {
        return format!("no replica of {} is in quarantine\n", view.name);
    }
    let row = |replica: &MarkedReplica| {
        [
            replica.label.clone(),
            replica.volume_name.clone(),
            replica.volume_id.to_string(),
        ]
    };
    let replicas = table(
        0,
        ["DISK", "REPLICA VOLUME", "VOLUME ID"],
        view.replicas.iter().map(row),
    );
    format!(
        "{replicas}Each needs a full synchronisation. One whose content is known to be good is cleared by hand:\n  \
         failoverctl quarantine clear {} VOLUME --reason \"...\"\n",
        view.vm_id
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn each_attention_comes_with_its_job() {
        let job = fixture::returning_with_attention().summary;
        let view = AttentionView {
            job_id: job.job_id.clone(),
            vm_id: job.vm_id,
            source_vm_name: job.source_vm_name,
            job_type: job.job_type,
            status: job.status,
            job_url: job.job_url,
            attention: fixture::attention(),
        };
        let text = page(
            &AttentionPage {
                attention: vec![view],
                next_cursor: Some(job.job_id),
            },
            Paint::Plain,
        );
        let id = fixture::JOB;
        assert_eq!(
            text,
            format!(
                "erp-01 ({id}, snapshotting)\nATTENTION (critical) REPLICA_DETACHED since 12:01:30: replica erp-disk-0 \
                 is attached to no VM; the engine goes on trying\n  concerns volume volume-0\n  -> Attach the volume to the \
                 OMA by hand.\nThere are more: failoverctl attention --cursor {id}\n"
            )
        );
        let nothing = AttentionPage {
            attention: Vec::new(),
            next_cursor: None,
        };
        assert_eq!(page(&nothing, Paint::Plain), "nobody is needed\n");
    }
}

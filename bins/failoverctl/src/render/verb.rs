//! What may be asked of a job, what was asked, and the command to type for each.

use failover_api::dto::engine::{JobRequest, Verb};
use failover_api::dto::{ActionView, Permission, RequestAnswer, RequestView};
use failover_domain::{Attention, AttentionCode, Decision, JobId, VmId};

use super::event::word;
use super::{figures, table};

/// A request that the worker of a job will hear.
pub(crate) fn noted(answer: &RequestAnswer) -> String {
    let job = &answer.job_id;
    format!(
        "Noted for {job}: {}.\nFollow it: failoverctl jobs show {job} --watch\n",
        wish(&answer.request)
    )
}

/// What was asked, as the end of a sentence.
pub(crate) fn wish(request: &JobRequest) -> String {
    match request {
        JobRequest::Cancel => "cancel the job".to_owned(),
        JobRequest::EndTest => "end the test".to_owned(),
        JobRequest::Extend { deadline } => {
            format!("keep the window open until {}", figures::instant(*deadline))
        }
        JobRequest::Retry => "try again at once".to_owned(),
        JobRequest::Decide {
            code,
            object,
            decision,
            reason,
        } => {
            let about = object.as_ref().map(|o| format!(" about {o}")).unwrap_or_default();
            let because = if reason.is_empty() {
                String::new()
            } else {
                format!(", because {reason:?}")
            };
            format!("decide {decision} for {}{about}{because}", word(code))
        }
    }
}

/// Who asked what.
pub(crate) fn requests(requests: &[RequestView]) -> String {
    let row = |view: &RequestView| {
        [
            figures::instant(view.request.at),
            view.request.by.clone(),
            wish(&view.request.request),
            if view.heard { "heard" } else { "not heard yet" }.to_owned(),
        ]
    };
    table(2, ["AT", "BY", "ASKED", ""], requests.iter().map(row))
}

/// Each verb: the command and what it does, or why it is refused.
pub(crate) fn actions(job: &JobId, actions: &[ActionView]) -> String {
    let line = |view: &ActionView| {
        let name = view.action.as_str().replace('_', " ");
        match &view.permission {
            Permission::Allowed { meaning, .. } => {
                format!("  {name}: {}\n    {meaning}\n", command(job, view.action, ""))
            }
            Permission::NeedsConsent { meaning, .. } => {
                let consent = " --discard-guest-writes";
                format!(
                    "  {name}: {}\n    {meaning}\n",
                    command(job, view.action, consent)
                )
            }
            Permission::Refused { reason } => format!("  {name}: no, {reason}\n"),
        }
    };
    actions.iter().map(line).collect()
}

fn command(job: &JobId, verb: Verb, consent: &str) -> String {
    match verb {
        Verb::EndTest => format!("failoverctl failover end {job}"),
        Verb::Extend => format!("failoverctl jobs extend {job} --by 30m"),
        Verb::Decide => format!("failoverctl jobs decide {job} ATTENTION DECISION"),
        Verb::Cancel | Verb::Retry | Verb::Commit | Verb::Rollback => {
            format!("failoverctl jobs {} {job}{consent}", verb.as_str())
        }
    }
}

/// The commands with which a person can do something about an attention.
pub(crate) fn commands(attention: &Attention, job: &JobId, vm: &VmId) -> Vec<String> {
    let decide = |decision: &Decision| {
        let object = attention
            .object()
            .map(|o| format!(" --object {}", quoted(o)))
            .unwrap_or_default();
        let reason = match decision {
            Decision::Retry => "",
            Decision::Keep | Decision::Force => " --reason \"...\"",
        };
        let code = word(&attention.code);
        format!("failoverctl jobs decide {job} {code} {decision}{object}{reason}")
    };
    let mut commands: Vec<String> = attention.decisions.iter().map(decide).collect();
    let verb = |verb| command(job, verb, "");
    match attention.code {
        AttentionCode::TestWindowOver => commands.extend([verb(Verb::EndTest), verb(Verb::Extend)]),
        AttentionCode::TestVmUnhealthy => commands.push(verb(Verb::EndTest)),
        AttentionCode::RollbackPointsOld => commands.extend([verb(Verb::Commit), verb(Verb::Rollback)]),
        AttentionCode::ReplicaQuarantined => {
            let volume = attention.object().and_then(|o| o.strip_prefix("volume "));
            commands
                .extend(volume.map(|v| format!("failoverctl quarantine clear {vm} {v} --reason \"...\"")));
        }
        AttentionCode::BootNotVerified => {
            commands.push(command(job, Verb::Cancel, " --discard-guest-writes"))
        }
        AttentionCode::ReplicaDetached
        | AttentionCode::ReplicaElsewhere
        | AttentionCode::DirtyReplicaOnOma
        | AttentionCode::RevertFailed
        | AttentionCode::DestinationDestroyed
        | AttentionCode::DetachFailed
        | AttentionCode::ReplicaMissing
        | AttentionCode::StopFailed
        | AttentionCode::LeftoverObject
        | AttentionCode::CloudUnavailable
        | AttentionCode::InvariantGuard
        | AttentionCode::ForeignVmSnapshot
        | AttentionCode::KeptForInspection
        | AttentionCode::ResumeFailed => {}
    }
    commands
}

/// A text as one word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn each_decision_is_a_command_to_type() {
        let mut attention = fixture::attention();
        attention.code = AttentionCode::RevertFailed;
        attention.decisions = Decision::ALL.to_vec();
        attention.objects = vec!["VM o'neill".into()];
        let job = fixture::JOB;
        assert_eq!(
            commands(&attention, &fixture::job_id(), &fixture::VM.parse().unwrap()),
            [
                format!("failoverctl jobs decide {job} REVERT_FAILED retry --object 'VM o'\\''neill'"),
                format!(
                    "failoverctl jobs decide {job} REVERT_FAILED keep --object 'VM o'\\''neill' --reason \"...\""
                ),
                format!(
                    "failoverctl jobs decide {job} REVERT_FAILED force --object 'VM o'\\''neill' --reason \"...\""
                ),
            ]
        );
    }

    #[test]
    fn a_quarantine_is_cleared_where_it_is() {
        let mut attention = fixture::attention();
        attention.code = AttentionCode::ReplicaQuarantined;
        let commands = commands(&attention, &fixture::job_id(), &fixture::VM.parse().unwrap());
        let vm = fixture::VM;
        assert_eq!(
            commands,
            [format!(
                "failoverctl quarantine clear {vm} volume-0 --reason \"...\""
            )]
        );
    }
}

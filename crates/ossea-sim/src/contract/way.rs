//! What happens on the way: lost, late, throttled and foreign answers, and what may be concluded.

use std::time::Duration;

use crate::cloud::{Agent, Conditions, ServerMode};
use crate::faults::{Garbage, RestartMoment, WayFault, Work};
use ossea::{Command, JobReport, OsseaError, Refusal};

use super::world::{DISK0, OMA, World};

fn detach() -> Command {
    Command::DetachVolume {
        volume: DISK0.parse().unwrap(),
    }
}

async fn is_detached(world: &World) -> bool {
    world.volume(&DISK0.parse().unwrap()).await.attachment.is_none()
}

pub async fn a_lost_reply_is_resolved_by_looking(world: &World) {
    let rule = world.fault("detachVolume", WayFault::LostReply);
    let key = world.key();
    let outcome = world.client().submit(&key, &detach()).await;
    assert!(
        matches!(outcome, Err(OsseaError::OutcomeUnknown(_))),
        "{outcome:?}"
    );
    assert!(matches!(
        world.ended(&key.job_id()).await,
        JobReport::Succeeded { .. }
    ));
    assert!(is_detached(world).await);
    world.struck_once(rule);
}

pub async fn a_lost_request_is_resolved_by_looking(world: &World) {
    let rule = world.fault("detachVolume", WayFault::LostRequest);
    let key = world.key();
    let outcome = world.client().submit(&key, &detach()).await;
    assert!(
        matches!(outcome, Err(OsseaError::OutcomeUnknown(_))),
        "{outcome:?}"
    );
    assert_eq!(
        world.client().job(&key.job_id()).await.unwrap(),
        JobReport::NotKnown
    );
    assert!(!is_detached(world).await);
    world.struck_once(rule);
    // The key is still free, so the very same request may be sent now.
    world.client().submit(&key, &detach()).await.unwrap();
    assert!(matches!(
        world.ended(&key.job_id()).await,
        JobReport::Succeeded { .. }
    ));
}

pub async fn a_page_of_html_leaves_the_outcome_unknown(world: &World) {
    for (work, done) in [(Work::NotDone, false), (Work::Done, true)] {
        let rule = world.fault(
            "detachVolume",
            WayFault::Garbage {
                work,
                body: Garbage::Html,
            },
        );
        let key = world.key();
        let outcome = world.client().submit(&key, &detach()).await;
        assert!(
            matches!(outcome, Err(OsseaError::OutcomeUnknown(_))),
            "{outcome:?}"
        );
        let known = world.ended(&key.job_id()).await != JobReport::NotKnown;
        assert_eq!((known, is_detached(world).await), (done, done));
        world.struck_once(rule);
    }
}

pub async fn a_lost_reply_of_a_synchronous_command_is_unknown_too(world: &World) {
    let (vm, root) = world.deploy_with_loose_root("web-01").await;
    let rule = world.fault("deleteVolume", WayFault::LostReply);
    let proof = ossea::ScratchRoot::prove(&root, &std::collections::BTreeSet::new()).unwrap();
    let outcome = world.submit(&Command::DeleteVolume { volume: proof }).await;
    assert!(
        matches!(outcome, Err(OsseaError::OutcomeUnknown(_))),
        "{outcome:?}"
    );
    assert_eq!(world.client().volume(&root.id).await.unwrap(), None);
    assert_eq!(world.volumes_on(&vm).await, []);
    world.struck_once(rule);
}

pub async fn a_lost_answer_to_a_read_is_unreachable(world: &World) {
    let (oma, volume) = (OMA.parse().unwrap(), DISK0.parse().unwrap());
    let key = world.key();
    for fault in [WayFault::LostRequest, WayFault::LostReply] {
        let rules = [
            "listVirtualMachines",
            "listVolumes",
            "queryAsyncJobResult",
            "listAsyncJobs",
        ]
        .map(|command| world.fault(command, fault.clone()));
        assert!(matches!(
            world.client().vm(&oma).await,
            Err(OsseaError::Unreachable(_))
        ));
        assert!(matches!(
            world.client().volume(&volume).await,
            Err(OsseaError::Unreachable(_))
        ));
        assert!(matches!(
            world.client().job(&key.job_id()).await,
            Err(OsseaError::Unreachable(_))
        ));
        assert!(matches!(
            world.client().pending_jobs().await,
            Err(OsseaError::Unreachable(_))
        ));
        rules.into_iter().for_each(|rule| world.struck_once(rule));
        assert!(world.client().vm(&oma).await.unwrap().is_some());
    }
}

pub async fn a_page_of_html_is_no_answer_to_a_read(world: &World) {
    let rule = world.fault(
        "listVolumes",
        WayFault::Garbage {
            work: Work::NotDone,
            body: Garbage::Html,
        },
    );
    let volumes = world.client().volumes_on(&OMA.parse().unwrap()).await;
    assert!(matches!(volumes, Err(OsseaError::Malformed(_))), "{volumes:?}");
    world.struck_once(rule);
}

pub async fn throttling_tells_how_long_to_wait(world: &World) {
    let fault = WayFault::Throttled { retry_after_ms: 730 };
    let expected = OsseaError::Throttled {
        retry_after: Duration::from_millis(730),
    };
    let rules = ["listVolumes", "detachVolume"].map(|command| world.fault(command, fault.clone()));
    assert_eq!(
        world.client().volumes_on(&OMA.parse().unwrap()).await,
        Err(expected.clone())
    );
    let key = world.key();
    assert_eq!(world.client().submit(&key, &detach()).await, Err(expected));
    assert_eq!(
        world.client().job(&key.job_id()).await.unwrap(),
        JobReport::NotKnown
    );
    rules.into_iter().for_each(|rule| world.struck_once(rule));
}

pub async fn a_server_that_shuts_down_may_have_made_what_a_create_command_makes(world: &World) {
    let rule = world.fault("deployVirtualMachine", WayFault::Busy);
    let deploy = Command::DeployVirtualMachine(Box::new(world.deployment("web")));
    let outcome = world.submit(&deploy).await;
    assert!(
        matches!(outcome, Err(OsseaError::OutcomeUnknown(_))),
        "{outcome:?}"
    );
    world.struck_once(rule);
}

pub async fn a_server_that_shuts_down_is_busy_and_has_done_nothing(world: &World) {
    let rules = ["listVolumes", "detachVolume"].map(|command| world.fault(command, WayFault::Busy));
    assert!(matches!(
        world.client().volumes_on(&OMA.parse().unwrap()).await,
        Err(OsseaError::Busy(_))
    ));
    let key = world.key();
    assert!(matches!(
        world.client().submit(&key, &detach()).await,
        Err(OsseaError::Busy(_))
    ));
    assert_eq!(
        world.client().job(&key.job_id()).await.unwrap(),
        JobReport::NotKnown
    );
    assert!(!is_detached(world).await);
    rules.into_iter().for_each(|rule| world.struck_once(rule));
}

pub async fn refusals_are_told_apart_by_their_code_alone(world: &World) {
    // The words of a shutdown up to 4.20, and those of throttling: neither decides anything.
    for text in [
        "A shutdown has been triggered. Can not accept new jobs",
        "please retry after 5 ms.",
    ] {
        for code in [430, 431, 432, 530, 531, 532, 533, 534, 535, 536, 537] {
            let refusal = Refusal {
                code,
                text: text.to_owned(),
            };
            world.fault(
                "detachVolume",
                WayFault::Refuse {
                    code,
                    text: text.to_owned(),
                },
            );
            assert_eq!(world.submit(&detach()).await, Err(OsseaError::Refused(refusal)));
        }
    }
    world.fault(
        "detachVolume",
        WayFault::Refuse {
            code: 401,
            text: "not you".to_owned(),
        },
    );
    assert_eq!(
        world.submit(&detach()).await,
        Err(OsseaError::Unauthorized("not you".to_owned()))
    );
    assert!(!is_detached(world).await);
}

pub async fn only_an_unknown_job_is_not_known(world: &World) {
    let key = world.key();
    for code in [530, 531] {
        world.fault(
            "queryAsyncJobResult",
            WayFault::Refuse {
                code,
                text: "x".to_owned(),
            },
        );
        let report = world.client().job(&key.job_id()).await;
        assert!(
            matches!(&report, Err(OsseaError::Refused(refusal)) if refusal.code == code),
            "{report:?}"
        );
    }
    assert_eq!(world.client().job(&key.job_id()).await, Ok(JobReport::NotKnown));
}

const GARBAGE: [Garbage; 6] = [
    Garbage::Html,
    Garbage::CutJson,
    Garbage::Empty,
    Garbage::Binary,
    Garbage::Huge,
    Garbage::WrongEnvelope,
];

pub async fn no_kind_of_garbage_is_taken_for_an_answer(world: &World) {
    for body in GARBAGE {
        let fault = WayFault::Garbage {
            work: Work::NotDone,
            body,
        };
        let rules = ["listVolumes", "detachVolume"].map(|command| world.fault(command, fault.clone()));
        let read = world.client().volumes_on(&OMA.parse().unwrap()).await;
        assert!(
            matches!(read, Err(OsseaError::Malformed(_))),
            "{body:?}: {read:?}"
        );
        let change = world.submit(&detach()).await;
        assert!(
            matches!(change, Err(OsseaError::OutcomeUnknown(_))),
            "{body:?}: {change:?}"
        );
        rules.into_iter().for_each(|rule| world.struck_once(rule));
        // A client that hears nothing else for a while would pause the way there.
        assert!(!is_detached(world).await);
    }
}

pub async fn an_answer_that_breaks_in_the_middle_was_never_read(world: &World) {
    let rules = ["listVolumes", "detachVolume"].map(|command| world.fault(command, WayFault::CutAnswer));
    let read = world.client().volumes_on(&OMA.parse().unwrap()).await;
    assert!(matches!(read, Err(OsseaError::Unreachable(_))), "{read:?}");
    let change = world.submit(&detach()).await;
    assert!(matches!(change, Err(OsseaError::OutcomeUnknown(_))), "{change:?}");
    rules.into_iter().for_each(|rule| world.struck_once(rule));
}

pub async fn half_an_answer_under_a_wrong_length_is_no_answer(world: &World) {
    let rules = ["listVolumes", "detachVolume"].map(|command| world.fault(command, WayFault::ShortAnswer));
    let read = world.client().volumes_on(&OMA.parse().unwrap()).await;
    assert!(matches!(read, Err(OsseaError::Malformed(_))), "{read:?}");
    let key = world.key();
    let change = world.client().submit(&key, &detach()).await;
    assert!(matches!(change, Err(OsseaError::OutcomeUnknown(_))), "{change:?}");
    assert!(matches!(
        world.ended(&key.job_id()).await,
        JobReport::Succeeded { .. }
    ));
    rules.into_iter().for_each(|rule| world.struck_once(rule));
}

pub async fn an_answer_in_small_pieces_is_an_answer(world: &World) {
    let fault = WayFault::DribbledAnswer { seconds: 1 };
    let rules = ["listVolumes", "detachVolume"].map(|command| world.fault(command, fault.clone()));
    let volumes = world.client().volumes_on(&OMA.parse().unwrap()).await.unwrap();
    assert!(volumes.iter().any(|volume| volume.id.as_str() == DISK0));
    let key = world.key();
    world.client().submit(&key, &detach()).await.unwrap();
    assert!(matches!(
        world.ended(&key.job_id()).await,
        JobReport::Succeeded { .. }
    ));
    rules.into_iter().for_each(|rule| world.struck_once(rule));
}

pub async fn an_answer_that_stalls_is_given_up(world: &World) {
    let rules = ["listVolumes", "detachVolume"].map(|command| world.fault(command, WayFault::StalledAnswer));
    let read = world.impatient().volumes_on(&OMA.parse().unwrap()).await;
    assert!(matches!(read, Err(OsseaError::Unreachable(_))), "{read:?}");
    let key = world.key();
    let change = world.impatient().submit(&key, &detach()).await;
    assert!(matches!(change, Err(OsseaError::OutcomeUnknown(_))), "{change:?}");
    assert!(matches!(
        world.ended(&key.job_id()).await,
        JobReport::Succeeded { .. }
    ));
    rules.into_iter().for_each(|rule| world.struck_once(rule));
}

pub async fn a_restart_before_a_request_was_processed_leaves_nothing_of_it(world: &World) {
    let fault = |work| WayFault::Restart {
        when: RestartMoment::Before,
        work,
    };
    for work in [Work::Done, Work::NotDone] {
        let rule = world.fault("detachVolume", fault(work));
        let key = world.key();
        let outcome = world.client().submit(&key, &detach()).await;
        assert!(
            matches!(outcome, Err(OsseaError::OutcomeUnknown(_))),
            "{outcome:?}"
        );
        assert_eq!(world.client().job(&key.job_id()).await, Ok(JobReport::NotKnown));
        assert!(!is_detached(world).await);
        world.struck_once(rule);
    }
}

pub async fn a_restart_after_a_request_was_processed_leaves_its_job(world: &World) {
    let rule = world.fault(
        "detachVolume",
        WayFault::Restart {
            when: RestartMoment::After,
            work: Work::Done,
        },
    );
    let key = world.key();
    let outcome = world.client().submit(&key, &detach()).await;
    assert!(
        matches!(outcome, Err(OsseaError::OutcomeUnknown(_))),
        "{outcome:?}"
    );
    // Work that takes no time is over before the restart; other work is cut off. Done it is in both cases.
    let report = world.ended(&key.job_id()).await;
    assert!(
        matches!(
            report,
            JobReport::Succeeded { .. } | JobReport::Interrupted { code: 530 }
        ),
        "{report:?}"
    );
    assert!(is_detached(world).await);
    world.struck_once(rule);
}

pub async fn a_server_in_maintenance_answers_reads_and_takes_no_jobs(world: &World) {
    world.harness().set_conditions(Conditions {
        server: ServerMode::Maintenance,
        agent: Agent::Connected,
    });
    let key = world.key();
    let outcome = world.client().submit(&key, &detach()).await;
    assert!(matches!(outcome, Err(OsseaError::Busy(_))), "{outcome:?}");
    assert_eq!(world.client().job(&key.job_id()).await, Ok(JobReport::NotKnown));
    let deployment = Command::DeployVirtualMachine(Box::new(world.deployment("web-01")));
    let outcome = world.submit(&deployment).await;
    assert!(
        matches!(outcome, Err(OsseaError::OutcomeUnknown(_))),
        "{outcome:?}"
    );
    assert_eq!(
        world.client().vms_named("web-01").await.unwrap(),
        [],
        "it is refused before anything is made"
    );
    world.harness().set_conditions(Conditions::default());
    world.client().submit(&key, &detach()).await.unwrap();
}

//! What may happen in a state.

use crate::action::{Action, Reply};
use crate::cloud::{Cloud, Ending, Job, Place};
use crate::database::Verdict;
use crate::decide::decide;
use crate::fold::{Command, Entry, Phase, Request};
use crate::guard::Guards;
use crate::model::Failover;
use crate::system::System;
use crate::worker::{Doing, Task};

/// All that may happen in a state.
pub fn possible(model: &Failover, system: &System, actions: &mut Vec<Action>) {
    let guards = model.guards;
    of_leases(model, system, actions);
    for (place, task) in system.live_tasks() {
        of_task(guards, system, place, task, actions);
    }
    of_network(system, actions);
    of_cloud(system, actions);
    let fold = &system.database.fold;
    let asked = system.database.asked;
    if fold.phase == Phase::Forward && !asked.cancel {
        actions.push(Action::Ask {
            request: Request::Cancel,
        });
    }
    if fold.phase == Phase::Returning && fold.needs_revert() && !asked.give_up {
        actions.push(Action::Ask {
            request: Request::GiveUp,
        });
    }
}

fn of_leases(model: &Failover, system: &System, actions: &mut Vec<Action>) {
    let database = &system.database;
    let mut workers: Vec<u8> = system.live_tasks().map(|(_, task)| task.worker).collect();
    workers.sort_unstable();
    workers.dedup();
    for worker in workers.iter().copied() {
        actions.push(Action::Crash { worker });
        actions.push(Action::HandBack { worker });
    }
    if let Some(owner) = database.owner {
        if !owner.is_dead && !workers.contains(&owner.worker) {
            actions.push(Action::FreeUnheld);
        }
        match (owner.lease_ended, owner.is_dead) {
            (false, _) => actions.push(Action::LeaseEnds),
            (true, is_dead) => {
                actions.push(Action::Free);
                if !is_dead {
                    actions.push(Action::Renew);
                }
            }
        }
    }
    if system.live_tasks().count() >= model.scope.tasks {
        return;
    }
    let is_new = |w: &u8| !workers.contains(w) && !database.is_owned_by(*w);
    let new = (0..=u8::MAX).find(is_new);
    let claimers = workers.iter().copied().chain(new);
    for worker in claimers.filter(|worker| database.may_claim(model.guards, *worker)) {
        for reply in [Reply::Arrives, Reply::Lost] {
            actions.push(Action::Claim { worker, reply });
        }
    }
}

fn of_task(guards: Guards, system: &System, place: usize, task: &Task, actions: &mut Vec<Action>) {
    match task.doing {
        Doing::Deciding => {
            let decisions = decide(guards, &system.cloud, task);
            actions.extend(decisions.into_iter().map(|decision| Action::Decide {
                task: place,
                decision,
            }));
        }
        Doing::Writing { entry, .. } => {
            actions.push(Action::Commit {
                task: place,
                reply: Reply::Arrives,
            });
            let verdict = system.database.judge(guards, task, entry);
            if entry != Entry::Confirm && verdict == Verdict::Written && !task.is_in_doubt() {
                actions.push(Action::Commit {
                    task: place,
                    reply: Reply::Lost,
                });
            }
        }
        Doing::Sending => {
            if task.is_entitled {
                actions.push(Action::Bounce { task: place });
            }
            if !task.is_entitled || system.flying.iter().any(Option::is_none) {
                actions.push(Action::Send { task: place });
            }
        }
        Doing::Awaiting => actions.push(Action::TimeOut { task: place }),
    }
    // The worker brings the requests of the jobs that the database shows as its own.
    if system.database.is_owned_by(task.worker) && !task.is_in_doubt() {
        for request in [Request::Cancel, Request::GiveUp] {
            if system.database.asked.has(request) && !task.fold.heard.has(request) {
                actions.push(Action::Hear { task: place, request });
            }
        }
    }
}

fn of_network(system: &System, actions: &mut Vec<Action>) {
    let has_room = system.flying.iter().any(Option::is_none);
    for (flying, request) in system.flying.iter().enumerate() {
        let Some(request) = request else { continue };
        actions.push(Action::Lose { flying });
        actions.push(Action::Arrive {
            flying,
            reply: Reply::Lost,
        });
        if system.sender_of(*request).is_some() {
            actions.push(Action::Arrive {
                flying,
                reply: Reply::Arrives,
            });
        }
        // Of a create command that arrives twice nothing could be undone; see the crate's documentation.
        if system.faults > 0 && has_room && request.key.command != Command::Create {
            actions.push(Action::Duplicate { flying });
        }
    }
}

fn of_cloud(system: &System, actions: &mut Vec<Action>) {
    let has_faults = system.faults > 0;
    if has_faults && system.cloud.place == Place::Running {
        actions.push(Action::GuestStops);
    }
    for key in Cloud::keys() {
        let mut may_end = |ending| actions.push(Action::Work { key, ending });
        match system.cloud.job(key) {
            Job::Unknown | Job::Forgotten => {}
            Job::Pending => {
                may_end(Ending::Done);
                if has_faults {
                    may_end(Ending::CutOffAfter);
                    may_end(Ending::CutOffBefore);
                    may_end(Ending::CutOffWorking);
                    if key.command == Command::Create {
                        may_end(Ending::CutOffHalfway);
                    }
                    if key.command != Command::Revert {
                        may_end(Ending::Lied);
                    }
                }
            }
            Job::Working => {
                may_end(Ending::Done);
                may_end(Ending::Vanished);
            }
            Job::Succeeded | Job::Refused | Job::CutOff => {
                if has_faults {
                    actions.push(Action::Forget { key });
                }
            }
        }
    }
}

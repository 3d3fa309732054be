//! Promises about jobs and their lists.

use failover_domain::{JobId, JobStatus, JobType};

use super::Harness;
use super::fixture::{all, base, batch, claimed, create, end, id, new_job, plan, vm_id, worker};
use crate::event::Event;
use crate::ports::{CreateError, Custody, JobFilter, JobRecord};

/// However many ask at once, one job starts and the others are told its id.
pub async fn fifty_concurrent_creates_give_one_job(harness: &dyn Harness) {
    let jobs = harness.jobs();
    let creates = (0..50).map(|second| {
        let jobs = jobs.clone();
        async move { jobs.create(new_job(1, second % 3)).await }
    });
    let (mut created, mut refused) = (Vec::new(), Vec::new());
    for outcome in all(creates).await {
        match outcome {
            Ok(id) => created.push(id),
            Err(CreateError::Active { vm_id: vm, job_id }) if vm == vm_id(1) => refused.push(job_id),
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!((created.len(), refused.len()), (1, 49));
    assert!(refused.iter().all(|id| *id == created[0]), "{refused:?}");
    assert_eq!(
        jobs.active_job(&vm_id(1)).await.expect("a read"),
        Some(created[0].clone())
    );
    assert_eq!(
        list(
            harness,
            &JobFilter {
                limit: 100,
                ..JobFilter::default()
            }
        )
        .await
        .len(),
        1
    );
}

/// The job of one source VM says nothing of another one.
pub async fn each_source_vm_has_its_own_active_job(harness: &dyn Harness) {
    let jobs = harness.jobs();
    let mut created = Vec::new();
    for vm in [1, 2] {
        created.push(create(jobs.as_ref(), vm, 0).await);
    }
    for (vm, job) in [(1, Some(&created[0])), (2, Some(&created[1])), (3, None)] {
        let active = jobs.active_job(&vm_id(vm)).await.expect("a read");
        assert_eq!(active.as_ref(), job, "source VM {vm}");
    }
    let refused = jobs.create(new_job(2, 60)).await;
    assert!(
        matches!(&refused, Err(CreateError::Active { job_id, .. }) if *job_id == created[1]),
        "{refused:?}"
    );
}

/// Two jobs of one VM in one second get two ids.
pub async fn a_taken_id_gives_the_next_second(harness: &dyn Harness) {
    let jobs = harness.jobs();
    let lease = claimed(jobs.as_ref()).await;
    end(jobs.as_ref(), &lease).await;
    let second = create(jobs.as_ref(), 1, 0).await;
    assert_eq!(lease.job_id, JobId::new(JobType::Live, &vm_id(1), base(), 0));
    assert_eq!(second, JobId::new(JobType::Live, &vm_id(1), base(), 1));
}

/// Everything that creation writes.
pub async fn a_created_job_reads_back(harness: &dyn Harness) {
    let jobs = harness.jobs();
    let job_id = create(jobs.as_ref(), 1, 0).await;
    let record = jobs.job(&job_id).await.expect("a read").expect("it exists");
    let expected = JobRecord {
        job_id: job_id.clone(),
        vm_id: vm_id(1),
        job_type: JobType::Live,
        requested_by: "operator".to_owned(),
        source_vm_name: plan(1).source_vm_name,
        projection: super::fixture::projection(JobStatus::Pending),
        cancel_requested_by: None,
        settled_by: None,
        created_at: base(),
        updated_at: base(),
        last_seq: 1,
        owner: None,
        epoch: 0,
    };
    assert_eq!(record, expected);
    assert_eq!(jobs.plan(&job_id).await.expect("a read"), Some(plan(1)));
    let journal = jobs.events(&job_id, 0, 10).await.expect("a read");
    assert_eq!(journal.len(), 1);
    assert_eq!((journal[0].seq, journal[0].at), (1, base()));
    assert_eq!(
        journal[0].event,
        Event::Accepted {
            by: "operator".to_owned()
        }
    );
    let volumes = jobs.volumes(&job_id).await.expect("a read");
    assert_eq!(volumes.iter().map(|v| v.disk).collect::<Vec<_>>(), [0, 1]);
    for (row, disk) in volumes.iter().zip(plan(1).disks) {
        assert_eq!((&row.volume, row.oma_device), (&disk.volume, disk.oma_device));
        assert_eq!(
            row.custody,
            Custody::Oma {
                device: disk.oma_device
            }
        );
        assert_eq!(
            (row.destination_device, row.dirty, &row.snapshot),
            (disk.destination_device, false, &None)
        );
    }
    assert_eq!(jobs.resources(&job_id).await.expect("a read"), []);
}

/// Not found is no error.
pub async fn what_does_not_exist_is_none(harness: &dyn Harness) {
    let jobs = harness.jobs();
    let unknown = JobId::new(JobType::Live, &vm_id(9), base(), 0);
    assert_eq!(jobs.job(&unknown).await.expect("a read"), None);
    assert_eq!(jobs.plan(&unknown).await.expect("a read"), None);
    assert_eq!(jobs.events(&unknown, 0, 10).await.expect("a read"), []);
    assert_eq!(jobs.volumes(&unknown).await.expect("a read"), []);
    assert_eq!(jobs.active_job(&vm_id(9)).await.expect("a read"), None);
    assert_eq!(harness.inventory().vm(&vm_id(9)).await.expect("a read"), None);
}

/// Each filter alone and all of them together.
pub async fn filters_select_by_vm_status_and_type(harness: &dyn Harness) {
    let jobs = harness.jobs();
    let lease = claimed(jobs.as_ref()).await;
    let step = batch([2], JobStatus::Validating);
    jobs.append(&lease, &step).await.expect("the lease holds");
    let two = create(jobs.as_ref(), 2, 1).await;
    let mut test = new_job(3, 2);
    test.plan.job_type = JobType::Test;
    let three = jobs.create(test).await.expect("the VM is free");
    let one = lease.job_id;

    let any = JobFilter {
        limit: 10,
        ..JobFilter::default()
    };
    let statuses = |statuses: &[JobStatus]| JobFilter {
        statuses: statuses.to_vec(),
        ..any.clone()
    };
    for (filter, expected) in [
        (any.clone(), vec![&three, &two, &one]),
        (
            JobFilter {
                vm_id: Some(vm_id(2)),
                ..any.clone()
            },
            vec![&two],
        ),
        (
            JobFilter {
                vms: Some([vm_id(1), vm_id(3), vm_id(9)].into()),
                ..any.clone()
            },
            vec![&three, &one],
        ),
        (
            JobFilter {
                vm_id: Some(vm_id(2)),
                vms: Some([vm_id(1)].into()),
                ..any.clone()
            },
            vec![],
        ),
        (
            JobFilter {
                vms: Some([].into()),
                ..any.clone()
            },
            vec![],
        ),
        (
            JobFilter {
                job_type: Some(JobType::Live),
                ..any.clone()
            },
            vec![&two, &one],
        ),
        (statuses(&[JobStatus::Validating]), vec![&one]),
        (
            statuses(&[JobStatus::Validating, JobStatus::Pending]),
            vec![&three, &two, &one],
        ),
        (statuses(&[JobStatus::Failed]), vec![]),
        (
            JobFilter {
                limit: 2,
                ..any.clone()
            },
            vec![&three, &two],
        ),
        (
            JobFilter {
                limit: 0,
                ..any.clone()
            },
            vec![],
        ),
        (
            JobFilter {
                vm_id: Some(vm_id(3)),
                job_type: Some(JobType::Live),
                ..statuses(&[JobStatus::Pending])
            },
            vec![],
        ),
    ] {
        let expected: Vec<JobId> = expected.into_iter().cloned().collect();
        assert_eq!(list(harness, &filter).await, expected, "{filter:?}");
    }
}

/// Pages of every size put together are the whole list, also where several jobs share an instant.
pub async fn pages_of_jobs_join_without_gaps(harness: &dyn Harness) {
    let jobs = harness.jobs();
    for vm in 0..9 {
        create(jobs.as_ref(), vm, i64::try_from(vm / 4).expect("small")).await;
    }
    let whole = list(
        harness,
        &JobFilter {
            limit: 100,
            ..JobFilter::default()
        },
    )
    .await;
    assert_eq!(whole.len(), 9);
    for limit in 1..=9 {
        let (mut joined, mut after) = (Vec::new(), None);
        loop {
            let page = list(
                harness,
                &JobFilter {
                    limit,
                    after,
                    ..JobFilter::default()
                },
            )
            .await;
            after = page.last().cloned();
            assert!(page.len() <= limit);
            joined.extend(page);
            if after.is_none() {
                break;
            }
        }
        assert_eq!(joined, whole, "in pages of {limit}");
    }
    let unknown = Some(id(format!("live-failover-{}-7", vm_id(99))));
    let filter = JobFilter {
        limit: 10,
        after: unknown,
        ..JobFilter::default()
    };
    assert_eq!(
        list(harness, &filter).await,
        [],
        "nothing comes after a job that does not exist"
    );
}

/// The journal in pages is the journal.
pub async fn pages_of_the_journal_join_without_gaps(harness: &dyn Harness) {
    let jobs = harness.jobs();
    let lease = claimed(jobs.as_ref()).await;
    jobs.append(&lease, &batch(2..=11, JobStatus::Validating))
        .await
        .expect("the lease holds");
    for limit in [1, 2, 3, 10, 11, 12] {
        let mut seqs: Vec<u64> = Vec::new();
        loop {
            let after = seqs.last().copied().unwrap_or(0);
            let page = jobs.events(&lease.job_id, after, limit).await.expect("a read");
            assert!(page.len() <= limit);
            if page.is_empty() {
                break;
            }
            seqs.extend(page.iter().map(|e| e.seq));
        }
        assert_eq!(seqs, (1..=11).collect::<Vec<_>>(), "in pages of {limit}");
    }
    let idle = worker(jobs.as_ref()).await;
    assert_eq!(
        jobs.claim(&idle, 1).await.expect("a claim").len(),
        0,
        "reading frees nothing"
    );
}

async fn list(harness: &dyn Harness, filter: &JobFilter) -> Vec<JobId> {
    let records = harness.jobs().jobs(filter).await.expect("a read");
    records.into_iter().map(|r| r.job_id).collect()
}

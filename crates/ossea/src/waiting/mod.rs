//! Waiting for the ends of many async jobs with few calls.
//!
//! CloudStack answers most commands with the id of a job and tells how it fares only when asked. Asking for each job by
//! itself costs calls in proportion to the jobs in flight, and an account has few (`cloudstack-api.md` section 2.5). But
//! one `listAsyncJobs` names everything that has **not** ended (section 3.2), so a [`JobWatch`] asks for that list once
//! for all jobs that it follows, and then only for the result of each job that left the list.
//!
//! ```text
//! follow ─▶ ┌────────── one task for all ──────────┐
//! follow ─▶ │ list ─▶ gone from it? ─▶ query       │ ─▶ JobWait::next
//! follow ─▶ └──────────────────────────────────────┘
//! ```
//!
//! # Guarantees
//! * No job is asked for, and no list, more often than once per [`WatchSettings::shortest`]. A job whose command usually
//!   ends at once is first looked at at once; another one now and then, and often from when a quarter of its kind had
//!   ended.
//! * A cloud that does not give the list is asked for each job.
//! * That a job is missing in the list proves nothing: the list comes in pages, and rows move. Only the job's own
//!   query counts.
//! * A job that was accepted after the list was asked for is not judged by it.
//!
//! # What was deliberately not done
//! The list is not narrowed by `startdate`: how the server reads its time zone is unverified, and unfinished jobs are
//! forgotten after a day anyway. The learnt durations are not stored: they are learnt anew within a few jobs.

mod history;
mod schedule;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use failover_domain::AsyncJobId;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use self::schedule::{Listed, Schedule, Seen};
use crate::client::OsseaClient;
use crate::error::OsseaError;
use crate::model::JobReport;
use crate::urgency::Priority;

pub use self::schedule::Origin;

/// How often jobs are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatchSettings {
    /// The shortest interval between two looks.
    pub shortest: Duration,
    /// The longest interval between two looks at a job that takes longer than expected, but for a tenth of jitter.
    pub longest: Duration,
}

impl Default for WatchSettings {
    /// 1 s, since CloudStack itself looks every 3 s (`cloudstack-api.md` section 6), and 5 s.
    fn default() -> Self {
        Self {
            shortest: Duration::from_secs(1),
            longest: Duration::from_secs(5),
        }
    }
}

/// What is new of a job: how it fares, or that the cloud could not be asked.
pub type News = Result<JobReport, OsseaError>;

/// Follows any number of async jobs. Clones share everything.
#[derive(Clone)]
pub struct JobWatch {
    shared: Arc<Shared>,
}

struct Shared {
    client: Arc<dyn OsseaClient>,
    settings: WatchSettings,
    state: Mutex<State>,
    /// Told when the next round may have moved.
    changed: Notify,
}

struct State {
    schedule: Schedule,
    waiting: BTreeMap<AsyncJobId, watch::Sender<Option<News>>>,
    task: Task,
}

/// Whether somebody makes the rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Task {
    Idle,
    Running,
}

impl JobWatch {
    /// A watch that asks through `client`. Nothing is asked while nothing is followed.
    pub fn new(client: Arc<dyn OsseaClient>, settings: WatchSettings) -> Self {
        let state = State {
            schedule: Schedule::new(settings),
            waiting: BTreeMap::new(),
            task: Task::Idle,
        };
        Self {
            shared: Arc::new(Shared {
                client,
                settings,
                state: Mutex::new(state),
                changed: Notify::new(),
            }),
        }
    }

    /// Follows a job of `command` until the wait is dropped. To be called within a tokio runtime.
    pub fn follow(&self, job: &AsyncJobId, command: &str, priority: Priority, origin: Origin) -> JobWait {
        JobWait {
            news: Some(self.subscribe(job, command, priority, origin)),
            watch: self.clone(),
            job: job.clone(),
            command: command.to_owned(),
            priority,
        }
    }

    fn subscribe(
        &self,
        job: &AsyncJobId,
        command: &str,
        priority: Priority,
        origin: Origin,
    ) -> watch::Receiver<Option<News>> {
        let mut state = self.shared.lock();
        let news = match state.waiting.get(job) {
            // Somebody follows it already, with another origin perhaps; both hear the same.
            Some(told) => {
                let news = told.subscribe();
                state.schedule.raise(job, priority, Instant::now());
                news
            }
            None => {
                let (tell, news) = watch::channel(None);
                state.waiting.insert(job.clone(), tell);
                state
                    .schedule
                    .follow(job.clone(), command, priority, origin, Instant::now());
                news
            }
        };
        if state.task == Task::Idle {
            state.task = Task::Running;
            tokio::spawn(make_rounds(Rounds {
                shared: Arc::clone(&self.shared),
                ending: Ending::CutOff,
            }));
        }
        drop(state);
        self.shared.changed.notify_one();
        news
    }
}

/// Follows one job.
pub struct JobWait {
    watch: JobWatch,
    job: AsyncJobId,
    command: String,
    priority: Priority,
    /// Taken when the wait is dropped, so that it does not count itself among those who still wait.
    news: Option<watch::Receiver<Option<News>>>,
}

impl JobWait {
    /// Waits for what is worth knowing: that the job has ended, that the cloud does not know it, that the cloud could not
    /// be asked; and that it is unfinished, when that is seen for the first time or after something else. After an end
    /// nothing more comes by itself; otherwise it may be called again, and the job is looked at again after its
    /// interval.
    ///
    /// # Errors
    /// Of the cloud, and [`OsseaError::Unreachable`] where the watch itself was cut off; then the job is followed anew.
    pub async fn next(&mut self) -> News {
        let cut_off = || {
            Err(OsseaError::Unreachable(
                "nobody followed the job any more".to_owned(),
            ))
        };
        let told = match &mut self.news {
            Some(news) => news
                .changed()
                .await
                .is_ok()
                .then(|| news.borrow_and_update().clone()),
            None => None,
        };
        match told {
            Some(news) => news.unwrap_or_else(cut_off),
            None => {
                // Not at once: whatever ended the rounds may end the next ones as well.
                tokio::time::sleep(self.watch.shared.settings.shortest).await;
                let again = self
                    .watch
                    .subscribe(&self.job, &self.command, self.priority, Origin::Earlier);
                self.news = Some(again);
                cut_off()
            }
        }
    }

    /// Waits for the end of the job. Whatever else [`JobWait::next`] tells is waited over.
    pub async fn end(&mut self) -> JobReport {
        loop {
            match self.next().await {
                Ok(
                    end
                    @ (JobReport::Succeeded { .. } | JobReport::Failed(_) | JobReport::Interrupted { .. }),
                ) => return end,
                Ok(JobReport::Pending | JobReport::NotKnown) | Err(_) => {}
            }
        }
    }

    /// From now on the job is as urgent as `priority`, if it was less so.
    pub fn raise(&mut self, priority: Priority) {
        self.priority = self.priority.min(priority);
        let mut state = self.watch.shared.lock();
        state.schedule.raise(&self.job, priority, Instant::now());
        drop(state);
        self.watch.shared.changed.notify_one();
    }
}

impl Drop for JobWait {
    fn drop(&mut self) {
        drop(self.news.take());
        let mut state = self.watch.shared.lock();
        if state
            .waiting
            .get(&self.job)
            .is_some_and(|tell| tell.receiver_count() == 0)
        {
            state.waiting.remove(&self.job);
            state.schedule.forget(&self.job);
            drop(state);
            self.watch.shared.changed.notify_one();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change under the lock is complete in itself.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The one task that makes the rounds. If it ends in any way but by resting, it says so to all who wait.
struct Rounds {
    shared: Arc<Shared>,
    ending: Ending,
}

/// How the rounds end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// Nothing is followed; the next one who follows begins new rounds, perhaps already.
    Rest,
    /// The runtime stops, or a query panicked.
    CutOff,
}

impl Drop for Rounds {
    fn drop(&mut self) {
        match self.ending {
            Ending::Rest => {}
            Ending::CutOff => {
                let mut state = self.shared.lock();
                state.task = Task::Idle;
                // Dropping the senders tells those who wait.
                state.waiting.clear();
                state.schedule.forget_all();
            }
        }
    }
}

/// Makes rounds until nothing is followed any more. Queries run beside each other, so that a slow one holds up no other.
async fn make_rounds(mut rounds: Rounds) {
    let mut under_way = JoinSet::new();
    loop {
        let next = match rounds.shared.next(&under_way) {
            Next::Rest => {
                rounds.ending = Ending::Rest;
                return;
            }
            Next::At(at) => Some(at),
            Next::AfterAnswers => None,
        };
        tokio::select! {
            // In this order, so that a run can be repeated; what is due never waits for those who come anew.
            biased;
            () = until(next) => rounds.shared.ask_what_is_due(&mut under_way),
            () = rounds.shared.changed.notified() => {}
            Some(ended) = under_way.join_next(), if !under_way.is_empty() => {
                // A query that panicked leaves its job under way for ever: better that all who wait hear of it.
                if ended.is_err() {
                    return;
                }
            }
        }
    }
}

/// When there is something to ask next.
enum Next {
    At(Instant),
    /// When something is answered, or somebody follows another job.
    AfterAnswers,
    /// Nothing is followed.
    Rest,
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

impl Shared {
    fn next(&self, under_way: &JoinSet<()>) -> Next {
        let mut state = self.lock();
        match state.schedule.next_round(Instant::now()) {
            Some(at) => Next::At(at),
            None if under_way.is_empty() && state.schedule.is_empty() => {
                // Under the same lock under which the next one who follows will see that nobody makes the rounds.
                state.task = Task::Idle;
                Next::Rest
            }
            None => Next::AfterAnswers,
        }
    }

    fn ask_what_is_due(self: &Arc<Self>, under_way: &mut JoinSet<()>) {
        let round = self.lock().schedule.round(Instant::now());
        for (job, priority) in round.single {
            under_way.spawn(Arc::clone(self).ask(job, priority));
        }
        if let Some((priority, jobs)) = round.listed {
            under_way.spawn(Arc::clone(self).ask_for_list(priority, jobs));
        }
    }

    /// Asks for all unfinished jobs, and for each of `jobs` that is not among them.
    async fn ask_for_list(self: Arc<Self>, priority: Priority, jobs: Vec<(AsyncJobId, Priority)>) {
        let unfinished = self.client.with_priority(priority).pending_jobs().await;
        self.lock().schedule.listed(listed(&unfinished), Instant::now());
        let unfinished: BTreeSet<AsyncJobId> = match unfinished {
            Ok(unfinished) => unfinished.into_iter().collect(),
            Err(error) => {
                tracing::warn!(error = %error, "The unfinished jobs cannot be listed now.");
                return jobs
                    .iter()
                    .for_each(|(job, _)| self.no_news(job, Err(error.clone())));
            }
        };
        let mut gone = JoinSet::new();
        for (job, priority) in jobs {
            if unfinished.contains(&job) {
                self.unfinished(&job);
            } else if self.lock().schedule.ask(&job) {
                gone.spawn(Arc::clone(&self).ask(job, priority));
            }
        }
        while let Some(asked) = gone.join_next().await {
            asked.expect("asking for a job does not panic");
        }
    }

    /// Asks for one job.
    async fn ask(self: Arc<Self>, job: AsyncJobId, priority: Priority) {
        match self.client.with_priority(priority).job(&job).await {
            Ok(JobReport::Pending) => self.unfinished(&job),
            Ok(JobReport::NotKnown) => self.no_news(&job, Ok(JobReport::NotKnown)),
            Ok(
                end @ (JobReport::Succeeded { .. } | JobReport::Failed(_) | JobReport::Interrupted { .. }),
            ) => {
                let mut state = self.lock();
                state.schedule.ended(&job, Instant::now());
                if let Some(tell) = state.waiting.remove(&job) {
                    tell.send_replace(Some(Ok(end)));
                }
            }
            Err(error) => self.no_news(&job, Err(error)),
        }
    }

    /// The job was seen unfinished. That is news only for those who heard nothing yet, or something else.
    fn unfinished(&self, job: &AsyncJobId) {
        let mut state = self.lock();
        state.schedule.look_again(job, Seen::Unfinished, Instant::now());
        if let Some(tell) = state.waiting.get(job) {
            tell.send_if_modified(|told| {
                let is_news = *told != Some(Ok(JobReport::Pending));
                *told = Some(Ok(JobReport::Pending));
                is_news
            });
        }
    }

    /// Tells something that is not the end.
    fn no_news(&self, job: &AsyncJobId, what: News) {
        let mut state = self.lock();
        state.schedule.look_again(job, Seen::Nothing, Instant::now());
        if let Some(tell) = state.waiting.get(job) {
            tell.send_replace(Some(what));
        }
    }
}

/// What became of asking for the list.
fn listed(answer: &Result<Vec<AsyncJobId>, OsseaError>) -> Listed {
    match answer {
        Ok(_) => Listed::Whole,
        Err(OsseaError::Unreachable(_) | OsseaError::Throttled { .. } | OsseaError::Busy(_)) => {
            Listed::NoAnswer
        }
        Err(
            OsseaError::Refused(_)
            | OsseaError::Unauthorized(_)
            | OsseaError::NotFound(_)
            | OsseaError::Malformed(_)
            | OsseaError::OutcomeUnknown(_),
        ) => Listed::Unusable,
    }
}

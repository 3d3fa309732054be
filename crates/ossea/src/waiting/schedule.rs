//! Which jobs are looked at when, and how: pure, with the present instant as a parameter.
//!
//! ```text
//!              no look expected to find it ended before …
//! followed ──▶ at once: its own query ──┐ unfinished
//!     └──────▶ later:   by the list  ───┴──▶ looked at again: now and then before the expected end,
//!                                            after it at an interval (1 s, growing) ──▶ ended
//! ```
//! The list is asked for at most once per shortest interval, however many jobs are followed; a single job is asked for
//! no oftener than that either. While the list cannot be had, each job is asked for by itself.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use failover_domain::AsyncJobId;
use tokio::time::Instant;

use super::WatchSettings;
use super::history::History;
use crate::urgency::Priority;

/// For fewer jobs than this their own queries cost no more than the list, whose length depends on everybody else's jobs.
const LIST_FROM: usize = 3;

/// After each look in vain the interval grows by this factor: early ends are seen early, long jobs cost few calls.
const GROWTH: f64 = 1.3;

/// Before its expected end a job is looked at whenever so many of the longest intervals have passed: what was learnt from
/// the disks of others says little of one that is small, or of a command that is refused in its job. On the way back one
/// longest interval is the most.
const SPARSE: u32 = 6;

/// How long the list is not asked for after it could not be had, in longest intervals.
const WITHOUT_LIST: u32 = 12;

/// So many lists in a row that got no answer are enough; the first of them may be bad luck.
const LISTS_IN_VAIN: u32 = 2;

/// Intervals vary by so much either way, so that processes that started together do not ask together.
const JITTER: f64 = 0.1;

/// A job that is followed.
#[derive(Debug)]
struct Followed {
    command: String,
    priority: Priority,
    since: Instant,
    /// Whether `since` is the submission, so that its duration is worth remembering.
    origin: Origin,
    seen_unfinished: Option<Instant>,
    /// When a job of its command is expected to be worth a look.
    expected: Instant,
    looks: u32,
    interval: Duration,
    due: Instant,
    /// Whether the next look is one by its own query, whatever the number of jobs.
    first: FirstLook,
    query: Query,
}

/// Whether a job's own query is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Query {
    None,
    UnderWay,
}

/// Where the time at which following begins lies in the life of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The command has just been accepted.
    Accepted,
    /// It was sent earlier, perhaps by another process, and nobody knows when the job began.
    Earlier,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FirstLook {
    /// It may well have ended already, so its result can be fetched at once.
    AtOnce,
    /// By the list, or behind it.
    Listed,
}

/// What to ask the cloud now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Round {
    /// Jobs to be asked for by their ids.
    pub(super) single: Vec<(AsyncJobId, Priority)>,
    /// The list of unfinished jobs, with the urgency of the most urgent job, and the jobs that it decides about: those
    /// that the cloud has known before the list was asked for.
    pub(super) listed: Option<(Priority, Vec<(AsyncJobId, Priority)>)>,
}

/// All jobs that are followed, and when they are looked at.
#[derive(Debug)]
pub(super) struct Schedule {
    settings: WatchSettings,
    followed: BTreeMap<AsyncJobId, Followed>,
    history: History,
    listed_at: Option<Instant>,
    list: Query,
    lists_in_vain: u32,
    /// Until when jobs are asked for by themselves, because the list cannot be had.
    without_list_until: Option<Instant>,
}

impl Schedule {
    pub(super) fn new(settings: WatchSettings) -> Self {
        Self {
            settings,
            followed: BTreeMap::new(),
            history: History::default(),
            listed_at: None,
            list: Query::None,
            lists_in_vain: 0,
            without_list_until: None,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.followed.is_empty()
    }

    /// Follows a job from now on. Following it again begins anew.
    pub(super) fn follow(
        &mut self,
        id: AsyncJobId,
        command: &str,
        priority: Priority,
        origin: Origin,
        now: Instant,
    ) {
        let expected = match origin {
            Origin::Accepted => self.history.first_look(command),
            Origin::Earlier => Duration::ZERO,
        };
        let followed = Followed {
            command: command.to_owned(),
            priority,
            since: now,
            origin,
            seen_unfinished: None,
            expected: now + expected,
            looks: 0,
            interval: self.settings.shortest,
            due: now + expected.min(self.sparse(priority)),
            first: if expected < self.settings.shortest {
                FirstLook::AtOnce
            } else {
                FirstLook::Listed
            },
            query: Query::None,
        };
        self.followed.insert(id, followed);
    }

    /// A job has become more urgent.
    pub(super) fn raise(&mut self, id: &AsyncJobId, priority: Priority, now: Instant) {
        let sparse = self.sparse(priority);
        if let Some(followed) = self.followed.get_mut(id)
            && priority < followed.priority
        {
            followed.priority = priority;
            followed.due = followed.due.min(now + sparse);
        }
    }

    /// Forgets all jobs, but not what was learnt.
    pub(super) fn forget_all(&mut self) {
        self.followed.clear();
        self.list = Query::None;
    }

    pub(super) fn forget(&mut self, id: &AsyncJobId) {
        self.followed.remove(id);
    }

    /// When [`Schedule::round`] has something to ask; `None` while there is nothing, or everything is under way.
    pub(super) fn next_round(&self, now: Instant) -> Option<Instant> {
        let by_list = self.asks_by_list(now);
        let at = |followed: &Followed| match (followed.first, by_list) {
            (FirstLook::Listed, true) => self
                .list_from()
                .map(|from| from.map_or(followed.due, |from| followed.due.max(from))),
            (FirstLook::Listed, false) | (FirstLook::AtOnce, _) => Some(followed.due),
        };
        let idle = self.followed.values().filter(|f| f.query == Query::None);
        idle.filter_map(at).min()
    }

    /// What to ask now. Jobs that are due take part, and in a list all others as well. What is answered is under way
    /// until [`Schedule::look_again`] or [`Schedule::ended`] for a job, and [`Schedule::listed`] for the list.
    pub(super) fn round(&mut self, now: Instant) -> Round {
        let by_list = self.asks_by_list(now);
        let may_list = self
            .list_from()
            .is_some_and(|from| from.is_none_or(|from| from <= now));
        let mut single = Vec::new();
        let mut is_list_due = false;
        let idle = self.followed.iter_mut().filter(|(_, f)| f.query == Query::None);
        for (id, followed) in idle.filter(|(_, followed)| followed.due <= now) {
            match (followed.first, by_list) {
                (FirstLook::Listed, true) => is_list_due = true,
                (FirstLook::Listed, false) | (FirstLook::AtOnce, _) => {
                    followed.query = Query::UnderWay;
                    single.push((id.clone(), followed.priority));
                }
            }
        }
        let listed = (is_list_due && may_list).then(|| {
            self.listed_at = Some(now);
            self.list = Query::UnderWay;
            self.judged_by_list()
        });
        Round { single, listed }
    }

    /// Those that a list asked for now decides about, and the urgency of the most urgent one.
    fn judged_by_list(&self) -> (Priority, Vec<(AsyncJobId, Priority)>) {
        let is_judged = |f: &Followed| f.first == FirstLook::Listed && f.query == Query::None;
        let judged = self.followed.iter().filter(|(_, f)| is_judged(f));
        let urgency = judged.clone().map(|(_, f)| f.priority).min();
        let ids = judged.map(|(id, f)| (id.clone(), f.priority)).collect();
        (urgency.unwrap_or(Priority::WayThere), ids)
    }

    /// The list is answered, or not.
    pub(super) fn listed(&mut self, answered: Listed, now: Instant) {
        self.list = Query::None;
        self.lists_in_vain = match answered {
            Listed::Whole => 0,
            Listed::NoAnswer => self.lists_in_vain + 1,
            Listed::Unusable => LISTS_IN_VAIN,
        };
        if self.lists_in_vain >= LISTS_IN_VAIN {
            self.without_list_until = Some(now + self.settings.longest * WITHOUT_LIST);
        }
    }

    /// A job that was missing in the list is asked for by its id, unless it is already. Answers whether to ask.
    pub(super) fn ask(&mut self, id: &AsyncJobId) -> bool {
        match self.followed.get_mut(id) {
            Some(followed) if followed.query == Query::None => {
                followed.query = Query::UnderWay;
                true
            }
            Some(_) | None => false,
        }
    }

    /// From when on the list may be asked for: `None` while it is under way, `Some(None)` at once.
    fn list_from(&self) -> Option<Option<Instant>> {
        match self.list {
            Query::UnderWay => None,
            Query::None => Some(self.listed_at.map(|at| at + self.settings.shortest)),
        }
    }

    /// The job was seen unfinished, or nothing could be seen.
    pub(super) fn look_again(&mut self, id: &AsyncJobId, seen: Seen, now: Instant) {
        let settings = self.settings;
        let urgency = self.followed.get(id).map(|followed| followed.priority);
        let sparse = self.sparse(urgency.unwrap_or(Priority::WayBack));
        let Some(followed) = self.followed.get_mut(id) else {
            return;
        };
        followed.first = FirstLook::Listed;
        followed.query = Query::None;
        match seen {
            Seen::Unfinished => followed.seen_unfinished = Some(now),
            Seen::Nothing => {}
        }
        if followed.due > now {
            // Others had the list asked for. What was just seen need not be looked at in the next instant.
            followed.due = followed.due.max(now + settings.shortest);
            return;
        }
        if now < followed.expected {
            followed.due = followed.expected.min(now + sparse).max(now + settings.shortest);
            return;
        }
        followed.looks += 1;
        followed.due = now
            + followed
                .interval
                .mul_f64(jitter(id, followed.looks))
                .max(settings.shortest);
        followed.interval = followed.interval.mul_f64(GROWTH).min(settings.longest);
    }

    /// The job has ended. Its duration is remembered.
    pub(super) fn ended(&mut self, id: &AsyncJobId, now: Instant) {
        let Some(followed) = self.followed.remove(id) else {
            return;
        };
        match followed.origin {
            Origin::Earlier => {}
            Origin::Accepted => {
                let unfinished_for = match followed.seen_unfinished {
                    Some(seen) => seen.saturating_duration_since(followed.since),
                    // Over by its first look, so it is known only that it took less. Next time that look comes
                    // earlier, and a cloud that has become quicker is found out within some dozen jobs.
                    None => now.saturating_duration_since(followed.since) / 2,
                };
                self.history.learn(&followed.command, unfinished_for);
            }
        }
    }

    fn asks_by_list(&self, now: Instant) -> bool {
        self.followed.len() >= LIST_FROM && self.without_list_until.is_none_or(|until| until <= now)
    }

    /// The longest time between two looks at a job that is not expected to be over.
    fn sparse(&self, priority: Priority) -> Duration {
        match priority {
            Priority::WayBack => self.settings.longest,
            Priority::WayThere | Priority::Background => self.settings.longest * SPARSE,
        }
    }
}

/// What became of asking for the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listed {
    /// It came.
    Whole,
    /// The cloud did not answer.
    NoAnswer,
    /// The cloud does not give it to us, or not in a form that we can read.
    Unusable,
}

/// What a look in vain has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// The job is not over.
    Unfinished,
    /// The cloud did not answer, or does not know the job.
    Nothing,
}

/// A factor around 1 that differs from job to job and from look to look, and is the same in every run.
fn jitter(id: &AsyncJobId, look: u32) -> f64 {
    let mut hasher = DefaultHasher::new();
    (id.as_str(), look).hash(&mut hasher);
    let [.., high, low] = hasher.finish().to_be_bytes();
    let unit = f64::from(u16::from_be_bytes([high, low])) / f64::from(u16::MAX);
    1.0 - JITTER + 2.0 * JITTER * unit
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn schedule() -> (Schedule, Instant) {
        (Schedule::new(WatchSettings::default()), Instant::now())
    }

    fn job(number: usize) -> AsyncJobId {
        format!("job-{number}").parse().unwrap()
    }

    fn follow(schedule: &mut Schedule, number: usize, now: Instant) {
        schedule.follow(
            job(number),
            "attachVolume",
            Priority::WayThere,
            Origin::Accepted,
            now,
        );
    }

    /// Follows jobs whose first look is over.
    fn follow_looked_at(schedule: &mut Schedule, jobs: std::ops::Range<usize>, now: Instant) {
        for number in jobs {
            follow(schedule, number, now);
            schedule.round(now);
            schedule.look_again(&job(number), Seen::Unfinished, now);
        }
    }

    #[test]
    fn a_job_of_which_nothing_is_known_is_looked_at_at_once_and_then_no_oftener_than_once_a_second() {
        let (mut schedule, mut now) = schedule();
        follow(&mut schedule, 0, now);
        for _ in 0..50 {
            let next = schedule.next_round(now).unwrap();
            assert!(next == now || next >= now + SECOND);
            now = next;
            let round = schedule.round(now);
            assert_eq!(
                (round.single, round.listed),
                (vec![(job(0), Priority::WayThere)], None)
            );
            schedule.look_again(&job(0), Seen::Unfinished, now);
        }
        let longest = WatchSettings::default().longest.mul_f64(1.0 + JITTER);
        assert!(schedule.next_round(now).unwrap() <= now + longest);
    }

    #[test]
    fn one_list_serves_all_and_comes_no_oftener_than_once_a_second() {
        let (mut schedule, start) = schedule();
        follow_looked_at(&mut schedule, 0..200, start);
        let (mut now, mut lists) = (start, 0);
        while now < start + SECOND * 60 {
            now = schedule.next_round(now).unwrap();
            let round = schedule.round(now);
            assert_eq!(round.single, []);
            let (_, ids) = round.listed.unwrap();
            assert_eq!(ids.len(), 200);
            lists += 1;
            schedule.listed(Listed::Whole, now);
            for (id, _) in ids {
                schedule.look_again(&id, Seen::Unfinished, now);
            }
        }
        assert!(lists <= 60, "{lists} lists in a minute");
    }

    #[test]
    fn what_is_under_way_is_not_asked_for_again() {
        let (mut schedule, start) = schedule();
        follow_looked_at(&mut schedule, 0..4, start);
        let now = start + SECOND * 2;
        assert_eq!(schedule.round(now).listed.unwrap().1.len(), 4);
        assert_eq!(schedule.next_round(now), None);
        assert!(schedule.ask(&job(0)) && !schedule.ask(&job(0)));
        schedule.listed(Listed::Whole, now);
        assert_eq!(schedule.round(now).listed, None);
        let (_, judged) = schedule.round(now + SECOND).listed.unwrap();
        let judged: Vec<AsyncJobId> = judged.into_iter().map(|(id, _)| id).collect();
        assert_eq!(judged, [job(1), job(2), job(3)]);
    }

    #[test]
    fn a_list_does_not_judge_a_job_that_was_accepted_after_it_was_asked_for() {
        let (mut schedule, start) = schedule();
        follow_looked_at(&mut schedule, 0..3, start);
        let now = start + SECOND * 2;
        follow(&mut schedule, 3, now);
        let round = schedule.round(now);
        assert_eq!(round.single, [(job(3), Priority::WayThere)]);
        assert!(round.listed.unwrap().1.iter().all(|(id, _)| *id != job(3)));
    }

    #[test]
    fn the_list_is_as_urgent_as_its_most_urgent_job() {
        let (mut schedule, start) = schedule();
        follow_looked_at(&mut schedule, 0..3, start);
        schedule.follow(job(3), "attachVolume", Priority::WayBack, Origin::Earlier, start);
        schedule.look_again(&job(3), Seen::Unfinished, start);
        let round = schedule.round(start + SECOND * 2);
        assert_eq!(round.listed.unwrap().0, Priority::WayBack);
    }

    /// Plays one job of a command after the other and answers when each was found ended.
    fn found_ended_after(schedule: &mut Schedule, mut now: Instant, takes: Duration) -> Duration {
        let since = now;
        follow(schedule, 0, now);
        loop {
            now = schedule.next_round(now).unwrap();
            schedule.round(now);
            if now >= since + takes {
                schedule.ended(&job(0), now);
                return now - since;
            }
            schedule.look_again(&job(0), Seen::Unfinished, now);
        }
    }

    #[test]
    fn jobs_that_take_always_the_same_are_soon_found_ended_within_little_more_than_a_second() {
        for seconds in [2, 7, 20, 61, 300] {
            let (mut schedule, now) = schedule();
            let takes = SECOND * seconds;
            for _ in 0..40 {
                found_ended_after(&mut schedule, now, takes);
            }
            let overshoot = found_ended_after(&mut schedule, now, takes) - takes;
            assert!(
                overshoot <= SECOND.mul_f64(1.5),
                "{seconds} s: {overshoot:?} late"
            );
        }
    }

    #[test]
    fn jobs_that_become_quicker_are_looked_at_earlier() {
        let (mut schedule, now) = schedule();
        for _ in 0..40 {
            found_ended_after(&mut schedule, now, SECOND * 60);
        }
        for _ in 0..120 {
            found_ended_after(&mut schedule, now, SECOND * 5);
        }
        let found = found_ended_after(&mut schedule, now, SECOND * 5);
        assert!(found <= SECOND * 7, "found after {found:?}");
    }

    #[test]
    fn a_job_that_ends_long_before_others_of_its_kind_is_found_soon_all_the_same() {
        for (priority, longest) in [(Priority::WayThere, 30), (Priority::WayBack, 5)] {
            let (mut schedule, start) = schedule();
            for _ in 0..40 {
                found_ended_after(&mut schedule, start, SECOND * 2400);
            }
            schedule.follow(job(0), "attachVolume", priority, Origin::Accepted, start);
            let mut now = start;
            while now < start + SECOND * 600 {
                let next = schedule.next_round(now).unwrap();
                assert!(next <= now + SECOND * longest, "{priority:?}: {:?}", next - now);
                now = next;
                schedule.round(now);
                schedule.look_again(&job(0), Seen::Unfinished, now);
            }
        }
    }

    #[test]
    fn a_job_that_becomes_urgent_is_looked_at_sooner_and_urgently() {
        let (mut schedule, now) = schedule();
        for _ in 0..40 {
            found_ended_after(&mut schedule, now, SECOND * 2400);
        }
        follow(&mut schedule, 0, now);
        schedule.raise(&job(0), Priority::WayBack, now);
        assert_eq!(schedule.next_round(now), Some(now + SECOND * 5));
        let round = schedule.round(now + SECOND * 5);
        assert_eq!(round.single, [(job(0), Priority::WayBack)]);
    }

    #[test]
    fn while_the_list_cannot_be_had_each_job_is_asked_for_by_itself() {
        for (answers, tries) in [(Listed::Unusable, 1), (Listed::NoAnswer, 2)] {
            let (mut schedule, start) = schedule();
            follow_looked_at(&mut schedule, 0..5, start);
            let mut now = start;
            for _ in 0..tries {
                now = schedule.next_round(now).unwrap();
                assert!(schedule.round(now).listed.is_some());
                schedule.listed(answers, now);
                for number in 0..5 {
                    schedule.look_again(&job(number), Seen::Nothing, now);
                }
            }
            let failed_at = now;
            while now < failed_at + SECOND * 55 {
                now = schedule.next_round(now).unwrap();
                let round = schedule.round(now);
                assert_eq!(round.listed, None, "{answers:?}");
                for (id, _) in round.single {
                    schedule.look_again(&id, Seen::Unfinished, now);
                }
            }
            now = failed_at + SECOND * 70;
            assert!(schedule.round(now).listed.is_some(), "it is tried again");
        }
    }

    #[test]
    fn jobs_that_end_at_once_are_found_at_once() {
        let (mut schedule, now) = schedule();
        for _ in 0..40 {
            assert_eq!(
                found_ended_after(&mut schedule, now, Duration::ZERO),
                Duration::ZERO
            );
        }
    }

    #[test]
    fn a_job_that_another_process_began_teaches_nothing() {
        let (mut schedule, now) = schedule();
        schedule.follow(job(0), "attachVolume", Priority::WayThere, Origin::Earlier, now);
        schedule.ended(&job(0), now + SECOND * 500);
        follow(&mut schedule, 1, now);
        assert_eq!(schedule.next_round(now), Some(now));
    }

    #[test]
    fn what_is_forgotten_is_not_looked_at() {
        let (mut schedule, now) = schedule();
        follow(&mut schedule, 0, now);
        schedule.forget(&job(0));
        assert!(schedule.is_empty());
        assert_eq!(schedule.next_round(now), None);
        schedule.look_again(&job(0), Seen::Unfinished, now);
        schedule.ended(&job(0), now);
    }
}

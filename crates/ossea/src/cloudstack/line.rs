//! A waiting line in which the more urgent call goes first.
//!
//! Within one [`Priority`] calls go in the order in which they came; one that may not go at present does not hold
//! up those behind it. The way back is served whenever it waits, with one exception that keeps the others from
//! starving: a call of the way there that was passed over [`PASSED_OVER_WAY_THERE`] times goes next, one from the
//! background after [`PASSED_OVER_BACKGROUND`] times (once more when the way there is due at the same moment). So
//! the way back has at least 85 of 100 turns for as long as it wants them, and never more than two others go
//! before its next one.

use std::collections::VecDeque;

use super::call::Effect;
use crate::urgency::Priority;

/// How often a waiting call of the way there is passed over in a row at most.
const PASSED_OVER_WAY_THERE: u32 = 9;

/// How often a waiting call from the background is passed over in a row at most.
const PASSED_OVER_BACKGROUND: u32 = 19;

/// What decides about a call's turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Claim {
    /// How urgent it is.
    pub(crate) priority: Priority,
    /// What it can do.
    pub(crate) effect: Effect,
}

/// The calls with one claim, in the order in which they came.
#[derive(Debug)]
struct Lane<T> {
    claim: Claim,
    waiting: VecDeque<(u64, T)>,
}

/// The line. `T` is whatever wakes a call.
#[derive(Debug)]
pub(crate) struct Line<T> {
    lanes: Vec<Lane<T>>,
    next_ticket: u64,
    passed_over: [u32; Priority::ALL.len()],
}

impl<T> Line<T> {
    /// Nobody waits.
    pub(crate) fn new() -> Self {
        let claims = Priority::ALL
            .into_iter()
            .flat_map(|priority| [Effect::Change, Effect::Read].map(|effect| Claim { priority, effect }));
        let lanes = claims
            .map(|claim| Lane {
                claim,
                waiting: VecDeque::new(),
            })
            .collect();
        Self {
            lanes,
            next_ticket: 0,
            passed_over: [0; Priority::ALL.len()],
        }
    }

    /// Takes a place at the end.
    pub(crate) fn join(&mut self, claim: Claim, call: T) {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        if let Some(lane) = self.lanes.iter_mut().find(|lane| lane.claim == claim) {
            lane.waiting.push_back((ticket, call));
        }
    }

    /// The call whose turn it is among those that may go now. Calls that have gone away are forgotten.
    pub(crate) fn next(
        &mut self,
        may_go: impl Fn(Claim) -> bool,
        has_left: impl Fn(&T) -> bool,
    ) -> Option<(Claim, T)> {
        for lane in &mut self.lanes {
            while lane.waiting.front().is_some_and(|(_, call)| has_left(call)) {
                lane.waiting.pop_front();
            }
        }
        let first_of = Priority::ALL.map(|priority| self.first_of(priority, &may_go));
        let is_due = |priority: Priority| {
            first_of[rank(priority)].is_some()
                && passed_over_at_most(priority).is_some_and(|most| self.passed_over[rank(priority)] >= most)
        };
        let chosen = Priority::ALL
            .into_iter()
            .find(|priority| is_due(*priority))
            .or_else(|| {
                Priority::ALL
                    .into_iter()
                    .find(|priority| first_of[rank(*priority)].is_some())
            })?;
        for priority in Priority::ALL {
            if priority == chosen {
                self.passed_over[rank(priority)] = 0;
            } else if first_of[rank(priority)].is_some() {
                self.passed_over[rank(priority)] += 1;
            }
        }
        let lane = &mut self.lanes[first_of[rank(chosen)]?];
        let (_, call) = lane.waiting.pop_front()?;
        Some((lane.claim, call))
    }

    /// The lane in which the call of a priority stands that came first and may go.
    fn first_of(&self, priority: Priority, may_go: &impl Fn(Claim) -> bool) -> Option<usize> {
        self.lanes
            .iter()
            .enumerate()
            .filter(|(_, lane)| lane.claim.priority == priority)
            .filter_map(|(index, lane)| {
                lane.waiting
                    .front()
                    .map(|(ticket, _)| (*ticket, index, lane.claim))
            })
            .filter(|(_, _, claim)| may_go(*claim))
            .min_by_key(|(ticket, _, _)| *ticket)
            .map(|(_, index, _)| index)
    }

    /// The claims with which somebody waits.
    pub(crate) fn claims(&self) -> impl Iterator<Item = Claim> {
        self.lanes
            .iter()
            .filter(|lane| !lane.waiting.is_empty())
            .map(|lane| lane.claim)
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.lanes.iter().map(|lane| lane.waiting.len()).sum()
    }
}

fn rank(priority: Priority) -> usize {
    match priority {
        Priority::WayBack => 0,
        Priority::WayThere => 1,
        Priority::Background => 2,
    }
}

fn passed_over_at_most(priority: Priority) -> Option<u32> {
    match priority {
        Priority::WayBack => None,
        Priority::WayThere => Some(PASSED_OVER_WAY_THERE),
        Priority::Background => Some(PASSED_OVER_BACKGROUND),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(priority: Priority) -> Claim {
        Claim {
            priority,
            effect: Effect::Read,
        }
    }

    fn next(line: &mut Line<u32>) -> Option<u32> {
        line.next(|_| true, |_| false).map(|(_, call)| call)
    }

    /// A line with `each` calls of every priority, the least urgent ones first.
    fn crowd(each: u32) -> Line<u32> {
        let mut line = Line::new();
        for (hundreds, priority) in [Priority::Background, Priority::WayThere, Priority::WayBack]
            .into_iter()
            .enumerate()
        {
            for call in 0..each {
                line.join(read(priority), u32::try_from(hundreds).unwrap() * 1000 + call);
            }
        }
        line
    }

    #[test]
    fn the_more_urgent_goes_first_and_equals_go_as_they_came() {
        let mut line = crowd(2);
        let order: Vec<u32> = std::iter::from_fn(|| next(&mut line)).collect();
        assert_eq!(order, [2000, 2001, 1000, 1001, 0, 1]);
        assert_eq!(line.len(), 0);
    }

    #[test]
    fn reads_and_changes_of_one_priority_go_as_they_came() {
        let mut line = Line::new();
        let change = Claim {
            priority: Priority::WayThere,
            effect: Effect::Change,
        };
        line.join(read(Priority::WayThere), 1);
        line.join(change, 2);
        line.join(read(Priority::WayThere), 3);
        let order: Vec<u32> = std::iter::from_fn(|| next(&mut line)).collect();
        assert_eq!(order, [1, 2, 3]);
    }

    #[test]
    fn who_may_not_go_holds_up_nobody() {
        let mut line = crowd(2);
        let only_background =
            |line: &mut Line<u32>| line.next(|claim| claim.priority == Priority::Background, |_| false);
        assert_eq!(only_background(&mut line).map(|(_, call)| call), Some(0));
        assert_eq!(next(&mut line), Some(2000));
    }

    #[test]
    fn who_has_left_is_forgotten() {
        let mut line = crowd(2);
        assert_eq!(
            line.next(|_| true, |call| *call >= 1000),
            Some((read(Priority::Background), 0))
        );
        assert_eq!(line.len(), 1);
    }

    #[test]
    fn nobody_starves_and_the_way_back_keeps_most_turns() {
        let mut line = crowd(1000);
        let order: Vec<u32> = std::iter::from_fn(|| next(&mut line)).take(1000).collect();
        let way_back = order.iter().filter(|call| **call >= 2000).count();
        assert!(way_back >= 850, "{way_back}");
        let longest_wait = |from: u32| {
            let turns: Vec<usize> = (0..order.len())
                .filter(|turn| (from..from + 1000).contains(&order[*turn]))
                .collect();
            let gaps = turns.windows(2).map(|pair| pair[1] - pair[0] - 1);
            gaps.chain(turns.first().copied()).max()
        };
        assert_eq!(longest_wait(1000), Some(9));
        assert!(
            longest_wait(0).is_some_and(|wait| wait <= 20),
            "{:?}",
            longest_wait(0)
        );
        assert!(
            longest_wait(2000).is_some_and(|wait| wait <= 2),
            "{:?}",
            longest_wait(2000)
        );
    }
}

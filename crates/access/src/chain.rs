//! The chain of the audit: each row's hash covers the row and the hash of the one before it, so a row that was changed,
//! removed or exchanged fits nowhere.
//!
//! What is hashed is a canonical form that anybody can make again: the fields in a fixed order, each as its length in
//! bytes, a colon, its UTF-8 text and a comma; a field that is empty in the sense of NULL is a lone `-`. Instants are
//! whole microseconds since 1970. `docs/access.md` describes it for other programs.
//!
//! Who can write to the database can also make the whole chain anew from a changed row on. That shows only to somebody
//! who has noted a later head elsewhere, which is why a check prints the head that it ended with.

use sha2::{Digest, Sha256};

use crate::audit::{AuditHead, AuditRow};
use crate::hex;

/// What the first row follows.
pub(crate) const START: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The name of the canonical form; another form would have another one.
const FORM: &str = "ossea-failover audit 1";

/// The hash of a row that follows one with the hash `previous`.
pub(crate) fn hash_of(row: &AuditRow, previous: &str) -> String {
    let mut text = String::new();
    let mut field = |value: Option<&str>| match value {
        Some(value) => text += &format!("{}:{value},", value.len()),
        None => text.push('-'),
    };
    field(Some(FORM));
    field(Some(previous));
    field(Some(&row.seq.to_string()));
    field(Some(&row.at.timestamp_micros().to_string()));
    field(Some(&row.actor));
    field(Some(&row.action));
    field(Some(&row.object));
    field(row.vm_id.as_deref());
    field(row.job_id.as_deref());
    field(row.request_id.as_deref());
    field(Some(&row.reason));
    hex::digits(&Sha256::digest(text.as_bytes()))
}

/// Where a chain is broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainBreak {
    /// A row is not there.
    #[error("row {seq} is missing: after row {} comes row {found}", seq - 1)]
    Missing {
        /// The number that should come.
        seq: u64,
        /// The number that comes.
        found: u64,
    },
    /// A row is not as it was written, or does not follow the one before it.
    #[error("row {seq} was changed, or does not belong here: its hash does not fit")]
    Changed {
        /// Its number.
        seq: u64,
    },
    /// The audit ends too early.
    #[error("row {seq} is missing: the audit ended with row {last} once")]
    Cut {
        /// The first number that is missing.
        seq: u64,
        /// The number of the last row that was written.
        last: u64,
    },
    /// The note of the last row does not fit the last row.
    #[error("the note of the audit's end was changed: it does not fit row {seq}, which is the last one")]
    Head {
        /// The number of the last row.
        seq: u64,
    },
}

impl ChainBreak {
    /// The number of the first row that does not fit.
    pub const fn seq(&self) -> u64 {
        match self {
            ChainBreak::Missing { seq, .. }
            | ChainBreak::Changed { seq }
            | ChainBreak::Cut { seq, .. }
            | ChainBreak::Head { seq } => *seq,
        }
    }
}

/// A check of a chain, row by row from the first one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainCheck {
    last: AuditHead,
}

impl Default for ChainCheck {
    fn default() -> Self {
        Self {
            last: AuditHead::start(),
        }
    }
}

impl ChainCheck {
    /// Checks the next row.
    ///
    /// # Errors
    /// [`ChainBreak`]; what comes after it says nothing any more.
    pub fn follow(&mut self, row: &AuditRow) -> Result<(), ChainBreak> {
        let seq = self.last.seq + 1;
        if row.seq != seq {
            return Err(ChainBreak::Missing { seq, found: row.seq });
        }
        if row.hash != hash_of(row, &self.last.hash) {
            return Err(ChainBreak::Changed { seq });
        }
        self.last = row.head();
        Ok(())
    }

    /// Checks the end: `head` was noted before the last row was read.
    ///
    /// # Errors
    /// [`ChainBreak::Cut`] or [`ChainBreak::Head`].
    pub fn end(&self, head: &AuditHead) -> Result<(), ChainBreak> {
        let seq = self.last.seq;
        if head.seq > seq {
            let last = head.seq;
            return Err(ChainBreak::Cut { seq: seq + 1, last });
        }
        if *head != self.last {
            return Err(ChainBreak::Head { seq });
        }
        Ok(())
    }

    /// The last row that fits.
    pub fn last(&self) -> &AuditHead {
        &self.last
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};

    use super::*;
    use crate::audit::{Action, AuditEntry};
    use crate::caller::Actor;

    fn rows(count: usize) -> Vec<AuditRow> {
        let mut head = AuditHead::start();
        let mut rows = Vec::new();
        for place in 0..count {
            let entry = AuditEntry {
                actor: Actor {
                    name: format!("actor {place}"),
                    request_id: (place % 2 == 0).then(|| "r-1".to_owned()),
                },
                action: Action::Cancel,
                object: "job 1".to_owned(),
                vm_id: None,
                job_id: None,
                reason: "because\0 of ü".to_owned(),
            };
            let row = AuditRow::after(
                &head,
                DateTime::UNIX_EPOCH + TimeDelta::nanoseconds(1_500),
                &entry,
            );
            head = row.head();
            rows.push(row);
        }
        rows
    }

    fn check(rows: &[AuditRow], head: &AuditHead) -> Result<(), ChainBreak> {
        let mut check = ChainCheck::default();
        for row in rows {
            check.follow(row)?;
        }
        check.end(head)
    }

    #[test]
    fn an_untouched_audit_fits_and_reads_back() {
        let rows = rows(4);
        check(&rows, &rows[3].head()).unwrap();
        check(&[], &AuditHead::start()).unwrap();
        let text = serde_json::to_string(&rows).unwrap();
        assert_eq!(serde_json::from_str::<Vec<AuditRow>>(&text).unwrap(), rows);
    }

    #[test]
    fn the_canonical_form_stays_as_it_is() {
        // Audits that were written must fit for ever: whoever changes this hash has changed the form.
        assert_eq!(
            rows(1)[0].hash,
            "72c2dd3183d22e7b7d9f50ade90d349d899e85a678075e62d3ce843b1187f045"
        );
    }

    #[test]
    fn every_field_of_a_row_counts() {
        type Change = fn(&mut AuditRow);
        let changes: [Change; 9] = [
            |row| row.at += TimeDelta::microseconds(1),
            |row| row.actor.push('x'),
            |row| row.action.push('x'),
            |row| row.object.push('x'),
            |row| row.vm_id = Some(String::new()),
            |row| row.job_id = Some(String::new()),
            |row| row.request_id = Some("r-1,".to_owned()),
            |row| row.reason.clear(),
            |row| row.hash = START.to_owned(),
        ];
        for (number, change) in changes.iter().enumerate() {
            let mut rows = rows(4);
            let head = rows[3].head();
            change(&mut rows[1]);
            assert_eq!(
                check(&rows, &head),
                Err(ChainBreak::Changed { seq: 2 }),
                "change {number}"
            );
        }
    }

    #[test]
    fn removed_and_exchanged_rows_are_found() {
        let whole = rows(4);
        let head = whole[3].head();
        let mut removed = whole.clone();
        removed.remove(1);
        assert_eq!(
            check(&removed, &head),
            Err(ChainBreak::Missing { seq: 2, found: 3 })
        );
        let mut closed_up = removed.clone();
        closed_up[1].seq = 2;
        assert_eq!(check(&closed_up, &head), Err(ChainBreak::Changed { seq: 2 }));
        let mut exchanged = whole.clone();
        exchanged.swap(1, 2);
        (exchanged[1].seq, exchanged[2].seq) = (2, 3);
        assert_eq!(check(&exchanged, &head), Err(ChainBreak::Changed { seq: 2 }));
        assert_eq!(
            check(&whole[..3], &head),
            Err(ChainBreak::Cut { seq: 4, last: 4 })
        );
        assert_eq!(check(&whole, &whole[2].head()), Err(ChainBreak::Head { seq: 4 }));
    }
}

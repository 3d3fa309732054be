-- What comes beside a live failover: tests, rollbacks and commits as jobs of their own, requests that wait until the
-- worker of their job hears them, and the audit of what people decided. The previous release goes on beside it: it
-- writes none of the new columns, and each has a default or may be empty.
--
-- SQLite has no statement for changing a CHECK. Building the table anew means dropping the old one, and that deletes
-- plans, journals, volumes and resources with it: the switch that would keep them, `PRAGMA foreign_keys`, does nothing
-- inside a transaction, and without a transaction an interruption would leave half a schema. So the text of the table
-- is changed in the schema itself, as SQLite's manual describes for changes that leave what is stored as it is ("ALTER
-- TABLE", under "Making Other Kinds Of Table Schema Changes"). No row is rewritten, and everything is one transaction.

ALTER TABLE failover_jobs ADD COLUMN test_window TEXT CHECK (json_valid(test_window));
ALTER TABLE failover_jobs ADD COLUMN heard_requests INTEGER NOT NULL DEFAULT 0;
-- The number of the last stored request. A job cannot end while it is above the heard one.
ALTER TABLE failover_jobs ADD COLUMN last_request INTEGER NOT NULL DEFAULT 0;
ALTER TABLE failover_jobs ADD COLUMN settle_at INTEGER;
-- The job that commits this one or rolls it back. It is set once and never taken back.
ALTER TABLE failover_jobs ADD COLUMN settled_by TEXT REFERENCES failover_jobs (job_id);

-- After the columns: SQLite finds the place for a column by the text that it read before.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema
    SET sql = replace(sql, 'CHECK (job_type IN (''live'', ''test''))',
                           'CHECK (job_type IN (''live'', ''test'', ''rollback'', ''commit''))')
    WHERE type = 'table' AND name = 'failover_jobs';
-- Reads the schema again here; other connections see from what follows that it has changed.
PRAGMA writable_schema = RESET;

CREATE INDEX failover_jobs_to_settle ON failover_jobs (settle_at, job_id)
    WHERE settle_at IS NOT NULL AND settled_by IS NULL;

CREATE TABLE failover_requests (
    job_id       TEXT NOT NULL REFERENCES failover_jobs (job_id) ON DELETE CASCADE,
    number       INTEGER NOT NULL CHECK (number > 0),
    requested_by TEXT NOT NULL,
    requested_at INTEGER NOT NULL,
    kind         TEXT NOT NULL,
    request      TEXT NOT NULL CHECK (json_valid(request)),
    PRIMARY KEY (job_id, number)
) STRICT;

CREATE TABLE failover_audit (
    id     INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at     INTEGER NOT NULL,
    actor  TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    reason TEXT NOT NULL
) STRICT;

-- A table whose text was not the expected one still has the old CHECK: this row fails there, and the migration with it.
INSERT INTO failover_jobs (job_id, vm_id, job_type, status, source_vm_name)
    VALUES ('migration-000004', 'migration-000004', 'commit', 'failed', '');
DELETE FROM failover_jobs WHERE job_id = 'migration-000004';

-- A cancel that the previous release noted is a request from now on. It may have been heard already; hearing it again
-- changes nothing. When it came is not known better than by the row's last change.
INSERT INTO failover_requests (job_id, number, requested_by, requested_at, kind, request)
    SELECT job_id, 1, cancel_requested_by, updated_at, 'cancel', '{"request":"cancel"}' FROM failover_jobs
    WHERE cancel_requested_by IS NOT NULL AND status NOT IN ('completed', 'failed');
UPDATE failover_jobs SET last_request = 1
    WHERE cancel_requested_by IS NOT NULL AND status NOT IN ('completed', 'failed');

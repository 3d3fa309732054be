-- Refuses while there is a rollback or a commit: the old schema cannot hold one, and its journal is the only account of
-- where the replicas went, so it is not deleted to make room for an older program. Whoever goes back all the same
-- deletes those jobs first (and before that sets `settled_by` to NULL, which refers to them). Requests and audit
-- entries go; what a job heard stays in its journal.
--
-- The CHECK is changed as in up.sql, and for the same reason. A CHECK that is changed so is not held against the rows
-- that are there; the table below does that.

CREATE TABLE jobs_that_the_old_schema_holds (job_type TEXT NOT NULL CHECK (job_type IN ('live', 'test'))) STRICT;
INSERT INTO jobs_that_the_old_schema_holds SELECT job_type FROM failover_jobs;
DROP TABLE jobs_that_the_old_schema_holds;

DROP TABLE failover_audit;
DROP TABLE failover_requests;
DROP INDEX failover_jobs_to_settle;
ALTER TABLE failover_jobs DROP COLUMN test_window;
ALTER TABLE failover_jobs DROP COLUMN heard_requests;
ALTER TABLE failover_jobs DROP COLUMN last_request;
ALTER TABLE failover_jobs DROP COLUMN settle_at;
ALTER TABLE failover_jobs DROP COLUMN settled_by;

PRAGMA writable_schema = ON;
UPDATE sqlite_schema
    SET sql = replace(sql, 'CHECK (job_type IN (''live'', ''test'', ''rollback'', ''commit''))',
                           'CHECK (job_type IN (''live'', ''test''))')
    WHERE type = 'table' AND name = 'failover_jobs';
PRAGMA writable_schema = RESET;

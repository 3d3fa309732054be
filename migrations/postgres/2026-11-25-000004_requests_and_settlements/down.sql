-- Refuses while there is a rollback or a commit: the old schema cannot hold one, and its journal is the only account of
-- where the replicas went, so it is not deleted to make room for an older program. Whoever goes back all the same
-- deletes those jobs first (and before that sets `settled_by` to NULL, which refers to them). Requests and audit
-- entries go; what a job heard stays in its journal.

DROP TABLE failover_audit;
DROP TABLE failover_requests;
DROP INDEX failover_jobs_to_settle;
-- The first two lines check all rows: this is what refuses.
ALTER TABLE failover_jobs
    DROP CONSTRAINT failover_jobs_job_type_check,
    ADD CONSTRAINT failover_jobs_job_type_check CHECK (job_type IN ('live', 'test')),
    DROP COLUMN test_window,
    DROP COLUMN heard_requests,
    DROP COLUMN last_request,
    DROP COLUMN settle_at,
    DROP COLUMN settled_by;

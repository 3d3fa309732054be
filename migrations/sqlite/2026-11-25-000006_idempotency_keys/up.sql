-- Requests that callers may send twice, and how they were answered. The previous release does not know the table and
-- goes on beside it; it answers requests with keys as if they had none.
--
-- `claim` is made up by whoever carries the request out, and guards every later write: a process that was asleep while
-- its claim lapsed finds another one here. `job_id` is written by the transaction that creates the job.

CREATE TABLE idempotency_keys (
    id              INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    caller          TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    method          TEXT NOT NULL,
    path            TEXT NOT NULL,
    body_sha256     TEXT NOT NULL,
    claim           TEXT NOT NULL,
    claimed_until   INTEGER NOT NULL,
    kept_until      INTEGER NOT NULL,
    job_id          TEXT REFERENCES failover_jobs (job_id) ON DELETE CASCADE,
    status          INTEGER CHECK (status BETWEEN 100 AND 599),
    headers         TEXT CHECK (json_valid(headers)),
    body            BLOB,
    UNIQUE (caller, idempotency_key),
    CHECK ((status IS NULL) = (headers IS NULL) AND (status IS NULL) = (body IS NULL))
) STRICT;
CREATE INDEX idempotency_keys_oldest ON idempotency_keys (kept_until);
CREATE INDEX idempotency_keys_of_job ON idempotency_keys (job_id) WHERE job_id IS NOT NULL;

-- Jobs, their journals, and the leases of the workers that drive them. Big and never-changing values (plan,
-- journal) stay out of the job's row, which changes with every step. The partial indexes hold active jobs only,
-- so finished jobs cost a claim nothing.

CREATE TABLE workers (
    worker_id   TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    lease_until TIMESTAMPTZ NOT NULL
);

CREATE TABLE failover_jobs (
    job_id              TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    vm_id               TEXT COLLATE "C" NOT NULL,
    job_type            TEXT NOT NULL CHECK (job_type IN ('live', 'test')),
    status              TEXT NOT NULL CHECK (status IN ('pending', 'validating', 'executing', 'snapshotting',
                            'creating_vm', 'switching_volume', 'powering_on', 'cleanup', 'reverting', 'completed',
                            'failed')),
    source_vm_name      TEXT NOT NULL,
    ossea_snapshot_id   TEXT,
    destination_vm_id   TEXT,
    error_message       TEXT,
    created_at          TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    updated_at          TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    completed_at        TIMESTAMPTZ,
    requested_by        TEXT NOT NULL DEFAULT 'unknown',
    progress            DOUBLE PRECISION NOT NULL DEFAULT 0,
    is_returning        BOOLEAN NOT NULL DEFAULT FALSE,
    current_steps       JSON NOT NULL DEFAULT '[]',
    attention           JSON NOT NULL DEFAULT '[]',
    failure             JSON,
    cancel_requested_by TEXT,
    started_at          TIMESTAMPTZ,
    last_seq            BIGINT NOT NULL DEFAULT 0,
    -- The lease. A worker's row outlives its jobs' ownership, so no job can be owned by nobody known.
    owner               TEXT COLLATE "C" REFERENCES workers (worker_id),
    epoch               BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX failover_jobs_one_active_per_vm ON failover_jobs (vm_id)
    WHERE status NOT IN ('completed', 'failed');
CREATE INDEX failover_jobs_free ON failover_jobs (created_at, job_id)
    WHERE owner IS NULL AND status NOT IN ('completed', 'failed');
CREATE INDEX failover_jobs_owned ON failover_jobs (owner) WHERE owner IS NOT NULL;
CREATE INDEX failover_jobs_newest ON failover_jobs (created_at, job_id);
CREATE INDEX failover_jobs_of_vm ON failover_jobs (vm_id, created_at, job_id);

CREATE TABLE failover_plans (
    job_id TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES failover_jobs (job_id) ON DELETE CASCADE,
    plan   JSON NOT NULL
);

CREATE TABLE failover_events (
    job_id TEXT COLLATE "C" NOT NULL REFERENCES failover_jobs (job_id) ON DELETE CASCADE,
    seq    BIGINT NOT NULL CHECK (seq > 0),
    at     TIMESTAMPTZ NOT NULL,
    event  JSON NOT NULL,
    PRIMARY KEY (job_id, seq)
);

CREATE TABLE failover_volumes (
    job_id             TEXT COLLATE "C" NOT NULL REFERENCES failover_jobs (job_id) ON DELETE CASCADE,
    disk               BIGINT NOT NULL CHECK (disk >= 0),
    volume_id          TEXT COLLATE "C" NOT NULL,
    oma_device         BIGINT NOT NULL,
    destination_device BIGINT NOT NULL,
    custody            TEXT NOT NULL CHECK (custody IN ('oma', 'detached', 'destination')),
    device             BIGINT,
    dirty              BOOLEAN NOT NULL,
    snapshot_id        TEXT,
    PRIMARY KEY (job_id, disk),
    CHECK ((custody = 'detached') = (device IS NULL))
);

CREATE TABLE failover_resources (
    job_id   TEXT COLLATE "C" NOT NULL REFERENCES failover_jobs (job_id) ON DELETE CASCADE,
    kind     TEXT NOT NULL,
    name     TEXT NOT NULL,
    cloud_id TEXT,
    state    TEXT NOT NULL CHECK (state IN ('intended', 'present', 'removed')),
    PRIMARY KEY (job_id, kind, name)
);

-- The last look at the readiness of each source VM, so that the next one can tell what has changed. A look is kept for
-- its own sake: it refers to no other table, and whoever writes one must not be kept from answering by it. The
-- previous release goes on beside it and never looks here.

CREATE TABLE readiness_looks (
    vm_id         TEXT COLLATE "C" NOT NULL,
    failover_type TEXT NOT NULL CHECK (failover_type IN ('live', 'test')),
    at            TIMESTAMPTZ NOT NULL,
    is_ready      BOOLEAN NOT NULL,
    score         DOUBLE PRECISION NOT NULL,
    failed_rules  JSON NOT NULL,
    PRIMARY KEY (vm_id, failover_type)
);

-- The last look at the readiness of each source VM, so that the next one can tell what has changed. A look is kept for
-- its own sake: it refers to no other table, and whoever writes one must not be kept from answering by it. The
-- previous release goes on beside it and never looks here.

CREATE TABLE readiness_looks (
    vm_id         TEXT NOT NULL,
    failover_type TEXT NOT NULL CHECK (failover_type IN ('live', 'test')),
    at            INTEGER NOT NULL,
    is_ready      INTEGER NOT NULL CHECK (is_ready IN (0, 1)),
    score         REAL NOT NULL,
    failed_rules  TEXT NOT NULL CHECK (json_valid(failed_rules)),
    PRIMARY KEY (vm_id, failover_type)
) STRICT;

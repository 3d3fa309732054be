-- The audit of every change, as a chain: `hash` covers the row and the hash of the row before it, and the one row of
-- `audit_head` notes the last number and hash. Whoever writes a row locks it, so no two rows follow the same one.
--
-- `failover_audit` stays for the previous release, which writes it beside this one. What it holds was never chained and
-- cannot be from here on, so it is not copied.

CREATE TABLE audit_log (
    seq        INTEGER NOT NULL PRIMARY KEY CHECK (seq > 0),
    at         INTEGER NOT NULL,
    actor      TEXT NOT NULL,
    action     TEXT NOT NULL,
    object     TEXT NOT NULL,
    vm_id      TEXT,
    job_id     TEXT,
    request_id TEXT,
    reason     TEXT NOT NULL,
    hash       TEXT NOT NULL
) STRICT;
CREATE INDEX audit_log_by_vm ON audit_log (vm_id, seq) WHERE vm_id IS NOT NULL;
CREATE INDEX audit_log_by_actor ON audit_log (actor, seq);

CREATE TABLE audit_head (
    id   INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    seq  INTEGER NOT NULL,
    hash TEXT NOT NULL
) STRICT;
INSERT INTO audit_head (id, seq, hash)
    VALUES (1, 0, '0000000000000000000000000000000000000000000000000000000000000000');

-- Tokens that callers of the API show, with what their bearers may do. The secret is kept nowhere: `hash` is the SHA-256
-- of the token's text, and `prefix` its public beginning, by which it is found. The previous release knows the one token
-- of its configuration only and goes on beside this table.

CREATE TABLE api_tokens (
    id           TEXT NOT NULL PRIMARY KEY,
    name         TEXT NOT NULL,
    prefix       TEXT NOT NULL UNIQUE,
    hash         TEXT NOT NULL,
    role         TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    -- The ids of the source VMs that the bearer may see and act on; NULL for all.
    vms          TEXT CHECK (json_valid(vms)),
    created_at   INTEGER NOT NULL,
    created_by   TEXT NOT NULL,
    expires_at   INTEGER,
    revoked_at   INTEGER,
    last_used_at INTEGER
) STRICT;
-- The audit knows callers by name, so of two tokens that are not revoked none has the other's.
CREATE UNIQUE INDEX api_tokens_one_name ON api_tokens (name) WHERE revoked_at IS NULL;

-- Tokens that callers of the API show, with what their bearers may do. The secret is kept nowhere: `hash` is the SHA-256
-- of the token's text, and `prefix` its public beginning, by which it is found. The previous release knows the one token
-- of its configuration only and goes on beside this table.

CREATE TABLE api_tokens (
    id           TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name         TEXT NOT NULL,
    prefix       TEXT NOT NULL UNIQUE,
    hash         TEXT NOT NULL,
    role         TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    -- The ids of the source VMs that the bearer may see and act on; NULL for all.
    vms          JSON,
    created_at   TIMESTAMPTZ NOT NULL,
    created_by   TEXT NOT NULL,
    expires_at   TIMESTAMPTZ,
    revoked_at   TIMESTAMPTZ,
    last_used_at TIMESTAMPTZ
);
-- The audit knows callers by name, so of two tokens that are not revoked none has the other's.
CREATE UNIQUE INDEX api_tokens_one_name ON api_tokens (name) WHERE revoked_at IS NULL;

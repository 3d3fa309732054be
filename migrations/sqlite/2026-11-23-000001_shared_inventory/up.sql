-- The tables that a migration tool shares with us, named as the customer's document names them, so that either
-- side can fill them. What a tool may not know is nullable; what it writes is checked here rather than guessed at
-- later. Instants are microseconds since 1970: text would compare wrongly as soon as two writers format it
-- differently.

CREATE TABLE replication_jobs (
    id             TEXT NOT NULL PRIMARY KEY,
    source_vm_id   TEXT NOT NULL,
    source_vm_name TEXT NOT NULL,
    status         TEXT NOT NULL,
    -- Who wrote the row when it was us on somebody's behalf; NULL for rows of the migration tool.
    recorded_by    TEXT,
    created_at     INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000000 AS INTEGER)),
    updated_at     INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000000 AS INTEGER)),
    completed_at   INTEGER
) STRICT;
CREATE INDEX replication_jobs_of_vm ON replication_jobs (source_vm_id, created_at);
CREATE INDEX replication_jobs_by_name ON replication_jobs (source_vm_name);

CREATE TABLE ossea_volumes (
    id                INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    volume_id         TEXT NOT NULL UNIQUE,
    volume_name       TEXT NOT NULL,
    size_gb           INTEGER,
    status            TEXT NOT NULL DEFAULT 'unknown',
    oma_device        INTEGER CHECK (oma_device >= 0),
    -- The source VM whose report claims the volume. One row and one owner per volume: a volume cannot become the
    -- replica of two VMs, however many reports arrive at once.
    source_vm_id      TEXT,
    needs_full_resync INTEGER NOT NULL DEFAULT 0 CHECK (needs_full_resync IN (0, 1)),
    created_at        INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000000 AS INTEGER)),
    updated_at        INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000000 AS INTEGER))
) STRICT;
CREATE INDEX ossea_volumes_of_vm ON ossea_volumes (source_vm_id) WHERE source_vm_id IS NOT NULL;

CREATE TABLE vm_disks (
    id              INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    job_id          TEXT NOT NULL REFERENCES replication_jobs (id) ON DELETE CASCADE,
    ossea_volume_id INTEGER REFERENCES ossea_volumes (id),
    controller      TEXT CHECK (controller IN ('ide', 'scsi', 'sata', 'nvme')),
    bus             INTEGER CHECK (bus BETWEEN 0 AND 65535),
    unit            INTEGER CHECK (unit BETWEEN 0 AND 65535),
    label           TEXT,
    size_bytes      INTEGER CHECK (size_bytes > 0),
    cpu_count       INTEGER CHECK (cpu_count >= 0),
    memory_mb       INTEGER CHECK (memory_mb >= 0),
    os_type         TEXT,
    display_name    TEXT,
    power_state     TEXT,
    firmware        TEXT,
    secure_boot     INTEGER NOT NULL DEFAULT 0 CHECK (secure_boot IN (0, 1)),
    network_config  TEXT CHECK (json_valid(network_config)),
    created_at      INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000000 AS INTEGER))
) STRICT;
CREATE INDEX vm_disks_of_job ON vm_disks (job_id);
CREATE INDEX vm_disks_of_volume ON vm_disks (ossea_volume_id);

CREATE TABLE cbt_history (
    id           INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    job_id       TEXT NOT NULL REFERENCES replication_jobs (id) ON DELETE CASCADE,
    change_id    TEXT,
    sync_success INTEGER NOT NULL DEFAULT 0 CHECK (sync_success IN (0, 1)),
    created_at   INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000000 AS INTEGER))
) STRICT;
CREATE INDEX cbt_history_of_job ON cbt_history (job_id);

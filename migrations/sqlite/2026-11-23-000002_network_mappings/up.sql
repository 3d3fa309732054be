-- Which cloud network a network of a source VM becomes. Test and production stand side by side; each source
-- network has at most one of each.

CREATE TABLE network_mappings (
    id                       INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    vm_id                    TEXT NOT NULL,
    source_network_name      TEXT NOT NULL,
    destination_network_id   TEXT NOT NULL,
    destination_network_name TEXT NOT NULL,
    is_test_network          INTEGER NOT NULL DEFAULT 0 CHECK (is_test_network IN (0, 1)),
    created_at               INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000000 AS INTEGER)),
    updated_at               INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000000 AS INTEGER)),
    UNIQUE (vm_id, source_network_name, is_test_network)
) STRICT;

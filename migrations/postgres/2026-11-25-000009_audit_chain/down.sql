-- The audit is gone: export it first (`failoverctl audit export`).

DROP TABLE audit_head;
DROP TABLE audit_log;

DROP TABLE failover_resources;
DROP TABLE failover_volumes;
DROP TABLE failover_events;
DROP TABLE failover_plans;
DROP TABLE failover_jobs;
DROP TABLE workers;

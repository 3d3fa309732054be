DROP TABLE cbt_history;
DROP TABLE vm_disks;
DROP TABLE ossea_volumes;
DROP TABLE replication_jobs;

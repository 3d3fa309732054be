DROP TABLE network_mappings;

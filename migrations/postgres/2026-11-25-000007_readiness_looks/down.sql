-- What somebody saw of the readiness of source VMs is forgotten; the next look tells no changes.

DROP TABLE readiness_looks;

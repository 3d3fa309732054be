//! The store on both databases. The PostgreSQL half runs when `FAILOVER_TEST_POSTGRES_URL` names a server.

mod audit_chain;
mod customer_queries;
mod foreign_rows;
mod lab;
mod leases;
mod looks;
mod migrating;
mod opening;
mod racing;

mod on_sqlite {
    failover_engine::store_contract!(crate::lab::sqlite());
}

mod on_sqlite_in_memory {
    failover_engine::store_contract!(crate::lab::in_memory());
}

mod on_postgres {
    failover_engine::store_contract!(crate::lab::postgres());
}

//! What a person with the superuser's password does to the database.

use std::thread::JoinHandle;
use std::time::Duration;

use tokio_postgres::NoTls;

fn in_a_runtime<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(work)
}

/// Terminates every other connection, and tells how many there were; `None` when the server does not take ours.
pub(crate) fn terminate_connections(url: &str) -> Option<u64> {
    in_a_runtime(async {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.ok()?;
        let connection = tokio::spawn(connection);
        let others = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                      WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'";
        let ended = client.query_one(others, &[]).await.ok()?.get::<_, i64>(0);
        drop(client);
        connection.await.ok();
        u64::try_from(ended).ok()
    })
}

/// Takes every connection that the server has left for so long. The thread tells whether it has got to the last one.
pub(crate) fn exhaust_connections(url: &str, length: Duration) -> JoinHandle<bool> {
    let url = url.to_owned();
    std::thread::spawn(move || {
        in_a_runtime(async {
            let mut held = Vec::new();
            let is_full = loop {
                match tokio_postgres::connect(&url, NoTls).await {
                    Ok((client, connection)) => held.push((client, tokio::spawn(connection))),
                    Err(error) => break error.code().is_some_and(|code| code.code() == "53300"),
                }
            };
            tokio::time::sleep(length).await;
            is_full
        })
    })
}

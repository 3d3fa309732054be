//! The worked example of `docs/writer-hook.md` is what is really sent.

use std::path::Path;

use failover_engine::writer::WriterWish;

use crate::support::{SECRET, Tool};

#[tokio::test]
async fn the_example_of_the_documentation_is_true() {
    let tool = Tool::answering(204, "").await;
    tool.asked_to(WriterWish::Quiesce).await;
    let seen = tool.seen().remove(0);
    let example = format!(
        "POST {} HTTP/1.1\nHost: oma.example.org:8443\nContent-Type: {}\nIdempotency-Key: {}\n\
         X-Failover-Timestamp: {}\nX-Failover-Signature: {}\n\n{}\n",
        seen.uri.path(),
        seen.header("content-type"),
        seen.header("idempotency-key"),
        seen.header("x-failover-timestamp"),
        seen.header("x-failover-signature"),
        std::str::from_utf8(&seen.body).unwrap()
    );
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/writer-hook.md");
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains(&example), "the page does not show\n{example}");
    assert!(page.contains(&format!("`{SECRET}`")));
}

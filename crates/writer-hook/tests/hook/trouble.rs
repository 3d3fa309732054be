//! No answer, or only a part of one.

use std::time::Duration;

use failover_engine::writer::{ReplicaWriter, WriterAnswer, WriterWish};
use tokio::net::TcpListener;

use crate::support::{After, SECRET, SHORT, call, crude_server, settings, unknown, writer, writer_at};

const PATIENT: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_timeout_leaves_the_outcome_unknown() {
    // The system takes the connection, but nobody ever looks at it.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    let text = unknown(writer_at(address, SHORT).ask(&call(WriterWish::Quiesce)).await);
    assert_eq!(
        text,
        format!("http://{address} gave no answer: the time of 200ms is over")
    );
}

#[tokio::test]
async fn each_wish_has_its_own_timeout() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", silent.local_addr().unwrap());
    let mut settings = settings(&base, PATIENT);
    settings.resume.as_mut().unwrap().timeout = SHORT;
    let text = unknown(writer(&settings).ask(&call(WriterWish::Resume)).await);
    assert!(text.contains("200ms"), "{text}");
}

#[tokio::test]
async fn a_server_that_is_down_leaves_the_outcome_unknown() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let text = unknown(writer_at(address, PATIENT).ask(&call(WriterWish::Quiesce)).await);
    assert!(text.contains("refused"), "{text}");
    assert!(!text.contains(SECRET) && !text.contains("/failover/"), "{text}");
}

#[tokio::test]
async fn a_connection_that_ends_without_an_answer_leaves_the_outcome_unknown() {
    let address = crude_server("", After::Close).await;
    unknown(writer_at(address, PATIENT).ask(&call(WriterWish::Quiesce)).await);
}

#[tokio::test]
async fn what_is_not_http_leaves_the_outcome_unknown() {
    let address = crude_server("220 mail.example.org ESMTP\r\n", After::Close).await;
    unknown(writer_at(address, PATIENT).ask(&call(WriterWish::Quiesce)).await);
}

#[tokio::test]
async fn a_success_that_breaks_off_is_not_believed() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nquie";
    for (after, patience) in [(After::Close, PATIENT), (After::StayOpen, SHORT)] {
        let address = crude_server(answer, after).await;
        let text = unknown(writer_at(address, patience).ask(&call(WriterWish::Quiesce)).await);
        assert!(text.contains("answered 200: quie (and broke off"), "{text}");
    }
}

#[tokio::test]
async fn a_refusal_that_breaks_off_is_still_a_refusal() {
    let address = crude_server(
        "HTTP/1.1 409 Conflict\r\nContent-Length: 10\r\n\r\nbusy",
        After::Close,
    )
    .await;
    let answer = writer_at(address, PATIENT).ask(&call(WriterWish::Quiesce)).await;
    let expected = format!("http://{address} answered 409: busy");
    assert_eq!(answer, WriterAnswer::Refused(expected));
}

//! Ping: ICMP echo requests until one is answered.

use std::io::ErrorKind;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use surge_ping::{Client, Config, ICMP, PingIdentifier, PingSequence, SurgeError};
use tokio::time::{Instant, sleep_until, timeout_at};

/// How long one echo request is waited for before the next one goes out. A guest that has just started often
/// loses the first one to address resolution.
const REQUEST_INTERVAL: Duration = Duration::from_secs(1);

/// Tells apart the requests of pings that run side by side on raw sockets, where everybody sees every reply.
static NEXT_IDENTIFIER: AtomicU16 = AtomicU16::new(1);

/// Sends echo requests until one is answered.
pub(crate) async fn ping(address: IpAddr, within: Duration) -> Result<(), String> {
    let deadline = Instant::now() + within;
    let kind = match address {
        IpAddr::V4(_) => ICMP::V4,
        IpAddr::V6(_) => ICMP::V6,
    };
    let client = Client::new(&Config::builder().kind(kind).build()).map_err(|e| no_socket(&e))?;
    let identifier = PingIdentifier(NEXT_IDENTIFIER.fetch_add(1, Ordering::Relaxed));
    let mut pinger = client.pinger(address, identifier).await;
    pinger.timeout(REQUEST_INTERVAL);
    let mut last_error = None;
    for sequence in 0..=u16::MAX {
        let sent = Instant::now();
        match timeout_at(deadline, pinger.ping(PingSequence(sequence), &[])).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(SurgeError::Timeout { .. })) => {}
            // "No route" and the like may pass while a network comes up: go on, and tell it at the end.
            Ok(Err(error)) => {
                last_error = Some(error.to_string());
                if timeout_at(deadline, sleep_until(sent + REQUEST_INTERVAL))
                    .await
                    .is_err()
                {
                    break;
                }
            }
            Err(_) => break,
        }
    }
    let because = last_error.map(|e| format!(" ({e})")).unwrap_or_default();
    Err(format!(
        "{address} did not answer a ping within {:.1} s{because}",
        within.as_secs_f64()
    ))
}

fn no_socket(error: &std::io::Error) -> String {
    if error.kind() == ErrorKind::PermissionDenied {
        "this host does not let the worker send pings: include the worker's group in the sysctl \
         net.ipv4.ping_group_range, or give the worker's program CAP_NET_RAW"
            .to_owned()
    } else {
        format!("this host cannot send pings: {error}")
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    /// Whether pings are allowed is a matter of the host that runs the tests, so both true answers are accepted.
    fn assert_answered_or_forbidden(result: &Result<(), String>) {
        match result {
            Ok(()) => {}
            Err(error) => assert!(error.starts_with("this host"), "{error}"),
        }
    }

    #[tokio::test]
    async fn loopback_answers_unless_the_host_forbids_pings() {
        assert_answered_or_forbidden(&ping(Ipv4Addr::LOCALHOST.into(), Duration::from_secs(5)).await);
    }

    #[tokio::test]
    async fn pings_side_by_side_do_not_take_each_others_replies() {
        let one = ping(Ipv4Addr::LOCALHOST.into(), Duration::from_secs(5));
        let other = ping(Ipv4Addr::LOCALHOST.into(), Duration::from_secs(5));
        let (one, other) = tokio::join!(one, other);
        assert_answered_or_forbidden(&one);
        assert_answered_or_forbidden(&other);
    }

    #[test]
    fn a_refused_socket_says_which_permission_is_missing() {
        let error = no_socket(&std::io::Error::from(ErrorKind::PermissionDenied));
        assert!(
            error.contains("ping_group_range") && error.contains("CAP_NET_RAW"),
            "{error}"
        );
    }
}

//! What an exchange means: the envelope is opened and everything that went wrong gets its place in
//! [`OsseaError`].
//!
//! Only two things prove that a change was not processed: no connection came about, or CloudStack (or a proxy,
//! by 401, 429 or 503) refused it. Whatever else is not a readable answer leaves the outcome unknown.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use serde_json::{Map, Value};
use tower::timeout::error::Elapsed;
use tower::{BoxError, Layer, Service};

use super::call::{Answer, Asked, Call, Effect, Failure, Reply};
use super::concern::Setback;
use super::json;
use super::row::{code, reason};
use crate::error::{OsseaError, Refusal};

/// CloudStack counts requests per second, so this is its own rhythm.
const USUAL_PAUSE: Duration = Duration::from_secs(1);

/// A longer hint than this is taken for a mistake.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Each of them marks a refusal; not all are always there (`cloudstack-api.md` section 2.3).
const SIGNS_OF_A_REFUSAL: [&str; 3] = ["errorcode", "cserrorcode", "errortext"];

/// Makes [`Interpret`] services.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InterpretLayer;

impl<S> Layer<S> for InterpretLayer {
    type Service = Interpret<S>;

    fn layer(&self, inner: S) -> Interpret<S> {
        Interpret { inner }
    }
}

/// Turns replies and failures into answers and [`OsseaError`]s.
#[derive(Debug, Clone)]
pub(crate) struct Interpret<S> {
    inner: S,
}

impl<S> Service<Asked> for Interpret<S>
where
    S: Service<Asked, Response = Reply, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = Answer;
    type Error = Setback;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, Setback>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Setback>> {
        // Nothing has been sent while a service is only getting ready.
        self.inner
            .poll_ready(cx)
            .map_err(|error| Setback::withheld(error.to_string()))
    }

    fn call(&mut self, asked: Asked) -> Self::Future {
        let call = Arc::clone(&asked.call);
        let reply = self.inner.call(asked);
        Box::pin(async move {
            match reply.await {
                Ok(reply) => answer(&call, &reply).map_err(Setback::Cloud),
                Err(error) => Err(no_reply(call.effect, &error)),
            }
        })
    }
}

/// What it means that there is no whole reply.
fn no_reply(effect: Effect, error: &BoxError) -> Setback {
    if let Some(failure) = error.downcast_ref::<Failure>() {
        return match (failure, effect) {
            (Failure::TooLate(_), Effect::Read | Effect::Change) => Setback::withheld(failure.to_string()),
            (Failure::NotSent(why), Effect::Read | Effect::Change) => {
                Setback::Cloud(OsseaError::Unreachable(why.clone()))
            }
            (Failure::Lost(_), Effect::Read) => Setback::Cloud(OsseaError::Unreachable(failure.to_string())),
            (Failure::TooLong { .. }, Effect::Read) => {
                Setback::Cloud(OsseaError::Malformed(failure.to_string()))
            }
            (Failure::Lost(_) | Failure::TooLong { .. }, Effect::Change) => {
                Setback::Cloud(OsseaError::OutcomeUnknown(failure.to_string()))
            }
        };
    }
    let why = if error.is::<Elapsed>() {
        "no answer in time".to_owned()
    } else {
        error.to_string()
    };
    Setback::Cloud(match effect {
        Effect::Read => OsseaError::Unreachable(why),
        Effect::Change => OsseaError::OutcomeUnknown(why),
    })
}

/// What a whole reply means.
pub(crate) fn answer(call: &Call, reply: &Reply) -> Result<Answer, OsseaError> {
    let envelope = open(call.command, &reply.body);
    let status = u32::from(reply.status);
    if let Some(Envelope::Refusal(refusal)) = envelope {
        let code = if refusal.code == 0 { status } else { refusal.code };
        return Err(refused(Refusal { code, ..refusal }, reply.retry_after));
    }
    match (status, envelope) {
        (200..=299, Some(Envelope::Content(content))) => Ok(Answer(content)),
        // A proxy may say these as well. Each says that the request was not processed.
        (401 | 429 | 503, _) => {
            let text = "not in CloudStack's form, perhaps from a proxy".to_owned();
            Err(refused(Refusal { code: status, text }, reply.retry_after))
        }
        (_, Some(Envelope::Refusal(_) | Envelope::Content(_)) | None) => Err(unreadable(call, reply)),
    }
}

/// The words of a refusal are for people; its code decides.
fn refused(refusal: Refusal, retry_after: Option<Duration>) -> OsseaError {
    match refusal.code {
        401 => OsseaError::Unauthorized(refusal.text),
        429 => {
            let hint = pause_in_text(&refusal.text)
                .or(retry_after)
                .unwrap_or(USUAL_PAUSE);
            OsseaError::Throttled {
                retry_after: hint.min(LONGEST_PAUSE),
            }
        }
        503 => OsseaError::Busy(refusal.text),
        _ => OsseaError::Refused(refusal),
    }
}

/// An answer that CloudStack did not write, or not to its end. Its text is not repeated: error pages echo the
/// request, and with it the API key.
fn unreadable(call: &Call, reply: &Reply) -> OsseaError {
    let Reply { status, body, .. } = reply;
    let looks = match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        None => "empty",
        Some(b'<') => "HTML or XML",
        Some(b'{') => "JSON that is cut or not CloudStack's",
        Some(_) => "neither JSON nor HTML",
    };
    let what = format!(
        "HTTP {status} to {} with {} bytes: {looks}",
        call.command,
        body.len()
    );
    match call.effect {
        Effect::Read => OsseaError::Malformed(what),
        Effect::Change => OsseaError::OutcomeUnknown(what),
    }
}

/// What an envelope holds.
#[derive(Debug, PartialEq)]
enum Envelope {
    /// The answer to the command.
    Content(Map<String, Value>),
    /// An error; its code is 0 where the envelope names none.
    Refusal(Refusal),
}

/// Opens the envelope of an answer to `command`; `None` when it is not one.
fn open(command: &str, body: &[u8]) -> Option<Envelope> {
    let Value::Object(outer) = json::read(body)? else {
        return None;
    };
    let expected = format!("{}response", command.to_ascii_lowercase());
    let mut content = None;
    for (name, value) in outer {
        let Value::Object(inner) = value else { continue };
        if SIGNS_OF_A_REFUSAL
            .into_iter()
            .any(|sign| inner.contains_key(sign))
        {
            let refusal = Refusal {
                code: code(inner.get("errorcode")).unwrap_or(0),
                text: reason(&inner),
            };
            return Some(Envelope::Refusal(refusal));
        }
        if name.eq_ignore_ascii_case(&expected) {
            content = Some(inner);
        }
    }
    content.map(Envelope::Content)
}

/// The milliseconds in "please retry after [N] ms.". Only a hint; without it the usual pause is made.
fn pause_in_text(text: &str) -> Option<Duration> {
    let lower = text.to_ascii_lowercase();
    let before = lower[..lower.rfind("ms")?].trim_end_matches([' ', ']']);
    let digits = before.rsplit(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok().map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::command::Repetition;

    fn read() -> Arc<Call> {
        Call::read("listVolumes", Vec::new())
    }

    fn change() -> Arc<Call> {
        let key = "0b0e7a52-6f0e-4b8e-9a55-3a1c7f2d9e10".parse().unwrap();
        Call::change("attachVolume", key, Repetition::Refused, Vec::new())
    }

    fn reply(status: u16, body: &str) -> Reply {
        Reply {
            status,
            date: None,
            retry_after: None,
            body: body.as_bytes().to_vec(),
        }
    }

    fn error_body(code: u32, text: &str) -> String {
        let inner =
            serde_json::json!({"uuidList": [], "errorcode": code, "cserrorcode": 9999, "errortext": text});
        serde_json::json!({ "attachvolumeresponse": inner }).to_string()
    }

    #[test]
    fn an_empty_list_is_an_answer() {
        let Answer(content) = answer(&read(), &reply(200, r#"{"listvolumesresponse":{}}"#)).unwrap();
        assert!(content.is_empty());
    }

    #[test]
    fn the_code_decides_whatever_the_text_says() {
        for text in [
            "A shutdown has been triggered. Can not accept new jobs",
            "please retry",
            "",
        ] {
            let error = answer(&change(), &reply(530, &error_body(530, text))).unwrap_err();
            assert_eq!(
                error,
                OsseaError::Refused(Refusal {
                    code: 530,
                    text: text.to_owned()
                })
            );
        }
        for code in [400, 430, 431, 432, 531, 532, 533, 534, 535, 536, 537] {
            let error = answer(&change(), &reply(code, &error_body(u32::from(code), "x"))).unwrap_err();
            assert!(matches!(error, OsseaError::Refused(refusal) if refusal.code == u32::from(code)));
        }
    }

    #[test]
    fn a_refusal_is_found_under_every_key_that_cloudstack_uses() {
        for key in ["attachvolumeresponse", "errorresponse", "null"] {
            let body = format!(r#"{{"{key}":{{"errorcode":432,"errortext":"no"}}}}"#);
            let error = answer(&change(), &reply(432, &body)).unwrap_err();
            assert_eq!(
                error,
                OsseaError::Refused(Refusal {
                    code: 432,
                    text: "no".to_owned()
                })
            );
        }
    }

    #[test]
    fn an_error_without_its_code_takes_the_status() {
        let error = answer(
            &change(),
            &reply(535, r#"{"errorresponse":{"errortext":"limit"}}"#),
        )
        .unwrap_err();
        assert_eq!(
            error,
            OsseaError::Refused(Refusal {
                code: 535,
                text: "limit".to_owned()
            })
        );
    }

    #[test]
    fn wrong_credentials_are_unauthorized_with_and_without_an_envelope() {
        for body in [
            error_body(401, "unable to verify"),
            "<html>login</html>".to_owned(),
        ] {
            for call in [read(), change()] {
                assert!(matches!(
                    answer(&call, &reply(401, &body)),
                    Err(OsseaError::Unauthorized(_))
                ));
            }
        }
    }

    #[test]
    fn the_pause_is_taken_from_text_then_header_then_habit() {
        let pause = |text: &str, header: Option<u64>| {
            let reply = Reply {
                retry_after: header.map(Duration::from_secs),
                ..reply(429, &error_body(429, text))
            };
            match answer(&change(), &reply) {
                Err(OsseaError::Throttled { retry_after }) => retry_after,
                other => panic!("{other:?}"),
            }
        };
        let text = "The given user has reached his/her account api limit, please retry after 734 ms.";
        assert_eq!(pause(text, Some(9)), Duration::from_millis(734));
        assert_eq!(
            pause("please retry after [250] ms.", None),
            Duration::from_millis(250)
        );
        assert_eq!(pause("slow down", Some(9)), Duration::from_secs(9));
        assert_eq!(pause("slow down, items", None), USUAL_PAUSE);
        assert_eq!(pause("after 99999999999 ms", None), LONGEST_PAUSE);
    }

    #[test]
    fn busy_and_throttled_are_believed_of_a_proxy_too() {
        for call in [read(), change()] {
            assert!(matches!(
                answer(&call, &reply(503, "<html>no server</html>")),
                Err(OsseaError::Busy(_))
            ));
            assert!(matches!(
                answer(&call, &reply(429, "")),
                Err(OsseaError::Throttled { .. })
            ));
        }
    }

    #[test]
    fn what_cannot_be_read_is_malformed_for_a_read_and_unknown_for_a_change() {
        let bodies = [
            "",
            "<html><body>Welcome</body></html>",
            r#"{"attachvolumeresponse":{"jobid":"0b0e"#,
            "[]",
            "null",
            r#"{"message":"no route"}"#,
            r#"{"otherresponse":{"jobid":"x"}}"#,
        ];
        for body in bodies {
            for status in [200, 302, 400, 404, 500, 502, 504] {
                let read = answer(&read(), &reply(status, body)).unwrap_err();
                assert!(
                    matches!(read, OsseaError::Malformed(_)),
                    "{status} {body}: {read}"
                );
                let change = answer(&change(), &reply(status, body)).unwrap_err();
                assert!(
                    matches!(change, OsseaError::OutcomeUnknown(_)),
                    "{status} {body}: {change}"
                );
            }
        }
    }

    #[test]
    fn a_success_body_under_an_error_status_is_no_success() {
        let body = r#"{"attachvolumeresponse":{"jobid":"0b0e7a52-6f0e-4b8e-9a55-3a1c7f2d9e10"}}"#;
        assert!(matches!(
            answer(&change(), &reply(502, body)),
            Err(OsseaError::OutcomeUnknown(_))
        ));
    }

    #[test]
    fn an_unreadable_answer_is_not_repeated_in_the_error() {
        let echo = "<html>/client/api?apikey=KEY&signature=SIGNATURE</html>";
        let error = answer(&read(), &reply(404, echo)).unwrap_err().to_string();
        assert!(!error.contains("KEY") && !error.contains("SIGNATURE"), "{error}");
        assert!(error.contains("404") && error.contains("HTML"), "{error}");
    }

    #[test]
    fn raw_control_characters_in_free_text_do_not_hide_an_answer() {
        let body = "{\"listvolumesresponse\":{\"count\":1,\"volume\":[{\"name\":\"a\u{1b}b\tc\"}]}}";
        assert!(answer(&read(), &reply(200, body)).is_ok());
    }

    #[test]
    fn a_broken_exchange_is_unreachable_for_a_read_and_unknown_for_a_change() {
        let lost: BoxError = Failure::Lost("reset".to_owned()).into();
        let late: BoxError = Elapsed::new().into();
        for error in [&lost, &late] {
            assert!(matches!(
                no_reply(Effect::Read, error),
                Setback::Cloud(OsseaError::Unreachable(_))
            ));
            assert!(matches!(
                no_reply(Effect::Change, error),
                Setback::Cloud(OsseaError::OutcomeUnknown(_))
            ));
        }
        let endless: BoxError = Failure::TooLong { limit_bytes: 1 }.into();
        assert!(matches!(
            no_reply(Effect::Read, &endless),
            Setback::Cloud(OsseaError::Malformed(_))
        ));
        assert!(matches!(
            no_reply(Effect::Change, &endless),
            Setback::Cloud(OsseaError::OutcomeUnknown(_))
        ));
        let unsent: BoxError = Failure::NotSent("refused".to_owned()).into();
        for effect in [Effect::Read, Effect::Change] {
            assert!(matches!(
                no_reply(effect, &unsent),
                Setback::Cloud(OsseaError::Unreachable(_))
            ));
            let late: BoxError = Failure::TooLate(Duration::from_secs(60)).into();
            assert!(matches!(
                no_reply(effect, &late),
                Setback::Withheld(OsseaError::Unreachable(_))
            ));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(status in 100u16..600, body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let reply = Reply { status, date: None, retry_after: None, body };
            let _ = answer(&read(), &reply);
            let _ = answer(&change(), &reply);
        }

        #[test]
        fn a_cut_answer_is_never_a_success(cut in 0usize..70) {
            let whole = r#"{"attachvolumeresponse":{"jobid":"0b0e7a52-6f0e-4b8e-9a55-3a1c7f2d9e10"}}"#;
            prop_assert!(matches!(
                answer(&change(), &reply(200, &whole[..cut])),
                Err(OsseaError::OutcomeUnknown(_))
            ));
        }
    }
}

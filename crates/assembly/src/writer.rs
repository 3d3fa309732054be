//! The migration tool, as far as it is configured.

use std::sync::Arc;

use anyhow::Context;
use failover_config::{HookAddress, HookSettings, Mistake, OmaSettings};
use failover_engine::writer::{NobodyToAsk, ReplicaWriter};
use failover_engine::{Clock, SystemClock};
use ossea::cloudstack::install_tls_provider;
use writer_hook::{Endpoint, HttpWriter, HttpWriterSettings};

/// Whoever is asked before replicas leave the OMA: nobody where no address is configured. Installs the TLS provider
/// first.
///
/// # Errors
/// When the settings cannot be used.
pub fn writer(settings: &OmaSettings) -> anyhow::Result<Arc<dyn ReplicaWriter>> {
    let Some(hook) = &settings.hook else {
        return Ok(Arc::new(NobodyToAsk));
    };
    install_tls_provider();
    let clock = Arc::new(|| SystemClock.now());
    let writer = HttpWriter::new(&hook_settings(hook), clock).context("the section [oma]")?;
    Ok(Arc::new(writer))
}

/// What is wrong with the section beyond the form of its values.
pub(crate) fn mistakes(settings: &OmaSettings) -> Vec<Mistake> {
    let problems = settings
        .hook
        .as_ref()
        .map_or_else(Vec::new, |hook| hook_settings(hook).problems());
    problems
        .into_iter()
        .map(|problem| Mistake {
            path: "oma".to_owned(),
            message: format!("is wrong: {:#}", anyhow::Error::new(problem)),
            origin: None,
        })
        .collect()
}

fn hook_settings(hook: &HookSettings) -> HttpWriterSettings {
    let endpoint = |address: &HookAddress| Endpoint {
        url: address.url.clone(),
        timeout: address.timeout,
    };
    HttpWriterSettings {
        quiesce: hook.quiesce.as_ref().map(endpoint),
        resume: hook.resume.as_ref().map(endpoint),
        secret: hook.secret.clone(),
        ca_file: hook.ca_file.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use failover_engine::writer::WriterWish;

    use super::*;

    fn section(quiesce_url: &str) -> OmaSettings {
        OmaSettings {
            hook: Some(HookSettings {
                quiesce: Some(HookAddress {
                    url: quiesce_url.to_owned(),
                    timeout: Duration::from_secs(60),
                }),
                resume: None,
                secret: "the-shared-secret".into(),
                ca_file: None,
            }),
        }
    }

    #[test]
    fn nobody_is_asked_where_nothing_is_configured() {
        let writer = writer(&OmaSettings { hook: None }).unwrap();
        assert!(!writer.hears(WriterWish::Quiesce) && !writer.hears(WriterWish::Resume));
    }

    #[test]
    fn a_configured_tool_hears_what_it_has_an_address_for() {
        let settings = section("http://127.0.0.1:9/quiesce");
        assert_eq!(mistakes(&settings), []);
        let writer = writer(&settings).unwrap();
        assert!(writer.hears(WriterWish::Quiesce) && !writer.hears(WriterWish::Resume));
    }

    #[test]
    fn what_cannot_be_used_is_found_by_the_check_and_at_the_start() {
        let mut settings = section("http://[oma/quiesce");
        settings.hook.as_mut().unwrap().ca_file = Some("/does/not/exist.pem".into());
        let texts: Vec<String> = mistakes(&settings).iter().map(ToString::to_string).collect();
        assert_eq!(texts.len(), 2, "{texts:?}");
        assert!(
            texts[0].contains("oma is wrong: the address for quiesce"),
            "{texts:?}"
        );
        assert!(
            texts[1].contains("/does/not/exist.pem: No such file"),
            "{texts:?}"
        );
        assert!(writer(&settings).is_err());
    }
}

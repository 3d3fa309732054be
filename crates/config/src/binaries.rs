//! The configuration of each binary: the sections it needs.

use crate::reader::Reader;
use crate::section::client::ClientSettings;
use crate::section::database::DatabaseSettings;
use crate::section::failover::FailoverSettings;
use crate::section::log::LogSettings;
use crate::section::oma::OmaSettings;
use crate::section::ossea::OsseaSettings;
use crate::section::server::ServerSettings;
use crate::section::sim::SimSettings;
use crate::section::target::TargetSettings;
use crate::section::worker::WorkerSettings;

/// A configuration that can be read.
pub trait Configuration: Sized {
    /// Reads all sections; `None` only after a mistake was noted.
    fn read(reader: &mut Reader) -> Option<Self>;

    /// How to log.
    fn log(&self) -> &LogSettings;
}

macro_rules! configuration {
    ($(#[$doc:meta])+ $name:ident { $($(#[$field_doc:meta])+ $field:ident: $settings:ty),+ $(,)? }) => {
        $(#[$doc])+
        #[derive(Debug, Clone)]
        pub struct $name {
            $($(#[$field_doc])+ pub $field: $settings,)+
            /// How to log.
            pub log: LogSettings,
        }
        impl Configuration for $name {
            fn read(reader: &mut Reader) -> Option<Self> {
                // All sections are read before the first missing one ends it, so that every mistake is noted.
                $(let $field = <$settings>::read(reader);)+
                let log = LogSettings::read(reader);
                Some(Self { $($field: $field?,)+ log: log? })
            }
            fn log(&self) -> &LogSettings {
                &self.log
            }
        }
    };
}

configuration! {
    /// Configuration of `failover-api`.
    ApiConfig {
        /// Where jobs are kept.
        database: DatabaseSettings,
        /// How to reach the cloud.
        ossea: OsseaSettings,
        /// Where to.
        target: TargetSettings,
        /// How the API is served.
        server: ServerSettings,
        /// Defaults of requests.
        failover: FailoverSettings,
    }
}

configuration! {
    /// Configuration of `failover-worker`.
    WorkerConfig {
        /// Where jobs are kept.
        database: DatabaseSettings,
        /// How to reach the cloud.
        ossea: OsseaSettings,
        /// Where to.
        target: TargetSettings,
        /// Whom to ask before replicas leave the OMA.
        oma: OmaSettings,
        /// How jobs are driven.
        worker: WorkerSettings,
    }
}

configuration! {
    /// Configuration of `failoverctl`.
    CtlConfig {
        /// How to reach the API.
        client: ClientSettings,
    }
}

configuration! {
    /// Configuration of `ossea-sim`.
    SimConfig {
        /// The simulated cloud.
        sim: SimSettings,
    }
}

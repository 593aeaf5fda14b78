//! The database of the configuration, or the private one, and the keys that go with it.

use std::path::PathBuf;

use sqlx::postgres::PgConnectOptions;

use crate::config::{Config, Key};
use crate::database::embedded::{self, Embedded};
use crate::vault::{self, MasterKey};

/// A database, and where its keys are.
pub struct Database {
    /// How to connect to it.
    pub options: PgConnectOptions,
    /// The folder of the private Postgres, which has the keys in it.
    pub(super) keys: Option<PathBuf>,
    /// The private Postgres, where it was started for this.
    pub(super) embedded: Option<Embedded>,
}

impl Database {
    pub(super) fn external(options: PgConnectOptions) -> Self {
        Self { options, keys: None, embedded: None }
    }

    pub(super) fn of(embedded: Embedded) -> Self {
        let (options, keys) = (embedded.connect_options(), embedded.data_dir().to_owned());
        Self { options, keys: Some(keys), embedded: Some(embedded) }
    }

    /// The database of the settings. A private Postgres that runs already is used as it is.
    ///
    /// # Errors
    /// One sentence that says what is wrong.
    pub async fn beside(config: &Config) -> anyhow::Result<Self> {
        if let Some(options) = &config.database {
            return Ok(Self::external(options.clone()));
        }
        let data_dir = config.data_dir.clone().unwrap_or_else(embedded::default_data_dir);
        match Embedded::of_running_server(&data_dir)? {
            Some((options, keys)) => Ok(Self { options, keys: Some(keys), embedded: None }),
            None => Ok(Self::of(Embedded::start(&data_dir).await?)),
        }
    }

    /// Stops the private Postgres, where it was started for this.
    ///
    /// # Errors
    /// Where it does not stop.
    pub async fn stop(self) -> anyhow::Result<()> {
        match self.embedded {
            Some(embedded) => embedded.stop().await,
            None => Ok(()),
        }
    }

    /// The configured master key, or the one of the private Postgres, made where it `may_be_made`.
    ///
    /// # Errors
    /// One sentence that says what is wrong.
    pub fn master_key(&self, config: &Config, may_be_made: bool) -> anyhow::Result<MasterKey> {
        let key = match &config.vault_master_key_file {
            Some(file) => vault::configured_key_file(file)?,
            None => self.key(config.vault_master_key.as_ref(), "vault-master-key", may_be_made)?,
        };
        Ok(MasterKey::new(key, config.vault_master_key_previous.clone()))
    }

    /// The configured key, or the one of the folder, made there where it `may_be_made`.
    pub(super) fn key(&self, configured: Option<&Key>, name: &str, may_be_made: bool) -> anyhow::Result<Key> {
        match (configured, &self.keys) {
            (Some(key), _) => Ok(key.clone()),
            (None, Some(folder)) => vault::key_file(&folder.join(name), may_be_made),
            (None, None) => anyhow::bail!("no {name}"),
        }
    }
}

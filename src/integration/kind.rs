//! What products there are integrations with.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A kind of product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Kind {
    /// Atlassian's Jira, in the cloud or of one's own (Data Center).
    Jira,
    /// `ServiceNow`.
    Servicenow,
    /// Zendesk Support.
    Zendesk,
    /// ConnectWise PSA (Manage).
    Connectwise,
    /// Anything else with an HTTP API.
    Custom,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Jira, Self::Servicenow, Self::Zendesk, Self::Connectwise, Self::Custom];

    /// Its word in requests and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jira => "jira",
            Self::Servicenow => "servicenow",
            Self::Zendesk => "zendesk",
            Self::Connectwise => "connectwise",
            Self::Custom => "custom",
        }
    }

    /// Its name for people.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Jira => "Jira",
            Self::Servicenow => "ServiceNow",
            Self::Zendesk => "Zendesk",
            Self::Connectwise => "ConnectWise",
            Self::Custom => "The product",
        }
    }
}

impl FromStr for Kind {
    type Err = anyhow::Error;

    fn from_str(word: &str) -> anyhow::Result<Self> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == word);
        found.ok_or_else(|| anyhow::anyhow!("no kind of product is called {word:?}"))
    }
}

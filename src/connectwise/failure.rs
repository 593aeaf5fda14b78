//! Why ConnectWise gave no answer that can be used. Nothing that it sent is in the texts: it may have
//! sent back what it was sent.

use std::time::Duration;

use crate::outgoing::CallError;

/// Why a call got no answer that can be used.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The login company is unknown.
    #[error("ConnectWise does not know the company of CONNECTWISE_COMPANY_ID")]
    UnknownTenant,
    /// The keys are wrong. In the cloud, ConnectWise may say 404 to wrong keys.
    #[error(
        "ConnectWise answers {status} and seems to refuse the keys: check CONNECTWISE_URL, CONNECTWISE_COMPANY_ID, CONNECTWISE_PUBLIC_KEY, CONNECTWISE_PRIVATE_KEY and CONNECTWISE_CLIENT_ID"
    )]
    Keys {
        /// The status that it answered with.
        status: u16,
    },
    /// The API member's security role is too narrow.
    #[error(
        "ConnectWise does not allow this to the API member of CONNECTWISE_PUBLIC_KEY: widen its security role"
    )]
    Forbidden,
    /// There is no such record.
    #[error("ConnectWise has no such record")]
    Missing,
    /// There were too many requests.
    #[error("ConnectWise asks for fewer requests")]
    Busy {
        /// How long it asks to wait, where it says so.
        wait: Option<Duration>,
    },
    /// There was no whole answer in time.
    #[error("ConnectWise did not answer in time")]
    TimedOut,
    /// There was no whole answer.
    #[error("ConnectWise cannot be reached")]
    Unreachable(#[source] CallError),
    /// What answered does not speak as ConnectWise does, though it may the next time.
    #[error("ConnectWise answers with {0}, which its API never does")]
    Nonsense(&'static str),
    /// It points elsewhere, where what is sent would come into other hands.
    #[error("ConnectWise answers with a redirect, which is not followed: check CONNECTWISE_URL")]
    Redirect,
    /// ConnectWise says that it failed, or that it does not understand.
    #[error("ConnectWise answers with status {0}")]
    Status(u16),
}

impl Failure {
    /// Whether the same call may well succeed the next time.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Busy { .. } | Self::TimedOut | Self::Unreachable(_) | Self::Nonsense(_) => true,
            Self::Status(status) => *status >= 500,
            Self::UnknownTenant | Self::Keys { .. } | Self::Forbidden | Self::Missing | Self::Redirect => {
                false
            }
        }
    }

    /// Whether asking for less at once may help.
    pub(super) fn may_be_of_size(&self) -> bool {
        matches!(self, Self::TimedOut | Self::Unreachable(_) | Self::Nonsense(_) | Self::Status(500..))
    }

    /// Whether it was a matter of time.
    #[must_use]
    pub fn is_slowness(&self) -> bool {
        matches!(self, Self::Busy { .. } | Self::TimedOut)
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        match error {
            CallError::TimedOut(_) => Self::TimedOut,
            other => Self::Unreachable(other),
        }
    }
}

//! How an integration is doing, as the last check found it.

use chrono::{DateTime, Utc};

use super::Verdict;

/// How an integration is doing, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// The product answered as it should.
    Healthy,
    /// It did not.
    Unhealthy,
    /// Nobody has looked yet, or not since what the check is about has changed.
    Unknown,
    /// It is switched off, so that nobody looks.
    Inactive,
}

impl Status {
    /// What a finding comes to.
    #[must_use]
    pub fn of(verdict: Verdict) -> Self {
        if verdict == Verdict::Healthy { Self::Healthy } else { Self::Unhealthy }
    }
}

/// How an integration is doing.
#[derive(Debug, Clone)]
pub struct Health {
    /// In a word.
    pub status: Status,
    /// What the last check found; none before it, and while the integration is switched off.
    pub verdict: Option<Verdict>,
    /// The same for a person.
    pub message: String,
    /// When it was last looked at; before that, when it was made.
    pub last_checked: DateTime<Utc>,
}

/// What is stored of the last check.
pub(super) struct Last {
    pub verdict: Option<Verdict>,
    pub message: Option<String>,
    pub at: Option<DateTime<Utc>>,
}

impl Health {
    /// What the last check says of an integration that was made at `made_at`, and of which what a check is
    /// about may have changed since.
    pub(super) fn of(is_active: bool, is_changed: bool, made_at: DateTime<Utc>, last: Last) -> Self {
        let last_checked = last.at.unwrap_or(made_at);
        let told = |status, verdict, message: &str| Self {
            status,
            verdict,
            message: message.to_owned(),
            last_checked,
        };
        match last.verdict {
            _ if !is_active => told(Status::Inactive, None, "Integration is currently inactive"),
            Some(verdict) => told(Status::of(verdict), Some(verdict), &last.message.unwrap_or_default()),
            None if is_changed => told(Status::Unknown, None, "Integration updated, health check pending"),
            None => told(Status::Unknown, None, "Integration created, health check pending"),
        }
    }
}

//! The one built-in role that says what somebody is, where only one can be shown.

use uuid::Uuid;

use super::{ADMIN_ID, INTEGRATOR_ID, USER_ID};

/// The built-in roles that are not bound to a company, the highest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rank {
    /// Holds everything.
    Admin,
    /// Looks after integrations.
    Integrator,
    /// Looks after their own account.
    User,
}

impl Rank {
    /// Every rank, the highest first.
    pub const ALL: [Self; 3] = [Self::Admin, Self::Integrator, Self::User];

    /// The role's id.
    #[must_use]
    pub fn role_id(self) -> Uuid {
        match self {
            Self::Admin => ADMIN_ID,
            Self::Integrator => INTEGRATOR_ID,
            Self::User => USER_ID,
        }
    }

    /// The role's moniker.
    #[must_use]
    pub fn moniker(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Integrator => "integrator",
            Self::User => "user",
        }
    }

    /// The highest that is among these roles; the lowest where none is.
    #[must_use]
    pub fn of(roles: &[Uuid]) -> Self {
        Self::ALL.into_iter().find(|rank| roles.contains(&rank.role_id())).unwrap_or(Self::User)
    }
}

//! The core's one error type. It knows nothing of HTTP: each wire contract writes it in its own bytes.

use std::time::Duration;

/// What the core's functions return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The thing does not exist, or the caller may not know that it does.
    #[error("{message}")]
    NotFound {
        /// A stable name for programs, such as `UserNotFound`.
        code: &'static str,
        /// A sentence that names what was looked for.
        message: String,
    },
    /// A thing that the input names by its id does not exist, or the caller may not know that it does.
    #[error("{message}")]
    NotFoundInInput {
        /// A stable name for programs, such as `RoleNotFound`.
        code: &'static str,
        /// A sentence that names what was looked for.
        message: String,
    },
    /// The state of things forbids it: a name is taken, a thing is in use.
    #[error("{0}")]
    Conflict(String),
    /// The input breaks rules; each violation names its field and its rule.
    #[error("invalid input: {}", sentences(.0))]
    Invalid(Vec<Violation>),
    /// Nobody is signed in, or not with what was shown.
    #[error("{message}")]
    Unauthenticated {
        /// A stable name for programs, where there is more to say than the status does.
        code: Option<&'static str>,
        /// What to tell the person.
        message: &'static str,
    },
    /// The caller lacks permission nodes.
    #[error("{message}")]
    Forbidden {
        /// What to tell the person.
        message: String,
        /// The nodes that are missing.
        required: Vec<String>,
    },
    /// A limit on attempts was reached.
    #[error("{message}")]
    TooMany {
        /// What to tell the person.
        message: &'static str,
        /// When it is worth trying again.
        retry_after: Duration,
    },
    /// A part that the operation needs is away for now; nothing was done.
    #[error("{message}")]
    Unavailable {
        /// What to tell the person.
        message: &'static str,
        /// When it is worth trying again.
        retry_after: Duration,
        /// What the log is told.
        #[source]
        cause: anyhow::Error,
    },
    /// Another server that the operation needs did not answer, or not with sense; nothing was done.
    #[error("{message}")]
    Upstream {
        /// What to tell the person.
        message: &'static str,
        /// Whether it did not answer in time.
        timed_out: bool,
        /// What the log is told.
        #[source]
        cause: anyhow::Error,
    },
    /// A part that the operation needs has not been set up; trying again will not help.
    #[error("{message}")]
    NotConfigured {
        /// A stable name for programs, such as `SignInNotConfigured`.
        code: &'static str,
        /// A sentence that says what is to be set up.
        message: &'static str,
    },
    /// A fault of the program or its data. The cause goes to the log, never to a client.
    #[error("internal error")]
    Internal(#[source] anyhow::Error),
}

/// One broken rule of an input.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Violation {
    /// The way into the input: names of fields and positions in lists.
    pub path: Vec<Step>,
    /// The rule, as a sentence.
    pub message: String,
}

/// One step of the way into an input.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(untagged)]
pub enum Step {
    /// A field's or a parameter's name.
    Name(String),
    /// A position in a list, from 0.
    Index(usize),
}

impl From<&str> for Step {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

impl From<usize> for Step {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// Violations in one line, each with the way to it. Names are cut where they are very long.
#[must_use]
pub fn sentences(violations: &[Violation]) -> String {
    let sentence = |violation: &Violation| {
        let steps: Vec<_> = violation
            .path
            .iter()
            .map(|step| match step {
                Step::Name(name) => name.chars().take(200).collect(),
                Step::Index(index) => index.to_string(),
            })
            .collect();
        let colon = if steps.is_empty() { "" } else { ": " };
        format!("{}{colon}{}", steps.join("."), violation.message)
    };
    violations.iter().map(sentence).collect::<Vec<_>>().join("; ")
}

impl Violation {
    /// A violation at `path`.
    pub fn new(path: impl IntoIterator<Item = Step>, message: impl Into<String>) -> Self {
        Self { path: path.into_iter().collect(), message: message.into() }
    }

    /// A violation of a field at the top of the input.
    pub fn field(name: &str, message: impl Into<String>) -> Self {
        Self::new([Step::from(name)], message)
    }
}

impl Error {
    /// A single violation.
    pub fn invalid(name: &str, message: impl Into<String>) -> Self {
        Self::Invalid(vec![Violation::field(name, message)])
    }

    /// A thing that is not there, or not for this caller. The name is cut where it is very long.
    #[must_use]
    pub fn not_found(code: &'static str, noun: &str, identifier: &str) -> Self {
        let shown: String = identifier.chars().take(200).collect();
        Self::NotFound { code, message: format!("{noun} with identifier '{shown}' was not found.") }
    }

    /// The same where the thing that is not there was named in the input, and not by the address.
    #[must_use]
    pub fn in_input(self) -> Self {
        match self {
            Self::NotFound { code, message } => Self::NotFoundInInput { code, message },
            other => other,
        }
    }

    /// The plain refusal of a caller who lacks `required`.
    pub fn forbidden<N: Into<String>>(required: impl IntoIterator<Item = N>) -> Self {
        Self::Forbidden {
            message: "Insufficient permissions".to_owned(),
            required: required.into_iter().map(Into::into).collect(),
        }
    }

    /// No valid token.
    #[must_use]
    pub fn unauthenticated() -> Self {
        Self::Unauthenticated { code: None, message: "Unauthorized" }
    }

    /// A fault of the program or its data, with what the log is to say.
    pub fn internal(cause: impl Into<anyhow::Error>) -> Self {
        Self::Internal(cause.into())
    }
}

/// How long a client is asked to wait where the database is away.
const DATABASE_RETRY: Duration = Duration::from_secs(2);

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        if is_passing(&error) {
            let cause = anyhow::Error::new(error).context("database unavailable");
            return Self::Unavailable {
                message: "The database is not available, try again soon",
                retry_after: DATABASE_RETRY,
                cause,
            };
        }
        Self::internal(error)
    }
}

/// Whether the database may well answer the next time: it is away, full, restarting, lets nobody in, or
/// chose this transaction as the one to give up. SQLSTATE classes: PostgreSQL documentation, appendix A.
fn is_passing(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::Protocol(_)
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(database) => database.code().is_some_and(|code| {
            ["08", "28", "3D", "53", "57P", "58"].iter().any(|class| code.starts_with(class))
                || ["25006", "40001", "40P01", "55000", "55P03", "57014"].contains(&&*code)
        }),
        _ => false,
    }
}

/// Gives constraints of the database their meaning.
pub trait OnConstraint<T> {
    /// Where Postgres refused because of a constraint or unique index, `meaning` may say by its name
    /// what that means.
    ///
    /// # Errors
    /// What `meaning` says, else what the database error is by itself.
    fn on_constraint(self, meaning: impl FnOnce(&str) -> Option<Error>) -> Result<T>;
}

impl<T> OnConstraint<T> for std::result::Result<T, sqlx::Error> {
    fn on_constraint(self, meaning: impl FnOnce(&str) -> Option<Error>) -> Result<T> {
        self.map_err(|error| {
            let constraint = error.as_database_error().and_then(sqlx::error::DatabaseError::constraint);
            constraint.and_then(meaning).unwrap_or_else(|| error.into())
        })
    }
}

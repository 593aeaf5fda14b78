//! What a person is called: one display name, and beside it given names and family name where they are
//! known apart.

use super::{Change, User};
use crate::error::{Error, Result};

/// A person's names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Names {
    /// The display name alone.
    Whole(String),
    /// Given names and family name.
    Parts(String, String),
}

impl Names {
    /// The display name.
    #[must_use]
    pub fn display(&self) -> String {
        match self {
            Self::Whole(name) => name.trim().to_owned(),
            Self::Parts(first, last) => format!("{} {}", first.trim(), last.trim()).trim().to_owned(),
        }
    }

    /// Given names and family name; a display name is parted at its first space.
    #[must_use]
    pub fn parts(&self) -> (String, String) {
        match self {
            Self::Whole(name) => {
                let (first, last) = name.trim().split_once(' ').unwrap_or((name.trim(), ""));
                (first.to_owned(), last.trim().to_owned())
            }
            Self::Parts(first, last) => (first.trim().to_owned(), last.trim().to_owned()),
        }
    }
}

impl User {
    /// Their names, as far as they are known.
    #[must_use]
    pub fn names(&self) -> Names {
        match (&self.first_name, &self.last_name) {
            (Some(first), Some(last)) => Names::Parts(first.clone(), last.clone()),
            _ => Names::Whole(self.name.clone()),
        }
    }
}

/// The names that somebody has after a change, where it changes them.
///
/// # Errors
/// [`Error::Invalid`] where nothing would be left of them.
pub(super) fn changed(old: &User, change: &Change) -> Result<Option<Names>> {
    if change.first_name.is_none() && change.last_name.is_none() {
        return Ok(change.name.clone().filter(|name| *name != old.name).map(Names::Whole));
    }
    let (first, last) = old.names().parts();
    let parts =
        Names::Parts(change.first_name.clone().unwrap_or(first), change.last_name.clone().unwrap_or(last));
    if parts.display().is_empty() {
        return Err(Error::invalid("firstName", "Must not be blank where lastName is, too"));
    }
    Ok(Some(parts))
}

#[cfg(test)]
mod tests {
    use super::Names;

    fn whole(name: &str) -> (String, String) {
        Names::Whole(name.to_owned()).parts()
    }

    #[test]
    fn a_display_name_is_parted_at_its_first_space() {
        let parts = |first: &str, last: &str| (first.to_owned(), last.to_owned());
        assert_eq!(whole("Jane Doe"), parts("Jane", "Doe"));
        assert_eq!(whole("Jane van Doe"), parts("Jane", "van Doe"));
        assert_eq!(whole("Jane"), parts("Jane", ""));
        let apart = Names::Parts("Mary Ann".to_owned(), "Smith".to_owned());
        assert_eq!(
            (apart.display(), apart.parts()),
            ("Mary Ann Smith".to_owned(), parts("Mary Ann", "Smith"))
        );
        assert_eq!(Names::Parts(String::new(), "Smith".to_owned()).display(), "Smith");
    }
}

//! Identifiers: version 7 UUIDs inside, opaque strings outside.

use uuid::Uuid;

/// A new identifier; later ones sort after earlier ones.
#[must_use]
pub fn new() -> Uuid {
    Uuid::now_v7()
}

/// Reads an identifier in its one spelling (lower-case, hyphenated). Anything else names nothing.
#[must_use]
pub fn parse(text: &str) -> Option<Uuid> {
    let id = Uuid::try_parse(text).ok()?;
    (id.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == text).then_some(id)
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_the_canonical_spelling_is_an_identifier() {
        let id = super::new();
        assert_eq!(super::parse(&id.to_string()), Some(id));
        for other in
            [id.simple().to_string(), id.urn().to_string(), id.to_string().to_uppercase(), String::new()]
        {
            assert_eq!(super::parse(&other), None, "{other}");
        }
    }
}

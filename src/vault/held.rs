//! Sealed values as they lie in the database.

use uuid::Uuid;

/// A sealed value in a table, found by an id and a part, such as a credential and its field.
#[derive(Debug, Clone)]
pub struct Held {
    /// The id of its row, or the first part of what names the row.
    pub id: Uuid,
    /// What names it beside the id.
    pub part: String,
    /// The thing that it is sealed for: in most tables the same id.
    pub sealed_for: Uuid,
    /// The sealed bytes.
    pub sealed: Vec<u8>,
}

/// Sealed values that are to take the place of others. An element of each list belongs together.
#[derive(Debug, Default)]
pub struct Swaps {
    /// [`Held::id`].
    pub ids: Vec<Uuid>,
    /// [`Held::part`].
    pub parts: Vec<String>,
    /// The bytes as they were read. Where there are others by now, these stay.
    pub were: Vec<Vec<u8>>,
    /// The bytes as they are to be.
    pub sealed: Vec<Vec<u8>>,
}

impl Swaps {
    /// Takes in that the bytes of a value are to change.
    pub fn push(&mut self, held: Held, sealed: Vec<u8>) {
        self.ids.push(held.id);
        self.parts.push(held.part);
        self.were.push(held.sealed);
        self.sealed.push(sealed);
    }
}

//! Places in lists: a cursor has one spelling, and a page holds what belongs on it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ttscm::audit::Cursor;
use ttscm::page::{Paged, Paging};

/// A cursor as text; then the same bytes as what a cursor holds, and as numbers of a page.
pub fn check(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        is_read_in_one_spelling(text);
    }
    is_read_in_one_spelling(&URL_SAFE_NO_PAD.encode(data));
    let Some((first, rest)) = data.split_first_chunk::<8>() else { return };
    let second = rest.split_first_chunk::<8>().map_or(1, |(second, _)| i64::from_le_bytes(*second));
    a_page_holds_what_belongs_on_it(i64::from_le_bytes(*first), second, rest);
}

fn is_read_in_one_spelling(text: &str) {
    if let Some(cursor) = Cursor::decode(text) {
        assert_eq!(cursor.encode(), text);
        assert_eq!(Cursor::decode(&cursor.encode()), Some(cursor));
    }
}

/// The numbers are those that the edge lets pass.
fn a_page_holds_what_belongs_on_it(first: i64, second: i64, all: &[u8]) {
    let (page, rows) = (first.max(1), second.clamp(1, 200));
    let (skip, limit) = (first.max(0), second.clamp(1, 1000));
    for (paging, offset, most) in [
        (Paging::Page { page, rows }, i128::from(page - 1) * i128::from(rows), rows),
        (Paging::Slice { skip, limit }, i128::from(skip), limit),
    ] {
        let paged = Paged::of(all.to_vec(), Some(paging));
        let offset = usize::try_from(offset).unwrap_or(usize::MAX).min(all.len());
        let end = offset.saturating_add(usize::try_from(most).expect("a small number")).min(all.len());
        assert_eq!(paged.items, all[offset..end], "{paging:?}");
        assert_eq!(usize::try_from(paged.total).ok(), Some(all.len()));
    }
}

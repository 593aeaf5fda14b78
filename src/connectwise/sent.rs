//! Looks into what ConnectWise sent. Any member may be missing, null, or of another type than is told.

use chrono::{DateTime, Utc};
use serde_json::Value;

/// The text at a place, such as `/country/name`; none where it is blank. Postgres cannot keep NUL, and
/// nobody sees characters without width, so they are left out.
pub fn text(sent: &Value, place: &str) -> Option<String> {
    let found = sent.pointer(place)?.as_str()?;
    let invisible = |character: char| matches!(character, '\0' | '\u{200b}' | '\u{200e}' | '\u{feff}');
    let clean = found.replace(invisible, "");
    let clean = clean.trim();
    (!clean.is_empty()).then(|| clean.to_owned())
}

/// The number at a place.
pub fn number(sent: &Value, place: &str) -> Option<i64> {
    sent.pointer(place)?.as_i64()
}

/// Whether it is said to be so at a place.
pub fn flag(sent: &Value, place: &str) -> Option<bool> {
    sent.pointer(place)?.as_bool()
}

/// The time at a place.
pub fn time(sent: &Value, place: &str) -> Option<DateTime<Utc>> {
    let told = sent.pointer(place)?.as_str()?;
    DateTime::parse_from_rfc3339(told).ok().map(|time| time.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn whatever_is_sent_can_be_looked_into() {
        let sent =
            json!({"name": " A\0c\u{200b}me ", "empty": " ", "id": 7, "site": {}, "zoe": "Zoë 株式会社 🦷"});
        assert_eq!(text(&sent, "/name").as_deref(), Some("Acme"));
        assert_eq!(text(&sent, "/zoe").as_deref(), Some("Zoë 株式会社 🦷"));
        for nothing in ["/empty", "/id", "/site", "/site/name", "/nope", "/name/deeper"] {
            assert_eq!(text(&sent, nothing), None, "{nothing}");
        }
        assert_eq!((number(&sent, "/id"), number(&sent, "/name")), (Some(7), None));
        assert_eq!((flag(&json!(null), "/x"), flag(&json!({"x": true}), "/x")), (None, Some(true)));
        assert!(time(&json!({"at": "2026-11-20T15:27:10Z"}), "/at").is_some());
        assert_eq!(time(&json!({"at": "yesterday"}), "/at"), None);
    }
}

//! The app that waits for a sign-in, in few words. It says itself what it is, and whoever began the sign-in
//! may have made it say anything: no sentence and no number gets from there into our page, where it would
//! tell the person which one to pick.

/// What the user agents of browsers have in them, and their names. Most have those of others in them too.
const BROWSERS: [(&str, &str); 5] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
];

/// What user agents say of the system, and its name.
const SYSTEMS: [(&str, &str); 8] = [
    ("iPhone", "an iPhone"),
    ("iPad", "an iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Mac", "a Mac"),
    ("Darwin", "a Mac"),
    ("Linux", "Linux"),
];

/// The longest name of a program that is shown, in characters.
const MAX_NAME: usize = 30;

/// The app with this user agent, where it can be told.
pub fn of(user_agent: &str) -> Option<String> {
    let known = |names: &[(&str, &'static str)]| {
        names.iter().find(|(mark, _)| user_agent.contains(mark)).map(|(_, name)| *name)
    };
    let name = if user_agent.starts_with("Mozilla/") {
        known(&BROWSERS).map(str::to_owned)
    } else {
        product(user_agent).map(|name| format!("“{name}”"))
    };
    match (name, known(&SYSTEMS)) {
        (Some(name), Some(system)) => Some(format!("{name} on {system}")),
        (None, Some(system)) => Some(format!("unknown, on {system}")),
        (name, None) => name,
    }
}

/// The name of the first product (RFC 9110, section 10.1.5), where it is like one.
fn product(user_agent: &str) -> Option<&str> {
    let name = user_agent.split(['/', ' ', '(']).next().unwrap_or_default();
    let is_name = (1..=MAX_NAME).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'-' | b'_' | b'.'));
    is_name.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(user_agent: &str) -> String {
        of(user_agent).unwrap_or_else(|| "none".to_owned())
    }

    #[test]
    fn browsers_are_known_by_their_names() {
        let chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/148.0.0.0 Safari/537.36";
        assert_eq!(seen(chrome), "Chrome on Linux");
        assert_eq!(
            seen(
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/148.0 Safari/537.36 Edg/148.0"
            ),
            "Edge on Windows"
        );
        assert_eq!(
            seen(
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile/15E148 Safari/604.1"
            ),
            "Safari on an iPhone"
        );
        assert_eq!(
            seen("Mozilla/5.0 (Macintosh; Intel Mac OS X 14.0; rv:140.0) Firefox/140.0"),
            "Firefox on a Mac"
        );
    }

    #[test]
    fn programs_are_known_by_what_they_call_themselves() {
        assert_eq!(seen("ttscm-desktop/2.1 (Windows NT 10.0)"), "“ttscm-desktop” on Windows");
        assert_eq!(seen("curl/8.14.1"), "“curl”");
        assert_eq!(seen(""), "none");
    }

    #[test]
    fn nobody_can_write_on_the_page() {
        assert_eq!(seen("Pick 42, says your administrator"), "“Pick”");
        assert_eq!(seen("42"), "none");
        assert_eq!(seen("Mozilla/5.0 Pick 42 (Linux)"), "unknown, on Linux");
        assert_eq!(seen("The-number-that-you-have-to-pick-is-forty-two/1.0"), "none");
        assert_eq!(seen("<b>pick</b>"), "none");
    }
}

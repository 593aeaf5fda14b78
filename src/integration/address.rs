//! Addresses at a product: a stored path, joined to the base URL so that it stays there.

use url::Url;

/// The longest path, in bytes.
const MAX_PATH: usize = 2000;

/// Checks a path that is to be joined to a base URL: it must mean the same to every server on the way, and
/// lead nowhere else.
///
/// # Errors
/// The rule that it breaks, as a sentence.
pub fn check_path(path: &str) -> Result<(), &'static str> {
    if path.len() > MAX_PATH {
        return Err("The path must be at most 2000 bytes long");
    }
    let Some(segments) = path.strip_prefix('/') else {
        return Err("The path must begin with '/'");
    };
    if path.chars().any(|character| character.is_whitespace() || character.is_control()) {
        return Err("The path must not have spaces or control characters");
    }
    if path.contains(['\\', '?', '#']) {
        return Err("The path must not have '\\', '?' or '#'");
    }
    if path.contains("//") {
        return Err("The path must not have '//'");
    }
    if has_escape(path) {
        return Err(
            "The path may hide no dot, slash, backslash or '%' behind '%', and needs two digits after each",
        );
    }
    // some servers pass over what follows a semicolon in a segment
    let is_step = |segment: &str| matches!(segment.split(';').next(), Some("." | ".."));
    if segments.split('/').any(is_step) {
        return Err("The path must not have '.' or '..' as a segment");
    }
    Ok(())
}

/// Whether a `%` stands for something that changes the way, or for nothing.
fn has_escape(path: &str) -> bool {
    let hidden = ["2e", "2f", "5c", "25", "00", "3b"];
    path.split('%').skip(1).any(|after| {
        let Some(digits) = after.get(..2) else { return true };
        let digits = digits.to_ascii_lowercase();
        !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) || hidden.contains(&&*digits)
    })
}

/// The address of a path at a product, with the query's parameters.
///
/// # Errors
/// The rule that the path breaks.
pub(super) fn join(base: &Url, path: &str, query: &[(&str, &str)]) -> Result<Url, &'static str> {
    check_path(path)?;
    let prefix = base.path().trim_end_matches('/');
    let mut address = base.clone();
    address.set_path(&format!("{prefix}{path}"));
    let is_below = address.path().strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'));
    if address.origin() != base.origin() || !is_below {
        return Err("The path leads away from the base URL");
    }
    if !query.is_empty() {
        address.query_pairs_mut().extend_pairs(query);
    }
    Ok(address)
}

/// Whether a Jira is Atlassian's cloud; any other is a Data Center.
pub(super) fn is_jira_cloud(base: &Url) -> bool {
    base.host_str().is_some_and(|host| host.ends_with(".atlassian.net"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_below_the_base_url() {
        for (base, path, joined) in [
            ("https://a.example", "/rest/api/3/search", "https://a.example/rest/api/3/search"),
            ("https://a.example/", "/x", "https://a.example/x"),
            ("https://a.example/jira", "/rest", "https://a.example/jira/rest"),
            ("https://a.example/jira/", "/", "https://a.example/jira/"),
            ("https://a.example:8443/a/b", "/c/", "https://a.example:8443/a/b/c/"),
            ("https://a.example", "/Zoë/ä", "https://a.example/Zo%C3%AB/%C3%A4"),
            ("https://a.example", "/a%20b/c@d:e", "https://a.example/a%20b/c@d:e"),
            ("https://a.example", "/...", "https://a.example/..."),
            ("https://a.example", "/https://evil.example", ""),
            ("https://a.example/jira", "/@evil.example", "https://a.example/jira/@evil.example"),
        ] {
            let found = join(&Url::parse(base).unwrap(), path, &[]);
            assert_eq!(found.as_ref().map_or("", Url::as_str), joined, "{base} {path}");
        }
    }

    #[test]
    fn a_path_that_could_mean_something_else_is_refused() {
        for path in [
            "",
            "x",
            "https://evil.example/",
            "//evil.example",
            "//",
            "/a//b",
            "/a/",
            "/a//",
            "/\\evil.example",
            "\\\\evil.example",
            "/a\\..\\b",
            "/..",
            "/../x",
            "/a/../../x",
            "/a/..",
            "/.",
            "/a/./b",
            "/%2e%2e/x",
            "/%2E%2E/x",
            "/.%2e/x",
            "/a%2f..%2fb",
            "/a%2Fb",
            "/a%5cb",
            "/a%252e%252e/b",
            "/..;/x",
            "/..;a=b/x",
            "/..%3b/x",
            "/a?b=c",
            "/a#b",
            "/a b",
            "/a\tb",
            "/.\n./x",
            "/.\r./x",
            "/a\0b",
            "/a%00b",
            "/a%",
            "/a%2",
            "/a%zz",
            "/a%é",
            " /a",
            "/a ",
            "/\u{2028}x",
        ] {
            let is_good = path == "/a/";
            assert_eq!(check_path(path).is_ok(), is_good, "{path:?}");
            assert_eq!(join(&Url::parse("https://a.example/jira").unwrap(), path, &[]).is_ok(), is_good);
        }
        assert!(check_path(&format!("/{}", "a".repeat(MAX_PATH))).is_err());
    }

    #[test]
    fn a_query_is_written_so_that_it_stays_one() {
        let base = Url::parse("https://a.example").unwrap();
        let joined = join(&base, "/x", &[("q", "a&b=c#d ?é"), ("", "")]).unwrap();
        assert_eq!(joined.as_str(), "https://a.example/x?q=a%26b%3Dc%23d+%3F%C3%A9&=");
    }

    #[test]
    fn atlassians_cloud_is_known_by_its_name() {
        for (base, is_cloud) in [
            ("https://acme.atlassian.net", true),
            ("https://ACME.Atlassian.NET/x", true),
            ("https://atlassian.net", false),
            ("https://acme.atlassian.net.evil.example", false),
            ("https://evilatlassian.net", false),
            ("https://jira.example.com", false),
        ] {
            assert_eq!(is_jira_cloud(&Url::parse(base).unwrap()), is_cloud, "{base}");
        }
    }
}

//! Permission nodes: the grammar, and what covers what, against a model that works by segments.

use ttscm::access::permission::{covers, is_grant, is_node, is_reserved};

/// A grant taken apart: its segments, and whether a wildcard stands behind them.
struct Model<'a> {
    segments: Vec<&'a str>,
    is_wild: bool,
}

impl<'a> Model<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let mut segments: Vec<_> = text.split('.').collect();
        let is_wild = segments.last() == Some(&"*");
        if is_wild {
            segments.pop();
        }
        let length = segments.iter().map(|segment| segment.len() + 1).sum::<usize>();
        let is_good = segments.iter().all(|segment| is_segment(segment))
            && (is_wild || !segments.is_empty())
            && length <= 201;
        is_good.then_some(Self { segments, is_wild })
    }

    fn covers(&self, other: &Self) -> bool {
        if !self.is_wild {
            return !other.is_wild && self.segments == other.segments;
        }
        let is_longer = other.segments.len() > self.segments.len();
        other.segments.starts_with(&self.segments) && (is_longer || other.is_wild)
    }
}

fn is_segment(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next().is_some_and(|first| first.is_ascii_lowercase())
        && letters.all(|letter| matches!(letter, 'a'..='z' | '0'..='9' | '_'))
}

/// Three texts, on a line each.
pub fn check(data: &[u8]) {
    let Some(texts) = super::parts::<3>(data) else { return };
    let models = texts.map(Model::of);
    for (text, model) in texts.iter().zip(&models) {
        assert_eq!(is_grant(text), model.is_some(), "{text:?}");
        let is_plain = model.as_ref().is_some_and(|model| !model.is_wild);
        assert_eq!(is_node(text), is_plain, "{text:?}");
        let is_family = is_plain && is_reserved(text);
        assert!(!is_family || is_reserved(text.split('.').next().unwrap_or_default()), "{text:?}");
    }
    let [Some(first), Some(second), Some(third)] = models else { return };
    let all = [(texts[0], &first), (texts[1], &second), (texts[2], &third)];
    for (grant, of_grant) in all {
        for (wanted, of_wanted) in all {
            assert_eq!(covers(grant, wanted), of_grant.covers(of_wanted), "{grant:?} {wanted:?}");
        }
    }
    let is_passed_on =
        !(covers(texts[0], texts[1]) && covers(texts[1], texts[2])) || covers(texts[0], texts[2]);
    assert!(is_passed_on, "{texts:?}");
}

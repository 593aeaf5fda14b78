//! When an integration is checked by itself the next time.

use std::time::Duration;

use crate::integration::{Finding, Verdict};

/// The longest wait after failures.
const LONGEST: Duration = Duration::from_hours(4);

/// The longest wait that a product can ask for.
const LONGEST_ASKED: Duration = Duration::from_hours(24);

/// How long to wait after a finding, which is the `failures`th failure in a row where it is one; none where
/// asking again could lock the account that is asked for. Twice as long after each failure; `chance`, from 0 to
/// 1, spreads what would else come all at once.
pub(super) fn wait(finding: &Finding, failures: u32, interval: Duration, chance: f64) -> Option<Duration> {
    let spread = 0.9 + 0.2 * chance;
    let longest = LONGEST.max(interval);
    match finding.verdict {
        Verdict::BadCredentials => None,
        _ if finding.is_locked => None,
        Verdict::Healthy => Some(interval.mul_f64(spread)),
        _ => {
            let doubled = 2_u32.saturating_pow(failures.saturating_sub(1).min(16));
            let own = interval.saturating_mul(doubled).min(longest).mul_f64(spread);
            let asked = finding.retry_after.unwrap_or_default().min(LONGEST_ASKED);
            Some(own.max(asked))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_mins(15);

    fn found(verdict: Verdict) -> Finding {
        Finding { verdict, message: String::new(), retry_after: None, is_locked: false }
    }

    fn after(verdict: Verdict, failures: u32) -> Option<u64> {
        wait(&found(verdict), failures, INTERVAL, 0.5).map(|wait| wait.as_secs() / 60)
    }

    #[test]
    fn failures_make_it_wait_longer_up_to_some_hours() {
        let waits = [1, 2, 3, 4, 5, 6, 1000].map(|failures| after(Verdict::Unreachable, failures));
        assert_eq!(waits, [15, 30, 60, 120, 240, 240, 240].map(Some));
        assert_eq!(after(Verdict::Healthy, 0), Some(15));
    }

    #[test]
    fn rejected_credentials_are_not_tried_again() {
        assert_eq!(after(Verdict::BadCredentials, 1), None);
        let locked = Finding { is_locked: true, ..found(Verdict::Forbidden) };
        assert_eq!(wait(&locked, 1, INTERVAL, 0.5), None);
    }

    #[test]
    fn a_product_may_ask_for_patience_but_not_for_ever() {
        let asking = |seconds| Finding {
            retry_after: Some(Duration::from_secs(seconds)),
            ..found(Verdict::RateLimited)
        };
        assert_eq!(wait(&asking(10), 1, INTERVAL, 0.5), Some(INTERVAL));
        assert_eq!(wait(&asking(7200), 1, INTERVAL, 0.0), Some(Duration::from_hours(2)));
        assert_eq!(wait(&asking(u64::MAX), 1, INTERVAL, 1.0), Some(Duration::from_hours(24)));
    }

    #[test]
    fn chance_moves_it_by_a_tenth() {
        let healthy = found(Verdict::Healthy);
        assert_eq!(wait(&healthy, 0, Duration::from_secs(100), 0.0), Some(Duration::from_secs(90)));
        assert_eq!(wait(&healthy, 0, Duration::from_secs(100), 1.0), Some(Duration::from_secs(110)));
    }
}

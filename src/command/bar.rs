//! How commands speak: results, reasons, and how far they have come.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Shows how far something has come, on a terminal only.
pub(super) struct Bar {
    bar: ProgressBar,
    what: &'static str,
}

impl Bar {
    /// A bar; a spinner where it is not known how far there is to go.
    pub fn new(total: Option<u64>, what: &'static str) -> Self {
        if !is_seen() {
            return Self { bar: ProgressBar::hidden(), what };
        }
        let bar = total.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
        let template = match total {
            Some(_) => "{elapsed} {bar:30} {pos}/{len} {msg}",
            None => "{spinner} {elapsed} {msg}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        Self { bar, what }
    }

    /// It has come this far.
    pub fn at(&self, done: u64) {
        self.says(done, format!("{done} {}", self.what));
    }

    /// It has come this far, in these words.
    pub fn says(&self, done: u64, words: String) {
        self.bar.set_position(done);
        self.bar.set_message(words);
    }

    pub fn end(self) {
        self.bar.finish_and_clear();
    }
}

/// Whether anybody sees a bar.
pub(super) fn is_seen() -> bool {
    std::io::stderr().is_terminal()
}

/// Says a result.
pub(super) fn say(text: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout(), "{text}")?)
}

/// Tells why there is none.
pub(super) fn tell(text: &str) {
    eprintln!("ttscm: {text}");
}

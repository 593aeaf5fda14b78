//! What is told of a panic.

use std::panic::PanicHookInfo;

/// Tells the log where a panic happened, and not what it says: that may be what was worked on.
pub fn tell(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(place, "a fault of the program");
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_panic_is_told_by_its_place_alone() {
        let sink = Sink::default();
        let writer = sink.clone();
        let lines = tracing_subscriber::fmt::layer().with_writer(move || writer.clone());
        let log = tracing_subscriber::registry().with(lines);
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(tell));
        let panicked = tracing::subscriber::with_default(log, || {
            std::panic::catch_unwind(|| panic!("the secret is {}", "hunter2"))
        });
        std::panic::set_hook(usual);
        assert!(panicked.is_err());
        let told = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        assert!(told.contains("ERROR") && told.contains("src/telemetry/panic.rs:"), "{told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
}

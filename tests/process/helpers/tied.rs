//! Programs that end with the test's process, however that ends.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

/// Waits until its input ends, which it does with our process, and kills the program then.
const WATCH: &str = r#"read -r line; kill -KILL "$1" 2>/dev/null"#;

/// A program as it runs. It is killed with the value.
pub struct Tied {
    pub program: Child,
    watcher: Child,
}

impl Tied {
    pub fn spawn(command: &mut Command) -> Self {
        let program = command.stdin(Stdio::null()).spawn().expect("the program runs");
        let mut watcher = Command::new("/bin/sh");
        watcher.args(["-c", WATCH, "watcher", &program.id().to_string()]).stdin(Stdio::piped());
        Self { program, watcher: watcher.spawn().expect("a shell") }
    }
}

impl Drop for Tied {
    fn drop(&mut self) {
        for child in [&mut self.watcher, &mut self.program] {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// A port that nobody uses now.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

//! The command line on a test's database.

use std::process::Stdio;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sqlx::ConnectOptions;
use tokio::process::Command;

use super::TestApp;

/// What a command said.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl TestApp {
    /// A command of the program, to be run beside the server.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ttscm"));
        command.args(arguments).env_clear().current_dir(std::env::temp_dir()).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.envs([
            ("DATABASE_URL", self.pool().connect_options().to_url_lossy().to_string()),
            ("VAULT_MASTER_KEY", STANDARD.encode(*b"the master key of every test run")),
            ("TOKEN_SECRET", STANDARD.encode(*b"the token secret of all the test")),
            ("RUST_LOG", "off".to_owned()),
        ]);
        command
    }

    /// Runs a command to its end.
    pub async fn ran(&self, arguments: &[&str]) -> Ran {
        let ended = self.command(arguments).output().await.expect("the program runs");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        Ran { code: ended.status.code().expect("a code"), out: text(ended.stdout), err: text(ended.stderr) }
    }
}

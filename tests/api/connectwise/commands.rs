//! The commands, run as a process beside the server.

use std::path::Path;
use std::process::{Output, Stdio};

use sqlx::ConnectOptions;
use tokio::process::Command;

use super::scale::watched;
use super::{SYNC, Stage};
use crate::helpers::connectwise::{Fault, company};
use crate::helpers::{Value, json};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// What a command said.
pub(super) struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Stage {
    async fn command(&self, arguments: &[&str], others: &[(&str, &str)]) -> Ran {
        self.command_watched(arguments, others, |_| {}).await
    }

    /// The same, and while it runs `watch` may look at the process.
    pub(super) async fn command_watched(
        &self,
        arguments: &[&str],
        others: &[(&str, &str)],
        watch: impl FnMut(u32),
    ) -> Ran {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_ttscm"));
        command.args(["company"]).args(arguments).env_clear();
        self.run(command, folder.path(), others, watch).await
    }

    /// Runs a command with the settings of the stage.
    async fn run(
        &self,
        mut command: Command,
        folder: &Path,
        others: &[(&str, &str)],
        watch: impl FnMut(u32),
    ) -> Ran {
        command.current_dir(folder).kill_on_drop(true);
        command.envs(self.cw.variables()).envs([
            ("DATABASE_URL", self.app.pool().connect_options().to_url_lossy().to_string()),
            ("VAULT_MASTER_KEY", STANDARD.encode(*b"the master key of every test run")),
            ("TOKEN_SECRET", STANDARD.encode(*b"the token secret of all the test")),
            ("PUBLIC_URL", "https://vault.example.com".to_owned()),
            ("RUST_LOG", "off".to_owned()),
        ]);
        command.envs(others.iter().copied());
        let Output { status, stdout, stderr } = watched(command, watch).await;
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran { code: status.code().unwrap(), out: text(stdout), err: text(stderr) }
    }
}

#[tokio::test]
async fn companies_are_copied_by_a_command() {
    let stage = Stage::with((1..=30).map(|number| company(number, "Acme"))).await;
    let ran = stage.command(&["sync"], &[]).await;
    assert_eq!(
        (ran.code, &*ran.out, &*ran.err),
        (0, "30 companies read, 30 written, 0 of them marked as gone\n", "")
    );
    assert_eq!(stage.admin.get(SYNC).await.data()["mode"], "full");
    assert_eq!(stage.command(&["sync"], &[]).await.code, 0);
    assert_eq!(stage.admin.get(SYNC).await.data()["mode"], "incremental");
    stage.cw.world().companies.remove(&7);
    let ran = stage.command(&["sync", "--full"], &[]).await;
    assert_eq!((ran.code, &*ran.out), (0, "29 companies read, 1 written, 1 of them marked as gone\n"));
}

#[tokio::test]
async fn on_a_terminal_it_is_seen_how_far_there_is_to_go() {
    let stage = Stage::with((1..=30).map(|number| company(number, "Acme"))).await;
    let folder = tempfile::tempdir().unwrap();
    // a program of most machines that gives another one a terminal
    let mut command = Command::new("script");
    let line = format!("stty cols 120; {} company sync", env!("CARGO_BIN_EXE_ttscm"));
    command.args(["-qec", &line, "/dev/null"]).env("TERM", "xterm").stdin(Stdio::null());
    if Command::new("script").arg("--version").stdout(Stdio::null()).status().await.is_err() {
        return;
    }
    let ran = stage.run(command, folder.path(), &[], |_| {}).await;
    assert!(ran.code == 0 && ran.out.contains("30/30"), "{:?}", ran.out);
    assert!(
        ran.out.ends_with("30 companies read, 30 written, 0 of them marked as gone\r\n"),
        "{:?}",
        ran.out
    );
}

#[tokio::test]
async fn a_command_says_by_its_code_how_it_went() {
    let stage = Stage::with([company(1, "Acme")]).await;
    stage.cw.world().fail([Fault::Unauthorized]);
    let ran = stage.command(&["sync"], &[]).await;
    assert_eq!(ran.code, 1);
    assert!(
        ran.err.starts_with("ttscm: ConnectWise answers 401 and seems to refuse the keys"),
        "{}",
        ran.err
    );
    let nothing = stage.cw.variables();
    let nothing: Vec<_> = nothing.iter().map(|(name, _)| (*name, "")).collect();
    let ran = stage.command(&["sync"], &nothing).await;
    assert_eq!(ran.code, 2);
    assert!(
        ran.err.starts_with("ttscm: ConnectWise is not configured: set CONNECTWISE_URL, "),
        "{}",
        ran.err
    );
    stage.cw.world().fail([Fault::Silence]);
    stage.admin.post(SYNC, &Value::Null).await.expect(202);
    let ran = stage.command(&["sync"], &[]).await;
    assert_eq!((ran.code, &*ran.err), (3, "ttscm: A run is on: wait for its end\n"));
    let half_set = stage.command(&["sync"], &[("CONNECTWISE_CLIENT_ID", "")]).await;
    assert_eq!(half_set.code, 1);
    assert!(half_set.err.starts_with("ttscm: CONNECTWISE_CLIENT_ID must be set too"), "{}", half_set.err);
}

#[tokio::test]
async fn callbacks_are_asked_for_mended_shown_and_ended() {
    let stage = Stage::with([]).await;
    let url = "https://vault.example.com/v1/company/connectwise/callback?recordId=";
    let foreign = json!({"id": 5, "url": "https://elsewhere.example/x?recordId=", "type": "company", "level": "owner", "inactiveFlag": false});
    stage.cw.world().callbacks.insert(5, foreign);
    let list = async || stage.command(&["callbacks", "list"], &[]).await;
    assert_eq!((list().await.code, &*list().await.out), (0, ""));
    let ran = stage.command(&["callbacks", "ensure"], &[]).await;
    assert_eq!((ran.code, &*ran.err), (0, ""));
    assert_eq!(list().await.out, format!("26560 company/owner on {url}\n"));
    let asked_for = stage.cw.world().callbacks[&26560].clone();
    assert_eq!((&asked_for["objectId"], &asked_for["payloadVersion"]), (&json!(1), &json!("3.0.0")));
    // again: nothing is missing
    stage.cw.take_calls();
    stage.command(&["callbacks", "ensure"], &[]).await;
    assert!(stage.cw.take_calls().iter().all(|call| call.method == "GET"));
    stage.cw.world().callbacks.get_mut(&26560).unwrap()["inactiveFlag"] = json!(true);
    assert_eq!(list().await.out, format!("26560 company/owner switched off {url}\n"));
    let ran = stage.command(&["callbacks", "ensure"], &[]).await;
    assert!(ran.code == 0 && ran.out.contains("company/owner on"), "{} {}", ran.out, ran.err);
    assert_eq!(stage.command(&["callbacks", "remove"], &[]).await.out, "");
    let left: Vec<_> = stage.cw.world().callbacks.keys().copied().collect();
    assert_eq!(left, [5], "those of others are left alone");
    stage.cw.world().fail([Fault::Unauthorized]);
    let ran = list().await;
    assert!(ran.code == 1 && ran.err.contains("seems to refuse the keys"), "{}", ran.err);
}

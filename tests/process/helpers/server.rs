//! The program in a process of its own.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::folder::{give_to_nobody, nobody};
use super::{Client, eventually};

const PROGRAM: &str = env!("CARGO_BIN_EXE_ttscm");

/// The program, about to be started.
pub struct Start {
    command: Command,
    folder: PathBuf,
}

/// The program, to be started in `folder`. Its environment has nothing but the search path and what is set.
pub fn ttscm(folder: &Path) -> Start {
    let mut command = Command::new(PROGRAM);
    command.env_clear().env("BIND_ADDRESS", "127.0.0.1:0").current_dir(folder);
    command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Start { command, folder: folder.to_owned() }
}

impl Start {
    pub fn set(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn argument(mut self, argument: &str) -> Self {
        self.command.arg(argument);
        self
    }

    /// As the user `nobody`, who gets the folder and a copy of the program.
    pub fn by_nobody(mut self) -> Self {
        let program = self.folder.join("ttscm");
        if !program.exists() {
            std::fs::copy(PROGRAM, &program).expect("a copy of the program");
        }
        give_to_nobody(&self.folder);
        let mut command = Command::new(program);
        command.env_clear().envs(self.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.args(self.command.get_args()).current_dir(&self.folder);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.uid(nobody().uid.as_raw()).gid(nobody().gid.as_raw());
        self.command = command;
        self
    }

    pub fn spawn(mut self) -> Server {
        let mut child = self.command.spawn().expect("the program runs");
        let out = Lines::of(child.stdout.take().expect("its output"));
        let log = Lines::of(child.stderr.take().expect("its log"));
        Server { child, out, log }
    }

    /// Starts, and waits until the server is ready.
    pub async fn ready(self) -> Server {
        let mut server = self.spawn();
        server.becomes_ready().await;
        server
    }

    /// Runs to the end, which must be a good one; what it printed.
    pub async fn succeeds(self) -> String {
        self.succeeds_with_log().await.0
    }

    /// Runs to the end, which must be a good one; what it printed, and what it logged.
    pub async fn succeeds_with_log(self) -> (String, String) {
        let mut server = self.spawn();
        let status = server.ended().await;
        let log = server.log.all();
        assert_eq!(status.code(), Some(0), "{log}");
        (server.out.all(), log)
    }

    /// Runs to a good end before a person; everything that their terminal showed, one after another.
    pub async fn shows(mut self) -> String {
        let size = Winsize { ws_row: 24, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
        let terminal = openpty(&size, None).expect("a terminal");
        self.command.env("TERM", "xterm").stderr(terminal.slave);
        let shown = std::thread::spawn(move || {
            let mut shown = Vec::new();
            // that nobody writes to it any more is an error, and its end
            drop(File::from(terminal.master).read_to_end(&mut shown));
            String::from_utf8_lossy(&shown).into_owned()
        });
        let mut child = self.command.spawn().expect("the program runs");
        drop(self);
        let out = Lines::of(child.stdout.take().expect("its output"));
        let mut server = Server { child, out, log: Lines::of(std::io::empty()) };
        let status = server.ended().await;
        let shown = shown.join().expect("a reader");
        assert_eq!(status.code(), Some(0), "{shown}");
        shown
    }

    /// Runs to the end, which must be a refusal: exit code 1, and one sentence, which is the answer.
    pub async fn refused(self) -> String {
        let mut server = self.spawn();
        let status = server.ended().await;
        let (out, log) = (server.out.all(), server.log.all());
        assert_eq!((status.code(), out.as_str()), (Some(1), ""), "{log}");
        let sentences: Vec<_> = log.lines().filter_map(|line| line.strip_prefix("ttscm: ")).collect();
        assert!(sentences.len() == 1 && log.ends_with(&format!("{}\n", sentences[0])), "{log}");
        sentences[0].to_owned()
    }
}

/// The program as it runs. It is killed with the value.
pub struct Server {
    child: Child,
    out: Lines,
    log: Lines,
}

impl Server {
    pub fn id(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    /// What it printed so far.
    pub fn out(&self) -> String {
        self.out.so_far()
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        self.log.so_far()
    }

    pub async fn becomes_ready(&mut self) {
        eventually("the server is ready", async || {
            let ended = self.child.try_wait().expect("our child");
            assert!(ended.is_none(), "{ended:?} {}", self.log());
            self.line_after("TTSCM API is ready at ").is_some()
        })
        .await;
    }

    fn line_after(&self, start: &str) -> Option<String> {
        self.out().lines().find_map(|line| line.strip_prefix(start)).map(str::to_owned)
    }

    /// Where it says that it listens.
    pub fn url(&self) -> String {
        self.line_after("TTSCM API is ready at ").expect("it is ready")
    }

    /// The password of the administrator, which a first start prints last.
    pub async fn printed_password(&self) -> String {
        eventually("the password is printed", async || self.out().contains("Keep the password")).await;
        let line = self.line_after("The administrator is admin@localhost with the password ");
        line.expect("a password")
    }

    /// Somebody who is signed in with this password.
    pub async fn administrator(&self, password: &str) -> Client {
        Client::sign_in(&self.url(), "admin@localhost", password).await
    }

    pub fn signal(&self, signal: Signal) {
        kill(self.id(), signal).expect("it runs");
    }

    /// Waits until the process has ended.
    pub async fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        eventually("the server ends", async || {
            status = self.child.try_wait().expect("our child");
            status.is_some()
        })
        .await;
        status.expect("it has ended")
    }

    /// Tells it to stop, which must end well; what it printed.
    pub async fn stop(mut self) -> String {
        self.signal(Signal::SIGTERM);
        let status = self.ended().await;
        assert_eq!(status.code(), Some(0), "{}", self.log());
        self.out.all()
    }

    /// Ends it as a crash of the program does.
    pub async fn kill(mut self) {
        self.signal(Signal::SIGKILL);
        assert_eq!(self.ended().await.code(), None);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The lines that a process has written so far.
struct Lines {
    text: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Lines {
    fn of(source: impl Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let written = Arc::clone(&text);
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(source).lines().map_while(Result::ok) {
                let mut text = written.lock().unwrap_or_else(PoisonError::into_inner);
                text.push_str(&line);
                text.push('\n');
            }
        });
        Self { text, reader: Some(reader) }
    }

    fn so_far(&self) -> String {
        self.text.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Everything, once the process has ended.
    fn all(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("a reader");
        }
        self.so_far()
    }
}

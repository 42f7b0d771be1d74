//! Runs a program that may misbehave in every way: bounded in time and in output, in a process group of its own,
//! none of which is left when it is over. Only a process that leaves the group (`setsid`) gets away.

use process_wrap::tokio::{ChildWrapper, CommandWrap, ProcessGroup};
use rustix::process::Signal;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt,
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader},
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

/// Between asking a group to end and killing it.
const GRACE: Duration = Duration::from_secs(2);
/// Bytes of each output that are kept; the rest is read, counted and forgotten.
const OUTPUT_LIMIT: usize = 1024 * 1024;
/// After all of the group is dead, for what still stands in the pipes.
const DRAIN: Duration = Duration::from_secs(1);
/// A dead process can be held up by the kernel; Gavel is not.
const REAP: Duration = Duration::from_secs(5);

/// What every program is given of Gavel's own environment.
const INHERITED: [&str; 3] = ["PATH", "HOME", "LANG"];

/// A program to be run, and its limits.
#[derive(Clone)]
pub struct Command {
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<OsString>,
    pub(super) environment: BTreeMap<String, OsString>,
    pub(super) time_limit: Duration,
    cancel: CancellationToken,
}

/// How it went. Always comes, whatever the program does.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outcome {
    pub exit: Exit,
    pub stdout: Bounded,
    pub stderr: Bounded,
    pub took: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exit {
    Exited(i32),
    /// Ended by a signal that did not come from here.
    Signalled(i32),
    /// Killed, because its time was up.
    TimedOut,
    /// Killed, because it was not wanted any more.
    Cancelled,
    /// Says which program, and why.
    CouldNotStart(String),
}

/// What a program wrote to one of its two outputs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounded {
    /// The beginning, up to the limit; what is not UTF-8 is replaced.
    pub text: String,
    /// How much it wrote in all.
    pub bytes_total: u64,
    /// `text` is not all of it: its end may be half a word.
    pub truncated: bool,
}

impl Command {
    /// Without arguments, with ten minutes and [`OUTPUT_LIMIT`] for each output, and of Gavel's environment only PATH, HOME and LANG.
    pub fn new(program: impl Into<PathBuf>) -> Command {
        let inherited = INHERITED
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), std::env::var_os(name)?)));
        Command {
            program: program.into(),
            arguments: Vec::new(),
            environment: inherited.collect(),
            time_limit: Duration::from_secs(600),
            cancel: CancellationToken::new(),
        }
    }

    pub fn args(mut self, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Command {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    pub fn env(mut self, name: impl Into<String>, value: impl Into<OsString>) -> Command {
        self.environment.insert(name.into(), value.into());
        self
    }

    /// Nothing of Gavel's own environment: only what is given after this.
    pub fn bare(mut self) -> Command {
        self.environment.clear();
        self
    }

    pub fn secret_env(self, name: impl Into<String>, value: &SecretString) -> Command {
        self.env(name, value.expose_secret())
    }

    pub fn time_limit(mut self, limit: Duration) -> Command {
        self.time_limit = limit;
        self
    }

    /// Ends it when `cancel` is.
    pub fn cancelled_by(mut self, cancel: CancellationToken) -> Command {
        self.cancel = cancel;
        self
    }
}

/// Values of the environment may be secret, and are not shown.
impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command")
            .field("program", &self.program)
            .field("arguments", &self.arguments)
            .field("environment", &self.environment.keys())
            .field("time_limit", &self.time_limit)
            .finish_non_exhaustive()
    }
}

/// Runs it to its end. Dropping the future kills the whole group at once.
pub async fn run(command: Command) -> Outcome {
    let started = Instant::now();
    let mut stdout = Kept::new(OUTPUT_LIMIT);
    let mut stderr = Kept::new(OUTPUT_LIMIT);
    let exit = match Group::start(&command) {
        Ok(mut group) => {
            let (out, err) = (group.child.stdout().take(), group.child.stderr().take());
            let reading = async { tokio::join!(stdout.drain(out), stderr.drain(err)) };
            supervise(&mut group, &command, reading).await
        }
        Err(error) => Exit::CouldNotStart(format!(
            "{} could not be started: {error}",
            command.program.display()
        )),
    };
    Outcome {
        exit,
        stdout: stdout.bounded(),
        stderr: stderr.bounded(),
        took: started.elapsed(),
    }
}

/// Bytes of one line that are kept, and of what goes wrong.
const LINE_LIMIT: usize = 64 * 1024;

/// Runs it to its end, and hands over each line of its output as it comes. Answers how it ended, and what it complained about.
pub async fn lines(command: Command, mut take: impl FnMut(&str)) -> (Exit, Bounded) {
    let mut stderr = Kept::new(LINE_LIMIT);
    let exit = match Group::start(&command) {
        Ok(mut group) => {
            let (out, err) = (group.child.stdout().take(), group.child.stderr().take());
            let reading = async { tokio::join!(each_line(out, &mut take), stderr.drain(err)) };
            supervise(&mut group, &command, reading).await
        }
        Err(error) => Exit::CouldNotStart(format!(
            "{} could not be started: {error}",
            command.program.display()
        )),
    };
    (exit, stderr.bounded())
}

/// What is longer than the limit comes in pieces; what stands after the last line's end comes as well.
async fn each_line(pipe: Option<impl AsyncRead + Unpin>, take: &mut impl FnMut(&str)) {
    let Some(pipe) = pipe else { return };
    let mut pipe = BufReader::new(pipe);
    let mut line = Vec::new();
    loop {
        let (used, whole) = match pipe.fill_buf().await {
            Ok([]) | Err(_) => break,
            Ok(piece) => match piece.iter().position(|byte| *byte == b'\n') {
                Some(end) => {
                    line.extend_from_slice(&piece[..end]);
                    (end + 1, true)
                }
                None => {
                    line.extend_from_slice(piece);
                    (piece.len(), line.len() >= LINE_LIMIT)
                }
            },
        };
        pipe.consume(used);
        if whole {
            take(&String::from_utf8_lossy(&line));
            line.clear();
        }
    }
    if !line.is_empty() {
        take(&String::from_utf8_lossy(&line));
    }
}

/// Waits for the end, or makes it, while `reading` keeps the pipes empty.
async fn supervise(group: &mut Group, command: &Command, reading: impl Future) -> Exit {
    let mut all_read = false;
    let exit = {
        tokio::pin!(reading);
        let exit = {
            let ending = end(group, command);
            tokio::pin!(ending);
            loop {
                tokio::select! {
                    exit = &mut ending => break exit,
                    _ = &mut reading, if !all_read => all_read = true,
                }
            }
        };
        // What the program left behind would keep the pipes open for ever.
        group.kill();
        if !all_read {
            // Too late is no error: then somebody who left the group holds the pipe.
            let _ = timeout(DRAIN, &mut reading).await;
        }
        exit
    };
    group.is_over = true;
    exit
}

async fn end(group: &mut Group, command: &Command) -> Exit {
    let exit = tokio::select! {
        status = group.wait() => return status,
        () = tokio::time::sleep(command.time_limit) => Exit::TimedOut,
        () = command.cancel.cancelled() => Exit::Cancelled,
    };
    group.terminate();
    if timeout(GRACE, group.wait()).await.is_err() {
        group.kill();
        if timeout(REAP, group.wait()).await.is_err() {
            tracing::warn!(program = %command.program.display(), "killed, but the kernel does not let go of it");
        }
    }
    exit
}

/// A program and all that it starts. Dropped, all of it is killed.
struct Group {
    child: Box<dyn ChildWrapper>,
    is_over: bool,
}

impl Group {
    fn start(command: &Command) -> std::io::Result<Group> {
        let mut wrap = CommandWrap::with_new(&command.program, |inner| {
            inner
                .args(&command.arguments)
                .env_clear()
                .envs(&command.environment);
            inner
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
        });
        wrap.wrap(ProcessGroup::leader());
        Ok(Group {
            child: wrap.spawn()?,
            is_over: false,
        })
    }

    /// Until the program itself has ended; what it started may live on.
    async fn wait(&mut self) -> Exit {
        // Not the group's own `wait`, which would wait for orphans too, should they become our children.
        match self.child.inner_mut().wait().await {
            Ok(status) => ended(status),
            Err(error) => Exit::CouldNotStart(format!("it cannot be waited for: {error}")),
        }
    }

    /// Asks all of the group to end. That there is none any more is no error.
    fn terminate(&self) {
        let _ = self.child.signal(Signal::TERM.as_raw());
    }

    fn kill(&mut self) {
        let _ = self.child.start_kill();
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Once it is over, its number may belong to somebody else.
        if !self.is_over {
            self.kill();
        }
    }
}

fn ended(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Exited(code),
        (None, signal) => Exit::Signalled(signal.unwrap_or_default()),
    }
}

/// The beginning of an output, and its length.
struct Kept {
    limit: usize,
    bytes: Vec<u8>,
    total: u64,
}

impl Kept {
    fn new(limit: usize) -> Kept {
        Kept {
            limit,
            bytes: Vec::new(),
            total: 0,
        }
    }

    /// Reads to the end, so that the writer never has to wait.
    async fn drain(&mut self, pipe: Option<impl AsyncRead + Unpin>) {
        let Some(mut pipe) = pipe else { return };
        let mut buffer = vec![0; 64 * 1024];
        // A pipe that cannot be read any more has ended.
        while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
            self.total += count as u64;
            let room = self.limit - self.bytes.len();
            self.bytes.extend_from_slice(&buffer[..count.min(room)]);
        }
    }

    fn bounded(self) -> Bounded {
        Bounded {
            truncated: self.total > self.bytes.len() as u64,
            bytes_total: self.total,
            text: String::from_utf8_lossy(&self.bytes).into_owned(),
        }
    }
}

#[cfg(test)]
mod tests;

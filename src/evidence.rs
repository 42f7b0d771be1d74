//! Facts: typed questions that can be asked again, with what came back, chained by digest; and the witness, through which
//! alone a judge sees them.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{self, Read};

/// What was asked, or done, so exactly that somebody else can ask it again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Question {
    /// What the configuration says that this attempt should see; asked of nobody.
    Expectations,
    /// `GET /api/v1/version`.
    ForgeVersion,
    /// `GET /version`.
    DroneVersion,
    /// SHA-256 of files of this machine that belong to what is verified.
    Digests { part: String, paths: Vec<String> },
    /// A branch and the commit that it points to; `null` where it does not exist.
    Branch { repository: String, branch: String },
    /// Every branch of a repository.
    Branches { repository: String },
    /// A file as it is at a commit or on a branch, with its blob; `null` where there is none.
    File {
        repository: String,
        path: String,
        at: String,
    },
    /// Every file of a repository at a commit, with its mode and blob; `null` where the forge has no such commit (any more).
    Tree { repository: String, commit: String },
    /// The names of the repositories that an account itself has, as far as they are shown.
    Repositories { owner: String },
    /// Every pull request of a repository, open or not.
    Pulls { repository: String },
    /// One pull request.
    Pull { repository: String, number: u64 },
    /// The files that a pull request changes.
    PullFiles { repository: String, number: u64 },
    /// Everything that happened to an issue or pull request, and by whom, oldest first.
    Timeline { repository: String, number: u64 },
    /// Every tag of an image, asked of its registry.
    Tags { image: String },
    /// Every comment of an issue or pull request.
    Comments { repository: String, number: u64 },
    /// Every status of a commit, newest first.
    Statuses { repository: String, commit: String },
    /// Whether an account is collaborator of a repository: `true` or `false`.
    Collaborator { repository: String, account: String },
    /// Whether an account is member of an organisation, asked in its own name: `true` or `false`.
    Member {
        organisation: String,
        account: String,
    },
    /// The number of the newest act of an account, as the forge remembers them; 0 without any.
    LatestAct { account: String },
    /// What an account did after the act of this number, as the forge remembers it; oldest first.
    Activity { account: String, after: u64 },
    /// The number of the newest build, 0 without any.
    LatestBuild,
    /// Every build with a number above `after`.
    Builds { after: u64 },
    /// One build with its stages and steps.
    Build { number: u64 },
    /// The log of all steps of a build as one text, the steps that have none, and whether it was cut.
    BuildLog { number: u64 },
    /// A build's `results.json`; `null` where there is none.
    Results { build: u64 },
    /// The results of a run of `verify-pr.sh` on these two commits, of a recipe and of the harness; `null` where there are none.
    Verified {
        recipe_head: String,
        tests_head: String,
    },
    /// A working clone on the box, without touching it: its HEAD, refs, index, configuration and what is changed in it.
    Clone { path: String },
    /// The numbers of the processes that work in a folder of the box; `null` where that does not show.
    Inhabitants { folder: String },
    /// The stacks that are deployed on the box.
    Stacks,
    /// The volumes on the box.
    Volumes,
    /// The crontab of the account under which Gavel runs.
    Crontab,
    /// The names in a folder of the box, sorted.
    Entries { folder: String },
    /// Which entries of a folder of the box are in use, and by which process: it works there, or names it among its arguments.
    Users { folder: String },
    /// What was deployed and torn down while somebody listened, and when nobody did.
    Deploys,
    /// Everything that is on record for the run, before it is closed.
    Recorded,
    /// Everything that the run made was closed; the answer is how each ended.
    Cleaned,
    /// What other attempts of the run had left open in a mirror, and beside it, was closed; the answer is how each ended.
    Cleared { mirror: String },
    /// What the guardrails watch, by the configuration.
    Watched,
    /// A comment was posted; the answer is the comment.
    Post {
        repository: String,
        number: u64,
        account: String,
        body: String,
    },
    /// A branch with one commit on top of another branch, and a pull request from it, were made; the answer is the pull request.
    OpenPull {
        repository: String,
        from: String,
        branch: String,
        base: String,
    },
    /// A branch got a commit that writes one file; the answer is the commit's hash. A new branch was made of `from`.
    Commit {
        repository: String,
        from: String,
        branch: String,
        path: String,
        text: String,
    },
    /// A command of the flow was run; the answer is how it ended and what it printed.
    Run {
        command: Vec<String>,
        environment: Vec<(String, String)>,
    },
    /// Every tmux session of this machine, and the process in it.
    Sessions,
    /// The tmux session with exactly this name and all processes in it; `null` where there is none.
    Agent { session: String },
    /// What the tmux session with exactly this name shows; `null` where there is none.
    Screen { session: String },
    /// Those of the named processes (number and start, in ticks) that still run.
    Running { processes: Vec<(i32, u64)> },
    /// All work in a session was stopped, but not continued; the answer is the session after it, as for `Agent`.
    Wedge { session: String },
    /// A text file of this machine.
    Text { path: String },
    /// The time zone of this machine, and how far its clock is from UTC, in seconds, now and half a year later.
    Clock,
    /// Whether forge and Drone answered all the time; the answer is a list of when and how they did not.
    Calm,
    /// Nothing was done for this long, so that what should not happen had time to.
    Quiet { milliseconds: u64 },
}

/// Whether a question can be asked again later with the same answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lasting {
    /// The answer cannot change any more: a finished build, its log.
    Immutable,
    /// It can be asked again, and others may have changed it: a comment, a branch.
    Mutable,
    /// It was true then: a window, the output of a command.
    Ephemeral,
}

impl Question {
    /// Whether this can be asked again later.
    pub fn lasting(&self) -> Lasting {
        match self {
            Self::BuildLog { .. } | Self::Results { .. } | Self::Tree { .. } => Lasting::Immutable,
            Self::Quiet { .. }
            | Self::Run { .. }
            | Self::LatestBuild
            | Self::Calm
            | Self::Expectations
            | Self::Watched
            | Self::Stacks
            | Self::Volumes
            | Self::Sessions
            | Self::Entries { .. }
            | Self::Inhabitants { .. }
            | Self::Users { .. }
            | Self::Deploys
            | Self::Recorded
            | Self::Cleaned
            | Self::Cleared { .. }
            | Self::LatestAct { .. }
            | Self::Digests { .. } => Lasting::Ephemeral,
            _ => Lasting::Mutable,
        }
    }
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The answer as it came, secrets removed.
    Seen(Value),
    /// Why nothing came, although it was asked for as long as the configured patience.
    Unseen(String),
}

/// For how long a question was asked again and again until the answer given here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Watch {
    pub from: Timestamp,
    /// How long it would have gone on, in milliseconds.
    pub patience: u64,
    /// How long it went on while forge and Drone answered, in milliseconds, on a clock that only runs forward.
    pub waited: u64,
}

/// One observation or act of one attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fact {
    /// 1, 2, 3 … within the attempt.
    pub number: u32,
    /// The step of the scenario that saw it.
    pub label: String,
    pub question: Question,
    /// Whom it was put to: a request line, a command, a machine.
    pub asked: String,
    pub at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watch: Option<Watch>,
    pub answer: Answer,
    pub lasting: Lasting,
    /// Digest of the fact before this one in the attempt; of the first, the digest of nothing.
    pub previous: Digest,
    /// SHA-256 of everything above, as JSON.
    pub digest: Digest,
}

/// SHA-256, shown as lower-case hex.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(String);

impl Digest {
    /// Of bytes.
    pub fn of(bytes: impl AsRef<[u8]>) -> Self {
        Self(hex::encode(Sha256::digest(bytes)))
    }

    /// Of what can be read there, piece by piece: it may be larger than what should be in memory.
    pub fn of_all(mut from: impl Read) -> io::Result<Self> {
        let mut digest = Sha256::new();
        let mut piece = vec![0; 64 << 10];
        loop {
            match from.read(&mut piece)? {
                0 => return Ok(Self(hex::encode(digest.finalize()))),
                read => digest.update(&piece[..read]),
            }
        }
    }

    /// One that was taken before, and kept as text.
    pub fn kept(text: String) -> Self {
        Self(text)
    }

    /// Where a chain begins.
    pub fn of_nothing() -> Self {
        Self::of([])
    }

    /// As much as a person compares.
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.short())
    }
}

/// What a step saw, before it has its place in the chain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sighting {
    pub label: String,
    pub question: Question,
    pub asked: String,
    pub at: Timestamp,
    pub watch: Option<Watch>,
    pub answer: Answer,
}

impl Fact {
    /// Puts a sighting at the end of a chain.
    pub fn chain(sighting: Sighting, before: Option<&Fact>) -> Fact {
        let mut fact = Fact {
            number: before.map_or(1, |fact| fact.number + 1),
            label: sighting.label,
            lasting: sighting.question.lasting(),
            question: sighting.question,
            asked: sighting.asked,
            at: sighting.at,
            watch: sighting.watch,
            answer: sighting.answer,
            previous: before.map_or_else(Digest::of_nothing, |fact| fact.digest.clone()),
            digest: Digest::of_nothing(),
        };
        fact.digest = fact.digest_of_content();
        fact
    }

    /// The digest that this fact should carry.
    pub fn digest_of_content(&self) -> Digest {
        // Plain data with string keys: serialising it cannot fail.
        let mut value = serde_json::to_value(self).unwrap_or(Value::Null);
        if let Some(object) = value.as_object_mut() {
            object.shift_remove("digest");
        }
        Digest::of(value.to_string())
    }
}

/// What was verified, by what was seen of it: part by part, the version that answers or files gave.
pub fn versions(facts: &[Fact]) -> BTreeMap<String, String> {
    let mut versions = BTreeMap::new();
    for fact in facts {
        let Some(part) = fact.label.strip_prefix("version.") else {
            continue;
        };
        let version = match (&fact.answer, &fact.question) {
            (Answer::Unseen(why), _) => format!("unknown: {why}"),
            (Answer::Seen(value), Question::Branch { repository, branch }) => {
                let commit = value["commit"]["id"].as_str().unwrap_or("no such branch");
                let short = commit.get(..12).unwrap_or(commit);
                format!("{repository} {branch} at {short}")
            }
            (Answer::Seen(value), Question::Digests { .. }) => {
                let files = value.as_object();
                if files.is_none_or(serde_json::Map::is_empty) {
                    continue;
                }
                Digest::of(value.to_string()).short().to_owned()
            }
            (Answer::Seen(value), _) => value["version"].as_str().unwrap_or("unknown").to_owned(),
        };
        versions.insert(part.to_owned(), version);
    }
    versions
}

/// Why a clause could not be decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Doubt {
    /// It was not seen: INCONCLUSIVE.
    Unseen(String),
    /// It was not attempted, since something it needs has failed: BLOCKED.
    Blocked(String),
}

/// The facts as one clause's judge sees them. It remembers which of them were looked at: they are the clause's evidence.
pub struct Witness<'a> {
    facts: &'a [Fact],
    cited: RefCell<BTreeSet<u32>>,
}

impl<'a> Witness<'a> {
    pub fn new(facts: &'a [Fact]) -> Self {
        Self {
            facts,
            cited: RefCell::default(),
        }
    }

    /// The fact of a step, whatever its answer; cited.
    pub fn fact(&self, label: &str) -> Result<&'a Fact, Doubt> {
        let fact = self
            .facts
            .iter()
            .rev()
            .find(|fact| fact.label == label)
            .ok_or_else(|| self.missing(label))?;
        self.cited.borrow_mut().insert(fact.number);
        Ok(fact)
    }

    /// Whether a step was come to; its fact is cited only where it is looked at.
    pub fn has(&self, label: &str) -> bool {
        self.facts.iter().any(|fact| fact.label == label)
    }

    /// A step that has no fact: the scenario did not come so far, and what stopped it is the reason.
    fn missing(&self, label: &str) -> Doubt {
        let stopped = self.facts.iter().find_map(|fact| match &fact.answer {
            Answer::Unseen(why) => Some((fact, why)),
            Answer::Seen(_) => None,
        });
        Doubt::Unseen(match stopped {
            Some((fact, why)) => {
                self.cited.borrow_mut().insert(fact.number);
                format!(
                    "`{label}` was not observed, since `{}` could not be: {why}",
                    fact.label
                )
            }
            None => format!("`{label}` was not observed"),
        })
    }

    /// What a step saw, in the judge's own terms.
    pub fn see<T: DeserializeOwned>(&self, label: &str) -> Result<T, Doubt> {
        read(self.fact(label)?)
    }

    /// Like [`Witness::see`], for what is needed to understand a fact without being evidence itself.
    pub fn context<T: DeserializeOwned>(&self, label: &str) -> Result<T, Doubt> {
        let cited = self.cited.borrow().clone();
        let seen = self.see(label);
        if seen.is_ok() {
            *self.cited.borrow_mut() = cited;
        }
        seen
    }

    /// The numbers of all facts looked at so far, ascending.
    pub fn cited(&self) -> Vec<u32> {
        self.cited.borrow().iter().copied().collect()
    }
}

fn read<T: DeserializeOwned>(fact: &Fact) -> Result<T, Doubt> {
    match &fact.answer {
        Answer::Seen(value) => T::deserialize(value).map_err(|error| {
            Doubt::Unseen(format!(
                "`{}` was answered in a form that cannot be read: {error}",
                fact.label
            ))
        }),
        Answer::Unseen(why) => Err(Doubt::Unseen(format!(
            "`{}` could not be observed: {why}",
            fact.label
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sighting(label: &str, answer: Answer) -> Sighting {
        Sighting {
            label: label.into(),
            question: Question::LatestBuild,
            asked: "GET /builds".into(),
            at: Timestamp::UNIX_EPOCH,
            watch: None,
            answer,
        }
    }

    #[test]
    fn what_is_read_piece_by_piece_has_the_same_digest() {
        for length in [0, 1, (64 << 10) - 1, 64 << 10, 200_000] {
            let bytes: Vec<u8> = (0..length).map(|at: u32| at as u8).collect();
            assert_eq!(Digest::of_all(&bytes[..]).unwrap(), Digest::of(&bytes));
        }
    }

    #[test]
    fn a_chain_shows_every_change() {
        let first = Fact::chain(sighting("one", Answer::Seen(1.into())), None);
        let second = Fact::chain(sighting("two", Answer::Seen(2.into())), Some(&first));
        assert_eq!((first.number, second.number), (1, 2));
        assert_eq!(first.previous, Digest::of_nothing());
        assert_eq!(second.previous, first.digest);
        assert_eq!(second.digest, second.digest_of_content());
        let mut changed = second.clone();
        changed.answer = Answer::Seen(3.into());
        assert_ne!(changed.digest, changed.digest_of_content());
    }

    #[test]
    fn a_fact_survives_being_stored() {
        let fact = Fact::chain(
            sighting(
                "one",
                Answer::Seen(serde_json::json!({"b": 1, "a": [null]})),
            ),
            None,
        );
        let text = serde_json::to_string(&fact).unwrap();
        let back: Fact = serde_json::from_str(&text).unwrap();
        assert_eq!(back, fact);
        assert_eq!(back.digest_of_content(), fact.digest);
    }

    #[test]
    fn a_witness_cites_what_it_looked_at_and_doubts_what_it_cannot_see() {
        let seen = Fact::chain(sighting("seen", Answer::Seen(7.into())), None);
        let unseen = Fact::chain(
            sighting("unseen", Answer::Unseen("connection refused".into())),
            Some(&seen),
        );
        let facts = [seen, unseen];
        let witness = Witness::new(&facts);
        assert_eq!(witness.see::<u64>("seen"), Ok(7));
        assert_eq!(witness.cited(), [1]);
        assert!(
            matches!(witness.see::<u64>("unseen"), Err(Doubt::Unseen(why)) if why.contains("connection refused"))
        );
        assert!(
            matches!(witness.see::<u64>("never"), Err(Doubt::Unseen(why)) if why.contains("connection refused"))
        );
        assert!(matches!(
            witness.see::<String>("seen"),
            Err(Doubt::Unseen(_))
        ));
        assert_eq!(witness.cited(), [1, 2]);
    }

    #[test]
    fn context_is_no_evidence() {
        let facts = [Fact::chain(sighting("seen", Answer::Seen(7.into())), None)];
        let witness = Witness::new(&facts);
        assert_eq!(witness.context::<u64>("seen"), Ok(7));
        assert!(witness.cited().is_empty());
    }
}

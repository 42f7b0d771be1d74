//! How a judge reads the answers in its facts: only what it decides by, tolerant of everything else.

use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;

/// Lists that are empty come as `null` from some servers, and so do texts.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// A comment, as `GET /repos/{owner}/{repo}/issues/{index}/comments` lists it.
#[derive(Debug, Clone, Deserialize)]
pub struct Comment {
    pub id: u64,
    pub user: Account,
    #[serde(default, deserialize_with = "or_default")]
    pub body: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub struct Account {
    #[serde(default, deserialize_with = "or_default")]
    pub login: String,
}

/// A pull request, as `GET /repos/{owner}/{repo}/pulls/{index}` answers it.
#[derive(Debug, Clone, Deserialize)]
pub struct Pull {
    pub number: u64,
    #[serde(default, deserialize_with = "or_default")]
    pub user: Account,
    #[serde(default, deserialize_with = "or_default")]
    pub state: String,
    #[serde(default, deserialize_with = "or_default")]
    pub merged: bool,
    #[serde(default, deserialize_with = "or_default")]
    pub merged_by: Account,
    /// The commit that holds it on the base branch.
    #[serde(default, deserialize_with = "or_default")]
    pub merge_commit_sha: String,
    #[serde(default, deserialize_with = "or_default")]
    pub body: String,
    pub head: End,
    pub base: End,
    /// Its page.
    #[serde(default, rename = "html_url", deserialize_with = "or_default")]
    pub page: String,
}

impl Pull {
    pub fn is_open(&self) -> bool {
        self.state == "open"
    }

    /// The branch that it was opened from, also when that is gone.
    pub fn branch(&self) -> &str {
        if self.head.branch.starts_with("refs/pull/") {
            &self.head.label
        } else {
            &self.head.branch
        }
    }

    /// Whether the forge may keep to itself what the account of these acts did in its repository, which is private: they show nothing that
    /// was done in private.
    pub fn may_hide_from(&self, acts: &[Activity]) -> bool {
        self.base.repo.private && !acts.iter().any(|act| act.repo.private)
    }

    /// Whether its branch came with it: it stands in this repository, and is none of those that were there before. Any other branch is
    /// somebody else's.
    pub fn brought_its_branch(&self, repository: &str, known: &[Branch]) -> bool {
        self.head.repo.full_name.eq_ignore_ascii_case(repository)
            && known.iter().all(|known| known.name != self.branch())
    }
}

/// One end of a pull request.
#[derive(Debug, Clone, Deserialize)]
pub struct End {
    pub sha: String,
    #[serde(default, rename = "ref", deserialize_with = "or_default")]
    pub branch: String,
    #[serde(default, deserialize_with = "or_default")]
    pub label: String,
    #[serde(default, deserialize_with = "or_default")]
    pub repo: RepositoryName,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub struct RepositoryName {
    #[serde(default, deserialize_with = "or_default")]
    pub full_name: String,
    /// Whether a pull request whose commits come to be on its base branch is shown as merged, whoever put them there.
    #[serde(default, deserialize_with = "or_default")]
    pub autodetect_manual_merge: bool,
    /// Whether only those see it who have access. What others do there, the forge shows to themselves and to its admins.
    #[serde(default, deserialize_with = "or_default")]
    pub private: bool,
}

/// A branch, as `GET /repos/{owner}/{repo}/branches` lists it.
#[derive(Debug, Clone, Deserialize)]
pub struct Branch {
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    pub commit: Commit,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Commit {
    #[serde(rename = "id")]
    pub sha: String,
}

/// A file of a repository at one commit.
#[derive(Debug, Clone, Deserialize)]
pub struct File {
    #[serde(default, deserialize_with = "or_default")]
    pub text: String,
}

/// A file that a pull request changes.
#[derive(Debug, Clone, Deserialize)]
pub struct ChangedFile {
    pub filename: String,
    /// Where it was before, where it was renamed.
    #[serde(default, deserialize_with = "or_default")]
    pub previous_filename: String,
}

/// One thing that happened to a pull request.
#[derive(Debug, Clone, Deserialize)]
pub struct Event {
    /// Such as `comment`, `close`, `reopen`, `merge_pull`, `pull_push`, `delete_branch`.
    #[serde(default, rename = "type", deserialize_with = "or_default")]
    pub kind: String,
    #[serde(default, deserialize_with = "or_default")]
    pub user: Account,
}

impl Event {
    /// Whether it says no more than that something was named elsewhere, in a comment, a text or a commit's message.
    pub fn is_mention(&self) -> bool {
        const MENTIONS: [&str; 4] = ["issue_ref", "commit_ref", "comment_ref", "pull_ref"];
        MENTIONS.contains(&self.kind.as_str())
    }
}

/// The tags of an image.
#[derive(Debug, Clone, Deserialize)]
pub struct Tags {
    pub tags: Vec<String>,
}

/// A commit status, as `GET /repos/{owner}/{repo}/commits/{ref}/statuses` lists it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Status {
    pub id: u64,
    #[serde(default, deserialize_with = "or_default", alias = "state")]
    pub status: String,
    #[serde(default, deserialize_with = "or_default")]
    pub context: String,
    #[serde(default, deserialize_with = "or_default")]
    pub target_url: String,
    #[serde(default, deserialize_with = "or_default")]
    pub creator: Login,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Login {
    #[serde(default, deserialize_with = "or_default")]
    pub login: String,
}

/// One act of an account, as `GET /users/{login}/activities/feeds` lists it.
#[derive(Debug, Clone, Deserialize)]
pub struct Activity {
    pub id: u64,
    /// Such as `commit_repo`, `delete_branch`, `create_pull_request`, `comment_pull`.
    #[serde(rename = "op_type")]
    pub op: String,
    repo: RepositoryName,
    #[serde(default, deserialize_with = "or_default")]
    ref_name: String,
    #[serde(default, deserialize_with = "or_default")]
    content: String,
}

/// What an act of the kind `commit_repo` or `push_tag` tells of its push.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Push {
    /// Where the branch pointed to afterwards.
    pub head: String,
    /// The ends of the address that compares before and after: mostly commits, but the default branch where a new
    /// branch brought no commit. Of a new branch, the parent of its oldest new commit is the first.
    pub range: Option<(String, String)>,
    /// How many commits came with it: none where a branch was set back, or made of what was there.
    pub commits: u64,
}

impl Activity {
    /// `owner/name`.
    pub fn repository(&self) -> &str {
        &self.repo.full_name
    }

    /// Whether the forge takes pull requests of that repository for merged by itself.
    pub fn detects_merges(&self) -> bool {
        self.repo.autodetect_manual_merge
    }

    /// The branch, where it is about one.
    pub fn branch(&self) -> Option<&str> {
        self.ref_name.strip_prefix("refs/heads/")
    }

    /// The tag, of acts that are about one.
    pub fn tag(&self) -> &str {
        let tag = self.ref_name.strip_prefix("refs/tags/");
        tag.unwrap_or(&self.ref_name)
    }

    /// The issue or pull request, of acts that are about one.
    pub fn number(&self) -> Option<u64> {
        let about_one = ["issue", "pull"].iter().any(|word| self.op.contains(word));
        let (number, _) = self.content.split_once('|').filter(|_| about_one)?;
        number.parse().ok()
    }

    /// What was written, of acts that are about a discussion; long texts are cut.
    pub fn text(&self) -> &str {
        let parts = self.content.split_once('|');
        parts.map_or("", |(_, text)| text.trim())
    }

    /// The push. A new branch is told twice, once without: then there is none.
    pub fn push(&self) -> Option<Push> {
        let pushed: Pushed = serde_json::from_str(&self.content).ok()?;
        let (_, range) = pushed.compare.rsplit_once("/compare/").unwrap_or_default();
        Some(Push {
            head: pushed.head?.sha,
            range: range
                .split_once("...")
                .map(|(from, to)| (from.to_owned(), to.to_owned())),
            commits: pushed.commits,
        })
    }
}

#[derive(Deserialize)]
struct Pushed {
    #[serde(default, rename = "HeadCommit")]
    head: Option<PushedCommit>,
    #[serde(default, rename = "CompareURL", deserialize_with = "or_default")]
    compare: String,
    #[serde(default, rename = "Len", deserialize_with = "or_default")]
    commits: u64,
}

#[derive(Deserialize)]
struct PushedCommit {
    #[serde(rename = "Sha1")]
    sha: String,
}

/// Something on the box that has a name: a stack, a volume.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Named {
    pub name: String,
}

/// A build, as Drone's `GET /api/repos/{owner}/{repo}/builds` lists it.
#[derive(Debug, Clone, Deserialize)]
pub struct Build {
    pub number: u64,
    #[serde(default, deserialize_with = "or_default")]
    pub status: String,
    /// Who asked for it: the account that this record was made for, and the one that the build was first made for.
    #[serde(default, deserialize_with = "or_default")]
    pub trigger: String,
    #[serde(default, deserialize_with = "or_default")]
    pub sender: String,
    #[serde(default, deserialize_with = "or_default")]
    pub params: BTreeMap<String, String>,
    /// By Drone's clock, in seconds; 0 where it has not happened.
    #[serde(default, deserialize_with = "or_default")]
    pub created: u64,
    #[serde(default, deserialize_with = "or_default")]
    pub finished: u64,
}

impl Build {
    /// How long it took at most, from being asked for to its end, in milliseconds.
    pub fn took(&self) -> u64 {
        // Each is cut to whole seconds.
        let seconds = self.finished.saturating_sub(self.created) + 1;
        seconds.saturating_mul(1000)
    }

    /// Whether nothing about it can change any more.
    pub fn ended(&self) -> bool {
        matches!(
            self.status.as_str(),
            "success" | "failure" | "error" | "killed" | "declined" | "skipped"
        )
    }

    pub fn green(&self) -> bool {
        self.status == "success"
    }

    /// Whether it is another one's build that was started once more, as Drone's page offers. Drone makes a new build of it, which names no
    /// other but keeps its first sender; what the sender restarts itself cannot be told from what it asked for.
    pub fn restarted_by_another(&self) -> bool {
        !self.sender.is_empty() && !self.trigger.is_empty() && self.sender != self.trigger
    }

    /// Whether it came to a result. One that was killed, or that its runner lost, says nothing of what it tested.
    pub fn has_result(&self) -> bool {
        matches!(self.status.as_str(), "success" | "failure")
    }

    /// The parameter `name`, empty where it is missing.
    pub fn parameter(&self, name: &str) -> &str {
        self.params.get(name).map_or("", String::as_str)
    }
}

/// The log of a build, all steps as one text.
#[derive(Debug, Clone, Deserialize)]
pub struct Log {
    pub text: String,
    /// Steps that have none (yet).
    pub missing: Vec<String>,
    /// Whether its end is missing, since it is too long.
    pub cut: bool,
}

impl Log {
    pub fn shows(&self, pattern: &regex::Regex) -> bool {
        pattern.is_match(&self.text)
    }
}

/// A build's `results.json`.
#[derive(Debug, Clone, Deserialize)]
pub struct Results {
    #[serde(default, deserialize_with = "or_default")]
    pub recipe: String,
    #[serde(default, rename = "ref", deserialize_with = "or_default")]
    pub commit: String,
    /// The pull request, where it is told.
    #[serde(default)]
    pub pr: Option<u64>,
    #[serde(default, deserialize_with = "or_default")]
    pub build: u64,
    /// The commit of the harness whose tests were run, outside of a build.
    #[serde(default, deserialize_with = "or_default")]
    pub tests: String,
    #[serde(default, deserialize_with = "or_default")]
    pub stages: Vec<Stage>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Stage {
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    #[serde(default, deserialize_with = "or_default")]
    pub status: String,
    #[serde(default, deserialize_with = "or_default")]
    pub tests: Vec<Test>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Test {
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    #[serde(default, deserialize_with = "or_default")]
    pub status: String,
}

impl Test {
    fn failed(&self) -> bool {
        matches!(self.status.as_str(), "failed" | "error")
    }

    /// Whether it was run at all: one that was skipped says nothing.
    pub fn ran(&self) -> bool {
        self.status == "passed" || self.failed()
    }
}

impl Stage {
    /// Whether it was run at all, however it ended.
    pub fn ran(&self) -> bool {
        self.status != "skipped"
    }
}

impl Results {
    /// Whether they are of this build, and of what it was started for.
    pub fn are_of(&self, build: &Build) -> bool {
        let pr = self.pr.map(|pr| pr.to_string());
        self.build == build.number
            && self.commit == build.parameter("REF")
            && self.recipe == build.parameter("RECIPE")
            && pr.is_none_or(|pr| pr == build.parameter("PR"))
    }

    /// How many tests were run.
    pub fn ran(&self) -> usize {
        let tests = self.stages.iter().flat_map(|stage| &stage.tests);
        tests.filter(|test| test.ran()).count()
    }

    /// The names of the tests that failed, with their stage.
    pub fn failed(&self) -> Vec<String> {
        self.named(Test::failed)
    }

    /// The names of the tests that passed, with their stage.
    pub fn passed(&self) -> Vec<String> {
        self.named(|test| test.status == "passed")
    }

    /// The tests that failed, and the stages that did although none of their tests did.
    pub fn failures(&self) -> Vec<String> {
        let stages = self.stages.iter().filter(|stage| {
            matches!(stage.status.as_str(), "failed" | "error")
                && !stage.tests.iter().any(Test::failed)
        });
        let mut failures = self.failed();
        failures.extend(stages.map(|stage| stage.name.clone()));
        failures
    }

    fn named(&self, which: impl Fn(&Test) -> bool) -> Vec<String> {
        let of = |stage: &Stage| {
            let name = |test: &Test| format!("{}/{}", stage.name, test.name);
            let tests = stage.tests.iter().filter(|test| which(test));
            tests.map(name).collect::<Vec<_>>()
        };
        self.stages.iter().flat_map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn act(op: &str, content: &str) -> Activity {
        let act = json!({"id": 7, "op_type": op, "repo": {"full_name": "recipes/tiny"}, "ref_name": "refs/heads/up/1", "content": content});
        serde_json::from_value(act).unwrap()
    }

    #[test]
    fn a_push_tells_its_head_and_what_it_is_compared_with() {
        let content = r#"{"Commits":[],"HeadCommit":{"Sha1":"bb","Message":"x"},"CompareURL":"recipes/tiny/compare/aa...bb","Len":0}"#;
        let pushed = act("commit_repo", content);
        assert_eq!(
            (pushed.repository(), pushed.branch()),
            ("recipes/tiny", Some("up/1"))
        );
        let range = Some(("aa".to_owned(), "bb".to_owned()));
        let push = pushed.push().unwrap();
        assert_eq!((push.head.as_str(), push.range), ("bb", range));
        assert_eq!(pushed.number(), None);
        for none in ["", "{}", "7|{}", "{\"HeadCommit\":null}"] {
            assert_eq!(act("commit_repo", none).push(), None, "{none}");
        }
    }

    #[test]
    fn a_pull_request_brings_its_branch_unless_that_was_there_or_is_elsewhere() {
        let known: Vec<Branch> =
            serde_json::from_value(json!([{ "name": "old", "commit": { "id": "aa" } }])).unwrap();
        for (from, branch, expected) in [
            ("recipes/tiny", "new", true),
            ("Recipes/Tiny", "new", true),
            ("recipes/tiny", "old", false),
            ("somebody/tiny", "new", false),
            // Its fork is gone.
            ("", "new", false),
        ] {
            let head = json!({ "sha": "bb", "ref": branch, "repo": { "full_name": from } });
            let base = json!({ "sha": "aa", "ref": "main" });
            let pull: Pull =
                serde_json::from_value(json!({ "number": 1, "head": head, "base": base })).unwrap();
            assert_eq!(
                pull.brought_its_branch("recipes/tiny", &known),
                expected,
                "{branch} of {from:?}"
            );
        }
    }

    #[test]
    fn a_discussion_tells_its_number() {
        assert_eq!(act("create_pull_request", "12|a|b").number(), Some(12));
        assert_eq!(act("close_issue", "3|").number(), Some(3));
        assert_eq!(act("comment_pull", "3|a|b ").text(), "a|b");
        for (op, content) in [
            ("comment_pull", "x|y"),
            ("rename_repo", "3|"),
            ("comment_pull", ""),
        ] {
            assert_eq!(act(op, content).number(), None, "{op} {content}");
        }
    }
}

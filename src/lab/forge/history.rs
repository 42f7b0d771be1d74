//! Commits: reading them with what they changed, and making them without a work tree.

use super::git::{Git, is_sha};
use anyhow::{Context, bail};

#[derive(Clone, Debug, Default)]
pub struct Person {
    pub name: String,
    pub email: String,
    /// RFC 3339, in the zone that the commit names.
    pub date: String,
}

#[derive(Clone, Debug, Default)]
pub struct Commit {
    pub sha: String,
    pub tree: String,
    pub parents: Vec<String>,
    pub author: Person,
    pub committer: Person,
    pub message: String,
    /// Letter of the change (`A`, `M`, `D`, …) and path, against the first parent.
    pub files: Vec<(char, String)>,
    pub additions: i64,
    pub deletions: i64,
}

impl Commit {
    pub fn paths(&self, letter: char) -> Vec<&str> {
        self.files
            .iter()
            .filter(|(l, _)| *l == letter)
            .map(|(_, p)| p.as_str())
            .collect()
    }
}

pub struct Change {
    pub path: String,
    /// `None`: the file goes.
    pub content: Option<Vec<u8>>,
    pub executable: bool,
}

pub struct NewCommit<'a> {
    pub reference: &'a str,
    pub parents: &'a [&'a str],
    /// Name, e-mail address.
    pub author: (&'a str, &'a str),
    pub committer: (&'a str, &'a str),
    pub at: i64,
    pub message: &'a str,
    pub changes: &'a [Change],
}

/// One changed file between two commits.
#[derive(Clone, Debug)]
pub struct FileDiff {
    pub path: String,
    pub letter: char,
    pub additions: i64,
    pub deletions: i64,
}

const FORMAT: &str =
    "--format=%x01%H%x00%T%x00%P%x00%an%x00%ae%x00%aI%x00%cn%x00%ce%x00%cI%x00%B%x00";

impl Git {
    /// Commits of a range (`a..b`, or one name), newest first.
    pub async fn log(
        &self,
        range: &str,
        skip: i64,
        most: i64,
        path: &str,
    ) -> anyhow::Result<Vec<Commit>> {
        self.log_of(&[range], skip, most, path).await
    }

    /// The same of a selection in several words.
    pub async fn log_of(
        &self,
        selection: &[&str],
        skip: i64,
        most: i64,
        path: &str,
    ) -> anyhow::Result<Vec<Commit>> {
        let (skip, most) = (format!("--skip={skip}"), format!("--max-count={most}"));
        let mut args = vec![
            "log",
            "-z",
            FORMAT,
            "--raw",
            "--numstat",
            "--no-abbrev",
            "--no-renames",
            "--diff-merges=first-parent",
            "--root",
            &skip,
            &most,
        ];
        args.extend(selection);
        args.push("--");
        if !path.is_empty() {
            args.push(path);
        }
        Ok(parse_log(&self.must(&args, b"").await?.text()))
    }

    pub async fn commit(&self, sha: &str) -> anyhow::Result<Commit> {
        let found = self.log(sha, 0, 1, "").await?;
        found.into_iter().next().with_context(|| {
            format!(
                "reading commit {sha} of {}: git names none",
                self.dir.display()
            )
        })
    }

    /// What changed between two commits, file by file.
    pub async fn changed(&self, from: &str, to: &str) -> anyhow::Result<Vec<FileDiff>> {
        let output = self
            .must(
                &[
                    "diff-tree",
                    "-r",
                    "-z",
                    "--raw",
                    "--numstat",
                    "--no-renames",
                    from,
                    to,
                ],
                b"",
            )
            .await?;
        let mut commit = Commit::default();
        let text = output.text();
        let counts = parse_changes(&mut commit, &mut text.split('\0').peekable());
        let count = |path: &str| {
            counts
                .iter()
                .find(|(p, _, _)| p == path)
                .map_or((0, 0), |(_, a, d)| (*a, *d))
        };
        let one = |(letter, path): (char, String)| {
            let (additions, deletions) = count(&path);
            FileDiff {
                path,
                letter,
                additions,
                deletions,
            }
        };
        Ok(commit.files.into_iter().map(one).collect())
    }

    /// Makes a commit and points its reference at it; one process, whatever the number of files.
    pub async fn make(&self, new: &NewCommit<'_>) -> anyhow::Result<String> {
        let mut stream = Vec::new();
        let message = format!("{}\n", new.message.trim_end());
        let mut say = |bytes: &[u8]| stream.extend_from_slice(bytes);
        say(format!("feature done\ncommit {}\nmark :1\n", new.reference).as_bytes());
        for (role, (name, email)) in [("author", new.author), ("committer", new.committer)] {
            say(format!("{role} {} <{}> {} +0000\n", tame(name), tame(email), new.at).as_bytes());
        }
        say(format!("data {}\n{message}\n", message.len()).as_bytes());
        if let Some((first, others)) = new.parents.split_first() {
            say(format!("from {first}\n").as_bytes());
            for other in others {
                say(format!("merge {other}\n").as_bytes());
            }
        }
        for change in new.changes {
            let path = quoted(&change.path);
            match &change.content {
                Some(content) => {
                    let mode = if change.executable {
                        "100755"
                    } else {
                        "100644"
                    };
                    say(format!("M {mode} inline {path}\ndata {}\n", content.len()).as_bytes());
                    say(content);
                    say(b"\n");
                }
                None => say(format!("D {path}\n").as_bytes()),
            }
        }
        say(b"\nget-mark :1\ndone\n");
        let output = self
            .must(&["fast-import", "--quiet", "--date-format=raw"], &stream)
            .await?;
        let sha = output
            .text()
            .lines()
            .next()
            .unwrap_or_default()
            .trim()
            .to_string();
        if !is_sha(&sha) {
            bail!(
                "committing to {} of {}: git named no commit: {}",
                new.reference,
                self.dir.display(),
                output.stderr.trim()
            );
        }
        Ok(sha)
    }

    /// A commit of a tree that is there already; no reference moves.
    pub async fn commit_tree(
        &self,
        tree: &str,
        parents: &[&str],
        who: (&str, &str),
        message: &str,
    ) -> anyhow::Result<String> {
        let mut args = vec!["commit-tree", tree, "-F", "-"];
        for parent in parents {
            args.extend(["-p", parent]);
        }
        let env = [
            ("GIT_AUTHOR_NAME", who.0),
            ("GIT_AUTHOR_EMAIL", who.1),
            ("GIT_COMMITTER_NAME", who.0),
            ("GIT_COMMITTER_EMAIL", who.1),
        ];
        let output = self
            .run_with(&args, format!("{}\n", message.trim_end()).as_bytes(), &env)
            .await?;
        let sha = output.text().trim().to_string();
        if !is_sha(&sha) {
            bail!(
                "committing tree {tree} of {}: {}",
                self.dir.display(),
                output.stderr.trim()
            );
        }
        Ok(sha)
    }
}

/// A name without what would end it in a commit's header.
fn tame(text: &str) -> String {
    text.chars()
        .filter(|c| !matches!(c, '<' | '>' | '\n' | '\0'))
        .collect()
}

fn quoted(path: &str) -> String {
    let escaped = path
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n");
    format!("\"{escaped}\"")
}

fn parse_log(text: &str) -> Vec<Commit> {
    let mut tokens = text.split('\0').peekable();
    let mut commits = Vec::new();
    while let Some(token) = tokens.next() {
        let Some(sha) = token.trim_start_matches('\n').strip_prefix('\u{1}') else {
            continue;
        };
        let mut field = || tokens.next().unwrap_or_default().to_string();
        let mut commit = Commit {
            sha: sha.to_string(),
            tree: field(),
            parents: field().split_whitespace().map(str::to_string).collect(),
            author: Person {
                name: field(),
                email: field(),
                date: utc(field()),
            },
            committer: Person {
                name: field(),
                email: field(),
                date: utc(field()),
            },
            message: format!("{}\n", field().trim_end()),
            ..Commit::default()
        };
        let counts = parse_changes(&mut commit, &mut tokens);
        commit.additions = counts.iter().map(|(_, a, _)| a).sum();
        commit.deletions = counts.iter().map(|(_, _, d)| d).sum();
        commits.push(commit);
    }
    commits
}

fn utc(date: String) -> String {
    date.strip_suffix("+00:00")
        .map(|d| format!("{d}Z"))
        .unwrap_or(date)
}

/// Reads raw and numstat entries up to the next commit: files go into the commit, line counts come back.
fn parse_changes<'a>(
    commit: &mut Commit,
    tokens: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>,
) -> Vec<(String, i64, i64)> {
    let mut counts = Vec::new();
    while let Some(token) = tokens.next_if(|t| !t.trim_start_matches('\n').starts_with('\u{1}')) {
        let token = token.trim_start_matches('\n');
        if token.starts_with(':') {
            let letter = token
                .rsplit(' ')
                .next()
                .and_then(|s| s.chars().next())
                .unwrap_or('M');
            let path = tokens.next().unwrap_or_default().to_string();
            commit.files.push((letter, path));
        } else if let [additions, deletions, path] = token.splitn(3, '\t').collect::<Vec<_>>()[..] {
            // Binary files count as "-".
            counts.push((
                path.to_string(),
                additions.parse().unwrap_or(0),
                deletions.parse().unwrap_or(0),
            ));
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_commit_is_read_back_as_it_was_made() {
        let dir = tempfile::tempdir().unwrap();
        let git = Git::new(dir.path().join("x.git"), dir.path().to_path_buf());
        git.init("main").unwrap();
        let change = |path: &str, content: &str| Change {
            path: path.into(),
            content: Some(content.into()),
            executable: false,
        };
        let who = ("A <b>", "a@lab.invalid");
        let new = |parents: &'static [&'static str]| NewCommit {
            reference: "refs/heads/main",
            parents,
            author: who,
            committer: who,
            at: 1_700_000_000,
            message: "one\n\nwhy",
            changes: &[],
        };
        let first = git
            .make(&NewCommit {
                changes: &[change("a \"b\".txt", "1\n2\n"), change("d/e", "x")],
                ..new(&[])
            })
            .await
            .unwrap();
        let parents = [first.as_str()];
        let gone = Change {
            path: "d/e".into(),
            content: None,
            executable: false,
        };
        let second = git
            .make(&NewCommit {
                parents: &parents,
                changes: &[change("a \"b\".txt", "1\n3\n"), gone],
                ..new(&[])
            })
            .await
            .unwrap();
        let log = git.log("main", 0, 10, "").await.unwrap();
        assert_eq!(
            log.iter().map(|c| c.sha.as_str()).collect::<Vec<_>>(),
            [second.as_str(), first.as_str()]
        );
        assert_eq!(
            log[1].files,
            [('A', "a \"b\".txt".to_string()), ('A', "d/e".to_string())]
        );
        assert_eq!(
            (log[0].paths('M'), log[0].paths('D')),
            (vec!["a \"b\".txt"], vec!["d/e"])
        );
        assert_eq!((log[0].additions, log[0].deletions), (1, 2));
        assert_eq!(
            (log[0].author.name.as_str(), log[0].author.date.as_str()),
            ("A b", "2023-11-14T22:13:20Z")
        );
        assert_eq!(log[0].message, "one\n\nwhy\n");
        assert_eq!(log[0].parents, [first]);
    }
}

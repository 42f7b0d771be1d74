//! What follows when a branch has moved, however it was moved: events, and the pull requests that it belongs to.

use super::Shared;
use super::activity;
use super::git::{Git, ZERO};
use super::history::Commit;
use super::issues::{close_issue, enter};
use super::show::Show;
use super::state::{Issue, Merged, Pull, Repo, RepoId, UserId, World, now};
use anyhow::Context;
use serde_json::{Value, json};

/// A branch before and after; `None` where it did not or does not exist.
pub struct Moved {
    pub branch: String,
    pub before: Option<String>,
    pub after: Option<String>,
    /// The one new commit, where the mover knows that there is no other.
    pub made: Option<Commit>,
}

/// How two commits stand to each other.
#[derive(Clone, Default)]
pub struct Measured {
    pub merge_base: String,
    pub mergeable: bool,
    pub additions: i64,
    pub deletions: i64,
    pub changed_files: i64,
}

/// Takes the measure of a pull request from `head` into `base`.
pub async fn measure(git: &Git, base: &str, head: &str) -> anyhow::Result<Measured> {
    let Some(merge_base) = git.merge_base(base, head).await? else {
        return Ok(Measured::default());
    };
    let files = if merge_base == head {
        Vec::new()
    } else {
        git.changed(&merge_base, head).await?
    };
    let mergeable = merge_base == base
        || merge_base == head
        || git.merged_tree(&merge_base, base, head).await?.is_some();
    Ok(Measured {
        mergeable,
        additions: files.iter().map(|f| f.additions).sum(),
        deletions: files.iter().map(|f| f.deletions).sum(),
        changed_files: files.len() as i64,
        merge_base,
    })
}

impl Pull {
    pub fn take(&mut self, measured: Measured) {
        let Measured {
            merge_base,
            mergeable,
            additions,
            deletions,
            changed_files,
        } = measured;
        (self.merge_base, self.mergeable) = (merge_base, mergeable);
        (self.additions, self.deletions, self.changed_files) =
            (additions, deletions, changed_files);
    }
}

/// Offers an event to all hooks of a repository.
pub fn fire(repo: &Repo, event_type: &str, payload: &Value) {
    repo.hooks
        .iter()
        .for_each(|hook| hook.offer(event_type, payload));
}

pub fn pull_payload(
    show: &Show,
    repo: &Repo,
    issue: &Issue,
    action: &str,
    sender: UserId,
    changes: Option<Value>,
) -> Value {
    let rights = show.rights(repo, Some(issue.poster));
    let pull = issue
        .pull
        .as_ref()
        .map(|p| show.pull(repo, issue, p, rights, false));
    let mut payload = json!({"action": action, "number": issue.number});
    if let Some(changes) = changes {
        payload["changes"] = changes;
    }
    payload["pull_request"] = json!(pull);
    payload["requested_reviewer"] = Value::Null;
    payload["repository"] = show.repo(repo, rights);
    payload["sender"] = show.user(sender);
    payload["commit_id"] = json!("");
    payload["review"] = Value::Null;
    payload
}

impl super::Inner {
    /// Follows up moved branches. The caller holds the repository's `moving`.
    pub async fn follow(
        self: &Shared,
        id: RepoId,
        pusher: UserId,
        moves: &[Moved],
    ) -> anyhow::Result<()> {
        for one in moves {
            self.announce(id, pusher, one).await?;
            match &one.after {
                Some(after) => {
                    self.advance_heads(id, pusher, one, after).await?;
                    self.advance_bases(id, pusher, &one.branch, after).await?;
                }
                None => self.lose_branch(id, pusher, &one.branch).await?,
            }
        }
        Ok(())
    }

    fn repository(&self, world: &World, id: RepoId) -> anyhow::Result<Git> {
        let repo = world
            .repos
            .get(&id)
            .context("the repository was deleted while its branches moved")?;
        Ok(self.git(world, repo))
    }

    async fn announce(&self, id: RepoId, pusher: UserId, moved: &Moved) -> anyhow::Result<()> {
        let git = self.repository(&self.world(), id)?;
        let (mut commits, mut head) = (Vec::new(), None);
        if let Some(after) = &moved.after {
            commits = match &moved.before {
                _ if moved.made.is_some() => moved.made.iter().cloned().collect(),
                Some(before) => git.log(&format!("{before}..{after}"), 0, 1000, "").await?,
                None => {
                    let but = format!("--exclude={}", moved.branch);
                    git.log_of(&[after, "--not", &but, "--branches"], 0, 10, "")
                        .await?
                }
            };
            head = match commits.first() {
                Some(first) if first.sha == *after => Some(first.clone()),
                _ => Some(git.commit(after).await?),
            };
        }
        let mut world = self.world();
        let at = now();
        if let Some(repo) = world.repos.get_mut(&id) {
            (repo.updated, repo.empty) = (at, repo.empty && head.is_none());
        }
        let Some(repo) = world.repos.get(&id) else {
            return Ok(());
        };
        let from = match (&moved.before, commits.last()) {
            (Some(before), _) => before.clone(),
            (None, Some(oldest)) => oldest.parents.first().cloned().unwrap_or_else(|| {
                match repo.default_branch == moved.branch {
                    true => ZERO.into(),
                    false => repo.default_branch.clone(),
                }
            }),
            (None, None) => repo.default_branch.clone(),
        };
        let reference = format!("refs/heads/{}", moved.branch);
        match &head {
            Some(head) => {
                let name = self.show(&world, None).full_name(repo);
                let content = activity::pushed(&name, &commits, head, &from);
                if moved.before.is_none() {
                    world.act_on(id, pusher, "commit_repo", &reference, String::new());
                }
                world.act_on(id, pusher, "commit_repo", &reference, content);
            }
            None => world.act_on(id, pusher, "delete_branch", &reference, String::new()),
        }
        let Some(repo) = world.repos.get(&id) else {
            return Ok(());
        };
        let show = self.show(&world, None);
        let ref_payload = |rights| json!({"ref": moved.branch, "ref_type": "branch", "repository": show.repo(repo, rights), "sender": show.user(pusher)});
        let Some(head) = head else {
            let mut payload =
                json!({"ref": moved.branch, "ref_type": "branch", "pusher_type": "user"});
            payload["repository"] = show.repo(repo, [false; 3]);
            payload["sender"] = show.user(pusher);
            fire(repo, "delete", &payload);
            return Ok(());
        };
        if moved.before.is_none() {
            let mut payload = json!({"sha": head.sha});
            if let (Some(all), Value::Object(more)) =
                (payload.as_object_mut(), ref_payload([false; 3]))
            {
                all.extend(more);
            }
            fire(repo, "create", &payload);
        }
        let shown: Vec<Value> = commits
            .iter()
            .take(activity::TOLD)
            .map(|c| show.payload_commit(repo, c, false))
            .collect();
        let payload = json!({
            "ref": format!("refs/heads/{}", moved.branch), "before": moved.before.as_deref().unwrap_or(ZERO), "after": head.sha,
            "compare_url": format!("{}/compare/{from}...{}", show.web(repo), head.sha), "commits": shown,
            "total_commits": commits.len(), "head_commit": show.payload_commit(repo, &head, false),
            "repository": show.repo(repo, [true; 3]), "pusher": show.user(pusher), "sender": show.user(pusher),
        });
        fire(repo, "push", &payload);
        Ok(())
    }

    /// The pull requests that a condition picks: number, base and head commit.
    fn pulls_where(
        &self,
        id: RepoId,
        which: impl Fn(&Issue, &Pull) -> bool,
    ) -> Vec<(i64, String, String)> {
        let world = self.world();
        let Some(repo) = world.repos.get(&id) else {
            return Vec::new();
        };
        let picked = repo.issues.values().filter_map(|i| {
            i.pull
                .as_ref()
                .filter(|p| which(i, p))
                .map(|p| (i.number, p))
        });
        picked
            .map(|(number, p)| (number, p.base_sha.clone(), p.head_sha.clone()))
            .collect()
    }

    fn with_pull<T>(
        &self,
        id: RepoId,
        number: i64,
        change: impl FnOnce(&mut Issue, &mut Pull) -> T,
    ) -> Option<T> {
        let mut world = self.world();
        let issue = world.repos.get_mut(&id)?.issues.get_mut(&number)?;
        // Taken out for the change, so that both can be lent at once.
        let mut pull = issue.pull.take()?;
        let result = change(issue, &mut pull);
        issue.pull = Some(pull);
        Some(result)
    }

    async fn advance_heads(
        &self,
        id: RepoId,
        pusher: UserId,
        moved: &Moved,
        after: &str,
    ) -> anyhow::Result<()> {
        let git = self.repository(&self.world(), id)?;
        for (number, base, _) in
            self.pulls_where(id, |_, p| p.head == moved.branch && p.merged.is_none())
        {
            let open = self.with_pull(id, number, |issue, pull| {
                (pull.head_sha, pull.head_gone) = (after.to_string(), false);
                issue.open
            });
            if open != Some(true) {
                continue;
            }
            let measured = measure(&git, &base, after).await?;
            let forced = match &moved.before {
                Some(before) => git.merge_base(before, after).await?.as_deref() != Some(before),
                None => false,
            };
            let pushed: Vec<String> = match (&moved.before, forced) {
                (Some(before), true) => vec![before.clone(), after.to_string()],
                (Some(before), false) => git
                    .log(&format!("{before}..{after}"), 0, 30, "")
                    .await?
                    .into_iter()
                    .rev()
                    .map(|c| c.sha)
                    .collect(),
                (None, _) => vec![after.to_string()],
            };
            git.set_reference(&format!("refs/pull/{number}/head"), after)
                .await?;
            let mergeable = measured.mergeable;
            let mut world = self.world();
            let entry = enter(
                &mut world,
                "pull_push",
                pusher,
                json!({"is_force_push": forced, "commit_ids": pushed}).to_string(),
            );
            drop(world);
            self.with_pull(id, number, |issue, pull| {
                issue.updated = now();
                issue.timeline.push(entry);
                pull.ref_sha = after.to_string();
                pull.take(measured);
                // Gitea has not tried the merge again when it tells of the push.
                pull.mergeable = false;
            });
            let world = self.world();
            if let Some((repo, issue)) = world
                .repos
                .get(&id)
                .and_then(|r| Some((r, r.issues.get(&number)?)))
            {
                let show = self.show(&world, None);
                let mut payload = pull_payload(&show, repo, issue, "synchronized", pusher, None);
                payload["repository"] = show.repo(repo, [true; 3]);
                fire(repo, "pull_request_sync", &payload);
            }
            drop(world);
            self.with_pull(id, number, |_, pull| pull.mergeable = mergeable);
        }
        Ok(())
    }

    async fn advance_bases(
        &self,
        id: RepoId,
        pusher: UserId,
        branch: &str,
        after: &str,
    ) -> anyhow::Result<()> {
        let git = self.repository(&self.world(), id)?;
        for (number, _, head) in self.pulls_where(id, |_, p| p.base == branch) {
            let pending = self.with_pull(id, number, |issue, pull| {
                pull.base_sha = after.to_string();
                issue.open && pull.merged.is_none()
            });
            if pending != Some(true) {
                continue;
            }
            let measured = measure(&git, after, &head).await?;
            let reached = measured.merge_base == head;
            let had_changes = self.with_pull(id, number, |_, pull| {
                let had = pull.merge_base != pull.head_sha;
                pull.take(measured);
                had
            });
            let detects = {
                let world = self.world();
                world.repos.get(&id).is_some_and(|r| {
                    r.switches.get("autodetect_manual_merge") == Some(&json!(true))
                })
            };
            if reached && detects && had_changes == Some(true) {
                let range = format!("{head}..{after}");
                let merges = git
                    .must(
                        &[
                            "rev-list",
                            "--ancestry-path",
                            "--merges",
                            "--reverse",
                            &range,
                        ],
                        b"",
                    )
                    .await?;
                let sha = merges.text().lines().next().unwrap_or(&head).to_string();
                self.become_merged(id, number, pusher, &sha)?;
            }
        }
        Ok(())
    }

    /// Marks a pull request as merged by a commit, and says so.
    pub fn become_merged(
        &self,
        id: RepoId,
        number: i64,
        by: UserId,
        sha: &str,
    ) -> anyhow::Result<()> {
        let mut world = self.world();
        let entry = enter(&mut world, "merge_pull", by, String::new());
        drop(world);
        self.with_pull(id, number, |issue, pull| {
            let at = now();
            (issue.open, issue.closed, issue.updated) = (false, Some(at), at);
            pull.merged = Some(Merged {
                at,
                by,
                sha: sha.to_string(),
            });
            pull.base_sha = sha.to_string();
            issue.timeline.push(entry);
        })
        .with_context(|| format!("pull request {number} was deleted while it was merged"))?;
        let mut world = self.world();
        let issue = world.repos.get(&id).and_then(|r| r.issues.get(&number));
        let title = issue.map(|issue| issue.title.clone()).unwrap_or_default();
        world.act_in((id, number), by, ["merge_pull_request"; 2], &title, 0);
        if let Some((repo, issue)) = world
            .repos
            .get(&id)
            .and_then(|r| Some((r, r.issues.get(&number)?)))
        {
            let payload = pull_payload(&self.show(&world, None), repo, issue, "closed", by, None);
            fire(repo, "pull_request", &payload);
        }
        Ok(())
    }

    async fn lose_branch(&self, id: RepoId, pusher: UserId, branch: &str) -> anyhow::Result<()> {
        for (number, ..) in self.pulls_where(id, |_, p| p.head == branch) {
            self.with_pull(id, number, |_, pull| {
                (pull.head_gone, pull.head_sha) = (true, pull.ref_sha.clone())
            });
        }
        for (number, ..) in
            self.pulls_where(id, |i, p| i.open && (p.head == branch || p.base == branch))
        {
            let mut world = self.world();
            let entry = enter(&mut world, "delete_branch", pusher, String::new());
            close_issue(self, &mut world, id, number, pusher);
            if let Some(issue) = world
                .repos
                .get_mut(&id)
                .and_then(|r| r.issues.get_mut(&number))
            {
                issue.timeline.push(entry);
            }
        }
        Ok(())
    }
}

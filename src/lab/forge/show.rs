//! The forge's objects in the shapes of the API: Gitea 1.25's field names, in its order.

use super::history::{Commit, FileDiff, Person};
use super::mentions;
use super::state::*;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub const NEVER: &str = "0001-01-01T00:00:00Z";

/// Everything that a shape needs to know beside the object itself.
#[derive(Clone, Copy)]
pub struct Show<'a> {
    pub world: &'a World,
    pub url: &'a str,
    /// Who will read it: others see less of an account.
    pub reader: Option<UserId>,
}

impl<'a> Show<'a> {
    fn api(&self, repo: &Repo) -> String {
        format!("{}/api/v1/repos/{}", self.url, self.full_name(repo))
    }

    pub fn web(&self, repo: &Repo) -> String {
        format!("{}/{}", self.url, self.full_name(repo))
    }

    pub fn full_name(&self, repo: &Repo) -> String {
        format!("{}/{}", self.world.user(repo.owner).login, repo.name)
    }

    fn avatar(&self, user: &User) -> String {
        let digest = Sha256::digest(if user.email.is_empty() {
            &user.login
        } else {
            &user.email
        });
        format!("{}/avatars/{}", self.url, hex::encode(&digest[..16]))
    }

    pub fn user(&self, id: UserId) -> Value {
        let user = self.world.user(id);
        let confided = self
            .reader
            .is_some_and(|r| r == id || self.world.user(r).admin)
            && !user.organisation;
        let email = match self.reader {
            Some(_) => user.email.clone(),
            None if user.organisation => String::new(),
            None => format!("{}@noreply.localhost", user.login.to_lowercase()),
        };
        json!({
            "id": id.0, "login": user.login, "login_name": "", "source_id": 0, "full_name": user.full_name, "email": email,
            "avatar_url": self.avatar(user), "html_url": format!("{}/{}", self.url, user.login), "language": "",
            "is_admin": confided && user.admin,
            "last_login": if confided { "1970-01-01T00:00:00Z" } else { NEVER },
            "created": rfc3339(user.created), "restricted": false, "active": confided, "prohibit_login": false,
            "location": "", "website": "", "description": user.description, "visibility": "public",
            "followers_count": 0, "following_count": 0, "starred_repos_count": 0, "username": user.login,
        })
    }

    pub fn organisation(&self, id: UserId) -> Value {
        let org = self.world.user(id);
        json!({
            "id": id.0, "name": org.login, "full_name": org.full_name, "email": org.email, "avatar_url": self.avatar(org),
            "description": org.description, "website": "", "location": "", "visibility": "public",
            "repo_admin_change_team_access": false, "username": org.login,
        })
    }

    pub fn team(&self, team: &Team, with_organisation: bool) -> Value {
        let units: serde_json::Map<String, Value> = team
            .units
            .iter()
            .map(|(key, a)| (key.clone(), json!(a.word())))
            .collect();
        json!({
            "id": team.id, "name": team.name, "description": team.description,
            "organization": if with_organisation { self.organisation(team.organisation) } else { Value::Null },
            "includes_all_repositories": team.all_repositories, "permission": team.access.word(),
            "units": team.units.iter().map(|(key, _)| key).collect::<Vec<_>>(), "units_map": units,
            "can_create_org_repo": team.may_create,
        })
    }

    /// A repository as somebody with these rights sees it.
    pub fn repo(&self, repo: &Repo, rights: [bool; 3]) -> Value {
        let open = |pulls: bool| {
            repo.issues
                .values()
                .filter(|i| i.open && i.pull.is_some() == pulls)
                .count()
        };
        let (web, api) = (self.web(repo), self.api(repo));
        let owner = self.user(repo.owner);
        let mut shape = json!({
            "id": repo.id.0, "owner": owner, "name": repo.name, "full_name": self.full_name(repo), "description": repo.description,
            "empty": repo.empty, "private": repo.private, "fork": false, "template": false, "mirror": false, "size": 25, "language": "",
            "languages_url": format!("{api}/languages"), "html_url": web, "url": api, "link": "",
            "ssh_url": format!("git@localhost:{}.git", self.full_name(repo)), "clone_url": format!("{web}.git"), "original_url": "",
            "website": "", "stars_count": 0, "forks_count": 0, "watchers_count": 1, "open_issues_count": open(false),
            "open_pr_counter": open(true), "release_counter": 0, "default_branch": repo.default_branch, "archived": false,
            "created_at": rfc3339(repo.created), "updated_at": rfc3339(repo.updated), "archived_at": "1970-01-01T00:00:00Z",
        });
        let rest = json!({
            "permissions": {"admin": rights[0], "push": rights[1], "pull": rights[2]}, "has_code": true, "has_issues": true,
            "internal_tracker": {"enable_time_tracker": true, "allow_only_contributors_to_track_time": true, "enable_issue_dependencies": true},
            "has_wiki": true, "has_pull_requests": true, "has_projects": true, "projects_mode": "all", "has_releases": true,
            "has_packages": true, "has_actions": false, "ignore_whitespace_conflicts": false, "allow_merge_commits": true,
            "allow_rebase": true, "allow_rebase_explicit": true, "allow_squash_merge": true, "allow_fast_forward_only_merge": true,
            "allow_rebase_update": true, "allow_manual_merge": false, "autodetect_manual_merge": false,
            "default_delete_branch_after_merge": false, "default_merge_style": "merge", "default_allow_maintainer_edit": false,
            "avatar_url": "", "internal": false, "mirror_interval": "", "object_format_name": "sha1", "mirror_updated": NEVER,
            "topics": [], "licenses": [],
        });
        // In two parts: the macro does not take them all at once.
        if let (Some(all), Value::Object(rest)) = (shape.as_object_mut(), rest) {
            all.extend(rest);
        }
        for (name, value) in &repo.switches {
            shape[name.as_str()] = value.clone();
        }
        shape
    }

    pub fn rights(&self, repo: &Repo, user: Option<UserId>) -> [bool; 3] {
        let code = self.world.access(repo, user, Unit::Code);
        [
            code >= Access::Admin,
            code >= Access::Write,
            code >= Access::Read,
        ]
    }

    pub fn repo_for(&self, repo: &Repo, user: Option<UserId>) -> Value {
        self.repo(repo, self.rights(repo, user))
    }

    pub fn label(&self, repo: &Repo, label: &Label) -> Value {
        json!({
            "id": label.id, "name": label.name, "exclusive": false, "is_archived": false, "color": label.color,
            "description": label.description, "url": format!("{}/labels/{}", self.api(repo), label.id),
        })
    }

    /// By name, as Gitea sorts them.
    pub fn labels(&self, repo: &Repo, ids: &[i64]) -> Value {
        let mut labels: Vec<&Label> = repo.labels.iter().filter(|l| ids.contains(&l.id)).collect();
        labels.sort_by(|a, b| a.name.cmp(&b.name));
        labels.into_iter().map(|l| self.label(repo, l)).collect()
    }

    pub fn issue_page(&self, repo: &Repo, issue: &Issue) -> String {
        let kind = if issue.pull.is_some() {
            "pulls"
        } else {
            "issues"
        };
        format!("{}/{kind}/{}", self.web(repo), issue.number)
    }

    pub fn issue(&self, repo: &Repo, issue: &Issue) -> Value {
        let page = self.issue_page(repo, issue);
        let pull = issue.pull.as_ref().map(|pull| {
            json!({
                "merged": pull.merged.is_some(), "merged_at": pull.merged.as_ref().map(|m| rfc3339(m.at)),
                "draft": is_draft(&issue.title), "html_url": page,
            })
        });
        json!({
            "id": issue.id, "url": format!("{}/issues/{}", self.api(repo), issue.number), "html_url": page, "number": issue.number,
            "user": self.user(issue.poster), "original_author": "", "original_author_id": 0, "title": issue.title, "body": issue.body,
            "ref": "", "assets": [], "labels": self.labels(repo, &issue.labels), "milestone": null, "assignee": null,
            "assignees": null, "state": state_word(issue), "is_locked": false, "comments": issue.comments().count(),
            "created_at": rfc3339(issue.created), "updated_at": rfc3339(issue.updated), "closed_at": issue.closed.map(rfc3339),
            "due_date": null, "time_estimate": 0, "pull_request": pull,
            "repository": {
                "id": repo.id.0, "name": repo.name, "owner": self.world.user(repo.owner).login, "full_name": self.full_name(repo),
            },
            "pin_order": 0,
        })
    }

    pub fn comment(&self, repo: &Repo, issue: &Issue, comment: &Entry) -> Value {
        let page = self.issue_page(repo, issue);
        let (pull_page, issue_page) = if issue.pull.is_some() {
            (page.as_str(), "")
        } else {
            ("", page.as_str())
        };
        json!({
            "id": comment.id, "html_url": format!("{page}#issuecomment-{}", comment.id), "pull_request_url": pull_page,
            "issue_url": issue_page, "user": self.user(comment.poster), "original_author": "", "original_author_id": 0,
            "body": comment.body, "assets": self.attachments(comment.id), "created_at": rfc3339(comment.created), "updated_at": rfc3339(comment.updated),
        })
    }

    pub fn timeline_entry(&self, repo: &Repo, issue: &Issue, entry: &Entry) -> Value {
        let page = self.issue_page(repo, issue);
        let (pull_page, issue_page) = if issue.pull.is_some() {
            (page.as_str(), "")
        } else {
            ("", page.as_str())
        };
        let from = entry.mention.and_then(|from| {
            let (repo, issue) = mentions::find(self.world, from)?;
            let mut comments = issue.comments();
            let comment = comments.find(|comment| Some(comment.id) == from.comment);
            let comment = comment.map(|comment| self.comment(repo, issue, comment));
            Some((self.issue(repo, issue), comment))
        });
        let (named_in, named_by) = from.unzip();
        json!({
            "id": entry.id, "type": entry.kind, "html_url": format!("{page}#issuecomment-{}", entry.id),
            "pull_request_url": pull_page, "issue_url": issue_page, "user": self.user(entry.poster), "body": entry.body,
            "created_at": rfc3339(entry.created), "updated_at": rfc3339(entry.updated), "old_project_id": 0, "project_id": 0,
            "old_milestone": null, "milestone": null, "tracked_time": null, "old_title": "", "new_title": "", "old_ref": "",
            "new_ref": "", "ref_issue": named_in, "ref_comment": named_by.flatten(), "ref_action": "none", "ref_commit_sha": "", "review_id": 0,
            "label": null, "assignee": null, "assignee_team": null, "removed_assignee": false, "resolve_doer": null,
            "dependent_issue": null,
        })
    }

    pub fn reaction(&self, reaction: &Reaction) -> Value {
        json!({"user": self.user(reaction.user), "content": reaction.content, "created_at": rfc3339(reaction.created)})
    }

    /// `null` where there are none, as Gitea has it.
    pub fn reactions(&self, reactions: &[Reaction]) -> Value {
        if reactions.is_empty() {
            Value::Null
        } else {
            reactions.iter().map(|r| self.reaction(r)).collect()
        }
    }

    /// A pull request; a list shows less of each.
    pub fn pull(
        &self,
        repo: &Repo,
        issue: &Issue,
        pull: &Pull,
        rights: [bool; 3],
        listed: bool,
    ) -> Value {
        let page = self.issue_page(repo, issue);
        let shown = self.repo(repo, rights);
        let head_name = if pull.head_gone {
            format!("refs/pull/{}/head", issue.number)
        } else {
            pull.head.clone()
        };
        let none = if listed { Value::Null } else { json!([]) };
        let mut shape = json!({
            "id": pull.id, "url": page, "number": issue.number, "user": self.user(issue.poster), "title": issue.title,
            "body": issue.body, "labels": self.labels(repo, &issue.labels), "milestone": null, "assignee": null, "assignees": none,
            "requested_reviewers": none, "requested_reviewers_teams": none, "state": state_word(issue),
            "draft": is_draft(&issue.title), "is_locked": false, "comments": issue.comments().count(),
            "additions": pull.additions, "deletions": pull.deletions, "changed_files": pull.changed_files,
            "html_url": page, "diff_url": format!("{page}.diff"), "patch_url": format!("{page}.patch"),
            "mergeable": pull.mergeable && !is_draft(&issue.title), "merged": pull.merged.is_some(),
            "merged_at": pull.merged.as_ref().map(|m| rfc3339(m.at)),
            "merge_commit_sha": pull.merged.as_ref().map(|m| m.sha.as_str()),
            "merged_by": pull.merged.as_ref().map(|m| self.user(m.by)), "allow_maintainer_edit": false,
            "base": {"label": pull.base, "ref": pull.base, "sha": pull.base_sha, "repo_id": repo.id.0, "repo": shown},
            "head": {"label": pull.head, "ref": head_name, "sha": pull.head_sha, "repo_id": repo.id.0, "repo": shown},
            "merge_base": pull.merge_base, "due_date": null, "created_at": rfc3339(issue.created),
            "updated_at": rfc3339(issue.updated), "closed_at": issue.closed.map(rfc3339), "pin_order": 0,
        });
        if let (true, Some(fields)) = (listed, shape.as_object_mut()) {
            for counted in ["additions", "deletions", "changed_files"] {
                fields.shift_remove(counted);
            }
        }
        shape
    }

    pub fn status(&self, repo: &Repo, status: &Status) -> Value {
        json!({
            "id": status.id, "status": status.state, "target_url": status.target_url, "description": status.description,
            "url": format!("{}/statuses/{}", self.api(repo), status.sha), "context": status.context,
            "creator": self.user(status.creator), "created_at": rfc3339(status.created), "updated_at": rfc3339(status.created),
        })
    }

    pub fn hook(&self, hook: &Hook) -> Value {
        json!({
            "id": hook.id, "type": hook.kind, "branch_filter": hook.branch_filter,
            "config": {"content_type": hook.content_type, "url": hook.url}, "events": hook.events,
            "authorization_header": hook.authorization, "active": hook.active,
            "updated_at": rfc3339(hook.updated), "created_at": rfc3339(hook.created),
        })
    }

    /// A commit as lists of commits have it.
    pub fn commit(
        &self,
        repo: &Repo,
        commit: &Commit,
        verification: bool,
        files: bool,
        stat: bool,
    ) -> Value {
        let api = self.api(repo);
        let url = format!("{api}/git/commits/{}", commit.sha);
        let files: Value = if files {
            let word = |letter| match letter {
                'A' => "added",
                'D' => "removed",
                _ => "modified",
            };
            commit
                .files
                .iter()
                .map(|(letter, path)| json!({"filename": path, "status": word(*letter)}))
                .collect()
        } else {
            Value::Null
        };
        let stats = json!({"total": commit.additions + commit.deletions, "additions": commit.additions, "deletions": commit.deletions});
        json!({
            "url": url, "sha": commit.sha, "created": commit.committer.date, "html_url": format!("{}/commit/{}", self.web(repo), commit.sha),
            "commit": {
                "url": url, "author": person(&commit.author), "committer": person(&commit.committer), "message": commit.message,
                "tree": {"url": format!("{api}/git/trees/{}", commit.sha), "sha": commit.sha, "created": commit.committer.date},
                "verification": if verification { unsigned() } else { Value::Null },
            },
            "author": self.by_email(&commit.author.email), "committer": self.by_email(&commit.committer.email),
            "parents": self.parents(repo, commit), "files": files, "stats": if stat { stats } else { Value::Null },
        })
    }

    pub fn parents(&self, repo: &Repo, commit: &Commit) -> Value {
        let parent = |sha: &String| json!({"url": format!("{}/git/commits/{sha}", self.api(repo)), "sha": sha, "created": NEVER});
        commit.parents.iter().map(parent).collect()
    }

    fn by_email(&self, email: &str) -> Value {
        self.world
            .users
            .values()
            .find(|u| !u.organisation && u.email.eq_ignore_ascii_case(email))
            .map_or(Value::Null, |u| self.user(u.id))
    }

    fn payload_person(&self, person: &Person) -> Value {
        let account = self
            .world
            .users
            .values()
            .find(|u| !u.organisation && u.email.eq_ignore_ascii_case(&person.email));
        json!({"name": person.name, "email": person.email, "username": account.map_or("", |u| u.login.as_str())})
    }

    /// A commit as branches and webhooks have it; branches tell neither files nor have they looked.
    pub fn payload_commit(&self, repo: &Repo, commit: &Commit, in_branch: bool) -> Value {
        let files = |letter| {
            if in_branch {
                Value::Null
            } else {
                json!(commit.paths(letter))
            }
        };
        let modified: Vec<&str> = commit
            .files
            .iter()
            .filter(|(l, _)| !matches!(l, 'A' | 'D'))
            .map(|(_, p)| p.as_str())
            .collect();
        json!({
            "id": commit.sha, "message": commit.message, "url": format!("{}/commit/{}", self.web(repo), commit.sha),
            "author": self.payload_person(&commit.author), "committer": self.payload_person(&commit.committer),
            "verification": if in_branch { unsigned() } else { Value::Null }, "timestamp": commit.author.date,
            "added": files('A'), "removed": files('D'), "modified": if in_branch { Value::Null } else { json!(modified) },
        })
    }

    pub fn branch(&self, repo: &Repo, name: &str, commit: &Commit, may_push: bool) -> Value {
        json!({
            "name": name, "commit": self.payload_commit(repo, commit, true), "protected": false, "required_approvals": 0,
            "enable_status_check": false, "status_check_contexts": [], "user_can_push": may_push, "user_can_merge": may_push,
            "effective_branch_protection_name": "",
        })
    }

    pub fn changed_file(&self, repo: &Repo, file: &FileDiff, at: &str) -> Value {
        let (web, api, path) = (self.web(repo), self.api(repo), escaped(&file.path));
        let word = match file.letter {
            'A' => "added",
            'D' => "deleted",
            _ => "changed",
        };
        json!({
            "filename": file.path, "status": word, "additions": file.additions, "deletions": file.deletions,
            "changes": file.additions + file.deletions, "html_url": format!("{web}/src/commit/{at}/{path}"),
            "contents_url": format!("{api}/contents/{path}?ref={at}"), "raw_url": format!("{web}/raw/commit/{at}/{path}"),
        })
    }
}

pub fn unsigned() -> Value {
    json!({"verified": false, "reason": "gpg.error.not_signed_commit", "signature": "", "signer": null, "payload": ""})
}

pub fn person(person: &Person) -> Value {
    json!({"name": person.name, "email": person.email, "date": person.date})
}

pub fn state_word(issue: &Issue) -> &'static str {
    if issue.open { "open" } else { "closed" }
}

/// Gitea takes these title prefixes as "work in progress".
pub fn is_draft(title: &str) -> bool {
    ["WIP:", "[WIP]"].iter().any(|prefix| {
        title
            .get(..prefix.len())
            .is_some_and(|t| t.eq_ignore_ascii_case(prefix))
    })
}

/// A path as part of a URL.
pub fn escaped(path: &str) -> String {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    const KEPT: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'/')
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~')
        .remove(b'+');
    utf8_percent_encode(path, KEPT).to_string()
}

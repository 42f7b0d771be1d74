//! Who did what, as Gitea remembers it: kept for the one who did it, for the organisation, and for those who watch the repository.

use super::Shared;
use super::access::Asker;
use super::answer::{Answer, No, Paging, counted, go_json, query};
use super::git::ZERO;
use super::history::Commit;
use super::show::Show;
use super::state::{Access, Issue, Repo, RepoId, Seconds, Unit, UserId, World, now, rfc3339};
use axum::extract::{Path, State};
use axum::http::Uri;
use serde::Deserialize;
use serde_json::{Value, json};

/// Of a push, so many commits are told one by one.
pub const TOLD: usize = 5;
/// Of a comment, so much is told.
const WIDTH: usize = 200;

/// One act, as one account sees it.
#[derive(Clone)]
pub struct Act {
    pub id: i64,
    /// Whose list it is in.
    pub reader: UserId,
    pub by: UserId,
    /// As the API names it.
    pub what: &'static str,
    pub repo: RepoId,
    pub reference: String,
    pub content: String,
    pub private: bool,
    /// The timeline's entry, or 0.
    pub comment: i64,
    pub at: Seconds,
}

impl World {
    /// Remembers an act on a reference; `content` is empty or tells of a push.
    pub fn act_on(
        &mut self,
        repo: RepoId,
        by: UserId,
        what: &'static str,
        reference: &str,
        content: String,
    ) {
        self.remember(repo, by, (what, reference, 0), content);
    }

    /// Remembers an act on an issue or a pull request, named as it is on each; `text` stands behind the number.
    pub fn act_in(
        &mut self,
        (repo, number): (RepoId, i64),
        by: UserId,
        [on_issue, on_pull]: [&'static str; 2],
        text: &str,
        comment: i64,
    ) {
        let issue = self.repos.get(&repo).and_then(|r| r.issues.get(&number));
        let Some(issue) = issue else { return };
        let what = if issue.pull.is_some() {
            on_pull
        } else {
            on_issue
        };
        self.remember(repo, by, (what, "", comment), format!("{number}|{text}"));
    }

    fn remember(
        &mut self,
        id: RepoId,
        by: UserId,
        (what, reference, comment): (&'static str, &str, i64),
        content: String,
    ) {
        let Some(repo) = self.repos.get(&id) else {
            return;
        };
        let (private, owner) = (repo.private, repo.owner);
        let mut readers = vec![by];
        if self.user(owner).organisation {
            readers.push(owner);
        }
        readers.extend(repo.creator.filter(|watcher| *watcher != by));
        for reader in readers {
            let act = Act {
                id: self.ids.next("act"),
                reader,
                by,
                what,
                repo: id,
                reference: reference.into(),
                content: content.clone(),
                private,
                comment,
                at: now(),
            };
            self.acts.push(act);
        }
    }

    /// What was done to a comment that is gone is gone with it.
    pub fn forget_comment(&mut self, comment: i64) {
        self.acts.retain(|act| act.comment != comment);
        self.attachments.retain(|file| file.comment != comment);
    }
}

/// What is told of a push: its commits, newest first, and where the branch is now. `from` is what the new head is compared
/// with, empty for nothing.
pub fn pushed(full_name: &str, commits: &[Commit], head: &Commit, from: &str) -> String {
    let told: Vec<Value> = commits.iter().take(TOLD).map(commit).collect();
    let compare = match from {
        "" | ZERO => String::new(),
        from => format!("{full_name}/compare/{from}...{}", head.sha),
    };
    let content = json!({"Commits": told, "HeadCommit": commit(head), "CompareURL": compare, "Len": commits.len()});
    go_json(content.to_string())
}

/// What is told of a tag; of one that is gone, nothing.
pub fn tagged(full_name: &str, head: Option<&Commit>) -> String {
    let compare = head.map_or_else(String::new, |head| {
        format!("{full_name}/compare/{ZERO}...{}", head.sha)
    });
    let head = head.map(commit);
    let content = json!({"Commits": null, "HeadCommit": head, "CompareURL": compare, "Len": 0});
    go_json(content.to_string())
}

fn commit(commit: &Commit) -> Value {
    json!({
        "Sha1": commit.sha, "Message": commit.message, "AuthorEmail": commit.author.email, "AuthorName": commit.author.name,
        "CommitterEmail": commit.committer.email, "CommitterName": commit.committer.name, "Timestamp": commit.author.date,
    })
}

/// The beginning of a comment; a word that was cut goes whole, where it is short.
pub fn beginning(text: &str) -> String {
    if text.len() <= WIDTH {
        return text.into();
    }
    // Gitea counts what is not of a narrow script twice, roughly.
    let width = |c: char| if c.is_ascii() { 1 } else { 2 };
    let mut used = 0;
    let fits = |c: &char| {
        used += width(*c);
        used + 3 <= WIDTH
    };
    let mut cut: String = text.chars().take_while(fits).collect();
    cut.push('…');
    match cut.rfind(' ') {
        Some(space) if cut.len() - space < 15 => format!("{}…", &cut[..space]),
        _ => cut,
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Wanted {
    #[serde(rename = "only-performed-by")]
    only_by: String,
    date: String,
}

impl Wanted {
    /// Gitea takes what is no date for none.
    fn allows(&self, act: &Act) -> bool {
        let day = self.date.parse::<jiff::civil::Date>().ok();
        day.is_none_or(|day| rfc3339(act.at).starts_with(&day.to_string()))
            && (!matches!(
                self.only_by.as_str(),
                "1" | "t" | "T" | "true" | "TRUE" | "True" | "on"
            ) || act.by == act.reader)
    }
}

pub async fn of_user(
    State(shared): State<Shared>,
    asker: Asker,
    Path(login): Path<String>,
    uri: Uri,
) -> Answer {
    let world = shared.world();
    let gone = || No::because(404, format!("user redirect does not exist [name: {login}]"));
    let reader = world.user_named(&login).ok_or_else(gone)?.id;
    let (wanted, paging): (Wanted, Paging) = (query(&uri), query(&uri));
    let confided = asker
        .user
        .is_some_and(|user| user == reader || world.user(user).admin);
    let open = |act: &Act| {
        let repo = world.repos.get(&act.repo);
        repo.is_some_and(|repo| world.access(repo, asker.user, Unit::Code) >= Access::Read)
    };
    let acts: Vec<&Act> = world
        .acts
        .iter()
        .rev()
        .filter(|act| act.reader == reader && wanted.allows(act))
        .filter(|act| world.repos.contains_key(&act.repo))
        .filter(|act| confided || (!act.private && open(act)))
        .collect();
    let (total, show) = (acts.len(), shared.show(&world, asker.user));
    let page: Vec<Value> = paging
        .cut(acts)
        .into_iter()
        .map(|act| shape(&show, act))
        .collect();
    Ok(counted(total, &json!(page)))
}

fn shape(show: &Show, act: &Act) -> Value {
    let repo = show.world.repos.get(&act.repo);
    let of = |(repo, issue): (&Repo, &Issue)| {
        let entry = issue.timeline.iter().find(|e| e.id == act.comment)?;
        let mut comment = show.comment(repo, issue, entry);
        // Gitea does not look up who wrote it here.
        comment["user"] = Value::Null;
        Some(comment)
    };
    let comment = repo
        .filter(|_| act.comment != 0)
        .and_then(|repo| repo.issues.values().find_map(|issue| of((repo, issue))));
    json!({
        "id": act.id, "user_id": act.reader.0, "op_type": act.what, "act_user_id": act.by.0, "act_user": show.user(act.by),
        "repo_id": act.repo.0, "repo": repo.map(|repo| show.repo_for(repo, show.reader)),
        "comment_id": if comment.is_some() { act.comment } else { 0 }, "comment": comment, "ref_name": act.reference,
        "is_private": act.private, "content": act.content, "created": rfc3339(act.at),
    })
}

//! Files at comments.

use super::Shared;
use super::access::{Asker, seen};
use super::answer::{Answer, No, query, reply};
use super::comments::{attached, entry_mut, find};
use super::deliver::uuid;
use super::issues::unit_of;
use super::show::Show;
use super::state::{Access, Entry, Issue, Repo, RepoId, Seconds, UserId, World, now, rfc3339};
use axum::extract::multipart::{Multipart, MultipartRejection};
use axum::extract::{Path, State};
use axum::http::{Uri, header};
use axum::response::IntoResponse;
use serde::Deserialize;
use serde_json::{Value, json};

type OwnerNameId = Path<(String, String, i64)>;

/// A file at a comment.
pub struct Attachment {
    id: i64,
    uuid: String,
    pub comment: i64,
    name: String,
    content: Vec<u8>,
    created: Seconds,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Named {
    name: String,
}

impl Show<'_> {
    /// The files at a comment.
    pub fn attachments(&self, comment: i64) -> Vec<Value> {
        let there = self.world.attachments.iter();
        let there = there.filter(|it| it.comment == comment);
        there.map(|it| self.attachment(it)).collect()
    }

    fn attachment(&self, it: &Attachment) -> Value {
        json!({
            "id": it.id, "name": it.name, "size": it.content.len(), "download_count": 0, "created_at": rfc3339(it.created),
            "uuid": it.uuid, "browser_download_url": format!("{}/attachments/{}", self.url, it.uuid),
        })
    }
}

pub async fn list(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name, id)): OwnerNameId,
) -> Answer {
    let world = shared.world();
    commented(&world, asker, &owner, &name, id)?;
    let shown = shared.show(&world, asker.user).attachments(id);
    Ok(reply(200, &json!(shown)))
}

pub async fn create(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name, id)): OwnerNameId,
    uri: Uri,
    form: Result<Multipart, MultipartRejection>,
) -> Answer {
    {
        let world = shared.world();
        may_write(&world, asker, &owner, &name, id)?;
    }
    let (named, content) = read(form).await.ok_or_else(|| No::because(500, ""))?;
    let Named { name: other } = query(&uri);
    let file = if other.is_empty() { named } else { other };
    if !ALLOWED.iter().any(|ending| file.ends_with(ending)) {
        return Err(No::because(422, FORBIDDEN));
    }
    let mut world = shared.world();
    let (repo, number, user) = may_write(&world, asker, &owner, &name, id)?;
    let attachment = Attachment {
        id: world.ids.next("attachment"),
        uuid: uuid(),
        comment: id,
        name: file,
        content,
        created: now(),
    };
    let shown = shared.show(&world, asker.user).attachment(&attachment);
    world.attachments.push(attachment);
    entry_mut(&mut world, repo, number, id)?.updated = now();
    attached(&shared, &world, (repo, number), id, user);
    Ok(reply(201, &shown))
}

/// What may be attached, of what Gitea allows by default.
const ALLOWED: [&str; 7] = [".csv", ".gz", ".log", ".png", ".tgz", ".txt", ".zip"];
const FORBIDDEN: &str =
    "This file cannot be uploaded or modified due to a forbidden file extension or type.";

async fn read(form: Result<Multipart, MultipartRejection>) -> Option<(String, Vec<u8>)> {
    let mut form = form.ok()?;
    while let Some(field) = form.next_field().await.ok()? {
        if field.name() == Some("attachment") {
            let name = field.file_name()?.to_owned();
            return Some((name, field.bytes().await.ok()?.to_vec()));
        }
    }
    None
}

/// The comment; of one that is not there nothing is said.
fn commented<'a>(
    world: &'a World,
    asker: Asker,
    owner: &str,
    name: &str,
    id: i64,
) -> Result<(&'a Repo, &'a Issue, &'a Entry), No> {
    let repo = seen(world, asker, owner, name)?;
    let (issue, comment) = find(repo, id).map_err(|_| No::bare(404))?;
    Ok((repo, issue, comment))
}

/// For the comment's author who may write to the issues, and for administrators.
fn may_write(
    world: &World,
    asker: Asker,
    owner: &str,
    name: &str,
    id: i64,
) -> Result<(RepoId, i64, UserId), No> {
    let (repo, issue, comment) = commented(world, asker, owner, name, id)?;
    let user = asker.signed_in()?;
    let access = world.access(repo, Some(user), unit_of(issue));
    let may = access >= Access::Admin || (comment.poster == user && access >= Access::Write);
    match may {
        true => Ok((repo.id, issue.number, user)),
        false => Err(No::because(
            403,
            "user should have permission to edit comment",
        )),
    }
}

/// The file itself, for those who can read the comment.
pub async fn download(
    State(shared): State<Shared>,
    asker: Asker,
    Path(wanted): Path<String>,
) -> Answer {
    let world = shared.world();
    let mut files = world.attachments.iter();
    let file = files.find(|it| it.uuid == wanted);
    let file = file.ok_or_else(No::not_found)?;
    let at = |repo: &&Repo| find(repo, file.comment).is_ok();
    let repo = world.repos.values().find(at).ok_or_else(No::not_found)?;
    let (issue, _) = find(repo, file.comment)?;
    if world.access(repo, asker.user, unit_of(issue)) < Access::Read {
        return Err(No::not_found());
    }
    let content = file.content.clone();
    Ok((
        [(header::CONTENT_TYPE, "application/octet-stream")],
        content,
    )
        .into_response())
}

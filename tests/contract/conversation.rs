//! What Gavel and the lab ask of a forge, as one conversation, with the refusals that they rely on.

use super::talk::Who::{Impostor, Nobody, Password, User};
use super::talk::{Step, step};
use reqwest::Method;
use serde_json::json;

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;
const PATCH: Method = Method::PATCH;
const DELETE: Method = Method::DELETE;

/// The secret with which the conversation's webhooks are signed.
pub const SECRET: &str = "s3cret";

/// Which deliveries the conversation causes, as `Delivery::kind` names them.
pub const DELIVERIES: [&str; 14] = [
    "issues-opened",
    "issues-closed",
    "issue_label-label_updated",
    "issue_comment-created",
    "issue_comment-edited",
    "issue_comment-deleted",
    "pull_request-opened",
    "pull_request_sync-synchronized",
    "pull_request_comment-created",
    "pull_request-closed",
    "pull_request-reopened",
    "push-main",
    "status-pending",
    "status-success",
];

const ADMIN: super::talk::Who = User("{admin}");
/// Site account without any right of its own; a collaborator who may write; one who is the repository's admin; a member.
const PEOPLE: [&str; 4] = [
    "contract-stranger",
    "contract-writer",
    "contract-judge",
    "contract-member",
];
const STRANGER: super::talk::Who = User("contract-stranger");
const WRITER: super::talk::Who = User("contract-writer");
const JUDGE: super::talk::Who = User("contract-judge");
const MEMBER: super::talk::Who = User("contract-member");

const REPO: &str = "/repos/contract/recipe";

fn repo(rest: &str) -> String {
    format!("{REPO}{rest}")
}

/// The whole of it. Needs the variables `admin`, `password-{admin}` and `receiver`, and a server without these names.
pub fn conversation() -> Vec<Step> {
    [
        accounts(),
        organisation(),
        repository(),
        rights(),
        hooks(),
        contents(),
        issues(),
        pulls(),
        statuses(),
        endings(),
        mistakes(),
        feeds(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn accounts() -> Vec<Step> {
    let mut steps = vec![
        step("version", Nobody, GET, "/version"),
        step(
            "create-admin-token",
            Password("{admin}"),
            POST,
            "/users/{admin}/tokens",
        )
        .body(json!({"name": "contract", "scopes": ["all"]}))
        .keep("token-{admin}", "/sha1"),
        step("user-without-token", Nobody, GET, "/user"),
        step("user-with-wrong-token", Impostor, GET, "/user"),
        step("user-admin", ADMIN, GET, "/user"),
    ];
    for login in PEOPLE {
        steps.push(step("create-user", ADMIN, POST, "/admin/users").body(json!({
            "username": login, "email": format!("{login}@example.org"), "password": "contract-password",
            "must_change_password": false,
        })));
    }
    steps.extend([
        step("create-user-again", ADMIN, POST, "/admin/users").body(json!({
            "username": "contract-writer", "email": "other@example.org", "password": "contract-password",
            "must_change_password": false,
        })),
        step("create-token", Password("contract-stranger"), POST, "/users/contract-stranger/tokens")
            .body(json!({"name": "contract", "scopes": ["write:issue", "write:repository", "write:organization", "write:user"]}))
            .keep("token-contract-stranger", "/sha1"),
        step("create-token", Password("contract-writer"), POST, "/users/contract-writer/tokens")
            .body(json!({"name": "contract", "scopes": ["all"]}))
            .keep("token-contract-writer", "/sha1"),
        step("create-token", Password("contract-judge"), POST, "/users/contract-judge/tokens")
            .body(json!({"name": "contract", "scopes": ["all"]}))
            .keep("token-contract-judge", "/sha1"),
        step("create-token", Password("contract-member"), POST, "/users/contract-member/tokens")
            .body(json!({"name": "contract", "scopes": ["all"]}))
            .keep("token-contract-member", "/sha1"),
        step("create-token-again", Password("contract-writer"), POST, "/users/contract-writer/tokens")
            .body(json!({"name": "contract", "scopes": ["all"]})),
        step("create-token-with-token", WRITER, POST, "/users/contract-writer/tokens")
            .body(json!({"name": "other", "scopes": ["all"]})),
        step("create-token-without-scopes", Password("contract-writer"), POST, "/users/contract-writer/tokens")
            .body(json!({"name": "bare"})),
        step("create-user-as-writer", WRITER, POST, "/admin/users").body(json!({
            "username": "contract-other", "email": "contract-other@example.org", "password": "contract-password",
            "must_change_password": false,
        })),
        step("user", WRITER, GET, "/user"),
        step("notifications-without-scope", STRANGER, GET, "/notifications/new"),
        step("notifications", WRITER, GET, "/notifications/new"),
        step("notifications-as-nobody", Nobody, GET, "/notifications/new"),
        step("user-with-password", Password("contract-writer"), GET, "/user"),
        step("get-user", WRITER, GET, "/users/contract-stranger"),
        step("get-user-unknown", WRITER, GET, "/users/contract-nobody"),
    ]);
    steps
}

fn organisation() -> Vec<Step> {
    vec![
        step("create-organisation", ADMIN, POST, "/orgs")
            .body(json!({"username": "contract", "visibility": "public"})),
        step("create-organisation-again", ADMIN, POST, "/orgs")
            .body(json!({"username": "contract"})),
        step("get-organisation", WRITER, GET, "/orgs/contract"),
        step("create-team", ADMIN, POST, "/orgs/contract/teams")
            .body(json!({
                "name": "writers", "permission": "write", "includes_all_repositories": true,
                "units": ["repo.code", "repo.issues", "repo.pulls"],
            }))
            .keep("team", "/id"),
        step("list-teams", ADMIN, GET, "/orgs/contract/teams"),
        step(
            "add-team-member",
            ADMIN,
            PUT,
            "/teams/{team}/members/contract-member",
        ),
        step(
            "team-member-yes",
            ADMIN,
            GET,
            "/teams/{team}/members/contract-member",
        ),
        step(
            "team-member-no",
            ADMIN,
            GET,
            "/teams/{team}/members/contract-stranger",
        ),
        step(
            "member-yes-asked-by-member",
            MEMBER,
            GET,
            "/orgs/contract/members/contract-member",
        ),
        step(
            "member-no-asked-by-member",
            MEMBER,
            GET,
            "/orgs/contract/members/contract-stranger",
        ),
        step(
            "member-yes-asked-by-admin",
            ADMIN,
            GET,
            "/orgs/contract/members/contract-member",
        ),
        step(
            "member-no-asked-by-admin",
            ADMIN,
            GET,
            "/orgs/contract/members/contract-stranger",
        ),
        step(
            "member-yes-asked-by-stranger",
            STRANGER,
            GET,
            "/orgs/contract/members/contract-member",
        ),
        step(
            "member-no-asked-by-stranger",
            STRANGER,
            GET,
            "/orgs/contract/members/contract-writer",
        ),
        step(
            "member-self-asked-by-stranger",
            STRANGER,
            GET,
            "/orgs/contract/members/contract-stranger",
        ),
        step(
            "member-asked-by-nobody",
            Nobody,
            GET,
            "/orgs/contract/members/contract-member",
        ),
        step(
            "member-unknown-user",
            MEMBER,
            GET,
            "/orgs/contract/members/contract-nobody",
        ),
        step(
            "public-member-no",
            STRANGER,
            GET,
            "/orgs/contract/public_members/contract-member",
        ),
        step(
            "member-unknown-organisation",
            MEMBER,
            GET,
            "/orgs/contract-none/members/contract-member",
        ),
    ]
}

fn repository() -> Vec<Step> {
    let new =
        json!({"name": "recipe", "auto_init": true, "default_branch": "main", "private": false});
    vec![
        step("create-repository", ADMIN, POST, "/orgs/contract/repos").body(new.clone()),
        step(
            "create-repository-again",
            ADMIN,
            POST,
            "/orgs/contract/repos",
        )
        .body(new.clone()),
        step(
            "create-repository-as-stranger",
            STRANGER,
            POST,
            "/orgs/contract/repos",
        )
        .body(new),
        step("create-own-repository", WRITER, POST, "/user/repos")
            .body(json!({"name": "own", "auto_init": true})),
        step("get-repository", WRITER, GET, REPO),
        step("get-repository-as-nobody", Nobody, GET, REPO),
        step(
            "get-repository-unknown",
            WRITER,
            GET,
            "/repos/contract/none",
        ),
        step(
            "list-organisation-repositories",
            WRITER,
            GET,
            "/orgs/contract/repos?page=1&limit=10",
        ),
    ]
}

fn rights() -> Vec<Step> {
    let collaborator = |login: &str| repo(&format!("/collaborators/{login}"));
    let permission = |login: &str| repo(&format!("/collaborators/{login}/permission"));
    vec![
        step(
            "add-collaborator",
            ADMIN,
            PUT,
            &collaborator("contract-writer"),
        )
        .body(json!({"permission": "write"})),
        step(
            "add-collaborator",
            ADMIN,
            PUT,
            &collaborator("contract-judge"),
        )
        .body(json!({"permission": "admin"})),
        step(
            "add-collaborator-unknown",
            ADMIN,
            PUT,
            &collaborator("contract-nobody"),
        )
        .body(json!({"permission": "write"})),
        step(
            "add-collaborator-as-writer",
            WRITER,
            PUT,
            &collaborator("contract-stranger"),
        )
        .body(json!({"permission": "write"})),
        step(
            "collaborator-yes",
            WRITER,
            GET,
            &collaborator("contract-writer"),
        ),
        step(
            "collaborator-no",
            WRITER,
            GET,
            &collaborator("contract-stranger"),
        ),
        step(
            "collaborator-only-by-team",
            WRITER,
            GET,
            &collaborator("contract-member"),
        ),
        step(
            "collaborator-asked-by-stranger",
            STRANGER,
            GET,
            &collaborator("contract-writer"),
        ),
        step(
            "collaborator-asked-by-nobody",
            Nobody,
            GET,
            &collaborator("contract-writer"),
        ),
        step(
            "collaborator-unknown-user",
            WRITER,
            GET,
            &collaborator("contract-nobody"),
        ),
        step(
            "permission-of-writer-asked-by-admin",
            JUDGE,
            GET,
            &permission("contract-writer"),
        ),
        step(
            "permission-of-admin-asked-by-admin",
            JUDGE,
            GET,
            &permission("contract-judge"),
        ),
        step(
            "permission-of-stranger-asked-by-admin",
            JUDGE,
            GET,
            &permission("contract-stranger"),
        ),
        step(
            "permission-by-team-asked-by-admin",
            JUDGE,
            GET,
            &permission("contract-member"),
        ),
        step(
            "permission-of-site-admin-asked-by-admin",
            JUDGE,
            GET,
            &permission("{admin}"),
        ),
        step(
            "permission-of-unknown-asked-by-admin",
            JUDGE,
            GET,
            &permission("contract-nobody"),
        ),
        step(
            "permission-of-other-asked-by-writer",
            WRITER,
            GET,
            &permission("contract-judge"),
        ),
        step(
            "permission-of-self-asked-by-writer",
            WRITER,
            GET,
            &permission("contract-writer"),
        ),
        step(
            "permission-asked-by-nobody",
            Nobody,
            GET,
            &permission("contract-writer"),
        ),
    ]
}

fn hooks() -> Vec<Step> {
    let events = [
        "issue_comment",
        "issues",
        "pull_request",
        "push",
        "status",
        "pull_request_comment",
        "pull_request_sync",
        "issue_label",
    ];
    let new = json!({
        "type": "gitea", "active": true, "branch_filter": "*",
        "events": events,
        "config": {"url": "{receiver}/hook", "content_type": "json", "secret": SECRET},
    });
    vec![
        step("create-hook", JUDGE, POST, &repo("/hooks"))
            .body(new.clone())
            .keep("hook", "/id"),
        step("create-hook-as-writer", WRITER, POST, &repo("/hooks")).body(new),
        step("list-hooks", JUDGE, GET, &repo("/hooks")),
        step("list-hooks-as-writer", WRITER, GET, &repo("/hooks")),
        step("get-hook", JUDGE, GET, &repo("/hooks/{hook}")),
        step("edit-hook", JUDGE, PATCH, &repo("/hooks/{hook}"))
            .body(json!({"active": true, "events": events})),
    ]
}

fn contents() -> Vec<Step> {
    vec![
        step("create-file", WRITER, POST, &repo("/contents/compose.yml"))
            .body(json!({"content": "dmVyc2lvbjogIjMuOCIK", "message": "Add compose.yml", "branch": "main"}))
            .keep("file-sha", "/content/sha")
            .keep("main-sha", "/commit/sha"),
        step("create-file-again", WRITER, POST, &repo("/contents/compose.yml"))
            .body(json!({"content": "dmVyc2lvbjogIjMuOCIK", "message": "Again", "branch": "main"})),
        step("update-file-new-branch", WRITER, PUT, &repo("/contents/compose.yml"))
            .body(json!({
                "content": "dmVyc2lvbjogIjMuOSIK", "message": "Raise the version", "branch": "main",
                "new_branch": "raise", "sha": "{file-sha}",
            }))
            .keep("raised-file-sha", "/content/sha")
            .keep("raised-sha", "/commit/sha"),
        step("update-file-wrong-sha", WRITER, PUT, &repo("/contents/compose.yml"))
            .body(json!({"content": "eAo=", "message": "x", "branch": "main", "sha": "0000000000000000000000000000000000000000"})),
        step("change-files-new-branch", WRITER, POST, &repo("/contents")).body(json!({
            "message": "Two files", "branch": "main", "new_branch": "two-files",
            "files": [
                {"operation": "create", "path": "a.txt", "content": "YQo="},
                {"operation": "create", "path": "b/c.txt", "content": "Ywo="},
            ],
        })),
        step("create-file-as-stranger", STRANGER, POST, &repo("/contents/x.txt"))
            .body(json!({"content": "eAo=", "message": "x", "branch": "main"})),
        step("create-file-existing-new-branch", WRITER, POST, &repo("/contents/y.txt"))
            .body(json!({"content": "eAo=", "message": "y", "branch": "main", "new_branch": "raise"})),
        step("get-file", WRITER, GET, &repo("/contents/compose.yml?ref=main")),
        step("get-folder", WRITER, GET, &repo("/contents/?ref=main")),
        step("get-file-unknown", WRITER, GET, &repo("/contents/none.yml?ref=main")),
        step("get-file-raw", WRITER, GET, &repo("/raw/compose.yml?ref=raise")),
        step("list-branches", WRITER, GET, &repo("/branches?page=1&limit=50")),
        step("get-branch", WRITER, GET, &repo("/branches/raise")),
        step("get-branch-unknown", WRITER, GET, &repo("/branches/none")),
        step("create-branch", WRITER, POST, &repo("/branches"))
            .body(json!({"new_branch_name": "spare", "old_ref_name": "main"})),
        step("create-branch-with-slash", WRITER, POST, &repo("/branches"))
            .body(json!({"new_branch_name": "gavel/run-1", "old_ref_name": "raise"})),
        step("create-branch-again", WRITER, POST, &repo("/branches"))
            .body(json!({"new_branch_name": "spare", "old_ref_name": "main"})),
        step("create-branch-as-stranger", STRANGER, POST, &repo("/branches"))
            .body(json!({"new_branch_name": "strange", "old_ref_name": "main"})),
        step("get-branch-with-slash", WRITER, GET, &repo("/branches/gavel/run-1")),
        step("delete-branch-with-slash", WRITER, DELETE, &repo("/branches/gavel/run-1")),
        step("delete-branch-unknown", WRITER, DELETE, &repo("/branches/none")),
        step("delete-branch-as-stranger", STRANGER, DELETE, &repo("/branches/spare")),
        step("delete-branch-default", WRITER, DELETE, &repo("/branches/main")),
        step("list-commits", WRITER, GET, &repo("/commits?sha=raise&page=1&limit=10")),
        step("get-commit", WRITER, GET, &repo("/git/commits/{raised-sha}")),
    ]
}

/// A form with one file.
const FORM: &str = "multipart/form-data; boundary=here";
const FILE: &str = "--here\r\nContent-Disposition: form-data; name=\"attachment\"; filename=\"a.tar.gz\"\r\n\
    Content-Type: application/octet-stream\r\n\r\nwhat was seen\r\n--here--\r\n";

fn issues() -> Vec<Step> {
    let comments = repo("/issues/1/comments");
    let files = repo("/issues/comments/{first}/assets");
    vec![
        step("create-issue", JUDGE, POST, &repo("/issues"))
            .body(json!({"title": "Verify the upgrade flow", "body": "Run `/verify all` here."})),
        step("create-issue-without-title", JUDGE, POST, &repo("/issues"))
            .body(json!({"body": "x"})),
        step("get-issue", STRANGER, GET, &repo("/issues/1")),
        step("get-issue-unknown", STRANGER, GET, &repo("/issues/99")),
        step("list-comments-none", STRANGER, GET, &comments),
        step("create-comment", WRITER, POST, &comments)
            .body(json!({"body": "/verify V1 V2"}))
            .keep("first", "/id"),
        step("create-comment-as-stranger", STRANGER, POST, &comments)
            .body(json!({"body": "/verify V1"}))
            .keep("second", "/id"),
        step("create-comment-as-nobody", Nobody, POST, &comments)
            .body(json!({"body": "/verify V1"})),
        step("create-comment-empty", WRITER, POST, &comments).body(json!({"body": ""})),
        step("create-comment-without-body", WRITER, POST, &comments).body(json!({})),
        step(
            "create-comment-unknown-issue",
            WRITER,
            POST,
            &repo("/issues/99/comments"),
        )
        .body(json!({"body": "x"})),
        step(
            "get-comment",
            STRANGER,
            GET,
            &repo("/issues/comments/{first}"),
        ),
        step(
            "get-comment-unknown",
            STRANGER,
            GET,
            &repo("/issues/comments/999999"),
        ),
        step(
            "edit-own-comment",
            STRANGER,
            PATCH,
            &repo("/issues/comments/{second}"),
        )
        .body(json!({"body": "/verify V2"})),
        step(
            "edit-others-comment-as-writer",
            WRITER,
            PATCH,
            &repo("/issues/comments/{second}"),
        )
        .body(json!({"body": "/verify V9"})),
        step(
            "edit-others-comment-as-stranger",
            STRANGER,
            PATCH,
            &repo("/issues/comments/{first}"),
        )
        .body(json!({"body": "mine"})),
        step(
            "edit-comment-unknown",
            WRITER,
            PATCH,
            &repo("/issues/comments/999999"),
        )
        .body(json!({"body": "x"})),
        step("list-files-none", STRANGER, GET, &files),
        step("attach", WRITER, POST, &files).raw(FORM, FILE),
        step(
            "attach-under-another-name",
            WRITER,
            POST,
            &(files.clone() + "?name=b.tar.gz"),
        )
        .raw(FORM, FILE),
        step(
            "attach-program",
            WRITER,
            POST,
            &(files.clone() + "?name=b.exe"),
        )
        .raw(FORM, FILE),
        step("attach-to-others-comment", STRANGER, POST, &files).raw(FORM, FILE),
        step("attach-without-file", WRITER, POST, &files).body(json!({})),
        step(
            "attach-to-unknown-comment",
            WRITER,
            POST,
            &repo("/issues/comments/999999/assets"),
        )
        .raw(FORM, FILE),
        step("list-files", STRANGER, GET, &files),
        step("list-comments", STRANGER, GET, &comments),
        step(
            "list-comments-page-is-ignored",
            STRANGER,
            GET,
            &format!("{comments}?page=2&limit=1"),
        ),
        step(
            "list-comments-since",
            STRANGER,
            GET,
            &format!("{comments}?since=2000-01-01T00:00:00Z"),
        ),
        step(
            "list-comments-since-later",
            STRANGER,
            GET,
            &format!("{comments}?since=2999-01-01T00:00:00Z"),
        ),
        step(
            "list-comments-bad-since",
            STRANGER,
            GET,
            &format!("{comments}?since=yesterday"),
        ),
        step(
            "list-comments-unknown-issue",
            STRANGER,
            GET,
            &repo("/issues/99/comments"),
        ),
        step(
            "list-repository-comments",
            STRANGER,
            GET,
            &repo("/issues/comments?page=1&limit=1"),
        ),
        step(
            "react",
            WRITER,
            POST,
            &repo("/issues/comments/{first}/reactions"),
        )
        .body(json!({"content": "eyes"})),
        step(
            "react-again",
            WRITER,
            POST,
            &repo("/issues/comments/{first}/reactions"),
        )
        .body(json!({"content": "eyes"})),
        step(
            "react-unknown",
            WRITER,
            POST,
            &repo("/issues/comments/{first}/reactions"),
        )
        .body(json!({"content": "not-a-reaction"})),
        step(
            "list-reactions",
            STRANGER,
            GET,
            &repo("/issues/comments/{first}/reactions"),
        ),
        step(
            "list-reactions-none",
            STRANGER,
            GET,
            &repo("/issues/comments/{second}/reactions"),
        ),
        step(
            "remove-reaction",
            WRITER,
            DELETE,
            &repo("/issues/comments/{first}/reactions"),
        )
        .body(json!({"content": "eyes"})),
        step("create-label", JUDGE, POST, &repo("/labels"))
            .body(json!({"name": "verified", "color": "#00aabb"}))
            .keep("label", "/id"),
        step("list-labels", STRANGER, GET, &repo("/labels")),
        step("add-label", JUDGE, POST, &repo("/issues/1/labels"))
            .body(json!({"labels": ["{#label}"]})),
        step(
            "add-label-as-stranger",
            STRANGER,
            POST,
            &repo("/issues/1/labels"),
        )
        .body(json!({"labels": ["{#label}"]})),
        step(
            "remove-label",
            JUDGE,
            DELETE,
            &repo("/issues/1/labels/{label}"),
        ),
        step(
            "list-issues",
            STRANGER,
            GET,
            &repo("/issues?state=all&type=issues&page=1&limit=10"),
        ),
        step("timeline", STRANGER, GET, &repo("/issues/1/timeline")),
        step(
            "delete-others-comment-as-stranger",
            STRANGER,
            DELETE,
            &repo("/issues/comments/{first}"),
        ),
        step(
            "delete-own-comment",
            STRANGER,
            DELETE,
            &repo("/issues/comments/{second}"),
        ),
        step(
            "edit-issue-as-stranger",
            STRANGER,
            PATCH,
            &repo("/issues/1"),
        )
        .body(json!({"state": "closed"})),
        step("close-issue", JUDGE, PATCH, &repo("/issues/1")).body(json!({"state": "closed"})),
        step("reopen-issue", JUDGE, PATCH, &repo("/issues/1")).body(json!({"state": "open"})),
    ]
}

fn pulls() -> Vec<Step> {
    let new = json!({"title": "Raise the version", "head": "raise", "base": "main", "body": "From 3.8 to 3.9."});
    vec![
        step("list-pulls-none", STRANGER, GET, &repo("/pulls?state=all&page=1&limit=50")),
        step("create-pull", WRITER, POST, &repo("/pulls")).body(new.clone()),
        step("create-pull-again", WRITER, POST, &repo("/pulls")).body(new.clone()),
        step("create-pull-as-nobody", Nobody, POST, &repo("/pulls")).body(new),
        step("create-pull-same-branch", WRITER, POST, &repo("/pulls")).body(json!({"title": "x", "head": "main", "base": "main"})),
        step("create-pull-nothing-new", WRITER, POST, &repo("/pulls")).body(json!({"title": "x", "head": "spare", "base": "main"})),
        step("create-pull-unknown-head", WRITER, POST, &repo("/pulls")).body(json!({"title": "x", "head": "none", "base": "main"})),
        step("create-second-pull", STRANGER, POST, &repo("/pulls")).body(json!({"title": "Two files", "head": "two-files", "base": "main"})),
        step("comment-on-pull", STRANGER, POST, &repo("/issues/2/comments")).body(json!({"body": "!testme"})),
        step("list-comments-of-pull", STRANGER, GET, &repo("/issues/2/comments")),
        step("get-pull-as-issue", STRANGER, GET, &repo("/issues/2")),
        step("get-pull", STRANGER, GET, &repo("/pulls/2")),
        step("get-pull-unknown", STRANGER, GET, &repo("/pulls/99")),
        step("get-issue-as-pull", STRANGER, GET, &repo("/pulls/1")),
        step("update-file-of-pull", WRITER, PUT, &repo("/contents/compose.yml"))
            .body(json!({"content": "dmVyc2lvbjogIjQiCg==", "message": "Raise it again", "branch": "raise", "sha": "{raised-file-sha}"}))
            .keep("head-sha", "/commit/sha"),
        step("list-pulls", STRANGER, GET, &repo("/pulls?state=open&page=1&limit=50")),
        step("search-pulls", STRANGER, GET, "/repos/issues/search?type=pulls&state=open&owner=contract&page=1&limit=50"),
        step("search-pulls-of-nobody", STRANGER, GET, "/repos/issues/search?type=pulls&state=open&owner=contract-nobody"),
        step("list-pulls-first-page", STRANGER, GET, &repo("/pulls?state=all&page=1&limit=1")),
        step("list-pulls-after-the-last-page", STRANGER, GET, &repo("/pulls?state=all&page=9&limit=50")),
        step("list-pulls-page-nought", STRANGER, GET, &repo("/pulls?state=all&page=0&limit=50")),
        step("pull-diff", STRANGER, GET, &repo("/pulls/2.diff")),
        step("list-pull-files", STRANGER, GET, &repo("/pulls/2/files")),
        step("list-pull-commits", STRANGER, GET, &repo("/pulls/2/commits")),
        step("is-merged-no", STRANGER, GET, &repo("/pulls/2/merge")),
        step("edit-pull", WRITER, PATCH, &repo("/pulls/2")).body(json!({"title": "Raise the version twice"})),
        step("close-pull-as-stranger", STRANGER, PATCH, &repo("/pulls/2")).body(json!({"state": "closed"})),
    ]
}

fn statuses() -> Vec<Step> {
    let status = |state: &str| {
        json!({
            "state": state, "context": "cc-ci/testme", "description": format!("build is {state}"),
            "target_url": "http://drone.example/recipe-maintainers/cc-ci/37",
        })
    };
    let head = repo("/statuses/{head-sha}");
    vec![
        step(
            "combined-status-none",
            STRANGER,
            GET,
            &repo("/commits/{head-sha}/status"),
        ),
        step(
            "list-statuses-none",
            STRANGER,
            GET,
            &repo("/commits/{head-sha}/statuses"),
        ),
        step("create-status-pending", WRITER, POST, &head).body(status("pending")),
        step(
            "combined-status-pending",
            STRANGER,
            GET,
            &repo("/commits/{head-sha}/status"),
        ),
        step("create-status-failure", WRITER, POST, &head).body(status("failure")),
        step("create-status-success", WRITER, POST, &head).body(status("success")),
        step("create-status-other-context", WRITER, POST, &head)
            .body(json!({"state": "error", "context": "lint", "description": "could not run"})),
        step("create-status-without-context", WRITER, POST, &head)
            .body(json!({"state": "warning"})),
        step("create-status-bad-state", WRITER, POST, &head)
            .body(json!({"state": "green", "context": "x"})),
        step("create-status-as-stranger", STRANGER, POST, &head).body(status("success")),
        step(
            "create-status-unknown-commit",
            WRITER,
            POST,
            &repo("/statuses/0123456789012345678901234567890123456789"),
        )
        .body(status("success")),
        step(
            "combined-status",
            STRANGER,
            GET,
            &repo("/commits/{head-sha}/status"),
        ),
        step(
            "combined-status-of-branch",
            STRANGER,
            GET,
            &repo("/commits/raise/status"),
        ),
        step(
            "combined-status-unknown-commit",
            STRANGER,
            GET,
            &repo("/commits/0123456789012345678901234567890123456789/status"),
        ),
        step(
            "list-statuses",
            STRANGER,
            GET,
            &repo("/commits/{head-sha}/statuses?page=1&limit=50"),
        ),
        step(
            "list-statuses-newest-first",
            STRANGER,
            GET,
            &repo("/statuses/{head-sha}?sort=leastindex&page=1&limit=2"),
        ),
        step(
            "list-statuses-newest-first-second-page",
            STRANGER,
            GET,
            &repo("/statuses/{head-sha}?sort=leastindex&page=2&limit=2"),
        ),
        step(
            "list-statuses-oldest-first",
            STRANGER,
            GET,
            &repo("/statuses/{head-sha}?sort=highestindex"),
        ),
        step(
            "list-statuses-of-state",
            STRANGER,
            GET,
            &repo("/statuses/{head-sha}?state=success"),
        ),
    ]
}

fn endings() -> Vec<Step> {
    vec![
        step("close-pull", WRITER, PATCH, &repo("/pulls/2")).body(json!({"state": "closed"})),
        step(
            "comment-on-closed-pull",
            STRANGER,
            POST,
            &repo("/issues/2/comments"),
        )
        .body(json!({"body": "!testme"})),
        step("reopen-pull", WRITER, PATCH, &repo("/pulls/2")).body(json!({"state": "open"})),
        step("close-pull-again", WRITER, PATCH, &repo("/pulls/2")).body(json!({"state": "closed"})),
        step("get-closed-pull", STRANGER, GET, &repo("/pulls/2")),
        step(
            "delete-branch-of-pull",
            WRITER,
            DELETE,
            &repo("/branches/raise"),
        ),
        step(
            "get-closed-pull-without-branch",
            STRANGER,
            GET,
            &repo("/pulls/2"),
        ),
        step("delete-hook", JUDGE, DELETE, &repo("/hooks/{hook}")),
        step(
            "remove-collaborator",
            ADMIN,
            DELETE,
            &repo("/collaborators/contract-writer"),
        ),
        step(
            "collaborator-removed",
            ADMIN,
            GET,
            &repo("/collaborators/contract-writer"),
        ),
    ]
}

/// What an issue is told of where others name it. Held last, so that nothing else is numbered anew.
pub fn mentions() -> Vec<Step> {
    let issues = repo("/issues");
    let say = |name, body: &str| {
        step(name, STRANGER, POST, &repo("/issues/1/comments")).body(json!({ "body": body }))
    };
    vec![
        step("create-issue-to-be-named", STRANGER, POST, &issues)
            .body(json!({"title": "To be named", "body": "Here."}))
            .keep("named", "/number"),
        say("name-it-in-a-comment", "Left alone: #{named}, as ever."),
        say("name-it-in-code", "Not `#{named}`."),
        say(
            "name-it-where-nobody-sees-it",
            "Nothing.\n\n<!-- #{named} -->",
        ),
        step("name-it-in-a-title", STRANGER, POST, &issues)
            .body(json!({"title": "After #{named}", "body": "There."})),
        step(
            "what-names-it",
            STRANGER,
            GET,
            &repo("/issues/{named}/timeline"),
        ),
    ]
}

/// What the forge remembers of an account of its own, whose acts can be counted.
fn feeds() -> Vec<Step> {
    const FEEDER: super::talk::Who = User("contract-feeder");
    let own = |rest: &str| format!("/repos/contract-feeder/feed{rest}");
    let feed =
        |query: &str| format!("/users/contract-feeder/activities/feeds?page=1&limit=50{query}");
    let own_acts = feed("&only-performed-by=true");
    let long = "one word after the other, ".repeat(20);
    vec![
        step("create-user", ADMIN, POST, "/admin/users").body(json!({
            "username": "contract-feeder", "email": "contract-feeder@example.org", "password": "contract-password",
            "must_change_password": false,
        })),
        step("create-token", Password("contract-feeder"), POST, "/users/contract-feeder/tokens")
            .body(json!({"name": "contract", "scopes": ["all"]}))
            .keep("token-contract-feeder", "/sha1"),
        step("feed-of-nothing", STRANGER, GET, &own_acts),
        step("create-own-repository", FEEDER, POST, "/user/repos")
            .body(json!({"name": "feed", "auto_init": true, "default_branch": "main"})),
        step("feed-of-creation", FEEDER, GET, &own_acts).until(1),
        step("create-file", FEEDER, POST, &own("/contents/a.txt"))
            .body(json!({"content": "YQo=", "message": "Add a <file>", "branch": "main"})),
        step("feed-of-push", FEEDER, GET, &own_acts).until(2),
        step("create-file", FEEDER, POST, &own("/contents/b.txt"))
            .body(json!({"content": "Ygo=", "message": "Add b", "branch": "main", "new_branch": "up"})),
        step("feed-of-new-branch", FEEDER, GET, &own_acts).until(4),
        step("create-branch", FEEDER, POST, &own("/branches"))
            .body(json!({"new_branch_name": "same", "old_ref_name": "main"})),
        step("feed-of-same-branch", FEEDER, GET, &own_acts).until(6),
        step("create-pull", FEEDER, POST, &own("/pulls"))
            .body(json!({"title": "Up | and on", "head": "up", "base": "main"})),
        step("comment-on-pull", FEEDER, POST, &own("/issues/1/comments")).body(json!({"body": long})),
        step("comment-on-pull", FEEDER, POST, &own("/issues/1/comments"))
            .body(json!({"body": "a\nb"}))
            .keep("gone", "/id"),
        step("close-pull", FEEDER, PATCH, &own("/pulls/1")).body(json!({"state": "closed"})),
        step("reopen-pull", FEEDER, PATCH, &own("/pulls/1")).body(json!({"state": "open"})),
        step("feed-of-discussion", FEEDER, GET, &own_acts).until(11),
        step("delete-own-comment", FEEDER, DELETE, &own("/issues/comments/{gone}")),
        step("feed-without-comment", FEEDER, GET, &own_acts),
        step("get-pull", FEEDER, GET, &own("/pulls/1")),
        step("join-pull", FEEDER, POST, &own("/pulls/1/merge")).body(json!({"Do": "merge"})),
        step("feed-of-joining", FEEDER, GET, &own_acts).until(12),
        step("delete-branch", FEEDER, DELETE, &own("/branches/up")),
        step("create-file", FEEDER, POST, &own("/contents/c.txt"))
            .body(json!({"content": "Ywo=", "message": "Add c", "branch": "same"})),
        step("feed-of-deleted-branch", FEEDER, GET, &own_acts).until(14),
        step("create-pull", FEEDER, POST, &own("/pulls"))
            .body(json!({"title": "To be left", "head": "same", "base": "main"})),
        step("delete-branch-of-pull", FEEDER, DELETE, &own("/branches/same")),
        step("feed-of-lost-pull", FEEDER, GET, &own_acts).until(17),
        step("create-issue", FEEDER, POST, &own("/issues")).body(json!({"title": "An issue"})),
        step("close-issue", FEEDER, PATCH, &own("/issues/3")).body(json!({"state": "closed"})),
        step("create-comment", STRANGER, POST, &own("/issues/3/comments")).body(json!({"body": "and I"})),
        step("feed-with-others", FEEDER, GET, &feed("")).until(20),
        step("feed", STRANGER, GET, &own_acts).until(19),
        step("create-private-repository", FEEDER, POST, "/user/repos")
            .body(json!({"name": "hidden", "private": true})),
        step("feed-with-private", FEEDER, GET, &own_acts).until(20),
        step("feed-with-private-as-admin", ADMIN, GET, &own_acts),
        step("feed-without-private", STRANGER, GET, &own_acts),
        step("feed-as-nobody", Nobody, GET, &own_acts),
        step("feed-behind-the-last-page", STRANGER, GET, "/users/contract-feeder/activities/feeds?page=9&limit=50"),
        step("feed-of-another-day", STRANGER, GET, &feed("&date=2000-01-01")),
        step("feed-of-no-day", STRANGER, GET, &feed("&date=yesterday&only-performed-by=true")),
        step("feed-unknown-user", STRANGER, GET, "/users/contract-nobody/activities/feeds"),
    ]
}

fn mistakes() -> Vec<Step> {
    vec![
        step("unknown-path", WRITER, GET, "/no/such/path"),
        step("wrong-method", WRITER, PUT, "/version"),
        step("broken-json", WRITER, POST, &repo("/issues/1/comments"))
            .raw("application/json", "{\"body\": "),
        step("wrong-type", WRITER, POST, &repo("/issues/1/comments"))
            .raw("application/json", "{\"body\": 7}"),
        step(
            "form-instead-of-json",
            WRITER,
            POST,
            &repo("/issues/1/comments"),
        )
        .raw("application/x-www-form-urlencoded", "body=hello"),
        step("settings", Nobody, GET, "/settings/api"),
    ]
}

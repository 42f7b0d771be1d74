//! Which path is answered by what.

use super::answer::with_documentation;
use super::{
    Shared, accounts, branches, comments, contents, hooks, issues, pulls, repos, smart, statuses,
};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use axum::{Router, middleware};
use serde_json::json;

/// The release of Gitea whose answers these are.
const VERSION: &str = "1.25.4";

pub fn all(shared: Shared) -> Router {
    Router::new()
        .nest("/api/v1", api())
        .route("/{owner}/{repo}/info/refs", get(smart::advertise))
        .route("/{owner}/{repo}/git-upload-pack", post(smart::fetch))
        .route("/{owner}/{repo}/git-receive-pack", post(smart::push))
        .fallback(nowhere)
        .layer(middleware::from_fn_with_state(
            shared.clone(),
            with_documentation,
        ))
        .with_state(shared)
}

/// An unknown path, in the API or out of it.
async fn nowhere() -> Response {
    (
        StatusCode::NOT_FOUND,
        [(header::CONTENT_TYPE, "text/plain; charset=utf-8")],
        "404 page not found\n",
    )
        .into_response()
}

fn api() -> Router<Shared> {
    Router::new()
        .merge(site())
        .nest("/repos/{owner}/{repo}", repository().merge(discussion()))
        .route(
            "/repos/{owner}/{repo}",
            get(repos::get).patch(repos::edit).delete(repos::delete),
        )
        .route("/repos/search", get(repos::search))
        .fallback(nowhere)
}

fn site() -> Router<Shared> {
    Router::new()
        .route(
            "/version",
            get(async || answer(json!({"version": VERSION}))),
        )
        .route("/settings/api", get(settings))
        .route("/user", get(accounts::current_user))
        .route("/user/repos", get(repos::own).post(repos::create_for_user))
        .route("/user/orgs", get(accounts::own_organisations))
        .route("/users/{login}", get(accounts::user))
        .route(
            "/users/{login}/tokens",
            get(accounts::list_tokens).post(accounts::create_token),
        )
        .route(
            "/users/{login}/tokens/{token}",
            delete(accounts::delete_token),
        )
        .route("/admin/users", post(accounts::create_user))
        .route("/orgs", post(accounts::create_organisation))
        .route("/orgs/{org}", get(accounts::get_organisation))
        .route(
            "/orgs/{org}/repos",
            get(repos::of_org).post(repos::create_for_org),
        )
        .route("/orgs/{org}/members", get(accounts::members))
        .route("/orgs/{org}/members/{login}", get(accounts::is_member))
        .route(
            "/orgs/{org}/public_members/{login}",
            get(accounts::is_public_member)
                .put(accounts::show_membership)
                .delete(accounts::hide_membership),
        )
        .route(
            "/orgs/{org}/teams",
            get(accounts::teams).post(accounts::create_team),
        )
        .route("/teams/{id}", get(accounts::team))
        .route("/teams/{id}/members", get(accounts::team_members))
        .route(
            "/teams/{id}/members/{login}",
            get(accounts::team_member)
                .put(accounts::add_member)
                .delete(accounts::remove_member),
        )
        .route(
            "/teams/{id}/repos/{owner}/{repo}",
            put(accounts::add_team_repo),
        )
}

/// Everything about code, below `/repos/{owner}/{repo}`.
fn repository() -> Router<Shared> {
    Router::new()
        .route("/collaborators", get(repos::collaborators))
        .route(
            "/collaborators/{login}",
            get(repos::is_collaborator)
                .put(repos::add_collaborator)
                .delete(repos::remove_collaborator),
        )
        .route("/collaborators/{login}/permission", get(repos::permission))
        .route("/branches", get(branches::list).post(branches::create))
        .route(
            "/branches/{*branch}",
            get(branches::get).delete(branches::delete),
        )
        .route("/git/refs", get(branches::references))
        .route("/git/refs/{*prefix}", get(branches::references))
        .route("/git/commits/{sha}", get(branches::commit))
        .route("/git/trees/{sha}", get(branches::tree))
        .route("/git/blobs/{sha}", get(branches::blob))
        .route("/commits", get(branches::commits))
        .route("/commits/{reference}/status", get(statuses::combined))
        .route("/commits/{reference}/statuses", get(statuses::list))
        .route(
            "/statuses/{sha}",
            get(statuses::list).post(statuses::create),
        )
        .route("/compare/{*range}", get(branches::compare))
        .route("/contents", get(contents::root).post(contents::many))
        .route(
            "/contents/{*path}",
            get(contents::get)
                .post(contents::create)
                .put(contents::update)
                .delete(contents::delete),
        )
        .route("/raw/{*path}", get(contents::raw))
        .route("/hooks", get(hooks::list).post(hooks::create))
        .route(
            "/hooks/{id}",
            get(hooks::get).patch(hooks::edit).delete(hooks::delete),
        )
}

/// Everything that people say, below `/repos/{owner}/{repo}`.
fn discussion() -> Router<Shared> {
    Router::new()
        .route(
            "/labels",
            get(issues::list_labels).post(issues::create_label),
        )
        .route("/issues", get(issues::list).post(issues::create))
        .route("/issues/{number}", get(issues::get).patch(issues::edit))
        .route("/issues/{number}/timeline", get(issues::timeline))
        .route(
            "/issues/{number}/labels",
            get(issues::issue_labels)
                .post(issues::add_labels)
                .put(issues::replace_labels)
                .delete(issues::clear_labels),
        )
        .route(
            "/issues/{number}/labels/{label}",
            delete(issues::remove_label),
        )
        .route(
            "/issues/{number}/comments",
            get(comments::of_issue).post(comments::create),
        )
        .route(
            "/issues/{number}/reactions",
            get(comments::issue_reactions)
                .post(comments::add_issue_reaction)
                .delete(comments::remove_issue_reaction),
        )
        .route("/issues/comments", get(comments::of_repo))
        .route(
            "/issues/comments/{id}",
            get(comments::get)
                .patch(comments::edit)
                .delete(comments::delete),
        )
        .route(
            "/issues/comments/{id}/reactions",
            get(comments::reactions)
                .post(comments::add_reaction)
                .delete(comments::remove_reaction),
        )
        .route("/pulls", get(pulls::list).post(pulls::create))
        .route("/pulls/{number}", get(pulls::get).patch(pulls::edit))
        .route("/pulls/{number}/files", get(pulls::files))
        .route("/pulls/{number}/commits", get(pulls::commits))
        .route(
            "/pulls/{number}/merge",
            get(pulls::is_merged).post(pulls::merge),
        )
        .route("/pulls/{number}/{head}", get(pulls::by_branches))
}

fn answer(value: serde_json::Value) -> Response {
    super::answer::reply(200, &value)
}

async fn settings(State(_): State<Shared>) -> Response {
    answer(json!({
        "max_response_items": super::answer::MAX_ITEMS, "default_paging_num": super::answer::DEFAULT_ITEMS,
        "default_git_trees_per_page": 1000, "default_max_blob_size": 10_485_760, "default_max_response_size": 104_857_600,
    }))
}

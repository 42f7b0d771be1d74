//! Which path is answered by what.

use super::answer::{BODY_LIMIT, with_documentation};
use super::{
    Shared, accounts, activity, attachments, branches, collaborators, comments, contents,
    conversation, edits, hooks, issues, labels, merging, objects, organisations, pages, pulls,
    reactions, repos, smart, statuses, teams,
};
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, post, put};
use axum::{Router, middleware};
use serde_json::json;

/// The release of Gitea whose answers these are.
const VERSION: &str = "1.25.4";

type Route = (&'static str, MethodRouter<Shared>);

pub fn all(shared: Shared) -> Router {
    let pages = Router::new()
        .route("/", get(pages::home))
        .route("/{owner}", get(pages::owner))
        .route("/{owner}/{repo}", get(pages::repo))
        .route("/{owner}/{repo}/issues/{number}", get(conversation::issue))
        .route("/{owner}/{repo}/pulls/{number}", get(conversation::pull))
        .route("/{owner}/{repo}/commit/{sha}", get(pages::commit))
        .route("/{owner}/{repo}/raw/{kind}/{*rest}", get(pages::raw))
        .route("/{owner}/{repo}/src/{kind}/{*rest}", get(pages::raw))
        .route(
            "/{owner}/{repo}/settings/hooks/{id}",
            get(pages::deliveries),
        )
        .route(
            "/{owner}/{repo}/settings/hooks/{id}/replay/{uuid}",
            post(pages::redeliver),
        )
        .route("/avatars/{name}", get(pages::avatar))
        .route("/attachments/{uuid}", get(attachments::download))
        .route("/{owner}/{repo}/info/refs", get(smart::advertise))
        .route("/{owner}/{repo}/git-upload-pack", post(smart::fetch))
        .route("/{owner}/{repo}/git-receive-pack", post(smart::push));
    // Not nested: handlers need the whole path, for links to other pages.
    let api = site()
        .into_iter()
        .map(|(path, handlers)| (format!("/api/v1{path}"), handlers));
    let of_repositories = repository().into_iter().chain(discussion());
    let of_repositories = of_repositories
        .map(|(path, handlers)| (format!("/api/v1/repos/{{owner}}/{{repo}}{path}"), handlers));
    api.chain(of_repositories)
        .fold(pages, |router, (path, handlers)| {
            router.route(&path, handlers)
        })
        .fallback(nowhere)
        .layer(middleware::from_fn_with_state(
            shared.clone(),
            with_documentation,
        ))
        .layer(middleware::from_fn(to_its_end))
        .with_state(shared)
}

/// What was asked is done whole, also where whoever asked is gone before the answer: half a change is none of the forge's states.
async fn to_its_end(request: Request, next: Next) -> Response {
    let answer = tokio::spawn(next.run(request)).await;
    answer.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
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

fn site() -> Vec<Route> {
    vec![
        (
            "/version",
            get(async || answer(json!({"version": VERSION}))),
        ),
        ("/settings/api", get(settings)),
        ("/user", get(accounts::current_user)),
        ("/notifications/new", get(accounts::new_notifications)),
        ("/repos/search", get(repos::search)),
        ("/repos/issues/search", get(issues::search)),
        ("/user/repos", get(repos::own).post(repos::create_for_user)),
        ("/user/orgs", get(organisations::own_organisations)),
        ("/users/{login}", get(accounts::user)),
        ("/users/{login}/repos", get(repos::of_user)),
        ("/users/{login}/activities/feeds", get(activity::of_user)),
        (
            "/users/{login}/tokens",
            get(accounts::list_tokens).post(accounts::create_token),
        ),
        (
            "/users/{login}/tokens/{token}",
            delete(accounts::delete_token),
        ),
        ("/admin/users", post(accounts::create_user)),
        ("/orgs", post(organisations::create_organisation)),
        ("/orgs/{org}", get(organisations::get_organisation)),
        (
            "/orgs/{org}/repos",
            get(repos::of_org).post(repos::create_for_org),
        ),
        ("/orgs/{org}/members", get(organisations::members)),
        ("/orgs/{org}/members/{login}", get(organisations::is_member)),
        (
            "/orgs/{org}/public_members/{login}",
            get(organisations::is_public_member)
                .put(organisations::show_membership)
                .delete(organisations::hide_membership),
        ),
        (
            "/orgs/{org}/teams",
            get(teams::teams).post(teams::create_team),
        ),
        ("/teams/{id}", get(teams::team)),
        ("/teams/{id}/members", get(teams::team_members)),
        (
            "/teams/{id}/members/{login}",
            get(teams::team_member)
                .put(teams::add_member)
                .delete(teams::remove_member),
        ),
        (
            "/teams/{id}/repos/{owner}/{repo}",
            put(teams::add_team_repo),
        ),
    ]
}

/// Everything about code, below `/repos/{owner}/{repo}`.
fn repository() -> Vec<Route> {
    vec![
        ("", get(repos::get).patch(repos::edit).delete(repos::delete)),
        ("/collaborators", get(collaborators::collaborators)),
        (
            "/collaborators/{login}",
            get(collaborators::is_collaborator)
                .put(collaborators::add_collaborator)
                .delete(collaborators::remove_collaborator),
        ),
        (
            "/collaborators/{login}/permission",
            get(collaborators::permission),
        ),
        ("/branches", get(branches::list).post(branches::create)),
        (
            "/branches/{*branch}",
            get(branches::get).delete(branches::delete),
        ),
        ("/git/refs", get(objects::references)),
        ("/git/refs/{*prefix}", get(objects::references)),
        ("/git/commits/{sha}", get(objects::commit)),
        ("/git/trees/{sha}", get(objects::tree)),
        ("/git/blobs/{sha}", get(objects::blob)),
        ("/commits", get(objects::commits)),
        ("/commits/{reference}/status", get(statuses::combined)),
        ("/commits/{reference}/statuses", get(statuses::list)),
        (
            "/statuses/{sha}",
            get(statuses::list).post(statuses::create),
        ),
        ("/compare/{*range}", get(objects::compare)),
        ("/contents", get(contents::root).post(edits::many)),
        (
            "/contents/{*path}",
            get(contents::get)
                .post(edits::create)
                .put(edits::update)
                .delete(edits::delete),
        ),
        ("/raw/{*path}", get(contents::raw)),
        ("/hooks", get(hooks::list).post(hooks::create)),
        (
            "/hooks/{id}",
            get(hooks::get).patch(hooks::edit).delete(hooks::delete),
        ),
    ]
}

/// Everything that people say, below `/repos/{owner}/{repo}`.
fn discussion() -> Vec<Route> {
    vec![
        (
            "/labels",
            get(labels::list_labels).post(labels::create_label),
        ),
        ("/issues", get(issues::list).post(issues::create)),
        ("/issues/{number}", get(issues::get).patch(issues::edit)),
        ("/issues/{number}/timeline", get(issues::timeline)),
        (
            "/issues/{number}/labels",
            get(labels::issue_labels)
                .post(labels::add_labels)
                .put(labels::replace_labels)
                .delete(labels::clear_labels),
        ),
        (
            "/issues/{number}/labels/{label}",
            delete(labels::remove_label),
        ),
        (
            "/issues/{number}/comments",
            get(comments::of_issue).post(comments::create),
        ),
        (
            "/issues/{number}/reactions",
            get(reactions::issue_reactions)
                .post(reactions::add_issue_reaction)
                .delete(reactions::remove_issue_reaction),
        ),
        ("/issues/comments", get(comments::of_repo)),
        (
            "/issues/comments/{id}",
            get(comments::get)
                .patch(comments::edit)
                .delete(comments::delete),
        ),
        (
            "/issues/comments/{id}/assets",
            get(attachments::list)
                .post(attachments::create)
                .layer(DefaultBodyLimit::max(BODY_LIMIT)),
        ),
        (
            "/issues/comments/{id}/reactions",
            get(reactions::reactions)
                .post(reactions::add_reaction)
                .delete(reactions::remove_reaction),
        ),
        ("/pulls", get(pulls::list).post(pulls::create)),
        ("/pulls/{number}", get(pulls::get).patch(pulls::edit)),
        ("/pulls/{number}/files", get(pulls::files)),
        ("/pulls/{number}/commits", get(pulls::commits)),
        (
            "/pulls/{number}/merge",
            get(merging::is_merged).post(merging::merge),
        ),
        ("/pulls/{number}/{head}", get(pulls::by_branches)),
    ]
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

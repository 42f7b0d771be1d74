//! An image registry that lists tags, as the OCI distribution specification has it ("Listing Tags").

use super::http::{Bound, Serving};
use axum::Json;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Image name → its tags.
pub type Images = BTreeMap<String, Vec<String>>;

/// What the sandbox recipes deploy. Tags that are not versions are listed by real registries too.
pub fn sandbox_images() -> Images {
    let tags = [
        "2.36.0",
        "2.36.1",
        "2.37.0",
        "2.38.0",
        "2.38",
        "2",
        "2.38.0-alpine",
        "latest",
    ];
    BTreeMap::from([(
        "joseluisq/static-web-server".to_owned(),
        tags.map(str::to_owned).to_vec(),
    )])
}

pub fn serve(bound: Bound, images: Images) -> Serving {
    let router = Router::new()
        .route("/v2/", get(|| async { Json(json!({})) }))
        .route("/v2/{*rest}", get(tags))
        .with_state(Arc::new(images));
    bound.serve(router)
}

#[derive(Deserialize)]
struct Paging {
    n: Option<usize>,
    last: Option<String>,
}

/// `GET /v2/<name>/tags/list`; names hold slashes. Tags come in lexical order, `n` at a time, after `last`.
async fn tags(
    State(images): State<Arc<Images>>,
    Path(rest): Path<String>,
    Query(paging): Query<Paging>,
) -> Response {
    let Some(name) = rest.strip_suffix("/tags/list") else {
        return refusal(
            StatusCode::NOT_FOUND,
            "UNSUPPORTED",
            "only tags are listed here",
        );
    };
    let Some(tags) = images.get(name) else {
        return refusal(
            StatusCode::NOT_FOUND,
            "NAME_UNKNOWN",
            "repository name not known to registry",
        );
    };
    let mut tags: Vec<&String> = tags.iter().collect();
    tags.sort();
    let last = paging.last.unwrap_or_default();
    let after: Vec<&String> = tags
        .into_iter()
        .filter(|tag| last.is_empty() || **tag > last)
        .collect();
    let page: Vec<&String> = after
        .iter()
        .copied()
        .take(paging.n.unwrap_or(usize::MAX))
        .collect();

    let mut headers = HeaderMap::new();
    if let (Some(n), Some(last)) = (paging.n, page.last())
        && page.len() < after.len()
        && let Ok(link) = format!("</v2/{name}/tags/list?n={n}&last={last}>; rel=\"next\"").parse()
    {
        headers.insert(header::LINK, link);
    }
    (headers, Json(json!({ "name": name, "tags": page }))).into_response()
}

fn refusal(status: StatusCode, code: &str, message: &str) -> Response {
    (
        status,
        Json(json!({ "errors": [{ "code": code, "message": message }] })),
    )
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn tags_are_listed_page_by_page() {
        let bound = Bound::new().await.unwrap();
        let url = bound.url();
        let images = Images::from([(
            "a/b".to_owned(),
            ["3", "1", "2"].map(str::to_owned).to_vec(),
        )]);
        let _serving = serve(bound, images);

        let mut next = Some(format!("{url}/v2/a/b/tags/list?n=2"));
        let mut seen = Vec::new();
        while let Some(page) = next.take() {
            let answer = reqwest::get(page).await.unwrap();
            let link = answer
                .headers()
                .get("link")
                .map(|link| link.to_str().unwrap().to_owned());
            let body: serde_json::Value = answer.json().await.unwrap();
            seen.push(body["tags"].to_string());
            next = link.map(|link| {
                format!(
                    "{url}{}",
                    link.trim_start_matches('<').split('>').next().unwrap()
                )
            });
        }
        assert_eq!(seen, [r#"["1","2"]"#, r#"["3"]"#]);
    }

    #[tokio::test]
    async fn an_unknown_image_is_not_found() {
        let bound = Bound::new().await.unwrap();
        let url = bound.url();
        let _serving = serve(bound, Images::new());
        let answer = reqwest::get(format!("{url}/v2/no/such/tags/list"))
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
        assert!(answer.text().await.unwrap().contains("NAME_UNKNOWN"));
    }
}

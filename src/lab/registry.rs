//! An image registry, as the OCI distribution specification has it: lists tags, gives manifests and the blobs that they name.
//!
//! An image's configuration says in labels what the image needs in order to start; its one layer is empty.

use super::http::{Bound, Serving};
use axum::Json;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

/// Image name → tag → image.
pub type Images = BTreeMap<String, BTreeMap<String, Image>>;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// The specification's own word for a layer that holds nothing, and what it holds.
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
const NOTHING: &[u8] = b"{}";
const DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// The labels of an image's configuration that tell how it behaves.
pub const NEEDS: &str = "lab.needs";
pub const NEVER_STARTS: &str = "lab.never-starts";
pub const SERVER: &str = "lab.server";

/// How an image behaves when it is started.
#[derive(Clone, Copy)]
pub struct Behaviour {
    /// A variable without which it does not start, and what that could be set to.
    pub needs: Option<(&'static str, &'static str)>,
    /// Why it starts nowhere.
    pub never_starts: Option<&'static str>,
    /// What its site calls itself in the header `Server`.
    pub server: Option<&'static str>,
}

impl Behaviour {
    pub const PLAIN: Behaviour = Behaviour {
        needs: None,
        never_starts: None,
        server: None,
    };

    fn labels(&self) -> BTreeMap<&'static str, String> {
        let needs = self
            .needs
            .map(|(name, value)| (NEEDS, format!("{name}={value}")));
        let never = self.never_starts.map(|why| (NEVER_STARTS, why.to_owned()));
        let server = self.server.map(|server| (SERVER, server.to_owned()));
        [needs, never, server].into_iter().flatten().collect()
    }
}

/// One image: its manifest, and the configuration that this names.
#[derive(Clone)]
pub struct Image {
    manifest: String,
    config: String,
}

impl Image {
    pub fn new(name: &str, tag: &str, behaviour: Behaviour) -> Image {
        let mut labels = behaviour.labels();
        labels.insert("org.opencontainers.image.title", name.to_owned());
        labels.insert("org.opencontainers.image.version", tag.to_owned());
        let config = json!({
            "architecture": "amd64",
            "os": "linux",
            "config": { "Labels": labels },
            "rootfs": { "type": "layers", "diff_ids": [digest(NOTHING)] },
        })
        .to_string();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": { "mediaType": CONFIG, "digest": digest(config.as_bytes()), "size": config.len() },
            "layers": [{ "mediaType": EMPTY, "digest": digest(NOTHING), "size": NOTHING.len() }],
        })
        .to_string();
        Image { manifest, config }
    }
}

fn digest(content: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(content)))
}

pub fn serve(bound: Bound, images: Images) -> Serving {
    let router = Router::new()
        .route("/v2/", get(|| async { Json(json!({})) }))
        .route("/v2/{*rest}", get(answer).delete(untag))
        .with_state(Arc::new(Mutex::new(images)));
    bound.serve(router)
}

type Shared = Arc<Mutex<Images>>;

fn held(images: &Shared) -> MutexGuard<'_, Images> {
    // Each change is one call: whoever held it left it whole.
    images
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// `DELETE /v2/<name>/manifests/<tag>`: the tag goes, and nothing else.
async fn untag(State(images): State<Shared>, Path(rest): Path<String>) -> Response {
    let mut images = held(&images);
    let removed = rest.rsplit_once("/manifests/").and_then(|(name, tag)| {
        let tags = images.get_mut(name)?;
        tags.remove(tag)
    });
    match removed {
        Some(_) => StatusCode::ACCEPTED.into_response(),
        None => refusal(
            StatusCode::NOT_FOUND,
            "MANIFEST_UNKNOWN",
            "manifest unknown to registry",
        ),
    }
}

#[derive(Deserialize)]
struct Paging {
    n: Option<usize>,
    last: Option<String>,
}

/// `GET /v2/<name>/tags/list`, `…/manifests/<tag or digest>` or `…/blobs/<digest>`; names hold slashes.
async fn answer(
    State(images): State<Shared>,
    Path(rest): Path<String>,
    Query(paging): Query<Paging>,
) -> Response {
    let asked = rest.rsplit_once('/').and_then(|(rest, what)| {
        let (name, kind) = rest.rsplit_once('/')?;
        Some((name, kind, what))
    });
    let Some((name, kind, what)) = asked else {
        return refusal(StatusCode::NOT_FOUND, "UNSUPPORTED", "no such endpoint");
    };
    let images = held(&images);
    let Some(tags) = images.get(name) else {
        return refusal(
            StatusCode::NOT_FOUND,
            "NAME_UNKNOWN",
            "repository name not known to registry",
        );
    };
    match (kind, what) {
        ("tags", "list") => list(name, tags, &paging),
        ("manifests", reference) => manifest(tags, reference),
        ("blobs", wanted) => blob(tags, wanted),
        _ => refusal(StatusCode::NOT_FOUND, "UNSUPPORTED", "no such endpoint"),
    }
}

fn manifest(tags: &BTreeMap<String, Image>, reference: &str) -> Response {
    let named = |image: &&Image| digest(image.manifest.as_bytes()) == reference;
    match tags.get(reference).or_else(|| tags.values().find(named)) {
        Some(image) => content(MANIFEST, image.manifest.as_bytes()),
        None => refusal(
            StatusCode::NOT_FOUND,
            "MANIFEST_UNKNOWN",
            "manifest unknown to registry",
        ),
    }
}

fn blob(tags: &BTreeMap<String, Image>, wanted: &str) -> Response {
    let configs = tags.values().map(|image| image.config.as_bytes());
    let found = configs
        .chain([NOTHING])
        .find(|content| digest(content) == wanted);
    match found {
        Some(found) => content("application/octet-stream", found),
        None => refusal(
            StatusCode::NOT_FOUND,
            "BLOB_UNKNOWN",
            "blob unknown to registry",
        ),
    }
}

fn content(kind: &'static str, content: &[u8]) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (DIGEST, digest(content)),
    ];
    (headers, content.to_vec()).into_response()
}

/// Tags come in lexical order, `n` at a time, after `last`.
fn list(name: &str, tags: &BTreeMap<String, Image>, paging: &Paging) -> Response {
    let last = paging.last.clone().unwrap_or_default();
    let after: Vec<&String> = tags
        .keys()
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
    use serde_json::Value;

    #[tokio::test]
    async fn tags_are_listed_page_by_page() {
        let bound = Bound::new().await.unwrap();
        let url = bound.url();
        let tags =
            ["3", "1", "2"].map(|tag| (tag.to_owned(), Image::new("a/b", tag, Behaviour::PLAIN)));
        let images = Images::from([("a/b".to_owned(), tags.into())]);
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
    async fn a_tag_leads_to_its_manifest_and_that_to_its_configuration() {
        let bound = Bound::new().await.unwrap();
        let base = format!("{}/v2/a/b", bound.url());
        let needs = Behaviour {
            needs: Some(("PORT", "80")),
            ..Behaviour::PLAIN
        };
        let tags = [("1".to_owned(), Image::new("a/b", "1", needs))];
        let _serving = serve(bound, Images::from([("a/b".to_owned(), tags.into())]));

        let answer = reqwest::get(format!("{base}/manifests/1")).await.unwrap();
        let headers = answer.headers().clone();
        assert_eq!(headers["content-type"], MANIFEST);
        let by_digest = headers["docker-content-digest"].to_str().unwrap();
        let text = answer.text().await.unwrap();
        assert_eq!(digest(text.as_bytes()), by_digest);
        let again = reqwest::get(format!("{base}/manifests/{by_digest}")).await;
        assert_eq!(again.unwrap().text().await.unwrap(), text);

        let manifest: Value = serde_json::from_str(&text).unwrap();
        for described in [&manifest["config"], &manifest["layers"][0]] {
            let wanted = described["digest"].as_str().unwrap();
            let blob = reqwest::get(format!("{base}/blobs/{wanted}"))
                .await
                .unwrap();
            let blob = blob.text().await.unwrap();
            assert_eq!(digest(blob.as_bytes()), wanted);
            assert_eq!(described["size"], blob.len());
            if described["mediaType"] == CONFIG {
                let config: Value = serde_json::from_str(&blob).unwrap();
                assert_eq!(config["config"]["Labels"][NEEDS], "PORT=80");
            }
        }
        for missing in ["manifests/2", "blobs/sha256:00"] {
            let answer = reqwest::get(format!("{base}/{missing}")).await.unwrap();
            assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{missing}");
        }
    }

    #[tokio::test]
    async fn a_tag_can_be_removed() {
        let bound = Bound::new().await.unwrap();
        let base = format!("{}/v2/a/b", bound.url());
        let tags = ["1", "2"].map(|tag| (tag.to_owned(), Image::new("a/b", tag, Behaviour::PLAIN)));
        let _serving = serve(bound, Images::from([("a/b".to_owned(), tags.into())]));
        let client = reqwest::Client::new();
        let delete = async || {
            let answer = client.delete(format!("{base}/manifests/1")).send().await;
            answer.unwrap().status()
        };
        assert_eq!(delete().await, StatusCode::ACCEPTED);
        assert_eq!(delete().await, StatusCode::NOT_FOUND);
        let answer = reqwest::get(format!("{base}/tags/list")).await.unwrap();
        let left: Value = answer.json().await.unwrap();
        assert_eq!(left["tags"], json!(["2"]));
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

//! Asks image registries which tags there are, by the distribution API of OCI.

use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use url::Url;

/// What is asked for; a registry may give less.
const PAGE: usize = 200;
/// Far beyond any image's. A longer list is an error, never cut.
const MOST_PAGES: usize = 200;

/// Every tag of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tags {
    pub name: String,
    pub tags: Vec<String>,
}

/// Why the tags of an image are not known.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    #[error("{0:?} is not the name of an image")]
    Image(String),
    #[error("{asked} failed: {why}. Check `registry.url`, and that the image exists there")]
    Refused { asked: String, why: String },
    #[error("{asked} gave more than {MOST_PAGES} pages")]
    Endless { asked: String },
}

impl RegistryError {
    /// Whether it may go well a moment later.
    pub fn is_transient(&self) -> bool {
        // Who does not know the image will not know it in a minute either.
        matches!(self, Self::Refused { why, .. } if !why.contains("404") && !why.contains("NAME_UNKNOWN"))
    }
}

pub struct Registry {
    client: Client,
    /// Where images without a host of their own are.
    host: String,
    scheme: String,
}

impl Registry {
    /// `url` is where images without a host of their own are. Plain http is spoken only where it says so.
    pub fn new(url: &Url, time_limit: Duration) -> Registry {
        let host = match (url.host_str(), url.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (Some(host), None) => host.to_owned(),
            (None, _) => String::new(),
        };
        let plain = url.scheme() == "http";
        let protocol = ClientProtocol::HttpsExcept(if plain { vec![host.clone()] } else { vec![] });
        let config = ClientConfig {
            protocol,
            connect_timeout: Some(time_limit),
            read_timeout: Some(time_limit),
            user_agent: "gavel",
            ..ClientConfig::default()
        };
        Registry {
            client: Client::new(config),
            host,
            scheme: url.scheme().to_owned(),
        }
    }

    /// The request, in words.
    pub fn asked(&self, image: &str) -> String {
        match hosted(image) {
            true => format!("GET https://{image} (tags)"),
            false => format!("GET {}://{}/v2/{image}/tags/list", self.scheme, self.host),
        }
    }

    /// Whether the tags of an image are asked here, and not at a registry that the image's name tells.
    pub fn holds(&self, image: &str) -> bool {
        let host = image.split_once('/').map_or("", |(host, _)| host);
        !hosted(image) || host == self.host
    }

    /// Every tag of an image, which is named without one: `joseluisq/static-web-server`.
    pub async fn tags(&self, image: &str) -> Result<Tags, RegistryError> {
        let asked = self.asked(image);
        let whole = match hosted(image) {
            true => image.to_owned(),
            false => format!("{}/{image}", self.host),
        };
        let reference: Reference = whole
            .parse()
            .map_err(|_| RegistryError::Image(image.to_owned()))?;
        let mut tags: Vec<String> = Vec::new();
        for _ in 0..MOST_PAGES {
            let page = self
                .client
                .list_tags(
                    &reference,
                    &RegistryAuth::Anonymous,
                    Some(PAGE),
                    tags.last().map(String::as_str),
                )
                .await
                .map_err(|error| RegistryError::Refused {
                    asked: asked.clone(),
                    why: error.to_string(),
                })?;
            // A short page is no end: a registry may give fewer than were asked for. One that brings nothing new is.
            let before = tags.len();
            for tag in page.tags {
                if !tags.contains(&tag) {
                    tags.push(tag);
                }
            }
            if tags.len() == before {
                return Ok(Tags {
                    name: image.to_owned(),
                    tags,
                });
            }
        }
        Err(RegistryError::Endless { asked })
    }
}

/// Whether an image's name begins with a host, by the rule that docker follows.
fn hosted(image: &str) -> bool {
    image
        .split_once('/')
        .is_some_and(|(host, _)| host.contains('.') || host.contains(':') || host == "localhost")
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Json;
    use axum::extract::Query;
    use axum::routing::get;
    use serde_json::json;
    use std::collections::HashMap;

    #[test]
    fn a_host_is_told_from_a_folder() {
        assert!(hosted("ghcr.io/a/b"));
        assert!(hosted("localhost:5000/a"));
        assert!(!hosted("lab/plain"));
        assert!(!hosted("nginx"));
    }

    #[test]
    fn an_image_of_another_registry_is_not_asked_here() {
        let url = "https://registry.example.org".parse().unwrap();
        let registry = Registry::new(&url, Duration::from_secs(5));
        assert!(registry.holds("lab/plain") && registry.holds("nginx"));
        assert!(registry.holds("registry.example.org/lab/plain"));
        assert!(!registry.holds("ghcr.io/lab/plain"));
    }

    /// A registry that gives two tags at a time, whatever is asked for.
    async fn registry(tags: &'static [&'static str]) -> Registry {
        let list = async |Query(query): Query<HashMap<String, String>>| {
            let after = query.get("last").map_or("", String::as_str);
            let mut page: Vec<_> = tags.iter().filter(|tag| **tag > after).collect();
            page.truncate(2);
            Json(json!({ "name": "lab/plain", "tags": page }))
        };
        let router = axum::Router::new()
            .route("/v2/", get(async || Json(json!({}))))
            .route("/v2/lab/plain/tags/list", get(list));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async { axum::serve(listener, router).await });
        Registry::new(&url.parse().unwrap(), Duration::from_secs(5))
    }

    #[tokio::test]
    async fn every_page_is_read() {
        let registry = registry(&["1.0", "1.1", "1.2", "2.0", "latest"]).await;
        let seen = registry.tags("lab/plain").await.unwrap();
        assert_eq!(seen.tags, ["1.0", "1.1", "1.2", "2.0", "latest"]);
    }

    #[tokio::test]
    async fn what_is_not_there_is_an_error_that_stays() {
        let registry = registry(&["1.0"]).await;
        let error = registry.tags("lab/other").await.unwrap_err();
        assert!(!error.is_transient(), "{error}");
        let error = registry.tags("no image").await.unwrap_err();
        assert!(matches!(error, RegistryError::Image(_)));
    }
}

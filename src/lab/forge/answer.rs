//! How the forge answers: JSON as Go writes it, the error bodies, and the paging headers.

use super::Shared;
use axum::body::Bytes;
use axum::extract::{FromRequest, Query, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub const BODY_LIMIT: usize = 64 * 1024 * 1024;

/// JSON text in which `<`, `>` and `&` are escaped, as Go's encoder does.
pub fn go_json(text: String) -> String {
    // Outside of strings JSON has none of these characters.
    text.replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
}

/// An answer with a JSON body.
pub fn reply(status: u16, value: &Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = go_json(value.to_string()) + "\n";
    (
        status,
        [(header::CONTENT_TYPE, "application/json;charset=utf-8")],
        body,
    )
        .into_response()
}

/// An answer without a body.
pub fn empty(status: u16) -> Response {
    StatusCode::from_u16(status)
        .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
        .into_response()
}

pub type Answer = Result<Response, No>;

/// A request that is turned down.
#[derive(Debug)]
pub struct No {
    pub status: u16,
    body: Option<Value>,
}

impl No {
    /// `{"message", "url"}`
    pub fn because(status: u16, message: impl Into<String>) -> No {
        No {
            status,
            body: Some(json!({"message": message.into(), "url": ""})),
        }
    }

    /// 404 with `{"errors": null, "message": "not found"}`
    pub fn not_found() -> No {
        No {
            status: 404,
            body: Some(json!({"errors": null, "message": "not found", "url": ""})),
        }
    }

    /// 404 with the reason in `errors`.
    pub fn missing(message: &str, error: impl Into<String>) -> No {
        No {
            status: 404,
            body: Some(json!({"errors": [error.into()], "message": message, "url": ""})),
        }
    }

    /// 404 with another message and no errors.
    pub fn nothing(message: impl Into<String>) -> No {
        No {
            status: 404,
            body: Some(json!({"errors": null, "message": message.into(), "url": ""})),
        }
    }

    pub fn bare(status: u16) -> No {
        No { status, body: None }
    }

    /// Something of the forge's own failed. Gitea hides the reason, so it goes to the log.
    pub fn broken(error: anyhow::Error) -> No {
        tracing::error!("the lab's forge could not answer: {error:#}");
        No::because(500, "")
    }
}

impl From<anyhow::Error> for No {
    fn from(error: anyhow::Error) -> No {
        No::broken(error)
    }
}

impl IntoResponse for No {
    fn into_response(self) -> Response {
        let Some(body) = self.body else {
            return empty(self.status);
        };
        // The address of the API's documentation is put in by `with_documentation`, which knows it.
        let mut response = reply(self.status, &body);
        response.extensions_mut().insert(Refusal(body));
        response
    }
}

#[derive(Clone)]
struct Refusal(Value);

/// Completes the `url` of error bodies.
pub async fn with_documentation(
    axum::extract::State(shared): axum::extract::State<Shared>,
    request: Request,
    next: axum::middleware::Next,
) -> Response {
    let mut response = next.run(request).await;
    // A part of the path that is no number: axum says 400, Gitea finds nothing there.
    if response.status() == StatusCode::BAD_REQUEST
        && response.extensions().get::<Refusal>().is_none()
    {
        response = No::not_found().into_response();
    }
    let Some(Refusal(body)) = response.extensions().get::<Refusal>() else {
        return response;
    };
    let mut body = body.clone();
    if let Some(url) = body.get_mut("url") {
        *url = json!(format!("{}/api/swagger", shared.url));
    }
    let status = response.status().as_u16();
    reply(status, &body)
}

/// A request's body, read as JSON when the handler comes to it: rights are checked first.
pub struct Body {
    content_type: String,
    bytes: Bytes,
}

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = No;

    async fn from_request(request: Request, _: &S) -> Result<Body, No> {
        let content_type = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
            .to_string();
        let bytes = axum::body::to_bytes(request.into_body(), BODY_LIMIT)
            .await
            .map_err(|_| No::because(413, "http: request body too large"))?;
        Ok(Body {
            content_type,
            bytes,
        })
    }
}

impl Body {
    pub fn read<T: DeserializeOwned + Default>(&self) -> Result<T, No> {
        if self.content_type.contains("x-www-form-urlencoded")
            || self.content_type.contains("multipart/form-data")
        {
            // Gitea maps forms onto the same structures; nobody here sends one on purpose.
            return Ok(T::default());
        }
        if self.bytes.is_empty() && self.content_type.is_empty() {
            return Ok(T::default());
        }
        if !self.content_type.contains("json") {
            let what = if self.content_type.is_empty() {
                "Empty"
            } else {
                "Unsupported"
            };
            return Err(No::because(422, format!("[]: {what} Content-Type")));
        }
        if self.bytes.is_empty() {
            return Ok(T::default());
        }
        serde_json::from_slice(&self.bytes)
            .map_err(|error| No::because(422, format!("[]: {error}")))
    }
}

/// Turns down an empty field that must be given.
pub fn required(fields: &[(&str, &str)]) -> Result<(), No> {
    match fields.iter().find(|(_, value)| value.is_empty()) {
        Some((name, _)) => Err(No::because(422, format!("[{name}]: Required"))),
        None => Ok(()),
    }
}

#[derive(Deserialize, Default, Clone)]
pub struct Paging {
    page: Option<String>,
    limit: Option<String>,
}

pub const MAX_ITEMS: i64 = 50;
pub const DEFAULT_ITEMS: i64 = 30;

impl Paging {
    fn number(text: &Option<String>) -> i64 {
        text.as_deref().and_then(|t| t.parse().ok()).unwrap_or(0)
    }

    pub fn page(&self) -> i64 {
        Self::number(&self.page).max(1)
    }

    pub fn limit(&self) -> i64 {
        match Self::number(&self.limit) {
            limit if limit <= 0 => DEFAULT_ITEMS,
            limit => limit.min(MAX_ITEMS),
        }
    }

    pub fn cut<T>(&self, all: Vec<T>) -> Vec<T> {
        // Both factors are positive and small, see above.
        let skip = (self.page() - 1).saturating_mul(self.limit());
        all.into_iter()
            .skip(skip as usize)
            .take(self.limit() as usize)
            .collect()
    }
}

/// The query of a request, whatever it holds.
pub fn query<T: DeserializeOwned + Default>(uri: &Uri) -> T {
    Query::try_from_uri(uri)
        .map(|Query(q)| q)
        .unwrap_or_default()
}

/// A page of a list with the total, and links to its neighbours.
pub fn listed(shared: &Shared, uri: &Uri, paging: &Paging, total: usize, page: &Value) -> Response {
    let mut response = counted(total, page);
    link(shared, uri, paging, total, response.headers_mut());
    response
}

/// A list with its total only.
pub fn counted(total: usize, value: &Value) -> Response {
    let mut response = reply(200, value);
    let headers = response.headers_mut();
    headers.insert("X-Total-Count", HeaderValue::from(total));
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("X-Total-Count"),
    );
    response
}

/// What lists of commits and files tell about their pages.
pub fn paged_headers(paging: &Paging, total: usize, headers: &mut HeaderMap) {
    let linked = if headers.contains_key(header::LINK) {
        "Link, "
    } else {
        ""
    };
    let exposed = format!("{linked}X-Total-Count, X-Page, X-PerPage, X-PageCount, X-HasMore");
    if let Ok(exposed) = HeaderValue::from_str(&exposed) {
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    }
    let pages = (total as i64).div_ceil_i(paging.limit());
    headers.insert("X-Page", HeaderValue::from(paging.page()));
    headers.insert("X-PerPage", HeaderValue::from(paging.limit()));
    headers.insert("X-PageCount", HeaderValue::from(pages));
    headers.insert(
        "X-HasMore",
        HeaderValue::from_static(if paging.page() < pages {
            "true"
        } else {
            "false"
        }),
    );
}

trait DivCeil {
    fn div_ceil_i(self, by: i64) -> i64;
}

impl DivCeil for i64 {
    fn div_ceil_i(self, by: i64) -> i64 {
        (self + by - 1) / by
    }
}

fn link(shared: &Shared, uri: &Uri, paging: &Paging, total: usize, headers: &mut HeaderMap) {
    let (page, last) = (paging.page(), (total as i64).div_ceil_i(paging.limit()));
    let to = |page: i64| {
        let mut pairs: Vec<(String, String)> =
            url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
                .filter(|(key, _)| key != "page")
                .map(|(key, value)| (key.into_owned(), value.into_owned()))
                .chain([("page".to_string(), page.to_string())])
                .collect();
        pairs.sort();
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .finish();
        format!("{}{}?{query}", shared.url, uri.path())
    };
    let mut links = Vec::new();
    if page < last {
        links.push(format!("<{}>; rel=\"next\"", to(page + 1)));
        links.push(format!("<{}>; rel=\"last\"", to(last)));
    }
    if page > 1 {
        links.push(format!("<{}>; rel=\"first\"", to(1)));
        links.push(format!("<{}>; rel=\"prev\"", to(page - 1)));
    }
    if let (false, Ok(value)) = (links.is_empty(), HeaderValue::from_str(&links.join(","))) {
        headers.insert(header::LINK, value);
        headers.insert(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static("Link, X-Total-Count"),
        );
    }
}

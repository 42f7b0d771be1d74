//! A server that answers as a test says, and remembers what it was asked.

use axum::{Router, body::Body, http, response::Response};
use std::sync::{Arc, Mutex};
use url::Url;

#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    /// As it was sent: escaped, without the query.
    pub path: String,
    query: String,
    pub authorization: String,
}

pub struct Forge {
    pub url: Url,
    requests: Arc<Mutex<Vec<Request>>>,
    server: tokio::task::JoinHandle<()>,
}

impl Request {
    /// The value of a query's parameter, or nothing.
    pub fn query(&self, name: &str) -> String {
        let mut pairs = url::form_urlencoded::parse(self.query.as_bytes());
        pairs
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
            .unwrap_or_default()
    }
}

impl Forge {
    /// `answer` is given each request and its number, counted from 1.
    pub async fn start(
        answer: impl Fn(&Request, usize) -> Response + Send + Sync + 'static,
    ) -> Forge {
        let requests: Arc<Mutex<Vec<Request>>> = Arc::default();
        let (kept, answer) = (requests.clone(), Arc::new(answer));
        let router = Router::new().fallback(move |request: http::Request<Body>| {
            let request = Request {
                method: request.method().to_string(),
                path: request.uri().path().to_owned(),
                query: request.uri().query().unwrap_or_default().to_owned(),
                authorization: request
                    .headers()
                    .get("authorization")
                    .map(|value| value.to_str().unwrap().to_owned())
                    .unwrap_or_default(),
            };
            let number = {
                let mut kept = kept.lock().unwrap();
                kept.push(request.clone());
                kept.len()
            };
            let response = answer(&request, number);
            async move {
                if response.extensions().get::<Never>().is_some() {
                    std::future::pending::<()>().await;
                }
                response
            }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap())
            .parse()
            .unwrap();
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Forge {
            url,
            requests,
            server,
        }
    }

    /// An answer that does not come.
    pub fn never() -> Response {
        let mut response = Response::new(Body::empty());
        response.extensions_mut().insert(Never);
        response
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

#[derive(Clone)]
struct Never;

impl Drop for Forge {
    fn drop(&mut self) {
        self.server.abort();
    }
}

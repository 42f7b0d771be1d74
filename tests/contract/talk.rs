//! Holds a scripted conversation with a server, and notes what was said.

use reqwest::redirect::Policy;
use reqwest::{Client, Method};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Which headers of an answer are part of a contract.
const HEADERS: [&str; 8] = [
    "content-type",
    "location",
    "link",
    "x-total-count",
    "x-hasmore",
    "www-authenticate",
    "allow",
    "retry-after",
];

/// How long a question is asked again.
const PATIENCE: Duration = Duration::from_secs(20);

/// One question of a conversation.
pub struct Step {
    pub name: &'static str,
    pub who: Who,
    pub method: Method,
    /// With `{variables}` that earlier answers gave.
    pub path: String,
    pub body: Body,
    /// Variables that this answer gives: name, and JSON pointer into the body.
    pub keep: Vec<(&'static str, &'static str)>,
    /// Asked again until so many are counted: some servers do their part later.
    pub until: usize,
}

#[derive(Clone, Copy)]
pub enum Who {
    Nobody,
    /// A token that no server gave out.
    Impostor,
    /// With the token in the variable `token-<login>`.
    User(&'static str),
    /// With the password in the variable `password-<login>`.
    Password(&'static str),
}

pub enum Body {
    None,
    Json(Value),
    /// Sent as it is, with this content type.
    Raw(&'static str, &'static str),
}

pub fn step(name: &'static str, who: Who, method: Method, path: &str) -> Step {
    Step {
        name,
        who,
        method,
        path: path.into(),
        body: Body::None,
        keep: Vec::new(),
        until: 0,
    }
}

impl Step {
    pub fn body(mut self, body: Value) -> Self {
        self.body = Body::Json(body);
        self
    }

    pub fn raw(mut self, content_type: &'static str, body: &'static str) -> Self {
        self.body = Body::Raw(content_type, body);
        self
    }

    pub fn until(mut self, count: usize) -> Self {
        self.until = count;
        self
    }

    pub fn keep(mut self, variable: &'static str, pointer: &'static str) -> Self {
        self.keep.push((variable, pointer));
        self
    }
}

/// A question and its answer, in the form in which they are kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Exchange {
    pub request: Request,
    pub response: Response,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Request {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    pub method: String,
    pub path: String,
    pub body: Value,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Response {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: Value,
}

/// A server, and what is known of it so far.
pub struct Talk {
    client: Client,
    /// Its address, and the root of its API below it.
    base: String,
    root: &'static str,
    /// The scheme of the Authorization header, before a token.
    scheme: &'static str,
    pub variables: BTreeMap<String, String>,
    /// Longer texts first: what must not be kept, and what stands for it.
    masks: Vec<(String, String)>,
    pub exchanges: Vec<(String, Exchange)>,
}

impl Talk {
    pub fn new(base: &str, root: &'static str, scheme: &'static str) -> Self {
        Self {
            client: Client::builder()
                .redirect(Policy::none())
                .timeout(Duration::from_secs(30))
                .no_proxy()
                .build()
                .unwrap(),
            base: base.trim_end_matches('/').into(),
            root,
            scheme,
            variables: BTreeMap::new(),
            masks: Vec::new(),
            exchanges: Vec::new(),
        }
    }

    /// Whatever is kept shows `shown` where an answer or a question says `text`.
    pub fn mask(&mut self, text: &str, shown: &str) {
        self.masks.push((text.into(), shown.into()));
        self.masks
            .sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
    }

    pub fn know(&mut self, variable: &str, value: &str) {
        self.variables.insert(variable.into(), value.into());
    }

    pub async fn hold(&mut self, steps: Vec<Step>) {
        for step in steps {
            self.say(step).await;
        }
    }

    pub async fn say(&mut self, step: Step) -> Response {
        let path = self.filled(&step.path);
        let url = format!("{}{}{path}", self.base, self.root);
        let mut request = self.client.request(step.method.clone(), &url);
        let who = match step.who {
            Who::Nobody => "nobody".to_owned(),
            Who::Impostor => {
                let token = "0123456789abcdef0123456789abcdef01234567";
                request = request.header("Authorization", format!("{} {token}", self.scheme));
                "a token that nobody has".to_owned()
            }
            Who::User(login) => {
                let token = self.variable(&format!("token-{login}"));
                request = request.header("Authorization", format!("{} {token}", self.scheme));
                login.to_owned()
            }
            Who::Password(login) => {
                request = request.basic_auth(
                    self.filled(login),
                    Some(self.variable(&format!("password-{login}"))),
                );
                format!("{login}, with the password")
            }
        };
        let mut body = Value::Null;
        request = match step.body {
            Body::None => request,
            Body::Json(template) => {
                body = self.filled_value(template);
                request.json(&body)
            }
            Body::Raw(content_type, text) => {
                body = text.into();
                request.header("Content-Type", content_type).body(text)
            }
        };
        let started = Instant::now();
        let answer = loop {
            let again = request.try_clone().unwrap().send().await;
            let answer = again
                .unwrap_or_else(|error| panic!("{}: {} {url}: {error}", step.name, step.method));
            let total = answer.headers().get("x-total-count");
            let total = total.and_then(|total| total.to_str().ok()?.parse().ok());
            if total.unwrap_or(0) >= step.until || started.elapsed() > PATIENCE {
                break answer;
            }
        };
        let status = answer.status().as_u16();
        let headers: BTreeMap<String, String> = HEADERS
            .iter()
            .filter_map(|&name| {
                let value = answer.headers().get(name)?.to_str().ok()?;
                Some((name.to_owned(), value.to_owned()))
            })
            .collect();
        let text = answer.text().await.unwrap();
        let said = match serde_json::from_str(&text) {
            Ok(value) => value,
            Err(_) if text.is_empty() => Value::Null,
            Err(_) => Value::String(text),
        };
        let response = Response {
            status,
            headers,
            body: said,
        };
        for (variable, pointer) in step.keep {
            let value = match response.body.pointer(pointer) {
                Some(Value::String(text)) => text.clone(),
                Some(value) if !value.is_null() => value.to_string(),
                _ => panic!("{}: no {pointer} in {response:?}", step.name),
            };
            if variable.starts_with("token-") {
                self.mask(&value, "<token>");
            }
            self.know(variable, &value);
        }
        let exchange = Exchange {
            request: Request {
                who: Some(who),
                method: step.method.to_string(),
                path: path.clone(),
                body,
            },
            response: response.clone(),
        };
        self.exchanges
            .push((step.name.into(), self.masked(&exchange)));
        response
    }

    /// The same with nothing in it that must not be kept.
    fn masked(&self, exchange: &Exchange) -> Exchange {
        let mut value = serde_json::to_value(exchange).unwrap();
        each_text(&mut value, &mut |text| {
            for (secret, shown) in &self.masks {
                *text = text.replace(secret, shown);
            }
        });
        for (key, shown) in [
            ("password", "<password>"),
            ("token_last_eight", "<end of token>"),
            ("sha1", "<token>"),
        ] {
            mask_key(&mut value, key, shown);
        }
        serde_json::from_value(value).unwrap()
    }

    fn variable(&self, name: &str) -> String {
        self.variables
            .get(name)
            .unwrap_or_else(|| panic!("no earlier answer gave {name:?}"))
            .clone()
    }

    fn filled(&self, template: &str) -> String {
        let mut text = template.to_owned();
        while let Some((before, rest)) = text.split_once('{') {
            let (name, after) = rest.split_once('}').expect("a brace is closed");
            text = format!("{before}{}{after}", self.variable(name));
        }
        text
    }

    /// A text `{#name}` becomes the number that the variable holds.
    fn filled_value(&self, template: Value) -> Value {
        match template {
            Value::String(text) => {
                let number = text
                    .strip_prefix("{#")
                    .and_then(|rest| rest.strip_suffix('}'));
                match number {
                    Some(name) => self.variable(name).parse::<u64>().unwrap().into(),
                    None => self.filled(&text).into(),
                }
            }
            Value::Array(elements) => elements
                .into_iter()
                .map(|element| self.filled_value(element))
                .collect(),
            Value::Object(fields) => fields
                .into_iter()
                .map(|(key, field)| (key, self.filled_value(field)))
                .collect(),
            other => other,
        }
    }
}

/// Changes every text in a value.
fn each_text(value: &mut Value, change: &mut impl FnMut(&mut String)) {
    match value {
        Value::String(text) => change(text),
        Value::Array(elements) => elements
            .iter_mut()
            .for_each(|element| each_text(element, change)),
        Value::Object(fields) => fields
            .values_mut()
            .for_each(|field| each_text(field, change)),
        _ => {}
    }
}

fn mask_key(value: &mut Value, key: &str, shown: &str) {
    match value {
        Value::Array(elements) => elements
            .iter_mut()
            .for_each(|element| mask_key(element, key, shown)),
        Value::Object(fields) => {
            for (name, field) in fields {
                match field {
                    Value::String(text) if name == key && !text.is_empty() => *text = shown.into(),
                    _ => mask_key(field, key, shown),
                }
            }
        }
        _ => {}
    }
}

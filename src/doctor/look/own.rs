//! Gavel itself, as it answers over HTTP: whether it is up, where people reach it, and what was delivered to it.

use super::{Because, Look, limits};
use crate::config::Config;
use jiff::Timestamp;
use reqwest::Client;
use reqwest::redirect::Policy;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

/// Far more than Gavel says here.
const BODY_LIMIT: usize = 1 << 20;

/// What was seen of the Gavel of this installation.
#[derive(Debug, Clone)]
pub struct Own {
    /// What `/readyz` says where it listens: nothing where it is well, otherwise why not.
    pub ready: Look<Option<String>>,
    /// What `/healthz` says at the public address.
    pub public: Look<String>,
    pub deliveries: Look<Deliveries>,
}

/// The latest deliveries since Gavel's start, as `/deliveries.json` tells them.
#[derive(Debug, Clone, Deserialize)]
pub struct Deliveries {
    pub since: Timestamp,
    pub taken: BTreeMap<String, Timestamp>,
    /// What was refused for what its signature, or what it vouches for, is.
    pub refused: Option<Refused>,
    /// What was refused before a signature was looked at.
    pub unread: Option<Refused>,
}

/// A delivery that was not taken.
#[derive(Debug, Clone, Deserialize)]
pub struct Refused {
    pub at: Timestamp,
    pub outcome: String,
}

pub async fn look(config: &Config) -> Own {
    let client = Client::builder()
        .timeout(limits(config).request)
        .redirect(Policy::none())
        .build();
    let client = match client {
        Ok(client) => client,
        Err(error) => {
            let why = error.to_string();
            return Own {
                ready: Look::nothing("a client", Because::Other, why),
                public: Look::unasked("Gavel", "gavel"),
                deliveries: Look::unasked("Gavel", "gavel"),
            };
        }
    };
    let here = format!("http://{}", reached(config.server.listen));
    let ready = get(&client, &format!("{here}/readyz")).await;
    let ready = ready.map(|(status, text)| match status {
        200 => None,
        _ => Some(format!("{status}: {}", text.trim())),
    });
    let deliveries = match ready.value() {
        Some(_) => {
            let asked = format!("{here}/deliveries.json");
            read(get(&client, &asked).await)
        }
        None => Look::unasked(format!("GET {here}/deliveries.json"), "gavel"),
    };
    let public = config.server.public_url.as_str().trim_end_matches('/');
    let public = match ready.value() {
        Some(_) => {
            let answer = get(&client, &format!("{public}/healthz")).await;
            answer.map(|(status, text)| format!("{status} {}", text.trim()))
        }
        None => Look::unasked(format!("GET {public}/healthz"), "gavel"),
    };
    Own {
        ready,
        public,
        deliveries,
    }
}

/// Where a program on this machine reaches what listens there.
fn reached(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => std::net::Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => std::net::Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

async fn get(client: &Client, url: &str) -> Look<(u16, String)> {
    let asked = format!("GET {url}");
    let answer = async {
        let mut answer = client.get(url).send().await?;
        let status = answer.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            body.extend_from_slice(&chunk);
            if body.len() > BODY_LIMIT {
                break;
            }
        }
        Ok::<_, reqwest::Error>((status, String::from_utf8_lossy(&body).into_owned()))
    };
    match answer.await {
        Ok(answer) => Look::this(asked, answer),
        Err(error) => {
            let mut innermost: &dyn std::error::Error = &error;
            while let Some(source) = innermost.source() {
                innermost = source;
            }
            Look::nothing(asked, Because::Down, innermost.to_string())
        }
    }
}

fn read(answer: Look<(u16, String)>) -> Look<Deliveries> {
    match answer.value() {
        Some((_, text)) => match serde_json::from_str(text) {
            Ok(deliveries) => Look::this(answer.asked, deliveries),
            Err(error) => Look::nothing(answer.asked, Because::Other, error.to_string()),
        },
        None => Look::unasked(answer.asked, "gavel"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_listens_everywhere_is_reached_here() {
        for (listen, expected) in [
            ("0.0.0.0:1", "127.0.0.1:1"),
            ("[::]:1", "[::1]:1"),
            ("10.0.0.7:1", "10.0.0.7:1"),
        ] {
            let listen = listen.parse().unwrap();
            assert_eq!(reached(listen).to_string(), expected);
        }
    }
}

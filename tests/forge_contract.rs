//! The lab's forge against a real Gitea: one conversation, held with both, compared in shape.
//!
//! What the real one said is recorded under `recordings/`. Where `GAVEL_TEST_GITEA` names a binary, the conversation is
//! held with that server too; `GAVEL_RECORD=1` beside it records anew.

mod contract;

use contract::conversation::{DELIVERIES, SECRET, conversation, mentions};
use contract::gitea_server::GiteaServer;
use contract::lab::Lab;
use contract::receiver::{Delivery, Receiver};
use contract::recording;
use contract::shape::{Allowed, Difference, body_differences, differences};
use contract::talk::{Exchange, Talk};
use std::path::PathBuf;

const RECORDED: &str = "gitea-1.25.4";

/// What a server said and delivered.
struct Heard {
    exchanges: Vec<(String, Exchange)>,
    deliveries: Vec<(String, Delivery)>,
}

async fn converse(forge: &str, admin: &str, password: &str) -> Heard {
    let receiver = Receiver::start().await;
    let mut talk = Talk::new(forge, "/api/v1", "token");
    talk.mask(forge, "http://forge.example");
    talk.mask(&receiver.url, "http://receiver.example");
    talk.know("admin", admin);
    talk.know("password-{admin}", password);
    for login in ["stranger", "writer", "judge", "member", "feeder"] {
        talk.know(&format!("password-contract-{login}"), "contract-password");
    }
    talk.know("receiver", &receiver.url);
    talk.hold(conversation()).await;
    contract::pushes::push(&mut talk, forge, 20).await;
    talk.hold(mentions()).await;
    let mut received = receiver.wait_for(&DELIVERIES).await;
    received.sort_by_key(Delivery::order);
    for delivery in &mut received {
        assert!(
            delivery.is_signed_with(SECRET),
            "signed with another secret: {delivery:?}"
        );
        delivery.forge = forge.into();
    }
    let first = |kind: &&str| {
        let found = received.iter().find(|delivery| delivery.kind() == *kind);
        Some(((*kind).to_owned(), found?.clone()))
    };
    let deliveries = DELIVERIES.iter().filter_map(first).collect();
    Heard {
        exchanges: talk.exchanges,
        deliveries,
    }
}

fn recorded() -> Heard {
    let folder = recording::folder(RECORDED);
    Heard {
        exchanges: recording::read(&folder.join("api")),
        deliveries: recording::read(&folder.join("hooks")),
    }
}

fn record(heard: &Heard) {
    let folder = recording::folder(RECORDED);
    recording::write(&folder.join("api"), &heard.exchanges);
    recording::write(&folder.join("hooks"), &heard.deliveries);
}

/// Whether Gitea promises an order. It sorts these by times in whole seconds.
fn ordered(name: &str) -> bool {
    let by_time = [
        "combined-status",
        "list-statuses",
        "list-branches",
        "feed",
        "search-pulls",
    ];
    name.contains("-first") || !by_time.iter().any(|step| name.starts_with(step))
}

/// Panics with every difference that is not allowed.
fn agree(recorded: &Heard, heard: &Heard, allowed: &Allowed) {
    let mut pairs = recorded.exchanges.iter().zip(&heard.exchanges);
    let other = pairs.find(|((recorded, _), (heard, _))| recorded != heard);
    assert!(
        other.is_none() && recorded.exchanges.len() == heard.exchanges.len(),
        "another conversation was recorded, record anew: {:?}",
        other.map(|((recorded, _), (heard, _))| (recorded, heard))
    );
    let mut all: Vec<(String, Difference)> = Vec::new();
    for ((name, recorded), (_, heard)) in recorded.exchanges.iter().zip(&heard.exchanges) {
        all.extend(
            differences(&recorded.response, &heard.response, ordered(name))
                .into_iter()
                .map(|found| (name.clone(), found)),
        );
    }
    for ((name, recorded), (_, heard)) in recorded.deliveries.iter().zip(&heard.deliveries) {
        for header in recorded
            .headers
            .keys()
            .filter(|header| heard.header(header).is_empty())
        {
            let at = format!("headers.{}", header.to_lowercase());
            all.push((
                name.clone(),
                Difference {
                    at,
                    what: "missing".into(),
                },
            ));
        }
        for header in ["Content-Type", "X-Gitea-Event", "X-Gitea-Event-Type"] {
            assert_eq!(
                recorded.header(header),
                heard.header(header),
                "{header} of the delivery {name}"
            );
        }
        all.extend(
            body_differences(&recorded.body(), &heard.body())
                .into_iter()
                .map(|found| (name.clone(), found)),
        );
    }
    all.retain(|(name, difference)| !allowed.allows(name, difference));
    let lines: Vec<String> = all
        .iter()
        .map(|(name, found)| format!("{name}: {}: {}", found.at, found.what))
        .collect();
    assert!(
        lines.is_empty(),
        "{} differences\n{}",
        lines.len(),
        lines.join("\n")
    );
}

#[tokio::test]
async fn a_real_gitea_answers_as_recorded() {
    let Some(binary) = std::env::var_os("GAVEL_TEST_GITEA").map(PathBuf::from) else {
        eprintln!("skipped: GAVEL_TEST_GITEA names no Gitea binary");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let server = GiteaServer::start(&binary, dir.path(), "operator", "operators-own")
        .await
        .unwrap();
    let heard = converse(&server.url(), "operator", "operators-own").await;
    server.stop().await;
    if std::env::var_os("GAVEL_RECORD").is_some() {
        record(&heard);
    }
    agree(&recorded(), &heard, &Allowed::default());
}

#[tokio::test]
async fn the_labs_forge_answers_as_a_real_gitea() {
    let lab = Lab::start().await;
    let heard = converse(
        lab.account("/forge_url").trim_end_matches('/'),
        &lab.account("/accounts/admin/login"),
        &lab.account("/accounts/admin/password"),
    )
    .await;
    let allowed = Allowed::read(&recording::folder(RECORDED).join("lab-differs.txt"));
    agree(&recorded(), &heard, &allowed);
}

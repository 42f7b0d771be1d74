//! Each rule, by what it is shown.

use super::forge::{Need, clock, release, scopes};
use super::hooks::registered;
use super::machine::{database, room, schedule};
use super::own::deliveries;
use super::rights::{manual_merges, repository, visible};
use super::*;
use crate::doctor::EVENTS;
use crate::doctor::look::{Deliveries, Image, Role};
use crate::gitea::{About, Hook, Scopes};
use crate::store::Examined;
use Outcome::{Failed, Ok as Well, Warning};
use serde_json::{Value, json};

/// A ruling's outcome, and that it says what to do where something is to be done.
fn outcome(ruling: Ruling) -> Outcome {
    assert_eq!(ruling.outcome == Well, ruling.mend.is_empty(), "{ruling:?}");
    assert!(!ruling.seen.is_empty());
    ruling.outcome
}

#[test]
fn versions_from_1_22_on_and_forgejos_by_what_they_are_compatible_with() {
    for (version, expected) in [
        ("1.21.11", Failed),
        ("1.22.0", Well),
        ("1.25.4", Well),
        ("1.25.0+dev-12-g0123456", Well),
        ("1.26.0", Warning),
        ("2.0.0", Warning),
        ("11.0.1+gitea-1.22.0", Well),
        ("7.0.0+gitea-1.21.0", Failed),
        ("nightly", Warning),
        ("", Warning),
    ] {
        assert_eq!(outcome(release(version)), expected, "{version}");
    }
}

#[test]
fn clocks_that_agree_to_some_seconds() {
    for (ahead, expected) in [
        (Some(0), Well),
        (Some(-5), Well),
        (Some(6), Warning),
        (Some(-60), Warning),
        (Some(61), Failed),
        (Some(i64::MIN), Failed),
        (None, Warning),
    ] {
        assert_eq!(outcome(clock(ahead)), expected, "{ahead:?}");
    }
}

#[test]
fn scopes_that_suffice_and_no_others() {
    let needs = [("write:issue", "comments"), ("read:user", "reads")];
    let needs = needs.map(|(scope, why)| Need { scope, why });
    let told = |scopes: &str| Scopes::Told(scopes.split(',').map(str::to_owned).collect());
    for (told, expected, says) in [
        (told("write:issue,read:user"), Well, "as it needs"),
        (
            told("public-only,write:issue,read:user"),
            Well,
            "as it needs",
        ),
        (
            told("read:issue,read:user"),
            Failed,
            "lacks write:issue (comments)",
        ),
        (told("write:issue"), Failed, "lacks read:user (reads)"),
        (
            told("write:issue,write:user"),
            Warning,
            "need not have write:user",
        ),
        (
            told("write:issue,read:user,read:package"),
            Warning,
            "need not have read:package",
        ),
        (told("read:users,write:issue"), Failed, "lacks read:user"),
        (Scopes::Untold, Warning, "does not tell"),
        (Scopes::Wide, Warning, "more than Gavel"),
    ] {
        let ruling = scopes(&needs, &told);
        assert!(ruling.seen.contains(says), "{told:?}: {ruling:?}");
        assert_eq!(outcome(ruling), expected, "{told:?}");
    }
}

#[test]
fn a_database_that_is_there_or_will_be() {
    let examined = |form, whole| {
        Some(Examined {
            form,
            newest: 9,
            whole,
        })
    };
    for (seen, expected) in [
        (None, Well),
        (examined(9, true), Well),
        (examined(3, true), Well),
        (examined(9, false), Warning),
    ] {
        assert_eq!(outcome(database(&seen)), expected, "{seen:?}");
    }
    for (mebibytes, expected) in [(50, Failed), (500, Warning), (5000, Well)] {
        assert_eq!(outcome(room(mebibytes << 20)), expected);
    }
}

#[test]
fn a_schedule_stands_in_the_crontab_at_most_once() {
    let command = ["/srv/launch".to_owned(), "start".to_owned()];
    let line = "0 3 * * 6 /srv/launch start";
    for (crontab, expected) in [
        (vec![], Well),
        (vec!["# 0 3 * * 6 /srv/launch start", line], Well),
        (vec![line, line], Warning),
    ] {
        let crontab: Vec<String> = crontab.into_iter().map(str::to_owned).collect();
        assert_eq!(
            outcome(schedule(&command, &crontab)),
            expected,
            "{crontab:?}"
        );
    }
}

const WANTED: &str = "https://gavel.example.org/hooks/gitea";

fn hook(change: Value) -> Hook {
    let mut hook = json!({
        "id": 7, "type": "gitea", "active": true, "events": EVENTS,
        "config": { "url": WANTED, "content_type": "json" },
    });
    for (key, value) in change.as_object().unwrap() {
        hook[key] = value.clone();
    }
    serde_json::from_value(hook).unwrap()
}

#[test]
fn a_webhook_that_brings_everything_here() {
    let elsewhere = json!({ "config": { "url": "https://old.example.org/hooks/gitea", "content_type": "json" } });
    let form = json!({ "config": { "url": WANTED, "content_type": "form" } });
    let (right, off) = (json!({}), json!({ "active": false }));
    let deaf = json!({ "events": ["push", "issues"] });
    for (hooks, expected, says) in [
        (vec![&right], Well, "webhook 7"),
        (vec![&elsewhere, &right], Well, "webhook 7"),
        (vec![&off, &right], Warning, "2 webhooks"),
        (vec![], Failed, "no webhook leads to"),
        (vec![&elsewhere], Failed, "there is one to https://old"),
        (vec![&off], Failed, "switched off"),
        (vec![&form], Failed, "`form`"),
        (
            vec![&deaf],
            Failed,
            "does not deliver issue_comment, pull_request,",
        ),
    ] {
        let shown: Vec<Hook> = hooks.iter().map(|change| hook((*change).clone())).collect();
        let ruling = registered(WANTED, &shown);
        assert!(ruling.seen.contains(says), "{ruling:?}");
        assert_eq!(outcome(ruling), expected, "{hooks:?}");
    }
}

#[test]
fn the_latest_delivery_tells_which_secret_a_webhook_has() {
    let at = |second: u8| format!("2026-06-01T00:00:{second:02}Z");
    let refused = |second, outcome: &str| json!({ "at": at(second), "outcome": outcome });
    let (some, none) = (json!({ "a/b": at(3) }), json!({}));
    let nothing = Value::Null;
    for (taken, refused, unread, expected, says) in [
        (&some, &nothing, &nothing, Well, "00:00:03"),
        (
            &some,
            &refused(2, "wrong_signature"),
            &nothing,
            Well,
            "00:00:03",
        ),
        (
            &some,
            &refused(4, "wrong_signature"),
            &nothing,
            Failed,
            "wrong_signature",
        ),
        (
            &none,
            &refused(4, "content_type"),
            &nothing,
            Failed,
            "content_type",
        ),
        (&none, &nothing, &nothing, Warning, "none since"),
        // What anybody can send says nothing, whenever it came, and hides nothing.
        (
            &some,
            &nothing,
            &refused(4, "unsigned"),
            Well,
            "00:00:04Z (unsigned)",
        ),
        (
            &some,
            &refused(2, "wrong_signature"),
            &refused(4, "too_large"),
            Well,
            "(too_large)",
        ),
        (
            &some,
            &refused(4, "wrong_signature"),
            &refused(5, "cut"),
            Failed,
            "wrong_signature",
        ),
        (
            &none,
            &nothing,
            &refused(4, "unsigned"),
            Warning,
            "none since",
        ),
    ] {
        let seen = json!({ "since": at(0), "taken": taken, "refused": refused, "unread": unread });
        let ruling = deliveries(&serde_json::from_value::<Deliveries>(seen).unwrap());
        assert!(ruling.seen.contains(says), "{ruling:?}");
        assert_eq!(outcome(ruling), expected);
    }
}

#[test]
fn something_newer_or_no_upgrade() {
    let image = |newest: Option<&str>| Image {
        name: "plain".into(),
        tag: "1.4.0".into(),
        newest: newest.map(str::to_owned),
    };
    for (images, expected) in [
        (vec![image(Some("1.5.0"))], Well),
        (vec![image(Some("1.4.0")), image(Some("1.5.0"))], Well),
        (vec![image(Some("1.4.0"))], Failed),
        (vec![image(None)], Failed),
        (vec![], Failed),
    ] {
        assert_eq!(outcome(drone::newer(&images)), expected, "{images:?}");
    }
}

fn about(change: Value) -> About {
    let mut about = json!({
        "default_branch": "main", "has_pull_requests": true, "autodetect_manual_merge": false,
        "permissions": { "admin": false, "push": true, "pull": true },
    });
    for (key, value) in change.as_object().unwrap() {
        about[key] = value.clone();
    }
    serde_json::from_value(about).unwrap()
}

fn config() -> Config {
    let secret = |_: &Path| Ok("s3cret".into());
    let example = include_str!("../../../deploy/gavel.example.toml");
    Config::parse(example, Path::new("/etc/gavel"), &secret).unwrap()
}

#[test]
fn a_repository_where_gavel_may_what_it_has_to() {
    let config = config();
    let (right, reader) = (json!({}), json!({ "permissions": { "pull": true } }));
    let admin = json!({ "permissions": { "admin": true, "push": true, "pull": true } });
    let (archived, empty) = (json!({ "archived": true }), json!({ "empty": true }));
    let closed = json!({ "has_pull_requests": false });
    for (role, change, expected) in [
        (Role::Mirror, &right, Well),
        (Role::Mirror, &reader, Failed),
        (Role::Upstream, &reader, Failed),
        // The example lets everybody command who can write there, and has no item that opens anything in the harness.
        (Role::Tracking, &right, Failed),
        (Role::Tracking, &admin, Well),
        (Role::Harness, &reader, Well),
        (Role::Findings, &reader, Well),
        (Role::Findings, &empty, Well),
        (Role::Mirror, &archived, Failed),
        (Role::Mirror, &empty, Failed),
        (Role::Mirror, &closed, Failed),
    ] {
        let ruling = repository(&config, role, &about(change.clone()));
        assert_eq!(outcome(ruling), expected, "{role:?} {change}");
    }
    let detects = about(json!({ "autodetect_manual_merge": true }));
    assert_eq!(outcome(manual_merges(&detects)), Failed);
    assert_eq!(outcome(manual_merges(&about(right.clone()))), Well);
    assert_eq!(outcome(visible(&about(right))), Well);
    let hidden = about(json!({ "private": true }));
    assert_ne!(outcome(visible(&hidden)), Well);
}

#[test]
fn what_is_not_configured_is_told_with_its_items() {
    let checks = configuration(&config(), Path::new("gavel.toml"));
    let outcomes: Vec<_> = checks
        .iter()
        .map(|check| (check.name, check.outcome))
        .collect();
    assert_eq!(outcomes, [("configuration", Well), ("items", Warning)]);
    let blocked = &checks[1].seen;
    for item in ["V3: ", "V4: ", "V5: ", "V6: ", "V7: ", "V8: ", "V8a: "] {
        assert!(blocked.contains(item), "{blocked}");
    }
}

#[test]
fn what_was_not_asked_is_not_checked() {
    let look = Look::<()>::unasked("somebody", "forge");
    let made = check("x", "", &look, |()| unreachable!(), |_| unreachable!());
    assert_eq!(made.outcome, Outcome::NotChecked);
    assert_eq!(made.seen, "not checked, since `forge` failed");
}

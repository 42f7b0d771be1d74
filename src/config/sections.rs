//! Reads `gavel.toml`, section by section.

use super::{
    Commanders, Config, Drone, Findings, Forge, Gate, Outsider, Patience, Problem, Server, Suite,
    Tracking, Versions, between, flow, host,
    reader::{Place, Reader, Section},
    sandbox,
    secrets::{SecretError, Secrets},
    values,
};
use crate::secret::Secret;
use secrecy::SecretString;
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::Duration;

type SecretSource<'a> = &'a dyn Fn(&Path) -> Result<SecretString, SecretError>;

/// What relative paths and secrets are resolved with.
pub struct Around<'a> {
    pub folder: &'a Path,
    secret: SecretSource<'a>,
    /// Those that were read so far.
    secrets: RefCell<Secrets>,
}

pub fn read(text: &str, folder: &Path, secret: SecretSource) -> Result<Config, Vec<Problem>> {
    let reader = Reader::parse(text).map_err(|problem| vec![problem])?;
    let around = Around {
        folder,
        secret,
        secrets: RefCell::default(),
    };
    let config = config(&reader, &around);
    match config {
        Some(config) if reader.is_sound() => Ok(config),
        _ => Err(reader.into_problems()),
    }
}

fn config(reader: &Reader, around: &Around) -> Option<Config> {
    let root = reader.root();
    let server = root
        .section("server")
        .and_then(|section| server(section, around));
    let forge = root
        .section("forge")
        .and_then(|section| forge(section, around));
    let tracking = root.section("tracking").and_then(tracking);
    let commanders = root.section("commanders").and_then(commanders);
    let drone = root
        .section("drone")
        .and_then(|section| drone(section, around));
    let gate = root
        .section("gate")
        .and_then(|section| gate(section, around));
    let suite = root.section("suite").and_then(suite);
    let flow = root
        .section("flow")
        .and_then(|section| flow::read(section, around));
    let registry = root.optional("registry", host::registry);
    let host = root.optional("host", |section| host::read(section, around));
    let sandbox = root.section("sandbox").and_then(sandbox::read);
    let verified = root.optional("verified", |section| host::verified(section, around));
    let findings = root.optional("findings", |section| {
        let repository = section.need("repository", "\"maintainers/findings\"", values::parsed);
        Some(Findings {
            repository: repository?,
        })
    });
    let versions = root
        .section("versions")
        .and_then(|section| versions(section, around));
    let patience = root.section("patience").and_then(patience);
    let config = Config {
        server: server?,
        forge: forge?,
        tracking: tracking?,
        commanders: commanders?,
        drone: drone?,
        gate: gate?,
        suite: suite?,
        flow: flow?,
        registry: registry?,
        host: host?,
        sandbox: sandbox?,
        verified: verified?,
        findings: findings?,
        versions: versions?,
        patience: patience?,
        secrets: around.secrets.take(),
    };
    between::check(reader, &config);
    Some(config)
}

fn server(section: Section, around: &Around) -> Option<Server> {
    let listen = section.need("listen", "\"127.0.0.1:8321\"", |place| {
        let text = place.text()?;
        text.parse()
            .ok()
            .or_else(|| place.wrong(format!("{text:?} is not an IP address and a port")))
    });
    let public_url = section.need("public_url", "\"https://gavel.example.org\"", values::base);
    let data = section.need("data", "\"/var/lib/gavel\"", |place| around.path(place));
    let keep_days = section.may("keep_days", "90", |place| place.number(1..=36_500));
    Some(Server {
        keep: Duration::from_secs(A_DAY.as_secs() * keep_days?.unwrap_or(90)),
        listen: listen?,
        public_url: public_url?,
        data: data?,
    })
}

fn forge(section: Section, around: &Around) -> Option<Forge> {
    let url = section.need("url", "\"https://git.example.org\"", values::base);
    let account = section.need("account", "\"gavel\"", values::parsed);
    let token = section.need("token_file", "\"/etc/gavel/forge.token\"", |place| {
        around.secret(place)
    });
    let webhook_secret = section.need(
        "webhook_secret_file",
        "\"/etc/gavel/webhook.secret\"",
        |place| around.secret(place),
    );
    Some(Forge {
        url: url?,
        account: account?,
        token: token?,
        webhook_secret: webhook_secret?,
    })
}

fn tracking(section: Section) -> Option<Tracking> {
    let repository = section.need("repository", "\"maintainers/verification\"", values::parsed);
    let issue = section.need("issue", "1", |place| place.number(1..=u64::MAX));
    Some(Tracking {
        repository: repository?,
        issue: issue?,
    })
}

fn commanders(section: Section) -> Option<Commanders> {
    let accounts = section.need("accounts", "[\"maintainer\"]", |place| {
        place.list(values::parsed)
    });
    let teams = section.need("teams", "[\"organisation/team\"]", |place| {
        place.list(values::parsed)
    });
    let write_access = section.need("write_access", "true", |place| place.yes_or_no());
    let adversaries = section.may("adversaries", "[\"adversary\"]", |place| {
        place.list(values::parsed)
    });
    let commanders = Commanders {
        adversaries: adversaries?.unwrap_or_default(),
        accounts: accounts?,
        teams: teams?,
        write_access: write_access?,
    };
    if commanders.accounts.is_empty() && commanders.teams.is_empty() && !commanders.write_access {
        section.refuse(
            "accounts",
            "nobody may command Gavel",
            "Name accounts or teams, or set `write_access = true`",
        );
    }
    Some(commanders)
}

fn drone(section: Section, around: &Around) -> Option<Drone> {
    let url = section.need("url", "\"https://drone.example.org\"", values::base);
    let repository = section.need("repository", "\"recipe-maintainers/cc-ci\"", values::parsed);
    let branch = section.need("branch", "\"main\"", values::branch);
    let token = section.need("token_file", "\"/etc/gavel/drone.token\"", |place| {
        around.secret(place)
    });
    Some(Drone {
        url: url?,
        repository: repository?,
        branch: branch?,
        token: token?,
    })
}

fn gate(section: Section, around: &Around) -> Option<Gate> {
    let account = section.need("account", "\"bridge\"", values::parsed);
    let organisation = section.need("organisation", "\"recipe-maintainers\"", values::parsed);
    let trigger = section.need("trigger", "\"!testme\"", values::line);
    let more_triggers = section.may("more_triggers", "[\"!testme --quick\"]", |place| {
        place.list(values::line)
    });
    let interval = section.need("interval", "\"30s\"", values::duration);
    let quiet_intervals = section.need("quiet_intervals", "3", |place| place.number(3..=1000));
    let status_context = section.need("status_context", "\"cc-ci/testme\"", values::line);
    let comment_marker = section.need("comment_marker", "\"<!-- cc-ci:testme -->\"", values::line);
    let comment_success = section.may("comment_success", r"\bpassed\b", values::regex);
    let comment_failure = section.may("comment_failure", r"\bfailed\b", values::regex);
    let bad_triggers = section.need("bad_triggers", "[\"!testmexyz\"]", |place| {
        place.filled_list(|place| {
            let text = place.text()?;
            match &trigger {
                Some(trigger) if fires(text, trigger) => place.refuse(
                    format!("{text:?} is a good trigger: it starts a build"),
                    format!("Write something that is not exactly `{trigger}`, or remove it"),
                ),
                _ if text.trim().is_empty() => {
                    place.wrong("this is an empty comment, which no forge takes")
                }
                _ => Some(text.to_owned()),
            }
        })
    });
    let outsider = section
        .section("outsider")
        .and_then(|section| outsider(section, around));
    Some(Gate {
        account: account?,
        organisation: organisation?,
        trigger: trigger?,
        more_triggers: more_triggers?.unwrap_or_default(),
        interval: interval?,
        // The range above fits.
        quiet_intervals: u32::try_from(quiet_intervals?).ok()?,
        status_context: status_context?,
        comment_marker: comment_marker?,
        comment_success: comment_success?,
        comment_failure: comment_failure?,
        bad_triggers: bad_triggers?,
        outsider: outsider?,
    })
}

/// Whether the bridge takes this comment for its trigger: trimmed, exactly it, with or without `--quick`.
fn fires(comment: &str, trigger: &str) -> bool {
    let comment = comment.trim();
    comment == trigger || comment == format!("{trigger} --quick")
}

fn outsider(section: Section, around: &Around) -> Option<Outsider> {
    let account = section.need("account", "\"outsider\"", values::parsed);
    let token = section.need("token_file", "\"/etc/gavel/outsider.token\"", |place| {
        around.secret(place)
    });
    Some(Outsider {
        account: account?,
        token: token?,
    })
}

fn suite(section: Section) -> Option<Suite> {
    let stages = section.need("stages", "[\"install\", \"functional\"]", |place| {
        let stages = place.filled_list(values::line)?;
        match stages
            .iter()
            .enumerate()
            .find(|(i, stage)| stages[..*i].contains(stage))
        {
            Some((_, twice)) => place.refuse(
                format!("the stage {twice:?} is named twice"),
                "Name every stage once",
            ),
            None => Some(stages),
        }
    });
    let results_url = section.need(
        "results_url",
        "\"https://ci.example.org/results/{build}/results.json\"",
        |place| values::address_with(place, &["{build}"]),
    );
    let log_pattern = section.may("log_pattern", "\"abra app deploy\"", values::regex);
    Some(Suite {
        stages: stages?,
        results_url: results_url?,
        log_pattern: log_pattern?,
    })
}

fn versions(section: Section, around: &Around) -> Option<Versions> {
    let files = |place: &Place| place.list(|place| around.path(place));
    let bridge = section.need("bridge", "[\"/srv/cc-ci/bridge/bridge.py\"]", files);
    let helper = section.need("helper", "[\"/srv/cc-ci/bin/testme-on-pr.sh\"]", files);
    let skills = section.need("skills", "[]", files);
    Some(Versions {
        bridge: bridge?,
        helper: helper?,
        skills: skills?,
    })
}

/// The whole plan, on a real installation, takes some hours.
const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn patience(section: Section) -> Option<Patience> {
    let reaction = section.need("reaction", "\"5m\"", values::duration);
    let build = section.need("build", "\"30m\"", values::duration);
    let outage = section.need("outage", "\"2h\"", values::duration);
    let poll = section.need("poll", "\"10s\"", values::duration);
    let request = section.need("request", "\"30s\"", values::duration);
    let run = section.may("run", "\"24h\"", values::duration);
    let patience = Patience {
        run: run?.unwrap_or(A_DAY),
        reaction: reaction?,
        build: build?,
        outage: outage?,
        poll: poll?,
        request: request?,
    };
    if patience.poll > patience.reaction {
        section.refuse(
            "poll",
            "an effect would count as absent before it was looked for",
            "Make it shorter than `reaction`",
        );
    }
    Some(patience)
}

impl Around<'_> {
    pub fn path(&self, place: &Place) -> Option<PathBuf> {
        place.text().map(|text| self.folder.join(text))
    }

    /// The secret in the file that stands there; one that is named twice is one.
    pub fn secret(&self, place: &Place) -> Option<Secret> {
        let path = self.path(place)?;
        let secret = self.secrets.borrow_mut().of(path, self.secret);
        match secret {
            Ok(secret) => Some(secret),
            Err(error) => place.refuse(error.to_string(), error.mend()),
        }
    }
}

//! The example is read whole; whatever is wrong is told with its key, its line and the mend.

mod fuzz;

use super::*;
use secrecy::ExposeSecret;
use std::os::unix::fs::PermissionsExt;

const EXAMPLE: &str = include_str!("../../deploy/gavel.example.toml");

fn parse(text: &str) -> Result<Config, Vec<Problem>> {
    Config::parse(text, Path::new("/etc/gavel"), &|path| {
        Ok(SecretString::from(format!(
            "what stands in {}",
            path.display()
        )))
    })
}

/// What is said about the example when `from` in it is replaced by `to`.
fn told(from: &str, to: &str) -> String {
    assert!(EXAMPLE.contains(from), "the example does not hold {from:?}");
    match parse(&EXAMPLE.replacen(from, to, 1)) {
        Ok(_) => format!("{to:?} is taken\n"),
        Err(problems) => problems
            .iter()
            .map(|problem| format!("{problem}\n"))
            .collect(),
    }
}

#[test]
fn the_example_is_read() {
    let config = parse(EXAMPLE).unwrap();
    assert_eq!(config.server.listen.port(), 8321);
    assert_eq!(
        config.tracking.repository.to_string(),
        "maintainers/verification"
    );
    assert_eq!(config.gate.quiet_window(), Duration::from_secs(90));
    assert_eq!(config.gate.bad_triggers[2], "```\n!testme\n```");
    assert_eq!(
        config.suite.results_url(12),
        "https://ci.example.org/results/12/results.json"
    );
    assert!(
        config
            .suite
            .log_pattern
            .as_ref()
            .unwrap()
            .is_match("$ abra app deploy x")
    );
    assert_eq!(
        config.flow.helper.command.program,
        Path::new("/srv/cc-ci/bin/testme-on-pr.sh")
    );
    assert_eq!(
        config.flow.helper.command.secrets["FORGE_TOKEN"]
            .now()
            .expose_secret(),
        "what stands in /etc/gavel/flow.token"
    );
    assert_eq!(config.flow.memory, 8 << 30);
    assert_eq!(config.patience.outage, Duration::from_secs(7200));
}

#[test]
fn relative_paths_start_at_the_file() {
    let text = EXAMPLE
        .replace("\"/var/lib/gavel\"", "\"data\"")
        .replace(
            "command = [\"/srv/cc-ci/bin/testme-on-pr.sh\"]",
            "command = [\"bin/testme-on-pr.sh\", \"-x\"]",
        )
        .replace("\"/etc/gavel/flow.token\"", "\"../flow.token\"");
    let config = parse(&text).unwrap();
    assert_eq!(config.server.data, Path::new("/etc/gavel/data"));
    assert_eq!(
        config.flow.helper.command.program,
        Path::new("/etc/gavel/bin/testme-on-pr.sh")
    );
    assert_eq!(config.flow.helper.command.arguments, ["-x"]);
    assert_eq!(
        config.flow.helper.command.secrets["FORGE_TOKEN"]
            .now()
            .expose_secret(),
        "what stands in /etc/gavel/../flow.token"
    );
}

#[test]
fn secrets_are_not_shown() {
    let shown = format!("{:?}", parse(EXAMPLE).unwrap());
    assert!(!shown.contains("what stands in"), "{shown}");
}

#[test]
fn what_may_be_left_out() {
    let text = EXAMPLE.replace("log_pattern = \"abra app deploy\"", "");
    assert!(parse(&text).unwrap().suite.log_pattern.is_none());
}

#[test]
fn what_is_wrong_is_told_with_key_line_and_mend() {
    let told: String = [
        ("[server]", "[server"),
        ("[tracking]", "[trackin]"),
        ("listen =", "listne ="),
        ("listen = \"127.0.0.1:8321\"", "listen = 8321"),
        ("\"127.0.0.1:8321\"", "\"localhost\""),
        ("\"https://git.example.org\"", "\"git.example.org\""),
        (
            "\"https://drone.example.org\"",
            "\"https://me:secret@drone.example.org\"",
        ),
        (
            "\"https://gavel.example.org\"",
            "\"ftp://gavel.example.org\"",
        ),
        ("account = \"gavel\"", "account = \"gavel/x\""),
        ("account = \"gavel\"", "account = \"Flow\""),
        ("\"maintainers/verification\"", "\"verification\""),
        ("issue = 1", "issue = 0"),
        (
            "accounts = [\"maintainer\"]",
            "accounts = [\"maintainer\", \"gavel\"]",
        ),
        ("accounts = [\"maintainer\"]", "accounts = \"maintainer\""),
        ("teams = []", "teams = [\"core\"]"),
        ("write_access = true", "write_access = \"yes\""),
        ("branch = \"main\"", "branch = \"ma in\""),
        ("interval = \"30s\"", "interval = \"30\""),
        ("interval = \"30s\"", "interval = \"0s\""),
        ("interval = \"30s\"", "interval = \"-1s\""),
        ("interval = \"30s\"", "interval = \"10m\""),
        ("quiet_intervals = 3", "quiet_intervals = 2"),
        (
            "bad_triggers = [\"!testmexyz\"",
            "bad_triggers = [\" !testme \"",
        ),
        ("account = \"outsider\"", "account = \"bridge\""),
        (
            "stages = [\"install\", \"upgrade\", \"backup\", \"functional\"]",
            "stages = []",
        ),
        ("\"upgrade\", \"backup\"", "\"install\", \"backup\""),
        ("{build}", "build"),
        ("\"abra app deploy\"", "\"abra (app\""),
        (
            "command = [\"/srv/cc-ci/bin/testme-on-pr.sh\"]",
            "command = [\"\"]",
        ),
        ("account = \"flow\"", "account = \"flow\"\nmemory = \"8GB\""),
        (
            "account = \"flow\"",
            "account = \"flow\"\nmemory = \"255MiB\"",
        ),
        (
            "account = \"flow\"",
            "account = \"flow\"\nmemory = \"16777216TiB\"",
        ),
        ("{ FORGE_URL =", "{ POST ="),
        ("{ FORGE_URL =", "{ FORGE_TOKEN ="),
        ("{ FORGE_URL =", "{ \"FORGE URL\" ="),
        ("known_red = \"known-red\"", "known_red = \"known-green\""),
        ("[sandbox.gate]", "[sandbox.gates]"),
        ("poll = \"10s\"", "poll = \"10m\""),
        (
            "request = \"30s\"",
            "requests = \"half a minute\"\nrequested = 1",
        ),
    ]
    .into_iter()
    .map(|(from, to)| told(from, to))
    .collect();
    insta::assert_snapshot!(told, @r#"
    line 3: this is not TOML: unclosed table, expected `]`. Compare the line with gavel.example.toml.
    line 1, `tracking`: this section is missing. Add `[tracking]`, as in gavel.example.toml.
    line 15, `trackin`: this key is not known. Did you mean `tracking`? Otherwise remove it.
    line 3, `server.listen`: this key is missing. Add for example `listen = "127.0.0.1:8321"` to `[server]`.
    line 4, `server.listne`: this key is not known. Did you mean `listen`? Otherwise remove it.
    line 4, `server.listen`: a text is expected, this is the number 8321. Write for example `listen = "127.0.0.1:8321"`.
    line 4, `server.listen`: "localhost" is not an IP address and a port. Write for example `listen = "127.0.0.1:8321"`.
    line 10, `forge.url`: "git.example.org" is not a URL: relative URL without a base. Write for example `url = "https://git.example.org"`.
    line 26, `drone.url`: this URL holds a user or a password, which belong into a token file. Write for example `url = "https://drone.example.org"`.
    line 5, `server.public_url`: "ftp://gavel.example.org" is not a URL of http or https. Write for example `public_url = "https://gavel.example.org"`.
    line 11, `forge.account`: an account is made of letters, digits, `-`, `_` and `.`, "gavel/x" is not. Write for example `account = "gavel"`.
    line 54, `flow.account`: this is Gavel's own account: the accused would write in the judge's name. Give the flow an account of its own.
    line 16, `tracking.repository`: a repository is named `owner/name`, "verification" is not. Write for example `repository = "maintainers/verification"`.
    line 17, `tracking.issue`: a whole number of at least 1 is expected. Write for example `issue = 1`.
    line 20, `commanders.accounts`: gavel may not command: Gavel answers neither itself nor the flow nor the outsider. Remove it.
    line 20, `commanders.accounts`: a list is expected, this is a text. Write for example `accounts = ["maintainer"]`.
    line 21, `commanders.teams[0]`: a team is named `organisation/team`, "core" is not. Write for example `teams = ["organisation/team"]`.
    line 22, `commanders.write_access`: `true` or `false` is expected, this is a text. Write for example `write_access = true`.
    line 28, `drone.branch`: "ma in" cannot be the name of a branch. Write for example `branch = "main"`.
    line 36, `gate.interval`: "30" is not a duration: a number and `ms`, `s`, `m` or `h` are expected. Write for example `interval = "30s"`.
    line 36, `gate.interval`: a duration greater than zero is expected. Write for example `interval = "30s"`.
    line 36, `gate.interval`: "-1s" is negative. Write for example `interval = "30s"`.
    line 165, `patience.reaction`: a bridge that polls every `gate.interval` reacts later than this: healthy, it would count as dead. Make it several times as long as `gate.interval`.
    line 37, `gate.quiet_intervals`: a whole number from 3 to 1000 is expected. Write for example `quiet_intervals = 3`.
    line 42, `gate.bad_triggers[0]`: " !testme " is a good trigger: it starts a build. Write something that is not exactly `!testme`, or remove it.
    line 45, `gate.outsider.account`: bridge has access, so it is no outsider. Use an account that has access to nothing.
    line 49, `suite.stages`: this list is empty. Write for example `stages = ["install", "functional"]`.
    line 49, `suite.stages`: the stage "install" is named twice. Name every stage once.
    line 50, `suite.results_url`: `{build}` is missing in it. Write for example `results_url = "https://ci.example.org/results/{build}/results.json"`.
    line 51, `suite.log_pattern`: "abra (app" is not a regular expression: unclosed group. Write for example `log_pattern = "abra app deploy"`.
    line 58, `flow.helper.command[0]`: this is empty. Write for example `command = ["/srv/cc-ci/bin/testme-on-pr.sh"]`.
    line 55, `flow.memory`: "8GB" is no amount of memory: a whole number and `MiB`, `GiB` or `TiB` are expected. Write for example `memory = "8GiB"`.
    line 55, `flow.memory`: "255MiB" is less than 256 MiB. Write for example `memory = "8GiB"`.
    line 55, `flow.memory`: "16777216TiB" is no amount of memory: a whole number and `MiB`, `GiB` or `TiB` are expected. Write for example `memory = "8GiB"`.
    line 61, `flow.helper.environment.POST`: Gavel sets this variable itself, for each call. Remove it.
    line 61, `flow.helper.environment`: `FORGE_TOKEN` stands in `secrets`, too. Keep it in one of the two.
    line 61, `flow.helper.environment.FORGE URL`: "FORGE URL" is not the name of an environment variable. Use letters, digits and `_`.
    line 157, `sandbox.gate.known_red`: the same branch cannot be green and red. Name a branch on which a test fails.
    line 127, `sandbox.gate`: this section is missing. Add `[sandbox.gate]`, as in gavel.example.toml.
    line 154, `sandbox.gates`: this key is not known. Did you mean `gate`? Otherwise remove it.
    line 168, `patience.poll`: an effect would count as absent before it was looked for. Make it shorter than `reaction`.
    line 164, `patience.request`: this key is missing. Add for example `request = "30s"` to `[patience]`.
    line 169, `patience.requests`: this key is not known. Did you mean `request`? Otherwise remove it.
    line 170, `patience.requested`: this key is not known. Did you mean `request`? Otherwise remove it.
    "#);
}

#[test]
fn everything_wrong_is_told_at_once() {
    let text = EXAMPLE
        .replace("\"30s\"", "\"soon\"")
        .replace("issue = 1", "isue = 1");
    let problems = parse(&text).unwrap_err();
    let keys: Vec<_> = problems
        .iter()
        .map(|problem| problem.key.as_str())
        .collect();
    assert_eq!(
        keys,
        [
            "tracking.issue",
            "tracking.isue",
            "gate.interval",
            "patience.request"
        ]
    );
}

#[test]
fn a_file_of_secrets_that_others_can_read_stops_it() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &str, mode| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    write("forge.token", "a", 0o644);
    write("webhook.secret", "", 0o600);
    write("outsider.token", "c", 0o600);
    write("flow.token", "d\n", 0o600);
    let path = folder.path().join("gavel.toml");
    std::fs::write(&path, EXAMPLE.replace("/etc/gavel/", "")).unwrap();

    let error = Config::load(&path).unwrap_err().to_string();
    insta::assert_snapshot!(error.replace(&*folder.path().to_string_lossy(), "FOLDER"), @"
    the configuration FOLDER/gavel.toml cannot be used:
      line 12, `forge.token_file`: the file FOLDER/forge.token can be read by others (mode 644). Run `chmod 600 FOLDER/forge.token`, and renew the secret if it may have been seen.
      line 13, `forge.webhook_secret_file`: the file FOLDER/webhook.secret is empty. Write the secret into it, on one line and nothing else.
      line 29, `drone.token_file`: the file FOLDER/drone.token does not exist. Write the secret into it, and run `chmod 600 FOLDER/drone.token`.
    ");

    write("forge.token", "a", 0o600);
    write("webhook.secret", "b", 0o600);
    write("drone.token", "e", 0o600);
    let config = Config::load(&path).unwrap();
    assert_eq!(
        config.flow.helper.command.secrets["FORGE_TOKEN"]
            .now()
            .expose_secret(),
        "d"
    );

    let error = Config::load(&folder.path().join("nothing.toml"))
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("cannot read the configuration"),
        "{error}"
    );
}

/// The example with all that is commented out in it.
fn whole() -> String {
    let commented = |line: &str| {
        let line = line.strip_prefix("# ")?;
        let key = line.split_once(" = ").map(|(key, _)| key);
        let is_key = key.is_some_and(|key| key.chars().all(|c| c.is_ascii_lowercase() || c == '_'));
        (is_key || line.starts_with('[')).then(|| line.to_owned())
    };
    let lines = EXAMPLE.lines();
    lines
        .map(|line| commented(line).unwrap_or_else(|| line.to_owned()) + "\n")
        .collect()
}

/// What is said about the whole example when `from` in it is replaced by `to`.
fn told_of_the_whole(from: &str, to: &str) -> String {
    let text = whole();
    assert!(text.contains(from), "the example does not hold {from:?}");
    match parse(&text.replacen(from, to, 1)) {
        Ok(_) => format!("{to:?} is taken\n"),
        Err(problems) => problems
            .iter()
            .map(|problem| format!("{problem}\n"))
            .collect(),
    }
}

#[test]
fn what_the_example_shows_in_comments_is_read() {
    let config = parse(&whole()).unwrap();
    let upgrade = config.flow.recipe_upgrade.unwrap();
    assert_eq!(upgrade.branch("1.1.0+2.0"), "upgrade-1.1.0+2.0");
    assert_eq!(
        upgrade.tests_branch("tiny", "1.1.0+2.0"),
        "tests-tiny-1.1.0+2.0"
    );
    assert_eq!(upgrade.command.time_limit, Duration::from_secs(7200));
    assert_eq!(
        upgrade.command.line(&["tiny".into()]),
        ["/srv/cc-ci/bin/recipe-upgrade", "tiny"]
    );
    assert_eq!(
        config.flow.verify_pr.unwrap().results_url("aa", "bb"),
        "https://ci.example.org/results/verify/aa-bb.json"
    );
    let all = config.flow.upgrade_all.unwrap();
    let found = all.candidate.captures("CANDIDATE tiny 1.0 -> 2.0").unwrap();
    assert_eq!((&found["recipe"], &found["to"]), ("tiny", "2.0"));
    assert!(all.summary.is_match("===== SUMMARY ====="));
    assert!(all.stale_heading.is_match("## Tests look stale"));
    assert_eq!(all.scope, "RECIPES");
    let launcher = config.flow.launcher.unwrap();
    assert_eq!(launcher.session, "cc-ci-upgrader");
    assert_eq!(launcher.remote_control, "cc-ci-upgrader");
    assert_eq!(launcher.arguments, "UPGRADER_ARGS");
    let orchestrator = config.flow.orchestrator.unwrap();
    assert_eq!(orchestrator.command.arguments, ["alive"]);
    assert!(orchestrator.sample.ends_with("cc-ci-orchestrator"));
    assert_eq!(orchestrator.processes, "PROCESS_LIST");
    assert!(config.flow.schedule.unwrap().line.starts_with("0 3 * * 6 "));
    let skills = config.flow.skills.unwrap();
    for text in [
        skills.recipe_upgrade,
        skills.upgrade_all,
        skills.ci_test_review,
    ] {
        assert!(text.ends_with("SKILL.md"));
    }
    let host = config.host.unwrap();
    assert_eq!(host.stacks("tiny"), "ci-tiny-");
    assert_eq!(host.crontab.arguments, ["-l"]);
    assert_eq!(host.tmux.environment["TMUX_TMPDIR"], "/run/tmux");
    assert_eq!((host.clones.len(), host.scratch.len()), (2, 1));
    assert_eq!(
        config.registry.unwrap().url.as_str(),
        "https://registry.example.org/"
    );
    let verified = config.verified.unwrap();
    assert_eq!(verified.label.as_deref(), Some("verified"));
    assert!(verified.command.is_some());
    let sandbox = config.sandbox;
    assert_eq!(sandbox.upstream.as_ref().unwrap().as_str(), "coop-cloud");
    assert_eq!(sandbox.allowed_paths.len(), 5);
    let recipes: Vec<_> = sandbox
        .recipes()
        .into_iter()
        .map(|(_, recipe)| recipe.as_str())
        .collect();
    assert_eq!(
        recipes,
        [
            "custom-html-tiny",
            "sandbox-upgrade",
            "sandbox-repairable",
            "sandbox-persistent",
            "sandbox-stale",
            "sandbox-reconcile"
        ]
    );
    assert_eq!(sandbox.all.unwrap().len(), 3);
    let stale = sandbox.stale.unwrap();
    assert_eq!(stale.test, "functional/tells-its-version");
    assert_eq!(
        stale.file,
        "tests/sandbox-stale/functional/tells-its-version.sh"
    );
    assert_eq!(stale.broken, "broken");
}

#[test]
fn nothing_of_what_came_later_is_needed() {
    let config = parse(EXAMPLE).unwrap();
    assert!(config.registry.is_none() && config.host.is_none() && config.verified.is_none());
    assert!(config.flow.recipe_upgrade.is_none() && config.sandbox.upstream.is_none());
    assert_eq!(config.sandbox.allowed_paths[0], "compose.yml");
    assert_eq!(config.sandbox.recipes().len(), 1);
}

#[test]
fn variables_of_the_flow_are_shared_and_a_command_has_the_last_word() {
    let text = whole()
        .replace(
            "[flow]   ",
            "[flow]\nenvironment = { FORGE_URL = \"a\", FORGE_TOKEN = \"b\", POST = \"1\" }\nsecrets = { SHARED = \"shared.token\" } # ",
        )
        .replace(
            "branch = \"upgrade-{version}\"",
            "environment = { SHARED = \"mine\" }",
        );
    let config = parse(&text).unwrap();
    let helper = &config.flow.helper.command;
    assert_eq!(helper.environment["FORGE_URL"], "https://git.example.org");
    assert!(!helper.environment.contains_key("FORGE_TOKEN"));
    assert_eq!(
        helper.secrets["FORGE_TOKEN"].now().expose_secret(),
        "what stands in /etc/gavel/flow.token"
    );
    let upgrade = config.flow.recipe_upgrade.as_ref().unwrap();
    assert_eq!(upgrade.command.environment["FORGE_URL"], "a");
    assert_eq!(upgrade.command.environment["SHARED"], "mine");
    assert!(upgrade.command.secrets.is_empty());
    let verify = config.flow.verify_pr.as_ref().unwrap();
    assert!(verify.command.secrets.contains_key("SHARED"));
}

#[test]
fn every_secret_of_every_command_is_known() {
    let mut text = whole();
    for (name, section) in [
        ("[flow.recipe_upgrade]", "a"),
        ("[flow.verify_pr]", "b"),
        ("[flow.upgrade_all]", "c"),
        ("[flow.launcher]", "d"),
        ("[flow.orchestrator]", "e"),
        ("[host]", "f"),
        ("[verified]", "g"),
    ] {
        let more = format!("{name}\nsecrets = {{ S = \"{section}.secret\" }} #");
        assert!(text.contains(name));
        text = text.replace(name, &more);
    }
    let config = parse(&text).unwrap();
    let known = config.secrets.known();
    for file in ["a", "b", "c", "d", "e", "f", "g"] {
        let secret = format!("what stands in /etc/gavel/{file}.secret");
        assert!(
            known.iter().any(|known| known.expose_secret() == secret),
            "{secret}"
        );
    }
}

#[test]
fn what_is_wrong_with_the_flow_is_told() {
    let told: String = [
        ("[flow.verify_pr]", "[flow.verify_prs]"),
        ("time_limit = \"2h\"", "time_limit = \"long\""),
        ("time_limit = \"6h\"", ""),
        ("\"upgrade-{version}\"", "\"upgrade\""),
        ("\"upgrade-{version}\"", "\"-{version}\""),
        ("{recipe_head}-{tests_head}", "{recipe_head}"),
        ("(?<from>", "("),
        ("^===== SUMMARY", "(===== SUMMARY"),
        ("scope = \"RECIPES\"", "scope = \"RE CIPES\""),
        (
            "scope = \"RECIPES\"",
            "scope = \"RECIPES\"\nenvironment = { RECIPES = \"x\" }",
        ),
        ("session = \"cc-ci-upgrader\"", "session = \"cc:ci\""),
        ("stacks = \"ci-{recipe}-\"", "stacks = \"ci-\""),
        ("tmux = [\"tmux\"]", "tmux = \"tmux\""),
        ("[registry]   ", "[registry]\nport = 5000 #"),
        (
            "recipe = \"sandbox-upgrade\"",
            "recipe = \"sandbox upgrade\"",
        ),
        ("recipe = \"sandbox-upgrade\"", "recipe = \"--with-tests\""),
        (
            "recipe = \"sandbox-upgrade\"",
            "recipe = \"sandbox;reboot\"",
        ),
        ("recipe = \"sandbox-upgrade\"", "recipe = \"../cc-ci\""),
        ("recipe = \"sandbox-upgrade\"", "recipe = \"cc-ci\""),
        ("recipe = \"sandbox-upgrade\"", "recipe = \"sandbox-stale\""),
        ("recipe = \"custom-html-tiny\"", "recipe = \"-tiny\""),
        ("\"sandbox-current\"]", "\"sand/box\"]"),
        ("\"release/**\"", "\"../**\""),
        ("\"release/**\"", "\"[a\""),
        ("\"functional/tells-its-version\"", "\"tells-its-version\""),
        ("\"tests/sandbox-stale/", "\"/tests/sandbox-stale/"),
        (
            "red_because = 'cannot start'",
            "red_because = 'cannot (start'",
        ),
    ]
    .into_iter()
    .map(|(from, to)| told_of_the_whole(from, to))
    .collect();
    insta::assert_snapshot!(told, @r#"
    line 73, `flow.verify_prs`: this key is not known. Did you mean `verify_pr`? Otherwise remove it.
    line 69, `flow.recipe_upgrade.time_limit`: "long" is not a duration: a number and `ms`, `s`, `m` or `h` are expected. Write for example `time_limit = "2h"`.
    line 78, `flow.upgrade_all.time_limit`: this key is missing. Add for example `time_limit = "6h"` to `[flow.upgrade_all]`.
    line 70, `flow.recipe_upgrade.branch`: `{version}` is missing in it, which stands for the new version label. Write for example `branch = "upgrade-{version}"`.
    line 70, `flow.recipe_upgrade.branch`: "-{version}" cannot be the name of a branch. Write for example `branch = "upgrade-{version}"`.
    line 76, `flow.verify_pr.results_url`: `{tests_head}` is missing in it. Write for example `results_url = "https://ci.example.org/results/verify/{recipe_head}-{tests_head}.json"`.
    line 82, `flow.upgrade_all.candidate`: it has no group `(?<from>…)`. Write for example `candidate = '^CANDIDATE (?<recipe>\S+) (?<from>\S+) -> (?<to>\S+)$'`.
    line 83, `flow.upgrade_all.summary`: "(===== SUMMARY =====$" is not a regular expression: unclosed group. Write for example `summary = '^===== SUMMARY =====$'`.
    line 81, `flow.upgrade_all.scope`: "RE CIPES" is not the name of an environment variable. Write for example `scope = "RECIPES"`.
    line 82, `flow.upgrade_all.environment.RECIPES`: Gavel sets this variable itself, for each call. Remove it.
    line 89, `flow.launcher.session`: "cc:ci" is not a name of letters, digits, `-` and `_`. Write for example `session = "cc-ci-upgrader"`.
    line 117, `host.stacks`: `{recipe}` is missing in it, which stands for the recipe. Write for example `stacks = "ci-{recipe}-"`.
    line 111, `host.tmux`: a list is expected, this is a text. Write for example `tmux = ["tmux"]`.
    line 108, `registry.port`: this key is not known. Remove it; known here are `url`.
    line 132, `sandbox.upgrade.recipe`: a recipe is made of letters, digits, `-`, `_` and `.`, "sandbox upgrade" is not. Write for example `recipe = "sandbox-upgrade"`.
    line 132, `sandbox.upgrade.recipe`: a recipe begins with a letter or a digit and does not end with `.git`, "--with-tests" is not so. Write for example `recipe = "sandbox-upgrade"`.
    line 132, `sandbox.upgrade.recipe`: a recipe is made of letters, digits, `-`, `_` and `.`, "sandbox;reboot" is not. Write for example `recipe = "sandbox-upgrade"`.
    line 132, `sandbox.upgrade.recipe`: a recipe is made of letters, digits, `-`, `_` and `.`, "../cc-ci" is not. Write for example `recipe = "sandbox-upgrade"`.
    line 132, `sandbox.upgrade.recipe`: `cc-ci` is the repository in which builds run, and no recipe. Name a throwaway recipe.
    line 142, `sandbox.stale`: `sandbox-stale` is the recipe of `sandbox.upgrade`, too, and they would disturb each other. Name a recipe of its own.
    line 155, `sandbox.gate.recipe`: a recipe begins with a letter or a digit and does not end with `.git`, "-tiny" is not so. Write for example `recipe = "custom-html-tiny"`.
    line 152, `sandbox.all.recipes[2]`: a recipe is made of letters, digits, `-`, `_` and `.`, "sand/box" is not. Write for example `recipes = ["sandbox-upgrade", "sandbox-stale"]`.
    line 129, `sandbox.allowed_paths[4]`: "../**" leads out of the repository. Write for example `allowed_paths = ["compose.yml"]`.
    line 129, `sandbox.allowed_paths[4]`: "[a" is not a pattern of paths: unclosed character class; missing ']'. Write for example `allowed_paths = ["compose.yml"]`.
    line 144, `sandbox.stale.test`: "tells-its-version" is not a stage and a test (`stage/name`). Write for example `test = "functional/tells-its-version"`.
    line 145, `sandbox.stale.file`: "/tests/sandbox-stale/functional/tells-its-version.sh" leads out of the repository. Write for example `file = "tests/sandbox-stale/functional/tells-its-version.sh"`.
    line 140, `sandbox.persistent.red_because`: "cannot (start" is not a regular expression: unclosed group. Write for example `red_because = 'SERVER_ROOT is not set'`.
    "#);
}

#[test]
fn the_branches_that_verification_needs_are_known() {
    let config = parse(EXAMPLE).unwrap();
    for (branch, expected) in [
        ("known-green", true),
        ("known-red", true),
        ("main", true),
        ("upgrade-1.1.0+2.39.0", false),
        ("gavel/run1-V1-1-abc-first", false),
    ] {
        assert_eq!(config.needs_branch(branch), expected, "{branch}");
    }
}

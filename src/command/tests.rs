//! What is a command, what is none, and what is said about those that are wrong.

mod fuzz;

use super::*;
use proptest::prelude::*;

const KNOWN: Names<'_> = Names {
    items: &["V1", "V2", "V3", "V4", "V5", "V6", "V7", "V8", "V8a", "V9"],
    beside: &["G"],
};

/// What becomes of each of these lines.
fn told(lines: &[&str]) -> String {
    let width = lines
        .iter()
        .map(|line| line.chars().count())
        .max()
        .unwrap_or_default();
    let mut told = String::new();
    for line in lines {
        let becomes = match parse(line, KNOWN).as_slice() {
            [] => "(no command)".to_owned(),
            [
                Found {
                    what: Ok(command), ..
                },
            ] => command.to_string(),
            [
                Found {
                    what: Err(complaint),
                    ..
                },
            ] => complaint.to_string(),
            more => format!("{} commands", more.len()),
        };
        told.push_str(&format!("{line:width$}  {becomes}\n"));
    }
    told
}

#[test]
fn items_and_words() {
    insta::assert_snapshot!(told(&[
        "/verify V1",
        "/verify v2",
        "/VERIFY v8A",
        "/verify V1 V2",
        "/verify V2,V1, v1",
        "/verify V1-V4",
        "/verify V1–V4",
        "/verify V8 - V9",
        "/verify V1-V2,V9",
        "/verify all",
        "/verify `V1`, `V2`",
        "/verify V1 ALL",
        "/verify V1 keep",
        "/verify --dry-run V1 --force --keep",
        "   /verify V1   ",
        "/status",
        "/Cancel",
        "/report",
        "/cleanup",
        "/help",
    ]), @"
    /verify V1                           /verify V1
    /verify v2                           /verify V2
    /VERIFY v8A                          /verify V8a
    /verify V1 V2                        /verify V1 V2
    /verify V2,V1, v1                    /verify V1 V2
    /verify V1-V4                        /verify V1 V2 V3 V4
    /verify V1–V4                        /verify V1 V2 V3 V4
    /verify V8 - V9                      /verify V8 V8a V9
    /verify V1-V2,V9                     /verify V1 V2 V9
    /verify all                          /verify all
    /verify `V1`, `V2`                   /verify V1 V2
    /verify V1 ALL                       /verify all
    /verify V1 keep                      /verify V1 keep
    /verify --dry-run V1 --force --keep  /verify V1 keep force dry-run
       /verify V1                        /verify V1
    /status                              /status
    /Cancel                              /cancel
    /report                              /report
    /cleanup                             /cleanup
    /help                                /help
    ");
}

#[test]
fn words_on_what_was_judged() {
    insta::assert_snapshot!(told(&[
        "/accept V4 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "/accept v8A `0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF`",
        "/accept V4=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "/accept g 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "/accept V4",
        "/accept",
        "/accept V4 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde",
        "/accept V4 0123456789ab…",
        "/accept V4 not-a-digest-at-all",
        "/accept V4 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef please",
        "/accept all 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "/dispute V4 build 17 ran  another commit",
        "/dispute V4: @flow wrote `PASS` itself",
        "/dispute V4",
        "/dispute",
        "/dispute build 17",
        "/withdraw V4",
        "/withdraw",
        "/withdraw V4 V5",
        "/file F2",
        "/file f1, F3",
        "/file all",
        "/file",
        "/file everything",
        "/file F2 all",
        "/file V4.3",
        "/decision Merge by hand, always",
        "/decision",
        "/idea  ",
        "/idea Ask the swarm <b>twice</b>",
        "/disput V4",
    ]), @"
    /accept V4 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef         /accept V4 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
    /accept v8A `0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF`      /accept V8a 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
    /accept V4=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef         /accept V4 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
    /accept g 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef          /accept G 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
    /accept V4                                                                          `/accept` expects an item and the digest that seals it, all 64 digits of it, as in `/accept V4 DIGEST`: copy it from where you checked it.
    /accept                                                                             `/accept` expects an item and the digest that seals it, all 64 digits of it, as in `/accept V4 DIGEST`: copy it from where you checked it.
    /accept V4 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde          `/accept` expects an item and the digest that seals it, all 64 digits of it, as in `/accept V4 DIGEST`: copy it from where you checked it.
    /accept V4 0123456789ab…                                                            `/accept` expects an item and the digest that seals it, all 64 digits of it, as in `/accept V4 DIGEST`: copy it from where you checked it.
    /accept V4 not-a-digest-at-all                                                      `/accept` expects an item and the digest that seals it, all 64 digits of it, as in `/accept V4 DIGEST`: copy it from where you checked it.
    /accept V4 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef please  `please` was not expected at the end of `/accept`.
    /accept all 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef        `all` is not an item of the plan. Known are `V1`, `V2`, `V3`, `V4`, `V5`, `V6`, `V7`, `V8`, `V8a`, `V9`, `G`.
    /dispute V4 build 17 ran  another commit                                            /dispute V4 build 17 ran another commit
    /dispute V4: @flow wrote `PASS` itself                                              /dispute V4 @flow wrote `PASS` itself
    /dispute V4                                                                         `/dispute` expects an item and a reason, such as `/dispute V4 build 17 ran another commit`.
    /dispute                                                                            `/dispute` expects an item and a reason, such as `/dispute V4 build 17 ran another commit`.
    /dispute build 17                                                                   `build` is not an item of the plan. Known are `V1`, `V2`, `V3`, `V4`, `V5`, `V6`, `V7`, `V8`, `V8a`, `V9`, `G`.
    /withdraw V4                                                                        /withdraw V4
    /withdraw                                                                           `/withdraw` expects an item, such as `/withdraw V4`.
    /withdraw V4 V5                                                                     `V5` was not expected at the end of `/withdraw`.
    /file F2                                                                            /file F2
    /file f1, F3                                                                        /file F1 F3
    /file all                                                                           /file all
    /file                                                                               `/file` expects findings of the latest report, such as `/file F2`, or `/file all`.
    /file everything                                                                    `/file` expects findings of the latest report, such as `/file F2`, or `/file all`.
    /file F2 all                                                                        `/file` expects findings of the latest report, such as `/file F2`, or `/file all`.
    /file V4.3                                                                          `/file` expects findings of the latest report, such as `/file F2`, or `/file all`.
    /decision Merge by hand, always                                                     /decision Merge by hand, always
    /decision                                                                           `/decision` expects a text behind it.
    /idea                                                                               `/idea` expects a text behind it.
    /idea Ask the swarm <b>twice</b>                                                    /idea Ask the swarm <b>twice</b>
    /disput V4                                                                          `/disput` is not a command. Did you mean `/dispute`?
    ");
}

#[test]
fn what_is_wrong_is_told() {
    insta::assert_snapshot!(told(&[
        "/verify",
        "/verify keep",
        "/verify V10",
        "/verify V1 please",
        "/verify V4-V1",
        "/verify V1-",
        "/verify -V1",
        "/verify - V1",
        "/verify V1-V12",
        "/verify V1-V2-V3",
        "/verify @maintainer",
        "/verify [V1](https://example.org/x)",
        "/verify nonsensenonsensenonsensenonsensenonsensenonsense",
        "/status now",
        "/verfy V1",
        "/verify: V1",
        "/Stauts",
        "/cancell",
        "/repotr",
        "/halp",
    ]), @r"
    /verify                                                   `/verify` expects items, such as `/verify V1`, `/verify V1-V2` or `/verify all`.
    /verify keep                                              `/verify` expects items, such as `/verify V1`, `/verify V1-V2` or `/verify all`.
    /verify V10                                               `V10` is not an item of the plan. Known are `V1`, `V2`, `V3`, `V4`, `V5`, `V6`, `V7`, `V8`, `V8a`, `V9`.
    /verify V1 please                                         `please` is not an item of the plan. Known are `V1`, `V2`, `V3`, `V4`, `V5`, `V6`, `V7`, `V8`, `V8a`, `V9`.
    /verify V4-V1                                             `V4-V1` runs backwards: the plan's order is `V1`, `V2`, `V3`, `V4`, `V5`, `V6`, `V7`, `V8`, `V8a`, `V9`.
    /verify V1-                                               `V1-` is not an item of the plan. Known are `V1`, `V2`, `V3`, `V4`, `V5`, `V6`, `V7`, `V8`, `V8a`, `V9`.
    /verify -V1                                               `-V1` is not an item of the plan. Known are `V1`, `V2`, `V3`, `V4`, `V5`, `V6`, `V7`, `V8`, `V8a`, `V9`.
    /verify - V1                                              `-V1` is not an item of the plan. Known are `V1`, `V2`, `V3`, `V4`, `V5`, `V6`, `V7`, `V8`, `V8a`, `V9`.
    /verify V1-V12                                            `V12` is not an item of the plan. Known are `V1`, `V2`, `V3`, `V4`, `V5`, `V6`, `V7`, `V8`, `V8a`, `V9`.
    /verify V1-V2-V3                                          `V2-V3` is not an item of the plan. Known are `V1`, `V2`, `V3`, `V4`, `V5`, `V6`, `V7`, `V8`, `V8a`, `V9`.
    /verify @maintainer                                       `@maintainer` is not an item of the plan. Known are `V1`, `V2`, `V3`, `V4`, `V5`, `V6`, `V7`, `V8`, `V8a`, `V9`.
    /verify [V1](https://example.org/x)                       `[V1](https://example.org/x)` is not an item of the plan. Known are `V1`, `V2`, `V3`, `V4`, `V5`, `V6`, `V7`, `V8`, `V8a`, `V9`.
    /verify nonsensenonsensenonsensenonsensenonsensenonsense  `nonsensenonsensenonsensenonsensenonsense…` is not an item of the plan. Known are `V1`, `V2`, `V3`, `V4`, `V5`, `V6`, `V7`, `V8`, `V8a`, `V9`.
    /status now                                               `/status` stands alone, `now` was not expected.
    /verfy V1                                                 `/verfy` is not a command. Did you mean `/verify`?
    /verify: V1                                               `/verify:` is not a command. Did you mean `/verify`?
    /Stauts                                                   `/Stauts` is not a command. Did you mean `/status`?
    /cancell                                                  `/cancell` is not a command. Did you mean `/cancel`?
    /repotr                                                   `/repotr` is not a command. Did you mean `/report`?
    /halp                                                     `/halp` is not a command. Did you mean `/help`?
    ");
}

#[test]
fn what_is_meant_for_somebody_else() {
    insta::assert_snapshot!(told(&[
        "/etc/passwd is readable",
        "/shrug",
        "/lgtm",
        "/",
        "/ verify V1",
        "//verify V1",
        "/verify/V1",
        "verify V1",
        "please /verify V1",
        "\\/verify V1",
        "&#47;verify V1",
        "@gavel /verify V1",
    ]), @r#"
    /etc/passwd is readable  (no command)
    /shrug                   (no command)
    /lgtm                    (no command)
    /                        (no command)
    / verify V1              (no command)
    //verify V1              (no command)
    /verify/V1               (no command)
    verify V1                (no command)
    please /verify V1        (no command)
    \/verify V1              (no command)
    &#47;verify V1           (no command)
    @gavel /verify V1        (no command)
    "#);
}

#[test]
fn only_plain_text_holds_commands() {
    for markdown in [
        "`/verify V1`",
        "```\n/verify V1\n```",
        "~~~sh\n/verify V1\n~~~",
        "```\n/verify V1",
        "    /verify V1",
        "> /verify V1",
        "> quoted\n/verify V1",
        "> [!NOTE]\n> /verify V1",
        "# /verify V1",
        "/verify V1\n===",
        "/verify V1\n---",
        "- /verify V1",
        "- a\n\n  /verify V1",
        "1. a\n/verify V1",
        "| a |\n|---|\n/verify V1",
        "| a | b |\n|---|---|\n| /verify V1 | x |",
        "<!--\n/verify V1\n-->",
        "<!--\n\n/verify V1\n\n-->",
        "<div>\n/verify V1\n</div>",
        "<pre>\n\n/verify V1\n\n</pre>",
        "a `b\n/verify V1\nc` d",
        "[a\n/verify V1\nb](https://example.org)",
        "![a\n/verify V1\nb](https://example.org)",
        "[x]: https://example.org '\n/verify V1\n'",
        "**a\n/verify V1**",
        "[^1]: note\n/verify V1\n\n[^1]",
        "a <!--\n/verify V1\n--> c",
    ] {
        assert_eq!(parse(markdown, KNOWN), [], "{markdown:?}");
    }
}

#[test]
fn text_around_a_command_does_no_harm() {
    for markdown in [
        "Let us see.\n/verify V1",
        "Let us see.\r\n/verify V1\r\nThank you!",
        "# Now\n/verify V1",
        "> quoted\n\n/verify V1",
        "```\ncode\n```\n/verify V1",
        "- list\n\n/verify V1",
        "a\n      /verify V1",
        "ü\n/verify V1\nü",
        "<!-- x -->\n/verify V1",
    ] {
        let found = parse(markdown, KNOWN);
        assert_eq!(found.len(), 1, "{markdown:?}");
        assert_eq!(found[0].line, "/verify V1", "{markdown:?}");
    }
}

#[test]
fn commands_keep_their_order_and_their_place() {
    let found = parse(
        "/status\n\ntext\n\n/verfy V1\n/etc/passwd\n/verify V2",
        KNOWN,
    );
    let lines: Vec<_> = found
        .iter()
        .map(|found| (found.position, found.line.as_str()))
        .collect();
    assert_eq!(lines, [(0, "/status"), (1, "/verfy V1"), (2, "/verify V2")]);
}

#[test]
fn the_eleventh_is_one_too_many() {
    let found = parse(&"/status\n".repeat(30), KNOWN);
    assert_eq!(found.len(), MOST_COMMANDS + 1);
    assert_eq!(found[10].what, Err(Complaint::TooMany));
    assert!(
        found[..10]
            .iter()
            .all(|found| found.what == Ok(Command::Status))
    );
    assert_eq!(parse(&"/status\n".repeat(10), KNOWN).len(), MOST_COMMANDS);
}

/// What is kept of a line is read again before it is obeyed: half of a command is none.
#[test]
fn a_line_that_is_not_kept_whole_is_no_command() {
    let spaces = " ".repeat(2000);
    for line in [
        format!("/verify V1{spaces}please"),
        format!(
            "/accept V4 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef{spaces}not"
        ),
        format!("/decision {}", "ü".repeat(LONGEST_LINE)),
    ] {
        let found = parse(&line, KNOWN);
        assert_eq!(found[0].what, Err(Complaint::TooLong));
        assert_eq!(
            parse(&found[0].line, KNOWN)[0].what,
            Err(Complaint::TooLong)
        );
    }
    let longest = format!("/decision {}", "ü".repeat(LONGEST_LINE - 10));
    let found = parse(&longest, KNOWN);
    assert!(found[0].line == longest && found[0].what.is_ok());
}

#[test]
fn what_is_known_is_the_callers() {
    let found = parse(
        "/verify V1-V4",
        Names {
            items: &["V1", "V2"],
            beside: &[],
        },
    );
    let complaint = found[0].what.as_ref().unwrap_err().to_string();
    assert_eq!(
        complaint,
        "`V4` is not an item of the plan. Known are `V1`, `V2`."
    );
}

fn command() -> impl Strategy<Value = Command> {
    let items = prop_oneof![
        Just(Items::All),
        proptest::sample::subsequence(KNOWN.items.to_vec(), 1..=KNOWN.items.len()).prop_map(
            |ids| Items::Some(ids.into_iter().map(|id| ItemRef(id.to_owned())).collect())
        ),
    ];
    let verify = (items, any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(items, keep, force, dry_run)| {
            Command::Verify(Verify {
                items,
                keep,
                force,
                dry_run,
            })
        },
    );
    prop_oneof![
        verify,
        Just(Command::Status),
        Just(Command::Cancel),
        Just(Command::Pause),
        Just(Command::Resume),
        Just(Command::Report),
        Just(Command::Help)
    ]
}

/// Text in which Markdown's own characters and commands are frequent.
fn markdown() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[ \t\r\n]{1,3}",
        "[>#*`~|<\\[\\]()\\-_!&;:/\\\\$^]{1,4}",
        "\\PC{0,6}",
        Just("/verify V1-".to_owned()),
        Just("/verify".to_owned()),
        Just("\n/status".to_owned()),
        Just("\n```\n".to_owned()),
        Just("<!--".to_owned()),
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// As many texts as a line can have: looking back to the line's beginning for each would take minutes.
#[test]
fn a_line_of_a_megabyte_is_read_like_any_other() {
    for piece in ["a&amp;", "/&amp;", " /*", "/a`"] {
        let line = piece.repeat((1 << 20) / piece.len());
        assert_eq!(parse(&format!("x{line}"), KNOWN), [], "{piece}");
        let found = parse(&format!("x{line}\n\n/status"), KNOWN);
        assert_eq!(found[0].what, Ok(Command::Status), "{piece}");
    }
}

proptest! {
    #[test]
    fn whatever_is_written_is_read(markdown in markdown()) {
        let found = parse(&markdown, KNOWN);
        prop_assert!(found.len() <= MOST_COMMANDS + 1);
        for found in found {
            prop_assert!(found.line.starts_with('/'));
            if let Err(complaint) = found.what {
                prop_assert_eq!(complaint.to_string().matches('`').count() % 2, 0);
            }
        }
    }

    #[test]
    fn what_is_rendered_is_read_again(command in command()) {
        let found = parse(&command.to_string(), KNOWN);
        prop_assert_eq!(&found[0].what, &Ok(command));
    }

    #[test]
    fn code_is_never_read(inside in "(/verify V1|/status|[a-z ]{0,9})(\n(/verify V1|/status|[a-z ]{0,9})){0,6}") {
        prop_assert_eq!(parse(&format!("```\n{inside}\n```"), KNOWN), []);
        let indented: String = inside.lines().map(|line| format!("    {line}\n")).collect();
        prop_assert_eq!(parse(&indented, KNOWN), []);
        let quoted: String = inside.lines().map(|line| format!("> {line}\n")).collect();
        prop_assert_eq!(parse(&quoted, KNOWN), []);
    }
}

//! What a `!testme` leads to: which builds are due to a pull request, and what the gate's two surfaces say of one of them. Pure.

use super::expect::Expectations;
use super::sight::{Build, Comment, Pull, Status};
use crate::evidence::{Doubt, Question, Witness};
use regex::Regex;

/// The builds that are about this pull request: by its number, or by its head. What others do meanwhile is neither, and what they restart is
/// not what a trigger starts.
pub fn ours(builds: Vec<Build>, pull: &Pull, expect: &Expectations) -> Vec<Build> {
    let number = pull.number.to_string();
    builds
        .into_iter()
        .filter(|build| !build.restarted_by_another())
        .filter(|build| {
            build.parameter("REF") == pull.head.sha
                || (build.parameter("PR") == number && build.parameter("RECIPE") == expect.recipe)
        })
        .collect()
}

/// Why a build is not the one that a trigger on this pull request should start; `None` where it is.
pub fn misdirected(build: &Build, pull: &Pull, expect: &Expectations) -> Option<String> {
    let wrong = [
        ("RECIPE", expect.recipe.clone()),
        ("REF", pull.head.sha.clone()),
        ("PR", pull.number.to_string()),
    ]
    .into_iter()
    .filter(|(name, expected)| build.parameter(name) != expected)
    .map(|(name, expected)| {
        format!(
            "{name} is `{}`, not `{expected}`",
            cut(build.parameter(name))
        )
    })
    .collect::<Vec<_>>();
    (!wrong.is_empty()).then(|| format!("build {}: {}", build.number, wrong.join(", ")))
}

/// What a place that tells the result holds about one build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holds {
    Nothing,
    Pending,
    Green,
    Red,
    /// Something that is not about this build, or not by the gate; what.
    Other(String),
}

impl Holds {
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Green | Self::Red)
    }

    /// In a sentence: "the commit status holds …".
    pub fn words(&self) -> String {
        match self {
            Self::Nothing => "nothing".into(),
            Self::Pending => "pending".into(),
            Self::Green => "success".into(),
            Self::Red => "failure".into(),
            Self::Other(what) => what.clone(),
        }
    }
}

/// Both surfaces of the gate, about one build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surfaces {
    pub status: Holds,
    pub comment: Holds,
}

impl Surfaces {
    pub fn read(
        statuses: &[Status],
        comments: &[Comment],
        build: &Build,
        pull: &Pull,
        expect: &Expectations,
    ) -> Self {
        Self {
            status: status_holds(statuses, build, expect),
            comment: comment_holds(comments, build, pull, expect),
        }
    }

    /// Whether the result stands on at least one of them, and nothing else on either.
    pub fn tell(&self, green: bool) -> bool {
        let right = if green { Holds::Green } else { Holds::Red };
        let surfaces = [&self.status, &self.comment];
        surfaces.iter().any(|holds| **holds == right)
            && surfaces
                .iter()
                .all(|holds| **holds == right || **holds == Holds::Nothing)
    }

    /// Whether this build stands on one of them, however it goes.
    pub fn tells_of_the_build(&self) -> bool {
        [&self.status, &self.comment]
            .into_iter()
            .any(|holds| *holds == Holds::Pending || holds.is_terminal())
    }

    /// The surfaces in a sentence.
    pub fn words(&self) -> String {
        let (status, comment) = (self.status.words(), self.comment.words());
        if status == comment {
            return format!("commit status and result comment both hold {status}");
        }
        format!("the commit status holds {status}, the result comment holds {comment}")
    }

    /// How settled they are, for whoever waits for them.
    pub fn settled(&self, green: bool) -> Settled {
        let missing = self.status == Holds::Nothing || self.comment == Holds::Nothing;
        match (self.tell(green), missing) {
            (true, false) => Settled::Yes,
            (true, true) => Settled::OneIsMissing,
            (false, _) => Settled::No,
        }
    }
}

/// Whether it is worth looking again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    Yes,
    /// One surface tells the end and the other does not exist: it may come, or this gate has only one.
    OneIsMissing,
    /// Not (yet) what it should be.
    No,
}

fn status_holds(statuses: &[Status], build: &Build, expect: &Expectations) -> Holds {
    let Some(status) = statuses
        .iter()
        .filter(|status| status.context == expect.status_context)
        .max_by_key(|status| status.id)
    else {
        return Holds::Nothing;
    };
    if !same_account(&status.creator.login, &expect.gate) {
        return Holds::Other(format!(
            "`{}` by `{}`, who is not the gate (`{}`)",
            cut(&status.status),
            cut(&status.creator.login),
            expect.gate
        ));
    }
    if status.target_url.trim_end_matches('/') != page(build, expect) {
        return Holds::Other(format!(
            "`{}` leading to {}, not to build {}",
            cut(&status.status),
            if status.target_url.is_empty() {
                "nowhere".into()
            } else {
                format!("`{}`", cut(&status.target_url))
            },
            build.number
        ));
    }
    let said = |status: &Status| match status.status.as_str() {
        "pending" => Holds::Pending,
        "success" => Holds::Green,
        "failure" | "error" => Holds::Red,
        other => Holds::Other(format!("the unknown state `{}`", cut(other))),
    };
    let holds = said(status);
    // Whoever read it before the gate changed its mind was told something else.
    let earlier = statuses
        .iter()
        .filter(|earlier| {
            earlier.context == expect.status_context
                && same_account(&earlier.creator.login, &expect.gate)
                && earlier.target_url.trim_end_matches('/') == page(build, expect)
        })
        .map(said)
        .find(|earlier| earlier.is_terminal() && *earlier != holds);
    match earlier {
        Some(earlier) => Holds::Other(format!(
            "{}, and held {} for the same build before",
            holds.words(),
            earlier.words()
        )),
        None => holds,
    }
}

/// Whether a comment is the gate's own about a result, also where the flow uses the same account.
pub fn is_the_gates(comment: &Comment, expect: &Expectations) -> bool {
    let marker = &expect.comment_marker;
    same_account(&comment.user.login, &expect.gate)
        && !marker.is_empty()
        && comment.body.contains(marker)
}

fn comment_holds(comments: &[Comment], build: &Build, pull: &Pull, expect: &Expectations) -> Holds {
    if expect.comment_success.is_empty() || expect.comment_failure.is_empty() {
        return Holds::Nothing;
    }
    let Some(comment) = comments
        .iter()
        .filter(|comment| {
            same_account(&comment.user.login, &expect.gate)
                && comment.body.contains(&expect.comment_marker)
        })
        .max_by_key(|comment| comment.id)
    else {
        return Holds::Nothing;
    };
    let visible = visible(&comment.body);
    if !names_page(&visible, &page(build, expect)) {
        return Holds::Other(format!(
            "a text that does not lead to build {}",
            build.number
        ));
    }
    if names_commit(&visible, &pull.base.sha) && !names_commit(&visible, &pull.head.sha) {
        return Holds::Other("a text about the commit that the pull request is based on".into());
    }
    let says = |pattern: &str| Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(&visible));
    match (says(&expect.comment_success), says(&expect.comment_failure)) {
        (true, false) => Holds::Green,
        (false, true) => Holds::Red,
        (false, false) => Holds::Pending,
        (true, true) => Holds::Other("both success and failure".into()),
    }
}

/// The page of a build, without a slash at its end.
pub fn page(build: &Build, expect: &Expectations) -> String {
    format!("{}/{}", expect.build_pages, build.number)
}

/// Whether a text holds exactly this address, not only one that begins like it (`…/1` in `…/12`).
pub fn names_page(text: &str, page: &str) -> bool {
    text.match_indices(page)
        .any(|(at, _)| !text[at + page.len()..].starts_with(|next: char| next.is_alphanumeric()))
}

/// Whether a text names a commit, by at least seven digits of its hash.
fn names_commit(text: &str, commit: &str) -> bool {
    text.split(|character: char| !character.is_ascii_hexdigit())
        .any(|word| word.len() >= 7 && commit.starts_with(word))
}

/// What a reader of the page sees: without HTML comments.
pub fn visible(markdown: &str) -> String {
    let mut text = String::new();
    let mut rest = markdown;
    while let Some((before, hidden)) = rest.split_once("<!--") {
        text.push_str(before);
        rest = hidden.split_once("-->").map_or("", |(_, after)| after);
    }
    text + rest
}

/// Texts of others, short enough to quote.
pub fn cut(text: &str) -> String {
    let line = text.lines().next().unwrap_or("").replace('`', "'");
    match line.char_indices().nth(120) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

/// The forge does not tell accounts apart by the case of their letters.
pub fn same_account(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// Makes sure that a step asked what it should have asked: a fact about another commit or build is no evidence of this one.
pub fn asked(witness: &Witness<'_>, label: &str, question: &Question) -> Result<(), Doubt> {
    if witness.fact(label)?.question == *question {
        Ok(())
    } else {
        Err(Doubt::Unseen(format!("`{label}` is about something else")))
    }
}

/// The statuses of a pull request's head, as a step saw them.
pub fn statuses(
    witness: &Witness<'_>,
    label: &str,
    pull: &Pull,
    expect: &Expectations,
) -> Result<Vec<Status>, Doubt> {
    let question = Question::Statuses {
        repository: expect.mirror.clone(),
        commit: pull.head.sha.clone(),
    };
    asked(witness, label, &question)?;
    Ok(witness.see::<Option<_>>(label)?.unwrap_or_default())
}

/// The comments of a pull request, as a step saw them.
pub fn comments(
    witness: &Witness<'_>,
    label: &str,
    pull: &Pull,
    expect: &Expectations,
) -> Result<Vec<Comment>, Doubt> {
    let question = Question::Comments {
        repository: expect.mirror.clone(),
        number: pull.number,
    };
    asked(witness, label, &question)?;
    Ok(witness.see::<Option<_>>(label)?.unwrap_or_default())
}

/// A legal trigger on a pull request by somebody who has no part in this: what it starts is not to be blamed on anybody.
pub fn somebody_else_typed(
    witness: &Witness<'_>,
    label: &str,
    pull: &Pull,
    ours: &[&str],
    expect: &Expectations,
) -> Result<Option<String>, Doubt> {
    let comments = comments(witness, label, pull, expect)?;
    Ok(comments
        .iter()
        .find(|comment| {
            expect.triggers().any(|body| comment.body.trim() == body)
                && !ours
                    .iter()
                    .any(|ours| same_account(&comment.user.login, ours))
        })
        .map(|comment| {
            format!(
                "`{}` typed `{}` on the pull request too (comment {}), so that builds cannot be told apart; verify again",
                cut(&comment.user.login),
                cut(comment.body.trim()),
                comment.id
            )
        }))
}

/// The comment that a step typed on a pull request; in doubt where it does not stand there as it was to.
pub fn typed(
    witness: &Witness<'_>,
    label: &str,
    pull: &Pull,
    account: &str,
    body: &str,
    expect: &Expectations,
) -> Result<Comment, Doubt> {
    let question = Question::Post {
        repository: expect.mirror.clone(),
        number: pull.number,
        account: account.to_owned(),
        body: body.to_owned(),
    };
    asked(witness, label, &question)?;
    let comment: Comment = witness.see(label)?;
    if same_account(&comment.user.login, account) && comment.body.trim() == body.trim() {
        return Ok(comment);
    }
    Err(Doubt::Unseen(format!(
        "`{label}`: not what `{account}` was to type stands there, but `{}` by `{}`",
        cut(&comment.body),
        cut(&comment.user.login)
    )))
}

/// Whether a watch went on for as long as it was to: only then does "it is not there" mean that it stays away.
pub fn watched_out(witness: &Witness<'_>, label: &str) -> Result<(), Doubt> {
    match witness.fact(label)?.watch {
        Some(watch) if watch.waited >= watch.patience => Ok(()),
        Some(watch) => Err(Doubt::Unseen(format!(
            "`{label}` was watched for {} ms of {} ms only",
            watch.waited, watch.patience
        ))),
        None => Err(Doubt::Unseen(format!(
            "`{label}` was looked at once, not watched"
        ))),
    }
}

/// What the configuration says that should be seen.
pub fn expectations(witness: &Witness<'_>) -> Result<Expectations, Doubt> {
    witness.context("expectations")
}

/// What the log of a build that took the real path shows.
pub fn log_pattern(expect: &Expectations) -> Result<Regex, Doubt> {
    Regex::new(&expect.log_pattern)
        .map_err(|_| Doubt::Unseen("`suite.log_pattern` is no regular expression".into()))
}

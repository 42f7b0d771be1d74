//! V8a.11: what the skill's text says of how it is called. It is prose, and read by its sentences, whatever letters, marks and line ends
//! they are written with; what can be read in two ways is in doubt.

use super::schedule::is_weekly;
use super::seen::{configured, regex};
use crate::evidence::{Doubt, Question, Witness};
use crate::host::cron::Schedule;
use crate::plan::gate::cut;
use crate::plan::{Ruling, broken, holds, unseen};

const MEND: &str = "Write it into the skill's SKILL.md";

/// What the plan says, whatever the configuration does.
const WEEKLY: &str = "0 3 * * 6";

const SKILL: &str = "/upgrade-all";

/// What stands between one empty line and the next, by its sentences.
type Paragraph = Vec<String>;

/// Whether a word is such a one.
type Meets<'a> = &'a dyn Fn(&str) -> bool;

/// What the text has to name, as it stands in a sentence.
struct Names {
    agent: String,
    launcher: String,
    call: String,
}

pub fn documented(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let launching = configured(witness)?;
    if !matches!(witness.fact("skill")?.question, Question::Text { .. }) {
        return unseen("`skill` is about something else");
    }
    let text: String = witness.see("skill")?;
    let launcher = launching.launcher.first().map_or("", String::as_str);
    let launcher = launcher.rsplit('/').next().unwrap_or(launcher);
    let call = format!("{launcher} start");
    let names = Names {
        agent: plain(&launching.session),
        launcher: plain(launcher),
        call: plain(&call),
    };
    let paragraphs = paragraphs(&text);
    let sentences: Vec<&String> = paragraphs.iter().flatten().collect();
    for (what, needle, shown) in [
        (
            "the agent that it runs as",
            &names.agent,
            &launching.session,
        ),
        ("what cron calls", &names.call, &call),
    ] {
        if !sentences.iter().any(|sentence| sentence.contains(needle)) {
            return broken(
                format!("the skill's text does not say {what}: `{shown}` is not in it"),
                MEND,
            );
        }
    }
    let mut about_cron = Vec::new();
    for sentence in &sentences {
        if is_about_cron(sentence)? {
            about_cron.push(sentence.as_str());
        }
    }
    let mut named = about_cron.iter();
    let is_named = named.any(|sentence| sentence.contains(&names.call));
    let mut inline = about_cron.iter();
    if let Some(inline) = inline.find(|sentence| names.calls_inline(sentence)) {
        let said = format!(
            "the skill's text says that cron calls the skill itself: {:?}",
            cut(inline)
        );
        return match is_named {
            true => unseen(format!(
                "{said}, and elsewhere that it calls `{call}`: which of them holds cannot be told"
            )),
            false => broken(said, MEND),
        };
    }
    let mut of_the_call = Vec::new();
    for paragraph in &paragraphs {
        let mut calls = paragraph.iter();
        if calls.any(|sentence| sentence.contains(&names.call)) && any_about_cron(paragraph)? {
            of_the_call.extend(paragraph);
        }
    }
    if of_the_call.is_empty() {
        return match about_cron.is_empty() {
            true => broken(
                format!("the skill's text does not say that cron calls `{call}`"),
                MEND,
            ),
            false => unseen(format!(
                "the skill's text names cron in one place and `{call}` in another: whether cron calls that cannot be told"
            )),
        };
    }
    if let Some(mixed) = about_cron.iter().find(|sentence| names.mixes_up(sentence)) {
        return unseen(format!(
            "what the skill's text means cron to call cannot be told: {:?}",
            cut(mixed)
        ));
    }
    if let Some(wrong) = other_time(&of_the_call, &names)? {
        return broken(
            format!("the skill's text says that cron calls at `{wrong}`, not at `{WEEKLY}`"),
            MEND,
        );
    }
    holds("it names the agent, and that and when cron calls it")
}

/// Small letters, without the marks of code and of bold, one blank between two words.
fn plain(text: &str) -> String {
    let text = text.replace('`', "").replace("**", "").to_lowercase();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn paragraphs(text: &str) -> Vec<Paragraph> {
    let mut paragraphs = vec![Vec::new()];
    let mut entry = String::new();
    for line in text.lines().chain([""]) {
        let bare = line.trim();
        let is_entry = ["- ", "+ ", "* "].iter().any(|sign| bare.starts_with(sign));
        if bare.is_empty() || is_entry {
            let ended = plain(&std::mem::take(&mut entry));
            if let Some(last) = paragraphs.last_mut() {
                last.extend(sentences(&ended));
            }
        }
        if bare.is_empty() {
            paragraphs.push(Vec::new());
        }
        entry.push_str(bare);
        entry.push(' ');
    }
    paragraphs
}

fn sentences(text: &str) -> Vec<String> {
    let text = text.replace("; ", ". ");
    let sentences = text.split(". ").map(str::trim);
    sentences
        .filter(|it| !it.is_empty())
        .map(str::to_owned)
        .collect()
}

fn any_about_cron(sentences: &[String]) -> Result<bool, Doubt> {
    for sentence in sentences {
        if is_about_cron(sentence)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// It names cron, or is a line for it.
fn is_about_cron(sentence: &str) -> Result<bool, Doubt> {
    Ok(sentence.contains("cron") || !times(sentence)?.is_empty())
}

impl Names {
    /// Whether a sentence about cron says that it calls the skill, and not the launcher.
    fn calls_inline(&self, sentence: &str) -> bool {
        const CALLS: [&str; 7] = [
            "call", "run", "invoke", "start", "execute", "launch", "trigger",
        ];
        // What cron calls is then called by something else.
        const FURTHER: [&str; 10] = [
            "agent", "and", "as", "launcher", "session", "so", "that", "then", "which", "with",
        ];
        if sentence.contains(&self.call) || is_denied(sentence) {
            return false;
        }
        let words: Vec<&str> = sentence.split(' ').collect();
        let is = |word: &str, stems: &[&str], ends: &[&str]| {
            let word = word.trim_end_matches([',', ':', '.', ')']);
            stems.iter().any(|stem| {
                word.strip_prefix(stem)
                    .is_some_and(|end| ends.contains(&end))
            })
        };
        let near = |words: &[&str], found: Meets| {
            let mut words = words.iter().take(4);
            words.position(|word| found(word))
        };
        let names_skill = |word: &str| word.contains(SKILL);
        let names_cron = |word: &str| word.trim_start_matches('(').starts_with("cron");
        let does = |word: &str| is(word, &CALLS, &["", "s"]);
        let is_done = |word: &str| is(word, &CALLS, &["", "d", "ed"]);
        let stops = |word: &&str| word.ends_with(',') || FURTHER.contains(word);
        // "cron calls /upgrade-all", and the other way round "/upgrade-all is called by cron".
        let ways: [[Meets; 3]; 2] = [
            [&names_cron, &does, &names_skill],
            [&names_skill, &is_done, &names_cron],
        ];
        let is_said = |at: usize, [begins, acts, ends]: [Meets; 3]| {
            let after = &words[at + 1..];
            let object = near(after, acts).map(|verb| &after[verb + 1..]);
            begins(words[at])
                && object.is_some_and(|object| {
                    near(object, ends).is_some_and(|end| !object[..end].iter().any(stops))
                })
        };
        (0..words.len()).any(|at| ways.into_iter().any(|way| is_said(at, way)))
    }

    /// Whether a sentence about cron speaks of the skill, and names nothing by which it is called.
    fn mixes_up(&self, sentence: &str) -> bool {
        let called_by = [&self.call, &self.agent, &self.launcher];
        sentence.contains(SKILL)
            && !called_by
                .iter()
                .any(|name| sentence.contains(name.as_str()))
            && !is_denied(sentence)
    }
}

fn is_denied(sentence: &str) -> bool {
    const NOT: [&str; 5] = ["never", "not ", "n't", "instead of", "rather than"];
    NOT.iter().any(|word| sentence.contains(word))
}

/// The times in a sentence that are written as the five fields of a crontab, and whether each is the plan's.
fn times(sentence: &str) -> Result<Vec<(&str, bool)>, Doubt> {
    let fields = regex(r"(?:[\d*/,-]+ +){4}[\w*/,-]+")?;
    let mut times = Vec::new();
    for found in fields.find_iter(sentence) {
        if Schedule::parse(&format!("{} called", found.as_str())).is_ok() {
            times.push((found.as_str(), is_weekly(found.as_str())?));
        }
    }
    Ok(times)
}

/// Another time than the plan's, as the five fields of a crontab or by the name of a day; in doubt where the right one stands beside it.
fn other_time(sentences: &[&String], names: &Names) -> Result<Option<String>, Doubt> {
    const DAYS: [&str; 6] = [
        "sunday",
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
    ];
    let mut all = Vec::new();
    for sentence in sentences {
        all.extend(times(sentence)?);
    }
    let is_right = |sentence: &str| sentence.contains("saturday");
    let right = all.iter().any(|(_, is_weekly)| *is_weekly);
    let doubt = |other: &str| {
        unseen(format!(
            "the skill's text names `{other}` where it says what cron calls: whether it means the time of the call cannot be told"
        ))
    };
    if let Some((other, _)) = all.iter().find(|(_, is_weekly)| !is_weekly) {
        return match right {
            true => doubt(other),
            false => Ok(Some((*other).to_owned())),
        };
    }
    let somewhere = right || sentences.iter().any(|sentence| is_right(sentence));
    for sentence in sentences {
        let Some(day) = DAYS.into_iter().find(|day| sentence.contains(day)) else {
            continue;
        };
        let is_about_the_call = sentence.contains(&names.call) || is_about_cron(sentence)?;
        let mut again = [
            format!("{day}s"),
            format!("every {day}"),
            format!("each {day}"),
            format!("{day} at "),
        ]
        .into_iter();
        if is_about_the_call
            && !is_right(sentence)
            && (!right || again.any(|again| sentence.contains(&again)))
        {
            return Ok(Some(day.to_owned()));
        }
        // Of a day in a sentence of its own, where the right time is told, people speak for other reasons.
        if is_about_the_call || !somewhere {
            return doubt(day);
        }
    }
    Ok(None)
}

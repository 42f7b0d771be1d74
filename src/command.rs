//! The slash commands in a comment: found in its Markdown, and read.
//! A command is the start of a line, in plain text; in code, quotes, lists, links, headings, HTML and tables there is none.

use pulldown_cmark::{Event, Options, Parser, Tag};
use std::fmt;

/// More in one comment are not read.
pub const MOST_COMMANDS: usize = 10;

/// As many characters as a command may have. Of a longer line as many are kept, to show it.
const LONGEST_LINE: usize = 1000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    Verify(Verify),
    Status,
    Cancel,
    /// Lets no run start until `/resume`.
    Pause,
    Resume,
    Report,
    /// Closes what earlier runs left, also what they were asked to keep.
    Cleanup,
    /// Somebody has checked an item's latest attempt, which this digest seals.
    Accept {
        item: ItemRef,
        head: String,
    },
    /// Somebody does not believe an item's latest attempt.
    Dispute {
        item: ItemRef,
        reason: String,
    },
    /// Takes back what its account said of an item's latest attempt.
    Withdraw {
        item: ItemRef,
    },
    /// Opens an issue for these findings of the latest report, `F2` and so on; for all of them where none is named.
    File(Vec<String>),
    Decision(String),
    Idea(String),
    Help,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verify {
    pub items: Items,
    /// Cleanup is postponed.
    pub keep: bool,
    /// Items whose prerequisites failed are attempted all the same.
    pub force: bool,
    /// Says what would be done, and does nothing.
    pub dry_run: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Items {
    All,
    /// At least one, each once, in the order of the plan.
    Some(Vec<ItemRef>),
}

/// The id of an item, or of what is judged beside them, spelled as the plan spells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemRef(String);

/// A command in a comment, or what looks like one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its place among those of the comment, counted from 0.
    pub position: usize,
    /// The line as it was typed; of one that is too long the beginning and a mark, so that it reads as too long again.
    pub line: String,
    pub what: Result<Command, Complaint>,
}

/// Why a line that looks like a command is none. Shown to whoever typed it: what they typed is quoted as code, so that it does nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Complaint {
    #[error("{} is not a command. Did you mean `/{meant}`?", code(&format!("/{typed}")))]
    Unknown { typed: String, meant: &'static str },
    #[error("`/verify` expects items, such as `/verify V1`, `/verify V1-V2` or `/verify all`.")]
    NoItems,
    #[error(
        "{} is not an item of the plan. Known are {}.",
        code(typed),
        list(known)
    )]
    NoSuchItem { typed: String, known: Vec<String> },
    #[error("{} runs backwards: the plan's order is {}.", code(typed), list(known))]
    Backwards { typed: String, known: Vec<String> },
    #[error("`/{command}` stands alone, {} was not expected.", code(typed))]
    TooMuch {
        command: &'static str,
        typed: String,
    },
    #[error(
        "`/accept` expects an item and the digest that seals it, all {DIGITS} digits of it, as in `/accept V4 DIGEST`: copy it from where you checked it."
    )]
    NoHead,
    #[error("`/{command}` expects an item, such as `/{command} V4`.")]
    NoItem { command: &'static str },
    #[error(
        "`/dispute` expects an item and a reason, such as `/dispute V4 build 17 ran another commit`."
    )]
    NoReason,
    #[error("`/file` expects findings of the latest report, such as `/file F2`, or `/file all`.")]
    NoFinding,
    #[error("`/{command}` expects a text behind it.")]
    NoText { command: &'static str },
    #[error("{} was not expected at the end of `/{command}`.", code(typed))]
    Beyond {
        command: &'static str,
        typed: String,
    },
    #[error(
        "A command may have {LONGEST_LINE} characters, and this line is longer: nothing of it was taken."
    )]
    TooLong,
    #[error("A comment may hold {MOST_COMMANDS} commands; those after them were not read.")]
    TooMany,
}

const NAMES: [&str; 14] = [
    "verify", "status", "cancel", "pause", "resume", "report", "cleanup", "accept", "dispute",
    "withdraw", "file", "decision", "idea", "help",
];

/// As many digits has the digest that seals an attempt. No fewer are taken for it: whoever makes the facts can make two chains that end
/// alike in some of them.
pub const DIGITS: usize = 64;

/// What a command may name.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a> {
    /// What can be verified, in the plan's order.
    pub items: &'a [&'a str],
    /// What is judged in every run: there is no asking for it, and there are words on it.
    pub beside: &'a [&'a str],
}

/// The commands of a comment.
pub fn parse(markdown: &str, names: Names<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for line in lines(markdown) {
        let Some(what) = read(line, names) else {
            continue;
        };
        let position = found.len();
        let (line, what) = match line.char_indices().nth(LONGEST_LINE) {
            Some((end, _)) => (format!("{}…", &line[..end]), Err(Complaint::TooLong)),
            None => (line.to_owned(), what),
        };
        if position == MOST_COMMANDS {
            found.push(Found {
                position,
                line,
                what: Err(Complaint::TooMany),
            });
            break;
        }
        found.push(Found {
            position,
            line,
            what,
        });
    }
    found
}

/// The lines of the paragraphs at the top of the document that begin with a slash, as they are in the source.
fn lines(markdown: &str) -> impl Iterator<Item = &str> {
    // What the forge renders as a table or a footnote must not be taken for a paragraph here.
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS;
    let mut open = Vec::new();
    Parser::new_ext(markdown, options)
        .into_offset_iter()
        .filter_map(move |(event, range)| {
            match event {
                Event::Start(tag) => open.push(matches!(tag, Tag::Paragraph)),
                Event::End(_) => {
                    open.pop();
                }
                Event::Text(_) if open == [true] => {
                    let (before, rest) = markdown.split_at(range.start);
                    // An escaped slash does not stand at the start: the backslash does. Of what stands before, only the blanks are
                    // looked at: a line may be as long as a comment, and have as many texts as letters.
                    if rest.starts_with('/') && is_line_start(before) {
                        return rest.split(['\n', '\r']).next().map(str::trim);
                    }
                }
                _ => {}
            }
            None
        })
}

/// Whether a line begins behind this, or blanks at the beginning of one end with it.
fn is_line_start(before: &str) -> bool {
    let is_line_end = |c: char| matches!(c, '\n' | '\r');
    let before = before.trim_end_matches(|c: char| c.is_whitespace() && !is_line_end(c));
    before.is_empty() || before.ends_with(is_line_end)
}

/// Reads a line that begins with a slash; `None` when it is not meant for Gavel.
fn read(line: &str, names: Names<'_>) -> Option<Result<Command, Complaint>> {
    let mut words = line.strip_prefix('/')?.split_whitespace();
    // A slash that stands alone, before a space, or before another.
    let typed = line[1..]
        .split(char::is_whitespace)
        .next()
        .filter(|word| word.starts_with(char::is_alphabetic))?;
    words.next();
    let name = typed.to_lowercase();
    let Some(name) = NAMES.into_iter().find(|known| *known == name) else {
        let meant = NAMES.into_iter().find(|known| is_slip(&name, known))?;
        return Some(Err(Complaint::Unknown {
            typed: typed.to_owned(),
            meant,
        }));
    };
    let alone = |command| match words.clone().next() {
        Some(word) => Err(Complaint::TooMuch {
            command: name,
            typed: word.to_owned(),
        }),
        None => Ok(command),
    };
    Some(match name {
        "status" => alone(Command::Status),
        "cancel" => alone(Command::Cancel),
        "pause" => alone(Command::Pause),
        "resume" => alone(Command::Resume),
        "report" => alone(Command::Report),
        "cleanup" => alone(Command::Cleanup),
        "help" => alone(Command::Help),
        "accept" => accept(words, names),
        "dispute" => dispute(words, names),
        "withdraw" => withdraw(words, names),
        "file" => file(words).map(Command::File),
        "decision" => rest(words, name).map(Command::Decision),
        "idea" => rest(words, name).map(Command::Idea),
        _ => verify(words, names.items).map(Command::Verify),
    })
}

/// What is judged and has this name.
fn one(word: &str, names: Names<'_>) -> Result<ItemRef, Complaint> {
    let word = word.trim_matches(['`', ',', ':']);
    let judged = || names.items.iter().chain(names.beside).copied();
    match judged().find(|item| item.eq_ignore_ascii_case(word)) {
        Some(item) => Ok(ItemRef(item.to_owned())),
        None => Err(Complaint::NoSuchItem {
            typed: word.to_owned(),
            known: judged().map(str::to_owned).collect(),
        }),
    }
}

fn accept<'a>(
    words: impl Iterator<Item = &'a str>,
    names: Names<'_>,
) -> Result<Command, Complaint> {
    // `V4=0123…`, as a bundle's audit takes it, is two words too.
    let mut words = words
        .flat_map(|word| word.split('='))
        .filter(|word| !word.is_empty());
    let item = one(words.next().ok_or(Complaint::NoHead)?, names)?;
    let head = words.next().and_then(head).ok_or(Complaint::NoHead)?;
    match words.next() {
        Some(word) => Err(Complaint::Beyond {
            command: "accept",
            typed: word.to_owned(),
        }),
        None => Ok(Command::Accept { item, head }),
    }
}

/// The digits of a digest, all of them, however they were copied: as code, in capitals.
pub fn head(word: &str) -> Option<String> {
    let head = word.trim_matches('`').to_lowercase();
    let is_digest = head.len() == DIGITS && head.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_digest.then_some(head)
}

fn dispute<'a>(
    mut words: impl Iterator<Item = &'a str>,
    names: Names<'_>,
) -> Result<Command, Complaint> {
    let item = one(words.next().ok_or(Complaint::NoReason)?, names)?;
    let reason = words.collect::<Vec<_>>().join(" ");
    match reason.is_empty() {
        true => Err(Complaint::NoReason),
        false => Ok(Command::Dispute { item, reason }),
    }
}

fn withdraw<'a>(
    mut words: impl Iterator<Item = &'a str>,
    names: Names<'_>,
) -> Result<Command, Complaint> {
    const COMMAND: &str = "withdraw";
    let item = words.next().ok_or(Complaint::NoItem { command: COMMAND })?;
    let item = one(item, names)?;
    match words.next() {
        Some(word) => Err(Complaint::Beyond {
            command: COMMAND,
            typed: word.to_owned(),
        }),
        None => Ok(Command::Withdraw { item }),
    }
}

fn file<'a>(words: impl Iterator<Item = &'a str>) -> Result<Vec<String>, Complaint> {
    let words = words.flat_map(|word| word.split([',', '`']));
    let named: Vec<String> = words
        .filter(|word| !word.is_empty())
        .map(str::to_uppercase)
        .collect();
    let is_finding = |word: &String| {
        let number = word.strip_prefix('F').map(str::parse::<u32>);
        matches!(number, Some(Ok(_)))
    };
    match &named[..] {
        [all] if all == "ALL" => Ok(Vec::new()),
        [] => Err(Complaint::NoFinding),
        named if named.iter().all(is_finding) => Ok(named.to_vec()),
        _ => Err(Complaint::NoFinding),
    }
}

/// All that stands behind a command.
fn rest<'a>(
    words: impl Iterator<Item = &'a str>,
    command: &'static str,
) -> Result<String, Complaint> {
    let text = words.collect::<Vec<_>>().join(" ");
    match text.is_empty() {
        true => Err(Complaint::NoText { command }),
        false => Ok(text),
    }
}

/// Whether `typed` is `name` with a slip of the finger, rather than something else.
fn is_slip(typed: &str, name: &str) -> bool {
    // The measure takes the square of the length.
    typed.len() <= 2 * name.len()
        && strsim::damerau_levenshtein(typed, name) <= 2
        && strsim::normalized_damerau_levenshtein(typed, name) >= 0.6
}

fn verify<'a>(words: impl Iterator<Item = &'a str>, known: &[&str]) -> Result<Verify, Complaint> {
    let mut verify = Verify {
        items: Items::All,
        keep: false,
        force: false,
        dry_run: false,
    };
    let mut wanted = vec![false; known.len()];
    let mut all = false;
    for word in joined(
        words
            .flat_map(|word| word.split([',', '`']))
            .filter(|word| !word.is_empty()),
    ) {
        match word.trim_start_matches("--").to_lowercase().as_str() {
            "all" => all = true,
            "keep" => verify.keep = true,
            "force" => verify.force = true,
            "dry-run" | "dryrun" => verify.dry_run = true,
            _ => {
                for i in range(&word, known)? {
                    wanted[i] = true;
                }
            }
        }
    }
    if all {
        return Ok(verify);
    }
    let items: Vec<_> = known
        .iter()
        .zip(&wanted)
        .filter(|(_, wanted)| **wanted)
        .map(|(id, _)| ItemRef((*id).to_owned()))
        .collect();
    if items.is_empty() {
        return Err(Complaint::NoItems);
    }
    verify.items = Items::Some(items);
    Ok(verify)
}

/// Joins `V1 - V3`, which is three words, to one.
fn joined<'a>(words: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut joined: Vec<String> = Vec::new();
    let mut to_last = false;
    for word in words {
        let is_dash = matches!(word, "-" | "–" | "—");
        match joined.last_mut() {
            Some(last) if is_dash || to_last => last.push_str(word),
            _ => joined.push(word.to_owned()),
        }
        to_last = is_dash;
    }
    joined
}

/// The places in the plan that `V2` or `V1-V4` names.
fn range(word: &str, known: &[&str]) -> Result<std::ops::RangeInclusive<usize>, Complaint> {
    let names = || known.iter().map(|id| (*id).to_owned()).collect();
    let place = |id: &str| {
        let place = known
            .iter()
            .position(|known| known.eq_ignore_ascii_case(id));
        place.ok_or_else(|| Complaint::NoSuchItem {
            typed: if id.is_empty() { word } else { id }.to_owned(),
            known: names(),
        })
    };
    let Some((first, last)) = word.split_once(['-', '–', '—']) else {
        let place = place(word)?;
        return Ok(place..=place);
    };
    let (first, last) = (place(first)?, place(last)?);
    if first > last {
        return Err(Complaint::Backwards {
            typed: word.to_owned(),
            known: names(),
        });
    }
    Ok(first..=last)
}

/// What somebody typed, as code: it names nobody, links nowhere and is not long.
fn code(typed: &str) -> String {
    let mut shown: String = typed
        .chars()
        .filter(|c| *c != '`' && !c.is_control())
        .take(40)
        .collect();
    if typed.chars().count() > 40 {
        shown.push('…');
    }
    format!("`{}`", if shown.trim().is_empty() { "?" } else { &shown })
}

fn list(known: &[String]) -> String {
    known
        .iter()
        .map(|id| format!("`{id}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

impl ItemRef {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ItemRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The command as it is best typed.
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Command::Verify(verify) => write!(f, "/verify {verify}"),
            Command::Status => f.write_str("/status"),
            Command::Cancel => f.write_str("/cancel"),
            Command::Pause => f.write_str("/pause"),
            Command::Resume => f.write_str("/resume"),
            Command::Report => f.write_str("/report"),
            Command::Cleanup => f.write_str("/cleanup"),
            Command::Accept { item, head } => write!(f, "/accept {item} {head}"),
            Command::Dispute { item, reason } => write!(f, "/dispute {item} {reason}"),
            Command::Withdraw { item } => write!(f, "/withdraw {item}"),
            Command::File(named) if named.is_empty() => f.write_str("/file all"),
            Command::File(named) => write!(f, "/file {}", named.join(" ")),
            Command::Decision(text) => write!(f, "/decision {text}"),
            Command::Idea(text) => write!(f, "/idea {text}"),
            Command::Help => f.write_str("/help"),
        }
    }
}

impl fmt::Display for Verify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.items {
            Items::All => f.write_str("all")?,
            Items::Some(items) => f.write_str(
                &items
                    .iter()
                    .map(ItemRef::as_str)
                    .collect::<Vec<_>>()
                    .join(" "),
            )?,
        }
        for (is_set, word) in [
            (self.keep, " keep"),
            (self.force, " force"),
            (self.dry_run, " dry-run"),
        ] {
            if is_set {
                f.write_str(word)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

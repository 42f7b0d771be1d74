//! Reads TOML so that everything that is wrong can be told at once, each with its key, its line and the mend.

use std::{cell::RefCell, fmt, ops::Range};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// One thing that is wrong in a configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Counted from 1. Where something is missing, the line of the section it is missing from.
    pub line: usize,
    /// Dotted, from the top: `gate.outsider.token_file`. Empty when the file is not TOML at all.
    pub key: String,
    pub what: String,
    pub mend: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        if !self.key.is_empty() {
            write!(f, ", `{}`", self.key)?;
        }
        write!(f, ": {}. {}.", self.what, self.mend)
    }
}

/// The whole file, and what was found wrong in it so far.
pub struct Reader<'t> {
    text: &'t str,
    root: Spanned<DeTable<'t>>,
    problems: RefCell<Vec<Problem>>,
}

/// One `[section]`. When it is dropped, it reports the keys that nobody asked for.
pub struct Section<'r> {
    reader: &'r Reader<'r>,
    /// Empty for the file itself.
    path: String,
    line: usize,
    table: &'r DeTable<'r>,
    asked: RefCell<Vec<&'static str>>,
}

/// A value and where it stands. What reads it reports through [`Place::wrong`].
pub struct Place<'r> {
    reader: &'r Reader<'r>,
    key: String,
    /// With `example`, a good line: the mend.
    name: &'static str,
    example: &'static str,
    span: Range<usize>,
    value: &'r DeValue<'r>,
}

impl<'t> Reader<'t> {
    pub fn parse(text: &'t str) -> Result<Reader<'t>, Problem> {
        match DeTable::parse(text) {
            Ok(root) => Ok(Reader {
                text,
                root,
                problems: RefCell::default(),
            }),
            Err(error) => Err(Problem {
                line: error.span().map_or(1, |span| line_at(text, span.start)),
                key: String::new(),
                what: format!("this is not TOML: {}", error.message().replace('\n', ", ")),
                mend: "Compare the line with gavel.example.toml".to_owned(),
            }),
        }
    }

    pub fn root(&'t self) -> Section<'t> {
        Section {
            reader: self,
            path: String::new(),
            line: 1,
            table: self.root.get_ref(),
            asked: RefCell::default(),
        }
    }

    /// Reports what is wrong with the key at the dotted `path`, which is right by itself.
    pub fn refuse(&self, path: &str, what: impl Into<String>, mend: impl Into<String>) {
        let mut table = Some(self.root.get_ref());
        let mut line = 1;
        for name in path.split('.') {
            if let Some((key, value)) = table.and_then(|table| table.get_key_value(name)) {
                line = line_at(self.text, key.span().start);
                table = value.get_ref().as_table();
            }
        }
        self.problems.borrow_mut().push(Problem {
            line,
            key: path.to_owned(),
            what: what.into(),
            mend: mend.into(),
        });
    }

    /// What was found wrong, in the order of the file.
    pub fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|problem| problem.line);
        problems
    }

    pub fn is_sound(&self) -> bool {
        self.problems.borrow().is_empty()
    }
}

impl<'r> Section<'r> {
    /// The section `[path.name]`, which must be there.
    pub fn section(&self, name: &'static str) -> Option<Section<'r>> {
        self.asked.borrow_mut().push(name);
        let path = self.dotted(name);
        let Some((key, value)) = self.table.get_key_value(name) else {
            self.report(
                self.line,
                path.clone(),
                "this section is missing",
                format!("Add `[{path}]`, as in gavel.example.toml"),
            );
            return None;
        };
        let line = line_at(self.reader.text, key.span().start);
        let DeValue::Table(table) = value.get_ref() else {
            self.report(
                line,
                path.clone(),
                "this is not a section",
                format!("Write `[{path}]`, as in gavel.example.toml"),
            );
            return None;
        };
        Some(Section {
            reader: self.reader,
            path,
            line,
            table,
            asked: RefCell::default(),
        })
    }

    /// The section `[path.name]`, which may be left out. The outer `None` is a section that is there and wrong.
    pub fn optional<T>(
        &self,
        name: &'static str,
        read: impl FnOnce(Section<'r>) -> Option<T>,
    ) -> Option<Option<T>> {
        if self.table.get(name).is_none() {
            self.asked.borrow_mut().push(name);
            return Some(None);
        }
        self.section(name).and_then(read).map(Some)
    }

    /// The value of a key that must be there. `example` is a good value, as TOML.
    pub fn need<T>(
        &self,
        key: &'static str,
        example: &'static str,
        read: impl Fn(&Place<'r>) -> Option<T>,
    ) -> Option<T> {
        self.asked.borrow_mut().push(key);
        match self.place(key, example) {
            Some(place) => read(&place),
            None => {
                self.report(
                    self.line,
                    self.dotted(key),
                    "this key is missing",
                    format!("Add for example `{key} = {example}` to `[{}]`", self.path),
                );
                None
            }
        }
    }

    /// The value of a key that may be left out. The outer `None` is a value that is there and wrong.
    pub fn may<T>(
        &self,
        key: &'static str,
        example: &'static str,
        read: impl Fn(&Place<'r>) -> Option<T>,
    ) -> Option<Option<T>> {
        self.asked.borrow_mut().push(key);
        match self.place(key, example) {
            Some(place) => read(&place).map(Some),
            None => Some(None),
        }
    }

    /// Reports what is wrong between keys of this section that are each right by themselves.
    pub fn refuse(&self, key: &'static str, what: impl Into<String>, mend: impl Into<String>) {
        let line = self.table.get_key_value(key).map_or(self.line, |(key, _)| {
            line_at(self.reader.text, key.span().start)
        });
        self.report(line, self.dotted(key), what, mend);
    }

    /// Reports the keys that nobody asked for.
    fn report_unknown(&self) {
        let asked = self.asked.borrow();
        for key in self.table.keys() {
            let name: &str = key.get_ref();
            if asked.contains(&name) {
                continue;
            }
            let near = asked
                .iter()
                .min_by_key(|known| strsim::damerau_levenshtein(known, name));
            let mend = match near {
                Some(near) if strsim::normalized_damerau_levenshtein(near, name) > 0.6 => {
                    format!("Did you mean `{near}`? Otherwise remove it")
                }
                _ => format!("Remove it; known here are {}", quoted(&asked)),
            };
            self.report(
                line_at(self.reader.text, key.span().start),
                self.dotted(name),
                "this key is not known",
                mend,
            );
        }
    }

    fn place(&self, key: &'static str, example: &'static str) -> Option<Place<'r>> {
        let value = self.table.get(key)?;
        Some(Place {
            reader: self.reader,
            key: self.dotted(key),
            name: key,
            example,
            span: value.span(),
            value: value.get_ref(),
        })
    }

    fn dotted(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    fn report(&self, line: usize, key: String, what: impl Into<String>, mend: impl Into<String>) {
        self.reader.problems.borrow_mut().push(Problem {
            line,
            key,
            what: what.into(),
            mend: mend.into(),
        });
    }
}

impl Drop for Section<'_> {
    fn drop(&mut self) {
        self.report_unknown();
    }
}

impl<'r> Place<'r> {
    /// Reports that this value is wrong; the mend is the key's example.
    pub fn wrong<T>(&self, what: impl Into<String>) -> Option<T> {
        let mend = format!("Write for example `{} = {}`", self.name, self.example);
        self.refuse(what, mend)
    }

    pub fn refuse<T>(&self, what: impl Into<String>, mend: impl Into<String>) -> Option<T> {
        let line = line_at(self.reader.text, self.span.start);
        self.reader.problems.borrow_mut().push(Problem {
            line,
            key: self.key.clone(),
            what: what.into(),
            mend: mend.into(),
        });
        None
    }

    pub fn text(&self) -> Option<&'r str> {
        match self.value.as_str() {
            Some("") => self.wrong("this is empty"),
            Some(text) => Some(text),
            None => self.wrong(format!("a text is expected, this is {}", kind(self.value))),
        }
    }

    pub fn yes_or_no(&self) -> Option<bool> {
        self.value.as_bool().or_else(|| {
            self.wrong(format!(
                "`true` or `false` is expected, this is {}",
                kind(self.value)
            ))
        })
    }

    /// A whole number in `range`.
    pub fn number(&self, range: std::ops::RangeInclusive<u64>) -> Option<u64> {
        let number = self
            .value
            .as_integer()
            .and_then(|n| u64::from_str_radix(n.as_str(), n.radix()).ok());
        match number {
            Some(number) if range.contains(&number) => Some(number),
            _ if *range.end() == u64::MAX => self.wrong(format!(
                "a whole number of at least {} is expected",
                range.start()
            )),
            _ => self.wrong(format!(
                "a whole number from {} to {} is expected",
                range.start(),
                range.end()
            )),
        }
    }

    /// The elements of a list, each with its own place: `suite.stages[2]`.
    pub fn list<T>(&self, read: impl Fn(&Place<'r>) -> Option<T>) -> Option<Vec<T>> {
        let Some(list) = self.value.as_array() else {
            return self.wrong(format!("a list is expected, this is {}", kind(self.value)));
        };
        // All are read before the first wrong one decides, so that all wrong ones are told.
        let read: Vec<Option<T>> = list
            .iter()
            .enumerate()
            .map(|(i, value)| {
                read(&Place {
                    reader: self.reader,
                    key: format!("{}[{i}]", self.key),
                    name: self.name,
                    example: self.example,
                    span: value.span(),
                    value: value.get_ref(),
                })
            })
            .collect();
        read.into_iter().collect()
    }

    /// A list that has at least one element.
    pub fn filled_list<T>(&self, read: impl Fn(&Place<'r>) -> Option<T>) -> Option<Vec<T>> {
        match self.list(read) {
            Some(list) if list.is_empty() => self.wrong("this list is empty"),
            other => other,
        }
    }

    /// The entries of a table whose keys are free.
    pub fn entries<T>(
        &self,
        read: impl Fn(&str, &Place<'r>) -> Option<T>,
    ) -> Option<Vec<(String, T)>> {
        let Some(table) = self.value.as_table() else {
            return self.wrong(format!("a table is expected, this is {}", kind(self.value)));
        };
        let read: Vec<Option<(String, T)>> = table
            .iter()
            .map(|(name, value)| {
                let name: &str = name.get_ref();
                let place = Place {
                    reader: self.reader,
                    key: format!("{}.{name}", self.key),
                    name: self.name,
                    example: self.example,
                    span: value.span(),
                    value: value.get_ref(),
                };
                read(name, &place).map(|value| (name.to_owned(), value))
            })
            .collect();
        read.into_iter().collect()
    }
}

fn line_at(text: &str, offset: usize) -> usize {
    1 + text
        .as_bytes()
        .iter()
        .take(offset)
        .filter(|byte| **byte == b'\n')
        .count()
}

fn kind(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(_) => "a text".to_owned(),
        DeValue::Integer(number) => format!("the number {number}"),
        DeValue::Float(number) => format!("the number {number}"),
        DeValue::Boolean(truth) => format!("`{truth}`"),
        DeValue::Datetime(_) => "a date".to_owned(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

fn quoted(names: &[&str]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

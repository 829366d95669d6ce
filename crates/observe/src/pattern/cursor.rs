//! A place in a pattern's text.

use super::regex::Regex;
use super::value::{Matcher, Wildcard};
use super::{PatternError, Result};

/// Source: "a limit of 2 regex for each filter pattern".
const REGEXES: usize = 2;

pub(super) struct Cursor<'a> {
    rest: &'a str,
    regexes: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text, regexes: 0 }
    }

    pub(super) fn rest(&self) -> &'a str {
        self.rest
    }

    pub(super) fn skip_spaces(&mut self) -> &mut Self {
        self.rest = self.rest.trim_start();
        self
    }

    /// Goes past `token` when it is next.
    pub(super) fn eat(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// As [`Cursor::eat`], for a word in any case that ends where the text or the word does.
    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let Some(head) = self.rest.get(..word.len()) else { return false };
        let rest = &self.rest[word.len()..];
        let ends = !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        if ends && head.eq_ignore_ascii_case(word) {
            self.rest = rest;
            return true;
        }
        false
    }

    /// The text up to the first character that `ends` says is not part of it; may be empty.
    pub(super) fn take_until(&mut self, ends: impl Fn(char) -> bool) -> &'a str {
        let (text, rest) = self.rest.split_at(self.rest.find(ends).unwrap_or(self.rest.len()));
        self.rest = rest;
        text
    }

    /// Text in double quotes, with `\"` and `\\` for what they stand for; `None` when it does not
    /// start here.
    pub(super) fn quoted(&mut self) -> Result<Option<String>> {
        if !self.eat("\"") {
            return Ok(None);
        }
        let mut text = String::new();
        let mut chars = self.rest.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.rest = &self.rest[at + 1..];
                    return Ok(Some(text));
                }
                '\\' => match chars.next() {
                    Some((_, escaped @ ('"' | '\\'))) => text.push(escaped),
                    Some((_, other)) => text.extend(['\\', other]),
                    None => break,
                },
                other => text.push(other),
            }
        }
        Err(PatternError::form("a quotation mark is not closed"))
    }

    /// A value to compare with: `"text with * wildcards"`, `%regex%`, or a bare word up to a space
    /// or one of `&|()=<>!,"`.
    pub(super) fn value(&mut self) -> Result<Matcher> {
        if let Some(text) = self.quoted()? {
            return Ok(Matcher::Text(Wildcard::new(&text)));
        }
        if self.eat("%") {
            return self.regex();
        }
        let word = self.take_until(|c| c.is_whitespace() || "&|()=<>!,\"".contains(c));
        if word.is_empty() {
            return Err(PatternError::form("a value was expected after the operator"));
        }
        Ok(Matcher::bare(word))
    }

    fn regex(&mut self) -> Result<Matcher> {
        let Some((text, rest)) = self.rest.split_once('%') else {
            return Err(PatternError::Unclosed { open: '%', close: '%' });
        };
        self.rest = rest;
        self.regexes += 1;
        if self.regexes > REGEXES {
            return Err(PatternError::form(format!("it has more than {REGEXES} regular expressions")));
        }
        Ok(Matcher::Regex(Regex::parse(text)?))
    }
}

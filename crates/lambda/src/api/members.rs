//! The members of a JSON body, taken one by one.
//!
//! An absent member and a null one are the same. A member that nobody takes is refused: what is
//! not understood is not ignored.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::error::Category;
use serde_json::value::RawValue;

use crate::error::Error;

/// The members that were not taken yet.
pub(crate) struct Members<'b> {
    left: BTreeMap<Cow<'b, str>, &'b RawValue>,
}

impl<'b> Members<'b> {
    /// An empty body has no members.
    ///
    /// # Errors
    /// [`Error::UnparsableBody`] when it is not JSON, [`Error::WrongShape`] when not an object.
    pub(crate) fn of_body(body: &'b [u8]) -> Result<Self, Error> {
        let body = if body.is_empty() { b"{}" } else { body };
        let left = serde_json::from_slice(body).map_err(|e| match e.classify() {
            Category::Data => Error::WrongShape(detail(&e)),
            Category::Syntax | Category::Eof | Category::Io => Error::UnparsableBody(e.to_string()),
        })?;
        Ok(Self { left })
    }

    /// Takes a member that is an object, member by member.
    pub(crate) fn take_members(&mut self, name: &str) -> Result<Option<Self>, Error> {
        let Some(raw) = self.take_raw(name) else {
            return Ok(None);
        };
        let left = serde_json::from_str(raw.get()).map_err(|e| wrong(name, &e))?;
        Ok(Some(Self { left }))
    }

    /// Takes a member of a known shape.
    pub(crate) fn take<T: Deserialize<'b>>(&mut self, name: &str) -> Result<Option<T>, Error> {
        let raw = self.take_raw(name);
        raw.map(|raw| serde_json::from_str(raw.get()).map_err(|e| wrong(name, &e))).transpose()
    }

    /// Takes a member as it stands.
    pub(crate) fn take_raw(&mut self, name: &str) -> Option<&'b RawValue> {
        self.left.remove(name).filter(|raw| raw.get() != "null")
    }

    /// # Errors
    /// [`Error::WrongShape`] naming the first member that nobody took.
    pub(crate) fn finish(self) -> Result<(), Error> {
        match self.left.keys().next() {
            None => Ok(()),
            Some(name) => Err(Error::WrongShape(format!("Hearth knows no member {name} here"))),
        }
    }
}

fn wrong(name: &str, error: &serde_json::Error) -> Error {
    Error::WrongShape(format!("{name}: {}", detail(error)))
}

/// The parser's text without the position, which is that of the member and not of the body.
fn detail(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let end = text.rfind(" at line ").unwrap_or(text.len());
    let text = &text[..end];
    text.split(", expected one of").next().unwrap_or(text).to_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn null_is_absent_and_the_untaken_is_refused() {
        let mut members = Members::of_body(br#"{"A":null,"B":3,"C":{"D":"x"}}"#).unwrap();
        assert_eq!(members.take::<i64>("A").unwrap(), None);
        assert_eq!(members.take::<i64>("B").unwrap(), Some(3));
        let error = members.finish().unwrap_err();
        assert_eq!(error.to_string(), "expected the operation's members: Hearth knows no member C here");
    }

    #[test]
    fn defects_of_shape_and_of_syntax_differ() {
        assert!(matches!(Members::of_body(b"{"), Err(Error::UnparsableBody(_))));
        assert!(matches!(Members::of_body(b"\xff"), Err(Error::UnparsableBody(_))));
        assert!(matches!(Members::of_body(b"[]"), Err(Error::WrongShape(_))));
        let mut members = Members::of_body(br#"{"A":"x"}"#).unwrap();
        let error = members.take::<i64>("A").unwrap_err();
        assert!(matches!(&error, Error::WrongShape(text) if text.starts_with("A: invalid type: string")), "{error}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(body in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(mut members) = Members::of_body(&body) {
                let _ = members.take::<String>("a");
                let _ = members.take_members("b");
            }
        }
    }
}

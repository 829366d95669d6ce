//! The texts of failed model constraints.
//!
//! The service checks requests against its model before its own code sees them, and reports all
//! defects at once in one `ValidationException`. Source: fact sheet "Lambda control-plane API",
//! section 1.2. Paths are in lower camel case (`vpcConfig.subnetIds`).

use std::fmt::Display;

use crate::error::Error;
use crate::pattern::Pattern;

/// Collects defects in the order in which members are checked.
#[derive(Debug, Default)]
pub(crate) struct Violations {
    found: Vec<String>,
}

impl Violations {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A value and the constraint it fails.
    pub(crate) fn add(&mut self, value: impl Display, path: &str, constraint: impl Display) {
        self.found.push(format!("Value '{value}' at '{path}' failed to satisfy constraint: {constraint}"));
    }

    /// A value that must not be repeated: the service leaves out what its model marks sensitive.
    pub(crate) fn add_secret(&mut self, path: &str, constraint: impl Display) {
        self.found.push(format!("Value at '{path}' failed to satisfy constraint: {constraint}"));
    }

    /// A member that is required and missing.
    pub(crate) fn missing(&mut self, path: &str) {
        self.found.push(format!("Value null at '{path}' failed to satisfy constraint: Member must not be null"));
    }

    /// Passes a present value on; notes a missing one.
    pub(crate) fn required<'a, T: ?Sized>(&mut self, path: &str, value: Option<&'a T>) -> Option<&'a T> {
        if value.is_none() {
            self.missing(path);
        }
        value
    }

    pub(crate) fn length(&mut self, path: &str, value: &str, min: usize, max: usize) {
        // The service counts UTF-16 units, as Java's String does.
        let length = value.encode_utf16().count();
        if length > max {
            self.add(value, path, format_args!("Member must have length less than or equal to {max}"));
        }
        if length < min {
            self.add(value, path, format_args!("Member must have length greater than or equal to {min}"));
        }
    }

    pub(crate) fn range(&mut self, path: &str, value: i64, min: i64, max: i64) {
        if value > max {
            self.add(value, path, format_args!("Member must have value less than or equal to {max}"));
        }
        if value < min {
            self.add(value, path, format_args!("Member must have value greater than or equal to {min}"));
        }
    }

    pub(crate) fn pattern(&mut self, path: &str, value: &str, pattern: &Pattern) {
        if !pattern.matches(value) {
            self.add(value, path, matching(pattern));
        }
    }

    pub(crate) fn one_of(&mut self, path: &str, value: &str, set: &[&str]) {
        if !set.contains(&value) {
            self.add(value, path, enum_set(set));
        }
    }

    /// A list, whole, when it has more or fewer items than it may.
    pub(crate) fn count(&mut self, path: &str, items: &[String], min: usize, max: usize) {
        if items.len() > max {
            self.add(list(items), path, format_args!("Member must have length less than or equal to {max}"));
        }
        if items.len() < min {
            self.add(list(items), path, format_args!("Member must have length greater than or equal to {min}"));
        }
    }

    /// A list, whole, when one of its items is not `good`. `constraints` are those of an item.
    pub(crate) fn items(&mut self, path: &str, items: &[String], constraints: &[String], good: impl Fn(&str) -> bool) {
        if !items.iter().all(|item| good(item)) {
            let constraints = constraints.join(", ");
            self.add(list(items), path, format_args!("Member must satisfy constraint: [{constraints}]"));
        }
    }

    /// # Errors
    /// One error with every defect in it.
    pub(crate) fn finish(self) -> Result<(), Error> {
        let count = self.found.len();
        if count == 0 {
            return Ok(());
        }
        let noun = if count == 1 { "error" } else { "errors" };
        Err(Error::Constraint(format!("{count} validation {noun} detected: {}", self.found.join("; "))))
    }
}

/// `Member must satisfy regular expression pattern: <re>`.
pub(crate) fn matching(pattern: &Pattern) -> String {
    format!("Member must satisfy regular expression pattern: {}", pattern.text())
}

/// `Member must satisfy enum value set: [A, B]`, in the order given.
pub(crate) fn enum_set(set: &[&str]) -> String {
    format!("Member must satisfy enum value set: [{}]", set.join(", "))
}

/// A list as Java prints one.
pub(crate) fn list(items: &[String]) -> String {
    format!("[{}]", items.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(fill: impl FnOnce(&mut Violations), expected: &str) {
        let mut violations = Violations::new();
        fill(&mut violations);
        let text = violations.finish().err().map(|e| e.to_string());
        assert_eq!(text.as_deref(), Some(expected));
    }

    #[test]
    fn one_defect_is_singular_and_two_are_plural() {
        check(
            |v| v.missing("role"),
            "1 validation error detected: Value null at 'role' failed to satisfy constraint: Member must not be null",
        );
        check(
            |v| {
                v.range("timeout", 901, 1, 900);
                v.length("description", "", 1, 256);
            },
            "2 validation errors detected: Value '901' at 'timeout' failed to satisfy constraint: Member must have \
             value less than or equal to 900; Value '' at 'description' failed to satisfy constraint: Member must have \
             length greater than or equal to 1",
        );
    }

    #[test]
    fn lists_are_shown_whole() {
        let items = ["x86_64".to_owned(), "arm64".to_owned()];
        check(
            |v| v.count("architectures", &items, 1, 1),
            "1 validation error detected: Value '[x86_64, arm64]' at 'architectures' failed to satisfy constraint: \
             Member must have length less than or equal to 1",
        );
    }

    #[test]
    fn nothing_found_is_no_error() {
        let mut violations = Violations::new();
        violations.range("timeout", 900, 1, 900);
        violations.one_of("mode", "Active", &["Active", "PassThrough"]);
        assert!(violations.finish().is_ok());
    }
}

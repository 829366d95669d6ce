//! The validator that many AWS services share, as clients see it.
//!
//! Source: fact sheet "Lambda control-plane API", section 1.2. All violations of a request are
//! collected and told at once:
//! `2 validation errors detected: Value '0' at 'timeout' failed to satisfy constraint: Member must
//! have value greater than or equal to 1; Value null at 'role' failed to ...`.
//!
//! Paths are lowerCamelCase and dotted, e.g. `vpcConfig.subnetIds`. The order of violations is the
//! order of the calls.

use std::fmt::Write as _;
use std::ops::RangeInclusive;

use http::StatusCode;

use crate::error::ApiError;

/// Collects what is wrong with a request.
#[derive(Debug, Default)]
pub struct Violations {
    found: Vec<String>,
}

impl Violations {
    /// Nothing wrong yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A violation in words of the caller's own. `shown` is the value as Java would print it (see
    /// [`list`] and [`map`]); `None` prints `Value null`.
    pub fn violate(&mut self, path: &str, shown: Option<&str>, constraint: &str) {
        let mut text = String::with_capacity(96 + path.len() + constraint.len());
        match shown {
            Some(value) => {
                let _ = write!(text, "Value '{value}'");
            }
            None => text.push_str("Value null"),
        }
        let _ = write!(text, " at '{path}' failed to satisfy constraint: {constraint}");
        self.found.push(text);
    }

    /// The member must be there.
    pub fn required<T>(&mut self, path: &str, member: Option<&T>) {
        if member.is_none() {
            self.violate(path, None, "Member must not be null");
        }
    }

    /// At most `max` UTF-16 units, as the service's own language counts them.
    pub fn length_max(&mut self, path: &str, value: &str, max: usize) {
        if length(value) > max {
            self.violate(path, Some(value), &at_most_long(max));
        }
    }

    /// At least `min` UTF-16 units.
    pub fn length_min(&mut self, path: &str, value: &str, min: usize) {
        if length(value) < min {
            self.violate(path, Some(value), &at_least_long(min));
        }
    }

    /// Both bounds of [`Violations::length_min`] and [`Violations::length_max`].
    pub fn length(&mut self, path: &str, value: &str, bounds: RangeInclusive<usize>) {
        self.length_min(path, value, *bounds.start());
        self.length_max(path, value, *bounds.end());
    }

    /// At least `min` and at most `max` items; `shown` is the collection as [`list`] or [`map`]
    /// print it.
    pub fn size(&mut self, path: &str, shown: &str, size: usize, bounds: RangeInclusive<usize>) {
        if size < *bounds.start() {
            self.violate(path, Some(shown), &at_least_long(*bounds.start()));
        }
        if size > *bounds.end() {
            self.violate(path, Some(shown), &at_most_long(*bounds.end()));
        }
    }

    /// A number within bounds.
    pub fn range(&mut self, path: &str, value: i64, bounds: RangeInclusive<i64>) {
        let (min, max) = (*bounds.start(), *bounds.end());
        if value < min {
            self.violate(
                path,
                Some(&value.to_string()),
                &format!("Member must have value greater than or equal to {min}"),
            );
        } else if value > max {
            self.violate(
                path,
                Some(&value.to_string()),
                &format!("Member must have value less than or equal to {max}"),
            );
        }
    }

    /// Text of a form. `pattern` is the regular expression as the service prints it; `matches`
    /// says whether `value` satisfies it, by whatever means the caller has.
    pub fn pattern(&mut self, path: &str, value: &str, pattern: &str, matches: bool) {
        if !matches {
            self.violate(path, Some(value), &matching(pattern));
        }
    }

    /// One of a set of words. `allowed` is in the order in which the service prints it.
    pub fn enum_set(&mut self, path: &str, value: &str, allowed: &[&str]) {
        if !allowed.contains(&value) {
            self.violate(path, Some(value), &one_of(allowed));
        }
    }

    /// Every item of a list: when `all_good` is false the whole list is shown, with every
    /// constraint that items have (see [`one_of`], [`matching`], [`at_most_long`]).
    pub fn items<S: AsRef<str>>(&mut self, path: &str, items: &[S], constraints: &[String], all_good: bool) {
        if !all_good {
            let shown = list(items);
            self.violate(path, Some(&shown), &format!("Member must satisfy constraint: [{}]", constraints.join(", ")));
        }
    }

    /// The whole text, or `None` when nothing is wrong.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        let count = self.found.len();
        let plural = if count == 1 { "" } else { "s" };
        (count > 0).then(|| format!("{count} validation error{plural} detected: {}", self.found.join("; ")))
    }

    /// Ends the collection.
    ///
    /// # Errors
    /// A 400 `ValidationException` with every violation, and without `Type`.
    pub fn finish(self) -> Result<(), ApiError> {
        self.finish_with(|text| ApiError::user(StatusCode::BAD_REQUEST, "ValidationException", text).untyped())
    }

    /// As [`Violations::finish`], under another 400 code: CloudWatch Logs wraps the same text in
    /// `InvalidParameterException`, and some Lambda checks in `InvalidParameterValueException`.
    ///
    /// # Errors
    /// The error of that code, with `Type: User`.
    pub fn finish_as(self, code: &'static str) -> Result<(), ApiError> {
        self.finish_with(|text| ApiError::user(StatusCode::BAD_REQUEST, code, text))
    }

    /// As [`Violations::finish`], with the caller's own error.
    ///
    /// # Errors
    /// What `error` makes of the text.
    pub fn finish_with<E>(self, error: impl FnOnce(String) -> E) -> Result<(), E> {
        match self.text() {
            Some(text) => Err(error(text)),
            None => Ok(()),
        }
    }
}

/// A list as the service prints it: `[a, b]`.
#[must_use]
pub fn list<S: AsRef<str>>(items: &[S]) -> String {
    let items: Vec<&str> = items.iter().map(AsRef::as_ref).collect();
    format!("[{}]", items.join(", "))
}

/// A map as the service prints it: `{k=v, l=w}`.
#[must_use]
pub fn map<'a>(entries: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let entries: Vec<String> = entries.into_iter().map(|(key, value)| format!("{key}={value}")).collect();
    format!("{{{}}}", entries.join(", "))
}

/// The constraint of [`Violations::enum_set`], for use in [`Violations::items`].
#[must_use]
pub fn one_of(allowed: &[&str]) -> String {
    format!("Member must satisfy enum value set: {}", list(allowed))
}

/// The constraint of [`Violations::pattern`].
#[must_use]
pub fn matching(pattern: &str) -> String {
    format!("Member must satisfy regular expression pattern: {pattern}")
}

/// The constraint of [`Violations::length_max`].
#[must_use]
pub fn at_most_long(max: usize) -> String {
    format!("Member must have length less than or equal to {max}")
}

/// The constraint of [`Violations::length_min`].
#[must_use]
pub fn at_least_long(min: usize) -> String {
    format!("Member must have length greater than or equal to {min}")
}

/// UTF-16 units; ASCII, the common case, is its byte length.
fn length(value: &str) -> usize {
    if value.is_ascii() { value.len() } else { value.encode_utf16().count() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(collect: impl FnOnce(&mut Violations), expected: Option<&str>) {
        let mut violations = Violations::new();
        collect(&mut violations);
        assert_eq!(violations.text().as_deref(), expected);
    }

    #[test]
    fn nothing_wrong_is_no_error() {
        check(
            |v| {
                v.length("a", "abc", 1..=3);
                v.range("b", 3, 1..=3);
                v.enum_set("c", "x", &["x", "y"]);
                v.pattern("d", "q", "q+", true);
                v.required("e", Some(&1));
            },
            None,
        );
    }

    #[test]
    fn recorded_texts() {
        check(
            |v| v.range("limit", 10_001, 1..=10_000),
            Some(
                "1 validation error detected: Value '10001' at 'limit' failed to satisfy constraint: \
                 Member must have value less than or equal to 10000",
            ),
        );
        check(
            |v| v.length_max("functionName", &"a".repeat(65), 64),
            Some(&format!(
                "1 validation error detected: Value '{}' at 'functionName' failed to satisfy constraint: \
                 Member must have length less than or equal to 64",
                "a".repeat(65)
            )),
        );
        check(
            |v| {
                v.enum_set("compatibleRuntimes", "[bad]", &["r"]);
                let constraints = [one_of(&["x86_64", "arm64"]), "Member must not be null".to_owned()];
                v.items("compatibleArchitectures", &["invalidarch"], &constraints, false);
            },
            Some(
                "2 validation errors detected: Value '[bad]' at 'compatibleRuntimes' failed to satisfy constraint: \
                 Member must satisfy enum value set: [r]; Value '[invalidarch]' at 'compatibleArchitectures' failed \
                 to satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: \
                 [x86_64, arm64], Member must not be null]",
            ),
        );
        check(
            |v| v.required::<String>("startingPosition", None),
            Some(
                "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: \
                 Member must not be null",
            ),
        );
    }

    #[test]
    fn length_counts_utf16_units() {
        check(|v| v.length_max("a", "é𝄞", 3), None);
        check(
            |v| v.length_max("a", "é𝄞", 2),
            Some(
                "1 validation error detected: Value 'é𝄞' at 'a' failed to satisfy constraint: \
                 Member must have length less than or equal to 2",
            ),
        );
    }

    #[test]
    fn the_error_is_a_validation_exception_without_type() {
        let mut violations = Violations::new();
        violations.length_min("a", "", 1);
        let error = violations.finish().unwrap_err();
        assert_eq!((error.status, &*error.code), (StatusCode::BAD_REQUEST, "ValidationException"));
        assert_eq!(error.fault, crate::Fault::Unsaid);
    }

    #[test]
    fn collections_print_as_java_prints_them() {
        assert_eq!(list(&["a", "b"]), "[a, b]");
        assert_eq!(map([("k", "v"), ("l", "w")]), "{k=v, l=w}");
    }
}

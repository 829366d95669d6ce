//! Reading a form: every constraint of the model is checked, all violations are told at once, and
//! a parameter that nobody reads is refused by its name.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use hearth_wire::Violations;
use hearth_wire::query::Form;

use super::rules::{self, Rule};
use crate::error::{Error, Result};

const TAGS: usize = 50;

/// The parameters of an operation.
pub(super) trait Input: Sized + Send + 'static {
    fn read(reader: &mut Reader) -> Self;
}

/// Operations without parameters.
impl Input for () {
    fn read(_: &mut Reader) -> Self {}
}

/// A form that is being read.
pub(super) struct Reader {
    form: Form,
    violations: Violations,
    /// What the model allows and the service refuses; told after the violations.
    refusal: Option<Error>,
}

impl Reader {
    /// Reads a whole form.
    ///
    /// # Errors
    /// Violations, refusals, and parameters that the operation does not know here.
    pub(super) fn read<I: Input>(operation: &str, form: Form) -> Result<I> {
        let mut reader = Self {
            form,
            violations: Violations::new(),
            refusal: None,
        };
        let input = I::read(&mut reader);
        reader.violations.finish_with(Error::Validation)?;
        if let Some(refusal) = reader.refusal {
            return Err(refusal);
        }
        match reader.form.left_over() {
            Some(name) => Err(Error::Validation(format!("{operation} has no parameter {name} here; leave it out"))),
            None => Ok(input),
        }
    }

    pub(super) fn text(&mut self, name: &str, rule: &Rule) -> Option<String> {
        let value = self.form.take(name)?;
        rule.check(&mut self.violations, &path(name), &value);
        Some(value)
    }

    /// Empty when it is absent, which is a violation.
    pub(super) fn need(&mut self, name: &str, rule: &Rule) -> String {
        let value = self.text(name, rule);
        self.violations.required(&path(name), value.as_ref());
        value.unwrap_or_default()
    }

    pub(super) fn number(&mut self, name: &str, bounds: RangeInclusive<i64>) -> Option<u32> {
        let value = self.form.take(name)?;
        let number = value.parse::<i64>().ok();
        match number {
            Some(number) => self.violations.range(&path(name), number, bounds),
            None => self.violations.violate(&path(name), Some(&value), "Member must be an integer"),
        }
        number.and_then(|number| u32::try_from(number).ok())
    }

    pub(super) fn flag(&mut self, name: &str) -> bool {
        let value = self.form.take(name);
        if let Some(value) = &value {
            self.violations.enum_set(&path(name), value, &["true", "false"]);
        }
        value.as_deref() == Some("true")
    }

    pub(super) fn word(&mut self, name: &str, allowed: &[&str]) -> Option<String> {
        let value = self.form.take(name)?;
        self.violations.enum_set(&path(name), &value, allowed);
        Some(value)
    }

    /// As [`Reader::word`]; absence is a violation.
    pub(super) fn need_word(&mut self, name: &str, allowed: &[&str]) -> String {
        let value = self.word(name, allowed);
        self.violations.required(&path(name), value.as_ref());
        value.unwrap_or_default()
    }

    /// `Tags`, which may be absent.
    pub(super) fn tags(&mut self) -> BTreeMap<String, String> {
        self.read_tags().unwrap_or_default()
    }

    /// `Tags`, which must be there.
    pub(super) fn need_tags(&mut self) -> BTreeMap<String, String> {
        let tags = self.read_tags();
        self.violations.required("tags", tags.as_ref());
        tags.unwrap_or_default()
    }

    pub(super) fn need_tag_keys(&mut self) -> Vec<String> {
        let keys = self.form.take_list("TagKeys");
        self.violations.required("tagKeys", keys.as_ref());
        for key in keys.iter().flatten() {
            rules::TAG_KEY.check(&mut self.violations, "tagKeys", key);
        }
        keys.unwrap_or_default()
    }

    /// A parameter that AWS has and that is not honoured here.
    pub(super) fn refuse(&mut self, name: &str, why: &str) {
        let is_given = self.form.take(name).is_some_and(|value| !value.is_empty());
        if is_given | self.form.take_structures(name).is_some_and(|all| !all.is_empty()) {
            self.refusal.get_or_insert_with(|| Error::NotServed(format!("{name} is not served yet: {why}")));
        }
    }

    fn read_tags(&mut self) -> Option<BTreeMap<String, String>> {
        let all = self.form.take_structures("Tags")?;
        if all.len() > TAGS {
            self.violations.violate("tags", Some("[...]"), &hearth_wire::validation::at_most_long(TAGS));
        }
        let mut tags = BTreeMap::new();
        for (at, mut tag) in (1..).zip(all) {
            let (key, value) = (tag.take("Key"), tag.take("Value"));
            let at = format!("tags.{at}.member");
            self.violations.required(&format!("{at}.key"), key.as_ref());
            self.violations.required(&format!("{at}.value"), value.as_ref());
            let (key, value) = (key.unwrap_or_default(), value.unwrap_or_default());
            rules::TAG_KEY.check(&mut self.violations, &format!("{at}.key"), &key);
            rules::TAG_VALUE.check(&mut self.violations, &format!("{at}.value"), &value);
            if tags.keys().any(|known: &String| known.eq_ignore_ascii_case(&key)) {
                let text = "Duplicate tag keys found. Please note that Tag keys are case insensitive.";
                self.refusal.get_or_insert_with(|| Error::InvalidInput(text.to_owned()));
            }
            tags.insert(key, value);
        }
        Some(tags)
    }
}

/// `RoleName` as messages write it: `roleName`.
fn path(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or_else(String::new, |first| first.to_ascii_lowercase().to_string() + chars.as_str())
}

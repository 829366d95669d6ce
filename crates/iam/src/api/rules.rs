//! Constraints of texts. Source: the models of IAM and STS; patterns as errors print them.

use hearth_wire::Violations;

/// The form that a text must have.
pub(super) struct Rule {
    min: usize,
    max: usize,
    pattern: &'static str,
    matches: fn(&str) -> bool,
}

impl Rule {
    pub(super) fn check(&self, violations: &mut Violations, path: &str, value: &str) {
        violations.length(path, value, self.min..=self.max);
        violations.pattern(path, value, self.pattern, (self.matches)(value));
    }
}

const fn rule(min: usize, max: usize, pattern: &'static str, matches: fn(&str) -> bool) -> Rule {
    Rule { min, max, pattern, matches }
}

pub(super) const ROLE_NAME: Rule = rule(1, 64, r"[\w+=,.@-]+", is_name);
pub(super) const USER_NAME: Rule = ROLE_NAME;
pub(super) const EXISTING_USER_NAME: Rule = rule(1, 128, r"[\w+=,.@-]+", is_name);
pub(super) const POLICY_NAME: Rule = rule(1, 128, r"[\w+=,.@-]+", is_name);
pub(super) const PATH: Rule = rule(1, 512, r"(\u002F)|(\u002F[\u0021-\u007E]+\u002F)", is_path);
pub(super) const PATH_PREFIX: Rule =
    rule(1, 512, r"\u002F[\u0021-\u007F]*", |text| text.starts_with('/') && within(text, 0x21, 0x7f));
pub(super) const POLICY_PATH: Rule = rule(1, 512, r"((/[A-Za-z0-9\.,\+@=_-]+)*)/", is_policy_path);
pub(super) const DOCUMENT: Rule = rule(1, 131_072, r"[\u0009\u000A\u000D\u0020-\u00FF]+", is_latin_1);
pub(super) const ROLE_DESCRIPTION: Rule = rule(0, 1_000, r"[\u0009\u000A\u000D\u0020-\u007E\u00A1-\u00FF]*", |text| {
    text.is_empty() || is_latin_1(text) && !text.chars().any(|c| ('\u{7f}'..='\u{a0}').contains(&c))
});
pub(super) const POLICY_DESCRIPTION: Rule = rule(0, 1_000, "", |_| true);
pub(super) const ARN: Rule = rule(20, 2_048, "", |_| true);
pub(super) const MARKER: Rule = rule(1, 320, r"[\u0020-\u00FF]+", |text| within(text, 0x20, 0xff));
pub(super) const KEY_ID: Rule = rule(16, 128, r"[\w]+", |text| text.bytes().all(is_word) && !text.is_empty());
pub(super) const VERSION_ID: Rule = rule(0, 128, r"v[1-9][0-9]*(\.[A-Za-z0-9-]*)?", is_version_id);
pub(super) const TAG_KEY: Rule =
    rule(1, 128, r"[\p{L}\p{Z}\p{N}_.:/=+\-@]+", |text| !text.is_empty() && is_tag_text(text));
pub(super) const TAG_VALUE: Rule = rule(0, 256, r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*", is_tag_text);
pub(super) const SESSION_NAME: Rule = rule(2, 64, r"[\w+=,.@-]*", |text| text.is_empty() || is_name(text));
pub(super) const EXTERNAL_ID: Rule =
    rule(2, 1_224, r"[\w+=,.@:\/-]*", |text| text.bytes().all(|b| is_word(b) || b"+=,.@:/-".contains(&b)));

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| is_word(b) || b"+=,.@-".contains(&b))
}

fn is_path(text: &str) -> bool {
    let inner = text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
    text == "/" || inner.is_some_and(|inner| !inner.is_empty() && within(inner, 0x21, 0x7e))
}

fn is_policy_path(text: &str) -> bool {
    let inner = text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
    let is_part = |part: &str| !part.is_empty() && part.bytes().all(|b| is_word(b) || b".,+@=-".contains(&b));
    text == "/" || inner.is_some_and(|inner| inner.split('/').all(is_part))
}

fn is_latin_1(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{ff}'))
}

fn is_version_id(text: &str) -> bool {
    let number = text.strip_prefix('v').map(|rest| rest.split_once('.').unwrap_or((rest, "")));
    number.is_some_and(|(number, rest)| {
        !number.is_empty()
            && !number.starts_with('0')
            && number.bytes().all(|b| b.is_ascii_digit())
            && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    })
}

fn is_tag_text(text: &str) -> bool {
    text.chars().all(|c| c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c))
}

fn within(text: &str, low: u32, high: u32) -> bool {
    text.chars().all(|c| (low..=high).contains(&u32::from(c)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rule: &Rule, good: &[&str], bad: &[&str]) {
        let holds = |text: &str| {
            let mut violations = Violations::new();
            rule.check(&mut violations, "p", text);
            violations.text().is_none()
        };
        good.iter().for_each(|text| assert!(holds(text), "{text:?}"));
        bad.iter().for_each(|text| assert!(!holds(text), "{text:?}"));
    }

    #[test]
    fn forms() {
        check(&ROLE_NAME, &["a", "A-b_c+=,.@9"], &["", "a b", "a/b", "ä", &"a".repeat(65)]);
        check(&PATH, &["/", "/a/", "/a/b/"], &["", "a", "/a", "a/", "/a b/"]);
        check(&POLICY_PATH, &["/", "/a.b/c/"], &["//", "/a", "/a!/"]);
        check(&PATH_PREFIX, &["/", "/a", "/a/"], &["", "a"]);
        check(&VERSION_ID, &["v1", "v20", "v1.a-b"], &["1", "v0", "v", "v1.!"]);
        check(&DOCUMENT, &["{}\n\t"], &["", "\u{100}", "\u{0}"]);
        check(&ROLE_DESCRIPTION, &["", "é"], &["\u{a0}", "\u{7f}"]);
        check(&KEY_ID, &["AKIAIOSFODNN7EXAMPLE"], &["short", "AKIAIOSFODNN7EXAMP!E"]);
        check(&SESSION_NAME, &["ab"], &["a", "a b"]);
        check(&EXTERNAL_ID, &["a/b:c"], &["a b"]);
        check(&TAG_KEY, &["a b", "Ä:/"], &["", "a#"]);
    }
}

//! Names and ARNs of groups and streams.

use std::fmt::Display;

use hearth_wire::Violations;

use super::{Scope, finish};
use crate::error::{LogsError, Result};
use crate::inbox::GroupKey;

/// Source: the service's model, as its errors print it.
const GROUP_PATTERN: &str = r"[\.\-_/#A-Za-z0-9]+";
const STREAM_PATTERN: &str = "[^:*]*";
const NAME_MOST: usize = 512;
const IDENTIFIER_MOST: usize = 2048;

impl Scope {
    /// The group of a `logGroupName`.
    pub(super) fn group(&self, name: Option<&str>) -> Result<GroupKey> {
        let mut violations = Violations::new();
        match name {
            None => violations.required::<String>("logGroupName", None),
            Some(name) => check_group(&mut violations, "logGroupName", name)?,
        }
        finish(violations)?;
        Ok(self.key(name.unwrap_or_default()))
    }

    /// The group of a request that can give a name or an identifier, but not both.
    pub(super) fn group_or_identifier(&self, name: Option<&str>, identifier: Option<&str>) -> Result<GroupKey> {
        match (name, identifier) {
            (Some(_), Some(_)) => {
                Err(LogsError::Refused("LogGroup name and LogGroup ARN are mutually exclusive parameters.".to_owned()))
            }
            (None, Some(identifier)) => self.identified("logGroupIdentifier", identifier),
            (name, None) => self.group(name),
        }
    }

    /// The group of an identifier: a name, or an ARN with or without `:*` at its end.
    pub(super) fn identified(&self, path: &str, identifier: &str) -> Result<GroupKey> {
        if identifier.starts_with("arn:") {
            return self.arn(path, identifier);
        }
        let mut violations = Violations::new();
        check_group(&mut violations, path, identifier)?;
        finish(violations)?;
        Ok(self.key(identifier))
    }

    /// The group of an ARN. One of another account or region is one that there is not.
    pub(super) fn arn(&self, path: &str, arn: &str) -> Result<GroupKey> {
        let mut violations = Violations::new();
        violations.length(path, arn, 1..=IDENTIFIER_MOST);
        finish(violations)?;
        let parts: Vec<&str> = arn.splitn(7, ':').collect();
        let &[_, _, "logs", region, account, "log-group", name] = parts.as_slice() else {
            return Err(LogsError::invalid(format!(
                "{path} must be the ARN of a log group, arn:aws:logs:<region>:<account>:log-group:<name>; found {arn}"
            )));
        };
        if region != self.region.as_str() || account != self.account.as_str() {
            return Err(LogsError::GroupMissing);
        }
        let name = name.strip_suffix(":*").unwrap_or(name);
        let mut violations = Violations::new();
        check_group(&mut violations, path, name)?;
        finish(violations)?;
        Ok(self.key(name))
    }

    pub(super) fn key(&self, name: &str) -> GroupKey {
        GroupKey {
            account: self.account.clone(),
            region: self.region.clone(),
            group: name.to_owned(),
        }
    }

    /// `arn:aws:logs:<region>:<account>:log-group:<name>`.
    pub(super) fn group_arn(&self, name: &str) -> String {
        format!("arn:{}:logs:{}:{}:log-group:{name}", self.region.partition(), self.region, self.account)
    }
}

/// A stream's name, from the member called `path`.
pub(super) fn stream(path: &str, name: Option<&str>) -> Result<String> {
    let mut violations = Violations::new();
    violations.required(path, name.as_ref());
    if let Some(name) = name {
        check_length(name)?;
        violations.length_min(path, name, 1);
        violations.pattern(path, name, STREAM_PATTERN, !name.contains([':', '*']));
    }
    finish(violations)?;
    Ok(name.unwrap_or_default().to_owned())
}

/// A prefix of stream names; `None` when absent.
pub(super) fn stream_prefix(prefix: Option<&str>) -> Result<Option<String>> {
    prefix.map(|prefix| stream("logStreamNamePrefix", Some(prefix))).transpose()
}

/// A prefix or a part of group names.
pub(super) fn group_part(path: &str, part: &str, least: usize) -> Result<()> {
    let mut violations = Violations::new();
    violations.length(path, part, least..=NAME_MOST);
    violations.pattern(
        path,
        part,
        if least == 0 { r"[\.\-_/#A-Za-z0-9]*" } else { GROUP_PATTERN },
        is_group_text(part),
    );
    finish(violations)
}

fn check_group(violations: &mut Violations, path: &str, name: &str) -> Result<()> {
    check_length(name)?;
    violations.length_min(path, name, 1);
    violations.pattern(path, name, GROUP_PATTERN, !name.is_empty() && is_group_text(name));
    Ok(())
}

fn check_length(name: &str) -> Result<()> {
    if name.len() > NAME_MOST {
        return Err(LogsError::invalid(
            "Invalid LogGroup or LogStream, both must have length less than or equal to 512.",
        ));
    }
    Ok(())
}

fn is_group_text(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_/#".contains(&b))
}

/// 56 digits that start as AWS's sequence tokens do. Nobody looks at them any more.
pub(super) fn sequence_token(number: impl Display) -> String {
    format!("49{number:0>54}")
}

/// 56 digits, as AWS's event ids have.
pub(super) fn digits(parts: [impl Display; 3]) -> String {
    let [a, b, c] = parts;
    format!("{a:0>20}{b:0>18}{c:0>18}")
}

//! The regular expressions of the service's model.
//!
//! The text that an error message prints is the very expression that is checked, over the whole
//! value and with ASCII classes, as Java does.

use std::sync::LazyLock;

use hearth_wire::validation::Violations;
use regex_lite::{Captures, Regex};

/// A printed pattern and its compiled form.
pub(crate) struct Pattern {
    text: &'static str,
    regex: LazyLock<Option<Regex>>,
}

macro_rules! pattern {
    ($(#[$doc:meta])* $name:ident = $text:expr) => {
        $(#[$doc])*
        pub(crate) static $name: Pattern = Pattern {
            text: $text,
            regex: LazyLock::new(|| Regex::new(concat!("^(?:", $text, ")$")).ok()),
        };
    };
}

impl Pattern {
    pub(crate) fn text(&self) -> &'static str {
        self.text
    }

    /// True when the whole value matches.
    pub(crate) fn matches(&self, value: &str) -> bool {
        self.regex.as_ref().is_some_and(|regex| regex.is_match(value))
    }

    /// Notes a value that does not match.
    pub(crate) fn check(&self, violations: &mut Violations, path: &str, value: &str) {
        violations.pattern(path, value, self.text, self.matches(value));
    }

    /// The groups of a whole match.
    pub(crate) fn captures<'v>(&self, value: &'v str) -> Option<Captures<'v>> {
        self.regex.as_ref().and_then(|regex| regex.captures(value))
    }
}

pattern! {
    /// A function as reads, invocations and deletions take it.
    NAME_TO_READ = r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
}
pattern! {
    /// A function as creations and updates take it.
    NAME_TO_WRITE = r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?"
}
pattern! {
    /// A function where no version of it can be meant.
    UNQUALIFIED_NAME = r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_]+)"
}
pattern! {
    QUALIFIER = r"\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+"
}
pattern! {
    /// A version as aliases name theirs.
    VERSION = r"(\$LATEST(\.PUBLISHED)?|[0-9]+)"
}
pattern! {
    ADDITIONAL_VERSION = r"[0-9]+"
}
/// Whether a text is the name of an alias: what the two expressions below say, which look ahead, as
/// `regex_lite` does not.
pub(crate) fn is_alias_name(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    text.bytes().all(good) && !text.bytes().all(|byte| byte.is_ascii_digit())
}
/// Printed only.
pub(crate) const ALIAS_NAME: &str = "(?!^[0-9]+$)([a-zA-Z0-9-_]+)";
/// Printed only.
pub(crate) const URL_QUALIFIER: &str = r"((?!^\d+$)^[0-9a-zA-Z-_]+$)";
pattern! {
    ROLE = r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+"
}
pattern! {
    HANDLER = r"[^\s]+"
}
pattern! {
    ENVIRONMENT_KEY = r"[a-zA-Z]([a-zA-Z0-9_])+"
}
pattern! {
    LOG_GROUP = r"[\.\-_/#A-Za-z0-9]+"
}
pattern! {
    /// An ARN of any service, or nothing.
    ANY_ARN = r"(arn:(aws[a-zA-Z-]*)?:[a-z0-9-.]+:.*)|()"
}
pattern! {
    SUBNET_ID = r"subnet-[0-9a-z]*"
}
pattern! {
    SECURITY_GROUP_ID = r"sg-[0-9a-zA-Z]*"
}
pattern! {
    LAYER_VERSION_ARN = r"(arn:(aws[a-zA-Z-]*)?:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:layer:[a-zA-Z0-9-_]+:[0-9]+)|(arn:[a-zA-Z0-9-]+:lambda:::awslayer:[a-zA-Z0-9-_]+)"
}
pattern! {
    /// A layer by its name or its ARN.
    LAYER_NAME = r"(arn:[a-zA-Z0-9-]+:lambda:[a-zA-Z0-9-]+:\d{12}:layer:[a-zA-Z0-9-_]+)|[a-zA-Z0-9-_]+"
}
pattern! {
    /// An ARN of any service that has regions and accounts.
    SERVICE_ARN = r"arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\-])+:([a-z]{2}(-gov)?-[a-z]+-\d{1})?:(\d{12})?:(.*)"
}
pattern! {
    /// Where records of asynchronous events go, and those of a mapping that were given up.
    DESTINATION = r"$|kafka://([^.]([a-zA-Z0-9\-_.]{0,248}))|arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\-])+:([a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1})?:(\d{12})?:(.*)"
}
pattern! {
    TOPIC = r"[^.]([a-zA-Z0-9\-_.]+)"
}
pattern! {
    /// A secret, a subnet, a consumer group ...
    URI = r"[a-zA-Z0-9-\/*:_+=.@-]*"
}
pattern! {
    /// `host:port`.
    BROKER = r"(([a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9\-]*[a-zA-Z0-9])\.)*([A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9\-]*[A-Za-z0-9]):[0-9]{1,5}"
}
pattern! {
    POLLER_GROUP = r"[a-zA-Z0-9-_]*"
}
pattern! {
    /// An access point.
    FILE_SYSTEM_ARN = r"arn:aws[a-zA-Z-]*:elasticfilesystem:[a-z]{2}((-gov)|(-iso(b?)))?-[a-z]+-\d{1}:\d{12}:access-point/fsap-[a-f0-9]{17}$|^arn:aws[-a-z]*:s3files:[0-9a-z-:]+:file-system/fs-[0-9a-f]{17,40}/access-point/fsap-[0-9a-f]{17,40}"
}
pattern! {
    LOCAL_MOUNT_PATH = r"/mnt/[a-zA-Z0-9-_.]+"
}
pattern! {
    CODE_SIGNING_CONFIG = r"arn:(aws[a-zA-Z-]*)?:lambda:[a-z]{2}((-gov)|(-iso(b?)))?-[a-z]+-\d{1}:\d{12}:code-signing-config:csc-[a-z0-9]{17}"
}
pattern! {
    RUNTIME_VERSION_ARN = r"arn:(aws[a-zA-Z-]*):lambda:[a-z]{2}((-gov)|(-iso(b?)))?-[a-z]+-\d{1}::runtime:.+"
}
pattern! {
    /// A capacity provider by its name or its ARN.
    CAPACITY_PROVIDER = r"(arn:aws[a-zA-Z-]*:lambda:[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:capacity-provider:[a-zA-Z0-9-_]+)|[a-zA-Z0-9-_]+"
}
pattern! {
    STATEMENT_ID = r"([a-zA-Z0-9-_]+)"
}
pattern! {
    /// As a removal takes it.
    STATEMENT_ID_TO_REMOVE = r"([a-zA-Z0-9-_.]+)"
}
pattern! {
    ACTION = r"(lambda:[*]|lambda:[a-zA-Z]+|[*])"
}
pattern! {
    PRINCIPAL = r"[^\s]+"
}
pattern! {
    /// An ARN that a policy can name. Checked by the service's code, and so printed nowhere.
    PRINCIPAL_ARN = r"arn:aws[a-zA-Z-]*:((iam::\d{12}:(root|(user|role)/[^\s]+))|(sts::\d{12}:(assumed-role|federated-user)/[^\s]+))"
}
pattern! {
    SOURCE_ARN = r"arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\-])+:([a-z]{2}(-gov)?-[a-z]+-\d{1})?:(\d{12})?:(.*)"
}
pattern! {
    SOURCE_ACCOUNT = r"\d{12}"
}
pattern! {
    EVENT_SOURCE_TOKEN = r"[a-zA-Z0-9._\-]+"
}
pattern! {
    LAYER_ACTION = r"lambda:GetLayerVersion"
}
pattern! {
    LAYER_PRINCIPAL = r"\d{12}|\*|arn:(aws[a-zA-Z-]*):iam::\d{12}:root"
}
pattern! {
    ORGANIZATION_ID = r"o-[a-z0-9]{10,32}"
}
pattern! {
    MASTER_REGION = r"ALL|[a-z]{2}(-gov)?-[a-z]+-\d{1}"
}
pattern! {
    TAGGABLE = r"arn:(aws[a-zA-Z-]*):lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:(function:[a-zA-Z0-9-_]+(:(\$LATEST|[a-zA-Z0-9-_]+))?|layer:([a-zA-Z0-9-_]+)|code-signing-config:csc-[a-z0-9]{17}|event-source-mapping:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|capacity-provider:[a-zA-Z0-9-_]+)"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        for pattern in [
            &NAME_TO_READ,
            &NAME_TO_WRITE,
            &QUALIFIER,
            &VERSION,
            &ADDITIONAL_VERSION,
            &ROLE,
            &HANDLER,
            &ENVIRONMENT_KEY,
            &LOG_GROUP,
            &ANY_ARN,
            &SUBNET_ID,
            &SECURITY_GROUP_ID,
            &LAYER_VERSION_ARN,
            &MASTER_REGION,
            &TAGGABLE,
            &STATEMENT_ID_TO_REMOVE,
            &ACTION,
            &PRINCIPAL,
            &PRINCIPAL_ARN,
            &SOURCE_ARN,
            &SOURCE_ACCOUNT,
            &EVENT_SOURCE_TOKEN,
            &SERVICE_ARN,
            &FILE_SYSTEM_ARN,
            &LOCAL_MOUNT_PATH,
            &DESTINATION,
            &TOPIC,
            &URI,
            &BROKER,
            &POLLER_GROUP,
            &CODE_SIGNING_CONFIG,
            &RUNTIME_VERSION_ARN,
            &CAPACITY_PROVIDER,
        ] {
            assert!(pattern.regex.is_some(), "{}", pattern.text());
        }
    }

    #[track_caller]
    fn check(pattern: &Pattern, good: &[&str], bad: &[&str]) {
        for value in good {
            assert!(pattern.matches(value), "{value:?} should match {}", pattern.text());
        }
        for value in bad {
            assert!(!pattern.matches(value), "{value:?} should not match {}", pattern.text());
        }
    }

    #[test]
    fn matches_are_whole() {
        check(
            &ROLE,
            &["arn:aws:iam::123456789012:role/x", "arn:aws:iam::123456789012:role/a/b-c"],
            &[
                "",
                "role",
                "arn:aws:iam::12345678901:role/x",
                " arn:aws:iam::123456789012:role/x",
                "arn:aws:iam::123456789012:role/x\n",
            ],
        );
        check(&HANDLER, &["a", "a.b", "ünï.x"], &["", "a b", "a\n"]);
        check(&ENVIRONMENT_KEY, &["AB", "a_1"], &["A", "1A", "A-B", "_A", "É1"]);
        check(&QUALIFIER, &["1", "$LATEST", "$LATEST.PUBLISHED", "live", "$latest"], &["", "a.b", "a!"]);
        check(&ANY_ARN, &["", "arn:aws:sqs:us-east-1:123456789012:q"], &["x", "arn"]);
    }
}

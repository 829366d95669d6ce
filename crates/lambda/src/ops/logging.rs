//! How a logging configuration changes.
//!
//! Source: fact sheet "Lambda control-plane API", section 3.2: levels exist with JSON alone and
//! are then INFO unless said otherwise; Text drops them; what is not mentioned stays.

use hearth_model::{FunctionName, LogFormat, LogLevel};

use crate::api::settings::LoggingConfig;
use crate::error::Error;
use crate::record::{LoggingSettings, Text};
use crate::snapshot::default_log_group;

/// # Errors
/// A level together with the text format.
pub(crate) fn merge(
    name: &FunctionName,
    before: &LoggingSettings,
    wanted: &LoggingConfig,
) -> Result<LoggingSettings, Error> {
    let format = wanted.log_format.as_deref().and_then(LogFormat::of).unwrap_or(before.format);
    let group = match &wanted.log_group {
        Some(group) => Some(group.clone()).filter(|group| *group != default_log_group(name)),
        None => before.group.clone(),
    };
    if format == LogFormat::Text {
        if wanted.application_log_level.is_some() || wanted.system_log_level.is_some() {
            // The service's own words are not recorded; they say the same.
            return Err(Error::InvalidParameter(
                "ApplicationLogLevel and SystemLogLevel are available with the JSON log format only. Remove the log \
                 level from your request or set LogFormat to JSON."
                    .to_owned(),
            ));
        }
        return Ok(LoggingSettings {
            format,
            application_level: None,
            system_level: None,
            group,
        });
    }
    let level = |wanted: Option<&String>, before: Option<LogLevel>| {
        wanted.and_then(|text| LogLevel::of(text)).or(before).or(Some(LogLevel::Info))
    };
    Ok(LoggingSettings {
        format,
        application_level: level(wanted.application_log_level.as_ref(), before.application_level),
        system_level: level(wanted.system_log_level.as_ref(), before.system_level),
        group,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn wanted(format: Option<&str>, application: Option<&str>, group: Option<&str>) -> LoggingConfig {
        LoggingConfig {
            log_format: format.map(ToOwned::to_owned),
            application_log_level: application.map(ToOwned::to_owned),
            system_log_level: None,
            log_group: group.map(ToOwned::to_owned),
        }
    }

    #[test]
    fn levels_come_and_go_with_the_format() {
        let name = FunctionName::parse("f").unwrap();
        let text = LoggingSettings::default();
        let json = merge(&name, &text, &wanted(Some("JSON"), Some("WARN"), None)).unwrap();
        assert_eq!(json.application_level, Some(LogLevel::Warn));
        assert_eq!(json.system_level, Some(LogLevel::Info));
        let kept = merge(&name, &json, &wanted(None, None, Some("/x"))).unwrap();
        assert_eq!(kept.application_level, Some(LogLevel::Warn));
        assert_eq!(kept.group.as_deref(), Some("/x"));
        let back = merge(&name, &kept, &wanted(Some("Text"), None, None)).unwrap();
        assert_eq!((back.application_level, back.system_level), (None, None));
        assert_eq!(back.group.as_deref(), Some("/x"));
        assert!(merge(&name, &text, &wanted(None, Some("WARN"), None)).is_err());
    }

    #[test]
    fn the_default_group_is_not_a_custom_one() {
        let name = FunctionName::parse("f").unwrap();
        let merged = merge(&name, &LoggingSettings::default(), &wanted(None, None, Some("/aws/lambda/f"))).unwrap();
        assert_eq!(merged.group, None);
    }
}

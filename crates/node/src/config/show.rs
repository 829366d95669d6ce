//! `hearth config show` and the manual's table of settings.

use super::table::{Config, ENTRIES};

/// One effective setting.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Row {
    pub key: &'static str,
    pub value: serde_json::Value,
    /// `default`, the file's path, `environment NAME` or `flag --name`.
    pub origin: String,
}

impl Row {
    /// For a table of text.
    #[must_use]
    pub fn text(&self) -> String {
        text(&self.value)
    }
}

fn text(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Null => String::new(),
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Array(items) if items.is_empty() => "none".to_owned(),
        serde_json::Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        serde_json::Value::Object(members) if members.is_empty() => "none".to_owned(),
        serde_json::Value::Object(members) => {
            let pairs = members.iter().filter(|(_, value)| !value.is_null());
            pairs.map(|(key, value)| format!("{key}={}", text(value))).collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    }
}

/// Every effective value, secrets left out.
#[must_use]
pub fn rows(config: &Config) -> Vec<Row> {
    let rows = config.rows().into_iter();
    rows.map(|(key, value, origin)| Row {
        key,
        value,
        origin: origin.to_string(),
    })
    .collect()
}

/// The manual's table, in Markdown.
#[must_use]
pub fn manual() -> String {
    let mut out = String::from("| key | variable | flag | value | default | meaning |\n|---|---|---|---|---|---|\n");
    for entry in ENTRIES {
        let code = |name: Option<&str>| name.map_or_else(String::new, |name| format!("`{name}`"));
        out += &format!(
            "| `{}` | {} | {} | {} | {} | {} |\n",
            entry.key,
            code(entry.env),
            code(entry.flag),
            entry.form,
            entry.default,
            entry.help
        );
    }
    out
}

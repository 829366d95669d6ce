//! Credentials for registries: docker's `config.json`, as `docker login` and its like write it.
//!
//! Helpers that it names (`credsStore`, `credHelpers`) are programs, and are not run.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::error::ImageError;

#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Credentials {
    Password {
        user: String,
        password: String,
    },
    /// To be exchanged for a token.
    Identity(String),
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
}

#[derive(Default, Deserialize)]
struct Entry {
    #[serde(default)]
    auth: Option<String>,
    #[serde(default)]
    username: Option<String>,
    #[serde(default)]
    password: Option<String>,
    #[serde(default)]
    identitytoken: Option<String>,
}

/// Those for a registry, if the file has any. It is read anew each time: tokens are short-lived.
pub(crate) fn find(file: &Path, registry: &str) -> Result<Option<Credentials>, ImageError> {
    // The path is the operator's and the contents are secrets: neither is the client's to know.
    let unreadable = |cause: String| {
        tracing::warn!(file = %file.display(), %cause, "the credentials of registries cannot be read");
        ImageError::Unreachable("the server cannot read its credentials of registries; its log says why".to_owned())
    };
    let bytes = std::fs::read(file).map_err(|error| unreadable(error.to_string()))?;
    let document: Document =
        serde_json::from_slice(&bytes).map_err(|error| unreadable(format!("a defect at line {}", error.line())))?;
    let entry = document.auths.into_iter().find(|(name, _)| is_for(name, registry)).map(|(_, entry)| entry);
    let Some(entry) = entry else { return Ok(None) };
    if let Some(token) = entry.identitytoken.filter(|token| !token.is_empty()) {
        return Ok(Some(Credentials::Identity(token)));
    }
    if let (Some(user), Some(password)) = (entry.username, entry.password) {
        return Ok(Some(Credentials::Password { user, password }));
    }
    let Some(auth) = entry.auth.filter(|auth| !auth.is_empty()) else {
        tracing::warn!(registry, "docker's configuration keeps these credentials with a helper, which is not run");
        return Ok(None);
    };
    let decoded = STANDARD.decode(auth).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let pair = decoded.as_deref().and_then(|text| text.split_once(':'));
    let (user, password) = pair.ok_or_else(|| unreadable("expected user:password in base64".to_owned()))?;
    Ok(Some(Credentials::Password {
        user: user.to_owned(),
        password: password.to_owned(),
    }))
}

/// Names are hosts, or URLs where they are old: `https://index.docker.io/v1/`.
fn is_for(name: &str, registry: &str) -> bool {
    let bare = name.split_once("://").map_or(name, |(_, rest)| rest);
    let host = bare.split('/').next().unwrap_or_default();
    host == registry || (registry == "docker.io" && matches!(host, "index.docker.io" | "registry-1.docker.io"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, registry: &str, expected: Option<(&str, &str)>) {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config.json");
        std::fs::write(&file, json).unwrap();
        let found = find(&file, registry).unwrap();
        let expected = expected.map(|(user, password)| match user {
            "" => Credentials::Identity(password.to_owned()),
            user => Credentials::Password {
                user: user.to_owned(),
                password: password.to_owned(),
            },
        });
        assert!(found == expected);
    }

    #[test]
    fn entries_of_docker_and_podman() {
        // me:secret:word
        let json = r#"{"auths": {"r.example:5000": {"auth": "bWU6c2VjcmV0OndvcmQ="},
            "https://index.docker.io/v1/": {"username": "u", "password": "p"},
            "t.example": {"identitytoken": "tok"}, "helped.example": {}}, "credsStore": "pass"}"#;
        check(json, "r.example:5000", Some(("me", "secret:word")));
        check(json, "docker.io", Some(("u", "p")));
        check(json, "t.example", Some(("", "tok")));
        check(json, "helped.example", None);
        check(json, "r.example", None);
    }

    #[test]
    fn a_defect_does_not_show_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config.json");
        std::fs::write(&file, "{\"auths\": {\"r.example\": {\"auth\": \"c2VjcmV0\"}}}").unwrap();
        for path in [file.clone(), dir.path().join("absent")] {
            let text = find(&path, "r.example").err().unwrap().to_string();
            assert!(!text.contains("secret") && !text.contains("config.json"), "{text}");
        }
    }
}

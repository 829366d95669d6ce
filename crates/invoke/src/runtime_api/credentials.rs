//! The credentials of a function's role for those who ask for them, again and again: what is in a
//! snapshot's variables would be as old as the snapshot.
//!
//! Source: fact sheet "Lambda execution-environment contract", section 1.6. SDKs know the protocol
//! as the one of containers.

use hearth_model::Credentials;
use http::{HeaderMap, StatusCode};
use serde_json::json;

use super::answers::{self, Answer};

/// Hands out fresh credentials to who has the token.
pub(crate) struct Provider {
    token: String,
    issue: Box<dyn Fn() -> Credentials + Send + Sync>,
}

impl Provider {
    pub(crate) fn new(token: String, issue: impl Fn() -> Credentials + Send + Sync + 'static) -> Self {
        Self {
            token,
            issue: Box::new(issue),
        }
    }

    /// `GET /2021-04-23/credentials`.
    pub(super) fn answer(&self, headers: &HeaderMap) -> Answer {
        let given = headers.get(http::header::AUTHORIZATION).map(http::HeaderValue::as_bytes);
        if given != Some(self.token.as_bytes()) {
            return answers::error(
                StatusCode::NOT_FOUND,
                "CredentialsNotFound",
                "cannot get credentials for the provided token",
            );
        }
        let keys = (self.issue)();
        let expires = jiff::Timestamp::from_millisecond(keys.expires_ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let document = json!({
            "AccessKeyId": keys.access_key_id,
            "SecretAccessKey": keys.secret_access_key,
            "Token": keys.session_token,
            "Expiration": format!("{expires:.0}"),
        });
        answers::json(StatusCode::OK, document.to_string().into())
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[track_caller]
    fn check(given: Option<&'static str>, status: StatusCode) {
        let provider = Provider::new("secret".to_owned(), || Credentials {
            access_key_id: "ASIA".to_owned(),
            secret_access_key: "s".to_owned(),
            session_token: "t".to_owned(),
            expires_ms: 1_000,
        });
        let mut headers = HeaderMap::new();
        if let Some(given) = given {
            headers.insert(http::header::AUTHORIZATION, HeaderValue::from_static(given));
        }
        assert_eq!(provider.answer(&headers).status(), status);
    }

    #[test]
    fn the_token_is_asked_for() {
        check(Some("secret"), StatusCode::OK);
        check(Some("other"), StatusCode::NOT_FOUND);
        check(None, StatusCode::NOT_FOUND);
    }
}

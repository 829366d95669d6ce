//! Who asks.

use hearth_model::{KeyRefusal, Region};
use http::request::Parts;

use super::connection::Visit;
use super::{FrontDoor, browser};
use crate::recognise::Host;
use crate::request::Caller;
use crate::sigv4::{Claims, Mode, SignatureError};

impl FrontDoor {
    /// Who asks, and the secret to verify that with where the mode demands it.
    pub(super) fn identify(
        &self,
        claims: Option<&Claims<'_>>,
        parts: &Parts,
        visit: &Visit,
    ) -> Result<(Caller, Option<String>), SignatureError> {
        let Some(claims) = claims else {
            return self.anonymous(parts).map(|caller| (caller, None));
        };
        let scope = claims.scope();
        let Some(region) = Region::parse(scope.region) else {
            return Err(SignatureError::Invalid(format!(
                "Credential should be scoped to a valid Region, not '{}'.",
                scope.region
            )));
        };
        if self.mode == Mode::Enforce {
            self.verifier.check(claims, &parts.headers)?;
        }
        let found = self.access_keys.find(scope.access_key_id, claims.session_token.as_deref());
        let (identity, secret) = found.map_err(|refusal| match refusal {
            KeyRefusal::Unknown => SignatureError::UnknownKey,
            KeyRefusal::BadToken => SignatureError::BadToken,
            KeyRefusal::Expired => SignatureError::ExpiredToken,
        })?;
        if visit.guest.as_ref().is_some_and(|guest| guest.account != identity.account) {
            return Err(SignatureError::ForeignAccount);
        }
        let secret = match self.mode {
            Mode::Open => None,
            // A key without a secret proves nothing.
            Mode::Enforce => Some(secret.ok_or(SignatureError::UnknownKey)?),
        };
        let caller = Caller {
            account: identity.account,
            region,
            arn: identity.arn,
            access_key_id: Some(scope.access_key_id.to_owned()),
        };
        Ok((caller, secret))
    }

    fn anonymous(&self, parts: &Parts) -> Result<Caller, SignatureError> {
        let identity = match self.mode {
            Mode::Open => self.access_keys.anonymous(),
            Mode::Enforce => None,
        };
        let identity = identity.ok_or_else(|| Claims::absence(&parts.headers))?;
        let region = browser::host(parts).and_then(|host| Host::parse(host).region);
        Ok(Caller {
            account: identity.account,
            region: region.unwrap_or_else(|| self.region.clone()),
            arn: identity.arn,
            access_key_id: None,
        })
    }
}

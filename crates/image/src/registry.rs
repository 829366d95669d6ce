//! A registry, by the OCI distribution specification: manifests and blobs are read, nothing else.

use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use ureq::http::{Response, StatusCode, header};
use ureq::tls::{RootCerts, TlsConfig, TlsProvider};
use ureq::{Agent, Body};

use crate::auth::{self, Credentials};
use crate::blob::Source;
use crate::challenge::{self, Challenge};
use crate::error::ImageError;
use crate::manifest::{ACCEPT, DOCUMENT_MAX};
use crate::pull::Settings;
use crate::reference::host;

const CONNECT: Duration = Duration::from_secs(10);
/// From a request to the head of its answer.
const ANSWER: Duration = Duration::from_secs(30);
/// For the largest layer.
const BODY: Duration = Duration::from_secs(30 * 60);
const TOKEN_MAX: u64 = 1 << 20;

/// Where the host's certificate authorities are.
const AUTHORITIES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

pub(crate) struct Registry<'s> {
    settings: &'s Settings,
    agent: Agent,
    /// As credentials are kept under.
    registry: String,
    repository: String,
    /// `https://host`.
    base: String,
    /// The `Authorization` that was accepted last.
    authorization: Mutex<Option<String>>,
}

#[derive(Deserialize)]
struct Token {
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    access_token: Option<String>,
}

impl<'s> Registry<'s> {
    pub(crate) fn new(settings: &'s Settings, registry: &str, repository: &str) -> Result<Self, ImageError> {
        let host = host(registry);
        let insecure = settings.is_insecure(host);
        let scheme = if insecure { "http" } else { "https" };
        Ok(Self {
            settings,
            agent: agent(insecure),
            registry: registry.to_owned(),
            repository: repository.to_owned(),
            base: format!("{scheme}://{host}"),
            authorization: Mutex::default(),
        })
    }

    fn get(&self, path: &str, accept: &str) -> Result<Response<Body>, ImageError> {
        let url = format!("{}/v2/{}/{path}", self.base, self.repository);
        let known = self.authorization.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let first = self.send(&url, accept, known.as_deref())?;
        if first.status() != StatusCode::UNAUTHORIZED {
            return self.judge(first);
        }
        let asked = first.headers().get_all(header::WWW_AUTHENTICATE);
        let asked = asked.iter().filter_map(|value| challenge::parse(value.to_str().ok()?)).next();
        let answer = self.answer(asked)?;
        let second = self.send(&url, accept, Some(&answer))?;
        *self.authorization.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
        self.judge(second)
    }

    fn send(&self, url: &str, accept: &str, authorization: Option<&str>) -> Result<Response<Body>, ImageError> {
        let mut request = self.agent.get(url).header(header::ACCEPT, accept);
        if let Some(authorization) = authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        request.call().map_err(|error| ImageError::Unreachable(format!("the registry {}: {error}", self.registry)))
    }

    fn judge(&self, response: Response<Body>) -> Result<Response<Body>, ImageError> {
        let image = || format!("{}/{}", self.registry, self.repository);
        match response.status() {
            status if status.is_success() => Ok(response),
            StatusCode::NOT_FOUND => Err(ImageError::NotFound(image())),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(ImageError::Denied(image())),
            status => Err(ImageError::Unreachable(format!("the registry {} answers {status}", self.registry))),
        }
    }

    /// What is to be shown to the registry.
    fn answer(&self, asked: Option<Challenge>) -> Result<String, ImageError> {
        let denied = || ImageError::Denied(format!("{}/{}", self.registry, self.repository));
        let mut credentials = None;
        for file in &self.settings.credentials {
            credentials = auth::find(file, &self.registry)?;
            if credentials.is_some() {
                break;
            }
        }
        match (asked.ok_or_else(denied)?, credentials) {
            (Challenge::Basic, Some(Credentials::Password { user, password })) => Ok(basic(&user, &password)),
            (Challenge::Basic, _) => Err(denied()),
            (Challenge::Bearer { realm, service }, credentials) => {
                // Whoever answers in clear would get the password.
                if !realm.starts_with("https://") && self.base.starts_with("https://") {
                    return Err(denied());
                }
                self.token(&realm, service.as_deref(), credentials)
            }
        }
    }

    fn token(
        &self,
        realm: &str,
        service: Option<&str>,
        credentials: Option<Credentials>,
    ) -> Result<String, ImageError> {
        let failed =
            |error: ureq::Error| ImageError::Unreachable(format!("the token server of {}: {error}", self.registry));
        let scope = format!("repository:{}:pull", self.repository);
        let response = match credentials {
            Some(Credentials::Identity(token)) => {
                let form = [
                    ("grant_type", "refresh_token"),
                    ("refresh_token", &token),
                    ("service", service.unwrap_or_default()),
                    ("client_id", "hearth"),
                    ("scope", &scope),
                ];
                self.agent.post(realm).send_form(form)
            }
            other => {
                let mut request = self.agent.get(realm).query("scope", &scope);
                if let Some(service) = service {
                    request = request.query("service", service);
                }
                if let Some(Credentials::Password { user, password }) = other {
                    request = request.header(header::AUTHORIZATION, basic(&user, &password));
                }
                request.call()
            }
        };
        let mut response = self.judge(response.map_err(failed)?)?;
        let bytes = response.body_mut().with_config().limit(TOKEN_MAX).read_to_vec().map_err(failed)?;
        let token: Option<Token> = serde_json::from_slice(&bytes).ok();
        let token = token.and_then(|answer| answer.token.or(answer.access_token));
        let unusable = || ImageError::Unreachable(format!("the token server of {} gives no token", self.registry));
        token.map(|token| format!("Bearer {token}")).ok_or_else(unusable)
    }
}

impl Source for Registry<'_> {
    fn manifest(&self, version: &str) -> Result<(Vec<u8>, Option<String>), ImageError> {
        let mut response = self.get(&format!("manifests/{version}"), &ACCEPT.join(", "))?;
        let said = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let said = said.map(|said| said.split(';').next().unwrap_or_default().trim().to_owned());
        let bytes = response.body_mut().with_config().limit(DOCUMENT_MAX).read_to_vec();
        let bytes = bytes.map_err(|error| ImageError::Unreachable(format!("the registry {}: {error}", self.registry)));
        Ok((bytes?, said))
    }

    fn open(&self, digest_hex: &str) -> Result<Box<dyn Read>, ImageError> {
        let response = self.get(&format!("blobs/sha256:{digest_hex}"), "*/*")?;
        Ok(Box::new(response.into_body().into_with_config().limit(u64::MAX).reader()))
    }

    fn name(&self) -> &str {
        &self.registry
    }
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// Follows redirects, without taking credentials along to another host (ureq's default), and never
/// from TLS to none.
fn agent(insecure: bool) -> Agent {
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .root_certs(authorities())
        .build();
    let config = Agent::config_builder()
        .tls_config(tls)
        .https_only(!insecure)
        .http_status_as_error(false)
        .max_redirects(5)
        .timeout_connect(Some(CONNECT))
        .timeout_recv_response(Some(ANSWER))
        .timeout_recv_body(Some(BODY))
        .user_agent("hearth")
        .build();
    config.new_agent()
}

/// Those that the host trusts.
fn authorities() -> RootCerts {
    let bundle = AUTHORITIES.iter().find_map(|path| std::fs::read(path).ok()).unwrap_or_default();
    let found = ureq::tls::parse_pem(&bundle).filter_map(|item| match item {
        Ok(ureq::tls::PemItem::Certificate(certificate)) => Some(certificate),
        _ => None,
    });
    let found: Vec<_> = found.collect();
    if found.is_empty() {
        tracing::warn!("the host has no certificate authorities (package ca-certificates): no registry is trusted");
    }
    RootCerts::from(found.into_iter())
}

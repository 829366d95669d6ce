//! A small client of the server's own HTTP API, for `hearth invoke` and `hearth logs`.
//!
//! Plain HTTP alone: the server speaks no TLS itself, and this client is for the server beside it.

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hearth_core::Clock;
use hearth_node::config::{AuthMode, Config, Flags, Host};
use hearth_wire::sigv4::{self, Outgoing, SigningKeys};
use serde_json::Value;
use ureq::http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use ureq::tls::{TlsConfig, TlsProvider};

use crate::cli::Target;
use crate::exit::{Exit, Failure};

/// Larger than any answer: a payload is at most 6 MiB, a page of log events 1 MiB.
const ANSWER_MAX_BYTES: u64 = 64 << 20;

pub struct Client {
    agent: ureq::Agent,
    endpoint: String,
    region: String,
    keys: Option<Keys>,
}

/// What to sign with.
struct Keys {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
}

/// One call, before it is signed.
pub struct Call<'a> {
    /// The name in the signature's scope: `lambda`, `logs`.
    pub service: &'a str,
    pub method: Method,
    /// With the query.
    pub path: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub fn json(&self) -> Result<Value, Failure> {
        serde_json::from_slice(&self.body)
            .map_err(|e| Failure::new(Exit::Refused, format!("the server's answer is not JSON: {e}")))
    }
}

impl Client {
    pub fn of(target: &Target) -> Result<Self, Failure> {
        let host = Host::current();
        let config = Config::load(&host, &Flags::default())?;
        let named = target.endpoint_url.as_deref().or_else(|| variable(&host, "AWS_ENDPOINT_URL"));
        let endpoint =
            named.map_or_else(|| endpoint_of(config.listen.value), |url| url.trim_end_matches('/').to_owned());
        if !endpoint.starts_with("http://") {
            let message =
                format!("expected an endpoint that begins with http://, found {endpoint}: TLS is not built in");
            return Err(Failure::new(Exit::Usage, message));
        }
        let region = target.region.as_deref().or_else(|| variable(&host, "AWS_REGION"));
        let region = region.or_else(|| variable(&host, "AWS_DEFAULT_REGION")).unwrap_or(config.region.value.as_str());
        Ok(Self {
            agent: agent(),
            endpoint,
            region: region.to_owned(),
            keys: keys(&host, config.auth_mode.value),
        })
    }

    /// Sends it, signed when there are keys. An answer of 400 and above becomes a failure with the
    /// server's words.
    pub fn send(&self, call: Call<'_>) -> Result<Reply, Failure> {
        let (head, body) = self.ask(call)?.into_parts();
        let body = body.into_with_config().limit(ANSWER_MAX_BYTES).read_to_vec().map_err(|e| self.unreachable(&e))?;
        let reply = Reply {
            status: head.status,
            headers: head.headers,
            body,
        };
        if reply.status.is_success() { Ok(reply) } else { Err(refusal(&reply)) }
    }

    /// [`Client::send`], for an answer that is to be read as it comes: its head, with no body, and
    /// the body.
    pub fn open(&self, call: Call<'_>) -> Result<(Reply, impl Read + use<>), Failure> {
        let (head, body) = self.ask(call)?.into_parts();
        let mut reply = Reply {
            status: head.status,
            headers: head.headers,
            body: Vec::new(),
        };
        if reply.status.is_success() {
            return Ok((reply, body.into_reader()));
        }
        let body = body.into_with_config().limit(ANSWER_MAX_BYTES).read_to_vec();
        reply.body = body.map_err(|e| self.unreachable(&e))?;
        Err(refusal(&reply))
    }

    fn ask(&self, call: Call<'_>) -> Result<Response<ureq::Body>, Failure> {
        let url: Uri = format!("{}{}", self.endpoint, call.path)
            .parse()
            .map_err(|e| Failure::new(Exit::Usage, format!("expected an endpoint, found {}: {e}", self.endpoint)))?;
        let signature = self.sign(&call, &url);
        let mut request = Request::builder().method(call.method).uri(url);
        for (name, value) in call.headers.iter().chain(&signature) {
            request = request.header(*name, value);
        }
        let request = request
            .body(call.body)
            .map_err(|e| Failure::new(Exit::Usage, format!("failed to make a request for {}: {e}", self.endpoint)))?;
        self.agent.run(request).map_err(|e| self.unreachable(&e))
    }

    fn sign(&self, call: &Call<'_>, url: &Uri) -> Vec<(&'static str, String)> {
        let Some(keys) = &self.keys else { return Vec::new() };
        let keys = SigningKeys {
            access_key_id: &keys.access_key_id,
            secret_access_key: &keys.secret_access_key,
            session_token: keys.session_token.as_deref(),
        };
        let headers: Vec<_> = call.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let request = Outgoing {
            method: &call.method,
            url,
            headers: &headers,
            body: &call.body,
        };
        sigv4::sign(&keys, &self.region, call.service, Clock::system().now_ms(), &request)
    }

    fn unreachable(&self, error: &ureq::Error) -> Failure {
        let message = match error {
            ureq::Error::Io(io) if io.kind() == std::io::ErrorKind::ConnectionRefused => {
                format!("no Hearth at {}; start one with `hearth serve`", self.endpoint)
            }
            other => format!("no answer from {}: {other}", self.endpoint),
        };
        Failure::new(Exit::Unreachable, message)
    }
}

/// No proxy: the server is on this host or beside it. No timeout for the answer: a function may
/// take 15 minutes.
fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        // The client speaks plain HTTP (docs/decisions/0007): TLS is there for registries of images alone, with a
        // provider of theirs, and without one `https://` is refused.
        .tls_config(TlsConfig::builder().provider(TlsProvider::NativeTls).build())
        .proxy(None)
        .timeout_connect(Some(Duration::from_secs(5)))
        .user_agent(concat!("hearth/", env!("CARGO_PKG_VERSION")));
    config.build().new_agent()
}

/// True when a Hearth answers there.
pub fn is_hearth(listen: SocketAddr) -> bool {
    let url = format!("{}/_hearth/health", endpoint_of(listen));
    agent()
        .get(url)
        .config()
        .timeout_global(Some(Duration::from_secs(2)))
        .build()
        .call()
        .is_ok_and(|answer| answer.status().is_success())
}

fn refusal(reply: &Reply) -> Failure {
    let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    // Of the services that answer in XML: both are elements without attributes.
    let element = |name: &str| {
        let document = std::str::from_utf8(&reply.body).ok()?;
        let (_, rest) = document.split_once(&format!("<{name}>"))?;
        rest.split_once(&format!("</{name}>")).map(|(text, _)| text.to_owned())
    };
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(ToOwned::to_owned).or_else(|| element(name));
    let code = reply.header("x-amzn-errortype").map(ToOwned::to_owned);
    let code = code.or_else(|| text("__type")).or_else(|| element("Code"));
    let code = code.unwrap_or_else(|| reply.status.to_string());
    let message = text("message").or_else(|| text("Message")).unwrap_or_else(|| "no further words".to_owned());
    Failure::new(Exit::Refused, format!("{code}: {message}"))
}

/// From the environment, as AWS's own tools take them. Without any, a server that takes every key
/// gets some, for the signature also names the region.
fn keys(host: &Host, mode: AuthMode) -> Option<Keys> {
    let of = |name| variable(host, name).map(ToOwned::to_owned);
    let given = of("AWS_ACCESS_KEY_ID").zip(of("AWS_SECRET_ACCESS_KEY"));
    let any = || (mode == AuthMode::Open).then(|| ("test".to_owned(), "test".to_owned()));
    let (access_key_id, secret_access_key) = given.or_else(any)?;
    Some(Keys {
        access_key_id,
        secret_access_key,
        session_token: of("AWS_SESSION_TOKEN"),
    })
}

fn variable<'a>(host: &'a Host, name: &str) -> Option<&'a str> {
    host.variable(name).filter(|text| !text.is_empty())
}

/// Where clients on this host reach a server that listens there. Never `localhost`: some tools put
/// bucket names before the host, and only an address stays one.
pub fn endpoint_of(listen: SocketAddr) -> String {
    let ip = match listen.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, listen.port()))
}

/// For a path segment: everything but unreserved characters is escaped.
pub fn escape(segment: &str) -> String {
    let keep = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~');
    segment.bytes().map(|b| if keep(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_addresses_that_a_client_can_reach() {
        let of = |text: &str| endpoint_of(text.parse().unwrap());
        assert_eq!(of("127.0.0.1:4566"), "http://127.0.0.1:4566");
        assert_eq!(of("0.0.0.0:80"), "http://127.0.0.1:80");
        assert_eq!(of("[::]:80"), "http://[::1]:80");
    }

    #[test]
    fn arns_are_escaped_in_paths() {
        assert_eq!(
            escape("arn:aws:lambda:us-east-1:0:function:f"),
            "arn%3Aaws%3Alambda%3Aus-east-1%3A0%3Afunction%3Af"
        );
        assert_eq!(escape("$LATEST"), "%24LATEST");
    }
}

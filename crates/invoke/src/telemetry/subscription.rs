//! What an extension subscribes to, and what is wrong with it.

use std::time::Duration;

use http::Uri;
use serde_json::{Map, Value};

/// The host under which a sandbox knows itself.
const HOST: &str = "sandbox.localdomain";

/// The port of the Runtime API, which receives nothing.
const RESERVED_PORT: u16 = 9001;

/// Which of the two APIs, which differ in names and in records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Api {
    Telemetry,
    Logs,
}

impl Api {
    /// Before the dot of its error types.
    pub(super) const fn prefix(self) -> &'static str {
        match self {
            Self::Telemetry => "Telemetry",
            Self::Logs => "Logs",
        }
    }

    /// The first word of its line in the log.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Telemetry => "TELEMETRY",
            Self::Logs => "LOGS",
        }
    }

    /// The record that tells of a subscription.
    pub(crate) const fn record(self) -> &'static str {
        match self {
            Self::Telemetry => "platform.telemetrySubscription",
            Self::Logs => "platform.logsSubscription",
        }
    }

    const fn schemas(self) -> &'static [(&'static str, Schema)] {
        match self {
            Self::Telemetry => &[
                ("2022-07-01", Schema::Telemetry2022July),
                ("2022-12-13", Schema::Telemetry),
                ("2025-01-29", Schema::Telemetry),
            ],
            Self::Logs => &[("2020-08-15", Schema::Logs2020), ("2021-03-18", Schema::Logs2021)],
        }
    }
}

/// How records are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Schema {
    /// Lines are always strings.
    Telemetry2022July,
    /// Lines of functions that log JSON are objects.
    Telemetry,
    /// Without `platform.runtimeDone`.
    Logs2020,
    Logs2021,
}

/// Streams of records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Streams {
    pub(super) platform: bool,
    pub(super) function: bool,
    pub(super) extension: bool,
}

impl Streams {
    const NAMES: [&str; 3] = ["platform", "function", "extension"];

    /// As in the API.
    pub(super) fn names(self) -> Vec<&'static str> {
        let chosen = [self.platform, self.function, self.extension];
        Self::NAMES.into_iter().zip(chosen).filter_map(|(name, chosen)| chosen.then_some(name)).collect()
    }
}

/// When what is gathered is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Buffering {
    pub(super) items: usize,
    pub(super) bytes: usize,
    pub(super) timeout: Duration,
}

/// Where it is sent, on the sandbox's loopback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Destination {
    /// Arrays of records, by POST.
    Http {
        port: u16,
        /// With the query.
        path: String,
    },
    /// A record a line.
    Tcp { port: u16 },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Subscription {
    pub(super) schema: Schema,
    pub(super) streams: Streams,
    pub(super) buffering: Buffering,
    pub(super) destination: Destination,
}

impl Subscription {
    /// Reads a request.
    ///
    /// # Errors
    /// With the text of a `ValidationError`.
    pub(super) fn parse(api: Api, body: &[u8]) -> Result<Self, String> {
        let document: Value = serde_json::from_slice(body).map_err(|error| format!("expected JSON: {error}"))?;
        let Value::Object(document) = document else {
            return Err("expected a JSON object".to_owned());
        };
        Ok(Self {
            schema: schema(api, document.get("schemaVersion"))?,
            streams: streams(document.get("types"))?,
            buffering: buffering(document.get("buffering"))?,
            destination: destination(document.get("destination"))?,
        })
    }
}

/// Without one, the oldest.
fn schema(api: Api, given: Option<&Value>) -> Result<Schema, String> {
    let known = api.schemas();
    let Some(given) = given.filter(|value| !value.is_null()) else {
        return Ok(known[0].1);
    };
    known.iter().find(|(name, _)| given == name).map(|(_, schema)| *schema).ok_or_else(|| {
        let names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
        format!("schemaVersion: expected one of {}, found {given}", names.join(", "))
    })
}

fn streams(given: Option<&Value>) -> Result<Streams, String> {
    let Some(Value::Array(given)) = given else {
        return Err("types: expected an array".to_owned());
    };
    let mut streams = Streams::default();
    for stream in given {
        match stream.as_str() {
            Some("platform") => streams.platform = true,
            Some("function") => streams.function = true,
            Some("extension") => streams.extension = true,
            _ => return Err(format!("types: expected platform, function or extension, found {stream}")),
        }
    }
    if streams == Streams::default() {
        return Err("types: expected at least one of platform, function, extension".to_owned());
    }
    Ok(streams)
}

fn buffering(given: Option<&Value>) -> Result<Buffering, String> {
    let empty = Map::new();
    let given = match given {
        None | Some(Value::Null) => &empty,
        Some(Value::Object(given)) => given,
        Some(_) => return Err("buffering: expected an object".to_owned()),
    };
    let number = |name: &str, from: u64, to: u64, default: u64| match given.get(name) {
        None | Some(Value::Null) => Ok(default),
        Some(value) => value
            .as_u64()
            .filter(|n| (from..=to).contains(n))
            .ok_or_else(|| format!("buffering.{name}: expected a number from {from} to {to}, found {value}")),
    };
    Ok(Buffering {
        items: as_size(number("maxItems", 1_000, 10_000, 10_000)?),
        bytes: as_size(number("maxBytes", 262_144, 1_048_576, 262_144)?),
        timeout: Duration::from_millis(number("timeoutMs", 25, 30_000, 1_000)?),
    })
}

fn as_size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn destination(given: Option<&Value>) -> Result<Destination, String> {
    let Some(Value::Object(given)) = given else {
        return Err("destination: expected an object".to_owned());
    };
    match given.get("protocol").and_then(Value::as_str) {
        Some("HTTP") => http(given),
        Some("TCP") => {
            let found = given.get("port").unwrap_or(&Value::Null);
            let port = found.as_u64().and_then(|port| u16::try_from(port).ok());
            let port = port
                .filter(|port| *port != 0)
                .ok_or_else(|| format!("destination.port: expected a number from 1 to 65535, found {found}"))?;
            Ok(Destination::Tcp { port: unreserved(port)? })
        }
        _ => Err("destination.protocol: expected HTTP or TCP".to_owned()),
    }
}

fn http(given: &Map<String, Value>) -> Result<Destination, String> {
    let optional = [("method", "POST"), ("encoding", "JSON")];
    for (name, only) in optional {
        if given.get(name).is_some_and(|found| !found.is_null() && found != only) {
            return Err(format!("destination.{name}: expected {only}, found {}", given[name]));
        }
    }
    let text = given.get("URI").and_then(Value::as_str).ok_or("destination.URI: expected a string")?;
    let bad = || format!("destination.URI: expected http://{HOST}:<port>/<path>, found {text}");
    let uri: Uri = text.parse().map_err(|_| bad())?;
    if uri.scheme_str() != Some("http") || uri.host() != Some(HOST) || text.contains('@') {
        return Err(bad());
    }
    let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let port = uri.port_u16().unwrap_or(80);
    if port == 0 {
        return Err(bad());
    }
    Ok(Destination::Http {
        port: unreserved(port)?,
        path,
    })
}

fn unreserved(port: u16) -> Result<u16, String> {
    if port == RESERVED_PORT {
        return Err(format!("destination: port {RESERVED_PORT} is reserved"));
    }
    Ok(port)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const DESTINATION: &str = r#""destination":{"protocol":"HTTP","URI":"http://sandbox.localdomain:8080/p?q=1"}"#;

    #[track_caller]
    fn check(api: Api, body: &str, error: &str) {
        assert_eq!(Subscription::parse(api, body.as_bytes()).unwrap_err(), error, "{body}");
    }

    #[track_caller]
    fn check_part(part: &str, error: &str) {
        check(Api::Telemetry, &format!(r#"{{"types":["platform"],{part}}}"#), error);
    }

    #[test]
    fn a_short_request_gets_the_defaults() {
        let body = format!(r#"{{"schemaVersion":"2025-01-29","types":["function","platform"],{DESTINATION}}}"#);
        let found = Subscription::parse(Api::Telemetry, body.as_bytes()).unwrap();
        assert_eq!(found.schema, Schema::Telemetry);
        assert_eq!(found.streams.names(), ["platform", "function"]);
        assert_eq!((found.buffering.items, found.buffering.bytes), (10_000, 262_144));
        assert_eq!(found.buffering.timeout, Duration::from_secs(1));
        let path = "/p?q=1".to_owned();
        assert_eq!(found.destination, Destination::Http { port: 8080, path });
        let tcp =
            r#"{"types":["extension"],"destination":{"protocol":"TCP","port":4243},"buffering":{"timeoutMs":25}}"#;
        let found = Subscription::parse(Api::Logs, tcp.as_bytes()).unwrap();
        assert_eq!((found.schema, found.destination), (Schema::Logs2020, Destination::Tcp { port: 4243 }));
        assert_eq!(found.buffering.timeout, Duration::from_millis(25));
    }

    #[test]
    fn what_is_wrong_is_named() {
        check(Api::Telemetry, "[]", "expected a JSON object");
        check(
            Api::Logs,
            r#"{"schemaVersion":"2022-07-01"}"#,
            "schemaVersion: expected one of 2020-08-15, 2021-03-18, found \"2022-07-01\"",
        );
        check(Api::Telemetry, "{}", "types: expected an array");
        check(Api::Telemetry, r#"{"types":["all"]}"#, "types: expected platform, function or extension, found \"all\"");
        check_part(
            r#""buffering":{"maxItems":999}"#,
            "buffering.maxItems: expected a number from 1000 to 10000, found 999",
        );
        check_part(
            r#""buffering":{"maxBytes":1048577}"#,
            "buffering.maxBytes: expected a number from 262144 to 1048576, found 1048577",
        );
        check_part(
            r#""buffering":{"timeoutMs":24}"#,
            "buffering.timeoutMs: expected a number from 25 to 30000, found 24",
        );
        check_part(r#""destination":{"protocol":"UDP"}"#, "destination.protocol: expected HTTP or TCP");
        check_part(
            r#""destination":{"protocol":"TCP","port":70000}"#,
            "destination.port: expected a number from 1 to 65535, found 70000",
        );
        check_part(
            r#""destination":{"protocol":"HTTP","URI":"http://sandbox.localdomain:9001"}"#,
            "destination: port 9001 is reserved",
        );
        for elsewhere in ["http://example.com:1/", "https://sandbox.localdomain:1/", "http://a@sandbox.localdomain:1/"]
        {
            check_part(
                &format!(r#""destination":{{"protocol":"HTTP","URI":"{elsewhere}"}}"#),
                &format!("destination.URI: expected http://sandbox.localdomain:<port>/<path>, found {elsewhere}"),
            );
        }
    }
}

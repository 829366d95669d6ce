//! `hearth logs`: what a function logged, through the CloudWatch Logs API.

use std::collections::HashSet;
use std::time::Duration;

use hearth_core::Clock;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use ureq::http::Method;

use crate::cli::Logs;
use crate::client::{Call, Client, escape};
use crate::exit::{Exit, Failure};
use crate::output::{self, Format};

/// How often new events are asked for.
const POLL: Duration = Duration::from_millis(500);
/// Events may become visible this much later than younger ones of other streams.
const OVERLAP_MS: i64 = 5_000;

/// As `FilterLogEvents` gives it, and as `-o json` prints it.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    log_stream_name: String,
    timestamp: i64,
    message: String,
    event_id: String,
}

pub fn run(args: &Logs) -> Result<Exit, Failure> {
    let client = Client::of(&args.target)?;
    let mut tail = Tail {
        format: args.answer.output,
        filter: args.filter.clone(),
        ..Tail::of(&client, &args.function, Clock::system().now_ms() - args.since)?
    };
    loop {
        tail.print(&client)?;
        if !args.follow {
            return Ok(Exit::Ok);
        }
        std::thread::sleep(POLL);
    }
}

/// Prints a function's events as they come, each once.
pub struct Tail {
    source: Source,
    since_ms: i64,
    seen: Seen,
    format: Format,
    filter: Option<String>,
}

impl Tail {
    /// Of a function that is there, or that left its log behind.
    pub fn of(client: &Client, function: &str, since_ms: i64) -> Result<Self, Failure> {
        Ok(Self {
            source: Source::of(client, function)?,
            since_ms,
            seen: Seen::default(),
            format: Format::Table,
            filter: None,
        })
    }

    /// What is there and was not printed yet.
    pub fn print(&mut self, client: &Client) -> Result<(), Failure> {
        for event in self.source.read(client, self.since_ms, self.filter.as_deref())? {
            if self.seen.is_new(&event) {
                print(self.format, &event)?;
            }
        }
        self.since_ms = self.since_ms.max(self.seen.latest_ms - OVERLAP_MS);
        self.seen.forget_before(self.since_ms);
        Ok(())
    }
}

fn print(format: Format, event: &Event) -> Result<(), Failure> {
    match format {
        Format::Table => output::line(event.message.trim_end_matches('\n')),
        Format::Json => output::line(&json!(event).to_string()),
    }
}

/// What was printed already, as far as it can come again.
#[derive(Default)]
struct Seen {
    ids: HashSet<(i64, String)>,
    latest_ms: i64,
}

impl Seen {
    fn is_new(&mut self, event: &Event) -> bool {
        self.latest_ms = self.latest_ms.max(event.timestamp);
        self.ids.insert((event.timestamp, event.event_id.clone()))
    }

    fn forget_before(&mut self, ms: i64) {
        self.ids.retain(|(timestamp, _)| *timestamp >= ms);
    }
}

/// Where a function's events lie.
struct Source {
    group: String,
    /// In a group of several functions, the mark of ours in the names of its streams.
    stream_mark: Option<String>,
}

impl Source {
    fn of(client: &Client, function: &str) -> Result<Self, Failure> {
        let path = format!("/2015-03-31/functions/{}/configuration", escape(function));
        let call = Call {
            service: "lambda",
            method: Method::GET,
            path,
            headers: Vec::new(),
            body: Vec::new(),
        };
        let found = match client.send(call) {
            Ok(reply) => reply.json()?,
            // What a deleted function logged is still there.
            Err(failure) if failure.names("ResourceNotFoundException") => {
                return Self::left_behind(client, function)?.ok_or(failure);
            }
            Err(failure) => return Err(failure),
        };
        let name = found["FunctionName"].as_str().unwrap_or(function);
        let own = format!("/aws/lambda/{name}");
        let group = found["LoggingConfig"]["LogGroup"].as_str().unwrap_or(&own).to_owned();
        let stream_mark = (group != own).then(|| format!("/{name}["));
        Ok(Self { group, stream_mark })
    }

    /// The group of a function that is gone, if it has one.
    fn left_behind(client: &Client, function: &str) -> Result<Option<Self>, Failure> {
        let group = format!("/aws/lambda/{function}");
        let found = call_logs(client, "DescribeLogGroups", &json!({ "logGroupNamePrefix": group }))?;
        let groups = found["logGroups"].as_array();
        let is_there = groups.into_iter().flatten().any(|one| one["logGroupName"] == group.as_str());
        Ok(is_there.then_some(Self { group, stream_mark: None }))
    }

    /// Every page. A group that does not exist yet has no events.
    fn read(&self, client: &Client, since_ms: i64, pattern: Option<&str>) -> Result<Vec<Event>, Failure> {
        let mut events = Vec::new();
        let mut token = None;
        loop {
            let page = self.page(client, since_ms, pattern, token)?;
            let found = Vec::<Event>::deserialize(&page["events"]).map_err(|e| {
                Failure::new(Exit::Refused, format!("the server's log events are not as expected: {e}"))
            })?;
            events.extend(found.into_iter().filter(|event| self.is_ours(event)));
            match page["nextToken"].as_str() {
                Some(next) => token = Some(next.to_owned()),
                None => return Ok(events),
            }
        }
    }

    fn page(
        &self,
        client: &Client,
        since_ms: i64,
        pattern: Option<&str>,
        token: Option<String>,
    ) -> Result<Value, Failure> {
        let mut body = json!({ "logGroupName": self.group, "startTime": since_ms.max(0) });
        if let Some(pattern) = pattern {
            body["filterPattern"] = pattern.into();
        }
        if let Some(token) = token {
            body["nextToken"] = token.into();
        }
        match call_logs(client, "FilterLogEvents", &body) {
            Err(failure) if failure.names("ResourceNotFoundException") => Ok(json!({ "events": [] })),
            answered => answered,
        }
    }

    fn is_ours(&self, event: &Event) -> bool {
        self.stream_mark.as_ref().is_none_or(|mark| event.log_stream_name.contains(mark.as_str()))
    }
}

fn call_logs(client: &Client, operation: &str, body: &Value) -> Result<Value, Failure> {
    let headers = vec![
        ("content-type", "application/x-amz-json-1.1".to_owned()),
        ("x-amz-target", format!("Logs_20140328.{operation}")),
    ];
    let call = Call {
        service: "logs",
        method: Method::POST,
        path: "/".to_owned(),
        headers,
        body: body.to_string().into_bytes(),
    };
    client.send(call)?.json()
}

/// Milliseconds of a text such as `90s`, `10m`, `2h` or `1d`.
pub fn parse_ago(text: &str) -> Result<i64, String> {
    let refused = || format!("expected a number and one of s, m, h, d, found {text:?}");
    let unit = text.chars().last().ok_or_else(refused)?;
    let unit_ms = match unit {
        's' => 1_000,
        'm' => 60_000,
        'h' => 3_600_000,
        'd' => 86_400_000,
        _ => return Err(refused()),
    };
    let number: u32 = text[..text.len() - 1].parse().map_err(|_| refused())?;
    Ok(i64::from(number) * unit_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_time() {
        assert_eq!(parse_ago("90s"), Ok(90_000));
        assert_eq!(parse_ago("10m"), Ok(600_000));
        assert_eq!(parse_ago("2h"), Ok(7_200_000));
        assert_eq!(parse_ago("1d"), Ok(86_400_000));
        for bad in ["", "m", "10", "-1m", "10w", "1é"] {
            assert!(parse_ago(bad).is_err(), "{bad}");
        }
    }

    fn event(timestamp: i64, id: &str) -> Event {
        Event {
            log_stream_name: "2026/01/01/f[$LATEST]0".into(),
            timestamp,
            message: "m".into(),
            event_id: id.into(),
        }
    }

    #[test]
    fn an_event_is_printed_once() {
        let mut seen = Seen::default();
        assert!(seen.is_new(&event(10_000, "a")));
        assert!(!seen.is_new(&event(10_000, "a")));
        assert!(seen.is_new(&event(9_000, "late")));
        assert_eq!(seen.latest_ms, 10_000);
        seen.forget_before(9_500);
        assert!(!seen.is_new(&event(10_000, "a")));
    }

    #[test]
    fn a_shared_group_is_sifted_by_stream() {
        let of = |mark: Option<&str>| Source {
            group: "g".into(),
            stream_mark: mark.map(Into::into),
        };
        assert!(of(None).is_ours(&event(0, "a")));
        assert!(of(Some("/f[")).is_ours(&event(0, "a")));
        assert!(!of(Some("/other[")).is_ours(&event(0, "a")));
    }
}

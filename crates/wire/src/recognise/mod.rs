//! Which service a request is for.
//!
//! In this order, strongest first: the SigV4 scope, the `X-Amz-Target` header, the form or query
//! parameters `Action` and `Version`, the host, the path. The first that names a service decides;
//! what it names wrongly is not corrected by a weaker one.

mod host;
mod table;

use http::HeaderMap;
use http::request::Parts;

use crate::aws_json::JsonVersion;
use crate::protocol::Protocol;
use crate::request::Service;
use crate::sigv4::Claims;
pub use host::{Host, bare_host};
pub use table::Known;

/// What a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recognised {
    Served(Service),
    /// A service that Hearth does not serve, and the protocol to say so in.
    Foreign {
        name: String,
        protocol: Protocol,
    },
    /// A form without `Version` and scope: the body may tell (see [`by_form`]).
    Form,
    /// Nothing names a service.
    Unknown,
}

/// Recognises a request by all but its body.
#[must_use]
pub fn recognise(claims: Option<&Claims<'_>>, parts: &Parts, host: Option<&Host<'_>>) -> Recognised {
    let target = parts.headers.get("x-amz-target").and_then(|value| value.to_str().ok());
    if let Some(claims) = claims {
        return by_scope(claims.scope().service, target, parts);
    }
    if let Some(target) = target {
        return by_target(target, &parts.headers);
    }
    if let Some(found) = by_action(parts.uri.query().unwrap_or("")) {
        return found;
    }
    if let Some(found) = host.and_then(by_host) {
        return found;
    }
    if is_lambda_path(parts.uri.path()) {
        return Recognised::Served(Service::Lambda);
    }
    if parts.method == http::Method::POST && is_form(&parts.headers) { Recognised::Form } else { Recognised::Unknown }
}

/// Recognises a query-protocol call by its form.
#[must_use]
pub fn by_form(body: &[u8]) -> Recognised {
    std::str::from_utf8(body).ok().and_then(by_action).unwrap_or(Recognised::Unknown)
}

fn by_scope(service: &str, target: Option<&str>, parts: &Parts) -> Recognised {
    let mut candidates = table::KNOWN.iter().filter(|known| known.name == service);
    let Some(known) = candidates.next() else {
        return Recognised::Foreign {
            name: service.to_owned(),
            protocol: by_shape(target, parts),
        };
    };
    // Services that speak several protocols are answered in the one they were asked in.
    let protocol = match (known.protocol, target) {
        (Protocol::Query(_) | Protocol::Ec2, Some(_)) => json_version(&parts.headers),
        (Protocol::AwsJson(_), None) if is_form(&parts.headers) => Protocol::Query(""),
        (protocol, _) => protocol,
    };
    of(known, protocol)
}

fn by_target(target: &str, headers: &HeaderMap) -> Recognised {
    let prefix = target.split_once('.').map_or(target, |(prefix, _)| prefix);
    match table::KNOWN.iter().find(|known| !known.target.is_empty() && known.target == prefix) {
        Some(known) => of(known, json_version(headers)),
        None => Recognised::Foreign {
            name: prefix.to_owned(),
            protocol: json_version(headers),
        },
    }
}

fn by_action(query: &str) -> Option<Recognised> {
    if query.is_empty() {
        return None;
    }
    let find = |wanted: &str| {
        form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == wanted).map(|(_, value)| value)
    };
    let (action, version) = (find("Action")?, find("Version")?);
    let known = table::KNOWN.iter().find(|known| !known.version.is_empty() && known.version == version);
    Some(match known {
        Some(known) => match known.protocol {
            Protocol::Ec2 | Protocol::Query(_) => of(known, known.protocol),
            Protocol::RestJson | Protocol::AwsJson(_) | Protocol::S3 => of(known, Protocol::Query("")),
        },
        None => Recognised::Foreign {
            name: format!("of action {action}, version {version}"),
            protocol: Protocol::Query(""),
        },
    })
}

fn by_host(host: &Host<'_>) -> Option<Recognised> {
    let service = host.service?;
    if service == "lambda-url" {
        return Some(Recognised::Foreign {
            name: "lambda function URLs".to_owned(),
            protocol: Protocol::RestJson,
        });
    }
    let known = table::KNOWN.iter().find(|known| known.name == service || known.hosts.contains(&service))?;
    Some(of(known, known.protocol))
}

fn of(known: &Known, protocol: Protocol) -> Recognised {
    match known.served {
        Some(service) => Recognised::Served(service),
        None => Recognised::Foreign {
            name: known.name.to_owned(),
            protocol,
        },
    }
}

/// Lambda's paths start with the date of an API version; no other service on this port has such.
fn is_lambda_path(path: &str) -> bool {
    let bytes = path.as_bytes();
    let is_date = |bytes: &[u8]| {
        bytes
            .iter()
            .enumerate()
            .all(|(at, byte)| if at == 4 || at == 7 { *byte == b'-' } else { byte.is_ascii_digit() })
    };
    bytes.len() > 12 && bytes[0] == b'/' && is_date(&bytes[1..11]) && bytes[11] == b'/'
}

fn by_shape(target: Option<&str>, parts: &Parts) -> Protocol {
    let has_action = by_action(parts.uri.query().unwrap_or("")).is_some();
    match target {
        Some(_) => json_version(&parts.headers),
        None if has_action || is_form(&parts.headers) => Protocol::Query(""),
        None => Protocol::RestJson,
    }
}

fn content_type(headers: &HeaderMap) -> &str {
    headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn is_form(headers: &HeaderMap) -> bool {
    content_type(headers).starts_with("application/x-www-form-urlencoded")
}

fn json_version(headers: &HeaderMap) -> Protocol {
    let is_1_0 = content_type(headers).starts_with(JsonVersion::V1_0.content_type());
    Protocol::AwsJson(if is_1_0 { JsonVersion::V1_0 } else { JsonVersion::V1_1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded; charset=utf-8");

    fn recognised(method: &str, uri: &str, headers: &[(&str, &str)]) -> Recognised {
        let mut request = http::Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        let claims = Claims::of(&parts.headers, parts.uri.query().unwrap_or("")).expect("sound claims");
        let host = parts.headers.get("host").map(|host| Host::parse(host.to_str().expect("text")));
        recognise(claims.as_ref(), &parts, host.as_ref())
    }

    fn scoped(service: &str) -> String {
        format!(
            "AWS4-HMAC-SHA256 Credential=K/20130524/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
        )
    }

    fn foreign(name: &str, protocol: Protocol) -> Recognised {
        Recognised::Foreign {
            name: name.to_owned(),
            protocol,
        }
    }

    #[track_caller]
    fn check(method: &str, uri: &str, headers: &[(&str, &str)], expected: Recognised) {
        assert_eq!(recognised(method, uri, headers), expected, "{method} {uri} {headers:?}");
    }

    #[test]
    fn the_scope_decides_before_all_else() {
        let lambda = scoped("lambda");
        let target = ("x-amz-target", "Logs_20140328.GetLogEvents");
        check("POST", "/", &[("authorization", &lambda), target], Recognised::Served(Service::Lambda));
        check("POST", "/", &[("authorization", &scoped("logs"))], Recognised::Served(Service::Logs));
        check("PUT", "/b/k", &[("authorization", &scoped("s3"))], foreign("s3", Protocol::S3));
        check("POST", "/", &[("authorization", &scoped("sts")), FORM], Recognised::Served(Service::Sts));
        check("POST", "/", &[("authorization", &scoped("sns")), FORM], foreign("sns", Protocol::Query("")));
        check("POST", "/", &[("authorization", &scoped("sqs")), FORM], foreign("sqs", Protocol::Query("")));
        check("POST", "/", &[("authorization", &scoped("ec2")), FORM], foreign("ec2", Protocol::Ec2));
        check("GET", "/v1/x", &[("authorization", &scoped("new"))], foreign("new", Protocol::RestJson));
    }

    #[test]
    fn a_presigned_scope_counts() {
        let uri = "/b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=K%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
                   &X-Amz-Date=20130524T000000Z&X-Amz-SignedHeaders=host&X-Amz-Signature=0";
        check("GET", uri, &[], foreign("s3", Protocol::S3));
    }

    #[test]
    fn targets_actions_hosts_and_paths() {
        let v1_0 = Protocol::AwsJson(JsonVersion::V1_0);
        check("POST", "/", &[("x-amz-target", "Logs_20140328.X")], Recognised::Served(Service::Logs));
        check(
            "POST",
            "/",
            &[("x-amz-target", "DynamoDB_20120810.PutItem"), ("content-type", "application/x-amz-json-1.0")],
            foreign("dynamodb", v1_0),
        );
        check("GET", "/?Action=GetCallerIdentity&Version=2011-06-15", &[], Recognised::Served(Service::Sts));
        check("POST", "/", &[FORM], Recognised::Form);
        check("GET", "/", &[("host", "lambda.eu-west-1.amazonaws.com")], Recognised::Served(Service::Lambda));
        check("GET", "/", &[("host", "bucket.s3.localhost.localstack.cloud:4566")], foreign("s3", Protocol::S3));
        check("GET", "/2015-03-31/functions/", &[], Recognised::Served(Service::Lambda));
        check("GET", "/", &[("host", "127.0.0.1:4566")], Recognised::Unknown);
        check("GET", "/favicon.ico", &[], Recognised::Unknown);
    }

    #[test]
    fn forms_name_their_service_by_version() {
        assert_eq!(by_form(b"Action=ListUsers&Version=2010-05-08"), Recognised::Served(Service::Iam));
        assert_eq!(by_form(b"Action=DescribeVpcs&Version=2016-11-15"), foreign("ec2", Protocol::Ec2));
        assert_eq!(by_form(b"Action=X"), Recognised::Unknown);
        assert_eq!(by_form(b"\xff"), Recognised::Unknown);
    }
}

//! What a host name says: service and region, as in `bucket.s3.eu-west-1.amazonaws.com`.

use hearth_model::Region;

/// The suffixes under which AWS and local tools put service names.
const SUFFIXES: [&str; 4] = [".localhost.localstack.cloud", ".localhost", ".amazonaws.com.cn", ".amazonaws.com"];

/// A host name taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host<'a> {
    /// E.g. `lambda`, `s3`, `api.ecr`, `lambda-url`; absent for addresses and bare names.
    pub service: Option<&'a str>,
    pub region: Option<Region>,
}

impl<'a> Host<'a> {
    /// Takes apart the value of a `Host` header.
    #[must_use]
    pub fn parse(value: &'a str) -> Self {
        let name = bare_host(value);
        let Some(labels) = SUFFIXES.iter().find_map(|suffix| name.strip_suffix(suffix)) else {
            return Self { service: None, region: None };
        };
        let region_at = labels.rsplit('.').position(|label| Region::parse(label).is_some());
        let (before, region) = match region_at {
            Some(0) => match labels.rsplit_once('.') {
                Some((before, region)) => (before, Region::parse(region)),
                None => ("", Region::parse(labels)),
            },
            _ => (labels, None),
        };
        let service = match before.ends_with("api.ecr") {
            true => "api.ecr",
            false => before.rsplit('.').next().unwrap_or_default(),
        };
        Self {
            service: (!service.is_empty()).then_some(service),
            region,
        }
    }
}

/// The host without its port and the brackets of an IPv6 address.
#[must_use]
pub fn bare_host(value: &str) -> &str {
    if let Some(rest) = value.strip_prefix('[') {
        return rest.split_once(']').map_or(rest, |(address, _)| address);
    }
    match value.rsplit_once(':') {
        // An IPv6 address without brackets has more than one colon and no port.
        Some((host, _)) if !host.contains(':') => host,
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &str, service: Option<&str>, region: Option<&str>) {
        let host = Host::parse(value);
        assert_eq!((host.service, host.region.as_ref().map(Region::as_str)), (service, region), "{value}");
    }

    #[test]
    fn hosts() {
        check("lambda.us-east-1.amazonaws.com", Some("lambda"), Some("us-east-1"));
        check("lambda.us-east-1.localhost.localstack.cloud:4566", Some("lambda"), Some("us-east-1"));
        check("logs.localhost:4566", Some("logs"), None);
        check("bucket.with.dots.s3.eu-west-1.amazonaws.com", Some("s3"), Some("eu-west-1"));
        check("bucket.s3.amazonaws.com", Some("s3"), None);
        check("abc.lambda-url.us-east-1.localhost:4566", Some("lambda-url"), Some("us-east-1"));
        check("api.ecr.us-east-1.amazonaws.com", Some("api.ecr"), Some("us-east-1"));
        check("localhost:4566", None, None);
        check("127.0.0.1:4566", None, None);
        check("[::1]:4566", None, None);
        check("", None, None);
        check("us-east-1.amazonaws.com", None, Some("us-east-1"));
    }

    #[test]
    fn bare_hosts() {
        for (value, expected) in
            [("a:1", "a"), ("a", "a"), ("[::1]:1", "::1"), ("[::1]", "::1"), ("::1", "::1"), ("[", ""), (":", "")]
        {
            assert_eq!(bare_host(value), expected, "{value}");
        }
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_text_never_panics(value in ".*") {
            let _ = Host::parse(&value);
        }
    }
}

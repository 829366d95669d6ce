//! The services that clients may ask for, by the marks they leave on a request.
//!
//! Source: fact sheet "Neighbouring services", section 0.1.

use crate::aws_json::JsonVersion;
use crate::protocol::Protocol;
use crate::query;
use crate::request::Service;

/// A service and its marks.
#[derive(Debug, PartialEq, Eq)]
pub struct Known {
    /// The signing name, which is also the name that answers use.
    pub name: &'static str,
    pub protocol: Protocol,
    /// What stands before the dot of `X-Amz-Target`; empty when the service has none.
    pub target: &'static str,
    /// The `Version` parameter of query-protocol calls; empty when the service has none.
    pub version: &'static str,
    /// Further first labels of its hosts, beside the signing name.
    pub hosts: &'static [&'static str],
    /// Present for what this crate can route.
    pub served: Option<Service>,
}

const fn known(name: &'static str, protocol: Protocol, target: &'static str, version: &'static str) -> Known {
    Known {
        name,
        protocol,
        target,
        version,
        hosts: &[],
        served: None,
    }
}

const fn at(mut service: Known, hosts: &'static [&'static str]) -> Known {
    service.hosts = hosts;
    service
}

const fn served(mut service: Known, by: Service) -> Known {
    service.served = Some(by);
    service
}

const JSON_1_0: Protocol = Protocol::AwsJson(JsonVersion::V1_0);
const JSON_1_1: Protocol = Protocol::AwsJson(JsonVersion::V1_1);

/// Services with a fixed place in a list; others are told by the shape of their request.
pub(super) static KNOWN: &[Known] = &[
    served(known("lambda", Protocol::RestJson, "", ""), Service::Lambda),
    served(known("logs", JSON_1_1, "Logs_20140328", ""), Service::Logs),
    known("s3", Protocol::S3, "", ""),
    known("dynamodb", JSON_1_0, "DynamoDB_20120810", ""),
    at(known("dynamodb", JSON_1_0, "DynamoDBStreams_20120810", ""), &["streams"]),
    known("sqs", JSON_1_0, "AmazonSQS", "2012-11-05"),
    known("sns", Protocol::Query(""), "", "2010-03-31"),
    served(known("iam", Protocol::Query(query::IAM), "", "2010-05-08"), Service::Iam),
    served(known("sts", Protocol::Query(query::STS), "", "2011-06-15"), Service::Sts),
    known("cloudformation", Protocol::Query(""), "", "2010-05-15"),
    known("monitoring", Protocol::Query(""), "GraniteServiceVersion20100801", "2010-08-01"),
    known("ec2", Protocol::Ec2, "", "2016-11-15"),
    known("rds", Protocol::Query(""), "", "2014-10-31"),
    known("elasticloadbalancing", Protocol::Query(""), "", "2015-12-01"),
    served(known("kms", JSON_1_1, "TrentService", ""), Service::Kms),
    known("events", JSON_1_1, "AWSEvents", ""),
    known("scheduler", Protocol::RestJson, "", ""),
    known("kinesis", JSON_1_1, "Kinesis_20131202", ""),
    known("ssm", JSON_1_1, "AmazonSSM", ""),
    known("secretsmanager", JSON_1_1, "secretsmanager", ""),
    at(known("ecr", JSON_1_1, "AmazonEC2ContainerRegistry_V20150921", ""), &["api.ecr"]),
    known("states", JSON_1_0, "AWSStepFunctions", ""),
    known("application-autoscaling", JSON_1_1, "AnyScaleFrontendService", ""),
    known("tagging", JSON_1_1, "ResourceGroupsTaggingAPI_20170126", ""),
    known("apigateway", Protocol::RestJson, "", ""),
    known("execute-api", Protocol::RestJson, "", ""),
    known("xray", Protocol::RestJson, "", ""),
];

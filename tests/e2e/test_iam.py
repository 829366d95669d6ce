"""IAM: roles, policies, users and keys, by boto3 and the AWS CLI.

Source: fact sheet "Neighbouring services", section 3; IAM's service model.
"""

import json
import urllib.parse

import pytest
from botocore.exceptions import ClientError
from harness import raw
from harness.clients import Caller
from harness.functions import unique
from harness.server import free_port
from harness.strict import ACCOUNT, KEY, SECRET, STRICT

TRUST = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
ALLOW = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
LONG = "arn:aws:iam::aws:policy/NoSuchPolicyOfAws"


def text(document):
    return json.dumps(document)


def refused(code, status, message, call, **arguments):
    with pytest.raises(ClientError) as error:
        call(**arguments)
    told = error.value.response
    found = (told["Error"]["Code"], told["ResponseMetadata"]["HTTPStatusCode"])
    assert found == (code, status) and message in told["Error"]["Message"], told


@pytest.fixture(scope="module")
def iam(caller):
    return caller.client("iam")


@pytest.fixture
def role(iam):
    name = unique()
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=text(TRUST))
    yield name
    for arn in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
        iam.detach_role_policy(RoleName=name, PolicyArn=arn["PolicyArn"])
    for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        iam.delete_role_policy(RoleName=name, PolicyName=policy)
    iam.delete_role(RoleName=name)


@pytest.fixture
def user(iam):
    name = unique()
    iam.create_user(UserName=name)
    yield name
    for key in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
        iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName=name)


@pytest.fixture
def policy(iam):
    arn = iam.create_policy(PolicyName=unique(), PolicyDocument=text(ALLOW))["Policy"]["Arn"]
    yield arn
    iam.delete_policy(PolicyArn=arn)


def test_a_role_from_creation_to_deletion(iam, caller):
    name = unique()
    made = iam.create_role(
        RoleName=name, Path="/a/b/", AssumeRolePolicyDocument=text(TRUST), Description="what for", MaxSessionDuration=7200,
        Tags=[{"Key": "team", "Value": "blue"}],
    )["Role"]
    assert made["Arn"] == f"arn:aws:iam::{caller.account}:role/a/b/{name}"
    assert made["RoleId"].startswith("AROA") and len(made["RoleId"]) == 21
    assert "MaxSessionDuration" not in made and "RoleLastUsed" not in made, "AWS leaves them out here"
    found = iam.get_role(RoleName=name)["Role"]
    assert found["AssumeRolePolicyDocument"] == TRUST and found["MaxSessionDuration"] == 7200
    assert found["RoleLastUsed"] == {} and found["Tags"] == [{"Key": "team", "Value": "blue"}]
    assert {k: found[k] for k in made} == made
    iam.update_role(RoleName=name, Description="", MaxSessionDuration=3600)
    found = iam.get_role(RoleName=name)["Role"]
    assert (found["Description"], found["MaxSessionDuration"]) == ("", 3600)
    assert iam.update_role_description(RoleName=name, Description="d")["Role"]["Description"] == "d"
    other = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": caller.account}, "Action": "sts:AssumeRole"}]}
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=text(other))
    assert iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"] == other
    assert iam.list_instance_profiles_for_role(RoleName=name)["InstanceProfiles"] == []
    listed = iam.list_roles(PathPrefix="/a/")["Roles"]
    assert [r["RoleName"] for r in listed] == [name] and "Tags" not in listed[0] and "RoleLastUsed" not in listed[0]
    iam.delete_role(RoleName=name)
    refused("NoSuchEntity", 404, f"The role with name {name} cannot be found.", iam.get_role, RoleName=name)


def test_a_document_comes_back_as_it_was_given(iam, caller, role):
    """Spaces, percent signs and all; encoded once."""
    odd = '{ "Version":"2012-10-17",\n"Statement":[{"Sid":"a","Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::a%3Ab/é+*"}]}'
    iam.put_role_policy(RoleName=role, PolicyName="odd", PolicyDocument=odd)
    body = f"Action=GetRolePolicy&Version=2010-05-08&RoleName={role}&PolicyName=odd".encode()
    headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    reply = raw.call(caller, "POST", "/", body, headers, service="iam")
    encoded = reply.body.decode().split("<PolicyDocument>")[1].split("</PolicyDocument>")[0]
    assert urllib.parse.unquote(encoded) == odd and " " not in encoded and "+" not in encoded


def test_inline_policies(iam, role, user):
    for put, get, drop, listing, name in [
        (iam.put_role_policy, iam.get_role_policy, iam.delete_role_policy, iam.list_role_policies, {"RoleName": role}),
        (iam.put_user_policy, iam.get_user_policy, iam.delete_user_policy, iam.list_user_policies, {"UserName": user}),
    ]:
        for policy in ("one", "two"):
            put(**name, PolicyName=policy, PolicyDocument=text(ALLOW))
        put(**name, PolicyName="two", PolicyDocument=text(ALLOW))
        assert listing(**name)["PolicyNames"] == ["one", "two"]
        found = get(**name, PolicyName="one")
        assert found["PolicyDocument"] == ALLOW and name.items() <= found.items()
        drop(**name, PolicyName="one")
        refused("NoSuchEntity", 404, "policy with name one cannot be found.", get, **name, PolicyName="one")
        refused("NoSuchEntity", 404, "policy with name one cannot be found.", drop, **name, PolicyName="one")
        drop(**name, PolicyName="two")


def test_attached_policies(iam, role, user, policy):
    for attach, detach, listing, name in [
        (iam.attach_role_policy, iam.detach_role_policy, iam.list_attached_role_policies, {"RoleName": role}),
        (iam.attach_user_policy, iam.detach_user_policy, iam.list_attached_user_policies, {"UserName": user}),
    ]:
        for arn in (policy, BASIC, BASIC):
            attach(**name, PolicyArn=arn)
        found = {p["PolicyArn"]: p["PolicyName"] for p in listing(**name)["AttachedPolicies"]}
        assert found == {policy: policy.split("/")[1], BASIC: "AWSLambdaBasicExecutionRole"}
        assert [p["PolicyArn"] for p in listing(**name, PathPrefix="/service-role/")["AttachedPolicies"]] == [BASIC]
    assert iam.get_policy(PolicyArn=policy)["Policy"]["AttachmentCount"] == 2
    holders = iam.list_entities_for_policy(PolicyArn=policy)
    assert [r["RoleName"] for r in holders["PolicyRoles"]] == [role]
    assert [u["UserName"] for u in holders["PolicyUsers"]] == [user]
    assert iam.list_entities_for_policy(PolicyArn=policy, EntityFilter="Role")["PolicyUsers"] == []
    refused("DeleteConflict", 409, "Cannot delete a policy attached to entities.", iam.delete_policy, PolicyArn=policy)
    refused("DeleteConflict", 409, "must detach all policies first.", iam.delete_role, RoleName=role)
    refused("DeleteConflict", 409, "must detach all policies first.", iam.delete_user, UserName=user)
    for arn in (policy, BASIC):
        iam.detach_role_policy(RoleName=role, PolicyArn=arn)
        iam.detach_user_policy(UserName=user, PolicyArn=arn)
    refused("NoSuchEntity", 404, f"Policy {policy} was not found.", iam.detach_role_policy, RoleName=role, PolicyArn=policy)


def test_boundaries(iam, role, user, policy):
    iam.put_role_permissions_boundary(RoleName=role, PermissionsBoundary=policy)
    iam.put_user_permissions_boundary(UserName=user, PermissionsBoundary=policy)
    bound = {"PermissionsBoundaryType": "PermissionsBoundaryPolicy", "PermissionsBoundaryArn": policy}
    assert iam.get_role(RoleName=role)["Role"]["PermissionsBoundary"] == bound
    assert iam.get_user(UserName=user)["User"]["PermissionsBoundary"] == bound
    assert iam.get_policy(PolicyArn=policy)["Policy"]["PermissionsBoundaryUsageCount"] == 2
    refused("DeleteConflict", 409, "attached to entities", iam.delete_policy, PolicyArn=policy)
    iam.delete_role_permissions_boundary(RoleName=role)
    iam.delete_user_permissions_boundary(UserName=user)
    assert "PermissionsBoundary" not in iam.get_role(RoleName=role)["Role"]


def test_tags(iam, role, user, policy):
    for tag, untag, listing, name in [
        (iam.tag_role, iam.untag_role, iam.list_role_tags, {"RoleName": role}),
        (iam.tag_user, iam.untag_user, iam.list_user_tags, {"UserName": user}),
        (iam.tag_policy, iam.untag_policy, iam.list_policy_tags, {"PolicyArn": policy}),
    ]:
        assert listing(**name)["Tags"] == []
        tag(**name, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}])
        tag(**name, Tags=[{"Key": "A", "Value": "2"}])
        assert listing(**name)["Tags"] == [{"Key": "A", "Value": "2"}, {"Key": "b", "Value": ""}]
        untag(**name, TagKeys=["b", "absent"])
        assert listing(**name)["Tags"] == [{"Key": "A", "Value": "2"}]
        twice = [{"Key": "k", "Value": ""}, {"Key": "K", "Value": ""}]
        refused("InvalidInput", 400, "Duplicate tag keys", tag, **name, Tags=twice)
        many = [{"Key": f"k{i}", "Value": ""} for i in range(50)]
        refused("LimitExceeded", 409, "50", tag, **name, Tags=many)


def test_versions_of_a_policy(iam, caller):
    name = unique()
    made = iam.create_policy(PolicyName=name, Path="/p/", PolicyDocument=text(ALLOW), Description="d")["Policy"]
    arn = made["Arn"]
    assert arn == f"arn:aws:iam::{caller.account}:policy/p/{name}" and made["DefaultVersionId"] == "v1"
    assert made["PolicyId"].startswith("ANPA") and made["IsAttachable"] and made["AttachmentCount"] == 0
    assert iam.get_policy(PolicyArn=arn)["Policy"]["Description"] == "d"
    second = iam.create_policy_version(PolicyArn=arn, PolicyDocument=text(ALLOW), SetAsDefault=True)["PolicyVersion"]
    assert (second["VersionId"], second["IsDefaultVersion"]) == ("v2", True)
    for _ in range(3):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=text(ALLOW))
    listed = iam.list_policy_versions(PolicyArn=arn)["Versions"]
    assert [(v["VersionId"], v["IsDefaultVersion"]) for v in listed] == [
        ("v5", False), ("v4", False), ("v3", False), ("v2", True), ("v1", False)]
    refused("LimitExceeded", 409, "up to 5 versions", iam.create_policy_version, PolicyArn=arn, PolicyDocument=text(ALLOW))
    refused("DeleteConflict", 409, "default version", iam.delete_policy_version, PolicyArn=arn, VersionId="v2")
    refused("DeleteConflict", 409, "more than one version", iam.delete_policy, PolicyArn=arn)
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v3")
    assert iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"] == "v3"
    assert iam.get_policy_version(PolicyArn=arn, VersionId="v3")["PolicyVersion"]["Document"] == ALLOW
    for version in ("v1", "v2", "v4", "v5"):
        iam.delete_policy_version(PolicyArn=arn, VersionId=version)
    refused("NoSuchEntity", 404, "v1", iam.get_policy_version, PolicyArn=arn, VersionId="v1")
    assert iam.create_policy_version(PolicyArn=arn, PolicyDocument=text(ALLOW))["PolicyVersion"]["VersionId"] == "v6"
    iam.delete_policy_version(PolicyArn=arn, VersionId="v6")
    iam.delete_policy(PolicyArn=arn)
    refused("NoSuchEntity", 404, f"Policy {arn} was not found.", iam.get_policy, PolicyArn=arn)


def test_awss_own_policies(iam, role):
    known = [p for page in iam.get_paginator("list_policies").paginate(Scope="AWS", PaginationConfig={"PageSize": 7})
             for p in page["Policies"]]
    arns = {p["Arn"] for p in known}
    assert len(arns) == len(known) > 40
    for name in ("service-role/AWSLambdaBasicExecutionRole", "service-role/AWSLambdaVPCAccessExecutionRole",
                 "service-role/AWSLambdaSQSQueueExecutionRole", "service-role/AWSLambdaDynamoDBExecutionRole",
                 "service-role/AWSLambdaKinesisExecutionRole", "AWSLambda_ReadOnlyAccess", "AWSLambda_FullAccess",
                 "AWSXRayDaemonWriteAccess", "CloudWatchLambdaInsightsExecutionRolePolicy", "AmazonS3ReadOnlyAccess",
                 "AmazonS3FullAccess", "AmazonDynamoDBFullAccess", "AmazonSQSFullAccess", "AdministratorAccess",
                 "ReadOnlyAccess", "PowerUserAccess", "service-role/AWSLambdaMSKExecutionRole"):
        assert f"arn:aws:iam::aws:policy/{name}" in arns
    for arn in arns:
        iam.get_policy(PolicyArn=arn)
        document = iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]["Document"]
        assert document["Version"] == "2012-10-17" and document["Statement"]
    actions = iam.get_policy_version(PolicyArn=BASIC, VersionId="v1")["PolicyVersion"]["Document"]["Statement"][0]["Action"]
    assert set(actions) == {"logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"}
    refused("AccessDenied", 403, "iam:DeletePolicy", iam.delete_policy, PolicyArn=BASIC)
    iam.attach_role_policy(RoleName=role, PolicyArn=BASIC)
    assert [p["Arn"] for p in iam.list_policies(OnlyAttached=True, Scope="AWS")["Policies"]] == [BASIC]
    iam.detach_role_policy(RoleName=role, PolicyArn=BASIC)


def test_lists_come_in_pages(caller):
    """An account of its own, so that there is nothing else to list."""
    iam = Caller(caller.server, caller.checker).client("iam")
    names = [f"r{i:02}" for i in range(12)]
    for name in reversed(names):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=text(TRUST))
    first = iam.list_roles(MaxItems=5)
    assert first["IsTruncated"] and [r["RoleName"] for r in first["Roles"]] == names[:5]
    pages = iam.get_paginator("list_roles").paginate(PaginationConfig={"PageSize": 5})
    assert [r["RoleName"] for page in pages for r in page["Roles"]] == names
    exact = iam.list_roles(MaxItems=12)
    assert not exact["IsTruncated"] and "Marker" not in exact
    refused("ValidationError", 400, "Marker", iam.list_roles, Marker="!!")


def test_accounts_do_not_see_each_other(caller, iam, role, policy):
    other = Caller(caller.server, caller.checker).client("iam")
    assert other.list_roles()["Roles"] == [] and other.list_policies(Scope="Local")["Policies"] == []
    refused("NoSuchEntity", 404, role, other.get_role, RoleName=role)
    refused("NoSuchEntity", 404, policy, other.get_policy, PolicyArn=policy)
    other.create_role(RoleName=role, AssumeRolePolicyDocument=text(TRUST))
    refused("NoSuchEntity", 404, "not attachable", other.attach_role_policy, RoleName=role, PolicyArn=policy)
    other.delete_role(RoleName=role)


def test_users(iam, caller):
    name, renamed = unique(), unique()
    made = iam.create_user(UserName=name, Path="/u/", Tags=[{"Key": "k", "Value": "v"}])["User"]
    assert made["Arn"] == f"arn:aws:iam::{caller.account}:user/u/{name}" and made["UserId"].startswith("AIDA")
    assert iam.get_user(UserName=name)["User"] == made
    assert name in [u["UserName"] for u in iam.list_users(PathPrefix="/u/")["Users"]]
    refused("EntityAlreadyExists", 409, f"User with name {name.upper()} already exists.", iam.create_user, UserName=name.upper())
    key = iam.create_access_key(UserName=name)["AccessKey"]
    iam.update_user(UserName=name, NewUserName=renamed, NewPath="/w/")
    moved = iam.get_user(UserName=renamed)["User"]
    assert (moved["UserId"], moved["Path"]) == (made["UserId"], "/w/")
    refused("NoSuchEntity", 404, name, iam.get_user, UserName=name)
    assert iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])["UserName"] == renamed
    assert iam.list_groups_for_user(UserName=renamed)["Groups"] == []
    refused("DeleteConflict", 409, "must delete access keys first.", iam.delete_user, UserName=renamed)
    iam.delete_access_key(UserName=renamed, AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName=renamed)
    root = iam.get_user()["User"]
    assert (root["Arn"], root["UserId"]) == (f"arn:aws:iam::{caller.account}:root", caller.account)


def test_access_keys(iam, caller, user):
    made = [iam.create_access_key(UserName=user)["AccessKey"] for _ in range(2)]
    assert all(k["AccessKeyId"].startswith("AKIA") and len(k["SecretAccessKey"]) == 40 for k in made)
    assert made[0]["SecretAccessKey"] != made[1]["SecretAccessKey"]
    refused("LimitExceeded", 409, "AccessKeysPerUser: 2", iam.create_access_key, UserName=user)
    first = made[0]["AccessKeyId"]
    iam.update_access_key(UserName=user, AccessKeyId=first, Status="Inactive")
    listed = {k["AccessKeyId"]: k["Status"] for k in iam.list_access_keys(UserName=user)["AccessKeyMetadata"]}
    assert listed == {first: "Inactive", made[1]["AccessKeyId"]: "Active"}
    own = Caller(caller.server, caller.checker, account=caller.account, key=first).client("iam")
    assert own.get_user()["User"]["UserName"] == user, "in open mode a key still tells whose it is"
    assert len(own.list_access_keys()["AccessKeyMetadata"]) == 2
    assert iam.get_access_key_last_used(AccessKeyId=first)["AccessKeyLastUsed"] == {"ServiceName": "N/A", "Region": "N/A"}
    iam.delete_access_key(UserName=user, AccessKeyId=first)
    refused("NoSuchEntity", 404, f"The Access Key with id {first} cannot be found.",
            iam.delete_access_key, UserName=user, AccessKeyId=first)


GONE = {"RoleName": "nobody"}
ROLE = {"RoleName": "r", "AssumeRolePolicyDocument": text(TRUST)}
MALFORMED = [
    ("no json", "This policy contains invalid Json"),
    (text({**TRUST, "Colour": 1}), "Syntax errors in policy."),
    (text({"Version": "2012-10-17"}), "Syntax errors in policy."),
    (text({"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole"}}), "Missing required field Principal"),
    (text({"Statement": {"Effect": "Allow", "Action": "s3:*", "Principal": "*"}}), "may only specify STS AssumeRole actions"),
    (text({"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "x"}}}), 'Invalid principal in policy: "AWS":"x"'),
]
ERRORS = [
    ("get_role", GONE, "NoSuchEntity", 404, "The role with name nobody cannot be found."),
    ("delete_role", GONE, "NoSuchEntity", 404, "nobody"),
    ("update_role", GONE, "NoSuchEntity", 404, "nobody"),
    ("list_role_tags", GONE, "NoSuchEntity", 404, "nobody"),
    ("list_instance_profiles_for_role", GONE, "NoSuchEntity", 404, "nobody"),
    ("attach_role_policy", {**GONE, "PolicyArn": BASIC}, "NoSuchEntity", 404, "nobody"),
    ("attach_role_policy", {**GONE, "PolicyArn": "not-an-arn-but-long-enough"}, "ValidationError", 400, "Invalid ARN:  Could not be parsed!"),
    ("attach_role_policy", {**GONE, "PolicyArn": "short"}, "ValidationError", 400, "'policyArn' failed to satisfy constraint: Member must have length greater than or equal to 20"),
    ("put_role_policy", {**GONE, "PolicyName": "p", "PolicyDocument": text(ALLOW)}, "NoSuchEntity", 404, "nobody"),
    ("put_role_policy", {**GONE, "PolicyName": "p", "PolicyDocument": "{"}, "MalformedPolicyDocument", 400, "Syntax errors in policy."),
    ("put_role_policy", {**GONE, "PolicyName": "a/b", "PolicyDocument": "{}"}, "ValidationError", 400, "Value 'a/b' at 'policyName' failed"),
    ("put_role_policy", {**GONE, "PolicyName": "p", "PolicyDocument": "Ā"}, "ValidationError", 400, "'policyDocument'"),
    ("create_role", {**ROLE, "RoleName": "a b"}, "ValidationError", 400, "Value 'a b' at 'roleName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]+"),
    ("create_role", {**ROLE, "RoleName": "r" * 65}, "ValidationError", 400, "length less than or equal to 64"),
    ("create_role", {**ROLE, "Path": "x"}, "ValidationError", 400, "'path'"),
    ("create_role", {**ROLE, "Path": "/aws-service-role/x.amazonaws.com/"}, "InvalidInput", 400, "service-linked"),
    ("create_role", {**ROLE, "MaxSessionDuration": 60}, "ValidationError", 400, "greater than or equal to 3600"),
    ("create_role", {**ROLE, "MaxSessionDuration": 50_000, "Path": "x"}, "ValidationError", 400, "2 validation errors detected"),
    ("create_role", {**ROLE, "PermissionsBoundary": LONG}, "NoSuchEntity", 404, "does not exist or is not attachable"),
    ("create_role", {**ROLE, "Tags": [{"Key": "#", "Value": ""}]}, "ValidationError", 400, "'tags.1.member.key'"),
    ("create_service_linked_role", {"AWSServiceName": "x.amazonaws.com"}, "NotImplemented", 501, "CreateServiceLinkedRole"),
    ("get_policy", {"PolicyArn": LONG}, "NoSuchEntity", 404, f"Policy {LONG} was not found."),
    ("delete_policy", {"PolicyArn": "arn:aws:iam::000000000000:policy/none"}, "NoSuchEntity", 404, "was not found."),
    ("create_policy", {"PolicyName": "p", "PolicyDocument": text(TRUST)}, "MalformedPolicyDocument", 400, "should not specify a principal"),
    ("create_policy", {"PolicyName": "p", "PolicyDocument": text({**ALLOW, "Id": "x" * 7000})}, "LimitExceeded", 409, "PolicySize: 6144"),
    ("list_policies", {"Scope": "Mine"}, "ValidationError", 400, "Member must satisfy enum value set: [All, AWS, Local]"),
    ("get_user", {"UserName": "nobody"}, "NoSuchEntity", 404, "The user with name nobody cannot be found."),
    ("delete_user", {"UserName": "nobody"}, "NoSuchEntity", 404, "nobody"),
    ("create_access_key", {"UserName": "nobody"}, "NoSuchEntity", 404, "nobody"),
    ("create_access_key", {}, "ValidationError", 400, "Must specify userName"),
    ("get_access_key_last_used", {"AccessKeyId": "AKIAIOSFODNN7EXAMPLE"}, "NoSuchEntity", 404, "AKIAIOSFODNN7EXAMPLE"),
    ("create_group", {"GroupName": "g"}, "NotImplemented", 501, "CreateGroup"),
    *[("create_role", {**ROLE, "AssumeRolePolicyDocument": document}, "MalformedPolicyDocument", 400, message) for document, message in MALFORMED],
]


@pytest.mark.parametrize("operation, arguments, code, status, message", ERRORS)
def test_refusals(caller, operation, arguments, code, status, message):
    """The client's own checks are off, so that the server's are seen."""
    client = caller.client("iam", parameter_validation=False)
    refused(code, status, message, getattr(client, operation), **arguments)


def test_names_differ_by_more_than_case(iam, role):
    refused("EntityAlreadyExists", 409, "already exists.", iam.create_role, **{**ROLE, "RoleName": role})
    refused("EntityAlreadyExists", 409, "already exists.", iam.create_role, **{**ROLE, "RoleName": role.upper()})


def test_too_many_and_too_much(iam, role):
    arns = [p["Arn"] for p in iam.list_policies(Scope="AWS", MaxItems=11)["Policies"]]
    for arn in arns[:10]:
        iam.attach_role_policy(RoleName=role, PolicyArn=arn)
    refused("LimitExceeded", 409, "PoliciesPerRole: 10", iam.attach_role_policy, RoleName=role, PolicyArn=arns[10])
    big = text({**ALLOW, "Id": "x" * 6000})
    iam.put_role_policy(RoleName=role, PolicyName="a", PolicyDocument=big)
    refused("LimitExceeded", 409, "10240 bytes exceeded", iam.put_role_policy, RoleName=role, PolicyName="b", PolicyDocument=big)


def test_forms_that_no_client_sends(caller):
    def ask(body, method="POST", path="/", headers=None):
        headers = {"content-type": "application/x-www-form-urlencoded", **(headers or {})}
        return raw.call(caller, method, path, body.encode(), headers, service="iam")

    for body, status, code in [
        ("", 400, "MissingAction"),
        ("Action=Fly&Version=2010-05-08", 400, "InvalidAction"),
        ("Action=ListRoles&Version=2011-06-15", 400, "InvalidAction"),
        ("Action=ListRoles&Version=2010-05-08&Colour=blue", 400, "ValidationError"),
        ("Action=GetRole&Version=2010-05-08", 400, "ValidationError"),
        ("Action=ListRoles&Version=2010-05-08&MaxItems=many", 400, "ValidationError"),
    ]:
        reply = ask(body)
        assert reply.status == status and f"<Code>{code}</Code>".encode() in reply.body, reply
    assert b"Value null at 'roleName' failed to satisfy constraint: Member must not be null" in ask("Action=GetRole").body
    assert ask("", "GET", "/?Action=ListRoles&Version=2010-05-08").status == 200
    unsigned = raw.send(caller.server, "POST", "/", b"Action=ListRoles&Version=2010-05-08", {"content-type": "application/x-www-form-urlencoded"})
    assert unsigned.status == 200, "the whole form is read once, to tell the service and to serve it"
    assert ask("Action=ListRoles&X=" + "x" * 2_000_000).status == 413


def test_the_command_line(awscli, caller):
    name = unique()
    role = awscli.json("iam", "create-role", "--role-name", name, "--assume-role-policy-document", text(TRUST), "--tags", "Key=a,Value=b")
    assert role["Role"]["Arn"] == f"arn:aws:iam::{caller.account}:role/{name}"
    awscli.text("iam", "attach-role-policy", "--role-name", name, "--policy-arn", BASIC)
    assert awscli.json("iam", "list-attached-role-policies", "--role-name", name)["AttachedPolicies"][0]["PolicyArn"] == BASIC
    awscli.text("iam", "wait", "role-exists", "--role-name", name)
    assert "DeleteConflict" in awscli.fails("iam", "delete-role", "--role-name", name)
    awscli.text("iam", "detach-role-policy", "--role-name", name, "--policy-arn", BASIC)
    awscli.text("iam", "delete-role", "--role-name", name)
    assert "NoSuchEntity" in awscli.fails("iam", "get-role", "--role-name", name)


def test_keys_sign_at_once_and_after_a_restart(make_server, checker):
    server = make_server(STRICT, listen=f"127.0.0.1:{free_port()}").start()
    admin = Caller(server, checker, account=ACCOUNT, key=KEY, secret=SECRET).client("iam")
    assert admin.get_user()["User"]["UserName"] == "ada"
    assert [u["UserName"] for u in admin.list_users()["Users"]] == ["ada"]
    refused("EntityAlreadyExists", 409, "Ada", admin.create_user, UserName="Ada")
    admin.create_user(UserName="bob", Path="/p/")
    admin.create_role(RoleName="r", AssumeRolePolicyDocument=text(TRUST), Tags=[{"Key": "k", "Value": "v"}])
    admin.attach_role_policy(RoleName="r", PolicyArn=BASIC)
    policy = admin.create_policy(PolicyName="p", PolicyDocument=text(ALLOW))["Policy"]["Arn"]
    made = admin.create_access_key(UserName="bob")["AccessKey"]
    before = admin.get_role(RoleName="r")["Role"]

    def bob(secret=made["SecretAccessKey"]):
        return Caller(server, checker, account=ACCOUNT, key=made["AccessKeyId"], secret=secret)

    assert bob().client("iam").get_user()["User"]["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/p/bob"
    assert bob().awslambda.list_functions()["Functions"] == []
    refused("SignatureDoesNotMatch", 403, "signature", bob("wrong").client("iam").get_user)
    server.stop_cleanly()
    for file in server.data.rglob("*"):
        if file.is_file():
            assert made["SecretAccessKey"].encode() not in file.read_bytes(), f"{file} has the secret"
    server.start()
    assert bob().client("iam").get_user()["User"]["UserName"] == "bob"
    found = admin.get_role(RoleName="r")["Role"]
    assert {k: v for k, v in found.items() if k != "ResponseMetadata"} == before
    assert admin.list_attached_role_policies(RoleName="r")["AttachedPolicies"][0]["PolicyArn"] == BASIC
    assert admin.get_policy_version(PolicyArn=policy, VersionId="v1")["PolicyVersion"]["Document"] == ALLOW
    admin.update_access_key(UserName="bob", AccessKeyId=made["AccessKeyId"], Status="Inactive")
    refused("InvalidClientTokenId", 403, "invalid", bob().client("iam").get_user)
    admin.update_access_key(UserName="bob", AccessKeyId=made["AccessKeyId"], Status="Active")
    bob().client("iam").get_user()
    admin.delete_access_key(UserName="bob", AccessKeyId=made["AccessKeyId"])
    refused("InvalidClientTokenId", 403, "invalid", bob().client("iam").get_user)

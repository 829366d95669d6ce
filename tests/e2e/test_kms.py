"""KMS, and functions' variables, which are encrypted with its keys wherever they are stored.

Source: fact sheets "Neighbouring services" (section 4) and "Lambda control-plane API"; KMS's service model.
"""

import base64
import json
import re
import signal
import sqlite3
import stat
import uuid

import pytest
from botocore.exceptions import ClientError
from harness.clients import Caller
from harness.functions import Lab, unique

TELLS = "import os\ndef handler(event, context):\n    return os.environ.get('SECRET')\n"


@pytest.fixture(scope="module")
def kms(caller):
    return caller.client("kms")


def refused(code, text, call, *arguments, **named):
    with pytest.raises(ClientError) as caught:
        call(*arguments, **named)
    error, status = caught.value.response["Error"], caught.value.response["ResponseMetadata"]["HTTPStatusCode"]
    assert (error["Code"], status) == (code, 400), error
    assert text in error["Message"], error


@pytest.fixture
def key(kms):
    return kms.create_key(Description="of a test")["KeyMetadata"]


# The API.


def test_a_key_is_made_shown_and_found_by_all_its_names(kms, key, caller):
    arn = f"arn:aws:kms:{caller.region}:{caller.account}:key/{key['KeyId']}"
    shown = {"Arn": arn, "AWSAccountId": caller.account, "Enabled": True, "KeyState": "Enabled", "KeyUsage": "ENCRYPT_DECRYPT", "KeySpec": "SYMMETRIC_DEFAULT",
             "KeyManager": "CUSTOMER", "Origin": "AWS_KMS", "MultiRegion": False, "Description": "of a test", "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"]}
    assert shown.items() <= key.items() and re.fullmatch("[0-9a-f]{64}", key["CurrentKeyMaterialId"])
    name = f"alias/{unique()}"
    kms.create_alias(AliasName=name, TargetKeyId=arn)
    alias_arn = arn.replace(f"key/{key['KeyId']}", name)
    for named in (key["KeyId"], arn, name, alias_arn):
        assert kms.describe_key(KeyId=named)["KeyMetadata"] == key
    assert kms.list_aliases(KeyId=arn)["Aliases"][0].items() >= {"AliasName": name, "AliasArn": alias_arn, "TargetKeyId": key["KeyId"]}.items()
    assert key["KeyId"] in [one["KeyId"] for page in kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 1}) for one in page["Keys"]]
    other = kms.create_key()["KeyMetadata"]
    kms.update_alias(AliasName=name, TargetKeyId=other["KeyId"])
    assert kms.describe_key(KeyId=name)["KeyMetadata"]["KeyId"] == other["KeyId"]
    kms.delete_alias(AliasName=name)
    refused("NotFoundException", f"Alias {alias_arn} is not found.", kms.describe_key, KeyId=name)
    assert kms.get_key_rotation_status(KeyId=arn)["KeyRotationEnabled"] is False


def test_names_that_lead_nowhere(kms, key, caller):
    nobody = str(uuid.UUID(int=7))
    refused("NotFoundException", f"Key '{key['Arn'].replace(key['KeyId'], nobody)}' does not exist", kms.describe_key, KeyId=nobody)
    refused("NotFoundException", "Invalid keyId 'x'", kms.describe_key, KeyId="x")
    refused("NotFoundException", "Invalid arn eu-west-1", kms.describe_key, KeyId=key["Arn"].replace(caller.region, "eu-west-1"))
    refused("NotFoundException", "does not exist", Caller(caller.server, caller.checker).client("kms").describe_key, KeyId=key["Arn"])
    refused("ValidationException", 'Alias must start with the prefix "alias/"', kms.create_alias, AliasName="x", TargetKeyId=key["KeyId"])
    refused("AccessDeniedException", "alias/aws/", kms.create_alias, AliasName="alias/aws/x", TargetKeyId=key["KeyId"])
    refused("ValidationException", "Aliases must refer to keys. Not aliases", kms.create_alias, AliasName="alias/x", TargetKeyId="alias/y")
    name = f"alias/{unique()}"
    kms.create_alias(AliasName=name, TargetKeyId=key["KeyId"])
    refused("AlreadyExistsException", "already exists", kms.create_alias, AliasName=name, TargetKeyId=key["KeyId"])
    refused("UnsupportedOperationException", "RSA_2048", kms.create_key, KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")


def test_what_is_encrypted_comes_back_in_its_context_alone(kms, key):
    context = {"team": "blue", "a": ""}
    sealed = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"hush", EncryptionContext=context)
    assert (sealed["KeyId"], sealed["EncryptionAlgorithm"]) == (key["Arn"], "SYMMETRIC_DEFAULT")
    blob = sealed["CiphertextBlob"]
    opened = kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)
    assert (opened["Plaintext"], opened["KeyId"], opened["KeyMaterialId"]) == (b"hush", key["Arn"], key["CurrentKeyMaterialId"])
    refused("InvalidCiphertextException", "", kms.decrypt, CiphertextBlob=blob)
    refused("InvalidCiphertextException", "", kms.decrypt, CiphertextBlob=blob, EncryptionContext={**context, "a": "x"})
    refused("InvalidCiphertextException", "", kms.decrypt, CiphertextBlob=blob[:-1] + bytes([blob[-1] ^ 1]), EncryptionContext=context)
    refused("InvalidCiphertextException", "", kms.decrypt, CiphertextBlob=b"nonsense")
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    refused("IncorrectKeyException", "does not identify a CMK", kms.decrypt, CiphertextBlob=blob, EncryptionContext=context, KeyId=other)
    again = kms.re_encrypt(CiphertextBlob=blob, SourceEncryptionContext=context, DestinationKeyId=other)
    assert kms.decrypt(CiphertextBlob=again["CiphertextBlob"], KeyId=other)["Plaintext"] == b"hush"
    refused("DryRunOperationException", "DryRun", kms.encrypt, KeyId=other, Plaintext=b"x", DryRun=True)
    kms.encrypt(KeyId=other, Plaintext=b"x" * 4096)
    refused("ValidationException", "Value at 'plaintext' failed to satisfy constraint: Member must have length less than or equal to 4096", kms.encrypt, KeyId=other, Plaintext=b"x" * 4097)


def test_another_account_opens_nothing(kms, key, caller):
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"hush")["CiphertextBlob"]
    stranger = Caller(caller.server, caller.checker).client("kms")
    refused("AccessDeniedException", "The ciphertext refers to a customer master key that does not exist", stranger.decrypt, CiphertextBlob=blob)


def test_data_keys_and_random_bytes(kms, key):
    for wish, size in [({"KeySpec": "AES_256"}, 32), ({"KeySpec": "AES_128"}, 16), ({"NumberOfBytes": 64}, 64)]:
        made = kms.generate_data_key(KeyId=key["KeyId"], EncryptionContext={"a": "b"}, **wish)
        assert len(made["Plaintext"]) == size
        assert kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext={"a": "b"})["Plaintext"] == made["Plaintext"]
    assert "Plaintext" not in kms.generate_data_key_without_plaintext(KeyId=key["KeyId"], KeySpec="AES_256")
    refused("ValidationException", "either number of bytes or key spec", kms.generate_data_key, KeyId=key["KeyId"])
    assert len(kms.generate_random(NumberOfBytes=1024)["Plaintext"]) == 1024


def test_states(kms, key):
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"hush")["CiphertextBlob"]
    kms.disable_key(KeyId=key["KeyId"])
    assert kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] == "Disabled"
    refused("DisabledException", f"{key['Arn']} is disabled.", kms.encrypt, KeyId=key["KeyId"], Plaintext=b"x")
    refused("DisabledException", f"{key['Arn']} is disabled.", kms.decrypt, CiphertextBlob=blob)
    kms.enable_key(KeyId=key["KeyId"])
    refused("KMSInvalidStateException", "is not pending deletion.", kms.cancel_key_deletion, KeyId=key["KeyId"])
    refused("ValidationException", "'pendingWindowInDays'", kms.schedule_key_deletion, KeyId=key["KeyId"], PendingWindowInDays=6)
    scheduled = kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)
    assert (scheduled["KeyId"], scheduled["KeyState"], scheduled["PendingWindowInDays"]) == (key["Arn"], "PendingDeletion", 7)
    assert kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["DeletionDate"] == scheduled["DeletionDate"]
    for call in (kms.enable_key, kms.disable_key, kms.schedule_key_deletion):
        refused("KMSInvalidStateException", f"{key['Arn']} is pending deletion.", call, KeyId=key["KeyId"])
    assert kms.cancel_key_deletion(KeyId=key["KeyId"])["KeyId"] == key["Arn"]
    assert kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] == "Disabled"
    kms.enable_key(KeyId=key["KeyId"])
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"hush"


def test_policies_tags_and_descriptions(kms, key, caller):
    default = json.loads(kms.get_key_policy(KeyId=key["KeyId"])["Policy"])
    assert default["Statement"][0]["Principal"] == {"AWS": f"arn:aws:iam::{caller.account}:root"}
    policy = json.dumps({**default, "Id": "other"})
    kms.put_key_policy(KeyId=key["KeyId"], PolicyName="default", Policy=policy)
    assert kms.get_key_policy(KeyId=key["KeyId"], PolicyName="default") .items() >= {"Policy": policy, "PolicyName": "default"}.items()
    assert kms.list_key_policies(KeyId=key["KeyId"])["PolicyNames"] == ["default"]
    refused("NotFoundException", "No such policy exists", kms.get_key_policy, KeyId=key["KeyId"], PolicyName="x")
    refused("MalformedPolicyDocumentException", "no JSON", kms.put_key_policy, KeyId=key["KeyId"], Policy="{")
    kms.tag_resource(KeyId=key["KeyId"], Tags=[{"TagKey": "a", "TagValue": "1"}, {"TagKey": "b", "TagValue": "2"}])
    kms.untag_resource(KeyId=key["KeyId"], TagKeys=["a", "absent"])
    assert kms.list_resource_tags(KeyId=key["KeyId"])["Tags"] == [{"TagKey": "b", "TagValue": "2"}]
    refused("TagException", "aws:", kms.tag_resource, KeyId=key["KeyId"], Tags=[{"TagKey": "aws:x", "TagValue": ""}])
    kms.update_key_description(KeyId=key["KeyId"], Description="new")
    assert kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["Description"] == "new"


def test_the_cli(awscli):
    key = awscli.json("kms", "create-key", "--tags", "TagKey=a,TagValue=b")["KeyMetadata"]["KeyId"]
    sealed = awscli.folder / "sealed"
    blob = awscli.text("kms", "encrypt", "--key-id", key, "--plaintext", "hush", "--query", "CiphertextBlob", "--output", "text")
    sealed.write_bytes(base64.b64decode(blob))
    opened = awscli.text("kms", "decrypt", "--ciphertext-blob", f"fileb://{sealed}", "--query", "Plaintext", "--output", "text")
    assert base64.b64decode(opened) == b"hush"


# Variables of functions.


def failed_invocation(function, code):
    with pytest.raises(ClientError) as caught:
        function.invoke()
    error, status = caught.value.response["Error"], caught.value.response["ResponseMetadata"]["HTTPStatusCode"]
    assert (error["Code"], status) == (code, 502), error
    assert "Lambda was unable to decrypt the environment variables because" in error["Message"]


def test_a_function_names_its_key(kms, key, lab):
    function = lab.deploy(TELLS, KMSKeyArn=key["Arn"], Environment={"Variables": {"SECRET": "hush"}})
    assert function.created["KMSKeyArn"] == key["Arn"] and function.created["Environment"] == {"Variables": {"SECRET": "hush"}}
    assert function.call() == "hush"
    kms.disable_key(KeyId=key["KeyId"])
    failed_invocation(function, "KMSDisabledException")
    shown = function.configuration()
    assert shown["KMSKeyArn"] == key["Arn"] and shown["Environment"]["Error"]["ErrorCode"] == "KMSDisabledException" and "Variables" not in shown["Environment"]
    with pytest.raises(ClientError, match="InvalidParameterValueException.*KMS Exception: DisabledException"):
        lab.caller.awslambda.update_function_configuration(FunctionName=function.name, Timeout=9)
    kms.enable_key(KeyId=key["KeyId"])
    assert function.call() == "hush"
    kms.schedule_key_deletion(KeyId=key["KeyId"])
    failed_invocation(function, "KMSInvalidStateException")
    function.configure(KMSKeyArn="", Environment={"Variables": {"SECRET": "new"}})
    assert function.call() == "new" and "KMSKeyArn" not in function.configuration()


def test_a_key_that_cannot_be_used_is_refused(kms, key, lab, caller):
    control = caller.awslambda
    function = lab.deploy(TELLS)
    absent = key["Arn"].replace(key["KeyId"], str(uuid.UUID(int=7)))
    kms.disable_key(KeyId=key["KeyId"])
    for arn, why in [(absent, "NotFoundException"), (key["Arn"], "DisabledException")]:
        with pytest.raises(ClientError) as caught:
            control.update_function_configuration(FunctionName=function.name, KMSKeyArn=arn)
        error = caught.value.response["Error"]
        assert error["Code"] == "InvalidParameterValueException"
        assert "Lambda was unable to configure access to your environment variables because the KMS key is invalid for CreateGrant" in error["Message"]
        assert f"KMS Exception: {why}" in error["Message"]
    assert "KMSKeyArn" not in function.configuration()


def test_the_services_own_key_is_shown_and_not_for_clients(kms, lab, caller):
    lab.deploy(TELLS, Environment={"Variables": {"SECRET": "hush"}})
    own = kms.describe_key(KeyId="alias/aws/lambda")["KeyMetadata"]
    assert own["KeyManager"] == "AWS"
    for call, named in [(kms.disable_key, {}), (kms.schedule_key_deletion, {}), (kms.encrypt, {"Plaintext": b"x"})]:
        refused("AccessDeniedException", "is the key of AWS service lambda", call, KeyId=own["KeyId"], **named)


def found_in(folder, secret):
    """The files below a folder that have the bytes, or their base64, in them."""
    plain = secret.encode()
    wanted = [plain, *(base64.b64encode(b"x" * shift + plain)[4:-4] for shift in range(3))]
    return [str(path) for path in folder.rglob("*") if path.is_file() and any(one in path.read_bytes() for one in wanted)]


def test_secrets_are_nowhere_on_disk(make_server, checker):
    first, second, third = (f"hush-{uuid.uuid4().hex}" for _ in range(3))
    server = make_server("[log]\nfilter = \"debug\"\n").start()
    lab = Lab(Caller(server, checker))
    key = lab.caller.client("kms").create_key()["KeyMetadata"]["Arn"]
    own = lab.deploy(TELLS, Environment={"Variables": {"SECRET": first}})
    named = lab.deploy(TELLS, KMSKeyArn=key, Environment={"Variables": {"SECRET": second}})
    lab.caller.awslambda.publish_version(FunctionName=own.name)
    own.configure(Environment={"Variables": {"SECRET": third}})

    def nothing_is_there():
        for secret in (first, second, third):
            assert found_in(server.data, secret) == []
            assert secret.encode() not in server.log_file.read_bytes()

    nothing_is_there()
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    nothing_is_there()
    server.start()
    assert [own.call(), own.call(Qualifier="1"), named.call()] == [third, first, second]
    nothing_is_there()
    assert stat.S_IMODE((server.data / "encryption-key").stat().st_mode) == 0o600
    shown = server.run_to_end("config", "show").stdout
    assert (server.data / "encryption-key").read_text().splitlines()[-1] not in shown
    # One function's variables are no other's.
    server.stop_cleanly()
    with sqlite3.connect(server.data / "hearth.db") as database:
        heads = {f.name: json.loads(database.execute("SELECT body FROM document WHERE id LIKE ?", [f"%/{f.name}/head"]).fetchone()[0]) for f in (own, named)}
        stolen = heads[named.name]
        stolen["latest"]["config"]["sealed"] = heads[own.name]["latest"]["config"]["sealed"]
        stolen["latest"]["config"].pop("kms_key_arn")
        database.execute("UPDATE document SET body = ? WHERE id LIKE ?", [json.dumps(stolen).encode(), f"%/{named.name}/head"])
    database.close()
    server.start()
    failed_invocation(named, "KMSInvalidStateException")
    assert own.call() == third


def test_what_was_stored_in_clear_is_encrypted_at_the_start(make_server, checker):
    secret = f"hush-{uuid.uuid4().hex}"
    server = make_server().start()
    lab = Lab(Caller(server, checker))
    function = lab.deploy(TELLS, Environment={"Variables": {"SECRET": "x"}})
    lab.caller.awslambda.publish_version(FunctionName=function.name)
    server.stop_cleanly()
    # As a Hearth that did not encrypt left it, with some of what it overwrote.
    with sqlite3.connect(server.data / "hearth.db") as database:
        rows = database.execute("SELECT id, body FROM document WHERE id LIKE ?", [f"%/{function.name}/%"]).fetchall()
        for at, body in rows:
            record = json.loads(body)
            config = (record.get("latest") or record.get("edition"))["config"]
            config.pop("sealed")
            config["environment"] = [["SECRET", secret]]
            for text in (json.dumps({**record, "pad": "x" * 9000}), json.dumps(record)):
                database.execute("UPDATE document SET body = ? WHERE id = ?", [text.encode(), at])
                database.commit()
        assert len(rows) == 2
    database.close()
    assert found_in(server.data, secret) != []
    server.start()
    assert found_in(server.data, secret) == []
    assert [function.call(), function.call(Qualifier="1")] == [secret, secret]


def test_the_operators_key(make_server, checker, tmp_path):
    """Kept elsewhere, changed, lost."""
    kept = tmp_path / "kept"
    kept.write_text(base64.b64encode(b"1" * 32).decode())
    config = f"[encryption]\nkey_file = \"{kept}\"\n"
    server = make_server(config).start()
    lab = Lab(Caller(server, checker))
    function = lab.deploy(TELLS, Environment={"Variables": {"SECRET": "hush"}})
    assert not (server.data / "encryption-key").exists()
    server.stop_cleanly()
    old, new = kept.read_text(), base64.b64encode(b"2" * 32).decode()
    kept.write_text(new)
    found = server.run_to_end("serve", timeout_s=30)
    assert found.returncode != 0 and "is encrypted under the operator's key" in found.stderr, found
    kept.write_text(f"{new}\n{old}\n")
    server.start()
    assert function.call() == "hush"
    server.stop_cleanly()
    kept.write_text(new)
    server.start()
    assert function.call() == "hush"
    server.stop_cleanly()
    kept.unlink()
    found = server.run_to_end("serve", timeout_s=30)
    assert found.returncode != 0 and str(kept) in found.stderr, found
    kept.write_text(new)
    server.start()


def test_a_key_outlives_a_crash(make_server, checker):
    server = make_server().start()
    kms = Caller(server, checker).client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/a/b", TargetKeyId=key)
    blob = kms.encrypt(KeyId=key, Plaintext=b"hush")["CiphertextBlob"]
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    server.start()
    assert kms.decrypt(CiphertextBlob=blob, KeyId="alias/a/b")["Plaintext"] == b"hush"

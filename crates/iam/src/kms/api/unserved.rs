//! Operations that are not served: each says so by its name.

use std::sync::Arc;

use hearth_wire::aws_json::Operation;

use crate::kms::error::Error;

/// The rest of the service's operations. Source: its published model.
pub(super) const NAMES: [&str; 29] = [
    "ConnectCustomKeyStore",
    "CreateCustomKeyStore",
    "CreateGrant",
    "DeleteCustomKeyStore",
    "DeleteImportedKeyMaterial",
    "DeriveSharedSecret",
    "DescribeCustomKeyStores",
    "DisableKeyRotation",
    "DisconnectCustomKeyStore",
    "EnableKeyRotation",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "GenerateMac",
    "GetKeyLastUsage",
    "GetParametersForImport",
    "GetPublicKey",
    "ImportKeyMaterial",
    "ListGrants",
    "ListKeyRotations",
    "ListRetirableGrants",
    "ReplicateKey",
    "RetireGrant",
    "RevokeGrant",
    "RotateKeyOnDemand",
    "Sign",
    "UpdateCustomKeyStore",
    "UpdatePrimaryRegion",
    "Verify",
    "VerifyMac",
];

pub(super) fn operations() -> impl Iterator<Item = Operation> {
    NAMES.into_iter().map(|operation| {
        let refuse =
            move |_| -> hearth_wire::HandlerFuture { Box::pin(async move { Err(Error::NotServed(operation).into()) }) };
        Operation::new(operation, Arc::new(refuse))
    })
}

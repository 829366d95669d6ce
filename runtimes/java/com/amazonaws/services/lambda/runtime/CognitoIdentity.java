package com.amazonaws.services.lambda.runtime;

/** Who invoked, if it was a mobile application with an identity from Cognito. */
public interface CognitoIdentity {
    String getIdentityId();

    String getIdentityPoolId();
}

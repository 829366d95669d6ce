package hearth.runtime;

import com.amazonaws.services.lambda.runtime.Client;
import com.amazonaws.services.lambda.runtime.ClientContext;
import com.amazonaws.services.lambda.runtime.CognitoIdentity;
import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.LambdaLogger;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;

/** The context of one invocation, from what the platform delivered with the event. */
final class InvocationContext implements Context {
    private final Call call;
    private final LambdaLogger logger;
    private final CognitoIdentity identity;
    private final ClientContext clientContext;

    InvocationContext(Call call, LambdaLogger logger) {
        this.call = call;
        this.logger = logger;
        this.identity = call.identity.isEmpty() ? null : new Identity(parsed(call.identity));
        this.clientContext = call.clientContext.isEmpty() ? null : new Caller(parsed(call.clientContext));
    }

    @Override
    public String getAwsRequestId() {
        return call.requestId;
    }

    @Override
    public String getLogGroupName() {
        return System.getenv("AWS_LAMBDA_LOG_GROUP_NAME");
    }

    @Override
    public String getLogStreamName() {
        return System.getenv("AWS_LAMBDA_LOG_STREAM_NAME");
    }

    @Override
    public String getFunctionName() {
        return System.getenv("AWS_LAMBDA_FUNCTION_NAME");
    }

    @Override
    public String getFunctionVersion() {
        return System.getenv("AWS_LAMBDA_FUNCTION_VERSION");
    }

    @Override
    public String getInvokedFunctionArn() {
        return call.functionArn;
    }

    @Override
    public CognitoIdentity getIdentity() {
        return identity;
    }

    @Override
    public ClientContext getClientContext() {
        return clientContext;
    }

    @Override
    public int getRemainingTimeInMillis() {
        long left = call.deadlineMs - System.currentTimeMillis();
        return (int) Math.max(0, Math.min(left, Integer.MAX_VALUE));
    }

    @Override
    public int getMemoryLimitInMB() {
        return Integer.parseInt(System.getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"));
    }

    @Override
    public LambdaLogger getLogger() {
        return logger;
    }

    @Override
    public String getTenantId() {
        return call.tenantId.isEmpty() ? null : call.tenantId;
    }

    @Override
    public String getXrayTraceId() {
        return call.traceId.isEmpty() ? null : call.traceId;
    }

    private static Map<?, ?> parsed(String json) {
        byte[] bytes = json.getBytes(StandardCharsets.UTF_8);
        Object value;
        try {
            value = new JsonReader(bytes, 0, bytes.length).whole();
        } catch (IllegalArgumentException problem) {
            throw new IllegalArgumentException("cannot read the client context or the identity: " + problem.getMessage(), problem);
        }
        return value instanceof Map ? (Map<?, ?>) value : new LinkedHashMap<>();
    }

    private static String text(Map<?, ?> of, String name) {
        Object found = of.get(name);
        return found == null ? null : found.toString();
    }

    private static Map<String, String> texts(Object found) {
        if (!(found instanceof Map)) {
            return null;
        }
        Map<String, String> texts = new LinkedHashMap<>();
        ((Map<?, ?>) found).forEach((name, value) -> texts.put((String) name, value == null ? null : value.toString()));
        return texts;
    }

    /** Public, so that a handler may return it as JSON. */
    public static final class Identity implements CognitoIdentity {
        private final String identityId;
        private final String identityPoolId;

        Identity(Map<?, ?> given) {
            identityId = text(given, "cognitoIdentityId");
            identityPoolId = text(given, "cognitoIdentityPoolId");
        }

        @Override
        public String getIdentityId() {
            return identityId;
        }

        @Override
        public String getIdentityPoolId() {
            return identityPoolId;
        }
    }

    /** Likewise. */
    public static final class Caller implements ClientContext {
        private final Client client;
        private final Map<String, String> custom;
        private final Map<String, String> environment;

        Caller(Map<?, ?> given) {
            client = given.get("client") instanceof Map ? new Application((Map<?, ?>) given.get("client")) : null;
            custom = texts(given.get("custom"));
            environment = texts(given.get("env"));
        }

        @Override
        public Client getClient() {
            return client;
        }

        @Override
        public Map<String, String> getCustom() {
            return custom;
        }

        @Override
        public Map<String, String> getEnvironment() {
            return environment;
        }
    }

    /** Likewise. */
    public static final class Application implements Client {
        private final Map<?, ?> given;

        Application(Map<?, ?> given) {
            this.given = given;
        }

        @Override
        public String getInstallationId() {
            return text(given, "installation_id");
        }

        @Override
        public String getAppTitle() {
            return text(given, "app_title");
        }

        @Override
        public String getAppVersionName() {
            return text(given, "app_version_name");
        }

        @Override
        public String getAppVersionCode() {
            return text(given, "app_version_code");
        }

        @Override
        public String getAppPackageName() {
            return text(given, "app_package_name");
        }
    }
}

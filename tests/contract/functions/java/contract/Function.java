package contract;

import com.amazonaws.services.lambda.runtime.Client;
import com.amazonaws.services.lambda.runtime.ClientContext;
import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.logging.LogLevel;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.time.Instant;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;

/** The contract's function in Java. The protocol is in tests/contract/README.md. */
public class Function {
    private static final String INSTANCE = UUID.randomUUID().toString().replace("-", "");
    /** A class that a broken package lacks. */
    private static final Ticker TICKER = new Ticker();

    private int count;

    public Function() throws Exception {
        String init = String.valueOf(System.getenv("CONTRACT_INIT"));
        switch (init) {
            case "raise":
                throw new ContractError("at load");
            case "exit":
                System.exit(3);
                break;
            case "print":
                System.out.println("printed at load");
                break;
            case "sleep":
                Thread.sleep(60_000);
                break;
            default:
                break;
        }
    }

    public Object handle(Object event, Context context) throws Exception {
        count++;
        if (!(event instanceof Map) || !((Map<?, ?>) event).containsKey("case")) {
            return event;
        }
        Map<?, ?> asked = (Map<?, ?>) event;
        switch ((String) asked.get("case")) {
            case "context":
                return describe(context);
            case "remaining":
                int first = context.getRemainingTimeInMillis();
                Thread.sleep((Integer) asked.get("ms"));
                return new int[] {first, context.getRemainingTimeInMillis()};
            case "echo":
                return asked.get("value");
            case "nothing":
                return null;
            case "fill":
                return "x".repeat((Integer) asked.get("size"));
            case "measure":
                return ((String) asked.get("value")).length();
            case "fail":
                return fail((String) asked.get("kind"), (String) asked.get("message"));
            case "exit":
                System.exit((Integer) asked.get("status"));
                return null;
            case "run":
                Process process = new ProcessBuilder("sh", "-c", (String) asked.get("command")).start();
                return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            case "memory":
                List<byte[]> held = new ArrayList<>();
                while (true) {
                    held.add(new byte[16 << 20]);
                }
            case "sleep":
                Thread.sleep((Integer) asked.get("ms"));
                return INSTANCE;
            case "count":
                return Map.of("count", count, "instance", INSTANCE);
            case "environment":
                int hour = Instant.EPOCH.atZone(ZoneId.systemDefault()).getHour();
                return Map.of("variables", System.getenv(), "folder", new java.io.File("").getAbsolutePath(), "hour", hour);
            case "read":
                return read((String) asked.get("path"));
            case "write":
                return write((String) asked.get("path"), (String) asked.get("text"));
            case "layer":
                return library.Library.text();
            case "print":
                ("stderr".equals(asked.get("to")) ? System.err : System.out).print(asked.get("text"));
                return null;
            case "log":
                LogLevel level = LogLevel.valueOf(((String) asked.get("level")).toUpperCase(Locale.ROOT));
                context.getLogger().log((String) asked.get("message"), level);
                return null;
            case "tick":
                if (!TICKER.isAlive()) {
                    TICKER.start();
                }
                return Map.of("ticks", TICKER.ticks, "largest_gap_ms", TICKER.largestGapMs);
            default:
                throw new IllegalArgumentException("no such case: " + asked.get("case"));
        }
    }

    private static Map<String, Object> describe(Context context) {
        Map<String, Object> told = new LinkedHashMap<>();
        told.put("request_id", context.getAwsRequestId());
        told.put("function_name", context.getFunctionName());
        told.put("function_version", context.getFunctionVersion());
        told.put("invoked_function_arn", context.getInvokedFunctionArn());
        told.put("memory_limit", context.getMemoryLimitInMB());
        told.put("log_group_name", context.getLogGroupName());
        told.put("log_stream_name", context.getLogStreamName());
        told.put("remaining_ms", context.getRemainingTimeInMillis());
        told.put("trace_id", System.getProperty("com.amazonaws.xray.traceHeader"));
        told.put("client_context", describe(context.getClientContext()));
        if (context.getIdentity() != null) {
            told.put("identity", Map.of("id", context.getIdentity().getIdentityId(), "pool", context.getIdentity().getIdentityPoolId()));
        }
        // A handler's null members are left out; the contract wants to see them.
        return withNulls(told, "client_context", "identity");
    }

    private static Map<String, Object> describe(ClientContext given) {
        if (given == null) {
            return null;
        }
        Client client = given.getClient();
        Map<String, Object> told = new LinkedHashMap<>();
        told.put("client", Map.of("installation_id", client.getInstallationId(), "app_title", client.getAppTitle(),
                "app_version_name", client.getAppVersionName(), "app_version_code", client.getAppVersionCode(),
                "app_package_name", client.getAppPackageName()));
        told.put("custom", given.getCustom());
        told.put("env", given.getEnvironment());
        return told;
    }

    private static Map<String, Object> withNulls(Map<String, Object> told, String... names) {
        for (String name : names) {
            if (told.get(name) == null) {
                told.put(name, java.util.Optional.empty());
            }
        }
        return told;
    }

    private static Object fail(String kind, String message) throws Exception {
        switch (kind) {
            case "own":
                throw new ContractError(message);
            case "standard":
                return Integer.parseInt("no number");
            case "cause":
                throw new ContractError(message, new ContractError("the cause"));
            case "abrupt":
                throw new Error(message);
            case "result":
                Map<String, Object> circle = new LinkedHashMap<>();
                circle.put("self", circle);
                return circle;
            case "stray":
                Thread thread = new Thread(() -> {
                    throw new IllegalStateException(message);
                });
                thread.start();
                thread.join();
                return "went on";
            default:
                throw new IllegalArgumentException("no such kind: " + kind);
        }
    }

    private static String read(String path) {
        try {
            return Files.readString(Paths.get(path));
        } catch (IOException problem) {
            return null;
        }
    }

    private static boolean write(String path, String text) {
        try {
            Files.writeString(Paths.get(path), text);
            return true;
        } catch (IOException problem) {
            return false;
        }
    }
}

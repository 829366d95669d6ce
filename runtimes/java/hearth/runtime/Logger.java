package hearth.runtime;

import com.amazonaws.services.lambda.runtime.LambdaLogger;
import com.amazonaws.services.lambda.runtime.LambdaRuntime;
import com.amazonaws.services.lambda.runtime.logging.LogLevel;
import java.lang.reflect.Field;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;

/** The function's logger, in the format and from the level that the function's configuration says. */
final class Logger implements LambdaLogger {
    private static final DateTimeFormatter TIME =
            DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'").withZone(ZoneOffset.UTC);

    private final boolean json;
    private final LogLevel least;
    private volatile Call call = new Call();

    Logger(String format, String level) {
        json = "JSON".equalsIgnoreCase(format);
        LogLevel wanted = LogLevel.UNDEFINED;
        try {
            wanted = level == null ? wanted : LogLevel.fromString(level);
        } catch (IllegalArgumentException unknown) {
            // All is logged.
        }
        least = wanted;
    }

    /** Makes it the one that code without a context finds, such as the appender for Log4j 2. */
    void install() throws ReflectiveOperationException {
        Field field = LambdaRuntime.class.getDeclaredField("logger");
        field.setAccessible(true);
        field.set(null, this);
    }

    void begin(Call next) {
        call = next;
    }

    @Override
    public void log(String message) {
        log(message, LogLevel.UNDEFINED);
    }

    @Override
    public void log(byte[] message) {
        log(message, LogLevel.UNDEFINED);
    }

    @Override
    public void log(String message, LogLevel level) {
        if (!wants(level)) {
            return;
        }
        if (json) {
            Output.event(record(message, level).getBytes(StandardCharsets.UTF_8), Output.kind(level.ordinal(), true));
            return;
        }
        String text = level == LogLevel.UNDEFINED ? String.valueOf(message) : "[" + level + "] " + message;
        Output.event(text.getBytes(StandardCharsets.UTF_8), Output.kind(level.ordinal(), false));
    }

    /** Bytes are a record that is formatted already. */
    @Override
    public void log(byte[] message, LogLevel level) {
        if (wants(level)) {
            boolean object = json && message != null && message.length > 0 && message[0] == '{';
            Output.event(message == null ? "null".getBytes(StandardCharsets.UTF_8) : message, Output.kind(level.ordinal(), object));
        }
    }

    /** What the runtime itself says of a failure: text without a level. */
    void failure(String text) {
        log(text, json ? LogLevel.ERROR : LogLevel.UNDEFINED);
    }

    private boolean wants(LogLevel level) {
        return level == LogLevel.UNDEFINED || level.compareTo(least) >= 0;
    }

    private String record(String message, LogLevel level) {
        Bytes record = new Bytes();
        JsonWriter writer = new JsonWriter(record);
        record.ascii("{\"timestamp\":");
        writer.text(TIME.format(Instant.now()));
        if (message != null) {
            record.ascii(",\"message\":");
            writer.text(message);
        }
        record.ascii(",\"level\":\"" + level + "\"");
        if (!call.requestId.isEmpty()) {
            record.ascii(",\"AWSRequestId\":");
            writer.text(call.requestId);
        }
        if (!call.tenantId.isEmpty()) {
            record.ascii(",\"tenantId\":");
            writer.text(call.tenantId);
        }
        record.ascii("}\n");
        return record.toString();
    }
}

package hearth.runtime;

import com.amazonaws.services.lambda.runtime.CustomPojoSerializer;
import java.io.ByteArrayInputStream;
import java.lang.reflect.Type;
import java.util.Iterator;
import java.util.ServiceLoader;

/** Between an event's bytes and a handler's objects: ours, or a serializer that the function brings. */
final class Codec {
    private final CustomPojoSerializer custom;

    Codec(ClassLoader loader) {
        Iterator<CustomPojoSerializer> found = ServiceLoader.load(CustomPojoSerializer.class, loader).iterator();
        custom = found.hasNext() ? found.next() : null;
        if (custom != null && found.hasNext()) {
            throw new IllegalStateException("expected one service of type " + CustomPojoSerializer.class.getName()
                    + ", found " + custom.getClass().getName() + " and " + found.next().getClass().getName());
        }
    }

    Object read(Call call, Type type) {
        try {
            if (custom != null) {
                return custom.fromJson(new ByteArrayInputStream(call.bytes, call.start, call.end - call.start), type);
            }
            return Binder.bind(new JsonReader(call.bytes, call.start, call.end).whole(), type);
        } catch (RuntimeException | StackOverflowError problem) {
            throw plain("An error occurred during JSON parsing", problem);
        }
    }

    void write(Object value, Type type, Bytes result) {
        try {
            if (custom != null) {
                custom.toJson(value, result, type);
            } else {
                new JsonWriter(result).value(value, type);
            }
        } catch (RuntimeException | StackOverflowError problem) {
            throw plain("An error occurred during JSON serialization of response", problem);
        }
    }

    /** The texts are those that functions on Lambda fail with. */
    private static RuntimeException plain(String message, Throwable cause) {
        RuntimeException problem = new RuntimeException(message, cause);
        problem.setStackTrace(new StackTraceElement[0]);
        return problem;
    }
}

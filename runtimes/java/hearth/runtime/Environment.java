package hearth.runtime;

import java.lang.reflect.Field;
import java.nio.Buffer;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.Map;

/**
 * The process's variables and working directory, which Java cannot change by itself: its own copy of the variables is
 * reached by reflection, the C library's by the small library that is mounted beside us ({@code native_library.rs}).
 * Child processes and libraries in machine code see the latter.
 */
final class Environment {
    private static final String LIBRARY = "libhearth.so";
    private static final boolean NATIVE = load();

    private Environment() {}

    /** {@code chdir(2)}. */
    private static native int chdir(long path, long unused, long none);

    /** {@code setenv(3)}. */
    private static native int setenv(long name, long value, long overwrite);

    /** {@code unsetenv(3)}. */
    private static native int unsetenv(long name, long unused, long none);

    static String remove(String name) {
        String value = variables().remove(name);
        if (value != null && NATIVE) {
            unset(name);
        }
        return value;
    }

    static void set(Map<String, String> more) {
        variables().putAll(more);
        if (NATIVE) {
            more.forEach(Environment::put);
        }
    }

    /** Takes on a function's variables and its folder, as if the process had been started with them. */
    static void become(Map<String, String> all, String folder) {
        Map<String, String> variables = variables();
        if (!NATIVE) {
            throw new IllegalStateException("a parked start needs " + LIBRARY + " beside the bootstrap");
        }
        for (String name : variables.keySet().toArray(new String[0])) {
            unset(name);
        }
        variables.keySet().clear();
        set(all);
        try (Text path = new Text(folder)) {
            if (chdir(path.address, 0, 0) != 0) {
                throw new IllegalStateException("cannot change to " + folder);
            }
        }
    }

    /** Behind the map that no one can change lies the one that {@code System.getenv(name)} reads. */
    @SuppressWarnings("unchecked")
    private static Map<String, String> variables() {
        Map<String, String> shown = System.getenv();
        try {
            Field field = Collections.unmodifiableMap(Collections.emptyMap()).getClass().getDeclaredField("m");
            field.setAccessible(true);
            return (Map<String, String>) field.get(shown);
        } catch (ReflectiveOperationException | RuntimeException problem) {
            throw new IllegalStateException("cannot reach the variables of the process", problem);
        }
    }

    private static boolean load() {
        String jar = System.getProperty("java.class.path");
        try {
            System.load(jar.substring(0, jar.lastIndexOf('/') + 1) + LIBRARY);
            return true;
        } catch (UnsatisfiedLinkError missing) {
            return false;
        }
    }

    private static void unset(String name) {
        try (Text text = new Text(name)) {
            unsetenv(text.address, 0, 0);
        }
    }

    private static void put(String name, String value) {
        try (Text first = new Text(name);
                Text second = new Text(value)) {
            setenv(first.address, second.address, 1);
        }
    }

    /** A string of C. */
    private static final class Text implements AutoCloseable {
        private final ByteBuffer buffer;
        final long address;

        Text(String text) {
            byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
            buffer = ByteBuffer.allocateDirect(bytes.length + 1);
            buffer.put(bytes);
            try {
                Field field = Buffer.class.getDeclaredField("address");
                field.setAccessible(true);
                address = field.getLong(buffer);
            } catch (ReflectiveOperationException problem) {
                throw new IllegalStateException("cannot reach a buffer", problem);
            }
        }

        @Override
        public void close() {
            // Keeps the buffer alive up to here.
            buffer.clear();
        }
    }
}

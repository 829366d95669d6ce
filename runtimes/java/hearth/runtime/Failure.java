package hearth.runtime;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.Arrays;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Set;

/** What the invoker and the log see of a failure. */
final class Failure {
    private static final String[] OURS = {"hearth.runtime.", "hearth.crac."};
    private static final String[] REFLECTION = {"jdk.internal.reflect.", "java.lang.reflect.", "java.lang.invoke."};

    private Failure() {}

    /** The error document: {@code errorMessage}, {@code errorType}, {@code stackTrace} and the {@code cause}, in this order. */
    static Bytes document(Throwable problem) {
        Bytes document = new Bytes();
        trim(problem, Collections.newSetFromMap(new IdentityHashMap<>()));
        write(document, problem, Collections.newSetFromMap(new IdentityHashMap<>()));
        return document;
    }

    /** The same for the log. */
    static String text(Throwable problem) {
        Throwable seen = seen(problem);
        if (seen == null) {
            return message(problem) + "\n";
        }
        StringWriter text = new StringWriter();
        text.write(message(problem) + ": " + name(seen) + "\n");
        seen.printStackTrace(new PrintWriter(text, true));
        text.write("\n");
        return text.toString();
    }

    /** What a function's author knows of: a fault stands for its cause. */
    private static Throwable seen(Throwable problem) {
        return problem instanceof Fault ? problem.getCause() : problem;
    }

    private static String name(Throwable problem) {
        return problem.getClass().getName();
    }

    private static String message(Throwable problem) {
        String message;
        try {
            message = problem.getLocalizedMessage();
        } catch (RuntimeException unprintable) {
            message = null;
        }
        return message == null ? name(problem) : message;
    }

    private static void write(Bytes document, Throwable problem, Set<Throwable> written) {
        Throwable seen = seen(problem);
        JsonWriter writer = new JsonWriter(document);
        document.ascii("{\"errorMessage\":");
        writer.text(message(problem));
        if (seen != null) {
            written.add(problem);
            written.add(seen);
            document.ascii(",\"errorType\":");
            writer.text(name(seen));
        }
        if (!(problem instanceof Fault) || ((Fault) problem).traced) {
            trace(document, seen, written);
        }
        document.ascii("}");
    }

    private static void trace(Bytes document, Throwable problem, Set<Throwable> written) {
        JsonWriter writer = new JsonWriter(document);
        document.ascii(",\"stackTrace\":[");
        String comma = "";
        for (StackTraceElement frame : problem.getStackTrace()) {
            document.ascii(comma);
            writer.text(frame.toString());
            comma = ",";
        }
        document.ascii("]");
        Throwable cause = problem.getCause();
        if (cause != null && !written.contains(cause)) {
            document.ascii(",\"cause\":");
            write(document, cause, written);
        }
    }

    /** Takes the runtime's own frames, and those by which it called, off the traces. */
    private static void trim(Throwable problem, Set<Throwable> done) {
        if (problem == null || !done.add(problem)) {
            return;
        }
        StackTraceElement[] frames = problem.getStackTrace();
        int end = 0;
        while (end < frames.length && !starts(frames[end], OURS)) {
            end++;
        }
        while (end < frames.length && end > 0 && starts(frames[end - 1], REFLECTION)) {
            end--;
        }
        if (end < frames.length) {
            problem.setStackTrace(Arrays.copyOf(frames, end));
        }
        trim(problem.getCause(), done);
        for (Throwable one : problem.getSuppressed()) {
            trim(one, done);
        }
    }

    private static boolean starts(StackTraceElement frame, String[] packages) {
        for (String one : packages) {
            if (frame.getClassName().startsWith(one)) {
                return true;
            }
        }
        return false;
    }
}

package hearth.runtime;

/** A failure that the runtime itself names, rather than one that the function threw. */
final class Fault extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** What lies in the function's code, before its handler is called. */
    static final String BAD_CODE = "Runtime.BadFunctionCode";

    /** What the handler threw. */
    static final String USER = "Runtime.UserException";

    /** Whether the invoker is shown where the cause came from: it is the function's code that threw it. */
    final boolean traced;

    Fault(String message, Throwable cause, boolean traced) {
        super(message, cause, false, false);
        this.traced = traced;
    }

    Fault(String message, Throwable cause) {
        this(message, cause, false);
    }

    Fault(String message) {
        this(message, null);
    }
}

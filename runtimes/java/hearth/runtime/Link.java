package hearth.runtime;

import java.io.IOException;
import java.util.Map;

/** The connection to the platform. */
interface Link {
    /** Init is over. */
    void ready() throws IOException;

    /** Waits for the next invocation. */
    Call next() throws IOException;

    void respond(String requestId, Bytes result) throws IOException;

    /** {@code last}: this process takes no further invocation. */
    void fail(String requestId, String errorType, Bytes document, boolean last) throws IOException;

    void initError(String errorType, Bytes document) throws IOException;

    /** Waits until it is known which function this process serves; its variables. */
    Map<String, String> parked() throws IOException;

    /** Says that the process may be snapshotted, and waits until it is a restored one; the variables to set. */
    Map<String, String> restored() throws IOException;

    void restoreError(String errorType, Bytes document) throws IOException;
}

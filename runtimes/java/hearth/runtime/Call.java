package hearth.runtime;

/** One invocation as the platform delivers it. An absent text is empty. */
final class Call {
    String requestId = "";
    long deadlineMs;
    String functionArn = "";
    String traceId = "";
    String clientContext = "";
    String identity = "";
    String tenantId = "";
    /** The event is a part of these bytes. */
    byte[] bytes;
    int start;
    int end;
}

package hearth.runtime;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;

/**
 * The Runtime API over HTTP, for when no lean channel was handed over.
 *
 * <p>A deliberately small HTTP/1.1 client: one kept-alive connection, request and answer strictly in turn.
 */
final class HttpApi implements Link {
    private static final String BASE = "/2018-06-01/runtime/";

    private final String address;
    private Socket socket;
    private InputStream in;
    private final Map<String, String> headers = new HashMap<>();
    /** Tells the platform to which delivery of an event an answer belongs. A stale one gets 410, and changes nothing. */
    private String attempt;

    HttpApi(String address) {
        this.address = address;
    }

    @Override
    public void ready() {
        // The first `next` says it.
    }

    @Override
    public Call next() throws IOException {
        byte[] event = call("GET", "invocation/next", null, "", 200);
        attempt = headers.get("lambda-runtime-invocation-id");
        Call call = new Call();
        call.requestId = header("aws-request-id");
        String deadline = header("deadline-ms");
        call.deadlineMs = deadline.isEmpty() ? 0 : Long.parseLong(deadline);
        call.functionArn = header("invoked-function-arn");
        call.traceId = header("trace-id");
        call.clientContext = header("client-context");
        call.identity = header("cognito-identity");
        call.tenantId = header("aws-tenant-id");
        call.bytes = event;
        call.end = event.length;
        return call;
    }

    @Override
    public void respond(String requestId, Bytes result) throws IOException {
        call("POST", "invocation/" + requestId + "/response", result, echo(), 0);
    }

    @Override
    public void fail(String requestId, String errorType, Bytes document, boolean last) throws IOException {
        call("POST", "invocation/" + requestId + "/error", document, type(errorType) + echo(), 0);
    }

    @Override
    public void initError(String errorType, Bytes document) throws IOException {
        call("POST", "init/error", document, type(errorType), 0);
    }

    @Override
    public Map<String, String> parked() {
        throw new IllegalStateException("a parked start needs the channel");
    }

    @Override
    public Map<String, String> restored() throws IOException {
        call("GET", "restore/next", null, "", 200);
        return Collections.emptyMap();
    }

    @Override
    public void restoreError(String errorType, Bytes document) throws IOException {
        call("POST", "restore/error", document, type(errorType), 0);
    }

    private String header(String name) {
        return headers.getOrDefault("lambda-runtime-" + name, "");
    }

    private String echo() {
        return attempt == null ? "" : "Lambda-Runtime-Invocation-Id: " + attempt + "\r\n";
    }

    private static String type(String errorType) {
        return "Lambda-Runtime-Function-Error-Type: " + errorType.replaceAll("[\r\n]", " ") + "\r\n";
    }

    /** The body of the answer. {@code expected} is the status without which there is no going on, 0 if there is none. */
    private byte[] call(String method, String path, Bytes body, String more, int expected) throws IOException {
        if (socket == null) {
            int colon = address.lastIndexOf(':');
            socket = new Socket(address.substring(0, colon), Integer.parseInt(address.substring(colon + 1)));
            socket.setTcpNoDelay(true);
            in = socket.getInputStream();
        }
        int size = body == null ? 0 : body.length;
        Bytes request = Bytes.of(method + " " + BASE + path + " HTTP/1.1\r\nHost: " + address
                + "\r\nUser-Agent: hearth-java/1\r\nContent-Type: application/json\r\nContent-Length: " + size + "\r\n" + more + "\r\n");
        if (size > 0) {
            request.write(body.array, 0, size);
        }
        socket.getOutputStream().write(request.array, 0, request.length);
        int status = Integer.parseInt(line().split(" ")[1]);
        headers.clear();
        for (String line = line(); !line.isEmpty(); line = line()) {
            int colon = line.indexOf(':');
            headers.put(line.substring(0, colon).trim().toLowerCase(Locale.ROOT), line.substring(colon + 1).trim());
        }
        byte[] answer = body();
        if ("close".equalsIgnoreCase(headers.get("connection"))) {
            socket.close();
            socket = null;
        }
        if (expected != 0 && status != expected) {
            String said = new String(answer, StandardCharsets.UTF_8);
            throw new IOException("runtime API: expected " + expected + " for " + path + ", found " + status + ": " + said);
        }
        return answer;
    }

    private byte[] body() throws IOException {
        if (!headers.getOrDefault("transfer-encoding", "").toLowerCase(Locale.ROOT).contains("chunked")) {
            return exactly(Integer.parseInt(headers.getOrDefault("content-length", "0")));
        }
        ByteArrayOutputStream whole = new ByteArrayOutputStream();
        while (true) {
            int size = Integer.parseInt(line().split(";")[0].trim(), 16);
            if (size == 0) {
                break;
            }
            whole.write(exactly(size));
            line();
        }
        while (!line().isEmpty()) {
            // A trailer, which means nothing here.
        }
        return whole.toByteArray();
    }

    private byte[] exactly(int size) throws IOException {
        byte[] bytes = in.readNBytes(size);
        if (bytes.length < size) {
            hungUp();
        }
        return bytes;
    }

    private String line() throws IOException {
        Bytes line = new Bytes();
        for (int one = in.read(); one != '\n'; one = in.read()) {
            if (one < 0) {
                hungUp();
            }
            line.write(one);
        }
        return line.toString().trim();
    }

    /** The server has gone; so has the purpose of this process. */
    private static void hungUp() {
        System.exit(0);
    }
}

package hearth.runtime;

import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The lean channel: frames over an inherited, connected Unix stream socket.
 *
 * <p>A frame is a big-endian u32 length of what follows, a kind byte and a payload; {@code
 * docs/develop/runtime-channel.md} has the whole of it. The streams of files read and write sockets just as well.
 */
final class Channel implements Link {
    private static final int INVOKE = 1;
    private static final int SPECIALISE = 2;
    private static final int RESTORE = 3;
    private static final int READY = 16;
    private static final int INIT_ERROR = 17;
    private static final int RESPONSE = 18;
    private static final int ERROR = 19;
    private static final int LAST_ERROR = 20;
    private static final int PARKED = 24;
    private static final int RESTORE_READY = 25;
    private static final int RESTORE_ERROR = 26;

    /** Up to here the JDK reads and writes without allocating memory of its own. */
    private static final int SMALL = 8192;

    /** A frame of more is read into an array of its own. */
    private static final int KEEP = 1 << 20;

    private final FileInputStream in;
    private final FileOutputStream out;
    private byte[] buffer = new byte[SMALL];
    /** What has been read: from here ... */
    private int start;
    /** ... to here. */
    private int end;
    private final Bytes head = new Bytes();

    Channel(String number) {
        FileDescriptor descriptor = Descriptors.open(number);
        in = new FileInputStream(descriptor);
        out = new FileOutputStream(descriptor);
    }

    @Override
    public void ready() throws IOException {
        send(READY, "", null, null);
    }

    @Override
    public Call next() throws IOException {
        int size = await(INVOKE);
        int limit = start + size;
        Call call = new Call();
        call.bytes = buffer;
        call.deadlineMs = (integer(start) & 0xffffffffL) << 32 | integer(start + 4) & 0xffffffffL;
        start += 8;
        call.requestId = text();
        call.functionArn = text();
        call.traceId = text();
        call.clientContext = text();
        call.identity = text();
        call.tenantId = text();
        call.start = start;
        call.end = limit;
        start = limit;
        return call;
    }

    @Override
    public void respond(String requestId, Bytes result) throws IOException {
        send(RESPONSE, requestId, null, result);
    }

    @Override
    public void fail(String requestId, String errorType, Bytes document, boolean last) throws IOException {
        send(last ? LAST_ERROR : ERROR, requestId, errorType, document);
    }

    @Override
    public void initError(String errorType, Bytes document) throws IOException {
        send(INIT_ERROR, errorType, null, document);
    }

    @Override
    public Map<String, String> parked() throws IOException {
        send(PARKED, "", null, null);
        return variables(SPECIALISE);
    }

    @Override
    public Map<String, String> restored() throws IOException {
        send(RESTORE_READY, "", null, null);
        return variables(RESTORE);
    }

    @Override
    public void restoreError(String errorType, Bytes document) throws IOException {
        send(RESTORE_ERROR, errorType, null, document);
    }

    private Map<String, String> variables(int kind) throws IOException {
        int size = await(kind);
        Object given = new JsonReader(buffer, start, start + size).whole();
        start += size;
        Map<String, String> variables = new LinkedHashMap<>();
        ((Map<?, ?>) ((Map<?, ?>) given).get("environment"))
                .forEach((name, value) -> variables.put((String) name, (String) value));
        return variables;
    }

    /** Reads up to a frame of this kind; its payload lies whole in the buffer, from {@link #start}; its length. */
    private int await(int kind) throws IOException {
        while (true) {
            fill(4);
            int size = integer(start);
            start += 4;
            fill(size);
            int found = buffer[start];
            start++;
            if (found == kind) {
                return size - 1;
            }
            start += size - 1;
        }
    }

    /** Makes sure that so many bytes lie in the buffer. */
    private void fill(int wanted) throws IOException {
        if (start == end) {
            start = 0;
            end = 0;
            if (buffer.length > KEEP && wanted <= SMALL) {
                buffer = new byte[SMALL];
            }
        }
        if (buffer.length - start < wanted) {
            byte[] target = buffer.length < wanted ? new byte[wanted] : buffer;
            System.arraycopy(buffer, start, target, 0, end - start);
            end -= start;
            start = 0;
            buffer = target;
        }
        while (end - start < wanted) {
            int count = in.read(buffer, end, Math.min(buffer.length - end, KEEP));
            if (count <= 0) {
                // The server has gone; so has the purpose of this process.
                System.exit(0);
            }
            end += count;
        }
    }

    private int integer(int at) {
        return (buffer[at] & 255) << 24 | (buffer[at + 1] & 255) << 16 | (buffer[at + 2] & 255) << 8 | buffer[at + 3] & 255;
    }

    private String text() {
        int size = (buffer[start] & 255) << 8 | buffer[start + 1] & 255;
        String text = size == 0 ? "" : new String(buffer, start + 2, size, StandardCharsets.UTF_8);
        start += 2 + size;
        return text;
    }

    private void send(int kind, String first, String second, Bytes body) throws IOException {
        head.length = 4;
        head.write(kind);
        if (body != null) {
            put(first);
            if (second != null) {
                put(second);
            }
        }
        int size = head.length - 4 + (body == null ? 0 : body.length);
        for (int index = 0; index < 4; index++) {
            head.array[index] = (byte) (size >> 8 * (3 - index));
        }
        if (body == null || head.length + body.length <= SMALL) {
            if (body != null) {
                head.write(body.array, 0, body.length);
            }
            out.write(head.array, 0, head.length);
            return;
        }
        out.write(head.array, 0, head.length);
        for (int at = 0; at < body.length; at += KEEP) {
            out.write(body.array, at, Math.min(KEEP, body.length - at));
        }
    }

    /** A string with its u16 length in front, cut where it would not fit (no request id or error type is that long). */
    private void put(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        int size = Math.min(bytes.length, 65535);
        head.write(size >> 8);
        head.write(size);
        head.write(bytes, 0, size);
    }
}

package hearth.runtime;

import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Bytes that grow. The array is handed out without copying it. */
final class Bytes extends OutputStream {
    /** A buffer that one large result has made larger than this is not kept. */
    private static final int KEEP = 1 << 20;

    byte[] array = new byte[1024];
    int length;

    @Override
    public void write(int one) {
        reserve(1);
        array[length++] = (byte) one;
    }

    @Override
    public void write(byte[] from, int start, int count) {
        reserve(count);
        System.arraycopy(from, start, array, length, count);
        length += count;
    }

    void ascii(String text) {
        int count = text.length();
        reserve(count);
        for (int at = 0; at < count; at++) {
            array[length++] = (byte) text.charAt(at);
        }
    }

    void clear() {
        if (array.length > KEEP) {
            array = new byte[1024];
        }
        length = 0;
    }

    void reserve(int more) {
        if (array.length - length < more) {
            long wanted = Math.max((long) array.length * 2, (long) length + more);
            array = Arrays.copyOf(array, (int) Math.min(wanted, Integer.MAX_VALUE - 8));
        }
    }

    static Bytes of(String text) {
        Bytes bytes = new Bytes();
        bytes.array = text.getBytes(StandardCharsets.UTF_8);
        bytes.length = bytes.array.length;
        return bytes;
    }

    @Override
    public String toString() {
        return new String(array, 0, length, StandardCharsets.UTF_8);
    }
}

package hearth.runtime;

import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Instant;

/**
 * Where output goes: to the platform's log channel as frames, or to plain stdout.
 *
 * <p>A frame carries one log event whole: a big-endian u32 kind, u32 length, u64 microseconds since the epoch, then the
 * text. With a log channel, {@code System.out} and {@code System.err} write frames too, one per line, so that prints and
 * log records keep their order. What takes several writes goes out in pieces, which the platform joins: what a function
 * printed before it was killed is never lost.
 */
final class Output {
    private static final int MAGIC = 0xa55a0000;
    /** A line, or a record without a level. */
    static final int PLAIN = MAGIC | 3;

    /** Larger texts are written in several calls anyway. */
    private static final int KEEP = 65536;

    private static OutputStream log;
    private static Lines[] lines = {};
    private static Bytes frame = new Bytes();

    private Output() {}

    /** {@code number} is the descriptor of the log channel, null if there is none. */
    static void install(String number) {
        if (number == null) {
            return;
        }
        log = new FileOutputStream(Descriptors.open(number));
        lines = new Lines[] {new Lines(MAGIC | 0x83), new Lines(MAGIC | 0xa3)};
        System.setOut(new PrintStream(lines[0], true, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(lines[1], true, StandardCharsets.UTF_8));
    }

    /** The kind of frame for a record: {@code level} counts from 1 for TRACE to 6 for FATAL, 0 for none. */
    static int kind(int level, boolean json) {
        return MAGIC | level << 2 | (json ? 2 : 3);
    }

    /** One event, as it is. */
    static void event(byte[] text, int kind) {
        if (log != null) {
            write(kind, text, 0, text.length);
        } else {
            System.out.write(text, 0, text.length);
            System.out.flush();
        }
    }

    /** Ends the lines that are printed so far, a last one without an end included. */
    static void flush() {
        for (Lines one : lines) {
            one.finish();
        }
        if (log == null) {
            System.out.flush();
            System.err.flush();
        }
    }

    private static void write(int kind, byte[] text, int start, int count) {
        Instant now = Instant.now();
        long micros = now.getEpochSecond() * 1_000_000 + now.getNano() / 1000;
        synchronized (Output.class) {
            frame.clear();
            put(kind, 4);
            put(count, 4);
            put(micros, 8);
            try {
                if (count <= KEEP) {
                    frame.write(text, start, count);
                    log.write(frame.array, 0, frame.length);
                } else {
                    log.write(frame.array, 0, frame.length);
                    log.write(text, start, count);
                }
            } catch (IOException problem) {
                // Nobody listens any more; that is no reason for a function's print to fail.
            }
        }
    }

    private static void put(long value, int size) {
        for (int shift = (size - 1) * 8; shift >= 0; shift -= 8) {
            frame.write((int) (value >> shift));
        }
    }

    /** Below a standard stream: cuts what is written into lines, a frame each. */
    private static final class Lines extends OutputStream {
        private final int piece;
        /** The last frame was a piece of a line that goes on. */
        private boolean open;

        Lines(int piece) {
            this.piece = piece;
        }

        @Override
        public void write(int one) {
            write(new byte[] {(byte) one}, 0, 1);
        }

        @Override
        public synchronized void write(byte[] text, int start, int count) {
            int from = start;
            int end = start + count;
            for (int at = start; at < end; at++) {
                if (text[at] == '\n') {
                    Output.write(open ? piece : PLAIN, text, from, at + 1 - from);
                    open = false;
                    from = at + 1;
                }
            }
            if (from < end) {
                Output.write(piece, text, from, end - from);
                open = true;
            }
        }

        synchronized void finish() {
            if (open) {
                Output.write(piece, new byte[0], 0, 0);
                open = false;
            }
        }
    }
}

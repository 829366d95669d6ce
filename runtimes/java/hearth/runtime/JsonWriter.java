package hearth.runtime;

import java.lang.reflect.Array;
import java.lang.reflect.Type;
import java.math.BigDecimal;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Base64;
import java.util.Calendar;
import java.util.Collection;
import java.util.Collections;
import java.util.Date;
import java.util.Iterator;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.TimeZone;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.BaseStream;

/**
 * Java objects as JSON: members that are null are left out, map entries that are null too.
 *
 * <p>What a handler returns is written as the type that it declares, and so are elements of a collection: what a subclass
 * adds is left out, as on Lambda. Members of objects are written as what they are.
 */
final class JsonWriter {
    private static final int MAX_DEPTH = 1000;
    private static final byte[] HEX = {'0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'};

    private final Bytes out;
    private int depth;

    JsonWriter(Bytes out) {
        this.out = out;
    }

    void value(Object value) {
        value(value, null);
    }

    /** {@code type} is the declared one; null if there is none. */
    void value(Object value, Type type) {
        if (value == null) {
            out.ascii("null");
        } else if (value instanceof CharSequence || value instanceof Character) {
            text(value.toString());
        } else if (value instanceof Number) {
            number((Number) value);
        } else if (value instanceof Boolean || value instanceof AtomicBoolean) {
            out.ascii(value.toString());
        } else if (value instanceof Map) {
            map((Map<?, ?>) value, Types.argument(type, Map.class, 1));
        } else if (value instanceof Collection) {
            elements(((Collection<?>) value).iterator(), Types.argument(type, Iterable.class, 0));
        } else if (value instanceof Enum) {
            text(((Enum<?>) value).name());
        } else if (value.getClass().isArray()) {
            array(value, Types.component(type));
        } else if (!special(value, type)) {
            bean(value, declared(type, value));
        }
    }

    private static Class<?> declared(Type type, Object value) {
        Class<?> raw = type == null ? Object.class : Types.raw(type);
        return raw == Object.class || !raw.isInstance(value) || raw.getName().startsWith("java.") ? value.getClass() : raw;
    }

    private void number(Number value) {
        boolean odd = value instanceof Double && !Double.isFinite((Double) value)
                || value instanceof Float && !Float.isFinite((Float) value);
        if (odd) {
            text(value.toString());
        } else {
            out.ascii(value.toString());
        }
    }

    private void map(Map<?, ?> map, Type values) {
        enter('{');
        boolean first = true;
        for (Map.Entry<?, ?> entry : map.entrySet()) {
            if (entry.getValue() == null) {
                continue;
            }
            first = comma(first);
            text(key(entry.getKey()));
            out.write(':');
            value(entry.getValue(), values);
        }
        leave('}');
    }

    private static String key(Object key) {
        if (key == null) {
            throw new IllegalArgumentException("a map has null for a key, which JSON has no form for");
        }
        if (key instanceof Enum) {
            return ((Enum<?>) key).name();
        }
        if (key instanceof Date) {
            return Times.name((Date) key);
        }
        return key instanceof Class ? ((Class<?>) key).getName() : key.toString();
    }

    private void elements(Iterator<?> elements, Type type) {
        enter('[');
        boolean first = true;
        while (elements.hasNext()) {
            first = comma(first);
            value(elements.next(), type);
        }
        leave(']');
    }

    private void array(Object array, Type type) {
        if (array instanceof byte[]) {
            base64((byte[]) array);
            return;
        }
        if (array instanceof char[]) {
            text(new String((char[]) array));
            return;
        }
        enter('[');
        int length = Array.getLength(array);
        for (int index = 0; index < length; index++) {
            comma(index == 0);
            value(Array.get(array, index), type);
        }
        leave(']');
    }

    private void base64(byte[] bytes) {
        out.write('"');
        byte[] encoded = Base64.getEncoder().encode(bytes);
        out.write(encoded, 0, encoded.length);
        out.write('"');
    }

    /** Types of the Java library, and those that stand for one value. */
    private boolean special(Object value, Type type) {
        if (value instanceof Optional) {
            value(((Optional<?>) value).orElse(null), Types.argument(type, Optional.class, 0));
        } else if (value instanceof OptionalInt) {
            OptionalInt number = (OptionalInt) value;
            value(number.isPresent() ? (Object) number.getAsInt() : null);
        } else if (value instanceof OptionalLong) {
            OptionalLong number = (OptionalLong) value;
            value(number.isPresent() ? (Object) number.getAsLong() : null);
        } else if (value instanceof OptionalDouble) {
            OptionalDouble number = (OptionalDouble) value;
            value(number.isPresent() ? (Object) number.getAsDouble() : null);
        } else if (value instanceof AtomicReference) {
            value(((AtomicReference<?>) value).get());
        } else if (value instanceof Date) {
            out.ascii(Long.toString(((Date) value).getTime()));
        } else if (value instanceof Calendar) {
            out.ascii(Long.toString(((Calendar) value).getTimeInMillis()));
        } else if (value instanceof TimeZone) {
            text(((TimeZone) value).getID());
        } else if (value instanceof Map.Entry) {
            Map.Entry<?, ?> entry = (Map.Entry<?, ?>) value;
            map(Collections.singletonMap(entry.getKey(), entry.getValue()), null);
        } else if (value instanceof ByteBuffer) {
            ByteBuffer buffer = ((ByteBuffer) value).duplicate();
            byte[] bytes = new byte[buffer.remaining()];
            buffer.get(bytes);
            base64(bytes);
        } else if (value instanceof Class) {
            text(((Class<?>) value).getName());
        } else if (value instanceof Path) {
            text(((Path) value).toUri().toString());
        } else if (value instanceof InetAddress) {
            text(((InetAddress) value).getHostAddress());
        } else if (value instanceof Iterable) {
            elements(((Iterable<?>) value).iterator(), Types.argument(type, Iterable.class, 0));
        } else if (value instanceof Iterator) {
            elements((Iterator<?>) value, Types.argument(type, Iterator.class, 0));
        } else if (value instanceof BaseStream) {
            elements(((BaseStream<?, ?>) value).iterator(), null);
        } else if (value.getClass().getName().startsWith("java.time.") && Times.write(value, out)) {
            return true;
        } else if (isText(value)) {
            text(value.toString());
        } else {
            return false;
        }
        return true;
    }

    /** Types whose {@code toString} says all. */
    private static boolean isText(Object value) {
        String name = value.getClass().getName();
        return name.startsWith("java.") && !name.equals("java.lang.Object") && !(value instanceof Throwable)
                && !name.startsWith("java.awt.")
                || name.startsWith("sun.") || name.startsWith("org.joda.time.");
    }

    private void bean(Object value, Class<?> type) {
        enter('{');
        boolean first = true;
        for (Shape.Property property : Shape.of(type).written()) {
            Object member = property.get(value);
            if (member != null) {
                first = comma(first);
                text(property.name);
                out.write(':');
                if (member instanceof Date && property.seconds) {
                    out.ascii(BigDecimal.valueOf(((Date) member).getTime(), 3).toPlainString());
                } else {
                    value(member);
                }
            }
        }
        leave('}');
    }

    private void enter(char open) {
        if (++depth > MAX_DEPTH) {
            throw new IllegalArgumentException("more than " + MAX_DEPTH + " objects within each other, perhaps in a circle");
        }
        out.write(open);
    }

    private void leave(char close) {
        depth--;
        out.write(close);
    }

    private boolean comma(boolean first) {
        if (!first) {
            out.write(',');
        }
        return false;
    }

    /** In UTF-8. Half of a surrogate pair, which that cannot hold, is written as JSON's escape for it. */
    void text(String text) {
        int length = text.length();
        out.reserve(length + 2);
        out.write('"');
        for (int at = 0; at < length; at++) {
            char one = text.charAt(at);
            if (one < 0x80) {
                if (one >= ' ' && one != '"' && one != '\\') {
                    out.write(one);
                } else {
                    escape(one);
                }
            } else if (one < 0x800) {
                out.write(0xc0 | one >> 6);
                out.write(0x80 | one & 0x3f);
            } else if (!Character.isSurrogate(one)) {
                out.write(0xe0 | one >> 12);
                out.write(0x80 | one >> 6 & 0x3f);
                out.write(0x80 | one & 0x3f);
            } else if (Character.isHighSurrogate(one) && at + 1 < length && Character.isLowSurrogate(text.charAt(at + 1))) {
                int code = Character.toCodePoint(one, text.charAt(++at));
                out.write(0xf0 | code >> 18);
                out.write(0x80 | code >> 12 & 0x3f);
                out.write(0x80 | code >> 6 & 0x3f);
                out.write(0x80 | code & 0x3f);
            } else {
                escape(one);
            }
        }
        out.write('"');
    }

    private void escape(char one) {
        int short_ = "\b\t\n\f\r\"\\".indexOf(one);
        out.write('\\');
        if (short_ >= 0) {
            out.write("btnfr\"\\".charAt(short_));
            return;
        }
        out.write('u');
        for (int shift = 12; shift >= 0; shift -= 4) {
            out.write(HEX[one >> shift & 15]);
        }
    }
}

package hearth.runtime;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * JSON as plain objects: maps and lists that keep their order, String, Boolean, null, the smallest of Integer, Long and
 * BigInteger that holds a whole number, and BigDecimal for all other numbers.
 */
final class JsonReader {
    private static final int MAX_DEPTH = 1000;

    private final byte[] bytes;
    private final int origin;
    private int at;
    private final int end;
    private int depth;

    JsonReader(byte[] bytes, int start, int end) {
        this.bytes = bytes;
        this.origin = start;
        this.at = start;
        this.end = end;
    }

    /** The one value that the bytes hold. */
    Object whole() {
        Object value = value();
        if (token() >= 0) {
            throw wrong("the end");
        }
        return value;
    }

    private Object value() {
        int first = token();
        switch (first) {
            case '{':
                return object();
            case '[':
                return array();
            case '"':
                at++;
                return string();
            case 't':
                return word("true", Boolean.TRUE);
            case 'f':
                return word("false", Boolean.FALSE);
            case 'n':
                return word("null", null);
            default:
                if (first == '-' || first >= '0' && first <= '9') {
                    return number();
                }
                throw wrong("a value");
        }
    }

    private Map<String, Object> object() {
        enter();
        Map<String, Object> members = new LinkedHashMap<>();
        if (token() == '}') {
            at++;
        } else {
            do {
                take('"', "a name in quotes");
                String name = string();
                take(':', "a colon");
                members.put(name, value());
            } while (goesOn('}'));
        }
        depth--;
        return members;
    }

    private List<Object> array() {
        enter();
        List<Object> elements = new ArrayList<>();
        if (token() == ']') {
            at++;
        } else {
            do {
                elements.add(value());
            } while (goesOn(']'));
        }
        depth--;
        return elements;
    }

    private void enter() {
        at++;
        if (++depth > MAX_DEPTH) {
            throw new IllegalArgumentException("more than " + MAX_DEPTH + " objects and arrays within each other");
        }
    }

    private boolean goesOn(char close) {
        int found = token();
        if (found != ',' && found != close) {
            throw wrong("a comma or '" + close + "'");
        }
        at++;
        return found == ',';
    }

    private void take(char wanted, String name) {
        if (token() != wanted) {
            throw wrong(name);
        }
        at++;
    }

    /** The next byte that is no white space, -1 at the end. */
    private int token() {
        while (at < end) {
            int found = bytes[at];
            if (found != ' ' && found != '\n' && found != '\r' && found != '\t') {
                return found & 255;
            }
            at++;
        }
        return -1;
    }

    private Object word(String word, Object meaning) {
        for (int index = 0; index < word.length(); index++, at++) {
            if (at >= end || bytes[at] != word.charAt(index)) {
                throw wrong("\"" + word + "\"");
            }
        }
        return meaning;
    }

    /** The rest of a string whose first quote has been read. */
    private String string() {
        int start = at;
        int high = 0;
        while (at < end) {
            int found = bytes[at];
            if (found == '"') {
                return new String(bytes, start, at++ - start, high < 0 ? StandardCharsets.UTF_8 : StandardCharsets.ISO_8859_1);
            }
            if (found == '\\') {
                return escaped(start);
            }
            if (found >= 0 && found < ' ') {
                throw wrong("no control character in a string");
            }
            high |= found;
            at++;
        }
        throw wrong("the end of a string");
    }

    private String escaped(int start) {
        StringBuilder text = new StringBuilder();
        int from = start;
        while (at < end) {
            int found = bytes[at];
            if (found == '"') {
                text.append(new String(bytes, from, at++ - from, StandardCharsets.UTF_8));
                return text.toString();
            }
            if (found == '\\') {
                text.append(new String(bytes, from, at - from, StandardCharsets.UTF_8));
                at++;
                text.append(escape());
                from = at;
            } else {
                at++;
            }
        }
        throw wrong("the end of a string");
    }

    private char escape() {
        int found = at < end ? bytes[at++] : -1;
        switch (found) {
            case '"':
            case '\\':
            case '/':
                return (char) found;
            case 'b':
                return '\b';
            case 'f':
                return '\f';
            case 'n':
                return '\n';
            case 'r':
                return '\r';
            case 't':
                return '\t';
            case 'u':
                int code = 0;
                for (int index = 0; index < 4; index++) {
                    int digit = at < end ? Character.digit(bytes[at++], 16) : -1;
                    if (digit < 0) {
                        throw wrong("four hexadecimal digits");
                    }
                    code = code << 4 | digit;
                }
                return (char) code;
            default:
                throw wrong("an escape");
        }
    }

    private Object number() {
        int start = at;
        boolean whole = true;
        while (at < end) {
            int found = bytes[at];
            if (found == '.' || found == 'e' || found == 'E') {
                whole = false;
            } else if (found != '-' && found != '+' && (found < '0' || found > '9')) {
                break;
            }
            at++;
        }
        String text = new String(bytes, start, at - start, StandardCharsets.ISO_8859_1);
        int digits = text.charAt(0) == '-' ? 1 : 0;
        boolean zeros = text.length() > digits + 1 && text.charAt(digits) == '0' && Character.isDigit(text.charAt(digits + 1));
        try {
            if (zeros) {
                throw new NumberFormatException();
            }
            if (!whole) {
                return new BigDecimal(text);
            }
            if (text.length() < 19) {
                long value = Long.parseLong(text);
                return value == (int) value ? (Object) (int) value : (Object) value;
            }
            BigInteger value = new BigInteger(text);
            return value.bitLength() < 64 ? (Object) value.longValue() : value;
        } catch (NumberFormatException problem) {
            throw new IllegalArgumentException("expected a number, found " + text + " at byte " + (start - origin));
        }
    }

    private IllegalArgumentException wrong(String wanted) {
        String found = at >= end ? "the end" : "'" + (char) (bytes[at] & 255) + "'";
        return new IllegalArgumentException("expected " + wanted + ", found " + found + " at byte " + (at - origin));
    }
}

package hearth.runtime;

import java.lang.reflect.InvocationTargetException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.time.LocalDate;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Base64;
import java.util.Calendar;
import java.util.Currency;
import java.util.Date;
import java.util.GregorianCalendar;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.TimeZone;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/** Single values: what JSON has, as the types of the Java library. */
final class Scalars {
    private static final DateTimeFormatter WITHOUT_COLON = DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH:mm:ss[.SSS]Z");

    private Scalars() {}

    static Binder.Mismatch mismatch(Object value, Class<?> wanted, Throwable cause) {
        String kind = value instanceof Map ? "an object" : value instanceof List ? "an array" : null;
        String text = String.valueOf(value);
        String found = kind != null ? kind : text.length() > 100 ? text.substring(0, 100) + "..." : text;
        return new Binder.Mismatch("expected a value for " + wanted.getTypeName() + ", found " + found, cause);
    }

    /** What stands for null. */
    static Object absent(Class<?> type) {
        if (type.isPrimitive()) {
            if (type == boolean.class) {
                return false;
            }
            return type == char.class ? (Object) '\0' : number(0, type);
        }
        if (type == Optional.class) {
            return Optional.empty();
        }
        if (type == OptionalInt.class) {
            return OptionalInt.empty();
        }
        if (type == OptionalLong.class) {
            return OptionalLong.empty();
        }
        return type == OptionalDouble.class ? OptionalDouble.empty() : null;
    }

    /** Types for which no text is one. */
    static boolean isText(Class<?> type) {
        return CharSequence.class.isAssignableFrom(type) || type == char[].class || type == byte[].class
                || type == java.net.URI.class || type == Locale.class || type == Object.class;
    }

    /** A text that stands for null where no text is wanted. */
    static boolean isNothing(String text, Class<?> type) {
        if (type == char.class || type == Character.class) {
            return text.isEmpty() || text.equals("null");
        }
        boolean single = type.isPrimitive() || type == Boolean.class || Number.class.isAssignableFrom(type)
                || Date.class.isAssignableFrom(type) || Calendar.class.isAssignableFrom(type);
        return text.trim().isEmpty() || single && text.equals("null");
    }

    static boolean fits(Object value, Class<?> type) {
        return value instanceof String && type == String.class
                || value instanceof Integer && (type == int.class || type == Integer.class || type == long.class || type == Long.class)
                || value instanceof Long && (type == long.class || type == Long.class)
                || value instanceof Number && (type == double.class || type == Double.class)
                || value instanceof Boolean && (type == boolean.class || type == Boolean.class);
    }

    /** Null if it is no scalar type. */
    static Object convert(Object value, Class<?> type, boolean event) {
        try {
            return value instanceof Map ? refused(value, type) : converted(value, type, event);
        } catch (Binder.Mismatch problem) {
            throw problem;
        } catch (RuntimeException problem) {
            throw mismatch(value, type, problem);
        }
    }

    private static Object refused(Object value, Class<?> type) {
        boolean library = type.getName().startsWith("java.") && !Throwable.class.isAssignableFrom(type);
        if (type.isPrimitive() || type.isEnum() || library) {
            throw mismatch(value, type, null);
        }
        return null;
    }

    private static Object converted(Object value, Class<?> type, boolean event) {
        if (type == String.class || type == CharSequence.class) {
            return text(value);
        }
        if (type.isPrimitive() || type.getName().startsWith("java.lang.")) {
            Object found = basic(value, type);
            if (found != null) {
                return found;
            }
        }
        if (type.isEnum()) {
            return constant(text(value), type);
        }
        if (Date.class.isAssignableFrom(type) || type == Calendar.class || type == GregorianCalendar.class) {
            return date(value, type, event);
        }
        if (type == byte[].class) {
            return base64(value);
        }
        if (type == char[].class) {
            return text(value).toCharArray();
        }
        if (ByteBuffer.class.isAssignableFrom(type)) {
            return ByteBuffer.wrap(base64(value));
        }
        if (type.getName().startsWith("java.time.")) {
            return time(value, type);
        }
        return library(value, type);
    }

    private static String text(Object value) {
        return value instanceof BigDecimal ? ((BigDecimal) value).toString() : value.toString();
    }

    private static Object basic(Object value, Class<?> type) {
        if (type == boolean.class || type == Boolean.class) {
            return truth(value);
        }
        if (type == char.class || type == Character.class) {
            return value instanceof Number ? (char) ((Number) value).intValue() : text(value).charAt(text(value).length() == 1 ? 0 : -1);
        }
        if (type == Number.class) {
            Number number = value instanceof String ? parsed((String) value) : (Number) value;
            if (number instanceof BigDecimal && value instanceof String && ((BigDecimal) number).scale() == 0) {
                BigInteger whole = ((BigDecimal) number).unscaledValue();
                return whole.bitLength() < 32 ? (Number) whole.intValue() : whole.bitLength() < 64 ? (Number) whole.longValue() : whole;
            }
            return number instanceof BigDecimal ? (Number) number.doubleValue() : number;
        }
        if (type == StringBuilder.class) {
            return new StringBuilder(text(value));
        }
        boolean number = type.isPrimitive() || Number.class.isAssignableFrom(type);
        if (!number) {
            return null;
        }
        return number(value instanceof String ? parsed((String) value) : (Number) value, type);
    }

    private static Number parsed(String text) {
        switch (text.trim()) {
            case "NaN":
                return Double.NaN;
            case "Infinity":
                return Double.POSITIVE_INFINITY;
            case "-Infinity":
                return Double.NEGATIVE_INFINITY;
            default:
                return new BigDecimal(text.trim());
        }
    }

    private static Object truth(Object value) {
        if (value instanceof Boolean) {
            return value;
        }
        if (value instanceof Number) {
            return ((Number) value).doubleValue() != 0;
        }
        String text = value.toString().trim();
        if (text.equalsIgnoreCase("true") || text.equalsIgnoreCase("false")) {
            return text.equalsIgnoreCase("true");
        }
        throw mismatch(value, boolean.class, null);
    }

    /** A fraction is cut off where a whole number is wanted; what is too large for the type is refused. */
    private static Object number(Number value, Class<?> type) {
        if (type == double.class || type == Double.class) {
            return value.doubleValue();
        }
        if (type == float.class || type == Float.class) {
            return value.floatValue();
        }
        if (value instanceof Double) {
            throw mismatch(value, type, null);
        }
        BigInteger whole = value instanceof Integer || value instanceof Long
                ? BigInteger.valueOf(value.longValue())
                : value instanceof BigInteger ? (BigInteger) value : magnitude((BigDecimal) value, type);
        if (type == int.class || type == Integer.class) {
            return whole.intValueExact();
        }
        if (type == long.class || type == Long.class) {
            return whole.longValueExact();
        }
        if (type == short.class || type == Short.class) {
            return whole.shortValueExact();
        }
        return type == byte.class || type == Byte.class ? (Object) whole.byteValueExact() : null;
    }

    /** A number such as 1e999999999 must not be written out. */
    private static BigInteger magnitude(BigDecimal value, Class<?> wanted) {
        if (Math.abs((long) value.precision() - value.scale()) > 1000) {
            throw mismatch(value, wanted, null);
        }
        return value.toBigInteger();
    }

    /** By its name or its number; what is neither is null. */
    private static Object constant(String value, Class<?> type) {
        Object[] constants = type.getEnumConstants();
        for (Object one : constants) {
            if (((Enum<?>) one).name().equals(value)) {
                return one;
            }
        }
        int number = value.matches("\\d{1,9}") ? Integer.parseInt(value) : constants.length;
        return number < constants.length ? constants[number] : null;
    }

    private static byte[] base64(Object value) {
        return Base64.getMimeDecoder().decode(text(value));
    }

    /** A point in time: milliseconds, in event classes seconds; or text by ISO 8601. */
    private static Instant instant(Object value, boolean seconds) {
        if (value instanceof Number) {
            BigDecimal number = new BigDecimal(value.toString());
            magnitude(number, Instant.class);
            return seconds
                    ? Instant.ofEpochSecond(number.longValue(), number.remainder(BigDecimal.ONE).movePointRight(9).longValue())
                    : Instant.ofEpochMilli(number.longValue());
        }
        String text = text(value);
        if (text.matches("-?\\d+(\\.\\d+)?")) {
            return instant(new BigDecimal(text), seconds);
        }
        if (text.length() == 10) {
            return LocalDate.parse(text).atStartOfDay(ZoneOffset.UTC).toInstant();
        }
        if (text.matches(".*[+-]\\d{4}")) {
            return OffsetDateTime.parse(text, WITHOUT_COLON).toInstant();
        }
        if (Character.isLetter(text.charAt(0))) {
            return OffsetDateTime.parse(text, DateTimeFormatter.RFC_1123_DATE_TIME).toInstant();
        }
        return text.matches(".*(Z|[+-]\\d{2}:\\d{2})")
                ? OffsetDateTime.parse(text).toInstant()
                : java.time.LocalDateTime.parse(text).toInstant(ZoneOffset.UTC);
    }

    private static Object date(Object value, Class<?> type, boolean event) {
        long millis = instant(value, event).toEpochMilli();
        if (Calendar.class.isAssignableFrom(type)) {
            Calendar calendar = new GregorianCalendar(TimeZone.getTimeZone("UTC"));
            calendar.setTimeInMillis(millis);
            return calendar;
        }
        return type == Date.class ? new Date(millis) : made(type, long.class, millis);
    }

    private static Object time(Object value, Class<?> type) {
        if (type == Instant.class) {
            return instant(value, true);
        }
        if (value instanceof Number) {
            long whole = ((Number) value).longValue();
            switch (type.getSimpleName()) {
                case "Duration":
                    return java.time.Duration.between(Instant.EPOCH, instant(value, true));
                case "LocalDate":
                    return LocalDate.ofEpochDay(whole);
                case "Year":
                    return java.time.Year.of((int) whole);
                case "OffsetDateTime":
                    return instant(value, true).atOffset(ZoneOffset.UTC);
                case "ZonedDateTime":
                    return instant(value, true).atZone(ZoneOffset.UTC);
                default:
                    throw mismatch(value, type, null);
            }
        }
        if (type == OffsetDateTime.class || type == ZonedDateTime.class) {
            String text = text(value);
            boolean parsed = type == ZonedDateTime.class ? text.contains("[") : text.matches(".*[+-]\\d{2}:\\d{2}");
            if (!parsed) {
                ZonedDateTime time = instant(value, true).atZone(ZoneOffset.UTC);
                return type == ZonedDateTime.class ? time : time.toOffsetDateTime();
            }
        }
        if (type.getSimpleName().startsWith("LocalDate") && text(value).endsWith("Z")) {
            java.time.LocalDateTime time = instant(value, true).atZone(ZoneOffset.UTC).toLocalDateTime();
            return type == LocalDate.class ? time.toLocalDate() : time;
        }
        boolean of = type.getSimpleName().equals("ZoneId") || type.getSimpleName().equals("ZoneOffset");
        return called(type, of ? "of" : "parse", of ? String.class : CharSequence.class, text(value));
    }

    private static Object library(Object value, Class<?> type) {
        switch (type.getName()) {
            case "java.math.BigDecimal":
                return new BigDecimal(text(value).trim());
            case "java.math.BigInteger":
                return magnitude(new BigDecimal(text(value).trim()), type);
            case "java.util.concurrent.atomic.AtomicInteger":
                return new AtomicInteger((Integer) basic(value, int.class));
            case "java.util.concurrent.atomic.AtomicLong":
                return new AtomicLong((Long) basic(value, long.class));
            case "java.util.concurrent.atomic.AtomicBoolean":
                return new AtomicBoolean((Boolean) truth(value));
            case "java.util.OptionalInt":
                return OptionalInt.of((Integer) basic(value, int.class));
            case "java.util.OptionalLong":
                return OptionalLong.of((Long) basic(value, long.class));
            case "java.util.OptionalDouble":
                return OptionalDouble.of((Double) basic(value, double.class));
            case "java.util.UUID":
                return UUID.fromString(text(value));
            case "java.util.Locale":
                return Locale.forLanguageTag(text(value).replace('_', '-'));
            case "java.util.Currency":
                return Currency.getInstance(text(value));
            case "java.util.TimeZone":
                return TimeZone.getTimeZone(text(value));
            case "java.util.regex.Pattern":
                return java.util.regex.Pattern.compile(text(value));
            case "java.nio.file.Path":
                return java.nio.file.Paths.get(text(value));
            case "java.nio.charset.Charset":
                return java.nio.charset.Charset.forName(text(value));
            case "java.net.URI":
            case "java.net.URL":
            case "java.io.File":
                return made(type, String.class, text(value));
            case "org.joda.time.DateTime":
                return value instanceof String ? called(type, "parse", String.class, value) : made(type, long.class, instant(value, true).toEpochMilli());
            default:
                return null;
        }
    }

    private static Object made(Class<?> type, Class<?> parameter, Object argument) {
        try {
            return type.getConstructor(parameter).newInstance(argument);
        } catch (ReflectiveOperationException problem) {
            throw mismatch(argument, type, Binder.because(problem));
        }
    }

    private static Object called(Class<?> type, String method, Class<?> parameter, Object argument) {
        try {
            return type.getMethod(method, parameter).invoke(null, argument);
        } catch (InvocationTargetException problem) {
            throw mismatch(argument, type, problem.getCause());
        } catch (ReflectiveOperationException problem) {
            throw mismatch(argument, type, problem);
        }
    }
}

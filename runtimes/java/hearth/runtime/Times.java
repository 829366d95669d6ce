package hearth.runtime;

import java.math.BigDecimal;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.time.OffsetTime;
import java.time.Year;
import java.time.YearMonth;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.time.temporal.ChronoField;
import java.time.temporal.TemporalAccessor;
import java.util.Date;
import java.util.List;

/** The types of {@code java.time} as Lambda has them: points in time are seconds, local ones arrays of their fields. */
final class Times {
    private static final ChronoField[] DATE = {ChronoField.YEAR, ChronoField.MONTH_OF_YEAR, ChronoField.DAY_OF_MONTH};
    private static final ChronoField[] TIME = {ChronoField.HOUR_OF_DAY, ChronoField.MINUTE_OF_HOUR};

    private Times() {}

    /** False if it is one whose text says all. */
    static boolean write(Object value, Bytes out) {
        if (value instanceof Instant) {
            seconds((Instant) value, out);
        } else if (value instanceof ZonedDateTime) {
            seconds(((ZonedDateTime) value).toInstant(), out);
        } else if (value instanceof OffsetDateTime) {
            seconds(((OffsetDateTime) value).toInstant(), out);
        } else if (value instanceof Duration) {
            seconds(((Duration) value).getSeconds(), ((Duration) value).getNano(), out);
        } else if (value instanceof Year) {
            out.ascii(value.toString());
        } else if (value instanceof YearMonth || value instanceof LocalDate || value instanceof LocalTime
                || value instanceof LocalDateTime || value instanceof OffsetTime) {
            fields((TemporalAccessor) value, out);
        } else {
            return false;
        }
        return true;
    }

    /** A date as the name of a member. The format is made when one is wanted: that takes milliseconds, and is rare. */
    static String name(Date date) {
        return DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH:mm:ss.SSSxxx").withZone(ZoneOffset.UTC).format(date.toInstant());
    }

    private static void seconds(Instant instant, Bytes out) {
        seconds(instant.getEpochSecond(), instant.getNano(), out);
    }

    private static void seconds(long seconds, int nanos, Bytes out) {
        out.ascii(seconds == 0 && nanos == 0 ? "0.0" : BigDecimal.valueOf(seconds).add(BigDecimal.valueOf(nanos, 9)).toPlainString());
    }

    /** Seconds and their fraction are left out at the end where they are nought. */
    private static void fields(TemporalAccessor value, Bytes out) {
        char before = '[';
        for (ChronoField[] group : new ChronoField[][] {DATE, TIME}) {
            for (ChronoField field : group) {
                if (value.isSupported(field)) {
                    out.write(before);
                    out.ascii(Integer.toString(value.get(field)));
                    before = ',';
                }
            }
        }
        if (value.isSupported(ChronoField.SECOND_OF_MINUTE)) {
            int second = value.get(ChronoField.SECOND_OF_MINUTE);
            int nano = value.get(ChronoField.NANO_OF_SECOND);
            out.ascii(second == 0 && nano == 0 ? "" : nano == 0 ? "," + second : "," + second + "," + nano);
        }
        if (value instanceof OffsetTime) {
            out.ascii(",\"" + ((OffsetTime) value).getOffset() + "\"");
        }
        out.write(']');
    }

    /** Null if the array is not one of such fields. */
    static Object read(List<?> fields, Class<?> type) {
        boolean offset = type == OffsetTime.class;
        int count = fields.size() - (offset ? 1 : 0);
        int[] numbers = new int[7];
        for (int index = 0; index < count; index++) {
            if (index > 6 || !(fields.get(index) instanceof Integer)) {
                return null;
            }
            numbers[index] = (Integer) fields.get(index);
        }
        int date = type == LocalTime.class || offset ? 0 : 3;
        if (type == YearMonth.class) {
            return count == 2 ? YearMonth.of(numbers[0], numbers[1]) : null;
        }
        if (type == LocalDate.class) {
            return count == 3 ? LocalDate.of(numbers[0], numbers[1], numbers[2]) : null;
        }
        boolean fits = type == LocalTime.class || type == LocalDateTime.class || offset;
        if (!fits || count < date + 2 || count > date + 4) {
            return null;
        }
        LocalTime time = LocalTime.of(numbers[date], numbers[date + 1], numbers[date + 2], numbers[date + 3]);
        if (offset) {
            return OffsetTime.of(time, ZoneOffset.of(String.valueOf(fields.get(count))));
        }
        return date == 0 ? time : LocalDateTime.of(LocalDate.of(numbers[0], numbers[1], numbers[2]), time);
    }
}

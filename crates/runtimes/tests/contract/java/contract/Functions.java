package contract;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.LambdaRuntime;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import com.amazonaws.services.lambda.runtime.RequestStreamHandler;
import com.amazonaws.services.lambda.runtime.logging.LogLevel;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.nio.file.Paths;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.Year;
import java.time.ZoneOffset;
import java.util.Date;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TimeZone;
import java.util.UUID;
import java.util.concurrent.TimeUnit;

/** The functions of the contract's cases. */
public class Functions {
    public static class Named<T> {
        private String name;
        private T value;

        public String getName() {
            return name;
        }

        public void setName(String name) {
            this.name = name;
        }

        public T getValue() {
            return value;
        }

        public void setValue(T value) {
            this.value = value;
        }
    }

    public static class Order extends Named<Integer> {
        private String URLPath;
        private boolean paid;
        public List<Named<Date>> parts;
        public Map<TimeUnit, Set<Long>> byUnit;
        public BigDecimal price;
        public byte[] data;
        public Optional<String> note = Optional.empty();
        public int[] numbers;
        public UUID id;
        public Instant at;
        public String missing;
        transient int hidden = 7;

        public String getURLPath() {
            return URLPath;
        }

        public void setURLPath(String path) {
            URLPath = path;
        }

        public boolean isPaid() {
            return paid;
        }

        public void setPaid(boolean paid) {
            this.paid = paid;
        }
    }

    public static class Singles {
        public int whole;
        public int cut;
        public int none = 9;
        public Long boxed;
        public Long noBox = 9L;
        public double fraction;
        public boolean truth;
        public char letter;
        public String text;
    }

    /** Members that senders do not always write in the form that the class has. */
    public static class Loose {
        public List<String> texts;
        public int[] numbers;
        public TimeUnit unit;
        public Integer boxed;
        public int whole = 3;
        public LocalDate day;
        public Named<Date> part;
        private String id;

        public String getID() {
            return id;
        }

        private void setID(String given) {
            id = given;
        }
    }

    public static class Nothing implements RequestHandler<Void, String> {
        @Override
        public String handleRequest(Void input, Context context) {
            return String.valueOf(input);
        }
    }

    public static class Typed implements RequestHandler<Order, Order> {
        @Override
        public Order handleRequest(Order order, Context context) {
            return order;
        }
    }

    public abstract static class Base<I> implements RequestHandler<I, String> {
        @Override
        public String handleRequest(I input, Context context) {
            return input.getClass().getSimpleName();
        }
    }

    public static class Inherited extends Base<Order> {}

    public static class Open<T> implements RequestHandler<T, T> {
        @Override
        public T handleRequest(T input, Context context) {
            return input;
        }
    }

    public static class Streams implements RequestStreamHandler {
        @Override
        public void handleRequest(InputStream in, OutputStream out, Context context) throws IOException {
            out.write(in.readAllBytes());
        }
    }

    public static class Broken {
        public Broken() {
            throw new IllegalArgumentException("not today", new IllegalStateException("because"));
        }

        public String handle(String event) {
            return event;
        }
    }

    public static class BrokenClass {
        static {
            failing();
        }

        private static void failing() {
            throw new IllegalArgumentException("not today");
        }

        public String handle(String event) {
            return event;
        }
    }

    public static class NeedsMore {
        public NeedsMore(int more) {}

        public String handle(String event) {
            return event;
        }
    }

    public class Inner {
        public String handle(String event) {
            return event;
        }
    }

    public static class Problem extends Exception {
        Problem(String message, Throwable cause) {
            super(message, cause);
        }
    }

    public static class Hooked {
        private static final StringBuilder ORDER = new StringBuilder();
        private static final hearth.crac.Resource[] HELD = {hook("1"), hook("2")};

        static {
            for (hearth.crac.Resource one : HELD) {
                hearth.crac.Core.getGlobalContext().register(one);
            }
        }

        private static hearth.crac.Resource hook(String name) {
            return new hearth.crac.Resource() {
                @Override
                public void beforeCheckpoint(hearth.crac.Context<? extends hearth.crac.Resource> context) {
                    ORDER.append("before-").append(name).append(' ');
                    if (System.getenv("FAIL") != null) {
                        throw new IllegalStateException("hook");
                    }
                }

                @Override
                public void afterRestore(hearth.crac.Context<? extends hearth.crac.Resource> context) {
                    ORDER.append("after-").append(name).append(' ');
                }
            };
        }

        public String handle(Object event) {
            return ORDER + System.getenv("RESTORED");
        }
    }

    public Object same(Object event) {
        return event;
    }

    public static String fixed(String event, Context context) {
        return event + context.getMemoryLimitInMB();
    }

    public String none() {
        return "none";
    }

    public void nothing(String event) {}

    public Singles singles(Singles event) {
        return event;
    }

    public int number(int event) {
        return event + 1;
    }

    public List<Named<String>> list(List<Named<String>> event) {
        return event;
    }

    public String over(String event) {
        return "one";
    }

    public String over(String event, Context context) {
        return "two, with a context";
    }

    public String over(String event, Integer other) {
        return "two";
    }

    public String tooMany(String one, String two, Context three) {
        return "";
    }

    public void copy(InputStream in, OutputStream out) throws IOException {
        out.write(in.readAllBytes());
    }

    public int length(InputStream in, Context context) throws IOException {
        return in.readAllBytes().length;
    }

    public Object fails(String message) throws Problem {
        throw new Problem(message, new IllegalStateException("inner"));
    }

    public Object overflows(String event) {
        return overflows(event) + "";
    }

    public Object exits(int status) {
        System.exit(status);
        return null;
    }

    public Object circle(Object event) {
        Map<String, Object> circle = new LinkedHashMap<>();
        circle.put("self", circle);
        return circle;
    }

    public Object values(Object event) {
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("float", 1.0f);
        all.put("large", 1e10);
        all.put("nan", Double.NaN);
        all.put("date", new Date(5));
        all.put("instant", Instant.ofEpochSecond(5, 500_000_000));
        all.put("null", null);
        all.put("decimal", new BigDecimal("1E+3"));
        all.put("enum", TimeUnit.DAYS);
        all.put("class", String.class);
        all.put("bytes", new byte[] {1, 2});
        all.put("text", "\u0001\u2028\ud800<\ud83d\ude00\"");
        all.put("object", new Object());
        return all;
    }

    public Object context(Object event, Context context) {
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("id", context.getAwsRequestId());
        all.put("names", List.of(context.getFunctionName(), context.getFunctionVersion(), context.getLogGroupName()));
        all.put("arn", context.getInvokedFunctionArn());
        all.put("identity", context.getIdentity());
        all.put("client", context.getClientContext());
        all.put("tenant", context.getTenantId());
        all.put("trace", context.getXrayTraceId());
        all.put("property", System.getProperty("com.amazonaws.xray.traceHeader"));
        all.put("time", context.getRemainingTimeInMillis() > 1000);
        return all;
    }

    public void logs(Object event, Context context) {
        System.out.print("be");
        System.out.print("gun\ntwo\n");
        System.err.println("error");
        context.getLogger().log("plain");
        for (LogLevel level : LogLevel.values()) {
            context.getLogger().log("of two\nlines", level);
        }
        LambdaRuntime.getLogger().log("ready".getBytes(StandardCharsets.UTF_8), LogLevel.INFO);
        System.out.print("open");
    }

    public Object around(String command) throws IOException {
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("variables", new java.util.TreeMap<>(System.getenv()));
        Process child = new ProcessBuilder("sh", "-c", "pwd; env | grep -v '^_=' | sort").start();
        all.put("child", new String(child.getInputStream().readAllBytes(), StandardCharsets.UTF_8));
        all.put("relative", new java.io.FileInputStream("note.txt").readAllBytes().length);
        all.put("zone", java.util.TimeZone.getDefault().getID());
        all.put("loader", Thread.currentThread().getContextClassLoader() == getClass().getClassLoader());
        return all;
    }

    public Loose loose(Loose event) {
        return event;
    }

    private static Order order() {
        Order order = new Order();
        order.setName("n");
        order.numbers = new int[] {1};
        return order;
    }

    /** An {@code Order} has more members than the declared type. */
    public Map<String, Named<Integer>[]> declared(List<Map<String, Object>> event) {
        @SuppressWarnings("unchecked")
        Named<Integer>[] orders = new Named[] {order()};
        return Map.of("orders", orders);
    }

    public Object undeclared() {
        Named<Object> named = new Named<>();
        named.setValue(order());
        return List.of(named);
    }

    public List<Object> times() {
        LocalDateTime time = LocalDateTime.of(2020, 1, 2, 3, 4, 5, 600);
        Map<Object, Object> byDate = new HashMap<>();
        byDate.put(new Date(0), Map.entry("key", 1));
        return List.of(time.toLocalDate(), time, LocalTime.of(3, 4), time.atZone(ZoneOffset.ofHours(1)), Instant.ofEpochSecond(7),
                Duration.ofMillis(1500), Year.of(2020), TimeZone.getTimeZone("Europe/Berlin"), Paths.get("/tmp"), byDate);
    }
}

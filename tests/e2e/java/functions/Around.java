package functions;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.logging.log4j.LogManager;
import org.crac.Core;
import org.crac.Resource;

/** What a function finds around it, logs by Log4j 2, and hooks. */
public class Around {
    /** As the tells of test_parked.py. */
    public static class Tells implements RequestHandler<Object, Map<String, Object>> {
        @Override
        public Map<String, Object> handleRequest(Object event, Context context) {
            try {
                String[] stat = Files.readString(Paths.get("/proc/self/stat")).replaceAll(".*\\)", "").trim().split(" ");
                Map<String, Object> told = new LinkedHashMap<>();
                told.put("started", Long.parseLong(stat[19]) / 100.0);
                told.put("variables", System.getenv());
                told.put("properties", System.getProperties());
                told.put("folder", Files.readSymbolicLink(Paths.get("/proc/self/cwd")).toString());
                told.put("code", sorted("/var/task"));
                told.put("opt", sorted("/opt"));
                told.put("tmp", sorted("/tmp"));
                Process child = new ProcessBuilder("sh", "-c", "echo $COLOUR; pwd").start();
                told.put("child", new String(child.getInputStream().readAllBytes()));
                told.put("threads", Thread.getAllStackTraces().keySet().stream().map(Thread::getName).sorted().toArray());
                told.put("log", new String[] {context.getLogGroupName(), context.getLogStreamName()});
                return told;
            } catch (java.io.IOException problem) {
                throw new java.io.UncheckedIOException(problem);
            }
        }

        private static String[] sorted(String folder) {
            String[] names = new File(folder).list();
            Arrays.sort(names);
            return names;
        }
    }

    public static class Logs implements RequestHandler<String, String> {
        @Override
        public String handleRequest(String event, Context context) {
            LogManager.getLogger(Logs.class).info(event);
            LogManager.getLogger(Logs.class).debug("too low");
            return event;
        }
    }

    public static class Hooked implements RequestHandler<Object, Map<String, Object>>, Resource {
        private final StringBuilder order = new StringBuilder();

        public Hooked() {
            Core.getGlobalContext().register(this);
        }

        @Override
        public void beforeCheckpoint(org.crac.Context<? extends Resource> context) {
            order.append("before ");
            if (System.getenv("FAILS") != null) {
                throw new IllegalStateException("no snapshot of this");
            }
        }

        @Override
        public void afterRestore(org.crac.Context<? extends Resource> context) {
            order.append("after");
        }

        @Override
        public Map<String, Object> handleRequest(Object event, Context context) {
            return Map.of("order", order.toString(), "type", System.getenv("AWS_LAMBDA_INITIALIZATION_TYPE"));
        }
    }

    public int size(Object event) {
        byte[][] held = new byte[30][];
        for (int index = 0; index < held.length; index++) {
            held[index] = new byte[1 << 20];
        }
        return held.length;
    }

    public String property(Object event) {
        return System.getProperty("own.property");
    }
}

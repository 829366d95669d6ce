package hearth.runtime;

import java.io.IOException;
import java.util.Map;

/** The life of the process: connect, load the handler, serve events until the server hangs up. */
public final class Main {
    private static final String TRACE = "com.amazonaws.xray.traceHeader";

    private Main() {}

    public static void main(String[] arguments) throws IOException {
        if (arguments.length > 0) {
            Rehearsal.archive();
            return;
        }
        String channel = Environment.remove("_HEARTH_CHANNEL_FD");
        Link link = channel != null ? new Channel(channel) : new HttpApi(System.getenv("AWS_LAMBDA_RUNTIME_API"));
        Output.install(Environment.remove("_LAMBDA_TELEMETRY_LOG_FD"));
        // Where the library `org.crac` looks for what registers hooks.
        System.setProperty("org.crac.Core.Compat", "hearth.crac");
        // A name that could not be found may be there a second later; the JDK would remember for ten.
        String ttl = System.getenv("AWS_LAMBDA_JAVA_NETWORKADDRESS_CACHE_NEGATIVE_TTL");
        if (Environment.remove("_HEARTH_PARKED") != null) {
            Rehearsal.run();
            Map<String, String> environment = link.parked();
            Environment.become(environment, environment.getOrDefault("LAMBDA_TASK_ROOT", "/var/task"));
            ttl = environment.get("AWS_LAMBDA_JAVA_NETWORKADDRESS_CACHE_NEGATIVE_TTL");
        }
        // By it the virtual machine knew that names of files are UTF-8, where the host may lack the locale of LANG.
        if ("C.UTF-8".equals(System.getenv("LC_ALL"))) {
            Environment.remove("LC_ALL");
        }
        java.security.Security.setProperty("networkaddress.cache.negative.ttl", ttl == null ? "1" : ttl);
        Logger logger = new Logger(System.getenv("AWS_LAMBDA_LOG_FORMAT"), System.getenv("AWS_LAMBDA_LOG_LEVEL"));
        Handler handler = load(link, logger);
        if ("snap-start".equals(System.getenv("AWS_LAMBDA_INITIALIZATION_TYPE"))) {
            Snapshot.passThrough(link, logger);
        }
        Output.flush();
        link.ready();
        serve(link, logger, handler);
    }

    /** The handler; when the function's code fails on the way to it, reports that and ends the process with status 1. */
    private static Handler load(Link link, Logger logger) throws IOException {
        try {
            logger.install();
            String task = System.getenv().getOrDefault("LAMBDA_TASK_ROOT", "/var/task");
            ClassLoader loader = new FunctionLoader(task, "/opt/java/lib");
            Thread.currentThread().setContextClassLoader(loader);
            return new Handlers(loader, logger).load(System.getenv().getOrDefault("_HANDLER", ""));
        } catch (Throwable problem) {
            Bytes document = Failure.document(problem);
            say(logger, problem);
            link.initError(Fault.BAD_CODE, document);
            System.exit(1);
            throw new IllegalStateException(problem);
        }
    }

    /** One event after the other, for ever. This loop is the hot path. */
    private static void serve(Link link, Logger logger, Handler handler) throws IOException {
        Bytes result = new Bytes();
        // The runtime for Java 11 alone has the trace in its variables as well.
        boolean variable = "AWS_Lambda_java11".equals(System.getenv("AWS_EXECUTION_ENV"));
        while (true) {
            Call call = link.next();
            logger.begin(call);
            trace(call.traceId, variable);
            result.clear();
            try {
                handler.call(call, new InvocationContext(call, logger), result);
            } catch (Throwable problem) {
                report(link, logger, call, problem);
                continue;
            }
            Output.flush();
            link.respond(call.requestId, result);
        }
    }

    private static void report(Link link, Logger logger, Call call, Throwable problem) throws IOException {
        // What the virtual machine itself throws leaves it in no state to go on.
        boolean last = problem instanceof VirtualMachineError;
        Bytes document = Failure.document(problem);
        say(logger, problem);
        link.fail(call.requestId, problem instanceof Fault ? Fault.BAD_CODE : Fault.USER, document, last);
        if (last) {
            System.exit(1);
        }
    }

    static void say(Logger logger, Throwable problem) {
        // What was printed before comes before, a line without an end included.
        Output.flush();
        logger.failure(Failure.text(problem));
        Output.flush();
    }

    private static void trace(String id, boolean variable) {
        if (id.isEmpty()) {
            System.clearProperty(TRACE);
        } else {
            System.setProperty(TRACE, id);
        }
        if (variable && !id.equals(System.getenv("_X_AMZN_TRACE_ID"))) {
            Environment.remove("_X_AMZN_TRACE_ID");
            if (!id.isEmpty()) {
                Environment.set(Map.of("_X_AMZN_TRACE_ID", id));
            }
        }
    }
}

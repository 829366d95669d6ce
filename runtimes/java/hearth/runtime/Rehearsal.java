package hearth.runtime;

import com.amazonaws.services.lambda.runtime.RequestHandler;
import com.amazonaws.services.lambda.runtime.RequestStreamHandler;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/**
 * What an invocation will need, done once while the process is parked, or while its archive of classes is made: so the
 * virtual machine has loaded and linked it. Nothing of it is left that a function could see.
 */
final class Rehearsal {
    private static final String EVENT = "{\"name\":\"n\",\"number\":1,\"list\":[1.5,true,null,\"\\u00e9\"],\"map\":{\"k\":\"v\"}}";

    private Rehearsal() {}

    /** An event's class as functions have them. */
    public static final class Sample {
        private String name;
        private int number;
        public List<Object> list;
        public Map<String, String> map;

        public String getName() {
            return name;
        }

        public void setName(String name) {
            this.name = name;
        }

        public int getNumber() {
            return number;
        }

        public void setNumber(int number) {
            this.number = number;
        }
    }

    /** A handler as functions have them. */
    public static final class Play implements RequestHandler<Sample, Sample> {
        @Override
        public Sample handleRequest(Sample input, com.amazonaws.services.lambda.runtime.Context context) {
            return input;
        }

        public static Map<String, Object> plain(Map<String, Object> input, com.amazonaws.services.lambda.runtime.Context context) {
            return input;
        }
    }

    /** Likewise. */
    public static final class Streams implements RequestStreamHandler {
        @Override
        public void handleRequest(java.io.InputStream in, java.io.OutputStream out, com.amazonaws.services.lambda.runtime.Context context)
                throws java.io.IOException {
            out.write(in.readAllBytes());
        }
    }

    static void run() {
        Logger logger = new Logger(null, null);
        Call call = new Call();
        call.bytes = EVENT.getBytes(StandardCharsets.UTF_8);
        call.end = call.bytes.length;
        try {
            ClassLoader loader = new FunctionLoader("/var/task", "/opt/java/lib");
            Handlers handlers = new Handlers(loader, logger);
            for (String name : new String[] {Play.class.getName(), Play.class.getName() + "::plain", Streams.class.getName()}) {
                Bytes result = new Bytes();
                handlers.load(name).call(call, new InvocationContext(call, logger), result);
            }
            Failure.text(new IllegalStateException("rehearsal"));
            Failure.document(new IllegalStateException("rehearsal"));
        } catch (Throwable problem) {
            throw new IllegalStateException("the bootstrap cannot run a handler", problem);
        }
        Shape.forget();
        Types.forget();
    }

    /** Loads it all and ends: for the archive of classes. */
    static void archive() {
        run();
        new HttpApi("127.0.0.1:1");
        new Channel("0");
        Output.install("2");
        Output.flush();
        Environment.remove("_HEARTH_NONE");
    }
}

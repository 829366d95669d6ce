package hearth.runtime;

import hearth.crac.Core;
import java.io.IOException;

/** SnapStart: what happens between the init and the first event of an environment that is made from a snapshot. */
final class Snapshot {
    private Snapshot() {}

    private interface Hooks {
        void run() throws Exception;
    }

    private interface Report {
        void send(String errorType, Bytes document) throws IOException;
    }

    /** Runs the hooks before the snapshot, waits to be restored, runs those after it. Ends the process on failure. */
    static void passThrough(Link link, Logger logger) throws IOException {
        run(() -> Core.getGlobalContext().beforeCheckpoint(null), logger, "Runtime.BeforeCheckpointError", link::initError);
        Output.flush();
        Environment.set(link.restored());
        run(() -> Core.getGlobalContext().afterRestore(null), logger, "Runtime.AfterRestoreError", link::restoreError);
    }

    private static void run(Hooks hooks, Logger logger, String errorType, Report report) throws IOException {
        try {
            hooks.run();
        } catch (Throwable problem) {
            Bytes document = Failure.document(problem);
            Main.say(logger, problem);
            report.send(errorType, document);
            System.exit(64);
        }
    }
}

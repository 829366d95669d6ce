package hearth.crac;

import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;

/** The one context of the process, under the names by which the library {@code org.crac} looks for an implementation. */
public final class Core {
    private static final Context<Resource> GLOBAL = new Global();

    private Core() {}

    public static Context<Resource> getGlobalContext() {
        return GLOBAL;
    }

    /** The platform alone says when a snapshot is taken. */
    public static void checkpointRestore() throws CheckpointException, RestoreException {
        throw new UnsupportedOperationException("a function cannot take its own snapshot");
    }

    /** Before the snapshot in the reverse of the order of registration, after the restore in that order. */
    private static final class Global extends Context<Resource> {
        /** Weakly held, as {@code org.crac} promises: it keeps what it wraps. */
        private final List<WeakReference<Resource>> registered = new ArrayList<>();

        @Override
        public synchronized void register(Resource resource) {
            registered.add(new WeakReference<>(resource));
        }

        @Override
        public synchronized void beforeCheckpoint(Context<? extends Resource> context) throws CheckpointException {
            CheckpointException failed = new CheckpointException();
            for (int index = registered.size() - 1; index >= 0; index--) {
                Resource resource = registered.get(index).get();
                try {
                    if (resource != null) {
                        resource.beforeCheckpoint(this);
                    }
                } catch (Exception problem) {
                    failed.addSuppressed(problem);
                }
            }
            if (failed.getSuppressed().length > 0) {
                throw failed;
            }
        }

        @Override
        public synchronized void afterRestore(Context<? extends Resource> context) throws RestoreException {
            RestoreException failed = new RestoreException();
            for (WeakReference<Resource> reference : registered) {
                Resource resource = reference.get();
                try {
                    if (resource != null) {
                        resource.afterRestore(this);
                    }
                } catch (Exception problem) {
                    failed.addSuppressed(problem);
                }
            }
            if (failed.getSuppressed().length > 0) {
                throw failed;
            }
        }
    }
}

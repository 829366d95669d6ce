package hearth.runtime;

import java.io.FileDescriptor;
import java.lang.reflect.Field;

/** Files that the process was started with, by their numbers. */
final class Descriptors {
    private Descriptors() {}

    static FileDescriptor open(String number) {
        try {
            FileDescriptor descriptor = new FileDescriptor();
            Field field = FileDescriptor.class.getDeclaredField("fd");
            field.setAccessible(true);
            field.setInt(descriptor, Integer.parseInt(number));
            return descriptor;
        } catch (ReflectiveOperationException | RuntimeException problem) {
            throw new IllegalStateException("cannot use descriptor " + number, problem);
        }
    }
}

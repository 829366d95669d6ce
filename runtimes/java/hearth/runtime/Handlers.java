package hearth.runtime;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import com.amazonaws.services.lambda.runtime.RequestStreamHandler;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Type;
import java.lang.reflect.TypeVariable;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** From a handler's name, {@code package.Class} or {@code package.Class::method}, to the handler. */
final class Handlers {
    private final ClassLoader loader;
    private final Codec codec;
    private final Logger logger;

    Handlers(ClassLoader loader, Logger logger) {
        this.loader = loader;
        this.codec = new Codec(loader);
        this.logger = logger;
    }

    /**
     * What the function's own code throws on the way, comes out as it is. What is wrong with the handler's name or form
     * fails every invocation instead.
     */
    Handler load(String name) throws Throwable {
        try {
            return find(name);
        } catch (Fault fault) {
            if (fault.traced) {
                throw fault;
            }
            return (call, context, result) -> {
                throw fault;
            };
        }
    }

    private Handler find(String name) throws Throwable {
        int split = name.lastIndexOf("::");
        String className = split < 0 ? name : name.substring(0, split);
        String method = split < 0 ? null : name.substring(split + 2);
        if (className.isEmpty() || method != null && method.isEmpty()) {
            throw new Fault("Invalid handler: `" + name + "'");
        }
        Class<?> type = loadClass(className);
        return method == null ? ofInterface(type) : ofMethod(type, method);
    }

    private Class<?> loadClass(String name) {
        try {
            return Class.forName(name, true, loader);
        } catch (ClassNotFoundException missing) {
            throw new Fault("Class not found: " + name, missing);
        } catch (LinkageError problem) {
            String why = problem.getMessage() == null ? "" : ": " + problem.getMessage();
            throw new Fault("Error loading class " + name + why, problem, true);
        }
    }

    private Handler ofInterface(Class<?> type) throws Throwable {
        if (RequestStreamHandler.class.isAssignableFrom(type)) {
            RequestStreamHandler handler = (RequestStreamHandler) instance(type);
            return (call, context, result) -> handler.handleRequest(input(call), result, context);
        }
        if (!RequestHandler.class.isAssignableFrom(type)) {
            throw new Fault("Class does not implement an appropriate handler interface: " + type.getName());
        }
        Type[] types = Types.arguments(type, RequestHandler.class);
        String lacks = "Class " + type.getName() + " does not implement RequestHandler with concrete type parameters";
        if (types == null) {
            throw new Fault(lacks);
        }
        for (Type one : types) {
            if (one instanceof TypeVariable) {
                throw new Fault(lacks + ": parameter " + ((TypeVariable<?>) one).getName() + " has no upper bound.");
            }
        }
        @SuppressWarnings("unchecked")
        RequestHandler<Object, Object> handler = (RequestHandler<Object, Object>) instance(type);
        return (call, context, result) -> {
            Object input = Types.raw(types[0]) == InputStream.class ? input(call) : codec.read(call, types[0]);
            codec.write(handler.handleRequest(input, context), types[1], result);
        };
    }

    /** Of several methods of the name: the one with the most parameters, and of those the one that ends with a Context. */
    private Handler ofMethod(Class<?> type, String name) throws Throwable {
        List<Method> methods = new ArrayList<>();
        for (Method method : type.getMethods()) {
            if (method.getName().equals(name) && !method.isBridge()) {
                methods.add(method);
            }
        }
        methods.sort(Comparator.comparingInt(Method::getParameterCount).thenComparing(Handlers::takesContext).reversed());
        for (Method method : methods) {
            String unfit = unfit(method);
            if (unfit == null) {
                return ofMethod(type, method);
            }
            logger.log(unfit + "\n");
        }
        throw new Fault("No public method named " + name + " with appropriate method signature found on class " + type.getName());
    }

    private static boolean takesContext(Method method) {
        Class<?>[] parameters = method.getParameterTypes();
        return parameters.length > 0 && parameters[parameters.length - 1] == Context.class;
    }

    /** Why a method cannot be a handler; null if it can. */
    private static String unfit(Method method) {
        Class<?>[] types = method.getParameterTypes();
        if (types.length > 3) {
            return "Ignoring an overload of method " + method.getName() + " because it has too many parameters: Expected at most 3, got " + types.length;
        }
        boolean streams = types.length >= 2 && types[0] == InputStream.class && types[1] == OutputStream.class;
        if (types.length == 3) {
            boolean fits = streams && types[2] == Context.class;
            return fits ? null : "Ignoring three-argument overload because argument signature is not (InputStream, OutputStream, Context)";
        }
        if (types.length < 2 || streams) {
            return null;
        }
        if (types[0] == Context.class) {
            return "Ignoring two-argument overload because first argument type is Context";
        }
        return types[1] == Context.class ? null : "Ignoring two-argument overload because second parameter type is not Context";
    }

    private Handler ofMethod(Class<?> type, Method method) throws Throwable {
        Object target = Modifier.isStatic(method.getModifiers()) ? null : instance(type);
        method.setAccessible(true);
        Class<?>[] raw = method.getParameterTypes();
        Type[] types = method.getGenericParameterTypes();
        for (int index = 0; index < types.length; index++) {
            types[index] = Types.in(type, types[index]);
        }
        boolean writes = List.of(raw).contains(OutputStream.class);
        Type returned = Types.in(type, method.getGenericReturnType());
        if (writes && method.getReturnType() != void.class) {
            logger.log("Will ignore return type " + method.getReturnType() + " on byte stream handler\n");
        }
        return (call, context, result) -> {
            Object[] arguments = new Object[raw.length];
            for (int index = 0; index < raw.length; index++) {
                arguments[index] = raw[index] == Context.class ? context
                        : raw[index] == InputStream.class ? input(call)
                        : raw[index] == OutputStream.class ? result : codec.read(call, types[index]);
            }
            Object value;
            try {
                value = method.invoke(target, arguments);
            } catch (InvocationTargetException problem) {
                throw problem.getCause();
            }
            if (!writes) {
                codec.write(value, returned, result);
            }
        };
    }

    private static InputStream input(Call call) {
        return new ByteArrayInputStream(call.bytes, call.start, call.end - call.start);
    }

    private static Object instance(Class<?> type) throws Throwable {
        try {
            if (type.isMemberClass() && !Modifier.isStatic(type.getModifiers())) {
                throw wrong("Class " + type.getName() + " cannot be instantiated because it is a non-static inner class", null);
            }
            Constructor<?> constructor = type.getConstructor();
            constructor.setAccessible(true);
            return constructor.newInstance();
        } catch (NoSuchMethodException missing) {
            throw wrong("Class " + type.getName() + " has no public zero-argument constructor", missing);
        } catch (InstantiationException problem) {
            throw new Fault(problem.getClass().getName(), problem);
        } catch (InvocationTargetException problem) {
            throw problem.getCause();
        }
    }

    private static Fault wrong(String message, Throwable cause) {
        Exception problem = new Exception(message, cause);
        problem.setStackTrace(new StackTraceElement[0]);
        return new Fault(message, problem);
    }
}

package hearth.runtime;

import java.lang.reflect.Constructor;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Type;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * What a class looks like in JSON: its properties by getters, setters and public fields, those of records by their
 * components and getters. Fields come first, in their order, those of superclasses before; then what only a getter knows.
 */
final class Shape {
    private static final Map<Class<?>, Shape> KNOWN = new ConcurrentHashMap<>();

    /** One member of the JSON object. */
    static final class Property {
        final String name;
        /** An event class of AWS's, whose dates are seconds. */
        final boolean seconds;
        private Method getter;
        private Method setter;
        private Field field;

        Property(String name, boolean seconds) {
            this.name = name;
            this.seconds = seconds;
        }

        Object get(Object bean) {
            try {
                return getter != null ? getter.invoke(bean) : field.get(bean);
            } catch (InvocationTargetException problem) {
                throw new IllegalStateException(getter + " failed", problem.getCause());
            } catch (IllegalAccessException problem) {
                throw new IllegalStateException(problem);
            }
        }

        boolean isWritable() {
            return setter != null || field != null;
        }

        Type type() {
            return setter != null ? setter.getGenericParameterTypes()[0] : field.getGenericType();
        }

        void set(Object bean, Object value) throws ReflectiveOperationException {
            if (setter != null) {
                setter.invoke(bean, value);
            } else {
                field.set(bean, value);
            }
        }
    }

    final Class<?> type;
    final boolean event;
    private final Map<String, Property> properties = new LinkedHashMap<>();
    private List<Property> written;
    private Map<String, Property> read;
    /** Of a record: its canonical constructor. */
    final Constructor<?> canonical;
    final List<Property> components = new ArrayList<>();

    static Shape of(Class<?> type) {
        Shape known = KNOWN.get(type);
        return known != null ? known : KNOWN.computeIfAbsent(type, Shape::new);
    }

    /** Nobody keeps what was learned while the process was parked. */
    static void forget() {
        KNOWN.clear();
    }

    private Shape(Class<?> type) {
        this.type = type;
        this.event = Events.isEvent(type);
        Constructor<?> constructor = null;
        try {
            constructor = components();
            if (constructor == null) {
                gather();
            }
        } catch (ReflectiveOperationException problem) {
            throw new IllegalStateException("cannot look into " + type, problem);
        }
        this.canonical = constructor;
    }

    List<Property> written() {
        if (written == null) {
            List<Property> list = new ArrayList<>(properties.values());
            list.removeIf(property -> property.getter == null
                    && (property.field == null || !Modifier.isPublic(property.field.getModifiers())));
            written = list;
        }
        return written;
    }

    /** The property of this name; event classes are forgiving about how it is written. */
    Property find(String name) {
        if (read == null) {
            Map<String, Property> all = new HashMap<>();
            for (Map.Entry<String, Property> entry : properties.entrySet()) {
                all.put(event ? Events.plain(entry.getKey()) : entry.getKey(), entry.getValue());
            }
            read = all;
        }
        return read.get(event ? Events.plain(name) : name);
    }

    /** Records are known by reflection alone: this code also runs where there are none. */
    private Constructor<?> components() throws ReflectiveOperationException {
        if (type.getSuperclass() == null || !type.getSuperclass().getName().equals("java.lang.Record")) {
            return null;
        }
        Object[] found = (Object[]) Class.class.getMethod("getRecordComponents").invoke(type);
        Class<?>[] types = new Class<?>[found.length];
        for (int index = 0; index < found.length; index++) {
            Class<?> kind = found[index].getClass();
            String name = (String) kind.getMethod("getName").invoke(found[index]);
            types[index] = (Class<?>) kind.getMethod("getType").invoke(found[index]);
            Property property = property(name);
            property.getter = (Method) kind.getMethod("getAccessor").invoke(found[index]);
            property.getter.setAccessible(true);
            property.field = type.getDeclaredField(name);
            components.add(property);
        }
        for (Method method : type.getMethods()) {
            if (components.stream().noneMatch(one -> one.getter.equals(method))) {
                getter(method);
            }
        }
        Constructor<?> constructor = type.getDeclaredConstructor(types);
        constructor.setAccessible(true);
        return constructor;
    }

    private void gather() {
        Deque<Class<?>> line = new ArrayDeque<>();
        for (Class<?> one = type; one != null && one != Object.class; one = one.getSuperclass()) {
            line.push(one);
        }
        Map<String, Field> fields = new LinkedHashMap<>();
        for (Class<?> one : line) {
            for (Field field : one.getDeclaredFields()) {
                if (!Modifier.isStatic(field.getModifiers()) && !field.isSynthetic()) {
                    fields.put(field.getName(), field);
                    property(field.getName());
                }
            }
        }
        Method[] methods = type.getMethods();
        for (Method method : methods) {
            getter(method);
        }
        for (Method method : methods) {
            setter(method);
        }
        // Setters may also be private.
        for (Class<?> one : line) {
            for (Method method : one.getDeclaredMethods()) {
                if (!Modifier.isPublic(method.getModifiers())) {
                    setter(method);
                }
            }
        }
        for (Map.Entry<String, Field> entry : fields.entrySet()) {
            Field field = entry.getValue();
            Property property = property(entry.getKey());
            boolean open = Modifier.isPublic(field.getModifiers()) && !Modifier.isTransient(field.getModifiers());
            // Event classes without setters have constructors whose parameters have no names.
            if (open || event && property.setter == null) {
                field.setAccessible(true);
                property.field = field;
            }
        }
        properties.values().removeIf(one -> one.getter == null && one.setter == null && one.field == null);
    }

    private void getter(Method method) {
        String name = method.getName();
        if (!counts(method) || method.getParameterCount() != 0 || method.getReturnType() == void.class) {
            return;
        }
        boolean is = name.length() > 2 && name.startsWith("is")
                && (method.getReturnType() == boolean.class || method.getReturnType() == Boolean.class);
        boolean get = name.length() > 3 && name.startsWith("get");
        if (get || is) {
            Property property = property(decapitalised(name.substring(get ? 3 : 2)));
            if (property.getter == null || get) {
                property.getter = accessible(method);
            }
        }
    }

    private void setter(Method method) {
        String name = method.getName();
        if (counts(method) && method.getParameterCount() == 1 && name.length() > 3 && name.startsWith("set")) {
            Property property = property(decapitalised(name.substring(3)));
            if (property.setter == null || agrees(property, method)) {
                property.setter = accessible(method);
            }
        }
    }

    private static boolean counts(Method method) {
        return !Modifier.isStatic(method.getModifiers()) && !method.isBridge() && method.getDeclaringClass() != Object.class;
    }

    /** Of several setters, the one that takes what the getter gives. */
    private static boolean agrees(Property property, Method setter) {
        return property.getter != null && property.getter.getReturnType() == setter.getParameterTypes()[0];
    }

    private static Method accessible(Method method) {
        method.setAccessible(true);
        return method;
    }

    private Property property(String name) {
        String key = event ? Events.plain(name) : name;
        Property known = properties.get(key);
        if (known == null) {
            known = new Property(event ? Events.written(type, name) : name, event);
            properties.put(key, known);
        }
        return known;
    }

    /** {@code Name} is {@code name}, {@code URLPath} stays: the rule of the JavaBeans specification, as on Lambda. */
    private static String decapitalised(String name) {
        boolean stays = name.length() > 1 && Character.isUpperCase(name.charAt(0)) && Character.isUpperCase(name.charAt(1));
        return stays ? name : Character.toLowerCase(name.charAt(0)) + name.substring(1);
    }
}

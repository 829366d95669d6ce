package hearth.runtime;

import java.lang.reflect.Array;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Type;
import java.math.BigDecimal;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.AtomicReference;

/**
 * Plain objects as they come out of {@link JsonReader}, made into what a handler asks for. Members that a class does not
 * have are passed over. As on Lambda, one value does for an array of one and the other way round, and an empty text or
 * array stands for null.
 */
final class Binder {
    /** What is wrong with a value, and where in the event it stands. */
    static final class Mismatch extends IllegalArgumentException {
        private static final long serialVersionUID = 1L;
        private String where = "";

        Mismatch(String message, Throwable cause) {
            super(message, cause);
        }

        Mismatch in(String member) {
            where = member + where;
            return this;
        }

        @Override
        public String getMessage() {
            return super.getMessage() + (where.isEmpty() ? "" : " at event" + where);
        }
    }

    private Binder() {}

    static Object bind(Object value, Type type) {
        return bind(value, type, false);
    }

    private static Object bind(Object value, Type type, boolean event) {
        Class<?> raw = Types.raw(type);
        if (value == null || raw == Void.class) {
            return Scalars.absent(raw);
        }
        if (raw == Object.class || raw == java.io.Serializable.class) {
            return natural(value);
        }
        if (raw == Optional.class) {
            return Optional.ofNullable(bind(value, argument(type, Optional.class, 0), event));
        }
        if (raw == AtomicReference.class) {
            return new AtomicReference<>(bind(value, argument(type, AtomicReference.class, 0), event));
        }
        if (value instanceof String && !Scalars.isText(raw) && Scalars.isNothing((String) value, raw)) {
            return Scalars.absent(raw);
        }
        if (Collection.class.isAssignableFrom(raw) || raw == Iterable.class) {
            return collection(elements(value), type, raw, event);
        }
        if (raw.isArray() && (value instanceof List || raw != byte[].class && raw != char[].class)) {
            Type of = Types.component(type);
            return array(elements(value), of == null ? raw.getComponentType() : of, event);
        }
        if (value instanceof List) {
            Object fields = raw.getName().startsWith("java.time.") ? Times.read((List<?>) value, raw) : null;
            return fields == null ? only((List<?>) value, type, raw, event) : fields;
        }
        if (Map.class.isAssignableFrom(raw)) {
            return map(members(value, raw), type, raw, event);
        }
        Object scalar = Scalars.convert(value, raw, event);
        if (scalar != null) {
            return scalar;
        }
        if (value instanceof Map) {
            return bean((Map<?, ?>) value, type, raw);
        }
        return raw.isEnum() ? null : creator(value, raw);
    }

    /** A value that may be anything: fractions are doubles, as other binders of Java have them. */
    private static Object natural(Object value) {
        if (value instanceof BigDecimal) {
            return ((BigDecimal) value).doubleValue();
        }
        if (value instanceof Map) {
            @SuppressWarnings("unchecked")
            Map<String, Object> map = (Map<String, Object>) value;
            map.replaceAll((name, member) -> natural(member));
        } else if (value instanceof List) {
            @SuppressWarnings("unchecked")
            List<Object> list = (List<Object>) value;
            list.replaceAll(Binder::natural);
        }
        return value;
    }

    private static Map<?, ?> members(Object value, Class<?> wanted) {
        if (value instanceof Map) {
            return (Map<?, ?>) value;
        }
        throw Scalars.mismatch(value, wanted, null);
    }

    private static List<?> elements(Object value) {
        return value instanceof List ? (List<?>) value : Collections.singletonList(value);
    }

    /** The one element of an array that stands where none is wanted. */
    private static Object only(List<?> elements, Type type, Class<?> raw, boolean event) {
        if (elements.size() > 1 || elements.isEmpty() && raw.isPrimitive() && raw != char.class) {
            throw Scalars.mismatch(elements, raw, null);
        }
        return elements.isEmpty() ? Scalars.absent(raw) : bind(elements.get(0), type, event);
    }

    private static Type argument(Type type, Class<?> of, int index) {
        Type[] arguments = Types.arguments(type, of);
        return arguments == null ? Object.class : arguments[index];
    }

    private static Object map(Map<?, ?> members, Type type, Class<?> raw, boolean event) {
        Type keys = argument(type, Map.class, 0);
        Type values = argument(type, Map.class, 1);
        Map<Object, Object> map = newMap(raw, Types.raw(keys));
        boolean text = Types.raw(keys) == String.class || Types.raw(keys) == Object.class;
        for (Map.Entry<?, ?> entry : members.entrySet()) {
            String name = (String) entry.getKey();
            try {
                Object value = bind(entry.getValue(), values, event);
                Object key = text ? name : bind(name, keys, event);
                if (map instanceof HashMap || key != null && (value != null || !(map instanceof ConcurrentMap))) {
                    map.put(key, value);
                }
            } catch (Mismatch problem) {
                throw problem.in("[\"" + name + "\"]");
            }
        }
        return map;
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    private static Map<Object, Object> newMap(Class<?> raw, Class<?> keys) {
        if (raw == EnumMap.class) {
            return new EnumMap(keys);
        }
        if (raw.isAssignableFrom(LinkedHashMap.class)) {
            return new LinkedHashMap<>();
        }
        if (raw.isAssignableFrom(TreeMap.class)) {
            return new TreeMap<>();
        }
        if (raw.isAssignableFrom(ConcurrentHashMap.class)) {
            return new ConcurrentHashMap<>();
        }
        return (Map<Object, Object>)
                (raw.isAssignableFrom(ConcurrentSkipListMap.class) ? new ConcurrentSkipListMap<>() : newInstance(raw));
    }

    private static Object collection(List<?> elements, Type type, Class<?> raw, boolean event) {
        Type of = raw == Iterable.class ? argument(type, Iterable.class, 0) : argument(type, Collection.class, 0);
        Collection<Object> collection = newCollection(raw, Types.raw(of));
        int index = 0;
        for (Object element : elements) {
            try {
                Object bound = bind(element, of, event);
                if (bound != null || !(collection instanceof EnumSet)) {
                    collection.add(bound);
                }
            } catch (Mismatch problem) {
                throw problem.in("[" + index + "]");
            }
            index++;
        }
        return collection;
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    private static Collection<Object> newCollection(Class<?> raw, Class<?> of) {
        if (EnumSet.class.isAssignableFrom(raw)) {
            return EnumSet.noneOf((Class) of);
        }
        if (raw.isAssignableFrom(ArrayList.class)) {
            return new ArrayList<>();
        }
        if (raw.isAssignableFrom(LinkedHashSet.class)) {
            return new LinkedHashSet<>();
        }
        if (raw.isAssignableFrom(TreeSet.class)) {
            return new TreeSet<>();
        }
        return (Collection<Object>) (raw.isAssignableFrom(ArrayDeque.class) ? new ArrayDeque<>() : newInstance(raw));
    }

    private static Object array(List<?> elements, Type of, boolean event) {
        Object array = Array.newInstance(Types.raw(of), elements.size());
        for (int index = 0; index < elements.size(); index++) {
            try {
                Array.set(array, index, bind(elements.get(index), of, event));
            } catch (Mismatch problem) {
                throw problem.in("[" + index + "]");
            }
        }
        return array;
    }

    private static Object bean(Map<?, ?> members, Type type, Class<?> raw) {
        Shape shape = Shape.of(raw);
        Object[] arguments = shape.canonical == null ? null : new Object[shape.components.size()];
        Object bean = arguments == null ? newInstance(raw) : null;
        for (int index = 0; arguments != null && index < arguments.length; index++) {
            arguments[index] = Scalars.absent(Types.raw(shape.components.get(index).type()));
        }
        for (Map.Entry<?, ?> entry : members.entrySet()) {
            Shape.Property property = shape.find((String) entry.getKey());
            if (property == null || !property.isWritable()) {
                continue;
            }
            try {
                Object value = bind(entry.getValue(), Types.in(type, property.type()), shape.event);
                if (arguments != null) {
                    arguments[shape.components.indexOf(property)] = value;
                } else {
                    property.set(bean, value);
                }
            } catch (Mismatch problem) {
                throw problem.in("." + entry.getKey());
            } catch (ReflectiveOperationException problem) {
                throw new Mismatch("cannot set a member of " + raw.getName(), because(problem)).in("." + entry.getKey());
            }
        }
        try {
            return arguments == null ? bean : shape.canonical.newInstance(arguments);
        } catch (ReflectiveOperationException problem) {
            throw new Mismatch("cannot make a " + raw.getName(), because(problem));
        }
    }

    static Throwable because(ReflectiveOperationException problem) {
        return problem instanceof InvocationTargetException ? problem.getCause() : problem;
    }

    private static Object newInstance(Class<?> raw) {
        if (raw.isInterface() || Modifier.isAbstract(raw.getModifiers())) {
            throw new Mismatch(raw.getName() + " is abstract, so there is no way to make one", null);
        }
        try {
            Constructor<?> constructor = raw.getDeclaredConstructor();
            constructor.setAccessible(true);
            return constructor.newInstance();
        } catch (NoSuchMethodException none) {
            if (Events.isEvent(raw)) {
                return withoutConstructor(raw);
            }
            throw new Mismatch(raw.getName() + " has no constructor without parameters", none);
        } catch (ReflectiveOperationException problem) {
            throw new Mismatch("cannot make a " + raw.getName(), because(problem));
        }
    }

    /** As object streams make objects: the members are set afterwards. */
    private static Object withoutConstructor(Class<?> raw) {
        try {
            Class<?> kind = Class.forName("sun.reflect.ReflectionFactory");
            Object factory = kind.getMethod("getReflectionFactory").invoke(null);
            Method make = kind.getMethod("newConstructorForSerialization", Class.class, Constructor.class);
            Constructor<?> of = (Constructor<?>) make.invoke(factory, raw, Object.class.getDeclaredConstructor());
            return of.newInstance();
        } catch (ReflectiveOperationException problem) {
            throw new Mismatch("cannot make a " + raw.getName(), because(problem));
        }
    }

    /** A value that is no object, for a class that can be made from one: by a constructor or a static {@code valueOf}. */
    private static Object creator(Object value, Class<?> raw) {
        try {
            for (Constructor<?> one : raw.getConstructors()) {
                if (one.getParameterCount() == 1 && Scalars.fits(value, one.getParameterTypes()[0])) {
                    return one.newInstance(Scalars.convert(value, one.getParameterTypes()[0], false));
                }
            }
            for (String name : new String[] {"valueOf", "fromString"}) {
                for (Method one : raw.getMethods()) {
                    boolean makes = Modifier.isStatic(one.getModifiers()) && raw.isAssignableFrom(one.getReturnType());
                    if (makes && one.getName().equals(name) && one.getParameterCount() == 1
                            && Scalars.fits(value, one.getParameterTypes()[0])) {
                        return one.invoke(null, Scalars.convert(value, one.getParameterTypes()[0], false));
                    }
                }
            }
        } catch (ReflectiveOperationException problem) {
            throw new Mismatch("cannot make a " + raw.getName(), because(problem));
        }
        throw Scalars.mismatch(value, raw, null);
    }
}

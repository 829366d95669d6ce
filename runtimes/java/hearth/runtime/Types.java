package hearth.runtime;

import java.lang.reflect.GenericArrayType;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.lang.reflect.TypeVariable;
import java.lang.reflect.WildcardType;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** What can be known of generic types at run time. */
final class Types {
    private Types() {}

    /** A class with its arguments, where reflection had variables. */
    static final class Applied implements ParameterizedType {
        private final ParameterizedType of;
        private final Type[] arguments;

        Applied(ParameterizedType of, Type[] arguments) {
            this.of = of;
            this.arguments = arguments;
        }

        @Override
        public Type[] getActualTypeArguments() {
            return arguments.clone();
        }

        @Override
        public Type getRawType() {
            return of.getRawType();
        }

        @Override
        public Type getOwnerType() {
            return of.getOwnerType();
        }

        @Override
        public String toString() {
            return of.getRawType().getTypeName() + Arrays.toString(arguments);
        }
    }

    /** The class behind a type. */
    static Class<?> raw(Type type) {
        if (type instanceof Class) {
            return (Class<?>) type;
        }
        if (type instanceof ParameterizedType) {
            return (Class<?>) ((ParameterizedType) type).getRawType();
        }
        if (type instanceof GenericArrayType) {
            Class<?> element = raw(((GenericArrayType) type).getGenericComponentType());
            return java.lang.reflect.Array.newInstance(element, 0).getClass();
        }
        if (type instanceof TypeVariable) {
            return raw(((TypeVariable<?>) type).getBounds()[0]);
        }
        return raw(((WildcardType) type).getUpperBounds()[0]);
    }

    /** The type as a member of {@code owner} has it: variables of the owner's classes are replaced. */
    static Type in(Type owner, Type type) {
        if (type instanceof Class) {
            return type;
        }
        Map<TypeVariable<?>, Type> known = new HashMap<>();
        learn(owner, known);
        return replaced(type, known);
    }

    /** What {@code type} gives for the parameters of the class or interface {@code wanted}; null if it gives none. */
    static Type[] arguments(Type type, Class<?> wanted) {
        Map<TypeVariable<?>, Type> known = new HashMap<>();
        learn(type, known);
        TypeVariable<?>[] parameters = wanted.getTypeParameters();
        Type[] arguments = new Type[parameters.length];
        for (int index = 0; index < parameters.length; index++) {
            Type found = known.get(parameters[index]);
            if (found == null) {
                return null;
            }
            arguments[index] = replaced(found, known);
        }
        return arguments;
    }

    /** Content types by what has them. */
    private static final Map<Type, Type> CONTENTS = new ConcurrentHashMap<>();

    /** One argument of {@code wanted} as {@code type} has it; null if nothing is known of it. */
    static Type argument(Type type, Class<?> wanted, int index) {
        if (type == null || type == Object.class) {
            return null;
        }
        Type content = CONTENTS.get(type);
        if (content == null) {
            Type[] found = arguments(type, wanted);
            content = found == null ? Object.class : found[index];
            CONTENTS.put(type, content);
        }
        return content == Object.class ? null : content;
    }

    /** Nobody keeps what was learned while the process was parked. */
    static void forget() {
        CONTENTS.clear();
    }

    /** The type of an array's elements; null if nothing is known of it. */
    static Type component(Type type) {
        return type instanceof GenericArrayType ? ((GenericArrayType) type).getGenericComponentType()
                : type instanceof Class ? ((Class<?>) type).getComponentType() : null;
    }

    private static void learn(Type type, Map<TypeVariable<?>, Type> known) {
        if (type == null) {
            return;
        }
        Class<?> raw = raw(type);
        if (type instanceof ParameterizedType) {
            Type[] arguments = ((ParameterizedType) type).getActualTypeArguments();
            TypeVariable<?>[] parameters = raw.getTypeParameters();
            for (int index = 0; index < parameters.length; index++) {
                known.putIfAbsent(parameters[index], arguments[index]);
            }
            learn(((ParameterizedType) type).getOwnerType(), known);
        }
        learn(raw.getGenericSuperclass(), known);
        for (Type one : raw.getGenericInterfaces()) {
            learn(one, known);
        }
    }

    private static Type replaced(Type type, Map<TypeVariable<?>, Type> known) {
        Type found = type;
        for (int hops = 0; found instanceof TypeVariable && hops < 16; hops++) {
            Type next = known.get(found);
            if (next == null) {
                Type bound = ((TypeVariable<?>) found).getBounds()[0];
                // Without a bound it stays what it is, and stands for any object.
                return bound == Object.class ? found : raw(bound);
            }
            found = next;
        }
        if (found instanceof WildcardType) {
            return replaced(((WildcardType) found).getUpperBounds()[0], known);
        }
        if (found instanceof ParameterizedType && !(found instanceof Applied)) {
            Type[] arguments = ((ParameterizedType) found).getActualTypeArguments();
            for (int index = 0; index < arguments.length; index++) {
                arguments[index] = replaced(arguments[index], known);
            }
            return new Applied((ParameterizedType) found, arguments);
        }
        if (found instanceof GenericArrayType) {
            Class<?> element = raw(replaced(((GenericArrayType) found).getGenericComponentType(), known));
            return java.lang.reflect.Array.newInstance(element, 0).getClass();
        }
        return found;
    }
}

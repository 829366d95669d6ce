using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;

namespace Hearth.Runtime
{
    /// The function's own `ILambdaSerializer`, as `LambdaSerializerAttribute` on its method or assembly names it.
    internal sealed class Serializer
    {
        private readonly object instance;
        private readonly MethodInfo deserialize;
        private readonly MethodInfo serialize;
        private readonly Dictionary<Type, MethodInfo> readers = new Dictionary<Type, MethodInfo>();
        private readonly Dictionary<Type, MethodInfo> writers = new Dictionary<Type, MethodInfo>();

        internal static Serializer? Of(Assembly assembly, MethodInfo method)
        {
            static object? Among(IEnumerable<object> attributes) =>
                attributes.SingleOrDefault(one => one.GetType().FullName == Core.SerializerAttributeName);
            var attribute = Among(method.GetCustomAttributes()) ?? Among(assembly.GetCustomAttributes());
            return attribute == null ? null : new Serializer(Named(attribute));
        }

        private static Type Named(object attribute)
        {
            var name = attribute.GetType().FullName;
            var property = attribute.GetType().GetProperty("SerializerType") ??
                throw new LambdaValidationException($"The '{name}' class is invalid: no 'SerializerType' property detected.");
            return property.GetValue(attribute) as Type ??
                throw new LambdaValidationException($"The 'SerializerType' property on attribute class '{name}' is not set.");
        }

        private Serializer(Type type)
        {
            var contract = type.GetInterface(Core.SerializerName) ??
                throw new LambdaValidationException($"The '{type.FullName}' class is invalid: it does not implement the 'ILambdaSerializer' interface.");
            var make = type.GetConstructor(Type.EmptyTypes) ??
                throw new LambdaValidationException($"The indicated serializer '{type.FullName}' does not define a public zero-parameter constructor.");
            instance = make.Invoke(BindingFlags.DoNotWrapExceptions, null, null, null);
            MethodInfo Method(string name) => contract.GetMethod(name) ??
                throw new LambdaValidationException($"The type '{contract.FullName}' does not match the expected shape of 'ILambdaSerializer': '{name}' method not found.");
            deserialize = Method("Deserialize");
            serialize = Method("Serialize");
        }

        internal object? Deserialize(Type type, Stream stream) => Call(readers, deserialize, type, stream);

        internal void Serialize(Type type, object? value, Stream stream) => Call(writers, serialize, type, value, stream);

        private object? Call(Dictionary<Type, MethodInfo> known, MethodInfo method, Type type, params object?[] arguments)
        {
            if (!known.TryGetValue(type, out var made))
                known[type] = made = method.MakeGenericMethod(type);
            return made.Invoke(instance, BindingFlags.DoNotWrapExceptions, null, arguments, null);
        }
    }
}

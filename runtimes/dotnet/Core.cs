using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;

namespace Hearth.Runtime
{
    /// The bridge to `Amazon.Lambda.Core`, which the function brings, in whatever version: its interfaces are implemented
    /// when they are first met, member by member, so that this assembly needs none of them.
    internal static class Core
    {
        internal const string AssemblyName = "Amazon.Lambda.Core";
        internal const string ContextName = AssemblyName + ".ILambdaContext";
        internal const string SerializerName = AssemblyName + ".ILambdaSerializer";
        internal const string SerializerAttributeName = AssemblyName + ".LambdaSerializerAttribute";

        /// Sends what the function logs with `LambdaLogger` to our log, from when its assembly is there.
        internal static void AwaitLogger()
        {
            AppDomain.CurrentDomain.AssemblyLoad += (_, loaded) => Connect(loaded.LoadedAssembly);
            foreach (var assembly in AppDomain.CurrentDomain.GetAssemblies())
                Connect(assembly);
        }

        /// The fields that AWS's own runtime sets; older versions have the first alone.
        private static void Connect(Assembly assembly)
        {
            if (assembly.GetName().Name != AssemblyName || !(assembly.GetType(AssemblyName + ".LambdaLogger") is Type logger))
                return;
            void Set(string name, Delegate action)
            {
                var field = logger.GetField(name, BindingFlags.NonPublic | BindingFlags.Static);
                if (field != null && field.FieldType.IsInstanceOfType(action))
                    field.SetValue(null, action);
            }
            Set("_loggingAction", new Action<string>(message => Logs.Write((string?)null, null, message, Array.Empty<object>())));
            Set("_loggingWithLevelAction", new Action<string, string, object[]>(
                (level, message, arguments) => Logs.Write(level, null, message, arguments ?? Array.Empty<object>())));
            Set("_loggingWithLevelAndExceptionAction", new Action<string, Exception, string, object[]>(
                (level, exception, message, arguments) => Logs.Write(level, exception, message, arguments ?? Array.Empty<object>())));
        }

        /// An object that implements the interface.
        internal static object Implement(Type contract, Func<MethodInfo, object?[], object?> answer)
        {
            if (!Makers.TryGetValue(contract, out var make))
            {
                var create = typeof(DispatchProxy).GetMethods().Single(method => method.Name == "Create" && method.IsGenericMethodDefinition);
                make = (Func<object>)create.MakeGenericMethod(contract, typeof(Implementation)).CreateDelegate(typeof(Func<object>));
                Makers[contract] = make;
            }
            var made = make();
            ((Implementation)made).Answer = answer;
            return made;
        }

        /// An object whose properties have these values; one that is not among them has its type's default.
        internal static object OfValues(Type contract, IReadOnlyDictionary<string, Func<Type, object?>> values) =>
            Implement(contract, (method, _) =>
            {
                if (method.Name.StartsWith("get_", StringComparison.Ordinal) && values.TryGetValue(method.Name.Substring(4), out var value))
                    return value(method.ReturnType);
                return Default(method.ReturnType);
            });

        private static object? Default(Type type) => type == typeof(void) || !type.IsValueType ? null : Activator.CreateInstance(type);

        private static readonly Dictionary<Type, Func<object>> Makers = new Dictionary<Type, Func<object>>();
    }

    /// What `DispatchProxy` derives its classes from.
    public class Implementation : DispatchProxy
    {
        internal Func<MethodInfo, object?[], object?> Answer = (_, __) => null;

        protected override object? Invoke(MethodInfo? method, object?[]? arguments) => Answer(method!, arguments!);
    }
}

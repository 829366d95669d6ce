using System;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Threading.Tasks;

namespace Hearth.Runtime
{
    /// The method behind a handler's name, and how it is called: the event through the function's serializer (or as a
    /// stream), the context if it is wanted, and the result the same way back.
    internal sealed class Handler
    {
        private const BindingFlags Any = BindingFlags.DeclaredOnly | BindingFlags.NonPublic | BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static;

        private readonly MethodInfo method;
        private readonly object? target;
        private readonly Type? input;
        private readonly Context? context;
        private readonly Serializer? serializer;
        private readonly Type result;
        private readonly PropertyInfo? taskResult;

        internal static Handler Load(string folder, string name)
        {
            var parts = name.Split(new[] { "::" }, StringSplitOptions.None);
            if (parts.Length != 3 || parts.Any(part => part.Trim() == ""))
                throw new LambdaValidationException(InvalidName(name, parts));
            var assembly = FunctionAssembly.Load(folder, parts[0]);
            var type = assembly.GetType(parts[1]) ??
                throw new LambdaValidationException($"Unable to load type '{parts[1]}' from assembly '{parts[0]}'.");
            return new Handler(assembly, type, Find(type, parts));
        }

        private static string InvalidName(string name, string[] parts)
        {
            const string Form = "The valid format is 'ASSEMBLY::TYPE::METHOD'.";
            if (name.Trim() == "")
                return "Empty lambda function handler. " + Form;
            var missing = parts.Length != 3 ? -1 : Array.FindIndex(parts, part => part.Trim() == "");
            return missing < 0
                ? $"Invalid lambda function handler: '{name}'. {Form}"
                : $"Invalid lambda function handler: '{name}', the {new[] { "assembly", "type", "method" }[missing]} is missing. {Form}";
        }

        /// By its name or, among overloads, by its whole signature, here or in a type that this one derives from.
        private static MethodInfo Find(Type type, string[] parts)
        {
            for (Type? holder = type; holder != null; holder = holder.BaseType)
            {
                var found = holder.GetMethods(Any).Where(one => one.Name == parts[2] || one.ToString() == parts[2]).ToList();
                if (found.Count > 1)
                    throw new LambdaValidationException(
                        $"The method '{parts[2]}' in type '{type.FullName}' appears to have a number of overloads. To call this method please " +
                        $"specify a complete method signature. Possible candidates are:\n{string.Join("\n", found)}.");
                if (found.Count == 1)
                    return found[0];
            }
            throw new LambdaValidationException(
                $"Unable to find method '{parts[2]}' in type '{parts[1]}' from assembly '{parts[0]}': Found no methods matching method name '{parts[2]}'.");
        }

        private Handler(Assembly assembly, Type type, MethodInfo method)
        {
            this.method = method;
            Check(type, method);
            var parameters = method.GetParameters().Select(parameter => parameter.ParameterType).ToList();
            if (parameters.Count > 2)
                throw new LambdaValidationException($"Method '{method.Name}' of type '{type.FullName}' is not supported: the method has more than 2 parameters.");
            if (parameters.Count == 2 && !IsContext(parameters[1]))
                throw new LambdaValidationException(
                    $"Method '{method.Name}' of type '{type.FullName}' is not supported: the method has 2 parameters, but the second parameter is not of type '{Core.ContextName}'.");
            if (parameters.Count > 0 && IsContext(parameters[parameters.Count - 1]))
            {
                context = new Context(parameters[parameters.Count - 1]);
                parameters.RemoveAt(parameters.Count - 1);
            }
            input = parameters.FirstOrDefault();
            (result, taskResult) = ResultOf(method.ReturnType);

            // In AWS's order: the type is made before its serializer is.
            if (method.IsStatic)
                RuntimeHelpers.RunClassConstructor(type.TypeHandle);
            else
                target = Activator.CreateInstance(type);
            serializer = Serializer.Of(assembly, method);
            if (input != null && !IsStream(input) && serializer == null)
                throw MissingSerializer("deserialize input", assembly, input);
            if (result != typeof(void) && !IsStream(result) && serializer == null)
                throw MissingSerializer("serialize output", assembly, result);
        }

        private LambdaValidationException MissingSerializer(string what, Assembly assembly, Type type) =>
            new LambdaValidationException(
                $"Could not find the LambdaSerializerAttribute on the assembly '{assembly.FullName}' or method '{method.Name}' while attempting to " +
                $"{what} data of type '{type.FullName}'. To use types other than System.IO.Stream as input/output parameters, the assembly or Lambda " +
                $"function should be annotated with {Core.SerializerAttributeName}.");

        private static bool IsContext(Type type) => type.FullName == Core.ContextName;

        private static bool IsStream(Type type) => typeof(Stream).IsAssignableFrom(type);

        /// What is written of a result: nothing of `void` and `Task`, the value of a `Task<T>`.
        private static (Type, PropertyInfo?) ResultOf(Type declared)
        {
            for (Type? type = declared; type != null; type = type.BaseType)
                if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(Task<>))
                    return (type.GetGenericArguments()[0], type.GetProperty("Result"));
            return (typeof(Task).IsAssignableFrom(declared) ? typeof(void) : declared, null);
        }

        private static void Check(Type type, MethodInfo method)
        {
            if (!type.IsClass && !type.IsValueType)
                throw new LambdaValidationException($"The type '{type.FullName}' cannot be used as a handler type since it is not a class or a struct. Please specify a handler method on a class or struct.");
            if (type.IsGenericType)
                throw new LambdaValidationException($"The type '{type.FullName}' cannot be used as a Lambda Handler type because it is generic. Handler methods cannot be located in generic types. Please specify a handler method in a non-generic type.");
            if (type.IsAbstract && !method.IsStatic)
                throw new LambdaValidationException($"The instance method '{method.Name}' cannot be used as a Lambda Handler because its type '{type.FullName}' is abstract. Please either use a static handler or specify a type that is not abstract.");
            string? reason = null;
            if (method.IsAbstract)
                reason = "it is an abstract method. Handler methods cannot be abstract. Please specify a non-abstract handler method.";
            else if (method.IsGenericMethod)
                reason = "it is a generic method. Handler methods cannot be generic. Please specify a non-generic handler method.";
            else if (method.ReturnType == typeof(void) && method.IsDefined(typeof(AsyncStateMachineAttribute), false))
                reason = "it is an 'async void' method. Handler methods cannot be 'async void'. Please specify a method that is not 'async void'.";
            else if (method.GetParameters().Any(parameter => parameter.IsDefined(typeof(ParamArrayAttribute), false)))
                reason = "it is a 'params' method. Please specify a method that does not use 'params'.";
            if (reason != null)
                throw new LambdaValidationException($"The method '{method.Name}' cannot be used as a Lambda Handler because {reason}");
        }

        /// The result as bytes, and how many of them count.
        internal (byte[], int) Invoke(Call call)
        {
            var arguments = new object?[(input == null ? 0 : 1) + (context == null ? 0 : 1)];
            if (context != null)
                arguments[arguments.Length - 1] = context.Of(call);
            if (input != null)
            {
                // The function may keep the stream; the buffer is used again.
                var own = new byte[call.Length];
                Buffer.BlockCopy(call.Buffer, call.Offset, own, 0, call.Length);
                var stream = new MemoryStream(own, 0, own.Length, false, true);
                arguments[0] = IsStream(input) ? stream : serializer!.Deserialize(input, stream);
            }
            var returned = method.Invoke(target, BindingFlags.DoNotWrapExceptions, null, arguments, null);
            if (returned is Task task && (taskResult != null || result == typeof(void)))
            {
                task.GetAwaiter().GetResult();
                returned = taskResult?.GetValue(task);
            }
            return Bytes(returned);
        }

        private (byte[], int) Bytes(object? returned)
        {
            if (result == typeof(void))
                return (Null, Null.Length);
            var written = new MemoryStream();
            if (!IsStream(result))
                serializer!.Serialize(result, returned, written);
            else if (returned is Stream stream)
                using (stream)
                {
                    if (stream.CanSeek)
                        stream.Position = 0;
                    stream.CopyTo(written);
                }
            return written.TryGetBuffer(out var buffer) && buffer.Offset == 0 && buffer.Array != null
                ? (buffer.Array, buffer.Count)
                : (written.ToArray(), (int)written.Length);
        }

        private static readonly byte[] Null = { (byte)'n', (byte)'u', (byte)'l', (byte)'l' };
    }
}

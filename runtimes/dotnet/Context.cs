using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;
using System.Text.Json;

namespace Hearth.Runtime
{
    /// The function's `ILambdaContext`, its logger, and what the invoker sent along.
    internal sealed class Context
    {
        private readonly Type contract;
        private object? logger;

        internal Context(Type contract) => this.contract = contract;

        internal object Of(Call call)
        {
            var identity = call.Identity == "" ? "{}" : call.Identity;
            return Core.OfValues(contract, new Dictionary<string, Func<Type, object?>>
            {
                ["AwsRequestId"] = _ => call.RequestId,
                ["FunctionName"] = _ => Variable("AWS_LAMBDA_FUNCTION_NAME"),
                ["FunctionVersion"] = _ => Variable("AWS_LAMBDA_FUNCTION_VERSION"),
                ["InvokedFunctionArn"] = _ => call.FunctionArn,
                ["LogGroupName"] = _ => Variable("AWS_LAMBDA_LOG_GROUP_NAME"),
                ["LogStreamName"] = _ => Variable("AWS_LAMBDA_LOG_STREAM_NAME"),
                ["MemoryLimitInMB"] = _ => int.TryParse(Variable("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"), out var size) ? size : 0,
                ["RemainingTime"] = _ => Remaining(call.DeadlineMs),
                ["TraceId"] = _ => call.TraceId == "" ? null : call.TraceId,
                ["TenantId"] = _ => call.TenantId == "" ? null : call.TenantId,
                // Without one these are objects of nulls, as in AWS's runtime.
                ["ClientContext"] = type => ClientContext(type, call.ClientContext == "" ? "{}" : call.ClientContext),
                ["Identity"] = type => Texts(type, identity, ("IdentityId", "cognitoIdentityId"), ("IdentityPoolId", "cognitoIdentityPoolId")),
                ["Logger"] = type => logger ??= Core.Implement(type, Log),
            });
        }

        private static string? Variable(string name) => Environment.GetEnvironmentVariable(name);

        private static TimeSpan Remaining(long deadlineMs)
        {
            var left = DateTime.UnixEpoch.AddMilliseconds(deadlineMs) - DateTime.UtcNow;
            return left < TimeSpan.Zero ? TimeSpan.Zero : left;
        }

        private static object ClientContext(Type contract, string text)
        {
            using var document = JsonDocument.Parse(text);
            var given = document.RootElement.Clone();
            return Core.OfValues(contract, new Dictionary<string, Func<Type, object?>>
            {
                ["Client"] = type => Member(given, "client") is JsonElement client
                    ? Texts(type, client.GetRawText(), ("AppPackageName", "app_package_name"), ("AppTitle", "app_title"),
                        ("AppVersionCode", "app_version_code"), ("AppVersionName", "app_version_name"), ("InstallationId", "installation_id"))
                    : null,
                ["Custom"] = _ => Map(Member(given, "custom")),
                ["Environment"] = _ => Map(Member(given, "env")),
            });
        }

        /// An object whose properties are members of a JSON object.
        private static object Texts(Type contract, string text, params (string Property, string Member)[] members)
        {
            using var document = JsonDocument.Parse(text);
            var given = document.RootElement.Clone();
            return Core.OfValues(contract, members.ToDictionary(
                pair => pair.Property,
                pair => (Func<Type, object?>)(_ => Member(given, pair.Member) is JsonElement found ? Text(found) : null)));
        }

        private static JsonElement? Member(JsonElement given, string name) =>
            given.ValueKind == JsonValueKind.Object && given.TryGetProperty(name, out var found) && found.ValueKind != JsonValueKind.Null
                ? found : (JsonElement?)null;

        private static IDictionary<string, string>? Map(JsonElement? given) =>
            given?.ValueKind == JsonValueKind.Object
                ? given.Value.EnumerateObject().ToDictionary(member => member.Name, member => Text(member.Value) ?? "")
                : null;

        private static string? Text(JsonElement value) => value.ValueKind == JsonValueKind.String ? value.GetString() : value.GetRawText();

        /// Every method of `ILambdaLogger`, in all its versions: `Log` with or without a level, `LogLine`, `LogWarning` and
        /// its like, each with or without an exception and values. Arguments are told by their types.
        private static object? Log(MethodInfo method, object?[] arguments)
        {
            var parameters = method.GetParameters();
            string? level = null, message = null;
            Exception? exception = null;
            var values = Array.Empty<object?>();
            for (var index = 0; index < parameters.Length; index++)
            {
                var type = parameters[index].ParameterType;
                if (type.IsEnum || type == typeof(string) && parameters[index].Name == "level")
                    level = arguments[index]?.ToString();
                else if (type == typeof(string))
                    message = arguments[index] as string;
                else if (typeof(Exception).IsAssignableFrom(type))
                    exception = arguments[index] as Exception;
                else if (type == typeof(object[]))
                    values = arguments[index] as object?[] ?? values;
            }
            if (method.Name == "Log" && parameters.Length == 1)
                Output.Raw(message ?? "", false);
            else if (method.Name == "Log")
                Logs.Write(level, exception, message, values);
            else if (method.Name == "LogLine")
                Logs.Write(LogLevel.Information, exception, message, values);
            else
                Logs.Write(method.Name.Substring("Log".Length), exception, message, values);
            return null;
        }
    }
}

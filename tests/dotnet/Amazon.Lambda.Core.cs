// The public surface of Amazon.Lambda.Core that functions use, for tests on machines that do not reach NuGet: written for
// them, after AWS's documentation. Real functions bring the real one, in whatever version; the runtime knows neither.

using System;
using System.Collections.Generic;
using System.IO;
using System.Reflection;

[assembly: AssemblyVersion("1.0.0.0")]

namespace Amazon.Lambda.Core
{
    public interface ILambdaContext
    {
        string AwsRequestId { get; }
        IClientContext ClientContext { get; }
        string FunctionName { get; }
        string FunctionVersion { get; }
        ICognitoIdentity Identity { get; }
        string InvokedFunctionArn { get; }
        ILambdaLogger Logger { get; }
        string LogGroupName { get; }
        string LogStreamName { get; }
        int MemoryLimitInMB { get; }
        TimeSpan RemainingTime { get; }
        string TenantId => null;
        string TraceId => null;
    }

    public interface IClientContext
    {
        IDictionary<string, string> Environment { get; }
        IClientApplication Client { get; }
        IDictionary<string, string> Custom { get; }
    }

    public interface IClientApplication
    {
        string AppPackageName { get; }
        string AppTitle { get; }
        string AppVersionCode { get; }
        string AppVersionName { get; }
        string InstallationId { get; }
    }

    public interface ICognitoIdentity
    {
        string IdentityId { get; }
        string IdentityPoolId { get; }
    }

    public enum LogLevel { Trace, Debug, Information, Warning, Error, Critical }

    public interface ILambdaLogger
    {
        void Log(string message);
        void LogLine(string message);
        void Log(string level, string message) => LogLine(message);
        void Log(LogLevel level, string message) => Log(level.ToString(), message);
        void Log(string level, string message, params object[] args) => Log(level, message);
        void Log(LogLevel level, string message, params object[] args) => Log(level.ToString(), message, args);
        void Log(string level, Exception exception, string message, params object[] args) => Log(level, message, args);
        void LogTrace(string message) => Log("Trace", message);
        void LogTrace(string message, params object[] args) => Log("Trace", message, args);
        void LogDebug(string message) => Log("Debug", message);
        void LogDebug(string message, params object[] args) => Log("Debug", message, args);
        void LogInformation(string message) => Log("Information", message);
        void LogInformation(string message, params object[] args) => Log("Information", message, args);
        void LogWarning(string message) => Log("Warning", message);
        void LogWarning(string message, params object[] args) => Log("Warning", message, args);
        void LogError(string message) => Log("Error", message);
        void LogError(Exception exception, string message, params object[] args) => Log("Error", exception, message, args);
        void LogCritical(string message) => Log("Critical", message);
        void LogCritical(string message, params object[] args) => Log("Critical", message, args);
    }

    public static class LambdaLogger
    {
        // The runtime finds these by their names.
        private static Action<string> _loggingAction = Console.WriteLine;
        private static Action<string, string, object[]> _loggingWithLevelAction = (level, message, args) => Console.WriteLine(message);

        public static void Log(string message) => _loggingAction(message);
        public static void Log(string level, string message, params object[] args) => _loggingWithLevelAction(level, message, args);
        public static void Log(LogLevel level, string message, params object[] args) => Log(level.ToString(), message, args);
    }

    public interface ILambdaSerializer
    {
        T Deserialize<T>(Stream requestStream);
        void Serialize<T>(T response, Stream responseStream);
    }

    [AttributeUsage(AttributeTargets.Method | AttributeTargets.Assembly)]
    public sealed class LambdaSerializerAttribute : Attribute
    {
        public LambdaSerializerAttribute(Type serializerType) => SerializerType = serializerType;

        public Type SerializerType { get; set; }
    }
}

namespace Amazon.Lambda.Serialization.SystemTextJson
{
    using System.Text.Encodings.Web;
    using System.Text.Json;
    using Amazon.Lambda.Core;

    /// As AWS's package of that name: System.Text.Json, whose names match in whatever case.
    public class DefaultLambdaJsonSerializer : ILambdaSerializer
    {
        private readonly JsonSerializerOptions options;

        public DefaultLambdaJsonSerializer() : this(null) { }

        protected DefaultLambdaJsonSerializer(JsonNamingPolicy naming) => options = new JsonSerializerOptions
        {
            PropertyNameCaseInsensitive = true,
            PropertyNamingPolicy = naming,
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        };

        public T Deserialize<T>(Stream requestStream)
        {
            using var all = new MemoryStream();
            requestStream.CopyTo(all);
            return JsonSerializer.Deserialize<T>(all.ToArray(), options);
        }

        public void Serialize<T>(T response, Stream responseStream)
        {
            var written = JsonSerializer.SerializeToUtf8Bytes(response, options);
            responseStream.Write(written, 0, written.Length);
        }
    }

    public class CamelCaseLambdaJsonSerializer : DefaultLambdaJsonSerializer
    {
        public CamelCaseLambdaJsonSerializer() : base(JsonNamingPolicy.CamelCase) { }
    }
}

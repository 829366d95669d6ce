using System;
using System.Collections.Generic;
using System.IO;

namespace Hearth.Runtime
{
    /// The life of the process: connect, load the handler, serve events until the server hangs up.
    public static class Program
    {
        private const string TraceVariable = "_X_AMZN_TRACE_ID";

        public static int Main()
        {
            var link = Connect();
            Output.Install(Take("_LAMBDA_TELEMETRY_LOG_FD"));
            // The limit of the heap counts once. It is the platform's own word, not the function's.
            if (Take("_HEARTH_HEAP_LIMIT") != null)
                Take("DOTNET_GCHeapHardLimit");
            if (Take("_HEARTH_PARKED") != null)
            {
                Warming.Up();
                Become(link.Parked());
            }
            Logs.Install();
            Core.AwaitLogger();
            Handler handler;
            try
            {
                handler = Handler.Load(
                    Environment.GetEnvironmentVariable("LAMBDA_TASK_ROOT") ?? "/var/task",
                    Environment.GetEnvironmentVariable("_HANDLER") ?? "");
            }
            catch (Exception problem)
            {
                // What a constructor throws is the function's own error, without the wrapping that reflection gives it.
                var own = problem is System.Reflection.TargetInvocationException ? problem.InnerException ?? problem : problem;
                Logs.Write(LogLevel.Error, null, Failure.Words(own), Array.Empty<object>());
                link.InitError(Failure.TypeName(own), Failure.Document(own));
                return 1;
            }
            Output.EndLines();
            link.Ready();
            while (true)
                Serve(link, handler, link.Next());
        }

        /// The server has gone; so has the purpose of this process.
        internal static void HungUp() => Environment.Exit(0);

        private static string? Take(string name)
        {
            var value = Environment.GetEnvironmentVariable(name);
            if (value != null)
                Environment.SetEnvironmentVariable(name, null);
            return value;
        }

        /// The lean channel if the platform handed one over, else the HTTP Runtime API.
        private static ILink Connect() =>
            Take("_HEARTH_CHANNEL_FD") is string descriptor
                ? (ILink)new Channel(int.Parse(descriptor))
                : new RuntimeApi(Environment.GetEnvironmentVariable("AWS_LAMBDA_RUNTIME_API") ?? "127.0.0.1:9001");

        /// Takes on a function's environment, as if the process had been started with it.
        private static void Become((string Name, string Value)[] variables)
        {
            foreach (string name in new List<object>(System.Linq.Enumerable.Cast<object>(Environment.GetEnvironmentVariables().Keys)))
                Environment.SetEnvironmentVariable(name, null);
            foreach (var (name, value) in variables)
                Environment.SetEnvironmentVariable(name, value);
            Native.ReplaceEnvironment(variables);
            TimeZoneInfo.ClearCachedData();
            Directory.SetCurrentDirectory(Environment.GetEnvironmentVariable("LAMBDA_TASK_ROOT") ?? "/var/task");
        }

        /// One event. This is the hot path.
        private static void Serve(ILink link, Handler handler, Call call)
        {
            Logs.RequestId = call.RequestId;
            Logs.TenantId = call.TenantId;
            if (call.TraceId != Logs.TraceId)
            {
                Logs.TraceId = call.TraceId;
                Environment.SetEnvironmentVariable(TraceVariable, call.TraceId == "" ? null : call.TraceId);
            }
            byte[] body;
            int length;
            try
            {
                (body, length) = handler.Invoke(call);
            }
            catch (Exception problem)
            {
                Output.EndLines();
                Logs.Write(LogLevel.Error, null, Failure.Words(problem), Array.Empty<object>());
                link.Fail(call.RequestId, Failure.TypeName(problem), Failure.Document(problem));
                return;
            }
            Output.EndLines();
            link.Respond(call.RequestId, body, length);
        }
    }
}

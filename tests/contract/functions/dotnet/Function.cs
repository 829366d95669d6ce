// The contract's function in C#. The protocol is in tests/contract/README.md.

using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Threading;
using System.Threading.Tasks;
using Amazon.Lambda.Core;

[assembly: LambdaSerializer(typeof(Amazon.Lambda.Serialization.SystemTextJson.DefaultLambdaJsonSerializer))]

namespace Contract
{
    public class ContractError : Exception
    {
        public ContractError(string message, Exception cause = null) : base(message, cause) { }
    }

    public class Function
    {
        private static readonly string Instance = Guid.NewGuid().ToString("N");
        private static int count;
        private static Ticker ticker;

        public Function()
        {
            switch (Environment.GetEnvironmentVariable("CONTRACT_INIT"))
            {
                case "raise": throw new ContractError("at load");
                case "exit": Environment.Exit(3); break;
                case "print": Console.Write("printed at load\n"); break;
                case "sleep": Thread.Sleep(TimeSpan.FromMinutes(1)); break;
            }
        }

        public object Handle(JsonElement given, ILambdaContext context)
        {
            count++;
            if (given.ValueKind != JsonValueKind.Object || !given.TryGetProperty("case", out var name))
                return given;
            string Text(string member) => given.GetProperty(member).GetString();
            switch (name.GetString())
            {
                case "context": return ContextOf(context);
                case "remaining":
                    var first = (long)context.RemainingTime.TotalMilliseconds;
                    Thread.Sleep(given.GetProperty("ms").GetInt32());
                    return new[] { first, (long)context.RemainingTime.TotalMilliseconds };
                case "echo": return given.GetProperty("value");
                case "nothing": return null;
                case "fill": return new string('x', given.GetProperty("size").GetInt32());
                case "measure": return new System.Globalization.StringInfo(Text("value")).LengthInTextElements;
                case "fail": return Fail(Text("kind"), Text("message"));
                case "exit": Environment.Exit(given.GetProperty("status").GetInt32()); return null;
                case "run": return Run(Text("command"));
                case "memory": return Memory();
                case "sleep": Thread.Sleep(given.GetProperty("ms").GetInt32()); return Instance;
                case "count": return new Dictionary<string, object> { ["count"] = count, ["instance"] = Instance };
                case "environment": return new Dictionary<string, object>
                {
                    ["variables"] = Environment.GetEnvironmentVariables().Keys.Cast<string>().ToDictionary(one => one, Environment.GetEnvironmentVariable),
                    ["folder"] = Directory.GetCurrentDirectory(),
                    ["hour"] = DateTimeOffset.UnixEpoch.ToLocalTime().Hour,
                };
                case "read": return Attempt(() => File.ReadAllText(Text("path")));
                case "write": return Attempt(() => { File.WriteAllText(Text("path"), Text("text")); return ""; }) != null;
                case "layer": return File.ReadAllText("/opt/contract.txt").Trim();
                case "print":
                    var stream = Text("to") == "stderr" ? Console.Error : Console.Out;
                    stream.Write(Text("text"));
                    stream.Flush();
                    return null;
                case "log": context.Logger.Log(Levels[Text("level")], Text("message")); return null;
                case "tick":
                    ticker ??= new Ticker();
                    return new Dictionary<string, object> { ["ticks"] = ticker.Ticks, ["largest_gap_ms"] = ticker.LargestGapMs };
                default: throw new ArgumentException("unknown case " + name);
            }
        }

        private static readonly Dictionary<string, string> Levels = new Dictionary<string, string>
        {
            ["trace"] = "Trace", ["debug"] = "Debug", ["info"] = "Information", ["warn"] = "Warning", ["error"] = "Error", ["fatal"] = "Critical",
        };

        private static object ContextOf(ILambdaContext context)
        {
            var client = context.ClientContext;
            return new Dictionary<string, object>
            {
                ["request_id"] = context.AwsRequestId,
                ["function_name"] = context.FunctionName,
                ["function_version"] = context.FunctionVersion,
                ["invoked_function_arn"] = context.InvokedFunctionArn,
                ["memory_limit"] = context.MemoryLimitInMB,
                ["log_group_name"] = context.LogGroupName,
                ["log_stream_name"] = context.LogStreamName,
                ["remaining_ms"] = (long)context.RemainingTime.TotalMilliseconds,
                ["trace_id"] = Environment.GetEnvironmentVariable("_X_AMZN_TRACE_ID"),
                ["client_context"] = client?.Client == null && client?.Custom == null && client?.Environment == null ? null : new Dictionary<string, object>
                {
                    ["client"] = client.Client == null ? null : new Dictionary<string, string>
                    {
                        ["installation_id"] = client.Client.InstallationId,
                        ["app_title"] = client.Client.AppTitle,
                        ["app_version_name"] = client.Client.AppVersionName,
                        ["app_version_code"] = client.Client.AppVersionCode,
                        ["app_package_name"] = client.Client.AppPackageName,
                    },
                    ["custom"] = client.Custom,
                    ["env"] = client.Environment,
                },
                ["identity"] = context.Identity?.IdentityId == null ? null : new Dictionary<string, string>
                {
                    ["id"] = context.Identity.IdentityId, ["pool"] = context.Identity.IdentityPoolId,
                },
            };
        }

        private static object Fail(string kind, string message)
        {
            switch (kind)
            {
                case "own": throw new ContractError(message);
                case "standard": return int.Parse("no number");
                case "cause":
                    try { throw new ContractError("the cause"); }
                    catch (ContractError cause) { throw new ContractError(message, cause); }
                case "result": return new Dictionary<string, object> { ["circle"] = new Circle() };
                case "stray":
                    new Thread(() => throw new ContractError(message)).Start();
                    Thread.Sleep(Timeout.Infinite);
                    return null;
                default: return null;
            }
        }

        private class Circle
        {
            public Circle Own => this;
        }

        private static string Run(string command)
        {
            var start = new ProcessStartInfo("/bin/sh") { RedirectStandardOutput = true };
            start.ArgumentList.Add("-c");
            start.ArgumentList.Add(command);
            using var child = Process.Start(start);
            return child.StandardOutput.ReadToEnd();
        }

        private static object Memory()
        {
            var held = new List<byte[]>();
            while (true)
            {
                held.Add(new byte[16 << 20]);
                Array.Fill(held[held.Count - 1], (byte)1);
            }
        }

        private static string Attempt(Func<string> act)
        {
            try { return act(); }
            catch (Exception problem) when (problem is IOException || problem is UnauthorizedAccessException) { return null; }
        }

        private class Ticker
        {
            internal int Ticks;
            internal long LargestGapMs;

            internal Ticker() => new Thread(Tick) { IsBackground = true }.Start();

            private void Tick()
            {
                var last = DateTime.UtcNow;
                while (true)
                {
                    Thread.Sleep(5);
                    var now = DateTime.UtcNow;
                    Ticks++;
                    LargestGapMs = Math.Max(LargestGapMs, (long)(now - last).TotalMilliseconds);
                    last = now;
                }
            }
        }
    }
}

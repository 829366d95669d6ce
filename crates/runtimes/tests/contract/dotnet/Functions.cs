// The functions of dotnet.rs, one class and many handlers: compiling is slow.

using System;
using System.Collections;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using System.Threading.Tasks;
using Amazon.Lambda.Core;
using Amazon.Lambda.Serialization.SystemTextJson;

[assembly: LambdaSerializer(typeof(DefaultLambdaJsonSerializer))]

namespace Contract
{
    public class Order
    {
        public string Name { get; set; }
        public int Count { get; set; }
    }

    public class Base
    {
        public string Inherited(Order order) => "from the base: " + order.Name;
    }

    public class Functions : Base
    {
        private static int count;
        private Stream kept;

        public Stream Echo(Stream input) => input;

        public Stream Kept(Stream input)
        {
            var before = kept == null ? "" : new StreamReader(kept).ReadToEnd();
            kept = input;
            return new MemoryStream(Encoding.UTF8.GetBytes(before));
        }

        public Order Poco(Order order) => new Order { Name = order.Name + "!", Count = order.Count + 1 };
        public static int Static() => ++count;
        public async Task<Dictionary<string, object>> Async(Order order)
        {
            await Task.Delay(1);
            return new Dictionary<string, object> { ["name"] = order.Name, ["ü"] = "é☃" };
        }
        public async Task<Stream> AsyncStream(Stream input, ILambdaContext context)
        {
            await Task.Yield();
            return input;
        }
        public void Nothing(Order order) { }
        public async Task NothingAsync() => await Task.Delay(1);
        public string Null() => null;
        private string Private() => "private";
        public string Two(string one) => one;
        public string Two(Order one) => "order " + one.Name;
        public string Three(string one, string two, string three) => one;
        public string Second(string one, string two) => one;
        public async void AsyncVoid() => await Task.Delay(1);
        public T Generic<T>(T one) => one;

        public object Context(object ignored, ILambdaContext context)
        {
            var client = context.ClientContext;
            return new object[]
            {
                context.AwsRequestId, context.InvokedFunctionArn, context.LogGroupName, context.LogStreamName, context.FunctionName,
                context.MemoryLimitInMB, context.FunctionVersion, context.Identity.IdentityId, client.Client?.AppTitle,
                client.Custom?["a"], client.Environment?["locale"], context.TenantId, context.TraceId, context.RemainingTime > TimeSpan.FromHours(1),
                Environment.GetEnvironmentVariable("_X_AMZN_TRACE_ID"),
            };
        }

        public string Fail(Order order)
        {
            if (order.Name == "fine")
                return "fine";
            try
            {
                Deep(order);
            }
            catch (ArgumentException problem)
            {
                throw new InvalidOperationException("outer ü", problem);
            }
            return "";
        }

        private static void Deep(Order order) => throw new ArgumentException("inner " + order.Name);

        public async Task<int> FailAsync()
        {
            await Task.Delay(1);
            throw new FormatException("later");
        }

        public Task<int> FailTogether() =>
            Task.FromException<int>(new AggregateException("several", new FormatException("one"), new TimeoutException("two")));

        public static int FailHuge() => throw new Exception(new string('x', 300 * 1024));

        public void Exit() => Environment.Exit(7);

        public void Log(object ignored, ILambdaContext context)
        {
            var logger = context.Logger;
            logger.LogTrace("trace");
            logger.LogDebug("debug");
            logger.LogInformation("info");
            logger.LogWarning("two\nlines");
            logger.LogError("error");
            logger.LogCritical("critical");
            logger.LogLine("line");
            logger.Log("Warning", "level");
            logger.Log(LogLevel.Error, "enum");
            logger.Log("odd", "unknown");
            LambdaLogger.Log("static");
            LambdaLogger.Log(LogLevel.Warning, "static {what}", "level");
            Console.WriteLine("console {0}", 1);
            Console.Error.WriteLine("error");
            logger.Log("raw ");
            Console.Write("text\nand");
        }

        public void Templates(object ignored, ILambdaContext context)
        {
            var logger = context.Logger;
            logger.LogInformation("{name} bought {count:000} of {@thing} {{kept}} {missing}", "Ada", 7, new { a = 1 });
            logger.LogInformation("{0} and {1} and {0}", "a", 2.5);
            logger.LogInformation("{list} {map} {bytes} {none} {when}", new[] { 1, 2 }, new Dictionary<string, object> { ["k"] = true },
                new byte[] { 1, 171 }, null, new DateTime(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc));
            logger.LogInformation("no {holes} without values");
            logger.LogError(new FormatException("bad"), "it failed {n}", 1);
        }

        public object Surroundings() => new object[]
        {
            Environment.GetEnvironmentVariables().Cast<DictionaryEntry>().OrderBy(one => (string)one.Key, StringComparer.Ordinal).Select(one => one.Key + "=" + one.Value),
            Directory.GetCurrentDirectory(), TimeZoneInfo.Local.BaseUtcOffset.TotalHours, System.Globalization.CultureInfo.CurrentCulture.Name,
            Libc.Variable("TABLE"), System.Reflection.Assembly.GetExecutingAssembly().Location,
        };

        public string[] Child()
        {
            var start = new System.Diagnostics.ProcessStartInfo("/bin/ls", "-l /proc/self/fd") { RedirectStandardOutput = true };
            using var child = System.Diagnostics.Process.Start(start);
            return child.StandardOutput.ReadToEnd().Split('\n').Where(line => line.Contains("socket:")).ToArray();
        }
    }

    internal static class Libc
    {
        [System.Runtime.InteropServices.DllImport("libc.so.6")]
        private static extern IntPtr getenv(string name);

        internal static string Variable(string name) => System.Runtime.InteropServices.Marshal.PtrToStringUTF8(getenv(name));
    }

    public abstract class Abstract
    {
        public string Instance() => "";
        public static string Static() => "static of an abstract class";
    }

    public class Generic<T>
    {
        public string Handle() => "";
    }

    public class Broken
    {
        public Broken() => throw new ArgumentException("cannot be made");
        public string Handle() => "";
    }

    public class BrokenStatically
    {
        static BrokenStatically() => throw new ArgumentException("cannot be initialised");
        public static string Handle() => "";
    }

    public class Custom
    {
        public class Shouting : ILambdaSerializer
        {
            public T Deserialize<T>(Stream input) => (T)(object)new StreamReader(input).ReadToEnd().ToUpperInvariant();
            public void Serialize<T>(T response, Stream output) => output.Write(Encoding.UTF8.GetBytes("<" + response + ">"));
        }

        [LambdaSerializer(typeof(Shouting))]
        public string Handle(string text) => text;
    }
}

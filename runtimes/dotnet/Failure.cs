using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Text.Json;

namespace Hearth.Runtime
{
    /// A handler that cannot be one. Its name is what AWS's runtime calls it.
    public sealed class LambdaValidationException : Exception
    {
        internal LambdaValidationException(string message, Exception? cause = null) : base(message, cause) { }
    }

    /// What the invoker sees of an exception.
    internal static class Failure
    {
        private const int Longest = 256 * 1024;

        /// As deep as causes go before the document would be cut anyway.
        private const int Deepest = 32;

        private static readonly string[] OwnFrames =
        {
            "at Hearth.Runtime.", "at System.RuntimeMethodHandle.", "at System.Reflection.", "at InvokeStub_",
            "--- End of stack trace from previous location",
        };

        internal static string TypeName(Exception exception) => exception.GetType().Name;

        internal static byte[] Document(Exception exception)
        {
            var document = JsonText.Bytes(writer => Write(writer, exception, 0));
            return document.Length <= Longest
                ? document
                : JsonText.Bytes(writer =>
                {
                    writer.WriteStartObject();
                    writer.WriteString("errorType", TypeName(exception));
                    writer.WriteString("errorMessage", "Exception exceeded maximum payload size of 256KB.");
                    writer.WriteEndObject();
                });
        }

        private static void Write(Utf8JsonWriter writer, Exception exception, int depth)
        {
            writer.WriteStartObject();
            writer.WriteString("errorType", TypeName(exception));
            writer.WriteString("errorMessage", exception.Message);
            var trace = Trace(exception);
            if (trace.Count > 0)
            {
                writer.WriteStartArray("stackTrace");
                foreach (var line in trace)
                    writer.WriteStringValue(line);
                writer.WriteEndArray();
            }
            if (exception.InnerException != null && depth < Deepest)
            {
                writer.WritePropertyName("cause");
                Write(writer, exception.InnerException, depth + 1);
            }
            if (exception is AggregateException several && depth < Deepest)
            {
                writer.WriteStartArray("causes");
                foreach (var one in several.InnerExceptions)
                    Write(writer, one, depth + 1);
                writer.WriteEndArray();
            }
            writer.WriteEndObject();
        }

        /// The frames, up to the first of those by which the runtime got to the function.
        private static List<string> Trace(Exception exception)
        {
            if (string.IsNullOrEmpty(exception.StackTrace))
                return new List<string>();
            return OfFunction(new StackTrace(exception, true).ToString()).Select(line => line.Trim()).ToList();
        }

        /// The exception in words, as the log shows it.
        internal static string Words(Exception exception) => string.Join("\n", OfFunction(exception.ToString()));

        /// Without the frames by which the runtime got to the function, wherever they stand: what an `AggregateException` holds
        /// is told after them.
        private static List<string> OfFunction(string trace)
        {
            var kept = new List<string>();
            void Strip()
            {
                while (kept.Count > 0 && OwnFrames.Any(own => kept[kept.Count - 1].TrimStart().StartsWith(own, StringComparison.Ordinal)))
                    kept.RemoveAt(kept.Count - 1);
            }
            foreach (var line in trace.Split('\n').Select(line => line.TrimEnd()).Where(line => line != ""))
            {
                kept.Add(line);
                if (line.TrimStart().StartsWith(OwnFrames[0], StringComparison.Ordinal))
                    Strip();
            }
            Strip();
            return kept;
        }
    }
}

using System;
using System.Globalization;

namespace Hearth.Runtime
{
    /// Log records in the function's format: Lambda's text with time, request id and level, its JSON, or bare messages.
    internal static class Logs
    {
        private static readonly string[] Labels = { "trce", "dbug", "info", "warn", "fail", "crit" };

        private static bool json;
        private static bool bare;
        private static LogLevel least = LogLevel.Information;

        internal static string RequestId = "";
        internal static string TraceId = "";
        internal static string TenantId = "";

        /// Once the function's variables are known.
        internal static void Install()
        {
            static string Variable(string name) => Environment.GetEnvironmentVariable(name) ?? "";
            json = Variable("AWS_LAMBDA_LOG_FORMAT").Equals("JSON", StringComparison.OrdinalIgnoreCase);
            // The older names are .NET's own, and of the text format alone.
            bare = Variable("AWS_LAMBDA_HANDLER_LOG_FORMAT").Equals("Unformatted", StringComparison.OrdinalIgnoreCase);
            var asked = Variable("AWS_LAMBDA_LOG_LEVEL");
            if (asked == "")
                asked = Variable("AWS_LAMBDA_HANDLER_LOG_LEVEL");
            least = Parse(asked) ?? LogLevel.Information;
            Console.SetOut(new ConsoleWriter(LogLevel.Information, false));
            Console.SetError(new ConsoleWriter(LogLevel.Error, true));
        }

        /// A level by .NET's names or by those of Lambda's settings.
        private static LogLevel? Parse(string? name)
        {
            switch (name?.ToUpperInvariant())
            {
                case "INFO": return LogLevel.Information;
                case "WARN": return LogLevel.Warning;
                case "FATAL": return LogLevel.Critical;
                default:
                    return Enum.TryParse<LogLevel>(name, true, out var level) && Enum.IsDefined(typeof(LogLevel), level)
                        ? level : (LogLevel?)null;
            }
        }

        /// A record whose level is a text: one that is no level is shown as it is.
        internal static void Write(string? levelName, Exception? exception, string? message, object?[] arguments)
        {
            var level = Parse(levelName);
            Write(level, level == null ? levelName : Labels[(int)level], exception, message, arguments);
        }

        internal static void Write(LogLevel level, Exception? exception, string? message, object?[] arguments) =>
            Write(level, Labels[(int)level], exception, message, arguments);

        private static void Write(LogLevel? level, string? label, Exception? exception, string? message, object?[] arguments)
        {
            if (level < least)
                return;
            var template = new MessageTemplate(message ?? "", arguments);
            Output.Log(json ? JsonRecord(level, exception, template) : TextRecord(label, exception, template), level, json);
        }

        private static string Time() =>
            DateTime.UtcNow.ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture);

        private static string TextRecord(string? label, Exception? exception, MessageTemplate template)
        {
            var message = template.ToString();
            if (exception != null)
                message = (message == "" ? "" : message + "\n") + exception;
            if (bare)
                return message;
            return string.IsNullOrEmpty(label) ? $"{Time()}\t{RequestId}\t{message}" : $"{Time()}\t{RequestId}\t{label}\t{message}";
        }

        private static string JsonRecord(LogLevel? level, Exception? exception, MessageTemplate template)
        {
            return JsonText.Of(record =>
            {
                record.WriteStartObject();
                record.WriteString("timestamp", Time());
                record.WriteString("level", (level ?? LogLevel.Information).ToString());
                if (RequestId != "")
                    record.WriteString("requestId", RequestId);
                if (TraceId != "")
                    record.WriteString("traceId", TraceId);
                if (TenantId != "")
                    record.WriteString("tenantId", TenantId);
                record.WriteString("message", template.ToString());
                template.WriteValues(record);
                if (exception != null)
                    WriteException(record, exception);
                record.WriteEndObject();
            });
        }

        private static void WriteException(System.Text.Json.Utf8JsonWriter record, Exception exception)
        {
            record.WriteString("errorType", exception.GetType().FullName);
            record.WriteString("errorMessage", exception.Message);
            record.WriteStartArray("stackTrace");
            foreach (var line in exception.ToString().Split('\n'))
                record.WriteStringValue(line.Trim());
            record.WriteEndArray();
        }
    }
}

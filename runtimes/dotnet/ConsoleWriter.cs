using System;
using System.IO;
using System.Text;
using System.Threading.Tasks;

namespace Hearth.Runtime
{
    /// What `Console.Out` and `Console.Error` are: a whole line is a log record with a level, anything less is written as
    /// it is.
    internal sealed class ConsoleWriter : TextWriter
    {
        private readonly LogLevel level;
        private readonly bool error;

        internal ConsoleWriter(LogLevel level, bool error)
        {
            this.level = level;
            this.error = error;
            NewLine = "\n";
        }

        public override Encoding Encoding => Encoding.UTF8;

        public override void Write(char value) => Output.Raw(value.ToString(), error);
        public override void Write(char[] buffer, int index, int count) => Output.Raw(new string(buffer, index, count), error);
        public override void Write(string? value) => Output.Raw(value ?? "", error);
        public override Task WriteAsync(char value) => Done(() => Write(value));
        public override Task WriteAsync(string? value) => Done(() => Write(value));
        public override Task WriteAsync(char[] buffer, int index, int count) => Done(() => Write(buffer, index, count));

        public override void WriteLine() => Line("");
        public override void WriteLine(string? value) => Line(value);
        public override void WriteLine(object? value) => Line(value?.ToString());
        public override void WriteLine(bool value) => Line(value.ToString(FormatProvider));
        public override void WriteLine(char value) => Line(value.ToString(FormatProvider));
        public override void WriteLine(char[]? buffer) => Line(buffer == null ? "" : new string(buffer));
        public override void WriteLine(char[] buffer, int index, int count) => Line(new string(buffer, index, count));
        public override void WriteLine(int value) => Line(value.ToString(FormatProvider));
        public override void WriteLine(uint value) => Line(value.ToString(FormatProvider));
        public override void WriteLine(long value) => Line(value.ToString(FormatProvider));
        public override void WriteLine(ulong value) => Line(value.ToString(FormatProvider));
        public override void WriteLine(float value) => Line(value.ToString(FormatProvider));
        public override void WriteLine(double value) => Line(value.ToString(FormatProvider));
        public override void WriteLine(decimal value) => Line(value.ToString(FormatProvider));
        public override void WriteLine(ReadOnlySpan<char> buffer) => Line(buffer.ToString());
        public override void WriteLine(string format, object? arg0) => Line(string.Format(format, arg0));
        public override void WriteLine(string format, object? arg0, object? arg1) => Line(string.Format(format, arg0, arg1));
        public override void WriteLine(string format, object? arg0, object? arg1, object? arg2) => Line(string.Format(format, arg0, arg1, arg2));
        public override void WriteLine(string format, params object?[] arg) => Line(string.Format(format, arg));
        public override Task WriteLineAsync() => Done(WriteLine);
        public override Task WriteLineAsync(char value) => Done(() => WriteLine(value));
        public override Task WriteLineAsync(string? value) => Done(() => WriteLine(value));
        public override Task WriteLineAsync(char[] buffer, int index, int count) => Done(() => WriteLine(buffer, index, count));

        private void Line(string? text) => Logs.Write(level, null, text, Array.Empty<object>());

        private static Task Done(Action write)
        {
            write();
            return Task.CompletedTask;
        }
    }
}

using System;
using System.Buffers.Binary;
using System.IO;
using System.Text;

namespace Hearth.Runtime
{
    /// `Amazon.Lambda.Core.LogLevel`, which a function may have in a version without it.
    internal enum LogLevel { Trace, Debug, Information, Warning, Error, Critical }

    /// Where output goes: to the platform's log channel as frames, or to plain stdout.
    ///
    /// A frame carries one log event whole, however many lines it has: a big-endian u32 kind, u32 length, u64 microseconds
    /// since the epoch, then the text.
    internal static class Output
    {
        private const uint Text = 0xa55a0003, Json = 0xa55a0002;
        // Pieces of lines on stdout and on stderr. One that ends with a line end, or is empty, is the last of its line.
        private const uint OutPiece = 0xa55a0083, ErrorPiece = 0xa55a00a3;

        private static readonly object Exclusive = new object();
        private static readonly UTF8Encoding Utf8 = new UTF8Encoding(false);
        private static int descriptor = -1;
        private static bool outIsOpen;
        private static bool errorIsOpen;
        private static TextWriter plain = TextWriter.Null;

        internal static void Install(string? log)
        {
            plain = Console.Out;
            if (log == null)
                return;
            descriptor = int.Parse(log);
            Native.KeepFromChildren(descriptor);
        }

        /// One event.
        internal static void Log(string line, LogLevel? level, bool json)
        {
            // The kinds of levels are four apart.
            var kind = (json ? Json : Text) + (level == null ? 0u : 4 + 4 * (uint)level);
            lock (Exclusive)
                Write(kind, line + "\n");
        }

        /// Text as it is, without a line end of its own: cut into lines, an event each.
        internal static void Raw(string text, bool error)
        {
            lock (Exclusive)
            {
                ref var open = ref error ? ref errorIsOpen : ref outIsOpen;
                for (var at = 0; at < text.Length;)
                {
                    var end = text.IndexOf('\n', at) + 1;
                    var whole = end > 0;
                    end = whole ? end : text.Length;
                    Write(open || !whole ? error ? ErrorPiece : OutPiece : Text, text.Substring(at, end - at));
                    (open, at) = (!whole, end);
                }
            }
        }

        /// Ends a line that was begun on either stream.
        internal static void EndLines()
        {
            if (!outIsOpen && !errorIsOpen)
                return;
            lock (Exclusive)
            {
                if (outIsOpen && descriptor >= 0)
                    Frame(OutPiece, "");
                if (errorIsOpen && descriptor >= 0)
                    Frame(ErrorPiece, "");
                outIsOpen = errorIsOpen = false;
            }
        }

        private static void Write(uint kind, string text)
        {
            if (descriptor >= 0)
            {
                Frame(kind, text);
                return;
            }
            plain.Write(text);
            plain.Flush();
        }

        private static void Frame(uint kind, string text)
        {
            var frame = new byte[16 + Utf8.GetByteCount(text)];
            BinaryPrimitives.WriteUInt32BigEndian(frame, kind);
            BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(4), (uint)(frame.Length - 16));
            BinaryPrimitives.WriteInt64BigEndian(frame.AsSpan(8), (DateTime.UtcNow - DateTime.UnixEpoch).Ticks / 10);
            Utf8.GetBytes(text, 0, text.Length, frame, 16);
            Native.Write(descriptor, frame, 0, frame.Length);
        }
    }
}

using System;
using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Hearth.Runtime
{
    /// JSON that is written member by member, on one line.
    internal static class JsonText
    {
        /// Characters beyond ASCII stand as they are: nothing here ends up inside a page.
        private static readonly JsonWriterOptions Options =
            new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

        internal static string Of(Action<Utf8JsonWriter> write) => Encoding.UTF8.GetString(Bytes(write));

        internal static byte[] Bytes(Action<Utf8JsonWriter> write)
        {
            var buffer = new ArrayBufferWriter<byte>();
            using (var writer = new Utf8JsonWriter(buffer, Options))
                write(writer);
            return buffer.WrittenSpan.ToArray();
        }
    }
}

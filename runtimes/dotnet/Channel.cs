using System;
using System.Buffers.Binary;
using System.Linq;
using System.Text;
using System.Text.Json;

namespace Hearth.Runtime
{
    /// The lean channel: frames over an inherited, connected Unix stream socket.
    ///
    /// A frame is a big-endian u32 length of what follows, a kind byte and a payload; `docs/develop/runtime-channel.md`
    /// has the whole of it.
    internal sealed class Channel : ILink
    {
        private const byte Invoke = 1, Specialise = 2;
        private const byte IsReady = 16, FailedInit = 17, Response = 18, Error = 19, IsParked = 24;

        private readonly int descriptor;
        private byte[] buffer = new byte[64 * 1024];
        private int start;
        private int end;

        internal Channel(int descriptor)
        {
            this.descriptor = descriptor;
            Native.KeepFromChildren(descriptor);
        }

        public void Ready() => Send(IsReady, Array.Empty<byte>(), Array.Empty<byte>(), 0);

        public Call Next()
        {
            var (at, length) = WaitFor(Invoke);
            return Parse(at, at + length);
        }

        public (string, string)[] Parked()
        {
            Send(IsParked, Array.Empty<byte>(), Array.Empty<byte>(), 0);
            var (at, length) = WaitFor(Specialise);
            using var told = JsonDocument.Parse(buffer.AsMemory(at, length));
            return told.RootElement.GetProperty("environment").EnumerateObject()
                .Select(variable => (variable.Name, variable.Value.GetString() ?? "")).ToArray();
        }

        public void Respond(string requestId, byte[] body, int length) => Send(Response, Shorts(requestId), body, length);

        public void Fail(string requestId, string errorType, byte[] document) =>
            Send(Error, Shorts(requestId, errorType), document, document.Length);

        public void InitError(string errorType, byte[] document) =>
            Send(FailedInit, Shorts(errorType), document, document.Length);

        /// Where the payload of the next frame of this kind lies in the buffer, and its length.
        private (int, int) WaitFor(byte kind)
        {
            while (true)
            {
                Fill(4);
                var length = checked((int)BinaryPrimitives.ReadUInt32BigEndian(buffer.AsSpan(start)));
                Fill(4 + length);
                var at = start + 4;
                start += 4 + length;
                if (buffer[at] == kind)
                    return (at + 1, length - 1);
            }
        }

        /// Reads until so many bytes are there. One read takes a whole frame in the common case.
        private void Fill(int size)
        {
            if (start == end)
                start = end = 0;
            if (start + size > buffer.Length)
            {
                var larger = size > buffer.Length ? new byte[size + 64 * 1024] : buffer;
                Buffer.BlockCopy(buffer, start, larger, 0, end - start);
                (buffer, end, start) = (larger, end - start, 0);
            }
            while (end - start < size)
            {
                var got = Native.Read(descriptor, buffer, end, buffer.Length - end);
                if (got == 0)
                    Program.HungUp();
                end += got;
            }
        }

        private Call Parse(int at, int stop)
        {
            var call = new Call { DeadlineMs = BinaryPrimitives.ReadInt64BigEndian(buffer.AsSpan(at)) };
            at += 8;
            call.RequestId = Short(ref at);
            call.FunctionArn = Short(ref at);
            call.TraceId = Short(ref at);
            call.ClientContext = Short(ref at);
            call.Identity = Short(ref at);
            call.TenantId = Short(ref at);
            (call.Buffer, call.Offset, call.Length) = (buffer, at, stop - at);
            return call;
        }

        private string Short(ref int at)
        {
            int length = BinaryPrimitives.ReadUInt16BigEndian(buffer.AsSpan(at));
            var text = length == 0 ? "" : Encoding.UTF8.GetString(buffer, at + 2, length);
            at += 2 + length;
            return text;
        }

        /// Strings with their u16 lengths in front; cut where they would not fit (no request id or error type is that long).
        private static byte[] Shorts(params string[] texts)
        {
            var parts = texts.Select(text => Encoding.UTF8.GetBytes(text)).Select(all => all.AsSpan(0, Math.Min(all.Length, 65535)).ToArray()).ToArray();
            var joined = new byte[parts.Sum(part => 2 + part.Length)];
            var at = 0;
            foreach (var part in parts)
            {
                BinaryPrimitives.WriteUInt16BigEndian(joined.AsSpan(at), (ushort)part.Length);
                part.CopyTo(joined, at + 2);
                at += 2 + part.Length;
            }
            return joined;
        }

        private void Send(byte kind, byte[] head, byte[] body, int length)
        {
            // Up to here, one write of a copy is cheaper than two writes.
            var together = length < 64 * 1024;
            var frame = new byte[5 + head.Length + (together ? length : 0)];
            BinaryPrimitives.WriteUInt32BigEndian(frame, (uint)(1 + head.Length + length));
            frame[4] = kind;
            head.CopyTo(frame, 5);
            if (together)
                Buffer.BlockCopy(body, 0, frame, 5 + head.Length, length);
            if (!Native.Write(descriptor, frame, 0, frame.Length) || !together && !Native.Write(descriptor, body, 0, length))
                Program.HungUp();
        }
    }
}

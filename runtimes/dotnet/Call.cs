namespace Hearth.Runtime
{
    /// What the platform delivers with an event. Texts that are absent are empty.
    internal sealed class Call
    {
        internal long DeadlineMs;
        internal string RequestId = "";
        internal string FunctionArn = "";
        internal string TraceId = "";
        internal string ClientContext = "";
        internal string Identity = "";
        internal string TenantId = "";

        /// The event is a part of what was received.
        internal byte[] Buffer = System.Array.Empty<byte>();
        internal int Offset;
        internal int Length;
    }

    /// The platform, as this process talks to it.
    internal interface ILink
    {
        /// Waits until it is known which function this process serves; the variables it has then.
        (string, string)[] Parked();
        void Ready();
        Call Next();
        void Respond(string requestId, byte[] body, int length);
        void Fail(string requestId, string errorType, byte[] document);
        void InitError(string errorType, byte[] document);
    }
}

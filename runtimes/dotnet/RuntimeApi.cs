using System;
using System.Linq;
using System.Net.Http;
using System.Net.Http.Headers;
using System.Threading;

namespace Hearth.Runtime
{
    /// The Runtime API over HTTP, for when no lean channel was handed over.
    internal sealed class RuntimeApi : ILink
    {
        private readonly HttpClient client;
        private string? attempt;

        internal RuntimeApi(string address)
        {
            // No proxy: the variables that name one are about the function's own requests.
            client = new HttpClient(new SocketsHttpHandler { UseProxy = false, UseCookies = false })
            {
                BaseAddress = new Uri($"http://{address}/2018-06-01/runtime/"),
                Timeout = Timeout.InfiniteTimeSpan,
            };
            client.DefaultRequestHeaders.UserAgent.ParseAdd("hearth-dotnet/1");
        }

        public (string, string)[] Parked() => throw new InvalidOperationException("a parked runtime needs the lean channel");

        /// Nothing to say: the first `next` says it.
        public void Ready() { }

        public Call Next()
        {
            using var answer = Send(new HttpRequestMessage(HttpMethod.Get, "invocation/next"));
            if ((int)answer.StatusCode != 200)
                throw new InvalidOperationException($"runtime API: expected 200 for the next invocation, found {(int)answer.StatusCode}");
            var body = answer.Content.ReadAsByteArrayAsync().GetAwaiter().GetResult();
            string Header(string name) => answer.Headers.TryGetValues(name, out var found) ? string.Join(",", found) : "";
            attempt = Header("Lambda-Runtime-Invocation-Id");
            return new Call
            {
                RequestId = Header("Lambda-Runtime-Aws-Request-Id"),
                DeadlineMs = long.TryParse(Header("Lambda-Runtime-Deadline-Ms"), out var deadline) ? deadline : 0,
                FunctionArn = Header("Lambda-Runtime-Invoked-Function-Arn"),
                TraceId = Header("Lambda-Runtime-Trace-Id"),
                ClientContext = Header("Lambda-Runtime-Client-Context"),
                Identity = Header("Lambda-Runtime-Cognito-Identity"),
                TenantId = Header("Lambda-Runtime-Aws-Tenant-Id"),
                Buffer = body,
                Length = body.Length,
            };
        }

        public void Respond(string requestId, byte[] body, int length) =>
            Post($"invocation/{requestId}/response", body, length, null);

        public void Fail(string requestId, string errorType, byte[] document) =>
            Post($"invocation/{requestId}/error", document, document.Length, errorType);

        public void InitError(string errorType, byte[] document) => Post("init/error", document, document.Length, errorType);

        private void Post(string path, byte[] body, int length, string? errorType)
        {
            var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new ByteArrayContent(body, 0, length) };
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            if (errorType != null)
                request.Headers.TryAddWithoutValidation("Lambda-Runtime-Function-Error-Type", errorType);
            // By it the platform tells answers to an older delivery of the same event from this one's.
            if (!string.IsNullOrEmpty(attempt))
                request.Headers.TryAddWithoutValidation("Lambda-Runtime-Invocation-Id", attempt);
            Send(request).Dispose();
        }

        private HttpResponseMessage Send(HttpRequestMessage request)
        {
            try
            {
                return client.SendAsync(request).GetAwaiter().GetResult();
            }
            catch (HttpRequestException)
            {
                Program.HungUp();
                throw;
            }
        }
    }
}

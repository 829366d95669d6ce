using System;
using System.Collections.Generic;
using System.IO;

namespace Hearth.Runtime
{
    /// What a parked process does while it waits: it has this assembly's code compiled that the first event will run, so
    /// that no invocation pays for it. It touches nothing that a function could have a version of its own of.
    internal static class Warming
    {
        public interface IExample
        {
            string Name { get; }
        }

        internal static void Up()
        {
            try
            {
                var example = (IExample)Core.OfValues(typeof(IExample), new Dictionary<string, Func<Type, object?>> { ["Name"] = _ => "" });
                GC.KeepAlive(example.Name);
                GC.KeepAlive(Failure.Document(new LambdaValidationException("")));
                GC.KeepAlive(new MessageTemplate("{value}", new object?[] { 1 }).ToString());
                using var stream = new MemoryStream(new byte[1]);
                stream.CopyTo(new MemoryStream());
            }
            catch (Exception)
            {
                // Only time is lost.
            }
        }
    }
}

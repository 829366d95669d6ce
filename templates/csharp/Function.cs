using System;
using Amazon.Lambda.Core;

[assembly: LambdaSerializer(typeof(Amazon.Lambda.Serialization.SystemTextJson.CamelCaseLambdaJsonSerializer))]

namespace Example
{
    /// <summary>What the function is called with.</summary>
    public class Event
    {
        public string? Name { get; set; }
    }

    /// <summary>What it returns.</summary>
    public class Answer
    {
        public string Message { get; set; } = "";
    }

    public class Function
    {
        // What stands here runs once for each execution environment.
        private readonly string greeting = Environment.GetEnvironmentVariable("GREETING") ?? "Hello";

        public Answer Handle(Event request, ILambdaContext? context)
        {
            var name = request.Name ?? "world";
            context?.Logger.LogInformation($"greeting {name}");
            return new Answer { Message = $"{greeting}, {name}!" };
        }
    }
}

using Amazon.Lambda.Core;

[assembly: LambdaSerializer(typeof(Amazon.Lambda.Serialization.SystemTextJson.CamelCaseLambdaJsonSerializer))]

namespace Example;

/// <summary>What the function is called with.</summary>
public record Event(string? Name);

/// <summary>What it returns.</summary>
public record Answer(string Message);

public class Function
{
    // What stands here runs once for each execution environment.
    private readonly string greeting = Environment.GetEnvironmentVariable("GREETING") ?? "Hello";

    public Answer Handle(Event request, ILambdaContext? context)
    {
        var name = request.Name ?? "world";
        context?.Logger.LogInformation($"greeting {name}");
        return new Answer($"{greeting}, {name}!");
    }
}

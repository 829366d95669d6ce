using Example;
using Xunit;

public class FunctionTest
{
    [Fact]
    public void ItGreetsByName() => Assert.Equal("Hello, Ada!", new Function().Handle(new Event { Name = "Ada" }, null).Message);

    [Fact]
    public void ItGreetsEverybodyElse() => Assert.Equal("Hello, world!", new Function().Handle(new Event(), null).Message);
}

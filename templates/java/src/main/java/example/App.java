package example;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;

import java.util.Map;

public class App implements RequestHandler<Map<String, String>, Map<String, String>> {
    // What stands here runs once for each execution environment.
    private final String greeting = System.getenv().getOrDefault("GREETING", "Hello");

    @Override
    public Map<String, String> handleRequest(Map<String, String> event, Context context) {
        String name = event.getOrDefault("name", "world");
        if (context != null) {
            context.getLogger().log("greeting " + name);
        }
        return Map.of("message", greeting + ", " + name + "!");
    }
}

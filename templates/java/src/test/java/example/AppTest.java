package example;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Map;
import org.junit.jupiter.api.Test;

class AppTest {
    @Test
    void itGreetsByName() {
        assertEquals(Map.of("message", "Hello, Ada!"), new App().handleRequest(Map.of("name", "Ada"), null));
    }

    @Test
    void itGreetsEverybodyElse() {
        assertEquals(Map.of("message", "Hello, world!"), new App().handleRequest(Map.of(), null));
    }
}

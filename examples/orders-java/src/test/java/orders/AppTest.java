package orders;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

class AppTest {
    private final App app = new App("apple=30,pear=45");

    private static String order(String lines) {
        return "{\"id\":\"1\",\"lines\":[" + lines + "]}";
    }

    @Test
    void anOrderIsPriced() throws Exception {
        assertEquals(105L, app.work(order("{\"article\":\"apple\",\"count\":2},{\"article\":\"pear\",\"count\":1}")).get("total"));
    }

    @Test
    void whatCanNeverBeDeliveredIsRefused() throws Exception {
        for (String body : new String[] {"", "nonsense", "{}", order(""), order("{\"article\":\"apple\",\"count\":0}")}) {
            assertEquals("refused", app.work(body).get("order"), body);
        }
    }

    @Test
    void whatHasNoPriceYetComesAgain() {
        assertThrows(Prices.Unknown.class, () -> app.work(order("{\"article\":\"quince\",\"count\":1}")));
    }
}

package orders;

import java.util.HashMap;
import java.util.Map;

/** Prices in cents, from a text such as {@code apple=30,pear=45}. */
public final class Prices {
    /** An order asks for what the list does not have: perhaps a newer one does. */
    static final class Unknown extends Exception {
        Unknown(String article) {
            super("no price is known for " + article);
        }
    }

    private final Map<String, Long> byArticle = new HashMap<>();

    Prices(String list) {
        for (String entry : list.split(",")) {
            String[] parts = entry.trim().split("=", 2);
            if (parts.length == 2) {
                byArticle.put(parts[0], Long.parseLong(parts[1]));
            }
        }
    }

    long total(Order order) throws Unknown {
        long total = 0;
        for (Order.Line line : order.lines()) {
            Long price = byArticle.get(line.article());
            if (price == null) {
                throw new Unknown(line.article());
            }
            total = Math.addExact(total, Math.multiplyExact(price, line.count()));
        }
        return total;
    }
}

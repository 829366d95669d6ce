package orders;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.LambdaLogger;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import com.amazonaws.services.lambda.runtime.events.SQSBatchResponse;
import com.amazonaws.services.lambda.runtime.events.SQSBatchResponse.BatchItemFailure;
import com.amazonaws.services.lambda.runtime.events.SQSEvent;
import com.google.gson.Gson;
import com.google.gson.JsonParseException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Works a batch off, order by order, and names those that are to come again. */
public class App implements RequestHandler<SQSEvent, SQSBatchResponse> {
    private final Gson gson = new Gson();
    private final Prices prices;

    public App() {
        this(System.getenv().getOrDefault("PRICES", ""));
    }

    App(String prices) {
        this.prices = new Prices(prices);
    }

    @Override
    public SQSBatchResponse handleRequest(SQSEvent event, Context context) {
        List<BatchItemFailure> again = new ArrayList<>();
        for (SQSEvent.SQSMessage message : event.getRecords()) {
            try {
                tell(context.getLogger(), work(message.getBody()));
            } catch (Prices.Unknown problem) {
                tell(context.getLogger(), outcome("later", message.getMessageId(), problem.getMessage()));
                again.add(new BatchItemFailure(message.getMessageId()));
            }
        }
        return new SQSBatchResponse(again);
    }

    /** What becomes of an order, for the log. */
    Map<String, Object> work(String body) throws Prices.Unknown {
        Order order;
        try {
            order = gson.fromJson(body, Order.class);
        } catch (JsonParseException problem) {
            return outcome("refused", null, "it is no JSON");
        }
        String defect = order == null ? "it is empty" : order.defect();
        if (defect != null) {
            return outcome("refused", order == null ? null : order.id(), defect);
        }
        try {
            return outcome("accepted", order.id(), prices.total(order));
        } catch (ArithmeticException tooMuch) {
            return outcome("refused", order.id(), "its total is beyond all measure");
        }
    }

    private static Map<String, Object> outcome(String what, String id, Object why) {
        Map<String, Object> outcome = new LinkedHashMap<>();
        outcome.put("order", what);
        outcome.put("id", id);
        outcome.put(what.equals("accepted") ? "total" : "reason", why);
        return outcome;
    }

    private void tell(LambdaLogger logger, Map<String, Object> outcome) {
        logger.log(gson.toJson(outcome) + "\n");
    }
}

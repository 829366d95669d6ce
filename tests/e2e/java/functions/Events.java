package functions;

import com.amazonaws.services.lambda.runtime.events.APIGatewayV2HTTPEvent;
import com.amazonaws.services.lambda.runtime.events.APIGatewayV2HTTPResponse;
import com.amazonaws.services.lambda.runtime.events.CloudWatchLogsEvent;
import com.amazonaws.services.lambda.runtime.events.DynamodbEvent;
import com.amazonaws.services.lambda.runtime.events.KinesisEvent;
import com.amazonaws.services.lambda.runtime.events.MSKFirehoseEvent;
import com.amazonaws.services.lambda.runtime.events.MSKFirehoseResponse;
import com.amazonaws.services.lambda.runtime.events.S3Event;
import com.amazonaws.services.lambda.runtime.events.SNSEvent;
import com.amazonaws.services.lambda.runtime.events.SQSBatchResponse;
import com.amazonaws.services.lambda.runtime.events.SQSEvent;
import com.amazonaws.services.lambda.runtime.events.ScheduledEvent;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/** Handlers for the event classes of AWS: each answers what it found in the event. */
public class Events {
    public SQSBatchResponse sqs(SQSEvent event) {
        SQSEvent.SQSMessage first = event.getRecords().get(0);
        String found = first.getMessageId() + " " + first.getBody() + " " + first.getEventSourceArn() + " "
                + first.getAttributes().get("SentTimestamp") + " " + first.getMessageAttributes().get("kind").getStringValue();
        return new SQSBatchResponse(List.of(new SQSBatchResponse.BatchItemFailure(found)));
    }

    /** As it came in: the names are those of the JSON again. */
    public SQSEvent same(SQSEvent event) {
        return event;
    }

    public List<Object> s3(S3Event event) {
        var first = event.getRecords().get(0);
        return List.of(first.getEventTime().getMillis(), first.getS3().getBucket().getName(), first.getS3().getObject().getUrlDecodedKey(),
                first.getS3().getObject().getSizeAsLong(), first.getResponseElements().getxAmzId2(), first.getRequestParameters().getSourceIPAddress());
    }

    public List<Object> dynamodb(DynamodbEvent event) {
        var first = event.getRecords().get(0);
        var image = first.getDynamodb().getNewImage();
        return List.of(first.getEventID(), first.getEventSourceARN(), first.getDynamodb().getApproximateCreationDateTime().getTime(),
                image.get("id").getN(), image.get("tags").getSS(), image.get("ok").getBOOL(), image.get("nested").getM().get("x").getS(),
                image.get("data").getB().remaining(), first.getDynamodb().getSizeBytes());
    }

    public List<Object> kinesis(KinesisEvent event) {
        var first = event.getRecords().get(0).getKinesis();
        return List.of(StandardCharsets.UTF_8.decode(first.getData()).toString(), first.getApproximateArrivalTimestamp().getTime(), first.getPartitionKey());
    }

    public List<Object> sns(SNSEvent event) {
        var first = event.getRecords().get(0);
        return List.of(first.getEventSubscriptionArn(), first.getSNS().getMessage(), first.getSNS().getTimestamp().getMillis(),
                first.getSNS().getMessageAttributes().get("kind").getValue());
    }

    public List<Object> schedule(ScheduledEvent event) {
        return List.of(event.getDetailType(), event.getTime().getMillis(), event.getDetail().get("n"));
    }

    public MSKFirehoseResponse stream(MSKFirehoseEvent event) {
        var first = event.getRecords().get(0);
        String value = StandardCharsets.UTF_8.decode(first.getKafkaRecordValue()).toString();
        var changed = new MSKFirehoseResponse.Record(first.getRecordId(), MSKFirehoseResponse.Result.Ok, StandardCharsets.UTF_8.encode(value + "!"));
        return new MSKFirehoseResponse(List.of(changed));
    }

    public String logs(CloudWatchLogsEvent event) {
        return event.getAwsLogs().getData();
    }

    public APIGatewayV2HTTPResponse http(APIGatewayV2HTTPEvent event) {
        return APIGatewayV2HTTPResponse.builder().withStatusCode(201).withHeaders(Map.of("x-path", event.getRawPath()))
                .withBody(event.getRequestContext().getHttp().getMethod() + " " + event.getQueryStringParameters().get("q")).build();
    }
}

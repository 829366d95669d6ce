package hearth.runtime;

import java.util.Arrays;
import java.util.HashSet;
import java.util.Locale;
import java.util.Set;

/**
 * The classes of {@code aws-lambda-java-events}: their members are not written as the JSON of the events is
 * ({@code Records}, {@code eventSourceARN}, {@code detail-type}), and their dates are seconds.
 */
final class Events {
    private static final String[] PACKAGES = {
        "com.amazonaws.services.lambda.runtime.events.",
        "com.amazonaws.services.dynamodbv2.model.",
        "com.amazonaws.services.s3.event.",
    };

    /** Classes all of whose members begin with a capital letter in JSON. */
    private static final Set<String> CAPITALISED = new HashSet<>(Arrays.asList(
            "CloudFormationCustomResourceEvent", "ConnectEvent", "ConnectEvent$Details", "ConnectEvent$ContactData",
            "ConnectEvent$CustomerEndpoint", "ConnectEvent$Queue", "ConnectEvent$SystemEndpoint", "StreamRecord",
            "SecretsManagerRotationEvent", "SNSEvent$SNSRecord", "SNSEvent$SNS", "SNSEvent$MessageAttribute"));

    private Events() {}

    static boolean isEvent(Class<?> type) {
        String name = type.getName();
        for (String start : PACKAGES) {
            if (name.startsWith(start)) {
                return true;
            }
        }
        return false;
    }

    /** A name without what spellings differ in. */
    static String plain(String name) {
        return name.replace("-", "").replace("_", "").toLowerCase(Locale.ROOT);
    }

    /** How a member of an event class is spelt in JSON. */
    static String written(Class<?> type, String name) {
        String simple = type.getName().substring(type.getName().lastIndexOf('.') + 1);
        switch (plain(name)) {
            case "records":
                boolean small = simple.startsWith("Kafka") || simple.startsWith("KinesisFirehose") || simple.startsWith("KinesisAnalytics")
                        || simple.startsWith("MSKFirehose");
                return small ? name : "Records";
            case "eventsourcearn":
                return simple.startsWith("Kafka") || simple.contains("MQEvent") ? name : "eventSourceARN";
            case "useridentityarn":
                return "userIdentityARN";
            case "awslogs":
                return "awslogs";
            case "codecommit":
                return "codecommit";
            case "detailtype":
                return simple.equals("ScheduledEvent") ? "detail-type" : name;
            case "instancearn":
                return simple.startsWith("Connect") ? "InstanceARN" : name;
            case "responseurl":
                return simple.startsWith("CloudFormation") ? "ResponseURL" : name;
            default:
                break;
        }
        if (simple.equals("AttributeValue")) {
            return name.toUpperCase(Locale.ROOT);
        }
        boolean capital = CAPITALISED.contains(simple) && !name.isEmpty();
        return capital ? Character.toUpperCase(name.charAt(0)) + name.substring(1) : name;
    }
}

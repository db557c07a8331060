// Sends one mail and reads what became of it, with com.rabbitmq:amqp-client (5.x) and com.fasterxml.jackson.core:jackson-databind.
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

public class Send {
    static final String REQUEST = """
        {
          "idempotency_key": "order-4711-receipt",
          "to": [{"email": "anna@example.com", "name": "Anna"}],
          "subject": "Your receipt",
          "text": "Thank you for your order.",
          "tags": ["receipts"]
        }
        """;
    static final Set<String> FINAL = Set.of("sent", "rejected", "failed", "cancelled");

    public static void main(String[] arguments) throws Exception {
        ConnectionFactory factory = new ConnectionFactory();
        factory.setUri(System.getenv("APICONNECT_URL")); // as `apiconnect integration create` printed it
        String user = factory.getUsername(); // integration.<name>
        String name = user.substring("integration.".length());
        try (Connection connection = factory.newConnection(); Channel channel = connection.createChannel()) {
            AtomicBoolean returned = new AtomicBoolean(); // set before the confirm comes if no queue takes the request
            channel.addReturnListener(message -> returned.set(true));
            channel.confirmSelect();
            AMQP.BasicProperties properties = new AMQP.BasicProperties.Builder()
                .userId(user) // mandatory: the broker checks it
                .contentType("application/json")
                .deliveryMode(2) // survives a restart of the broker
                .correlationId("4711") // given back with each result
                .build();
            byte[] body = REQUEST.getBytes(StandardCharsets.UTF_8);
            channel.basicPublish("apiconnect.send", "mail.send." + name, true, properties, body);
            channel.waitForConfirmsOrDie(30_000);
            if (returned.get()) throw new IllegalStateException("no queue takes the request");

            CountDownLatch done = new CountDownLatch(1);
            ObjectMapper json = new ObjectMapper();
            channel.basicQos(100);
            channel.basicConsume("results." + name, false, (tag, delivery) -> {
                JsonNode result = json.readTree(delivery.getBody());
                String state = result.get("state").asText();
                System.out.println(result.get("idempotency_key").asText() + " " + state + " "
                    + result.path("reason").asText("") + " " + result.path("detail").asText(""));
                channel.basicAck(delivery.getEnvelope().getDeliveryTag(), false); // only when it is dealt with
                if ("4711".equals(delivery.getProperties().getCorrelationId()) && FINAL.contains(state)) done.countDown();
            }, tag -> { });
            if (!done.await(60, TimeUnit.SECONDS)) throw new IllegalStateException("nothing came for a minute");
        }
    }
}

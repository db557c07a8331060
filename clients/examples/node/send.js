// Sends one mail and reads what became of it, with amqplib. npm ci && APICONNECT_URL=… npm start
import amqp from "amqplib";

const url = process.env.APICONNECT_URL; // as `apiconnect integration create` printed it
const user = decodeURIComponent(new URL(url).username); // integration.<name>
const name = user.slice("integration.".length);

const request = {
  "idempotency_key": "order-4711-receipt",
  "to": [{ "email": "anna@example.com", "name": "Anna" }],
  "subject": "Your receipt",
  "text": "Thank you for your order.",
  "tags": ["receipts"]
};

const connection = await amqp.connect(url);
const channel = await connection.createConfirmChannel();
let returned = null; // comes before the confirm if no queue takes the request
channel.on("return", (message) => { returned = message; });
channel.publish("apiconnect.send", `mail.send.${name}`, Buffer.from(JSON.stringify(request)), {
  userId: user, // mandatory: the broker checks it
  contentType: "application/json",
  persistent: true, // survives a restart of the broker
  correlationId: "4711", // given back with each result
  mandatory: true,
});
await channel.waitForConfirms(); // rejects if the broker did not take it
if (returned) throw new Error("no queue takes the request");

await new Promise((resolve, reject) => {
  const late = setTimeout(() => reject(new Error("nothing came for a minute")), 60_000);
  channel.prefetch(100);
  channel.consume(`results.${name}`, (message) => {
    const result = JSON.parse(message.content.toString("utf8"));
    console.log(result.idempotency_key, result.state, result.reason ?? "", result.detail ?? "");
    channel.ack(message); // only when it is dealt with
    const final = ["sent", "rejected", "failed", "cancelled"].includes(result.state);
    if (message.properties.correlationId === "4711" && final) {
      clearTimeout(late);
      resolve();
    }
  });
});
await channel.close();
await connection.close();

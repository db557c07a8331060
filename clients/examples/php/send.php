<?php
// Sends one mail and reads what became of it, with php-amqplib. composer require php-amqplib/php-amqplib
require __DIR__ . '/vendor/autoload.php';

use PhpAmqpLib\Connection\AMQPStreamConnection;
use PhpAmqpLib\Message\AMQPMessage;

$url = parse_url(getenv('APICONNECT_URL')); // as `apiconnect integration create` printed it
$user = urldecode($url['user']); // integration.<name>
$name = substr($user, strlen('integration.'));

$request = <<<'JSON'
{
  "idempotency_key": "order-4711-receipt",
  "to": [{"email": "anna@example.com", "name": "Anna"}],
  "subject": "Your receipt",
  "text": "Thank you for your order.",
  "tags": ["receipts"]
}
JSON;

$vhost = urldecode(substr($url['path'] ?? '', 1)) ?: '/';
$connection = new AMQPStreamConnection($url['host'], $url['port'] ?? 5672, $user, urldecode($url['pass']), $vhost);
$channel = $connection->channel();
$channel->confirm_select();
$channel->set_nack_handler(function () { throw new RuntimeException('the broker did not take the request'); });
$channel->set_return_listener(function () { throw new RuntimeException('no queue takes the request'); });
$message = new AMQPMessage($request, [
    'user_id' => $user, // mandatory: the broker checks it
    'content_type' => 'application/json',
    'delivery_mode' => AMQPMessage::DELIVERY_MODE_PERSISTENT, // survives a restart of the broker
    'correlation_id' => '4711', // given back with each result
]);
$channel->basic_publish($message, 'apiconnect.send', "mail.send.$name", true);
$channel->wait_for_pending_acks_returns(30);

$done = false;
$channel->basic_qos(0, 100, false);
$channel->basic_consume("results.$name", '', false, false, false, false, function (AMQPMessage $message) use (&$done) {
    $result = json_decode($message->getBody(), true, 512, JSON_THROW_ON_ERROR);
    echo implode(' ', [$result['idempotency_key'], $result['state'], $result['reason'] ?? '', $result['detail'] ?? '']), "\n";
    $message->ack(); // only when it is dealt with
    $final = in_array($result['state'], ['sent', 'rejected', 'failed', 'cancelled'], true);
    $done = $final && $message->has('correlation_id') && $message->get('correlation_id') === '4711';
});
while (!$done) {
    $channel->wait(null, false, 60); // AMQPTimeoutException: nothing came for a minute
}
$channel->close();
$connection->close();

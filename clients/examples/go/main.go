// Sends one mail and reads what became of it, with amqp091-go.
// go mod init example && go get github.com/rabbitmq/amqp091-go && APICONNECT_URL=… go run .
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/url"
	"os"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

const request = `{
  "idempotency_key": "order-4711-receipt",
  "to": [{"email": "anna@example.com", "name": "Anna"}],
  "subject": "Your receipt",
  "text": "Thank you for your order.",
  "tags": ["receipts"]
}`

func main() {
	address := os.Getenv("APICONNECT_URL") // as `apiconnect integration create` printed it
	parsed, err := url.Parse(address)
	check(err)
	user := parsed.User.Username() // integration.<name>
	name := strings.TrimPrefix(user, "integration.")
	connection, err := amqp.Dial(address)
	check(err)
	defer connection.Close()
	channel, err := connection.Channel()
	check(err)
	check(channel.Confirm(false))
	returned := channel.NotifyReturn(make(chan amqp.Return, 1)) // comes before the confirm if no queue takes the request
	waiting, stop := context.WithTimeout(context.Background(), 30*time.Second)
	defer stop()
	confirm, err := channel.PublishWithDeferredConfirmWithContext(waiting, "apiconnect.send", "mail.send."+name, true, false,
		amqp.Publishing{
			UserId:        user, // mandatory: the broker checks it
			ContentType:   "application/json",
			DeliveryMode:  amqp.Persistent, // survives a restart of the broker
			CorrelationId: "4711",          // given back with each result
			Body:          []byte(request),
		})
	check(err)
	taken, err := confirm.WaitContext(waiting)
	check(err)
	select {
	case <-returned:
		log.Fatal("no queue takes the request")
	default:
	}
	if !taken {
		log.Fatal("the broker did not take the request")
	}

	deliveries, err := channel.Consume("results."+name, "", false, false, false, false, nil)
	check(err)
	for delivery := range deliveries {
		var result struct {
			IdempotencyKey string `json:"idempotency_key"`
			State          string `json:"state"`
			Reason         string `json:"reason"`
			Detail         string `json:"detail"`
		}
		check(json.Unmarshal(delivery.Body, &result))
		fmt.Println(result.IdempotencyKey, result.State, result.Reason, result.Detail)
		check(delivery.Ack(false)) // only when it is dealt with
		final := strings.Contains(" sent rejected failed cancelled ", " "+result.State+" ")
		if delivery.CorrelationId == "4711" && final {
			return
		}
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

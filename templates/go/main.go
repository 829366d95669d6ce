package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
)

// Event is what the function is called with.
type Event struct {
	Name string `json:"name"`
}

// Answer is what it returns.
type Answer struct {
	Message string `json:"message"`
}

// What stands here runs once for each execution environment.
var greeting = or(os.Getenv("GREETING"), "Hello")

func handle(_ context.Context, event Event) (Answer, error) {
	name := or(event.Name, "world")
	log.Printf("greeting %s", name)
	return Answer{Message: fmt.Sprintf("%s, %s!", greeting, name)}, nil
}

func or(text, fallback string) string {
	if text == "" {
		return fallback
	}
	return text
}

func main() {
	lambda.Start(handle)
}

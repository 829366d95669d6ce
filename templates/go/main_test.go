package main

import (
	"context"
	"testing"
)

func TestGreetings(t *testing.T) {
	for name, expected := range map[string]string{"Ada": "Hello, Ada!", "": "Hello, world!"} {
		answer, err := handle(context.Background(), Event{Name: name})
		if err != nil || answer.Message != expected {
			t.Errorf("%q: expected %q, found %q, %v", name, expected, answer.Message, err)
		}
	}
}

// The contract's function in Go. The protocol is in tests/contract/README.md.
package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

var (
	instance = randomText()
	count    int
	held     [][]byte
	ticker   *Ticker
)

// ContractError is the function's own error.
type ContractError struct{ text string }

func (e *ContractError) Error() string { return e.text }

// Ticker is work that goes on between invocations.
type Ticker struct {
	lock       sync.Mutex
	ticks      int
	largestGap int64
}

func (t *Ticker) run() {
	last := time.Now()
	for {
		time.Sleep(5 * time.Millisecond)
		now := time.Now()
		t.lock.Lock()
		t.ticks++
		// Round: without the monotonic clock, which need not run on while the process is frozen.
		t.largestGap = max(t.largestGap, now.Round(0).Sub(last.Round(0)).Milliseconds())
		t.lock.Unlock()
		last = now
	}
}

type event struct {
	Case    string          `json:"case"`
	Value   json.RawMessage `json:"value"`
	Ms      int             `json:"ms"`
	Size    int             `json:"size"`
	Kind    string          `json:"kind"`
	Message string          `json:"message"`
	Status  int             `json:"status"`
	Command string          `json:"command"`
	Path    string          `json:"path"`
	Text    string          `json:"text"`
	To      string          `json:"to"`
	Level   string          `json:"level"`
}

func handler(ctx context.Context, raw json.RawMessage) (any, error) {
	count++
	var event event
	if json.Unmarshal(raw, &event) != nil || event.Case == "" {
		return raw, nil
	}
	switch event.Case {
	case "context":
		return told(ctx), nil
	case "remaining":
		first := remaining(ctx)
		sleep(event.Ms)
		return []int64{first, remaining(ctx)}, nil
	case "echo":
		return event.Value, nil
	case "nothing":
		return nil, nil
	case "fill":
		return strings.Repeat("x", event.Size), nil
	case "measure":
		var text string
		err := json.Unmarshal(event.Value, &text)
		return len(text), err
	case "fail":
		return fail(event)
	case "exit":
		os.Exit(event.Status)
	case "run":
		out, _ := exec.Command("sh", "-c", event.Command).Output()
		return string(out), nil
	case "memory":
		debug.SetGCPercent(-1)
		for {
			block := make([]byte, 16<<20)
			for i := range block {
				block[i] = 1
			}
			held = append(held, block)
		}
	case "sleep":
		sleep(event.Ms)
		return instance, nil
	case "count":
		return map[string]any{"count": count, "instance": instance}, nil
	case "environment":
		return environment(), nil
	case "read":
		return read(event.Path), nil
	case "layer":
		return read("/opt/contract.txt"), nil
	case "write":
		return os.WriteFile(event.Path, []byte(event.Text), 0o644) == nil, nil
	case "print":
		out := map[string]*os.File{"stdout": os.Stdout, "stderr": os.Stderr}[event.To]
		_, err := out.WriteString(event.Text)
		return nil, err
	case "log":
		level := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
		slog.Log(ctx, level[event.Level], event.Message)
		return nil, nil
	case "tick":
		if ticker == nil {
			ticker = &Ticker{}
			go ticker.run()
		}
		ticker.lock.Lock()
		defer ticker.lock.Unlock()
		return map[string]any{"ticks": ticker.ticks, "largest_gap_ms": ticker.largestGap}, nil
	}
	return nil, fmt.Errorf("no such case: %s", event.Case)
}

func told(ctx context.Context) map[string]any {
	found, _ := lambdacontext.FromContext(ctx)
	answer := map[string]any{
		"request_id":           found.AwsRequestID,
		"function_name":        lambdacontext.FunctionName,
		"function_version":     lambdacontext.FunctionVersion,
		"invoked_function_arn": found.InvokedFunctionArn,
		"memory_limit":         lambdacontext.MemoryLimitInMB,
		"log_group_name":       lambdacontext.LogGroupName,
		"log_stream_name":      lambdacontext.LogStreamName,
		"remaining_ms":         remaining(ctx),
		"trace_id":             os.Getenv("_X_AMZN_TRACE_ID"),
		"client_context":       nil,
		"identity":             nil,
	}
	if client := found.ClientContext; client.Custom != nil || client.Env != nil {
		answer["client_context"] = map[string]any{"client": client.Client, "custom": client.Custom, "env": client.Env}
	}
	if identity := found.Identity; identity.CognitoIdentityID != "" {
		answer["identity"] = map[string]any{"id": identity.CognitoIdentityID, "pool": identity.CognitoIdentityPoolID}
	}
	return answer
}

func fail(event event) (any, error) {
	switch event.Kind {
	case "own":
		return nil, &ContractError{event.Message}
	case "standard":
		_, err := strconv.Atoi("no number")
		return nil, err
	case "cause":
		return nil, fmt.Errorf("%s: %w", event.Message, &ContractError{"the cause"})
	case "abrupt":
		panic(event.Message)
	case "result":
		return make(chan int), nil
	case "stray":
		go panic(event.Message)
		time.Sleep(time.Minute)
	}
	return nil, errors.New("no such kind")
}

func environment() map[string]any {
	variables := map[string]string{}
	for _, assignment := range os.Environ() {
		name, value, _ := strings.Cut(assignment, "=")
		variables[name] = value
	}
	folder, _ := os.Getwd()
	return map[string]any{"variables": variables, "folder": folder, "hour": time.Unix(0, 0).Local().Hour()}
}

func read(path string) any {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	return string(text)
}

func remaining(ctx context.Context) int64 {
	deadline, _ := ctx.Deadline()
	return time.Until(deadline).Milliseconds()
}

func sleep(ms int) { time.Sleep(time.Duration(ms) * time.Millisecond) }

func randomText() string {
	bytes := make([]byte, 16)
	_, _ = rand.Read(bytes)
	return hex.EncodeToString(bytes)
}

func main() {
	slog.SetDefault(lambdacontext.NewLogger())
	switch os.Getenv("CONTRACT_INIT") {
	case "raise":
		panic(&ContractError{"at load"})
	case "exit":
		os.Exit(3)
	case "print":
		fmt.Println("printed at load")
	case "sleep":
		time.Sleep(time.Minute)
	}
	if os.Getenv("CONTRACT_MODE") == "stream" {
		lambda.Start(stream)
	}
	lambda.Start(handler)
}

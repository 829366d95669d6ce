package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/aws/aws-lambda-go/events"
)

func newAPI(t *testing.T) *API {
	t.Helper()
	api, err := open(filepath.Join(t.TempDir(), "notes.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { api.db.Close() })
	return api
}

func (api *API) call(t *testing.T, method, path, body string, query map[string]string) (int, map[string]any) {
	t.Helper()
	request := events.LambdaFunctionURLRequest{RawPath: path, Body: body, QueryStringParameters: query}
	request.RequestContext.HTTP.Method = method
	response, err := api.Serve(context.Background(), request)
	if err != nil {
		t.Fatal(err)
	}
	var found map[string]any
	if response.Body != "" {
		if err := json.Unmarshal([]byte(response.Body), &found); err != nil {
			t.Fatal(err)
		}
	}
	return response.StatusCode, found
}

func TestANoteIsWrittenReadAndDeleted(t *testing.T) {
	api := newAPI(t)
	if status, note := api.call(t, "POST", "/notes", `{"text": "first"}`, nil); status != 201 || note["id"] != 1.0 {
		t.Fatal(status, note)
	}
	if status, note := api.call(t, "GET", "/notes/1", "", nil); status != 200 || note["text"] != "first" {
		t.Fatal(status, note)
	}
	if status, _ := api.call(t, "DELETE", "/notes/1", "", nil); status != 204 {
		t.Fatal(status)
	}
	if status, _ := api.call(t, "GET", "/notes/1", "", nil); status != 404 {
		t.Fatal(status)
	}
}

func TestAListComesInPages(t *testing.T) {
	api := newAPI(t)
	for i := 1; i <= 5; i++ {
		api.call(t, "POST", "/notes", fmt.Sprintf(`{"text": "note %d"}`, i), nil)
	}
	query, seen := map[string]string{"limit": "2"}, 0
	for {
		status, page := api.call(t, "GET", "/notes", "", query)
		if status != 200 {
			t.Fatal(status, page)
		}
		seen += len(page["notes"].([]any))
		next, more := page["next"]
		if !more {
			break
		}
		query["after"] = fmt.Sprint(next)
	}
	if seen != 5 {
		t.Errorf("expected 5 notes, found %d", seen)
	}
}

func TestWhatIsWrongIsRefused(t *testing.T) {
	api := newAPI(t)
	for _, row := range []struct {
		method, path, body string
		query              map[string]string
		status             int
	}{
		{"GET", "/", "", nil, 404},
		{"PUT", "/notes", "", nil, 405},
		{"GET", "/notes/x", "", nil, 404},
		{"POST", "/notes", "{", nil, 400},
		{"POST", "/notes", `{"text": ""}`, nil, 400},
		{"GET", "/notes", "", map[string]string{"limit": "101"}, 400},
		{"GET", "/notes", "", map[string]string{"after": "-1"}, 400},
	} {
		if status, body := api.call(t, row.method, row.path, row.body, row.query); status != row.status || body["error"] == nil {
			t.Errorf("%s %s: expected %d, found %d %v", row.method, row.path, row.status, status, body)
		}
	}
}

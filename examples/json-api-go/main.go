// A JSON API over a database, behind a function URL: notes that are written, read, listed and deleted.
//
//	POST   /notes        {"text": ...}    a new note
//	GET    /notes?after=ID&limit=N        notes in order, a page at a time
//	GET    /notes/ID                      one
//	DELETE /notes/ID
//
// The database is a file of bbolt, by default in /tmp: there it lives as long as the execution environment. With a file
// system mounted (FileSystemConfigs), DATABASE names a path on it.
package main

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	bolt "go.etcd.io/bbolt"
)

const (
	textMax  = 10_000
	pageMax  = 100
	pageSize = 20
)

var bucket = []byte("notes")

// Note is what the API answers with.
type Note struct {
	ID      uint64    `json:"id"`
	Text    string    `json:"text"`
	Written time.Time `json:"written"`
}

// API serves requests over one database.
type API struct {
	db *bolt.DB
}

// refusal is an error of the caller's.
type refusal struct {
	status int
	text   string
}

func (r refusal) Error() string { return r.text }

func refuse(status int, text string) error { return refusal{status, text} }

func open(path string) (*API, error) {
	// Another environment may have the file: it is frozen, or about to be done.
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: 2 * time.Second})
	if err != nil {
		return nil, err
	}
	err = db.Update(func(tx *bolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists(bucket)
		return err
	})
	return &API{db}, err
}

// Serve answers one request.
func (api *API) Serve(_ context.Context, request events.LambdaFunctionURLRequest) (events.LambdaFunctionURLResponse, error) {
	status, body, err := api.route(request)
	var refused refusal
	switch {
	case errors.As(err, &refused):
		status, body = refused.status, map[string]string{"error": refused.text}
	case err != nil:
		log.Printf("%s %s failed: %v", request.RequestContext.HTTP.Method, request.RawPath, err)
		status, body = http.StatusInternalServerError, map[string]string{"error": "the database failed"}
	}
	return answer(status, body)
}

func (api *API) route(request events.LambdaFunctionURLRequest) (int, any, error) {
	method := request.RequestContext.HTTP.Method
	path := strings.Split(strings.Trim(request.RawPath, "/"), "/")
	if path[0] != "notes" || len(path) > 2 {
		return 0, nil, refuse(http.StatusNotFound, "expected /notes or /notes/ID")
	}
	if len(path) == 1 {
		switch method {
		case http.MethodPost:
			return api.write(request)
		case http.MethodGet:
			return api.list(request.QueryStringParameters)
		}
		return 0, nil, refuse(http.StatusMethodNotAllowed, "expected GET or POST")
	}
	id, err := strconv.ParseUint(path[1], 10, 64)
	if err != nil {
		return 0, nil, refuse(http.StatusNotFound, "expected a number after /notes/")
	}
	switch method {
	case http.MethodGet:
		return api.read(id)
	case http.MethodDelete:
		return api.remove(id)
	}
	return 0, nil, refuse(http.StatusMethodNotAllowed, "expected GET or DELETE")
}

func (api *API) write(request events.LambdaFunctionURLRequest) (int, any, error) {
	body := []byte(request.Body)
	if request.IsBase64Encoded {
		decoded, err := base64.StdEncoding.DecodeString(request.Body)
		if err != nil {
			return 0, nil, refuse(http.StatusBadRequest, "expected a body in base64")
		}
		body = decoded
	}
	var note Note
	if err := json.Unmarshal(body, &note); err != nil || note.Text == "" || len(note.Text) > textMax {
		return 0, nil, refuse(http.StatusBadRequest, `expected {"text": ...} with 1 to 10000 bytes of text`)
	}
	note.Written = time.Now().UTC().Truncate(time.Second)
	err := api.db.Update(func(tx *bolt.Tx) error {
		notes := tx.Bucket(bucket)
		id, err := notes.NextSequence()
		if err != nil {
			return err
		}
		note.ID = id
		value, err := json.Marshal(note)
		if err != nil {
			return err
		}
		return notes.Put(key(id), value)
	})
	return http.StatusCreated, note, err
}

func (api *API) list(query map[string]string) (int, any, error) {
	after, limit := uint64(0), pageSize
	if text, given := query["after"]; given {
		parsed, err := strconv.ParseUint(text, 10, 63)
		if err != nil {
			return 0, nil, refuse(http.StatusBadRequest, "expected a number as after")
		}
		after = parsed
	}
	if text, given := query["limit"]; given {
		parsed, err := strconv.Atoi(text)
		if err != nil || parsed < 1 || parsed > pageMax {
			return 0, nil, refuse(http.StatusBadRequest, "expected 1 to 100 as limit")
		}
		limit = parsed
	}
	page := struct {
		Notes []Note  `json:"notes"`
		Next  *uint64 `json:"next,omitempty"`
	}{Notes: []Note{}}
	err := api.db.View(func(tx *bolt.Tx) error {
		cursor := tx.Bucket(bucket).Cursor()
		for _, value := cursor.Seek(key(after + 1)); value != nil; _, value = cursor.Next() {
			if len(page.Notes) == limit {
				page.Next = &page.Notes[limit-1].ID
				return nil
			}
			var note Note
			if err := json.Unmarshal(value, &note); err != nil {
				return err
			}
			page.Notes = append(page.Notes, note)
		}
		return nil
	})
	return http.StatusOK, page, err
}

func (api *API) read(id uint64) (int, any, error) {
	var note Note
	err := api.db.View(func(tx *bolt.Tx) error {
		value := tx.Bucket(bucket).Get(key(id))
		if value == nil {
			return refuse(http.StatusNotFound, "there is no such note")
		}
		return json.Unmarshal(value, &note)
	})
	return http.StatusOK, note, err
}

func (api *API) remove(id uint64) (int, any, error) {
	err := api.db.Update(func(tx *bolt.Tx) error { return tx.Bucket(bucket).Delete(key(id)) })
	return http.StatusNoContent, nil, err
}

// key puts ids into their order.
func key(id uint64) []byte {
	return binary.BigEndian.AppendUint64(nil, id)
}

func answer(status int, body any) (events.LambdaFunctionURLResponse, error) {
	response := events.LambdaFunctionURLResponse{StatusCode: status}
	if body == nil {
		return response, nil
	}
	text, err := json.Marshal(body)
	response.Headers = map[string]string{"content-type": "application/json"}
	response.Body = string(text)
	return response, err
}

func main() {
	path := os.Getenv("DATABASE")
	if path == "" {
		path = "/tmp/notes.db"
	}
	api, err := open(path)
	if err != nil {
		log.Fatalf("failed to open %s: %v", path, err)
	}
	lambda.Start(api.Serve)
}

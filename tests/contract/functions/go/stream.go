package main

import "io"

type streamEvent struct {
	Chunks  []string `json:"chunks"`
	PauseMs int      `json:"pause_ms"`
	Fail    string   `json:"fail"`
}

// stream answers with a reader, which is what makes an answer of this client a stream.
func stream(event streamEvent) (io.Reader, error) {
	reader, writer := io.Pipe()
	go func() {
		for _, chunk := range event.Chunks {
			_, _ = io.WriteString(writer, chunk)
			sleep(event.PauseMs)
		}
		if event.Fail != "" {
			writer.CloseWithError(&ContractError{event.Fail})
			return
		}
		writer.Close()
	}()
	return reader, nil
}

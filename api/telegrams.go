package api

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"unicode/utf8"
)

// Telegram is one of the meter as it stands on its line.
type Telegram struct {
	Format string
	Octets []byte
}

// telegramEvent is a telegram in a stream of events. One that is text stands there
// as text.
type telegramEvent struct {
	Format string `json:"format"`
	Text   string `json:"text,omitempty"`
	Hex    string `json:"hex,omitempty"`
}

// getTelegrams streams the telegrams from the next one on, as server-sent events,
// until the client or the box has gone.
func (s *Server) getTelegrams(w http.ResponseWriter, r *http.Request) {
	if s.Telegrams == nil {
		fail(w, r, http.StatusNotFound, "this box hands no telegrams on")
		return
	}
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Type", eventStream)
		return
	}
	telegrams, err := s.Telegrams(r.Context())
	if err != nil {
		w.Header().Set("Retry-After", "10")
		fail(w, r, http.StatusServiceUnavailable, "%v", err)
		return
	}
	send := s.stream(w, r)
	ok := send(": telegrams follow\n\n")
	for t := range telegrams {
		if ok = ok && send(event(t)); !ok {
			return
		}
	}
}

// event is a telegram as an event; one without a format is a sign of life.
func event(t Telegram) string {
	if t.Format == "" {
		return ": no telegram\n\n"
	}
	e := telegramEvent{Format: t.Format, Text: string(t.Octets)}
	if !printable(t.Octets) {
		e.Text, e.Hex = "", hex.EncodeToString(t.Octets)
	}
	data, err := json.Marshal(e)
	if err != nil { // texts have a JSON
		panic(fmt.Errorf("api: telegram: %w", err))
	}
	return "event: telegram\ndata: " + string(data) + "\n\n"
}

func printable(b []byte) bool {
	for _, c := range b {
		if c < 0x20 && c != '\r' && c != '\n' && c != '\t' && c != 2 && c != 3 || c == 0x7f {
			return false
		}
	}
	return utf8.Valid(b)
}

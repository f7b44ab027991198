// Package command is what machines may tell the box over MQTT: one JSON object to
// cmd/<name>, and the answers on cmd/<name>/response. It knows no broker: the one
// in the box and the uplink hand in what came and publish what is answered.
//
// A request is {"id":"…","ts":<Unix seconds>,"args":{}}. The answers are
// {"id","state","progress","error","ts","result"}; state is accepted, running,
// done, failed or rejected, and what does not apply is null.
//
// MQTT brings a message of QoS 1 once or more often, and after an outage late. So
// a request that is older than two minutes is rejected, and one whose id was seen
// before is answered as then and not carried out again. The ids of the last
// requests that change something are kept on disk, and before they are carried
// out: a reset that is delivered again after the reset must not reset for ever.
//
// # Adding a command
//
// A command is a row of the table that the appliance makes. One that changes
// something says so in Acts; one that ends this life of the box, in Ends.
package command

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"
	"unicode/utf8"
)

// Command is one thing the box can be told.
type Command struct {
	Name string
	Acts bool // it changes something: its ids are kept on disk
	// Ends says that this life of the box is over when Run has returned. It is
	// answered done by the next one.
	Ends bool
	// Run carries it out. The result is any JSON value, nil for none.
	Run func(ctx context.Context, args json.RawMessage) (result json.RawMessage, err error)
}

// MaxBody is the longest request in octets.
const MaxBody = 16 << 10

const (
	maxAge   = 120 * time.Second // of a request when it comes
	maxAhead = 120 * time.Second // that a sender's clock may go fast
	maxID    = 64                // octets
)

// State says how far a command has come.
type State string

// The states of an answer.
const (
	Accepted State = "accepted"
	Done     State = "done"
	Failed   State = "failed"
	Rejected State = "rejected"
)

// Answer is one answer to a request.
type Answer struct {
	ID       *string         `json:"id"` // null where the request has none that could be read
	State    State           `json:"state"`
	Progress *int            `json:"progress"` // per cent, null where it is not known
	Error    *string         `json:"error"`
	TS       *int64          `json:"ts"` // Unix seconds UTC, null while the clock is not set
	Result   json.RawMessage `json:"result"`
}

// request is what comes in.
type request struct {
	ID   *string         `json:"id"`
	TS   *int64          `json:"ts"`
	Args json.RawMessage `json:"args"`
}

// parse reads a request. What could be read of it comes back with the error too.
func parse(body []byte) (request, error) {
	var r request
	if len(body) > MaxBody {
		return r, fmt.Errorf("the request has %d octets, at most %d are read", len(body), MaxBody)
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return r, fmt.Errorf("the request is not a JSON object with id, ts and args: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return r, fmt.Errorf("something follows the JSON object of the request")
	}
	switch {
	case r.ID == nil || *r.ID == "":
		return request{}, fmt.Errorf("the request has no id")
	case len(*r.ID) > maxID || !utf8.ValidString(*r.ID):
		return request{}, fmt.Errorf("the id has %d octets, at most %d are allowed", len(*r.ID), maxID)
	case r.TS == nil:
		return r, fmt.Errorf("the request has no ts, the time it was sent in Unix seconds")
	}
	return r, nil
}

// timely says what is wrong with the time a request was sent.
func timely(ts int64, now time.Time) error {
	if ts < 0 || ts > 1<<33 { // a Duration counts no more seconds than that
		return fmt.Errorf("%d is no time in Unix seconds", ts)
	}
	switch age := time.Duration(now.Unix()-ts) * time.Second; {
	case age > maxAge:
		return fmt.Errorf("the request was sent %v ago, and is not carried out after %v", age, maxAge)
	case age < -maxAhead:
		return fmt.Errorf("the request was sent %v from now: one of the two clocks is wrong", -age)
	}
	return nil
}

package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// disk is a file in memory.
type disk struct {
	content []byte
	err     error // of Save
	saves   int
}

func (d *disk) file() File {
	return File{
		Load: func() ([]byte, error) {
			if d.content == nil {
				return nil, fs.ErrNotExist
			}
			return d.content, nil
		},
		Save: func(b []byte) error {
			if d.err != nil {
				return d.err
			}
			d.saves++
			d.content = append([]byte{}, b...)
			return nil
		},
	}
}

// office is a desk with three commands, and what has become of them.
type office struct {
	*Desk
	resets, writes int
	fail           error // of write
}

func open(d *disk, clock error) *office {
	o := &office{}
	o.Desk = NewDesk([]Command{
		{Name: "ping", Run: func(context.Context, json.RawMessage) (json.RawMessage, error) { return json.RawMessage(`"pong"`), nil }},
		{Name: "reset", Acts: true, Ends: true, Run: func(context.Context, json.RawMessage) (json.RawMessage, error) {
			o.resets++
			return nil, nil
		}},
		{Name: "write", Acts: true, Run: func(_ context.Context, args json.RawMessage) (json.RawMessage, error) {
			o.writes++
			return args, o.fail
		}},
	}, d.file(), func() error { return clock }, slog.New(slog.DiscardHandler))
	return o
}

// ask returns the states and errors of the answers, and the last result.
func (o *office) ask(via, name, body string) (answers, result string) {
	var all []string
	o.Do(context.Background(), via, name, []byte(body), func(b []byte) error {
		var a struct {
			ID, State, Error string
			Result           json.RawMessage
		}
		if err := json.Unmarshal(b, &a); err != nil {
			return err
		}
		text := a.State
		if a.Error != "" {
			text += ": " + a.Error
		}
		all = append(all, text)
		result = string(a.Result)
		return nil
	})
	return strings.Join(all, "; "), result
}

func body(id string, age time.Duration) string {
	return fmt.Sprintf(`{"id":%q,"ts":%d,"args":{"a":1}}`, id, time.Now().Add(-age).Unix())
}

func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		name, command, body string
		clock               error
		want                string // beginning of the answers
		result              string
	}{
		{"nothing", "ping", "", nil, "rejected: the request is not a JSON object", "null"},
		{"a text", "ping", `"now"`, nil, "rejected: the request is not a JSON object", "null"},
		{"two objects", "ping", body("a", 0) + "{}", nil, "rejected: something follows", "null"},
		{"a member nobody knows", "ping", `{"id":"a","ts":1,"firmware":"http://x"}`, nil, "rejected: the request is not a JSON object with id, ts and args", "null"},
		{"17 kB", "ping", strings.Repeat(" ", 17<<10), nil, "rejected: the request has 17408 octets", "null"},
		{"no id", "ping", `{"ts":1}`, nil, "rejected: the request has no id", "null"},
		{"an id of 65 octets", "ping", body(strings.Repeat("x", 65), 0), nil, "rejected: the id has 65 octets", "null"},
		{"no time", "ping", `{"id":"a"}`, nil, "rejected: the request has no ts", "null"},
		{"two minutes and a second old", "ping", body("a", 121*time.Second), nil, "rejected: the request was sent 2m1s ago", "null"},
		{"from tomorrow", "ping", body("a", -24*time.Hour), nil, "rejected: the request was sent 24h0m0s from now", "null"},
		{"milliseconds", "ping", `{"id":"a","ts":1795000000000000}`, nil, "rejected: 1795000000000000 is no time in Unix seconds", "null"},
		{"so far ahead that nanoseconds overflow", "ping", `{"id":"a","ts":20242000000}`, nil, "rejected: 20242000000 is no time in Unix seconds", "null"},
		{"no such command", "firmware", body("a", 0), nil, `rejected: "firmware" is no command of this version, which has [ping reset write]`, "null"},
		{"the clock is not set", "reset", body("a", 0), errors.New("the clock says 1970"), "rejected: the clock says 1970", "null"},
		{"two minutes old", "ping", body("a", 120*time.Second), nil, "done", `"pong"`},
		{"what changes something is accepted first", "write", body("a", 0), nil, "accepted; done", `{"a":1}`},
		{"a reset is done by the next life", "reset", body("a", 0), nil, "accepted", "null"},
	} {
		o := open(&disk{}, c.clock)
		answers, result := o.ask("uplink", c.command, c.body)
		if !strings.HasPrefix(answers, c.want) || result != c.result {
			t.Errorf("%s: answered %q with %s, want %q with %s", c.name, answers, result, c.want, c.result)
		}
		if strings.HasPrefix(c.want, "rejected") && o.resets+o.writes > 0 {
			t.Errorf("%s: carried out", c.name)
		}
	}
}

// The broker delivers a reset again after the reset that it asked for.
func TestDeliveredAgain(t *testing.T) {
	d := &disk{}
	first := open(d, nil)
	request := body("one", 0)
	if got, _ := first.ask("uplink", "reset", request); got != "accepted" || first.resets != 1 {
		t.Fatalf("answered %q, reset %d times", got, first.resets)
	}
	second := open(d, nil)
	late := second.Unanswered("uplink")
	if len(late) != 1 || late[0].Name != "reset" || !strings.Contains(string(late[0].Body), `"id":"one","state":"done"`) {
		t.Errorf("the next life answers %q", late)
	}
	if again := second.Unanswered("uplink"); again != nil {
		t.Errorf("and once more %q", again)
	}
	if got, _ := second.ask("uplink", "reset", request); got != "done" || second.resets != 0 {
		t.Errorf("delivered again: answered %q, reset %d times", got, second.resets)
	}
	if got, _ := second.ask("broker", "reset", request); got != "accepted" || second.resets != 1 {
		t.Errorf("the same id of another sender: answered %q, reset %d times", got, second.resets)
	}
	if got, _ := open(d, nil).ask("uplink", "reset", body("two", 0)); got != "accepted" {
		t.Errorf("another id: answered %q", got)
	}
}

func TestFailureIsRemembered(t *testing.T) {
	d := &disk{}
	o := open(d, nil)
	o.fail = errors.New("no room")
	request := body("one", 0)
	for range 2 {
		if got, _ := o.ask("uplink", "write", request); !strings.HasSuffix(got, "failed: no room") || o.writes != 1 {
			t.Errorf("answered %q, written %d times", got, o.writes)
		}
	}
	if got, _ := open(d, nil).ask("uplink", "write", request); got != "failed: no room" {
		t.Errorf("after a restart: answered %q", got)
	}
}

// What was interrupted by a power cut is not done twice, and not called done.
func TestInterrupted(t *testing.T) {
	d := &disk{content: []byte(`[{"Via":"uplink","Name":"write","ID":"one","State":"accepted"}]`)}
	o := open(d, nil)
	if late := o.Unanswered("uplink"); len(late) != 1 || !strings.Contains(string(late[0].Body), `"state":"failed"`) {
		t.Errorf("answered %q", late)
	}
	if got, _ := o.ask("uplink", "write", body("one", 0)); !strings.HasPrefix(got, "failed: the box was restarted") || o.writes != 0 {
		t.Errorf("answered %q, written %d times", got, o.writes)
	}
}

// A reset whose id cannot be kept would come again and again.
func TestFullDisk(t *testing.T) {
	d := &disk{err: errors.New("no space left on device")}
	o := open(d, nil)
	if got, _ := o.ask("uplink", "reset", body("one", 0)); !strings.Contains(got, "failed: the id cannot be kept on disk: no space left") || o.resets != 0 {
		t.Errorf("answered %q, reset %d times", got, o.resets)
	}
	d.err = nil
	if got, _ := o.ask("uplink", "reset", body("one", 0)); got != "accepted" || o.resets != 1 {
		t.Errorf("with room again: answered %q, reset %d times", got, o.resets)
	}
}

func TestMemory(t *testing.T) {
	d := &disk{}
	o := open(d, nil)
	for i := range 70 {
		o.ask("uplink", "write", body(fmt.Sprint(i), 0))
	}
	for _, c := range []struct {
		id     string
		writes int
	}{{"69", 70}, {"6", 70}, {"5", 71}} {
		if o.ask("uplink", "write", body(c.id, 0)); o.writes != c.writes {
			t.Errorf("id %s again: written %d times, want %d", c.id, o.writes, c.writes)
		}
	}
	saves := d.saves
	o.ask("uplink", "ping", body("x", 0))
	if d.saves != saves {
		t.Error("a ping is written to the flash")
	}
}

func TestDamagedFile(t *testing.T) {
	for _, content := range []string{"", "{", "null", `{"Via":1}`, `[{"Via":1}]`} {
		o := open(&disk{content: []byte(content)}, nil)
		if got, _ := o.ask("uplink", "reset", body("one", 0)); got != "accepted" {
			t.Errorf("%q: answered %q", content, got)
		}
	}
}

// An answer carries the time it was given, and none from a clock that is not set.
func TestTimeOfAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, clock := range []error{nil, errors.New("not set")} {
			var got struct{ TS *int64 }
			open(&disk{}, clock).Do(t.Context(), "uplink", "ping", []byte(body("a", 0)), func(b []byte) error { return json.Unmarshal(b, &got) })
			if (got.TS == nil) != (clock != nil) || got.TS != nil && *got.TS != time.Now().Unix() {
				t.Errorf("clock %v: ts %v", clock, got.TS)
			}
		}
	})
}

func TestSomethingFollows(t *testing.T) {
	for _, after := range []string{"}", "]", "{}", "x", " 1"} {
		if _, err := parse([]byte(`{"id":"a","ts":1}` + after)); err == nil {
			t.Errorf("%q behind the request passes", after)
		}
	}
	if _, err := parse([]byte("{\"id\":\"a\",\"ts\":1} \n")); err != nil {
		t.Error(err)
	}
}

package command

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// kept is how many requests are remembered.
const kept = 64

// Desk takes requests and carries them out, one at a time.
type Desk struct {
	commands []Command
	file     File
	clock    func() error // says why the clock cannot be trusted, nil if it can
	log      *slog.Logger

	mu   sync.Mutex
	seen []entry // requests that change something, the latest at the end
}

// File is where the ids are kept. Save replaces what is there whole or not at all.
type File struct {
	Load func() ([]byte, error)
	Save func([]byte) error
}

// entry is a request that was taken, and how it ended: accepted until it has.
type entry struct {
	Via   string // the broker that it came through
	Name  string
	ID    string
	State State
	Error string `json:",omitempty"`
}

// NewDesk returns a desk for the commands.
func NewDesk(commands []Command, file File, clock func() error, log *slog.Logger) *Desk {
	d := &Desk{commands: commands, file: file, clock: clock, log: log}
	b, err := file.Load()
	if err == nil {
		err = json.Unmarshal(b, &d.seen)
	}
	if err != nil && b != nil {
		d.log.Error("the ids of earlier commands cannot be read: they may be carried out again", "error", err)
		d.seen = nil
	}
	return d
}

// Names returns the names of the commands.
func (d *Desk) Names() []string {
	names := make([]string, len(d.commands))
	for i, c := range d.commands {
		names[i] = c.Name
	}
	return names
}

// Do carries out one request. Every answer is handed to answer, which returns when
// the broker has it, or with an error when it will not. via says through which
// broker it came: an id is one sender's own.
func (d *Desk) Do(ctx context.Context, via, name string, body []byte, answer func([]byte) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r, err := parse(body)
	reply := func(state State, result json.RawMessage, why string) {
		if err := answer(d.answer(r.ID, state, result, why)); err != nil {
			d.log.Warn("the answer to a command did not get out", "command", name, "state", string(state), "error", err)
		}
	}
	i := slices.IndexFunc(d.commands, func(c Command) bool { return c.Name == name })
	switch {
	case err != nil:
	case i < 0:
		err = fmt.Errorf("%.64q is no command of this version, which has %v", name, d.Names())
	default:
		if old, ok := d.find(via, name, *r.ID); ok {
			reply(old.State, nil, old.Error)
			return
		}
		if err = d.clock(); err == nil {
			err = timely(*r.TS, time.Now())
		}
	}
	if err != nil {
		d.log.Warn("command rejected", "via", via, "command", name, "error", err)
		reply(Rejected, nil, err.Error())
		return
	}
	d.log.Info("command", "via", via, "command", name, "id", *r.ID)
	c := d.commands[i]
	if !c.Acts {
		result, err := c.Run(ctx, r.Args)
		reply(ended(err), result, text(err))
		return
	}
	if err := d.remember(entry{Via: via, Name: name, ID: *r.ID, State: Accepted}); err != nil {
		// Carried out, it could come again after the restart it asks for.
		reply(Failed, nil, "the id cannot be kept on disk: "+err.Error())
		return
	}
	reply(Accepted, nil, "")
	result, err := c.Run(ctx, r.Args)
	if c.Ends && err == nil {
		return
	}
	last := &d.seen[len(d.seen)-1]
	last.State, last.Error = ended(err), text(err)
	d.save()
	reply(last.State, result, last.Error)
}

func ended(err error) State {
	if err != nil {
		return Failed
	}
	return Done
}

func text(err error) string {
	if err != nil {
		return err.Error()
	}
	return ""
}

func (d *Desk) find(via, name, id string) (entry, bool) {
	i := slices.IndexFunc(d.seen, func(e entry) bool { return e.Via == via && e.Name == name && e.ID == id })
	if i < 0 {
		return entry{}, false
	}
	return d.seen[i], true
}

func (d *Desk) remember(e entry) error {
	before := d.seen
	d.seen = append(slices.Clone(d.seen[max(0, len(d.seen)-kept+1):]), e)
	err := d.write()
	if err != nil {
		d.seen = before
	}
	return err
}

// save keeps how commands ended; a disk that fails now is no reason to do them
// again, since their ids are kept.
func (d *Desk) save() {
	if err := d.write(); err != nil {
		d.log.Error("how a command ended cannot be kept", "error", err)
	}
}

func (d *Desk) write() error {
	b, err := json.MarshalIndent(d.seen, "", "  ")
	if err != nil {
		return err
	}
	return d.file.Save(append(b, '\n'))
}

// Late is an answer that an earlier life owes.
type Late struct {
	Name string
	Body []byte
}

// Unanswered returns the answers to what came through via and was not finished
// when an earlier life ended: that was what a reset asked for, and the failure of
// everything else. Each is returned once; the sender may ask again with the same id.
func (d *Desk) Unanswered(via string) []Late {
	d.mu.Lock()
	defer d.mu.Unlock()
	var late []Late
	for i := range d.seen {
		e := &d.seen[i]
		if e.Via != via || e.State != Accepted {
			continue
		}
		e.State, e.Error = Failed, "the box was restarted before it was done"
		if slices.ContainsFunc(d.commands, func(c Command) bool { return c.Name == e.Name && c.Ends }) {
			e.State, e.Error = Done, ""
		}
		late = append(late, Late{e.Name, d.answer(&e.ID, e.State, nil, e.Error)})
	}
	if late != nil {
		d.save()
	}
	return late
}

func (d *Desk) answer(id *string, state State, result json.RawMessage, why string) []byte {
	a := Answer{ID: id, State: state, Result: result}
	if why != "" {
		a.Error = &why
	}
	if d.clock() == nil {
		now := time.Now().Unix()
		a.TS = &now
	}
	b, err := json.Marshal(a)
	if err != nil { // a result that is no JSON
		broken := err.Error()
		b, _ = json.Marshal(Answer{ID: id, State: Failed, Error: &broken})
	}
	return b
}

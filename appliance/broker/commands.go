package broker

import (
	"context"
	"log/slog"
	"runtime/debug"
	"strings"
)

// pendingCommands is how many commands wait while one is carried out. More of
// them are not meant by anybody.
const pendingCommands = 16

// command is a message that somebody with the right to has sent.
type command struct {
	name string // the level behind cmd/
	body []byte
}

// commands hands commands to the appliance, one after the other, in a goroutine
// of their own: the library calls its hooks in that of the sender.
type commands struct {
	do      func(ctx context.Context, name string, body []byte, answer func([]byte)) // nil: nobody listens
	publish func(topic string, body []byte) error
	counts  *counts
	log     *slog.Logger
	queue   chan command
}

func newCommands(do func(context.Context, string, []byte, func([]byte)), counts *counts, log *slog.Logger) *commands {
	return &commands{do: do, counts: counts, log: log, queue: make(chan command, pendingCommands)}
}

// take queues a command, or drops it where too many wait. It does not wait.
func (c *commands) take(cmd command) {
	if c.do == nil {
		return
	}
	select {
	case c.queue <- cmd:
		c.counts.commands.Add(1)
	default:
		c.counts.commandsDropped.Add(1)
	}
}

// run carries out the commands until ctx is done. Those that wait then are lost:
// who sent them has no answer and knows.
func (c *commands) run(ctx context.Context, base string) {
	for {
		select {
		case <-ctx.Done():
			return
		case cmd := <-c.queue:
			if ctx.Err() != nil {
				return
			}
			c.carryOut(ctx, base, cmd)
		}
	}
}

func (c *commands) carryOut(ctx context.Context, base string, cmd command) {
	defer func() {
		if p := recover(); p != nil {
			c.log.Error("command panicked", "command", cmd.name, "panic", p, "stack", string(debug.Stack()))
		}
	}()
	topic := base + "/cmd/" + cmd.name + "/response"
	c.do(ctx, cmd.name, cmd.body, func(body []byte) {
		if ctx.Err() != nil {
			return
		}
		if err := c.publish(topic, body); err != nil {
			c.log.Error("cannot publish", "topic", topic, "error", err)
		}
	})
}

// commandName returns the name of the command that a topic carries: one level
// behind base/cmd/. What is further down are the answers, which are ours.
func commandName(base, topic string) (name string, ok bool) {
	name, ok = strings.CutPrefix(topic, base+"/cmd/")
	return name, ok && name != "" && !strings.ContainsAny(name, "/+#")
}

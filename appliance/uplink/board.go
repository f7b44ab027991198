package uplink

import (
	"bytes"
	"slices"
	"sync"

	"smartconnect/appliance/payload"
)

// board holds messages that are true until the next one on their topic: what the
// box is, what Home Assistant may show. Each connection posts all of them, and then
// those that change.
type board struct {
	mu      sync.Mutex
	posts   []post
	changes int
	news    chan struct{} // says that changes has grown
}

type post struct {
	payload.Message
	change int // that brought it
}

// put posts messages that are not there already.
func (b *board) put(messages ...payload.Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range messages {
		i := slices.IndexFunc(b.posts, func(p post) bool { return p.Topic == m.Topic })
		if i >= 0 && bytes.Equal(b.posts[i].Payload, m.Payload) {
			continue
		}
		b.changes++
		p := post{m, b.changes}
		if i >= 0 {
			b.posts[i] = p
		} else {
			b.posts = append(b.posts, p)
		}
		if b.news != nil {
			close(b.news)
			b.news = nil
		}
	}
}

// since returns what has changed after a change, the number of the last one, and
// what is closed when there is more.
func (b *board) since(change int) (messages []payload.Message, last int, more <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.posts {
		if p.change > change {
			messages = append(messages, p.Message)
		}
	}
	if b.news == nil {
		b.news = make(chan struct{})
	}
	return messages, b.changes, b.news
}

// Package uplink speaks to a broker outside: the cloud's, or one of the user's own.
// It publishes every telegram, keeps what an outage holds up and sends it after,
// in order, and carries out commands.
//
// A telegram goes into the queue (queue.go) and leaves it when the broker has
// acknowledged it. While the broker does so promptly the queue is memory, and
// nothing is written to the flash; in an outage it is a file (package spool). A
// connection (session.go) sends what waits, at most a window of it unacknowledged.
// What has no past, the status and the description of the box, is on a board
// (board.go): each connection posts it anew.
//
// The client is paho.mqtt.golang, and it appears nowhere else. It is used as a bare
// transport: connecting again, keeping and ordering are done here, since its own
// store loses the order and grows without bound.
//
// # Extending it
//
// What a telegram becomes is package payload's. A reason why there is no connection
// is a row of the table in reason.go. A command is the appliance's.
package uplink

import (
	"cmp"
	"context"
	"crypto/tls"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"smartconnect/appliance/payload"
	"smartconnect/appliance/snapshot"
	"smartconnect/telegram"
)

// Uplink is the connection to a broker outside. Its fields are set before Run and
// left alone.
type Uplink struct {
	Broker   string // mqtts://HOST[:PORT] or mqtt://HOST[:PORT]
	ClientID string
	Username string // "": none, and no password
	Password telegram.Secret
	// TLS returns what an mqtts connection begins with; it is asked for each one, so
	// that a certificate that was renewed is used.
	TLS func() (*tls.Config, error)

	Tree         *payload.Outside
	Announce     func(*snapshot.Snapshot) []payload.Message // retained, sent again when they change; nil: none
	Withdraw     []payload.Message                          // retained once and not to be any more: sent by each connection
	Telegrams    *snapshot.Reader                           // made before the meter is read, or the first telegrams are missed
	StaleAfter   time.Duration                              // age past which values are stale; 0: three periods of the meter
	Folder       string                                     // of what is kept in an outage
	OfflineEvery time.Duration                              // between telegrams kept of an outage of more than Limits.Thin; 0: all are

	// Command carries out a request; nil: none are taken. Each answer is handed to
	// answer, which returns when the broker has it. Late returns answers that an
	// earlier life owes.
	Command func(ctx context.Context, name string, body []byte, answer func([]byte) error)
	Late    func() []payload.Message

	Clock  func() error // says why the time of the box cannot be trusted, nil if it can
	Limits Limits
	Log    *slog.Logger

	counts counts
	events chan payload.Message
	once   sync.Once
	queue  atomic.Pointer[queue]
	board  board

	mu    sync.Mutex
	state State
}

// Limits are the patience of the uplink. A zero field means the value in its
// comment.
type Limits struct {
	Connect  time.Duration // from dialling to the broker's answer: 10 s
	Write    time.Duration // for the broker to take a message off the line: 5 s
	Ack      time.Duration // for it to acknowledge one: 20 s
	Prompt   time.Duration // from here on what is not acknowledged is written to the flash: 1 s
	Sync     time.Duration // between bringing that to the disk: 10 s
	First    time.Duration // pause after a failed connection, doubled by each further one: 1 s
	Longest  time.Duration // of these pauses: 5 min
	Settled  time.Duration // after which a connection counts as good: 60 s
	Thin     time.Duration // of an outage, before fewer telegrams are kept: 10 min
	Window   int           // messages sent and not acknowledged: 50
	MaxBytes int64         // on the disk: 32 MiB
}

func (l Limits) orDefault() Limits {
	l.Connect = cmp.Or(l.Connect, 10*time.Second)
	l.Write = cmp.Or(l.Write, 5*time.Second)
	l.Ack = cmp.Or(l.Ack, 20*time.Second)
	l.Prompt = cmp.Or(l.Prompt, time.Second)
	l.Sync = cmp.Or(l.Sync, 10*time.Second)
	l.First = cmp.Or(l.First, time.Second)
	l.Longest = cmp.Or(l.Longest, 5*time.Minute)
	l.Settled = cmp.Or(l.Settled, time.Minute)
	l.Thin = cmp.Or(l.Thin, 10*time.Minute)
	l.Window = cmp.Or(l.Window, 50)
	l.MaxBytes = cmp.Or(l.MaxBytes, 32<<20)
	return l
}

// Run keeps the connection up until ctx is done. What was not acknowledged by then
// is on the disk when it returns.
func (u *Uplink) Run(ctx context.Context) error {
	limits := u.Limits.orDefault()
	at, err := parseAddress(u.Broker)
	if err != nil {
		return err
	}
	q := openQueue(u.Folder, addressee(u.Broker, u.Tree.Base()), limits, u.Log)
	u.queue.Store(q)
	defer u.queue.Store(nil)
	var tasks sync.WaitGroup
	running, stop := context.WithCancel(ctx)
	defer func() {
		stop()
		tasks.Wait()
		if err := q.close(); err != nil {
			u.Log.Error("uplink: what was not sent may be lost", "error", err)
		}
	}()
	tasks.Go(func() { u.collect(running, q, limits) })
	tasks.Go(func() { q.keep(running, limits) })
	u.connect(ctx, q, at, limits)
	return ctx.Err()
}

// connect makes one connection after the other.
func (u *Uplink) connect(ctx context.Context, q *queue, at address, limits Limits) {
	rests := backoff{first: limits.First, longest: limits.Longest}
	for ctx.Err() == nil {
		if err := u.Clock(); err != nil {
			u.set(State{Reason: ReasonClock, Detail: err.Error()})
			rest(ctx, min(time.Second, limits.First))
			continue
		}
		u.set(State{Reason: ReasonConnecting, Detail: u.current().Detail})
		up, err := u.session(ctx, q, at, limits)
		q.setOnline(false)
		if ctx.Err() != nil {
			return
		}
		if up > limits.Settled {
			rests.again()
		}
		wait := rests.pause()
		why, detail := explain(err, at)
		u.set(State{Reason: why, Detail: detail, NextTry: time.Now().Add(wait)})
		rest(ctx, wait)
	}
}

func rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// collect puts every telegram and every event into the queue.
func (u *Uplink) collect(ctx context.Context, q *queue, limits Limits) {
	u.once.Do(u.open)
	var tasks sync.WaitGroup
	defer tasks.Wait()
	tasks.Go(func() {
		for {
			select {
			case <-ctx.Done():
				for {
					select {
					case m := <-u.events:
						q.add(time.Now(), m)
					default:
						return
					}
				}
			case m := <-u.events:
				q.add(time.Now(), m)
			}
		}
	})
	u.board.put(u.Tree.Info(nil))
	u.board.put(u.Withdraw...)
	var last time.Time // that a telegram of an outage was kept
	for s := range u.Telegrams.Every(ctx) {
		now := time.Now()
		u.board.put(u.Tree.Info(s))
		if u.Announce != nil {
			u.board.put(u.Announce(s)...)
		}
		if u.OfflineEvery > 0 && q.offlineFor(now) > limits.Thin {
			if now.Sub(last) < u.OfflineEvery {
				u.counts.thinned.Add(1)
				continue
			}
			last = now
		}
		at := s.Received
		if u.Clock() != nil {
			at = time.Time{}
		}
		q.add(now, u.Tree.Telegram(s, s.Quality(now, u.StaleAfter), at)...)
	}
}

func (u *Uplink) open() { u.events = make(chan payload.Message, 64) }

// Event publishes that something has happened. It does not wait; of more than 64 at
// once those that find no room are counted as dropped.
func (u *Uplink) Event(seq uint64, kind, detail string) {
	u.once.Do(u.open)
	at := time.Now()
	if u.Clock() != nil {
		at = time.Time{}
	}
	select {
	case u.events <- u.Tree.Event(seq, at, kind, detail):
	default:
		u.counts.dropped.Add(1)
	}
}

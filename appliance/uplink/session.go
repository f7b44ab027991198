package uplink

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"smartconnect/appliance/payload"
)

// session is one connection from the broker's answer to its loss.
type session struct {
	*Uplink
	queue   *queue
	limits  Limits
	client  mqtt.Client
	lost    chan error
	over    context.Context // done when the session is
	answers chan answer
	arrived chan mqtt.Message
	window  []flight // sent and not acknowledged, the oldest first
	posted  int      // change of the board that was posted last
}

// flight is a message on its way. token is nil for one that is not sent.
type flight struct {
	number uint64
	sent   time.Time
	token  mqtt.Token
}

// answer is an answer to a command, and where to say what it became.
type answer struct {
	payload.Message
	sent chan<- mqtt.Token
}

// Errors of a connection that the broker did not end.
var (
	errNoAck     = errors.New("uplink: the broker does not acknowledge")
	errNoConnack = errors.New("uplink: the broker accepts the connection and does not answer")
	// TLS 1.3 has the client's certificate looked at when the handshake is over for
	// the client, and why it is refused can be lost with the connection.
	errHungUp = errors.New("uplink: the broker ends the connection after the handshake")
)

// session connects, and serves the connection until it is lost or ctx is done. It
// returns for how long it was up, and why it ended.
func (u *Uplink) session(ctx context.Context, q *queue, at address, limits Limits) (up time.Duration, err error) {
	conn, err := u.dial(ctx, at, limits)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	var tasks sync.WaitGroup
	defer tasks.Wait()
	over, end := context.WithCancel(context.Background())
	defer end()
	s := &session{
		Uplink: u, queue: q, limits: limits, over: over,
		lost: make(chan error, 1), answers: make(chan answer), arrived: make(chan mqtt.Message, maxCommands),
	}
	lost := func(err error) {
		select {
		case s.lost <- err:
		default:
		}
	}
	s.client = u.client(at, limits, conn, lost, s.take)
	// A box that is stopped does not wait for a broker that does not answer, and
	// not for long for one that does not take its last words.
	hurry := context.AfterFunc(ctx, func() { _ = conn.Close() })
	connected := s.client.Connect()
	connected.Wait()
	if !hurry() {
		return 0, ctx.Err()
	}
	if err := connected.Error(); err != nil {
		return 0, refusal(err, at.secure && u.Username == "")
	}
	defer context.AfterFunc(ctx, func() {
		select {
		case <-over.Done():
		case <-time.After(goodbye):
			_ = conn.Close()
		}
	})()
	began := time.Now()
	q.setOnline(true)
	if err = s.greet(); err == nil {
		u.set(State{Up: true, Peer: peer(conn)})
		// What an earlier life owes is said by now: it waits for the desk, and a command
		// that has the desk would wait for the connection.
		if u.Command != nil {
			tasks.Go(func() { s.obey(ctx) })
		}
		err = s.serve(ctx)
	}
	if ctx.Err() != nil {
		s.leave()
	}
	s.client.Disconnect(uint(parting.Milliseconds())) // which the broker must read, or it sends the will after all
	return time.Since(began), s.cause(err)
}

// cause returns why the connection was lost, where err is only what that did to a
// message: the library tells of the messages first.
func (s *session) cause(err error) error {
	if err == nil || !errors.Is(err, mqtt.ErrNotConnected) && !strings.Contains(err.Error(), "connection lost before") {
		return err
	}
	select {
	case lost := <-s.lost:
		return lost
	case <-time.After(100 * time.Millisecond):
		return err
	}
}

const (
	goodbye = time.Second            // for the last words of a box that is stopped
	parting = 250 * time.Millisecond // for the packet that ends a connection
)

// serve sends what is to be sent, in order, until the connection is lost.
func (s *session) serve(ctx context.Context) error {
	tick := time.NewTicker(min(s.limits.Ack/4, time.Second))
	defer tick.Stop()
	for ctx.Err() == nil {
		news, err := s.post()
		if err != nil {
			return err
		}
		s.fill()
		select {
		case <-ctx.Done():
		case err := <-s.lost:
			return err
		case <-s.head():
			if err := s.land(); err != nil {
				return err
			}
		case <-s.queue.more:
		case <-news:
		case a := <-s.answers:
			a.sent <- s.publish(a.Message)
		case now := <-tick.C:
			if len(s.window) > 0 && now.Sub(s.window[0].sent) > s.limits.Ack {
				return errNoAck
			}
		}
	}
	return nil
}

// greet says that the box is there, and asks for commands.
func (s *session) greet() error {
	if s.Command != nil {
		if err := s.listen(); err != nil {
			return err
		}
	}
	if err := s.wait(s.publish(s.Tree.Status(true, time.Now()))); err != nil {
		return err
	}
	if s.Late != nil {
		for _, m := range s.Late() {
			s.publish(m)
		}
	}
	return nil
}

// listen asks for commands. A broker that does not let the box have any still gets
// its telegrams.
func (s *session) listen() error {
	filter := s.Tree.CommandFilter()
	t := s.client.Subscribe(filter, 1, nil)
	if err := s.wait(t); err != nil {
		return fmt.Errorf("uplink: subscribing to commands: %w", err)
	}
	if granted, ok := t.(*mqtt.SubscribeToken); ok && granted.Result()[filter] > 2 {
		s.Log.Warn("uplink: the broker does not let this box have commands", "filter", filter)
	}
	return nil
}

// leave says that the box goes on purpose: the broker's will is for other ends.
func (s *session) leave() {
	_ = s.wait(s.publish(s.Tree.Status(false, time.Now()))) // or the will says so
}

// wait waits until the broker has acknowledged.
func (s *session) wait(t mqtt.Token) error {
	if !t.WaitTimeout(s.limits.Ack) {
		return errNoAck
	}
	return t.Error()
}

func (s *session) publish(m payload.Message) mqtt.Token {
	return s.client.Publish(m.Topic, m.QoS, m.Retain, m.Payload)
}

// post publishes what is new on the board, and returns what is closed when there
// is more.
func (s *session) post() (<-chan struct{}, error) {
	messages, last, more := s.board.since(s.posted)
	for _, m := range messages {
		if t := s.publish(m); t.Error() != nil {
			return nil, t.Error()
		}
	}
	s.posted = last
	return more, nil
}

// fill sends as many messages as the window has room for.
func (s *session) fill() {
	for len(s.window) < s.limits.Window {
		e, ok := s.queue.take()
		if !ok {
			return
		}
		f := flight{number: e.number, sent: time.Now()}
		if e.Topic != "" {
			f.token = s.publish(e.Message)
		}
		s.window = append(s.window, f)
	}
}

// landed is always closed.
var landed = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// head returns what is closed when the oldest message is acknowledged; nil while
// there is none.
func (s *session) head() <-chan struct{} {
	switch {
	case len(s.window) == 0:
		return nil
	case s.window[0].token == nil:
		return landed
	}
	return s.window[0].token.Done()
}

// land takes the oldest message out of window and queue.
func (s *session) land() error {
	f := s.window[0]
	if f.token == nil {
		s.counts.strayed.Add(1)
	} else if err := f.token.Error(); err != nil {
		return unsent(err)
	} else {
		s.counts.sent.Add(1)
	}
	s.window = s.window[1:]
	s.queue.ack(f.number)
	return nil
}

// unsent is the error of a message that did not get out. The library has no error
// of its own for a line that the broker does not read.
func unsent(err error) error {
	if strings.Contains(err.Error(), "broken by timeout") {
		return fmt.Errorf("%w: %w", errNoAck, err)
	}
	return err
}

package uplink

import (
	"context"
	"errors"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// maxCommands is how many requests wait for the one that is carried out.
const maxCommands = 16

// take takes a message that has arrived. It runs in a goroutine of the library and
// never waits.
func (s *session) take(_ mqtt.Client, m mqtt.Message) {
	if m.Retained() { // what was asked for some day, of whoever was there then
		s.counts.refused.Add(1)
		s.Log.Warn("uplink: retained command ignored", "topic", m.Topic())
		return
	}
	select {
	case s.arrived <- m:
	default:
		s.counts.refused.Add(1)
	}
}

// obey carries out commands, one after the other, until the session is over.
func (s *session) obey(ctx context.Context) {
	for {
		select {
		case <-s.over.Done():
			return
		case m := <-s.arrived:
			name, ok := s.Tree.CommandName(m.Topic())
			if !ok {
				continue
			}
			s.counts.commands.Add(1)
			s.Command(ctx, name, m.Payload(), func(body []byte) error { return s.answer(name, body) })
		}
	}
}

// answer publishes an answer and waits until the broker has it.
func (s *session) answer(name string, body []byte) error {
	sent := make(chan mqtt.Token, 1)
	select {
	case s.answers <- answer{s.Tree.Response(name, body), sent}:
	case <-s.over.Done():
		return errGone
	}
	late := time.NewTimer(s.limits.Ack)
	defer late.Stop()
	t := <-sent
	select {
	case <-t.Done():
		return t.Error()
	case <-s.over.Done():
		return errGone
	case <-late.C:
		return errNoAck
	}
}

var errGone = errors.New("uplink: the connection is gone")

package appliance

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"smartconnect/appliance/snapshot"
	"smartconnect/telegram"
)

// meter is the one writer: it reads the line, cuts and decodes telegrams, and
// publishes what is known after each.
//
//	open → telegram.Receiver (Cut, Decode) → Guard → Merge → Store.Publish
type meter struct {
	source   string
	line     telegram.Line
	receiver telegram.Receiver
	open     func(ctx context.Context) (io.ReadCloser, error)
	store    *snapshot.Store
	log      *slog.Logger

	guard  telegram.Guard // what must be remembered across telegrams
	merge  telegram.Merge
	opened time.Time // when the source was last opened

	mu    sync.Mutex
	count meterCount
}

// meterCount is what the meter task has seen in this life; the status shows it.
type meterCount struct {
	opened     time.Time // when the source was opened; zero while it is not
	fault      error     // why it is not open, or was not last time
	octets     uint64
	lastOctets time.Time
	noise      uint64
	telegrams  uint64
	warnings   uint64            // objects that could not be read, in good telegrams
	errors     map[string]uint64 // by class, and "source"
	lastError  error
	lastFailed time.Time
	said       time.Time // when a lost telegram was last mentioned in the log
	since      since     // what has come since the last telegram that was wanted
	turns      turns
}

// since is what came after the last telegram with power or currents, or, from a
// meter that never sends any, after the last telegram: why a meter is stale.
type since struct {
	octets, telegrams, damaged uint64
	damage                     error     // of the last damaged telegram
	damagedAt                  time.Time // when it came
}

// quietLine is the pause that ends what will not be continued. A slow meter
// pauses for up to a second inside a telegram.
const quietLine = 2 * time.Second

// logEvery keeps a bad cable from filling the log: lost telegrams are counted
// in the status, and mentioned in the log once in a while.
const logEvery = 10 * time.Minute

// run reads the source until it ends or ctx does.
func (m *meter) run(ctx context.Context) error {
	r, err := m.open(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	m.note(func(c *meterCount) { c.opened, c.fault = time.Now(), nil })
	m.log.Log(ctx, m.newsLevel(), "meter source open", "source", m.source, "line", m.line)
	err = m.receiver.Run(counting{r, m}, quietLine, m.received)
	if telegram.IsEnd(err) {
		return fmt.Errorf("appliance: meter source %s ended", m.source)
	}
	return err
}

// newsLevel is the level at which an open source is worth a line: a gateway that
// hangs up on everybody would open every few seconds, all night.
func (m *meter) newsLevel() slog.Level {
	before := m.opened
	m.opened = time.Now()
	if !before.IsZero() && m.opened.Sub(before) < logEvery {
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// failed is told by the task's keeper why run ended.
func (m *meter) failed(err error) {
	m.note(func(c *meterCount) {
		c.opened, c.fault = time.Time{}, err
		c.errors["source"]++
		c.lastError, c.lastFailed = err, time.Now()
	})
}

func (m *meter) received(r telegram.Received) {
	switch {
	case r.Noise > 0:
		m.note(func(c *meterCount) { c.noise += uint64(r.Noise) })
	case r.Err != nil:
		m.lose(r.Err)
	default:
		if err := m.guard.Check(&r.Measurement); err != nil {
			m.lose(err)
			return
		}
		m.publish(r.Measurement)
	}
}

func (m *meter) publish(decoded telegram.Measurement) {
	now := time.Now()
	reading := m.merge.Add(decoded, now)
	m.store.Publish(reading, now, m.merge.Period())
	m.note(func(c *meterCount) {
		c.turns.note(reading.Meter, now)
		c.telegrams++
		c.warnings += uint64(decoded.Warnings())
		if decoded.Refreshes() || reading.At[telegram.Instantaneous].IsZero() {
			c.since = since{}
		} else {
			c.since.telegrams++
		}
	})
}

// lose counts a lost telegram: that telegram, and nothing else.
func (m *meter) lose(err error) {
	m.note(func(c *meterCount) {
		now := time.Now()
		c.errors[telegram.Class(err)]++
		c.since.damaged++
		c.since.damage, c.since.damagedAt = err, now
		if now.Sub(c.said) > logEvery {
			m.log.Warn("telegram lost", "error", err)
			c.said = now
		}
		c.lastError, c.lastFailed = err, now
	})
}

func (m *meter) note(change func(*meterCount)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.count.errors == nil {
		m.count.errors = map[string]uint64{}
	}
	change(&m.count)
}

// counting counts what comes in, so that silence and garbage can be told apart.
type counting struct {
	io.Reader
	m *meter
}

func (c counting) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	if n > 0 {
		c.m.note(func(count *meterCount) {
			count.octets += uint64(n)
			count.since.octets += uint64(n)
			count.lastOctets = time.Now()
		})
	}
	return n, err
}

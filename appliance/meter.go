package appliance

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"smartconnect/appliance/demand"
	"smartconnect/appliance/share"
	"smartconnect/appliance/snapshot"
	"smartconnect/telegram"
)

// meter is the one writer: it reads the line, cuts and decodes telegrams, and
// publishes what is known after each.
//
//	open → telegram.Receiver (Cut, Decode) → Guard → Merge → Store.Publish
type meter struct {
	source   string
	line     telegram.Line // of a serial source; zero for any other
	probe    *probe        // finds the line; nil where it is set
	receiver telegram.Receiver
	open     func(ctx context.Context, line telegram.Line) (io.ReadCloser, error)
	store    *snapshot.Store
	latest   latest     // what was published last, with the objects
	feed     share.Feed // of the telegrams
	asP1     bool       // they are handed on as texts of P1
	out      *lineOut   // a second device that gets every octet; nil: none
	demand   *demand.Demand
	keep     *demandKeeper // of the quarter-hours
	events   *events
	log      *slog.Logger
	keyFault error // what is wrong with a key of the configuration

	guard    telegram.Guard // what must be remembered across telegrams
	merge    telegram.Merge
	sense    telegram.Plausibility
	untagged bool      // it has been said that the meter sends no tags
	opened   time.Time // when the source was last opened

	mu    sync.Mutex
	count meterCount
}

// meterCount is what the meter task has seen in this life; the status shows it.
type meterCount struct {
	opened     time.Time // when the source was opened, on whatever line; zero while it is not
	fault      error     // why it is not open, or was not last time
	octets     uint64
	lastOctets time.Time
	silences   pauses // between octets
	pauses     pauses // between telegrams, good or lost
	noise      uint64
	frames     uint64
	telegrams  uint64
	warnings   uint64            // objects that could not be read, in good telegrams
	errors     map[string]uint64 // by class, and "source"
	stages     map[string]uint64 // lost telegrams, by where
	lastError  error
	lastFailed time.Time
	said       time.Time // when a lost telegram was last mentioned in the log
	since      since     // what has come since the last telegram that was wanted
	turns      turns
	doubt      string // what in the values cannot be right
}

// quietLine is the pause that ends what will not be continued. A slow meter
// pauses for up to a second inside a telegram.
const quietLine = 2 * time.Second

// logEvery keeps a bad cable from filling the log: lost telegrams are counted
// in the status, and mentioned in the log once in a while.
const logEvery = 10 * time.Minute

// run reads the source until it ends or ctx does, on one line after the other
// while the meter's is not known.
func (m *meter) run(ctx context.Context) error {
	for {
		again, err := m.listen(ctx)
		if !again || ctx.Err() != nil {
			return err
		}
	}
}

// listen reads the source on one line. again says that it is to be tried on the
// next one.
func (m *meter) listen(ctx context.Context) (again bool, err error) {
	line := m.line
	if m.probe != nil {
		line = m.probe.line(time.Now())
		m.receiver.Frames = m.probe.frames
	}
	m.receiver.Raws = m.feed.Wanted
	r, err := m.open(ctx, line)
	if err != nil {
		if m.probe != nil && ctx.Err() == nil {
			m.probe.refused(err)
		}
		return false, err // the next line after the pause of a failed task
	}
	defer r.Close()
	m.note(func(c *meterCount) {
		if c.fault = nil; c.opened.IsZero() {
			c.opened = time.Now()
		}
	})
	m.log.Log(ctx, m.newsLevel(), "meter source open", "source", m.source, "line", line)
	left := m.watch(ctx, r)
	err = m.receiver.Run(counting{r, m, line}, quietLine, m.received)
	if left() {
		m.probe.next(time.Now())
		return true, nil
	}
	if telegram.IsEnd(err) {
		return false, fmt.Errorf("appliance: meter source %s ended", m.source)
	}
	return false, err
}

// watch closes r once its line is to be left. The function it returns ends that,
// and says whether it was.
func (m *meter) watch(ctx context.Context, r io.Closer) (left func() bool) {
	if m.probe == nil {
		return func() bool { return false }
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan bool, 1)
	go func() {
		leave := m.probe.watch(ctx)
		if leave {
			r.Close()
		}
		done <- leave
	}()
	return func() bool {
		cancel()
		return <-done
	}
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
	m.pass(&r)
	if r.Frames > 0 {
		m.note(func(c *meterCount) { c.frames += uint64(r.Frames) })
	}
	switch {
	case r.Noise > 0:
		m.note(func(c *meterCount) { c.noise += uint64(r.Noise) })
	case r.Err != nil:
		m.lose(r.Err)
		// Frames that came whole are the meter's, and so is its line. Text that is not
		// understood had no checksum: it comes out of random octets.
		if m.probe != nil && cameWhole(r.Err) && !isText(r.Format) {
			m.probe.telegram(time.Now())
		}
	default:
		if m.probe != nil {
			m.probe.telegram(time.Now())
		}
		restarts := m.guard.Restarts
		if err := m.guard.Check(&r.Measurement); err != nil {
			m.lose(err)
			return
		}
		if m.guard.Restarts > restarts {
			m.events.add(eventCounter, fmt.Sprintf("the invocation counter of the meter has started anew, at %d (system title %s)", r.Measurement.Seal.Counter, r.Measurement.Seal.Title))
		}
		m.passText(&r)
		m.publish(r.Measurement, r.Objects...)
	}
}

func (m *meter) publish(decoded telegram.Measurement, objects ...telegram.Object) {
	now, restarts := time.Now(), m.merge.Restarts
	reading := m.merge.Add(decoded, now)
	if m.demand != nil {
		peak := m.demand.Add(&reading, now)
		m.keep.note(m.demand.State(), peak)
	}
	m.latest.put(objects, m.merge.Restarts > restarts, now, func() *snapshot.Snapshot {
		return m.store.Publish(reading, now, m.merge.Period())
	})
	m.passValues(&reading, now)
	m.tell(&decoded, &reading)
	fresh := reading.At[telegram.Instantaneous].Equal(now)
	m.note(func(c *meterCount) {
		c.turns.note(reading.Meter, now)
		c.pauses.note(now)
		c.telegrams++
		c.warnings += uint64(decoded.Warnings())
		if fresh || reading.At[telegram.Instantaneous].IsZero() {
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
		c.stages[telegram.Stage(err)]++
		c.since.lose(err, now)
		c.pauses.note(now)
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
		m.count.errors, m.count.stages = map[string]uint64{}, map[string]uint64{}
	}
	change(&m.count)
}

// counting counts what comes in, so that silence and garbage can be told apart.
type counting struct {
	io.Reader
	m    *meter
	line telegram.Line
}

func (c counting) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	if n > 0 && c.m.out != nil {
		c.m.out.write(b[:n], c.line)
	}
	if n > 0 && c.m.probe != nil {
		c.m.probe.octets(b[:n], time.Now())
	}
	if n > 0 {
		c.m.note(func(count *meterCount) {
			now := time.Now()
			count.since.take(b[:n], now, now.Sub(count.lastOctets) > quietLine)
			count.silences.note(now)
			count.octets += uint64(n)
			count.lastOctets = now
		})
	}
	return n, err
}

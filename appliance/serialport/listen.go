package serialport

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// Limits of a listening output.
const (
	maxReaders    = 64
	readerTimeout = 20 * time.Millisecond  // a reader that blocks longer is dropped
	acceptPause   = 100 * time.Millisecond // after an Accept that failed
)

// listener sends to everybody who connects.
type listener struct {
	net.Listener
	o    Options
	done sync.WaitGroup

	mu      sync.Mutex
	readers map[net.Conn]struct{} // nil once closed
}

func listenOut(addr string, o Options) (string, io.WriteCloser, error) {
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return "", nil, err
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return "", nil, err
	}
	l := &listener{Listener: ln, o: o, readers: make(map[net.Conn]struct{})}
	l.done.Go(l.accept)
	return "tcp://" + ln.Addr().String(), l, nil
}

func (l *listener) accept() {
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of descriptors, mostly: it passes
			l.o.Log.Warn("cannot accept a reader", "error", err)
			time.Sleep(acceptPause)
			continue
		}
		l.mu.Lock()
		full := len(l.readers) >= maxReaders || l.readers == nil
		if !full {
			l.readers[c] = struct{}{}
		}
		l.mu.Unlock()
		if full {
			_ = c.Close()
		}
	}
}

// Write sends p to every reader and drops those that do not take it: one that
// is slow must not hold up the others.
func (l *listener) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.readers == nil {
		return 0, fmt.Errorf("serialport: %s: %w", l.Addr(), net.ErrClosed)
	}
	for c := range l.readers {
		err := c.SetWriteDeadline(time.Now().Add(readerTimeout))
		if err == nil {
			_, err = c.Write(p)
		}
		if err != nil {
			l.o.Log.Info("reader dropped", "reader", c.RemoteAddr().String(), "error", err)
			_ = c.Close()
			delete(l.readers, c)
		}
	}
	return len(p), nil
}

func (l *listener) Close() error {
	err := l.Listener.Close()
	l.mu.Lock()
	for c := range l.readers {
		_ = c.Close()
	}
	l.readers = nil
	l.mu.Unlock()
	l.done.Wait()
	return err
}

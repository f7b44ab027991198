package serialport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"smartconnect/telegram"
)

// playback reads a file as slowly as its octets would come over the line, and
// is silent after its end.
type playback struct {
	ctx   context.Context
	file  *os.File
	octet time.Duration
	start time.Time
	sent  int64
}

// playStep is about how much of the line's time goes into one read.
const playStep = 10 * time.Millisecond

func openFile(ctx context.Context, s Source, line telegram.Line, _ Options) (conn, error) {
	if line.Baud <= 0 {
		return nil, errors.New("no line settings, so no pace to play it at")
	}
	info, err := os.Stat(s.path) // opening a named pipe would wait for its writer
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("not a plain file but %s", kindOf(info.Mode()))
	}
	f, err := os.Open(s.path)
	if err != nil {
		return nil, err
	}
	return &playback{ctx: ctx, file: f, octet: line.OctetTime(), start: time.Now()}, nil
}

func (b *playback) Read(p []byte) (int, error) {
	n, err := b.file.Read(p[:min(len(p), max(1, int(playStep/b.octet)))])
	if errors.Is(err, io.EOF) {
		<-b.ctx.Done()
		return 0, b.ctx.Err()
	}
	if err != nil {
		return n, err
	}
	b.sent += int64(n)
	due := time.NewTimer(time.Until(b.start.Add(time.Duration(b.sent) * b.octet)))
	defer due.Stop()
	select {
	case <-b.ctx.Done():
		return 0, b.ctx.Err()
	case <-due.C:
		return n, nil
	}
}

func (b *playback) Close() error { return b.file.Close() }

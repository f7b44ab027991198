package appliance

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"smartconnect/api"
	"smartconnect/appliance/serialport"
	"smartconnect/telegram"
	"smartconnect/telegram/formats"
	"smartconnect/telegram/sim"
)

// A second program reads the telegrams as they stand on the line: of every kind of
// meter, each octet of them.
func TestShareIsExact(t *testing.T) {
	for _, name := range []string{"dsmr50", "smarty", "e450-encrypted", "am550", "at-mbus", "linky-standard-tri", "dsmr22"} {
		t.Run(name, func(t *testing.T) {
			meter, err := sim.ByName(name)
			if err != nil {
				t.Fatal(err)
			}
			share := freePort(t)
			f := newFeeder(t)
			b := start(t, f.source(), fmt.Sprintf(`{"Meter":{"Share":%q}}`, share)) // no key: whoever reads may have it
			now := time.Now().Truncate(time.Minute).Add(5 * time.Second)
			house := meter.House(7, now.Add(-time.Hour))
			said := func(i int) []byte {
				at := now.Add(time.Duration(i) * meter.Interval)
				return meter.Encode(nil, house.Look(at), at)
			}
			f.say(string(said(0)[30:])) // a reader begins with a whole one
			c, err := net.Dial("tcp", share)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			eventually(t, 3*time.Second, "the reader is in", func() bool { s, err := b.status(); return err == nil && s.Meter.Share.Readers == 1 })
			var want []byte
			for i := 1; i <= 4; i++ {
				want = append(want, said(i)...)
				f.say(string(said(i)))
			}
			got := make([]byte, len(want))
			_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
			if n, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%d of %d octets, %v:\n%.200q\nwant\n%.200q", n, len(want), err, got[:n], want)
			}
			if s, _ := b.status(); s.Meter.Share.State != api.OK || s.Meter.Share.Telegrams < 4 || s.Meter.Share.Lost != 0 {
				t.Errorf("%+v", s.Meter.Share)
			}
		})
	}
}

// A program that reads nothing but plain P1 reads any meter, decrypted.
func TestShareAsP1(t *testing.T) {
	for _, name := range []string{"dsmr50", "smarty", "e450-encrypted", "linky-standard"} {
		t.Run(name, func(t *testing.T) {
			meter, err := sim.ByName(name)
			if err != nil {
				t.Fatal(err)
			}
			share := freePort(t)
			f := newFeeder(t)
			b := start(t, f.source(), fmt.Sprintf(`{"Meter":{"Share":%q,"ShareAs":"p1","Key":%q,"RequireEncryption":false}}`, share, sim.Key))
			c, err := net.Dial("tcp", share)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			eventually(t, 3*time.Second, "the reader is in", func() bool { s, err := b.status(); return err == nil && s.Meter.Share.Readers == 1 })
			now := time.Now().Truncate(time.Minute).Add(5 * time.Second)
			state := meter.House(7, now.Add(-time.Hour)).Look(now)
			f.say(string(meter.Encode(nil, state, now)))
			var text strings.Builder
			_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
			for lines := bufio.NewReader(c); !strings.Contains(text.String(), "\n!"); {
				line, err := lines.ReadString('\n')
				if text.WriteString(line); err != nil {
					t.Fatalf("%v after %q", err, &text)
				}
			}
			p1, err := formats.Select("p1")
			if err != nil {
				t.Fatal(err)
			}
			m, err := p1[0].Decode([]byte(strings.TrimRight(text.String(), "\r\n")), telegram.Options{UTCOffset: time.Hour}, nil)
			if err != nil {
				t.Fatalf("%v\n%s", err, &text)
			}
			truth := meter.Truth(state, now)
			imp, ok := truth[telegram.ActivePowerImport]
			if !ok { // apparent, of France
				imp = truth[telegram.ApparentPowerImport]
			}
			if v, ok := m.Get(telegram.ActivePowerImport).Get(); !ok || v != imp {
				t.Errorf("import %v (%v), meant %v\n%s", v, ok, imp, &text)
			}
		})
	}
}

// The same on the API, for who has the password.
func TestTelegramsOfTheAPI(t *testing.T) {
	f := newFeeder(t)
	b := start(t, f.source(), "")
	request := func(password string) *http.Response {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		t.Cleanup(cancel)
		req, err := http.NewRequestWithContext(ctx, "GET", "https://"+b.https+"/api/v1/telegrams", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth(b.label.User, password)
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { resp.Body.Close() })
		return resp
	}
	if got := request("guess").StatusCode; got != http.StatusUnauthorized {
		t.Errorf("without the password: %d", got)
	}
	resp := request(b.label.Password)
	e450, _ := sim.ByName("e450")
	now := time.Now()
	push := e450.Encode(nil, e450.House(1, now).Look(now), now)
	events := bufio.NewScanner(resp.Body)
	for _, said := range []struct{ format, octets string }{{"p1", house(1)}, {"p1", house(2)}, {"dlms", string(push)}} {
		f.say(said.octets)
		var data string
		for data == "" && events.Scan() {
			data, _ = strings.CutPrefix(events.Text(), "data: ")
			if !strings.HasPrefix(events.Text(), "data: ") {
				data = ""
			}
		}
		var got struct{ Format, Text, Hex string }
		if err := json.Unmarshal([]byte(data), &got); err != nil {
			t.Fatalf("%v: %q", err, data)
		}
		raw, _ := hex.DecodeString(got.Hex)
		if got.Format != said.format || got.Text+string(raw) != said.octets {
			t.Errorf("%+v, said %q", got, said.octets)
		}
	}
}

// A second serial device gets every octet, noise included.
func TestOutIsExact(t *testing.T) {
	master, device, err := serialport.OpenPTY()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	f := newFeeder(t)
	b := start(t, f.source(), fmt.Sprintf(`{"Meter":{"Out":%q,"Line":"9600 7E1"}}`, device))
	if s, _ := b.status(); s.Meter.Out == nil || s.Meter.Out.Device != device || s.Meter.Out.State != api.Waiting {
		t.Errorf("%+v", s.Meter.Out)
	}
	var want bytes.Buffer
	heard := make(chan []byte)
	go func() {
		got := make([]byte, 0, 1<<16)
		for len(got) < cap(got) {
			_ = master.SetReadDeadline(time.Now().Add(2 * time.Second))
			n, err := master.Read(got[len(got):cap(got)])
			if got = got[:len(got)+n]; errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
		}
		heard <- got
	}()
	for i := range 20 {
		for _, text := range []string{house(i), "\x00noise\xff", house(i + 1)[:100]} {
			want.WriteString(text)
			f.say(text)
		}
		time.Sleep(5 * time.Millisecond)
	}
	if got := <-heard; !bytes.Equal(got, want.Bytes()) {
		t.Fatalf("%d octets, want %d", len(got), want.Len())
	}
	s, _ := b.status()
	if s.Meter.Out.State != api.OK || s.Meter.Out.Octets != uint64(want.Len()) || s.Meter.Out.Lost != 0 {
		t.Errorf("%+v", s.Meter.Out)
	}
}

// stuckOut is a device that takes a while for everything.
type stuckOut struct {
	mu    sync.Mutex
	b     bytes.Buffer
	lost  uint64
	delay time.Duration
	fail  error
}

func (s *stuckOut) Write(p []byte) (int, error) {
	time.Sleep(s.delay)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return 0, s.fail
	}
	return s.b.Write(p)
}
func (s *stuckOut) Close() error { return nil }
func (s *stuckOut) Lost() uint64 { return s.lost }

// A device that is stuck, or gone, costs its own octets and nothing else: they are
// counted, the meter is read on, and the device is opened again.
func TestOutThatIsSlowOrGone(t *testing.T) {
	stuck := &stuckOut{delay: time.Hour}
	gone := errors.New("unplugged")
	opened := 0
	o := newLineOut("/dev/x", func(context.Context, telegram.Line) (lossy, error) {
		if opened++; opened == 1 {
			return nil, gone
		}
		return stuck, nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	began := time.Now()
	for range 200 { // nobody takes them yet
		o.write([]byte("0123456789"), telegram.Line{})
	}
	if s := o.status(); s.Lost != 10*(200-outChunks) {
		t.Errorf("lost %d of 2000 octets with room for %d", s.Lost, outChunks)
	}
	o.write([]byte("x"), telegram.Line{})
	done := make(chan error, 1)
	go func() { done <- o.run(ctx) }()
	eventually(t, time.Second, "old ones are thrown away", func() bool { return len(o.chunks) == 0 })
	o.write([]byte("now"), telegram.Line{})
	if err := <-done; !errors.Is(err, gone) {
		t.Fatalf("%v", err)
	}
	o.failed(gone)
	if s := o.status(); s.State != api.Fault || s.Detail != "unplugged" || s.Lost != 2004 || s.Octets != 0 {
		t.Errorf("%+v", s)
	}
	stuck.delay = 20 * time.Millisecond
	go func() { done <- o.run(ctx) }()
	time.Sleep(10 * time.Millisecond)
	for range 200 {
		o.write([]byte("0123456789"), telegram.Line{})
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("the meter was held up for %v", took)
	}
	eventually(t, 5*time.Second, "all are written or counted", func() bool { s := o.status(); return s.Lost+s.Octets == 2004+2000 })
	if s := o.status(); s.State != api.OK || s.Octets < 10*outChunks {
		t.Errorf("%+v", s)
	}
	cancel()
	<-done
}

// The copy has the line settings of the meter, also while those are looked for.
func TestOutFollowsTheLine(t *testing.T) {
	var mu sync.Mutex
	var lines []string
	o := newLineOut("/dev/x", func(_ context.Context, l telegram.Line) (lossy, error) {
		mu.Lock()
		defer mu.Unlock()
		lines = append(lines, l.String())
		return &stuckOut{}, nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- o.run(ctx) }()
	time.Sleep(10 * time.Millisecond)
	for _, l := range []telegram.Line{probeLines[0], probeLines[0], probeLines[4], probeLines[4]} {
		o.write([]byte("x"), l)
	}
	eventually(t, time.Second, "all are written", func() bool { return o.status().Octets == 4 })
	cancel()
	<-done
	if want := []string{"115200 8N1", "2400 8E1"}; !slices.Equal(lines, want) {
		t.Errorf("opened with %q, want %q", lines, want)
	}
}

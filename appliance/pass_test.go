package appliance

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"smartconnect/api"
	"smartconnect/telegram"
	"smartconnect/telegram/formats"
	"smartconnect/telegram/sim"
)

// A second program reads the telegrams as they stand on the line: of every kind of
// meter, each octet of them.
func TestShareIsExact(t *testing.T) {
	t.Parallel()
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
	t.Parallel()
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

package appliance

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// remembers asks for the history.
func (b *box) remembers(query string) (h struct {
	OnDisk bool  `json:"on_disk"`
	Start  int64 `json:"start"`
	Series map[string]struct {
		Unit   string
		Values []*float64
	}
	Quarters []struct {
		Start  int64
		Import *float64 `json:"import_avg_w"`
		Known  int      `json:"known_seconds"`
	}
}) {
	b.t.Helper()
	code, body, err := b.call("GET", "/api/v1/history?"+query, "")
	if err == nil && code != 200 {
		err = fmt.Errorf("%d", code)
	}
	if err == nil {
		err = json.Unmarshal(body, &h)
	}
	if err != nil {
		b.t.Fatalf("%s: %v %s", query, err, body)
	}
	return h
}

// What a meter said is in the seconds that it was said in, and in no other.
func TestHistoryHasWhatTheMeterSaid(t *testing.T) {
	f := newFeeder(t)
	b := start(t, f.source(), "")
	began := time.Now().Unix()
	for _, watts := range []int{1234, 1500} {
		f.say(house(watts))
		b.eventuallyPower(float64(watts))
	}
	h := b.remembers("span=1h&quantity=active_power,current_l1,active_demand")
	ended := time.Now().Unix()
	power := h.Series["active_power"]
	if len(h.Series) != 3 || power.Unit != "W" || h.Series["current_l1"].Unit != "A" || len(power.Values) < 3599 || h.OnDisk {
		t.Fatalf("%d series, unit %q, %d values, on disk %v", len(h.Series), power.Unit, len(power.Values), h.OnDisk)
	}
	var last float64
	for i, v := range power.Values {
		if v == nil {
			continue
		}
		if at := h.Start + int64(i); at < began-1 || at > ended+1 {
			t.Errorf("%v W at %d, said from %d to %d", *v, at, began, ended)
		}
		if *v != 1234 && *v != 1500 {
			t.Errorf("%v W, which nobody said", *v)
		}
		last = *v
	}
	if last != 1500 {
		t.Errorf("the last value is %v", last)
	}
	if _, err := os.Lstat(filepath.Join(b.o.State, historyFile)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("personal data on the disk of an owner who wants none there: %v", err)
	}
	if h := b.remembers("span=24h"); h.OnDisk || len(h.Quarters) != 0 {
		t.Errorf("%+v", h)
	}
}

// The quarter-hours outlive a life where the owner wants them, also one whose
// settings cannot be read, and go when he no longer does.
func TestHistoryOnTheDisk(t *testing.T) {
	t.Parallel()
	b := start(t, "sim:dsmr50", `{"History":{"OnDisk":true}}`)
	heard := func() bool { s, err := b.status(); return err == nil && s.Meter.Telegrams >= 3 }
	eventually(t, 10*time.Second, "three telegrams", heard)
	b.stop()
	path := filepath.Join(b.o.State, historyFile)
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Fatalf("%v %v", info, err)
	}
	b.run()
	h := b.remembers("span=1h&resolution=15m")
	if n := len(h.Quarters); !h.OnDisk || n == 0 || h.Quarters[n-1].Import == nil || h.Quarters[n-1].Known < 1 {
		t.Fatalf("%+v", h)
	}
	b.stop()

	saved := filepath.Join(b.o.State, "config.json")
	settings, err := os.ReadFile(saved)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(saved, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.run()
	b.stop()
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("settings that cannot be read cost the history: %v", err)
	}

	if err := os.WriteFile(saved, settings, 0o600); err != nil {
		t.Fatal(err)
	}
	b.run()
	b.patch(`{"History":{"OnDisk":false}}`)
	b.stop()
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("it goes before the next life: %v", err)
	}
	b.run()
	if h := b.remembers("span=24h"); h.OnDisk || len(h.Quarters) != 0 {
		t.Errorf("%+v", h)
	}
	b.stop()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
}

// A folder where the file should be costs the quarter-hours and nothing else.
func TestHistoryThatCannotBeKept(t *testing.T) {
	b := start(t, "sim:dsmr50", `{"History":{"OnDisk":true}}`)
	b.stop()
	path := filepath.Join(b.o.State, historyFile)
	_ = os.Remove(path)
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	b.run()
	s, err := b.status()
	if err != nil || len(s.Warnings) != 1 {
		t.Errorf("warnings %q, %v", s.Warnings, err)
	}
	if h := b.remembers("span=24h"); h.OnDisk {
		t.Errorf("%+v", h)
	}
}

// What clients asked for is in the log, the newest first, of all servers.
func TestModbusLogHasWhatClientsAsked(t *testing.T) {
	f, second := newFeeder(t), freePort(t)
	b := start(t, f.source(), fmt.Sprintf(`{"Modbus":{"Servers":[{},{"Listen":%q}]}}`, second))
	asks := []struct {
		addr, quantity uint16
		of             int // which server
		addrOf         string
	}{{regI1, 6, 0, b.modbus}, {0x013C, 9, 1, second}, {0x0001, 2, 0, b.modbus}}
	var clients []string
	for _, a := range asks {
		conn, err := net.Dial("tcp", a.addrOf)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := ask(conn, a.addr, a.quantity); err != nil {
			t.Fatal(err)
		}
		clients = append(clients, conn.LocalAddr().String())
		conn.Close()
	}
	code, body, err := b.call("GET", "/api/v1/modbus/log", "")
	var log struct{ Requests []map[string]any }
	if err == nil {
		err = json.Unmarshal(body, &log)
	}
	if err != nil || code != 200 || len(log.Requests) != len(asks) {
		t.Fatalf("%d %v %s", code, err, body)
	}
	for i, got := range log.Requests {
		j := len(asks) - 1 - i
		a := asks[j]
		answer, exception := []string{"exception", "ok", "exception"}[j], []any{11., nil, 2.}[j]
		for name, want := range map[string]any{
			"server": float64(a.of), "client": clients[j], "unit": 1., "function": 3.,
			"address": float64(a.addr), "address_hex": fmt.Sprintf("%04X", a.addr), "quantity": float64(a.quantity),
			"answer": answer, "exception": exception,
		} {
			if got[name] != want {
				t.Errorf("request %d: %s is %v, want %v", i, name, got[name], want)
			}
		}
		if at, ok := got["time"].(float64); !ok || time.Since(time.UnixMilli(int64(at*1000))) > 10*time.Second {
			t.Errorf("request %d came at %v", i, got["time"])
		}
	}
}

// A restart keeps the last hour; another meter begins a new one.
func TestHourOutlivesARestart(t *testing.T) {
	t.Parallel()
	b := start(t, "sim:dsmr50", "")
	known := func() (n int) {
		for _, v := range b.remembers("span=1h&quantity=active_power").Series["active_power"].Values {
			if v != nil {
				n++
			}
		}
		return n
	}
	again := func() {
		t.Helper()
		lives := strings.Count(b.log.String(), "life begins")
		if code, body, err := b.call("POST", "/api/v1/reset", ""); err != nil || code != 202 {
			t.Fatalf("%d %s %v", code, body, err)
		}
		eventually(t, 10*time.Second, "the next life", func() bool {
			_, err := b.status()
			return err == nil && strings.Count(b.log.String(), "life begins") > lives
		})
	}
	eventually(t, 10*time.Second, "three seconds", func() bool { return known() >= 3 })
	again()
	if n := known(); n < 3 {
		t.Errorf("%d seconds are left", n)
	}
	b.patch(`{"Meter":{"CurrentRatio":2}}`)
	again()
	if n := known(); n > 2 {
		t.Errorf("%d seconds of before are taken for those of other settings", n)
	}
}

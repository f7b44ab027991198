package api

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"iter"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"smartconnect/telegram"
)

// remembering is a history in which the net power of each second is its number since
// start, and every tenth is missing; of quarter-hours there is each one.
func remembering() History {
	return History{
		OnDisk:     true,
		Quantities: []telegram.Quantity{telegram.ActivePower, telegram.CurrentL1},
		Seconds: func(from, to time.Time, of ...telegram.Quantity) Window {
			w := Window{Start: from}
			for _, q := range of {
				values := []float32{}
				for i := range to.Unix() - from.Unix() {
					v := float32(i) + 0.1
					if i%10 == 9 {
						v = float32(math.NaN())
					}
					values = append(values, v)
				}
				w.Columns = append(w.Columns, Column{q, q.Unit(), values})
			}
			return w
		},
		Quarters: func(from, to time.Time) iter.Seq[Quarter] {
			return func(yield func(Quarter) bool) {
				for at := from.Truncate(15 * time.Minute); at.Before(to); at = at.Add(15 * time.Minute) {
					q := Quarter{Start: at, KnownSeconds: 900, PowerUnit: telegram.Watt}
					q.Import, q.Export, q.Max = Number{telegram.Of(393.5)}, Number{telegram.Of(0)}, Number{telegram.Of(4200)}
					q.ImportWh = Number{telegram.Of(12345678)}
					if !yield(q) {
						return
					}
				}
			}
		},
	}
}

func TestHistoryRefuses(t *testing.T) {
	b := start(t, nil)
	for _, c := range []struct{ query, want string }{
		{"span=5", `span "5": want a time from 1s to 9600h`},
		{"span=0s", `span "0s": want a time from 1s`},
		{"span=-5m", `span "-5m": want a time from 1s`},
		{"span=9601h", `to 9600h, such as 5m or 24h`},
		{"span=", `span "": want a time`},
		{"span=5m&from=1", "either span, or from and to"},
		{"span=5m&to=1", "either span, or from and to"},
		{"to=1795695385", "to is given without from"},
		{"from=yesterday", `from "yesterday": want a time in Unix seconds, such as 1`},
		{"from=-1", `from "-1": want a time in Unix seconds`},
		{"from=99999999999999999999", "want a time in Unix seconds"},
		{"from=1&to=1e9", `to "1e9": want a time in Unix seconds`},
		{"from=1795695385&to=1795695384", "to 1795695384 is before from 1795695385"},
		{"resolution=1m", `resolution "1m": want 1s (the last hour) or 15m (the last 400 days)`},
		{"quantity=frequency", `quantity "frequency": want active_power or current_l1`},
		{"quantity=", `quantity "": want active_power or current_l1`},
		{"quantity=active_power,", `quantity "": want`},
		{"quantity=active_power,active_power", "quantity active_power is given twice"},
		{"quantity=active_power&span=24h", "leave it out, or ask for the last hour or less"},
		{"format=xml", `format "xml": want csv or json`},
		{"since=5m", `"since" is no parameter of the history: want format, from, quantity, resolution, span or to`},
		{"span=5m&span=6m", "span is given 2 times"},
		{"span=%zz", "the parameters cannot be read"},
	} {
		got, body := b.do(request{path: "/api/v1/history?" + c.query})
		if got.StatusCode != http.StatusBadRequest || !strings.Contains(sentence(t, body), c.want) {
			t.Errorf("%s: %d %s, want %q", c.query, got.StatusCode, body, c.want)
		}
	}
	without := start(t, func(b *box) { b.History, b.ModbusLog = History{}, nil })
	for _, path := range []string{"/api/v1/history", "/api/v1/modbus/log"} {
		if got, body := without.do(request{path: path}); got.StatusCode != http.StatusNotFound || sentence(t, body) == "" {
			t.Errorf("%s of a box without: %d", path, got.StatusCode)
		}
	}
}

// What is asked for without saying it all, at a certain time.
func TestHistoryQuery(t *testing.T) {
	h := remembering()
	const now = 1795695385
	for _, c := range []struct {
		query      string
		from, to   int64
		resolution int64
	}{
		{"", now - 3599, now + 1, 1},
		{"span=5m", now - 299, now + 1, 1},
		{"span=5m&takeover=1", now - 299, now + 1, 1},
		{"span=1h", now - 3599, now + 1, 1},
		{"span=1500ms", now, now + 1, 1},
		{"span=2h", now - 7199, now + 1, 900},
		{"span=2h&resolution=1s", now - 7199, now + 1, 1},
		{"span=5m&resolution=15m", now - 299, now + 1, 900},
		{"span=9600h", now + 1 - 400*86400, now + 1, 900},
		{fmt.Sprintf("from=%d", now-3600), now - 3600, now + 1, 1},
		{fmt.Sprintf("from=%d", now-3700), now - 3700, now + 1, 900},
		{fmt.Sprintf("from=%d&to=%d", now-100, now-50), now - 100, now - 50, 1},
		{fmt.Sprintf("from=%d&to=%d", now-100, now-100), now - 100, now - 100, 1},
		{"from=0&to=1099511627775", now + 1 - 400*86400, now + 1, 900},
		{"from=0&to=5", now + 1 - 400*86400, now + 1 - 400*86400, 900},
		{"from=1099511627775", now + 1, now + 1, 1},
	} {
		r, err := http.NewRequest("GET", "/api/v1/history?"+c.query, nil)
		if err != nil {
			t.Fatal(err)
		}
		q, err := h.query(r, time.Unix(now, 5e8))
		if err != nil || q.from != c.from || q.to != c.to || q.resolution != c.resolution || len(q.of) != 2 || q.format != "json" {
			t.Errorf("%q: %+v %v, want %d to %d by %d", c.query, q, err, c.from, c.to, c.resolution)
		}
	}
}

func TestHistorySeconds(t *testing.T) {
	b := start(t, nil)
	from := time.Now().Unix() - 100
	path := fmt.Sprintf("/api/v1/history?from=%d&to=%d&quantity=current_l1,active_power", from, from+11)
	got, body := b.do(request{path: path})
	values := "[0.1,1.1,2.1,3.1,4.1,5.1,6.1,7.1,8.1,null,10.1]"
	want := fmt.Sprintf(`{"resolution_seconds":1,"on_disk":true,"start":%d,"count":11,"series":{
"current_l1":{"unit":"A","values":%s},
"active_power":{"unit":"W","values":%s}}}
`, from, values, values)
	if got.StatusCode != 200 || got.Header.Get("Content-Type") != "application/json" || body != want || !json.Valid([]byte(body)) {
		t.Errorf("%d %q %s\nwant %s", got.StatusCode, got.Header.Get("Content-Type"), body, want)
	}
	for _, q := range []request{
		{path: path + "&format=csv"},
		{path: path, header: http.Header{"Accept": {"text/csv, */*;q=0.1"}}},
	} {
		got, body := b.do(q)
		table, err := csv.NewReader(strings.NewReader(body)).ReadAll()
		if err != nil || !strings.HasPrefix(got.Header.Get("Content-Type"), "text/csv") || len(table) != 12 {
			t.Fatalf("%q %v %s", got.Header.Get("Content-Type"), err, body)
		}
		at := time.Unix(from+9, 0).UTC()
		for i, want := range map[int]string{
			0:  "timestamp|time_utc|current_l1 (A)|active_power (W)",
			10: fmt.Sprintf("%d|%s||", at.Unix(), at.Format("2006-01-02 15:04:05")),
		} {
			if row := strings.Join(table[i], "|"); row != want {
				t.Errorf("row %d is %s, want %s", i, row, want)
			}
		}
	}
	if _, body := b.do(request{path: path + "&format=json", header: http.Header{"Accept": {"text/csv"}}}); !strings.HasPrefix(body, "{") {
		t.Errorf("the parameter does not win: %s", body)
	}
	if got, body := b.do(request{method: "HEAD", path: path}); got.StatusCode != 200 || body != "" {
		t.Errorf("HEAD: %d %q", got.StatusCode, body)
	}
	if got, _ := b.do(request{path: path, pass: "-"}); got.StatusCode != 401 {
		t.Errorf("anybody sees when somebody is at home: %d", got.StatusCode)
	}
}

func TestHistoryQuarters(t *testing.T) {
	b := start(t, nil)
	from := (time.Now().Unix()/900 - 10) * 900
	path := fmt.Sprintf("/api/v1/history?from=%d&to=%d&resolution=15m", from, from+901)
	_, body := b.do(request{path: path})
	row := `"import_wh":12345678,"export_wh":null,"import_avg_w":393.5,"export_avg_w":0,"max_w":4200,"min_w":null,"known_seconds":900,"power_unit":"W"}`
	want := fmt.Sprintf(`{"resolution_seconds":900,"on_disk":true,"from":%d,"to":%d,"quarters":[
{"start":%d,%s,
{"start":%d,%s]}
`, from, from+901, from, row, from+900, row)
	if body != want || !json.Valid([]byte(body)) {
		t.Errorf("%s\nwant %s", body, want)
	}
	_, body = b.do(request{path: path + "&format=csv"})
	table, err := csv.NewReader(strings.NewReader(body)).ReadAll()
	if err != nil || len(table) != 3 || strings.Join(table[2][2:], "|") != "12345678||393.5|0|4200||900|W" || len(table[0]) != len(table[2]) {
		t.Errorf("%v %v", table, err)
	}
	// All of it, at once.
	_, body = b.do(request{path: "/api/v1/history?span=9600h"})
	var all struct{ Quarters []struct{ Start int64 } }
	if err := json.Unmarshal([]byte(body), &all); err != nil || len(all.Quarters) < 38400 || len(all.Quarters) > 38401 {
		t.Errorf("%d quarter-hours, %v", len(all.Quarters), err)
	}
}

// With the disk off there is nothing of yesterday, and the answer says why.
func TestHistoryWithoutADisk(t *testing.T) {
	b := start(t, func(b *box) {
		b.History.OnDisk = false
		b.History.Quarters = func(time.Time, time.Time) iter.Seq[Quarter] { return func(func(Quarter) bool) {} }
	})
	var got struct {
		OnDisk   *bool `json:"on_disk"`
		Quarters []any
	}
	_, body := b.do(request{path: "/api/v1/history?span=24h"})
	if err := json.Unmarshal([]byte(body), &got); err != nil || got.OnDisk == nil || *got.OnDisk || got.Quarters == nil || len(got.Quarters) != 0 {
		t.Errorf("%v %s", err, body)
	}
}

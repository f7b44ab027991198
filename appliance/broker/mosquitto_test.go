package broker

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"smartconnect/appliance/payload"
	"smartconnect/telegram"
)

// witness returns the path of a program that is not ours.
func witness(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	switch {
	case err == nil:
	case os.Getenv("SMARTCONNECT_REQUIRE") == "1":
		t.Fatalf("%s is required: %v", name, err)
	default:
		t.Skipf("%s is not installed", name)
	}
	return path
}

// mosquitto runs mosquitto_sub against the box, for the length of the test at
// most: line waits for what it prints, wait for its end.
func mosquitto(t *testing.T, addr net.Addr, args ...string) (line func() string, wait func() error) {
	t.Helper()
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	cmd := exec.CommandContext(ctx, witness(t, "mosquitto_sub"), append([]string{"-h", host, "-p", port}, args...)...)
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	wait = sync.OnceValue(cmd.Wait)
	t.Cleanup(func() {
		cancel()
		_ = wait()
	})
	lines := bufio.NewScanner(out)
	return func() string {
		t.Helper()
		if !lines.Scan() {
			t.Fatalf("mosquitto_sub says no more: %v", lines.Err())
		}
		return lines.Text()
	}, wait
}

func versions(t *testing.T, test func(t *testing.T, version string)) {
	for _, v := range []string{"mqttv311", "mqttv5"} {
		t.Run(v, func(t *testing.T) { test(t, v) })
	}
}

func TestMosquittoIsRefused(t *testing.T) {
	versions(t, func(t *testing.T, version string) {
		witness(t, "mosquitto_sub")
		b := start(t, nil)
		for name, args := range map[string][]string{
			"wrong password": {"-u", "mqtt", "-P", "wrong"},
			"anonymous":      {},
		} {
			_, wait := mosquitto(t, b.addr, append(args, "-V", version, "-t", "#", "-W", "3", "-C", "1")...)
			err := wait()
			if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() == 27 { // 27: time is up
				t.Errorf("%s: %v, want a refusal", name, err)
			}
		}
		if got := b.Stats().Refused; got != 2 {
			t.Errorf("%d logins refused, want 2", got)
		}
	})
}

func TestMosquittoReceivesWhatIsDocumented(t *testing.T) {
	versions(t, func(t *testing.T, version string) {
		witness(t, "mosquitto_sub")
		b := start(t, nil)
		before := time.Now().Unix()
		snap := b.says(house(1234))
		eventually(t, "the telegram is published", func() bool {
			m, ok := b.server().Topics.Retained.Get(base + "/status")
			return ok && string(m.Payload) == payload.OnlineWord
		})
		type retained struct{ flags, payload string } // flags: retain, QoS
		want := map[string]retained{
			"status":                     {"1 1", "online"},
			"value/quality":              {"1 0", "ok"},
			"value/active_power":         {"1 0", "1234"},
			"value/active_power_import":  {"1 0", "1234"},
			"value/active_energy_import": {"1 0", "1000"},
			"gas/1":                      {"1 0", `{"channel":1,"type":"gas","id":"G0098","timestamp":1768478100,"value":12.5,"unit":"m3"}`},
			"electricity":                {"1 0", ""},
			"info":                       {"1 0", ""},
		}
		line, _ := mosquitto(t, b.addr, "-u", "mqtt", "-P", pwReader, "-V", version, "-q", "1", "-t", "#", "-F", "%r %q %t %p")
		got := map[string]retained{}
		for range want {
			f := strings.SplitN(line(), " ", 4)
			got[strings.TrimPrefix(f[2], base+"/")] = retained{f[0] + " " + f[1], f[3]}
		}
		electricity := got["electricity"].payload
		for name, w := range want {
			g := got[name]
			if w.payload == "" {
				g.payload = ""
			}
			if g != w {
				t.Errorf("%s: retain, QoS and payload %q, want %q", name, g, w)
			}
		}

		var o map[string]any
		if err := json.Unmarshal([]byte(electricity), &o); err != nil {
			t.Fatal(err)
		}
		if o["seq"] != float64(snap.Seq) || o["timestamp"].(float64) < float64(before) || o["quality"] != "ok" || o["active_power"] != 1234.0 {
			t.Errorf("electricity: seq %v, timestamp %v, quality %v, active_power %v", o["seq"], o["timestamp"], o["quality"], o["active_power"])
		}
		for q := range telegram.NumQuantities {
			v, ok := o[q.String()]
			if f, sent := snap.Get(q).Get(); !ok || sent && v != f || !sent && v != nil {
				t.Errorf("electricity: %s = %v (there: %t), want %v", q, v, ok, snap.Get(q))
			}
		}
	})
}

func TestMosquittoSeesTheMeterComeAndGo(t *testing.T) {
	versions(t, func(t *testing.T, version string) {
		witness(t, "mosquitto_sub")
		b := start(t, func(b *Broker) { b.StaleAfter = 200 * time.Millisecond })
		line, _ := mosquitto(t, b.addr, "-u", "mqtt", "-P", pwReader, "-V", version, "-q", "1",
			"-t", base+"/status", "-t", base+"/value/quality", "-t", base+"/value/active_power", "-F", "%t %p")
		expect := func(when string, want ...string) {
			t.Helper()
			for _, w := range want {
				if got := strings.TrimPrefix(line(), base+"/"); got != w {
					t.Errorf("%s: %q, want %q", when, got, w)
				}
			}
		}
		expect("before the first telegram", "status offline")
		b.says(house(100))
		expect("a telegram", "value/quality ok", "value/active_power 100", "status online")
		expect("silence", "status offline", "value/quality stale", "value/active_power null")
		b.says(house(200))
		expect("recovery", "value/quality ok", "value/active_power 200", "status online")
		b.stop()
		expect("a planned stop", "status offline")
	})
}

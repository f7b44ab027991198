package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

func TestDemoWantsItsPorts(t *testing.T) {
	for i := range demoPorts.ports() {
		d := freePorts(t)
		p := d.ports()[i]
		ln, err := net.Listen("tcp", loopback(p.number))
		if err != nil {
			t.Fatal(err)
		}
		c := start(t, nil, d.command)
		code, _ := c.end(t)
		ln.Close()
		want := fmt.Sprintf("demo: port %d is needed for %s, end what uses it", p.number, p.name)
		if code != exitFailed || c.out.String() != "" || !strings.Contains(c.err.String(), want) {
			t.Errorf("exit code %d, output %q, error %q; want 1, none and %q", code, &c.out, &c.err, want)
		}
	}
}

func TestDemoPorts(t *testing.T) {
	if want := (demo{1502, 1883, 8883, 8080, 8443}); demoPorts != want {
		t.Errorf("the demo's ports are %+v, want %+v", demoPorts, want)
	}
}

// What the demo says to try is tried, as it is printed.
func TestDemo(t *testing.T) {
	for _, program := range []string{"mbpoll", "mosquitto_sub", "curl"} {
		witness(t, program)
	}
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	t.Chdir(t.TempDir()) // where the certificate is saved
	d := freePorts(t)
	c := start(t, nil, d.command)
	c.out.wait(t, `Ctrl-C ends it`)
	serving := func() error { _, err := power(d.Modbus); return err }
	eventually(t, serving)
	serial := c.out.wait(t, `^Smart Connect ([0-9A-Z]{12}) `)[1]

	offered := regexp.MustCompile(`(?m)^    \w.*`).FindAllString(strings.ReplaceAll(c.out.String(), "\\\n", ""), -1)
	if len(offered) != len(tries) {
		t.Fatalf("the demo offers %d lines to try, want %d: %q", len(offered), len(tries), offered)
	}
	for i, try := range tries {
		t.Run(try.name, func(t *testing.T) {
			out := shell(t, offered[i]+try.more)
			try.check(t, out, serial)
		})
	}

	// The reset at the end of the list has begun a new life, with the change.
	var config struct {
		Modbus struct{ Servers []struct{ WhenStale string } }
	}
	eventually(t, func() error {
		out, err := exec.Command("sh", "-c", offered[5]).Output() // the old life answers, too, for a moment
		if err == nil && !strings.Contains(string(out), `"restart_required": false`) {
			err = errors.New("the change is still waiting for a restart")
		}
		return err
	})
	eventually(t, serving)
	if err := json.Unmarshal([]byte(shell(t, offered[6])), &config); err != nil || config.Modbus.Servers[0].WhenStale != "hold" {
		t.Errorf("the change of the demo is not there: %+v, %v", config, err)
	}

	urls := c.out.wait(t, `(http://\S+) .*(https://\S+)`)
	if page := shell(t, "curl "+urls[1]); !strings.Contains(page, urls[2]) {
		t.Errorf("the landing page does not lead to %s:\n%s", urls[2], page)
	}
	login := c.out.wait(t, `user (\S+)   password (\S+)\n`)
	if page := shell(t, "curl -k -u "+login[1]+":"+login[2]+" "+urls[2]); !strings.Contains(page, serial) {
		t.Errorf("the status page does not show %s:\n%s", serial, page)
	}

	for _, p := range d.ports() { // nobody has to hang up before it ends
		conn, err := net.Dial("tcp", loopback(p.number))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	c.endsInASecond(t)
	if c.err.String() != "" {
		t.Errorf("complaints: %s", &c.err)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// tries are the lines the demo offers, in their order; more makes a line end
// that would go on for ever.
var tries = []struct {
	name, more string
	check      func(t *testing.T, out, serial string)
}{
	{"mbpoll", "", plausibleRegisters},
	{"mosquitto_sub", " -C 60 -W 15", plausibleTopics},
	{"authority", "", func(t *testing.T, _, _ string) {
		if b, err := os.ReadFile("ca.crt"); err != nil || !strings.Contains(string(b), "BEGIN CERTIFICATE") {
			t.Errorf("%v: %s", err, b)
		}
	}},
	{"mosquitto_sub with TLS", " -C 2 -W 15", func(t *testing.T, out, _ string) {
		if strings.Count(out, `"active_power":`) != 2 {
			t.Error(out)
		}
	}},
	{"readings", "", func(t *testing.T, out, _ string) {
		var r struct {
			Quality string
			OBIS    map[string]struct{ Unit string }
		}
		if err := json.Unmarshal([]byte(out), &r); err != nil || r.Quality != "ok" || r.OBIS["1-0:1.8.1"].Unit != "Wh" {
			t.Errorf("%+v %v: %s", r, err, out)
		}
	}},
	{"status", "", func(t *testing.T, out, serial string) {
		var s struct {
			Serial string
			Meter  struct{ State, Format string }
		}
		if err := json.Unmarshal([]byte(out), &s); err != nil || s.Serial != serial || s.Meter.State != "ok" || s.Meter.Format != "p1" {
			t.Errorf("%v: %s", err, out)
		}
	}},
	{"configuration", "", func(t *testing.T, out, _ string) {
		var config struct {
			MeterType string
			Modbus    struct{ Servers []struct{ WhenStale string } }
		}
		if err := json.Unmarshal([]byte(out), &config); err != nil || config.MeterType != "PhoenixContact-EMPro" || config.Modbus.Servers[0].WhenStale != "exception" {
			t.Errorf("%v: %s", err, out)
		}
	}},
	{"change", "", func(t *testing.T, out, _ string) {
		var answer struct {
			Changed         []string
			RestartRequired bool `json:"restart_required"`
		}
		if err := json.Unmarshal([]byte(out), &answer); err != nil || fmt.Sprint(answer) != "{[/Modbus/Servers/0/WhenStale] true}" {
			t.Errorf("%v: %s", err, out)
		}
	}},
	{"reset", "", func(t *testing.T, out, _ string) {
		if !json.Valid([]byte(out)) || strings.Contains(out, "error") {
			t.Error(out)
		}
	}},
}

// plausibleRegisters checks U1 to U3, I1 to I3 and that the phases add up to P.
func plausibleRegisters(t *testing.T, out, _ string) {
	registers := map[int]float64{}
	for _, m := range regexp.MustCompile(`(?m)^\[\d+\]:.*`).FindAllString(out, -1) {
		var at int
		var v float64
		if _, err := fmt.Sscanf(m, "[%d]: %g", &at, &v); err != nil {
			t.Fatalf("%v: %s", err, m)
		}
		registers[at-0x8000] = v
	}
	for _, at := range []int{0x06, 0x08, 0x0A} {
		if u := registers[at]; u < 200 || u > 260 {
			t.Errorf("80%02X: %v V", at, u)
		}
	}
	for _, at := range []int{0x0E, 0x10, 0x12} {
		if i, ok := registers[at]; !ok || i < 0 || i > 80 {
			t.Errorf("80%02X: %v A (read: %v)", at, i, ok)
		}
	}
	if p, sum := registers[0x16], registers[0x1E]+registers[0x20]+registers[0x22]; math.Abs(p-sum) > 3 || len(registers) != 15 {
		t.Errorf("P is %v W, the phases sum up to %v W, in %d registers", p, sum, len(registers))
	}
}

// plausibleTopics checks that everything is below the serial number, and the
// values of one message.
func plausibleTopics(t *testing.T, out, serial string) {
	var told struct {
		Power   *float64 `json:"active_power"`
		Voltage *float64 `json:"voltage_l1"`
	}
	for line := range strings.Lines(out) {
		topic, payload, _ := strings.Cut(line, " ")
		if !strings.HasPrefix(topic, "smart-connect/"+serial+"/") {
			t.Errorf("topic %q", topic)
		}
		if strings.HasSuffix(topic, "/electricity") {
			if err := json.Unmarshal([]byte(payload), &told); err != nil {
				t.Errorf("%v: %s", err, payload)
			}
		}
	}
	if told.Power == nil || told.Voltage == nil || *told.Voltage < 200 || *told.Voltage > 260 {
		t.Errorf("no plausible electricity in\n%s", out)
	}
}

// shell runs a line as a user would.
func shell(t *testing.T, line string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", line)
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s\n%v: %s%s", line, err, out, &complaints)
	}
	return string(out)
}

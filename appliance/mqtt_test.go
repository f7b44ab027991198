package appliance

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"smartconnect/api"
)

// mosquitto starts a broker outside and returns its address.
func mosquitto(t *testing.T, lines ...string) string {
	t.Helper()
	path, err := exec.LookPath("mosquitto")
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/mosquitto"); err != nil {
			path = program(t, "mosquitto")
		}
	}
	addr := freePort(t)
	_, port, _ := net.SplitHostPort(addr)
	conf := filepath.Join(t.TempDir(), "mosquitto.conf")
	text := fmt.Sprintf("listener %s 127.0.0.1\n%s\n", port, strings.Join(lines, "\n"))
	if os.Geteuid() == 0 {
		text += "user root\n" // or it could not read the files of the test
	}
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "-c", conf)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	eventually(t, 5*time.Second, "mosquitto listens", func() bool {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	return addr
}

// hear returns what mosquitto_sub receives of n messages, by topic.
func hear(t *testing.T, n int, addr string, args ...string) map[string]string {
	t.Helper()
	host, port, _ := net.SplitHostPort(addr)
	all := append([]string{"-h", host, "-p", port, "-C", fmt.Sprint(n), "-W", "10", "-v"}, args...)
	out, err := exec.Command(program(t, "mosquitto_sub"), all...).CombinedOutput()
	if err != nil {
		t.Fatalf("mosquitto_sub %v: %v: %s", args, err, out)
	}
	heard := map[string]string{}
	for line := range strings.Lines(string(out)) {
		topic, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		heard[topic] = text
	}
	return heard
}

// mqttStatus returns how the uplink says it is doing.
func (b *box) mqttStatus() api.MQTT {
	s, err := b.status()
	if err != nil {
		b.t.Fatal(err)
	}
	return s.MQTT
}

// Every kind of meter is told on both brokers, as documented.
func TestBothBrokers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		source, meter string
		has, lacks    []string // members that are numbers, and that are null
		unit          string
	}{
		{"sim:dsmr50", "E0000000000000050", []string{"active_power", "active_power_l1", "voltage_l3", "current_l2"}, []string{"frequency"}, "W"},
		{"sim:e450", "", []string{"active_power", "active_power_import", "current_l2"}, []string{"active_power_l1", "frequency"}, "W"},
		{"sim:linky-standard-tri", "", []string{"active_power", "current_l1", "voltage_l1"}, []string{"frequency"}, "VA"},
	} {
		t.Run(c.source, func(t *testing.T) {
			outside := mosquitto(t, "allow_anonymous true")
			b := start(t, c.source, fmt.Sprintf(`{"MQTT":{"Broker":"mqtt://%s","Site":"chalet","Energy":true}}`, outside))
			base := "devices/chalet/smart-connect/" + b.label.Serial
			eventually(t, 10*time.Second, "the uplink is up and the meter heard", func() bool {
				s, err := b.status()
				return err == nil && s.MQTT.State == api.OK && s.Meter.Level == api.OK
			})
			heard := hear(t, 2, outside, "-t", base+"/data/electricity", "-t", base+"/data/energy")
			maps.Copy(heard, hear(t, 2, outside, "-t", base+"/status", "-t", base+"/info"))
			var o map[string]any
			if err := json.Unmarshal([]byte(heard[base+"/data/electricity"]), &o); err != nil {
				t.Fatalf("%v: %v", err, heard)
			}
			check(t, o, c.has, c.lacks)
			if _, counted := o["active_energy_import"]; counted {
				t.Error("data/electricity has counters")
			}
			if o["power_unit"] != c.unit || o["quality"] != "ok" || c.meter != "" && o["meter"] != c.meter {
				t.Errorf("%v", o)
			}
			if now := float64(time.Now().Unix()); o["timestamp"].(float64) > now || o["timestamp"].(float64) < now-60 {
				t.Errorf("timestamp %v", o["timestamp"])
			}
			var energy, info map[string]any
			if err := json.Unmarshal([]byte(heard[base+"/data/energy"]), &energy); err != nil {
				t.Fatalf("%v: %v", err, heard)
			}
			check(t, energy, []string{"active_energy_import"}, nil)
			if err := json.Unmarshal([]byte(heard[base+"/info"]), &info); err != nil || info["serial"] != b.label.Serial {
				t.Errorf("info %v (%v)", info, err)
			}
			if !strings.Contains(heard[base+"/status"], `"online":true`) {
				t.Errorf("status %q", heard[base+"/status"])
			}

			local := "smart-connect/" + b.label.Serial
			inside := hear(t, 3, b.mqtt, "-u", b.label.MQTTUser, "-P", b.label.MQTTPassword,
				"-t", local+"/electricity", "-t", local+"/status", "-t", "homeassistant/device/+/config")
			var in map[string]any
			if err := json.Unmarshal([]byte(inside[local+"/electricity"]), &in); err != nil {
				t.Fatalf("%v: %v", err, inside)
			}
			check(t, in, append(c.has, "active_energy_import"), c.lacks)
			if inside[local+"/status"] != "online" {
				t.Errorf("status %q", inside[local+"/status"])
			}
			config := inside["homeassistant/device/smart-connect-"+b.label.Serial+"/config"]
			if !json.Valid([]byte(config)) || !strings.Contains(config, `"serial_number":"`+b.label.Serial+`"`) {
				t.Errorf("discovery %q", config)
			}
		})
	}
}

func check(t *testing.T, o map[string]any, has, lacks []string) {
	t.Helper()
	for _, name := range has {
		if _, ok := o[name].(float64); !ok {
			t.Errorf("%s is %v, want a number", name, o[name])
		}
	}
	for _, name := range lacks {
		if v, there := o[name]; !there || v != nil {
			t.Errorf("%s is %v (there: %t), want null", name, v, there)
		}
	}
}

// The broker in the box has the same with TLS, with a certificate of the box's
// authority, and lets in who may over either.
func TestBrokerWithTLS(t *testing.T) {
	b := start(t, "sim:dsmr50", "")
	host, port, _ := net.SplitHostPort(b.mqtts)
	ca := filepath.Join(t.TempDir(), "ca.crt")
	if out, err := exec.Command(program(t, "curl"), "-s", "-o", ca, "http://"+b.http+"/ca.crt").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	run := func(args ...string) (string, error) {
		all := append([]string{"-h", host, "-p", port, "-u", b.label.MQTTUser, "-C", "1", "-W", "5", "-t", "smart-connect/+/status"}, args...)
		out, err := exec.Command(program(t, "mosquitto_sub"), all...).CombinedOutput()
		return string(out), err
	}
	if out, err := run("--cafile", ca, "-P", b.label.MQTTPassword); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if out, err := run("--cafile", ca, "-P", b.label.Password); err == nil {
		t.Errorf("the API's password is taken: %s", out)
	}
	if out, err := run("--capath", "/etc/ssl/certs", "-P", b.label.MQTTPassword); err == nil {
		t.Errorf("whoever trusts public authorities only is let in: %s", out)
	}
	s, err := b.status()
	if err != nil || len(s.Broker.Doors) != 2 || !s.Broker.Doors[1].TLS || s.Broker.Doors[1].State != api.OK {
		t.Errorf("%+v (%v)", s.Broker, err)
	}
}

// A port that is taken costs one door, and says so.
func TestDoorTaken(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := start(t, "sim:dsmr50", fmt.Sprintf(`{"Broker":{"WebSocket":%q}}`, ln.Addr()))
	hear(t, 1, b.mqtt, "-u", b.label.MQTTUser, "-P", b.label.MQTTPassword, "-t", "smart-connect/+/status")
	s, err := b.status()
	if err != nil || s.Broker.State != api.Fault || !strings.Contains(s.Broker.Detail, "address already in use") || s.Broker.Doors[0].State != api.OK {
		t.Errorf("%+v (%v)", s.Broker, err)
	}
	ln.Close()
	eventually(t, 3*time.Second, "the door opens when the port is free", func() bool {
		s, err := b.status()
		return err == nil && s.Broker.State == api.OK
	})
}

// The first telegram of a life is as good as any other.
func TestFirstTelegramArrives(t *testing.T) {
	outside := mosquitto(t, "allow_anonymous true")
	heard := wiretap(t, outside, "-q", "1", "-t", "devices/#")
	b := start(t, "sim:dsmr50", fmt.Sprintf(`{"MQTT":{"Broker":"mqtt://%s"}}`, outside))
	eventually(t, 5*time.Second, "the first telegram", func() bool { return strings.Contains(heard.String(), `{"schema":1,"seq":100001,`) }) // a life took numbers to be configured
	b.stop()
	b.run()
	eventually(t, 5*time.Second, "the first telegram of the next life", func() bool { return strings.Contains(heard.String(), `{"schema":1,"seq":200001,`) })
}

package appliance

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"smartconnect/api"
	"smartconnect/appliance/serialport"
	"smartconnect/telegram"
	"smartconnect/telegram/sim"
)

// One telegram over a serial line: a charger, an energy manager and an
// installer must be told the same.
func TestOneTelegramEverywhere(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("walk", func(t *testing.T) {
		master, slave, err := serialport.OpenPTY()
		if err != nil {
			t.Fatal(err)
		}
		defer master.Close()
		b := start(t, slave, "")
		meter, err := sim.ByName("dsmr50")
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now().Truncate(time.Second)
		state := meter.House(7, now.Add(-time.Hour)).Look(now)
		truth := meter.Truth(state, now)
		eventually(t, 3*time.Second, "the port is open", func() bool { s, _ := b.status(); return s.Meter.Detail == "waiting for the first telegram" })
		if _, err := master.Write(meter.Encode(nil, state, now)); err != nil {
			t.Fatal(err)
		}
		power := truth[telegram.ActivePowerImport] - truth[telegram.ActivePowerExport]
		b.eventuallyPower(power)

		t.Run("mbpoll reads the same floats", func(t *testing.T) { mbpollReads(t, b, truth) })
		t.Run("mosquitto_sub receives them", func(t *testing.T) { mosquittoReceives(t, b, truth) })
		t.Run("the status shows them", func(t *testing.T) {
			s := b.meterState(api.MeterOK, "")
			if s.Meter.Telegrams != 1 || s.Meter.ID != meter.ID || s.Meter.Format != "p1" || s.Meter.Source != slave {
				t.Errorf("meter %+v", s.Meter)
			}
			for _, r := range s.Readings {
				if v, ok := r.Value.Get(); r.Name == "active_power" && (!ok || v != power) {
					t.Errorf("active_power %v, want %v", v, power)
				}
			}
		})
		b.stop()
	})
	settled(t, before)
}

func mbpollReads(t *testing.T, b *box, truth map[telegram.Quantity]float64) {
	host, port, _ := net.SplitHostPort(b.modbus)
	out, err := exec.Command(program(t, "mbpoll"), "-m", "tcp", "-0", "-a", "1", "-p", port, "-r", "32774", "-c", "15", "-t", "4:float", "-1", host).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	got := map[string]float64{}
	for _, line := range strings.Split(string(out), "\n") {
		var reg int
		var v float64
		if n, _ := fmt.Sscanf(strings.TrimSpace(line), "[%d]: %g", &reg, &v); n == 2 {
			got[fmt.Sprintf("%04X", reg)] = v
		}
	}
	for reg, q := range map[string]telegram.Quantity{
		"8006": telegram.VoltageL1, "8008": telegram.VoltageL2, "800A": telegram.VoltageL3,
		"800E": telegram.CurrentL1, "8010": telegram.CurrentL2, "8012": telegram.CurrentL3,
	} {
		if v, ok := got[reg]; !ok || math.Abs(v-truth[q]) > 0.05 {
			t.Errorf("register %s reads %v (%v), the meter meant %v", reg, v, ok, truth[q])
		}
	}
	for reg, q := range map[string]telegram.Quantity{"8016": telegram.ActivePower, "801E": telegram.ActivePowerL1, "8020": telegram.ActivePowerL2, "8022": telegram.ActivePowerL3} {
		want := truth[q+4] - truth[q+8] // import - export
		if v, ok := got[reg]; !ok || v != want {
			t.Errorf("register %s reads %v (%v), the meter meant %v", reg, v, ok, want)
		}
	}
}

func mosquittoReceives(t *testing.T, b *box, truth map[telegram.Quantity]float64) {
	host, port, _ := net.SplitHostPort(b.mqtt)
	sub := func(topic string) string {
		out, err := exec.Command(program(t, "mosquitto_sub"), "-h", host, "-p", port, "-u", b.label.MQTTUser, "-P", b.label.MQTTPassword,
			"-t", "smart-connect/"+b.label.Serial+"/"+topic, "-C", "1", "-W", "5").CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v: %s", topic, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	if got := sub("status"); got != "online" {
		t.Errorf("status is %q", got)
	}
	if got, want := sub("value/active_power_import"), fmt.Sprint(truth[telegram.ActivePowerImport]); got != want {
		t.Errorf("value/active_power_import is %s, want %s", got, want)
	}
	var electricity map[string]any
	if err := json.Unmarshal([]byte(sub("electricity")), &electricity); err != nil {
		t.Fatal(err)
	}
	for q, want := range truth {
		if got := electricity[q.String()]; got != want {
			t.Errorf("%s is %v, the meter meant %v", q, got, want)
		}
	}
	if electricity["quality"] != "ok" || electricity["frequency"] != nil {
		t.Errorf("quality %v, frequency %v", electricity["quality"], electricity["frequency"])
	}
	// The password of the API is worth nothing on the plain port.
	out, err := exec.Command(program(t, "mosquitto_sub"), "-h", host, "-p", port, "-u", b.label.User, "-P", b.label.Password,
		"-t", "#", "-C", "1", "-W", "2").CombinedOutput()
	if err == nil {
		t.Errorf("the API's password opens the broker: %s", out)
	}
}

// The charger's question: for how long can a frozen number look alive? The
// feeder stops while a client polls ten times a second.
func TestSilentMeter(t *testing.T) {
	t.Parallel()
	const limit = time.Second // the shortest the owner can set
	f := newFeeder(t)
	b := start(t, f.source(), `{"Modbus":{"Servers":[{"StaleAfter":"1s"}]},"Broker":{"StaleAfter":"1s"}}`)
	f.say(house(1234))
	b.eventuallyPower(1234)
	f.say(house(1500))
	b.eventuallyPower(1500)
	said := time.Now()

	var refused time.Time
	for n := 0; refused.IsZero(); n++ {
		if n > 40 {
			t.Fatal("the old number is still served after four seconds")
		}
		switch got, code, err := b.power(); {
		case err != nil:
			t.Fatal(err)
		case code == gatewayNoAnswer:
			refused = time.Now()
		case code != 0 || got != 1500:
			t.Fatalf("%v W, exception %d", got, code)
		}
		// Nothing of this is a telegram with power that is right.
		f.say(strings.Replace(house(9999), "09.999", "09.998", 1))                 // a bad checksum
		f.say(telegramP1("0-0:1.0.0(261121120000W)", "1-0:1.8.0(000001.000*kWh)")) // energies only
		f.say("\x00\xff garbage")
		time.Sleep(100 * time.Millisecond)
	}
	if age := refused.Sub(said); age < limit-50*time.Millisecond || age > limit+time.Second {
		t.Errorf("the first refusal came after %v, the limit is %v", age, limit)
	}
	s, err := b.status()
	if err != nil {
		t.Fatal(err)
	}
	if s.Modbus[0].State != api.Stale || s.Meter.Errors["checksum"] == 0 {
		t.Errorf("modbus %+v, meter %+v", s.Modbus[0], s.Meter)
	}
	if words, code, err := b.read(0x013C, 9); err != nil || code != 0 || len(words) != 18 {
		t.Errorf("the serial number does not answer while the meter is silent: %v %d %v", words, code, err)
	}

	f.say(house(777))
	said = time.Now()
	for {
		got, code, err := b.power()
		if err == nil && code == 0 {
			if got != 777 {
				t.Errorf("%v W after the silence, want 777", got)
			}
			break
		}
		if time.Since(said) > 100*time.Millisecond {
			t.Fatalf("no good answer within 100 ms of the next telegram: exception %d, %v", code, err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Missing is not zero to a charger.
func TestMeterWithoutWhatAChargerNeeds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, telegram, patch string
		current, power        byte // exception code of a read
		says                  string
	}{
		{"power but no currents (Austria)", telegramP1("0-0:1.0.0(261121120000W)", "1-0:1.7.0(000000286*W)", "1-0:2.7.0(000000000*W)"), "", gatewayNoAnswer, 0, "sends no currents"},
		{"the same, as the original would", telegramP1("0-0:1.0.0(261121120000W)", "1-0:1.7.0(000000286*W)", "1-0:2.7.0(000000000*W)"),
			`{"Modbus":{"Servers":[{"WhenMissing":"zero"}]}}`, 0, 0, "I1 to I3 read 0"},
		{"currents but no power", telegramP1("0-0:1.0.0(261121120000W)", "1-0:31.7.0(002*A)", "1-0:51.7.0(002*A)", "1-0:71.7.0(002*A)"), "", 0, gatewayNoAnswer, "sends no total power"},
		{"energies only", telegramP1("0-0:1.0.0(261121120000W)", "1-0:1.8.0(000001.000*kWh)"), "", gatewayNoAnswer, gatewayNoAnswer, ""},
		{"heat only", telegramP1("1-3:0.2.8(50)", "0-0:1.0.0(261121120000W)", "0-1:24.1.0(004)", "0-1:96.1.0(6218)", "0-1:24.2.1(261121120000W)(240.860*GJ)"), "", gatewayNoAnswer, gatewayNoAnswer, ""},
		{"one current of three that cannot be read", telegramP1("0-0:1.0.0(261121120000W)", "1-0:1.7.0(00.500*kW)", "1-0:31.7.0(002*A)", "1-0:51.7.0(0?2*A)", "1-0:71.7.0(002*A)"), "", gatewayNoAnswer, 0, ""},
		{"export that cannot be read: net power unknown", telegramP1("0-0:1.0.0(261121120000W)", "1-0:1.7.0(00.000*kW)", "1-0:2.7.0(0x.500*kW)", "1-0:31.7.0(002*A)"), "", 0, gatewayNoAnswer, "sends no total power"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFeeder(t)
			b := start(t, f.source(), c.patch)
			f.say(c.telegram)
			eventually(t, 3*time.Second, "the telegram is in", func() bool { s, _ := b.status(); return s.Meter.Telegrams == 1 })
			if _, code, err := b.read(regI1, 6); err != nil || code != c.current {
				t.Errorf("currents answer exception %d, want %d (%v)", code, c.current, err)
			}
			if _, code, err := b.read(regP, 2); err != nil || code != c.power {
				t.Errorf("power answers exception %d, want %d (%v)", code, c.power, err)
			}
			if s, _ := b.status(); !strings.Contains(s.Modbus[0].Detail, c.says) {
				t.Errorf("the status says %q, want %q", s.Modbus[0].Detail, c.says)
			}
		})
	}
}

// A cable is pulled and put back, a gateway hangs up: the box comes back by
// itself, says meanwhile what is wrong, and answers everything else.
func TestUnplugAndReplug(t *testing.T) {
	dir := t.TempDir()
	device := filepath.Join(dir, "usb-P1")
	plug := func() *os.File {
		master, slave, err := serialport.OpenPTY()
		if err != nil {
			t.Fatal(err)
		}
		_ = os.Remove(device)
		if err := os.Symlink(slave, device); err != nil {
			t.Fatal(err)
		}
		return master
	}
	b := start(t, device, "")
	b.meterState(api.NoSignal, "no such file")
	for i := range 3 {
		master := plug()
		b.meterState(stateAfter(i), "")
		if _, err := master.WriteString(house(100 + i)); err != nil {
			t.Fatal(err)
		}
		b.eventuallyPower(float64(100 + i))
		_ = os.Remove(device)
		master.Close()
		s := b.meterState(api.NoSignal, "cannot be read")
		if s.Meter.Errors["source"] == 0 {
			t.Errorf("no failure of the source is counted: %v", s.Meter.Errors)
		}
		if got, code, err := b.power(); err != nil || code != 0 || got != float64(100+i) {
			t.Errorf("within the limit the register still answers: %v W, exception %d, %v", got, code, err)
		}
	}
	if n := strings.Count(b.log.String(), "task failed"); n > 20 {
		t.Errorf("%d log lines of a pulled cable", n)
	}
}

// stateAfter is what a freshly plugged meter is: waiting the first time, and
// good as long as its last telegram is young.
func stateAfter(i int) api.MeterState {
	if i == 0 {
		return api.NoSignal
	}
	return api.MeterOK
}

func TestWrongDevice(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "not-a-port")
	if err := os.WriteFile(file, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, source string }{
		{"a folder", t.TempDir()}, {"a file", file}, {"nothing", filepath.Join(t.TempDir(), "none")},
		{"nobody listens", "tcp://" + freePort(t)},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := start(t, c.source, "")
			s := b.meterState(api.NoSignal, c.source)
			if s.Meter.LastError == "" || s.Broker.State != api.OK {
				t.Errorf("%+v %+v", s.Meter, s.Broker)
			}
		})
	}
}

func TestGatewayHangsUp(t *testing.T) {
	f := newFeeder(t)
	b := start(t, f.source(), "")
	for i := range 3 {
		f.say(house(200 + i))
		b.eventuallyPower(float64(200 + i))
		f.hangUp()
	}
}

func TestGarbage(t *testing.T) {
	f := newFeeder(t)
	b := start(t, f.source(), "")
	f.say(strings.Repeat("\x00\x7f\xfe garbage /", 400))
	b.meterState(api.Garbage, "octets came and no telegram")
	f.say(house(1))
	b.eventuallyPower(1)
	b.meterState(api.MeterOK, "")
}

// Whatever a reset leaves behind piles up: twenty of them, with a cable pulled
// and put back among them, leave nothing.
func TestTwentyResetsAndAnUnplug(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("lives", func(t *testing.T) {
		cable := newCable(t)
		b := start(t, cable.device, "")
		var last uint64
		for i := range 20 {
			if i == 10 {
				cable.pull()
				b.meterState(api.NoSignal, "cannot be read")
				cable.plug()
			}
			eventually(t, 5*time.Second, "the meter is read", func() bool { s, _ := b.status(); return s.Meter.Seq > last })
			s, err := b.status()
			if err != nil {
				t.Fatal(err)
			}
			last = s.Meter.Seq
			began := time.Now()
			if code, body, err := b.call("POST", "/api/v1/reset", ""); err != nil || code != 202 {
				t.Fatalf("reset %d: %d %s %v", i, code, body, err)
			}
			eventually(t, 3*time.Second, "a new life answers", func() bool {
				_, code, err := b.read(regBlock, blockWords)
				return err == nil && (code == 0 || code == gatewayNoAnswer) && strings.Count(b.log.String(), "life begins") == i+2
			})
			if took := time.Since(began); took > time.Second {
				t.Errorf("reset %d took %v", i, took)
			}
		}
		b.stop()
		cable.end()
	})
	settled(t, before)
}

// cable is a meter on a serial line that says a telegram twenty times a second
// to whoever has its device open.
type cable struct {
	t      *testing.T
	device string // a link, as udev makes it
	end    func()

	mu     sync.Mutex
	master *os.File
}

func newCable(t *testing.T) *cable {
	c := &cable{t: t, device: filepath.Join(t.TempDir(), "usb-P1")}
	c.plug()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan bool)
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			c.mu.Lock()
			if c.master != nil {
				_ = c.master.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
				_, _ = c.master.WriteString(house(321))
			}
			c.mu.Unlock()
			time.Sleep(50 * time.Millisecond)
		}
	}()
	c.end = sync.OnceFunc(func() { cancel(); <-done; c.pull() })
	t.Cleanup(c.end)
	return c
}

func (c *cable) plug() {
	master, slave, err := serialport.OpenPTY()
	if err != nil {
		c.t.Fatal(err)
	}
	if err := os.Symlink(slave, c.device); err != nil {
		c.t.Fatal(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.master = master
}

func (c *cable) pull() {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = os.Remove(c.device)
	if c.master != nil {
		c.master.Close()
		c.master = nil
	}
}

// A port that is taken costs that port.
func TestPortTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := newFeeder(t)
	b := &box{t: t}
	*b = *start(t, f.source(), "")
	b.stop()
	b.o.Modbus = taken.Addr().String()
	b.run()
	f.say(house(5))
	s := b.meterState(api.MeterOK, "")
	if s.Modbus[0].State != api.Fault || !strings.Contains(s.Modbus[0].Detail, "address already in use") || s.Broker.State != api.OK {
		t.Errorf("modbus %+v, broker %+v", s.Modbus[0], s.Broker)
	}
	taken.Close()
	b.modbus = taken.Addr().String()
	f.say(house(6))
	b.eventuallyPower(6)
}

// A change is saved at once and takes effect with the next life.
func TestPatchThenReset(t *testing.T) {
	f := newFeeder(t)
	b := start(t, f.source(), "")
	f.say(telegramP1("0-0:1.0.0(261121120000W)", "1-0:1.7.0(000000286*W)"))
	eventually(t, 3*time.Second, "the telegram is in", func() bool {
		_, code, _ := b.read(regI1, 2)
		s, _ := b.status()
		return code == gatewayNoAnswer && s.Meter.Telegrams == 1
	})
	var result api.PatchResult
	code, body, err := b.call("PATCH", "/api/v1/config", `{"Modbus":{"Servers":[{"WhenMissing":"zero"}]}}`)
	if err != nil || code != 200 || json.Unmarshal(body, &result) != nil || !result.RestartRequired {
		t.Fatalf("%d %s %v", code, body, err)
	}
	if s, _ := b.status(); !s.RestartRequired {
		t.Error("the status does not say that a restart is required")
	}
	if _, code, _ := b.read(regI1, 2); code != gatewayNoAnswer {
		t.Error("the change took effect in the running life")
	}
	if code, body, err := b.call("POST", "/api/v1/reset", ""); err != nil || code != 202 {
		t.Fatalf("%d %s %v", code, body, err)
	}
	f.hangUp()
	eventually(t, 3*time.Second, "the next life begins", func() bool { return strings.Count(b.log.String(), "life begins") == 2 })
	eventually(t, 3*time.Second, "the currents read 0", func() bool {
		f.say(telegramP1("0-0:1.0.0(261121120000W)", "1-0:1.7.0(000000286*W)"))
		words, code, err := b.read(regI1, 2)
		return err == nil && code == 0 && float(words) == 0
	})
	if s, _ := b.status(); s.RestartRequired {
		t.Error("a restart is required after the restart")
	}
	// What GET says, sent back, changes nothing and leaves no secret out.
	_, config, _ := b.call("GET", "/api/v1/config", "")
	code, body, err = b.call("PATCH", "/api/v1/config", string(config))
	if err != nil || code != 200 || json.Unmarshal(body, &result) != nil || len(result.Changed) != 0 || result.RestartRequired {
		t.Errorf("%d %s %v", code, body, err)
	}
}

// A key is typed, a reset, and the charger reads; without it, or with a wrong
// one, the status says that it is the key.
func TestEncryptedMeter(t *testing.T) {
	t.Parallel()
	patch := func(key string) string {
		return fmt.Sprintf(`{"Meter":{"Key":%q,"AuthKey":%q}}`, key, sim.AuthKey)
	}
	for _, name := range []string{"e450-encrypted", "smarty"} {
		t.Run(name, func(t *testing.T) {
			meter, err := sim.ByName(name)
			if err != nil {
				t.Fatal(err)
			}
			now := time.Now().Truncate(time.Second)
			state := meter.House(7, now.Add(-time.Hour)).Look(now)
			truth := meter.Truth(state, now)
			power := truth[telegram.ActivePowerImport] - truth[telegram.ActivePowerExport]
			for _, c := range []struct {
				name, patch string
				state       api.MeterState
				says        string
			}{
				{"no key", "", api.KeyRequired, "enter it as Meter.Key"},
				{"a wrong key", patch("00112233445566778899AABBCCDDEEFF"), api.KeyWrong, "Meter.Key does not decrypt"},
				{"the key, a wrong authentication key", fmt.Sprintf(`{"Meter":{"Key":%q,"AuthKey":"00112233445566778899AABBCCDDEEFE"}}`, sim.Key), api.KeyWrong, "Meter.AuthKey is not"},
				{"the key", patch(sim.Key), api.MeterOK, ""},
			} {
				t.Run(c.name, func(t *testing.T) {
					f := newFeeder(t)
					b := start(t, f.source(), c.patch)
					for i := range 3 {
						at := now.Add(time.Duration(i) * meter.Interval)
						f.say(string(meter.Encode(nil, state, at)))
					}
					if c.says == "" {
						b.eventuallyPower(power)
						checkGuarded(t, b, f, meter.Encode(nil, state, now))
						return
					}
					b.meterState(c.state, c.says)
					var s api.Status
					eventually(t, 3*time.Second, "it took two telegrams to tell", func() bool { s, _ = b.status(); return s.Meter.Errors["decrypt"] >= 2 })
					if strings.Contains(s.Meter.Detail, "00112233") {
						t.Errorf("%+v", s.Meter)
					}
					if _, code, err := b.power(); err != nil || code != gatewayNoAnswer {
						t.Errorf("exception %d, %v", code, err)
					}
				})
			}
		})
	}
}

// An encrypted E450 on a serial line: the installer types the key, and mbpoll reads
// what the meter meant. With a wrong key the status says so after two telegrams.
func TestEncryptedMeterOnALine(t *testing.T) {
	meter, err := sim.ByName("e450-encrypted")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().Truncate(time.Second)
	state := meter.House(7, now.Add(-time.Hour)).Look(now)
	truth := meter.Truth(state, now)
	for _, c := range []struct {
		name, key string
		state     api.MeterState
	}{
		{"a wrong key", "00112233445566778899AABBCCDDEEFF", api.KeyWrong},
		{"the key as it was handed out", strings.ToLower(sim.Key[:16]) + " " + sim.Key[16:], api.MeterOK},
	} {
		t.Run(c.name, func(t *testing.T) {
			master, slave, err := serialport.OpenPTY()
			if err != nil {
				t.Fatal(err)
			}
			defer master.Close()
			b := start(t, slave, fmt.Sprintf(`{"Meter":{"Line":"2400 8E1","Key":%q}}`, c.key))
			b.meterState(api.NoSignal, "waiting for the first telegram")
			for i := range 2 {
				if _, err := master.Write(meter.Encode(nil, state, now.Add(time.Duration(i)*meter.Interval))); err != nil {
					t.Fatal(err)
				}
			}
			s := b.meterState(c.state, "")
			if c.state == api.MeterOK {
				b.eventuallyPower(truth[telegram.ActivePowerImport] - truth[telegram.ActivePowerExport])
				mbpollReads(t, b, truth)
				if s.Meter.Header != "Landis+Gyr E450" || s.Meter.ID != meter.ID || s.Meter.Authenticated {
					t.Errorf("%+v", s.Meter)
				}
				return
			}
			if s.Meter.Stages.Decrypt != 2 || s.Meter.Stages.Frames != 8 || s.Meter.Stages.Telegrams != 0 {
				t.Errorf("stages %+v", s.Meter.Stages)
			}
			if _, code, err := b.power(); err != nil || code != gatewayNoAnswer {
				t.Errorf("power answers exception %d, %v", code, err)
			}
		})
	}
}

// checkGuarded plays an old telegram again, and one that is not encrypted: both
// are counted, neither is used.
func checkGuarded(t *testing.T, b *box, f *feeder, old []byte) {
	var s api.Status
	eventually(t, 3*time.Second, "all three are in", func() bool { s, _ = b.status(); return s.Meter.Telegrams == 3 })
	if s.Meter.State != api.MeterOK || !s.Meter.Encrypted || !s.Meter.Authenticated {
		t.Errorf("%+v", s.Meter)
	}
	f.say(string(old))
	f.say(house(9999))
	f.say(house(9998))
	eventually(t, 3*time.Second, "both are counted", func() bool {
		s, _ = b.status()
		return s.Meter.Errors["replay"] == 1 && s.Meter.Errors["decrypt"] > 0
	})
	if s.Meter.Telegrams != 3 {
		t.Errorf("%+v", s.Meter)
	}
}

// A state folder that cannot be used is the one thing that ends the box.
func TestUnusableState(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err := Run(context.Background(), Options{State: file, Log: start(t, "sim:dsmr50", "").o.Log})
	if err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("error %v", err)
	}
}

// A file of the state folder that never answers must not keep the box from
// starting.
func TestSequenceThatIsAPipe(t *testing.T) {
	o := Options{State: t.TempDir(), Log: slog.New(slog.DiscardHandler)}
	if err := syscall.Mkfifo(filepath.Join(o.State, "sequence"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := begin(o, new(past))
	if err != nil {
		t.Fatal(err)
	}
	if len(l.warnings) == 0 || !strings.Contains(l.warnings[0], "not a plain file") {
		t.Errorf("warnings %q", l.warnings)
	}
}

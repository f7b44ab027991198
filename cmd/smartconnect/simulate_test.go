package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"smartconnect/telegram/sim"
)

// What a simulated P1 port says, decode reads.
func TestSimulateThenDecode(t *testing.T) {
	for _, m := range sim.All {
		t.Run(m.Name, func(t *testing.T) {
			t.Parallel()
			r := call(t, "", "simulate", "--format", m.Name, "--out", "-", "--count", "3", "--interval", "1ms")
			if r.code != exitOK || r.err != "" || strings.Count(r.out, "/"+m.Header+"\r\n") != 3 {
				t.Fatalf("%+v", r)
			}
			r = call(t, r.out, "decode", "-")
			if got := lines(t, r.out); r.code != exitOK || len(got) != 3 || got[0].Error+got[1].Error+got[2].Error != "" {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestSimulateInterval(t *testing.T) {
	began := time.Now()
	call(t, "", "simulate", "--count", "3", "--interval", "50ms")
	if took := time.Since(began); took < 100*time.Millisecond {
		t.Errorf("three telegrams 50ms apart took %v", took)
	}
}

func TestSimulateSeed(t *testing.T) {
	meters := map[string]bool{}
	for _, seed := range []string{"1", "1", "2"} {
		r := call(t, "", "simulate", "--seed", seed, "--count", "1")
		counters := lines(t, call(t, r.out, "decode").out)[0].Values
		meters[fmt.Sprint(int(counters["active_energy_import"]/1000), int(counters["active_energy_export"]/1000))] = true
	}
	if len(meters) != 2 {
		t.Errorf("seeds 1, 1 and 2 make %d houses, want 2: %v", len(meters), meters)
	}
}

func TestSimulateOnANetwork(t *testing.T) {
	c := startCommand(t, nil, "simulate", "--out", "tcp-listen:127.0.0.1:0", "--interval", "10ms")
	addr := c.err.wait(t, `the meter speaks on tcp://(127\.0\.0\.1:\d+) \(115200 8N1\).*--meter tcp://127\.0\.0\.1:\d+\n`)[1]
	for range 2 { // readers come and go
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		hears(t, conn)
		conn.Close()
	}
	if r := call(t, "", "simulate", "--out", "tcp-listen:"+addr); r.code != exitFailed || !strings.Contains(r.err, addr) || !strings.Contains(r.err, "in use") {
		t.Errorf("a port that is taken: %+v", r)
	}
	c.endsInASecond(t)
}

func TestSimulateOnATerminal(t *testing.T) {
	c := startCommand(t, nil, "simulate", "--out", "pty", "--format", "dsmr22", "--interval", "10ms")
	path := c.err.wait(t, `the meter speaks on (/dev/pts/\d+) \(9600 7E1\).*--meter /dev/pts/\d+\n`)[1]
	port, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	hears(t, port)
	c.endsInASecond(t)
}

// hears checks that r is a line on which decode finds telegrams.
func hears(t *testing.T, r io.Reader) {
	t.Helper()
	var heard bytes.Buffer
	for line := bufio.NewReader(r); strings.Count(heard.String(), "\n!") < 3; {
		text, err := line.ReadString('\n')
		if err != nil {
			t.Fatalf("%v after %s", err, &heard)
		}
		heard.WriteString(text)
	}
	r2 := call(t, heard.String(), "decode")
	if good := strings.Count(r2.out, `"format":"p1"`); good < 2 { // the first may be half a one
		t.Errorf("%d telegrams in\n%s", good, &heard)
	}
}

func TestSimulateNoSuchDevice(t *testing.T) {
	r := call(t, "", "simulate", "--out", "/dev/ttyNONE9")
	if r.code != exitFailed || !strings.Contains(r.err, "/dev/ttyNONE9") || !strings.Contains(r.err, "no such device") {
		t.Errorf("%+v", r)
	}
}

// A meter simulated with the owner's keys is read with them, and with no others.
func TestSimulateWithKeys(t *testing.T) {
	const key, auth = "000102030405060708090A0B0C0D0E0F", "D0D1D2D3D4D5D6D7D8D9DADBDCDDDEDF"
	for _, meter := range []string{"e450-encrypted", "smarty", "am550-encrypted"} {
		said := call(t, "", "simulate", "--format", meter, "--count", "1", "--key", key, "--auth-key", auth).out
		for _, c := range []struct {
			args []string
			code int
		}{
			{[]string{"--key", key}, exitOK}, {[]string{"--key", key, "--auth-key", auth}, exitOK},
			{[]string{"--key", auth}, exitFailed}, {nil, exitFailed},
		} {
			if r := call(t, said, append([]string{"decode"}, c.args...)...); r.code != c.code {
				t.Errorf("%s with %q: exit code %d, %s", meter, c.args, r.code, r.out)
			}
		}
	}
	if r := call(t, "", "simulate", "--format", "dsmr50", "--count", "1", "--key", key); r.code != exitUsage || !strings.Contains(r.err, "takes no key") {
		t.Errorf("a key for a meter that does not encrypt: %+v", r)
	}
}

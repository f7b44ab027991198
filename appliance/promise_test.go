package appliance

import (
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// What is promised at the build is shown to everybody who asks.
func TestPromises(t *testing.T) {
	t.Cleanup(func() { contact, supportUntil = "", "" })
	contact, supportUntil = "mailto:security@vendor.example", "2031-12-31"
	b := start(t, "sim:dsmr50?seed=1", "")
	if s, err := b.status(); err != nil || s.SupportUntil != supportUntil || s.Model != "smartconnect" || s.Version != Version() {
		t.Errorf("%q %q %q, %v", s.SupportUntil, s.Model, s.Version, err)
	}
	resp, err := http.Get("http://" + b.http + "/.well-known/security.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); err != nil || !strings.HasPrefix(string(text), "Contact: "+contact+"\n") {
		t.Errorf("%s, %v", text, err)
	}
}

// The box listens where it was told to, and nowhere else.
func TestOpenPorts(t *testing.T) {
	before := listening(t)
	b := start(t, "sim:dsmr50?seed=1", "")
	want := map[string]bool{b.modbus: true, b.mqtt: true, b.mqtts: true, b.http: true, b.https: true}
	eventuallySame := func() bool {
		now := listening(t)
		maps.DeleteFunc(now, func(addr string, _ bool) bool { return before[addr] })
		return maps.Equal(now, want)
	}
	eventually(t, 5*time.Second, fmt.Sprint("it listens on ", slices.Sorted(maps.Keys(want)), " and nowhere else"), eventuallySame)
}

// listening returns the addresses that this process listens on, and those of its
// sockets of UDP.
func listening(t *testing.T) map[string]bool {
	t.Helper()
	own := map[string]bool{} // inodes
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		to, _ := os.Readlink("/proc/self/fd/" + f.Name()) // one may be closed by now
		if inode, ok := strings.CutPrefix(to, "socket:["); ok {
			own[strings.TrimSuffix(inode, "]")] = true
		}
	}
	found := map[string]bool{}
	for _, table := range []string{"tcp", "tcp6", "udp", "udp6"} {
		b, err := os.ReadFile("/proc/self/net/" + table)
		if err != nil {
			continue // a kernel without IPv6
		}
		for line := range strings.Lines(string(b)) {
			f := strings.Fields(line)
			const listens = "0A"
			if len(f) > 9 && own[f[9]] && (f[3] == listens || strings.HasPrefix(table, "udp")) {
				found[address(t, f[1])] = true
			}
		}
	}
	return found
}

// address reads "0100007F:1F90" of /proc/net/tcp, as a little-endian kernel writes it.
func address(t *testing.T, s string) string {
	t.Helper()
	host, port, _ := strings.Cut(s, ":")
	b, err := hex.DecodeString(host + port)
	if err != nil || len(b) != 6 && len(b) != 18 {
		t.Fatalf("%q is no address: %v", s, err)
	}
	ip := b[:len(b)-2]
	for i := 0; i < len(ip); i += 4 {
		slices.Reverse(ip[i : i+4])
	}
	return net.JoinHostPort(net.IP(ip).String(), fmt.Sprint(int(b[len(b)-2])<<8|int(b[len(b)-1])))
}

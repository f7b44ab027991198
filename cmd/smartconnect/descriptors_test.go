package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A thousand connections must neither end the process nor give it a descriptor
// of 1024 and above, which the serial library cannot handle.
func TestSiege(t *testing.T) {
	const conns = 1100
	var own syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &own); err != nil {
		t.Fatal(err)
	}
	if own.Cur < conns+100 {
		if os.Getenv("SMARTCONNECT_REQUIRE") == "1" {
			t.Fatalf("the limit of open files is %d, this test needs %d", own.Cur, conns+100)
		}
		t.Skipf("the limit of open files is %d, this test needs %d", own.Cur, conns+100)
	}
	d := freePorts(t)
	cmd := startProgram(t, os.Args[0], t.TempDir(), d)
	eventually(t, func() error { _, err := power(d.Modbus); return err })
	for _, port := range d.ports() { // the tasks of one life begin in any order
		eventually(t, func() error {
			conn, err := net.DialTimeout("tcp", loopback(port.number), patience)
			if err == nil {
				conn.Close()
			}
			return err
		})
	}

	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`(?m)^Max open files +1024 +1024 `).Match(limits) {
		t.Errorf("limits:\n%s", limits)
	}

	charger, err := net.Dial("tcp", loopback(d.Modbus))
	if err != nil {
		t.Fatal(err)
	}
	defer charger.Close()
	var held []net.Conn
	for i := range conns {
		port := d.ports()[i%4]
		conn, err := net.DialTimeout("tcp", loopback(port.number), patience)
		if err != nil {
			t.Fatalf("connection %d, to %s: %v", i, port.name, err)
		}
		defer conn.Close()
		held = append(held, conn)
		if i%100 == 0 { // who polls is served throughout
			if _, err := ask(charger); err != nil {
				t.Fatalf("after %d connections the charger gets %v", i, err)
			}
		}
	}
	if _, err := ask(charger); err != nil {
		t.Fatalf("the charger gets %v", err)
	}
	for _, conn := range held {
		conn.Close()
	}
	eventually(t, func() error { _, err := power(d.Modbus); return err })

	if took := terminate(t, cmd); took > time.Second {
		t.Errorf("ended %v after SIGTERM, want a second at most", took)
	}
}

// The whole program as a pipe: what simulate writes, decode reads.
func TestPipe(t *testing.T) {
	simulate := exec.Command(os.Args[0], "simulate", "--count", "3", "--interval", "1ms")
	decode := exec.Command(os.Args[0], "decode", "-")
	for _, cmd := range []*exec.Cmd{simulate, decode} {
		cmd.Env = childEnviron()
		cmd.Stderr = t.Output()
	}
	var err error
	if decode.Stdin, err = simulate.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := simulate.Start(); err != nil {
		t.Fatal(err)
	}
	out, err := decode.Output()
	if err != nil || strings.Count(string(out), `{"format":"p1"`) != 3 {
		t.Errorf("%v: %s", err, out)
	}
	if err := simulate.Wait(); err != nil {
		t.Error(err)
	}
}

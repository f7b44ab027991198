package modbusmap

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// childVariable makes the test program the server that runs out of descriptors.
const childVariable = "MODBUSMAP_DESCRIPTORS"

func TestMain(m *testing.M) {
	if n, err := strconv.Atoi(os.Getenv(childVariable)); err == nil {
		serveWithDescriptors(uint64(n))
		return
	}
	os.Exit(m.Run())
}

// serveWithDescriptors serves with a process limit of n descriptors, prints its
// address, and stops at the end of its input.
func serveWithDescriptors(n uint64) {
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: n, Max: n}); err != nil {
		panic(err)
	}
	h := newHouse()
	r, err := New(&empro, Settings{WhenStale: StaleZero}, h.Latest)
	if err != nil {
		panic(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	s := NewServer(r, quiet())
	s.MaxClients = 1000
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	os.Stdout.WriteString(ln.Addr().String() + "\n")
	if err := s.Serve(ctx, ln); err != nil {
		panic(err)
	}
}

func outOfDescriptors(t *testing.T) {
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childVariable+"=30")
	child.Stderr = os.Stderr
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	addr, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	addr = strings.TrimSpace(addr)

	answers := func(conn *net.TCPConn, within time.Duration) bool {
		conn.Write(power)
		conn.SetDeadline(time.Now().Add(within))
		frame, err := readFrame(conn)
		return err == nil && len(frame) == len(minus1234)
	}
	var conns []*net.TCPConn
	for range 60 { // the kernel takes them, the server cannot
		conns = append(conns, dial(t, here, addr))
	}
	if !answers(conns[0], 5*time.Second) {
		t.Fatal("the first client is not served")
	}
	if answers(conns[59], 200*time.Millisecond) {
		t.Fatal("60 clients served with 30 descriptors: the test shows nothing")
	}
	before := processorTime(t, child.Process.Pid)
	time.Sleep(500 * time.Millisecond)
	if used := processorTime(t, child.Process.Pid) - before; used > 100*time.Millisecond {
		t.Errorf("waiting for descriptors used %v of 500ms", used)
	}
	if !answers(conns[0], 5*time.Second) {
		t.Error("the first client is not served any more")
	}
	for _, conn := range conns[1:59] {
		conn.Close()
	}
	if !answers(dial(t, here, addr), 5*time.Second) {
		t.Error("does not recover")
	}
	stdin.Close()
	if err := child.Wait(); err != nil {
		t.Error(err)
	}
}

// processorTime reads what a process has used (proc(5), in hundredths of a second).
func processorTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	if err1 != nil || err2 != nil {
		t.Fatalf("/proc/%d/stat: %s", pid, b)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}

package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// ask reads P of the EMPro (0x8016, low word first) over an open connection.
func ask(conn net.Conn) (float32, error) {
	conn.SetDeadline(time.Now().Add(2 * time.Second))
	if _, err := conn.Write([]byte{0, 1, 0, 0, 0, 6, 1, 3, 0x80, 0x16, 0, 2}); err != nil {
		return 0, err
	}
	var head [9]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return 0, err
	}
	if head[7] != 3 {
		return 0, fmt.Errorf("exception %02X", head[8])
	}
	var words [4]byte
	if _, err := io.ReadFull(conn, words[:]); err != nil {
		return 0, err
	}
	return math.Float32frombits(uint32(binary.BigEndian.Uint16(words[2:]))<<16 | uint32(binary.BigEndian.Uint16(words[:]))), nil
}

// power reads P over a connection of its own.
func power(port int) (float32, error) {
	conn, err := net.Dial("tcp", loopback(port))
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	return ask(conn)
}

// ports are arguments for four free ports of the loopback interface.
func (d demo) args() []string {
	return []string{"--modbus", loopback(d.Modbus), "--mqtt", loopback(d.MQTT), "--mqtts", loopback(d.MQTTS), "--http", loopback(d.HTTP), "--https", loopback(d.HTTPS)}
}

func freePorts(t testing.TB) demo {
	return demo{Modbus: freePort(t), MQTT: freePort(t), MQTTS: freePort(t), HTTP: freePort(t), HTTPS: freePort(t)}
}

func TestRunWithoutAState(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "not a folder")
	r := call(t, "", append([]string{"run", "--state", file, "--meter", "sim:dsmr50"}, freePorts(t).args()...)...)
	if r.code != exitFailed || !strings.Contains(r.err, file) || !strings.Contains(r.err, "not a directory") {
		t.Errorf("%+v", r)
	}
}

// A path on the command line counts from the folder the command was called in.
func TestRunPlaysARelativeFile(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	write(t, "house.txt", simulated(t, "dsmr50", 0))
	ports := freePorts(t)
	c := startCommand(t, nil, append([]string{"run", "--state", "state", "--meter", "file:house.txt", "--log-level", "debug"}, ports.args()...)...)
	eventually(t, func() error {
		p, err := power(ports.Modbus)
		if err == nil && p != -4761 {
			t.Fatalf("%v W, want -4761", p)
		}
		return err
	})
	c.err.wait(t, `source=file:`+dir+`/house.txt`)
	held, err := net.Dial("tcp", loopback(ports.Modbus)) // nobody has to hang up first
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if _, err := ask(held); err != nil {
		t.Error(err)
	}
	c.endsInASecond(t)
}

// A device that is not there yet is no wrong call: it may be plugged in. And a
// box without a page is a box.
func TestRunWaitsForItsDevice(t *testing.T) {
	t.Chdir(t.TempDir())
	ports := freePorts(t)
	c := startCommand(t, nil, "run", "--state", "state", "--meter", "ttyNONE9",
		"--modbus", loopback(ports.Modbus), "--mqtt", loopback(ports.MQTT), "--mqtts", loopback(ports.MQTTS), "--http", "", "--https", "")
	c.err.wait(t, `ttyNONE9: no such device: is the cable plugged in`)
	eventually(t, func() error {
		p, err := power(ports.Modbus)
		if err == nil {
			t.Fatalf("%v W without a meter", p)
		}
		if err.Error() == "exception 0B" {
			return nil
		}
		return err
	})
	c.endsInASecond(t)
}

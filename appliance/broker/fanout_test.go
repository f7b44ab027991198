package broker

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"smartconnect/appliance/payload"
	"smartconnect/appliance/snapshot"
)

// childEnv makes this test binary a broker in a process of its own: it prints its
// address, and publishes a telegram for every line it reads, or for a number one
// electricity message of that many octets.
const childEnv = "SMARTCONNECT_BROKER_PROCESS"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) == "" {
		os.Exit(m.Run())
	}
	b := &Broker{
		Device: device, Store: newStore(), AllowAnonymous: true, Log: slog.New(slog.DiscardHandler),
		Limits: Limits{PerAddress: subscribers + 1, Sockets: subscribers + 1},
	}
	b.Limits.Clients = subscribers + 1
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { _ = b.Run(ctx) })
	all.Go(func() { _ = b.Admit(ctx, ln, Door{Name: "tcp"}) })
	b.present.wait(ctx)
	fmt.Println(ln.Addr())
	says := &meter{store: b.Store}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		if n, err := strconv.Atoi(lines.Text()); err == nil {
			_ = b.present.get().publish(payload.Message{Topic: base + "/electricity", Payload: make([]byte, n), Retain: true})
		} else {
			says.says(house(100))
		}
	}
	cancel()
	all.Wait()
}

const subscribers = 100

// rival is a broker in a process of its own with something to publish to it.
type rival struct {
	pid     int
	addr    string
	publish func(octets int) // 0: a telegram
}

func ours(b *testing.B) *rival {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"=1")
	in, out := pipes(b, cmd)
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return &rival{cmd.Process.Pid, strings.TrimSpace(addr), func(octets int) {
		line := "telegram\n"
		if octets > 0 {
			line = fmt.Sprintln(octets)
		}
		_, _ = io.WriteString(in, line)
	}}
}

// theirs is mosquitto, with a client that publishes the same messages.
func theirs(b testing.TB) *rival {
	path := witness(b, "mosquitto")
	ln := listening(b)
	addr := ln.Addr().String()
	ln.Close()
	_, port, _ := net.SplitHostPort(addr)
	conf := filepath.Join(b.TempDir(), "mosquitto.conf")
	settings := "listener " + port + " 127.0.0.1\nallow_anonymous true\npersistence false\nset_tcp_nodelay true\n"
	if err := os.WriteFile(conf, []byte(settings), 0o644); err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(path, "-c", conf)
	pipes(b, cmd)
	eventually(b, "mosquitto listens", func() bool {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	tcp, _ := net.ResolveTCPAddr("tcp", addr)
	from := enter(b, tcp, login{id: "publisher"})
	tree, says := payload.NewTree(device), &meter{store: newStore()}
	return &rival{cmd.Process.Pid, addr, func(octets int) {
		if octets > 0 {
			from.publish(message{topic: base + "/electricity", payload: string(make([]byte, octets)), retain: true})
			return
		}
		var all []byte
		for _, m := range tree.Reading(says.says(house(100)), snapshot.OK) {
			all = append(all, packet(0x31, text(m.Topic), m.Payload)...)
		}
		from.send(all)
	}}
}

func pipes(b testing.TB, cmd *exec.Cmd) (io.WriteCloser, io.ReadCloser) {
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		in.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return in, out
}

// memory is the process's resident set in KiB.
func (r *rival) memory(b *testing.B) float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.pid))
	if err != nil {
		b.Skip("no /proc: ", err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	if err != nil {
		b.Fatal(err)
	}
	return kib
}

// crowd subscribes everybody and returns what is told by each that has got the
// last message of a telegram.
func (r *rival) crowd(b *testing.B, last string) <-chan struct{} {
	addr, _ := net.ResolveTCPAddr("tcp", r.addr)
	got := make(chan struct{}, subscribers)
	for i := range subscribers {
		c := enter(b, addr, login{id: fmt.Sprint("s", i)})
		c.subscribe(base+"/#", 0)
		go func() {
			for {
				m, err := c.receive(time.Minute)
				if err != nil {
					return
				}
				if m.topic == last && !m.retain {
					got <- struct{}{}
				}
			}
		}()
	}
	return got
}

// BenchmarkFanOut is the time from the publishing of a telegram to the moment the
// last of 100 subscribers has all of it, at 10 telegrams a second, beside
// mosquitto, the two by turns.
func BenchmarkFanOut(b *testing.B) {
	for _, c := range []struct {
		name   string
		octets int
		last   string
	}{{"telegram", 0, "/gas/1"}, {"octets=400", 400, "/electricity"}, {"octets=3000", 3000, "/electricity"}} {
		b.Run(c.name, func(b *testing.B) {
			brokers := []*rival{ours(b), theirs(b)}
			var got [2]<-chan struct{}
			var before, perClient [2]float64
			for i, r := range brokers {
				before[i] = r.memory(b)
				got[i] = r.crowd(b, base+c.last)
			}
			var took [2][]time.Duration
			tick := time.NewTicker(50 * time.Millisecond) // each its turn: 10 a second
			defer tick.Stop()
			for b.Loop() {
				for i, r := range brokers {
					<-tick.C
					began := time.Now()
					r.publish(c.octets)
					for range subscribers {
						<-got[i]
					}
					took[i] = append(took[i], time.Since(began))
				}
			}
			at := func(d []time.Duration, p int) float64 { return float64(d[(len(d)-1)*p/100]) / 1e6 }
			for i, r := range brokers {
				slices.Sort(took[i])
				perClient[i] = (r.memory(b) - before[i]) / subscribers
			}
			b.ReportMetric(0, "ns/op")
			for i, name := range []string{"ours", "mosquitto"} {
				b.ReportMetric(at(took[i], 50), name+"-p50-ms")
				b.ReportMetric(at(took[i], 99), name+"-p99-ms")
				b.ReportMetric(perClient[i], name+"-KiB/client")
			}
			b.ReportMetric(at(took[0], 50)/at(took[1], 50), "p50-ratio")
			b.ReportMetric(at(took[0], 99)/at(took[1], 99), "p99-ratio")
		})
	}
}

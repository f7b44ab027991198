package api

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestServeWantsAListener(t *testing.T) {
	if err := (&Server{}).Serve(t.Context(), nil, nil); err == nil || err.Error() != "api: no listener given" {
		t.Errorf("error %v", err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if err := (&Server{}).Serve(t.Context(), nil, ln); err == nil || !strings.Contains(err.Error(), "without a TLS configuration") {
		t.Errorf("error %v", err)
	}
}

func TestServeReportsABrokenListener(t *testing.T) {
	b := start(t, nil)
	if err := b.end(); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	if err := b.Serve(t.Context(), other, ln); !errors.Is(err, net.ErrClosed) || !strings.Contains(err.Error(), ln.Addr().String()) {
		t.Errorf("error %v, want closed and the address %s", err, ln.Addr())
	}
	if _, err := other.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the other listener is still open: %v", err)
	}
}

func TestTLSVersions(t *testing.T) {
	b := start(t, func(b *box) { b.TLS.MinVersion = tls.VersionTLS10 })
	for version, accepted := range map[uint16]bool{
		tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true,
	} {
		conn, err := tls.Dial("tcp", b.secure, &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version})
		if (err == nil) != accepted {
			t.Errorf("%s: accepted %t, want %t (%v)", tls.VersionName(version), err == nil, accepted, err)
		}
		if err == nil {
			conn.Close()
		}
	}
	if b.TLS.MinVersion != tls.VersionTLS10 {
		t.Error("the configuration handed in was changed")
	}
}

// A client that sends a byte now and then is cut, whatever it is slow at.
func TestSlowClientsAreCut(t *testing.T) {
	const short = 150 * time.Millisecond
	header, read, idle := Limits{Header: short}, Limits{Read: short}, Limits{Idle: short}
	auth := "Authorization: Basic " + basic("user", rightPassword) + "\r\n"
	for _, test := range []struct {
		name  string
		limit Limits // which of them cuts; the others are long
		plain bool   // speaks no TLS
		start string
		drip  string
		ends  string // what comes before the end
	}{
		{"TLS never begins", header, true, "", "", ""},
		{"TLS handshake drips", header, true, "\x16\x03\x01\x02\x00", "\x01", ""},
		{"nothing is asked", header, false, "", "", ""},
		{"header drips", header, false, "GET / HTTP/1.1\r\nHost: box\r\nX: ", "a", ""},
		{"body drips", read, false, "PATCH /api/v1/config HTTP/1.1\r\nHost: box\r\n" + auth + "Content-Type: application/json\r\nContent-Length: 60000\r\n\r\n", " ", "408 Request Timeout"},
		{"idle after an answer", idle, false, "GET /icon.svg HTTP/1.1\r\nHost: box\r\n\r\n", "", "200 OK"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := start(t, func(b *box) {
				b.Limits.Header = cmp.Or(test.limit.Header, time.Minute)
				b.Limits.Read = cmp.Or(test.limit.Read, time.Minute)
				b.Limits.Idle = cmp.Or(test.limit.Idle, time.Minute)
			})
			raw, err := net.Dial("tcp", b.secure)
			if err != nil {
				t.Fatal(err)
			}
			defer raw.Close()
			conn := raw
			if !test.plain {
				conn = tls.Client(raw, &tls.Config{InsecureSkipVerify: true})
			}
			raw.SetDeadline(time.Now().Add(5 * time.Second))
			if _, err := io.WriteString(conn, test.start); err != nil {
				t.Fatal(err)
			}
			stop := make(chan struct{})
			dripped := make(chan struct{})
			go func() {
				defer close(dripped)
				for test.drip != "" {
					select {
					case <-stop:
						return
					case <-time.After(30 * time.Millisecond):
					}
					if _, err := io.WriteString(conn, test.drip); err != nil {
						return
					}
				}
			}()
			began := time.Now()
			got, err := io.ReadAll(conn)
			close(stop)
			<-dripped
			if errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) > 3*time.Second {
				t.Fatalf("not cut within %s: %v", time.Since(began), err)
			}
			if !strings.Contains(string(got), test.ends) {
				t.Errorf("got %q, want %q in it", got, test.ends)
			}
		})
	}
}

func TestHeaderLimit(t *testing.T) {
	b := start(t, func(b *box) { b.Limits.HeaderBytes = 2000 })
	r, err := http.NewRequest("GET", "https://"+b.secure+"/icon.svg", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Long", strings.Repeat("x", 20_000))
	got, err := b.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	got.Body.Close()
	if got.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status %d, want 431", got.StatusCode)
	}
}

// With every place taken the connection that has been quiet the longest makes
// room, be it one of a silent crowd or of one's own address: who only holds
// connections open keeps nobody out.
func TestQuietConnectionsMakeRoom(t *testing.T) {
	for _, test := range []struct {
		name             string
		conns, perSource int
	}{
		{"in all", 3, 10},
		{"of one source", 10, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := start(t, func(b *box) { b.Limits.Conns, b.Limits.ConnsPerSource = test.conns, test.perSource })
			var open []*client
			for i := range 4 {
				c := b.connect(t)
				if i != 1 && !c.asks() { // the second never says a word
					t.Fatalf("connection %d is not answered", i)
				}
				open = append(open, c)
			}
			if open[0].asks() == open[1].asks() {
				t.Error("want either the first or the second connection closed")
			}
			if !open[2].asks() || !open[3].asks() {
				t.Error("a connection that was quiet for less long was closed")
			}
		})
	}
}

// While a request runs on each connection a newcomer is closed at once, and
// gets a place as soon as another leaves.
func TestConnectionLimit(t *testing.T) {
	running, release := make(chan bool, 3), make(chan bool)
	b := start(t, func(b *box) {
		b.Limits.Conns = 3
		b.Status = func() Status { running <- true; <-release; return Status{} }
	})
	var answered sync.WaitGroup
	for range 3 {
		answered.Go(func() { b.do(request{}) })
	}
	for range 3 {
		<-running
	}
	for range 3 {
		if conn, err := tls.Dial("tcp", b.secure, &tls.Config{InsecureSkipVerify: true}); err == nil {
			conn.Close()
			t.Error("a connection past the limit was answered")
		}
	}
	close(release)
	answered.Wait()
	if got, _ := b.do(request{path: "/icon.svg"}); got.StatusCode != 200 {
		t.Errorf("status %d once there is room", got.StatusCode)
	}
}

// client is one connection to the plain listener.
type client struct {
	net.Conn
	*bufio.Reader
}

func (b *box) connect(t *testing.T) *client {
	conn, err := net.Dial("tcp", b.plain)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	return &client{conn, bufio.NewReader(conn)}
}

// asks reports whether a request is answered.
func (c *client) asks() bool {
	fmt.Fprintf(c, "GET /icon.svg HTTP/1.1\r\nHost: box\r\n\r\n")
	answer, err := http.ReadResponse(c.Reader, nil)
	if err == nil {
		_, err = io.Copy(io.Discard, answer.Body)
	}
	return err == nil
}

// The reset begins only when the client holds the whole answer.
func TestResetAnswersFirst(t *testing.T) {
	answered := make(chan struct{})
	b := start(t, func(b *box) {
		b.Reset = func() {
			select {
			case <-answered:
			case <-time.After(5 * time.Second):
				t.Error("reset before the answer arrived")
			}
			b.resets <- struct{}{}
		}
	})
	got, body := b.do(request{method: "POST", path: "/api/v1/reset"})
	close(answered)
	if got.StatusCode != 202 || !got.Close {
		t.Errorf("status %d, closes %t: %s", got.StatusCode, got.Close, body)
	}
	<-b.resets
}

// As the appliance does it: the reset ends the server, and the client still
// gets its answer.
func TestResetEndsServer(t *testing.T) {
	for range 20 {
		b := start(t, nil)
		ended := make(chan error, 1)
		b.Reset = func() { go func() { ended <- b.end() }() }
		got, _ := b.do(request{method: "POST", path: "/api/v1/reset"})
		if got.StatusCode != 202 {
			t.Fatalf("status %d", got.StatusCode)
		}
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	}
}

// The end is quick, waits for running requests, and leaves nothing behind,
// whatever the clients were doing.
func TestEnd(t *testing.T) {
	before := runtime.NumGoroutine()
	running, release := make(chan struct{}), make(chan struct{})
	b := start(t, func(b *box) {
		b.Firmware = func() Firmware {
			close(running)
			<-release
			return Firmware{Version: "late"}
		}
	})
	b.do(request{})            // stays as an idle connection
	b.do(request{plain: true}) // and another
	for range 3 {
		silent, err := net.Dial("tcp", b.secure) // never speaks
		if err != nil {
			t.Fatal(err)
		}
		defer silent.Close()
	}
	late := make(chan string)
	go func() {
		_, body := b.do(request{path: "/api/v1/firmware"})
		late <- body
	}()
	<-running
	ended := make(chan error)
	began := time.Now()
	go func() { ended <- b.end() }()
	time.AfterFunc(50*time.Millisecond, func() { close(release) })
	if body := <-late; !strings.Contains(body, "late") {
		t.Errorf("the running request got %q", body)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if d := time.Since(began); d > 500*time.Millisecond {
		t.Errorf("the end took %s", d)
	}
	for _, address := range []string{b.plain, b.secure} {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			t.Errorf("%s still listens", address)
		}
	}
	b.client.CloseIdleConnections()
	for deadline := time.Now().Add(2 * time.Second); runtime.NumGoroutine() > before; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<16)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// A request that takes longer than the grace loses its connection, and still
// Serve does not return before it.
func TestEndWaitsForHandlers(t *testing.T) {
	running, release := make(chan struct{}), make(chan struct{})
	b := start(t, func(b *box) {
		b.Limits.Grace = time.Millisecond
		b.Firmware = func() Firmware {
			close(running)
			<-release
			return Firmware{}
		}
	})
	lost := make(chan error)
	go func() {
		r, err := http.NewRequest("GET", "https://"+b.secure+"/api/v1/firmware", nil)
		if err == nil {
			r.SetBasicAuth("user", rightPassword)
			_, err = b.client.Do(r)
		}
		lost <- err
	}()
	<-running
	ended := make(chan error, 1)
	go func() { ended <- b.end() }()
	if err := <-lost; err == nil {
		t.Error("the connection outlived the grace")
	}
	select {
	case <-ended:
		t.Error("Serve returned before the handler")
	case <-time.After(50 * time.Millisecond):
	}
	close(release)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestOneListenerIsEnough(t *testing.T) {
	b := start(t, nil)
	if err := b.end(); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.plain = ln.Addr().String()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- b.Serve(ctx, ln, nil) }()
	_, body := b.do(request{path: "/", plain: true})
	if !strings.Contains(body, "switched off") {
		t.Errorf("the page links to a listener that is not there:\n%s", body)
	}
	if got, body := b.do(request{plain: true}); got.StatusCode != 403 || !strings.Contains(body, `"secure": ""`) {
		t.Errorf("status %d: %s", got.StatusCode, body)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// curl as the README shows it.
func TestCurl(t *testing.T) {
	curl := program(t, "curl")
	b := start(t, func(b *box) { b.config.result = PatchResult{Changed: []string{"/MQTT/Site"}, RestartRequired: true} })
	for _, test := range []struct {
		name string
		args []string
		want string // status and a part of the body
	}{
		{"status", []string{"-k", "-u", "user:" + rightPassword, "https://" + b.secure + "/api/v1/status"}, `200 "telegrams": 93771`},
		{"wrong password", []string{"-k", "-u", "user:wrong", "https://" + b.secure + "/api/v1/status"}, `401 wrong user name`},
		{"patch", []string{"-k", "-u", "user:" + rightPassword, "-X", "PATCH", "-H", "Content-Type: application/json", "-d", `{"MQTT":{"Site":"house"}}`, "https://" + b.secure + "/api/v1/config"}, `200 "restart_required": true`},
		{"patch without media type", []string{"-k", "-u", "user:" + rightPassword, "-X", "PATCH", "-d", `{}`, "https://" + b.secure + "/api/v1/config"}, `415 Content-Type: application/json`},
		{"plain", []string{"-u", "user:" + rightPassword, "http://" + b.plain + "/api/v1/status"}, `403 HTTPS only`},
		{"landing by name", []string{"-H", "Host: smart-connect", "http://" + b.plain + "/"}, `200 https://smart-connect:` + port(b.secure) + `/`},
		{"reset", []string{"-k", "-u", "user:" + rightPassword, "-X", "POST", "https://" + b.secure + "/api/v1/reset"}, `202 restarts`},
	} {
		t.Run(test.name, func(t *testing.T) {
			out, err := exec.CommandContext(t.Context(), curl, append([]string{"-sS", "--noproxy", "*", "--max-time", "10", "-w", "\n%{http_code}"}, test.args...)...).CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			status, part, _ := strings.Cut(test.want, " ")
			if !strings.HasSuffix(string(out), "\n"+status) || !strings.Contains(string(out), part) {
				t.Errorf("want %s and %q in:\n%s", status, part, out)
			}
		})
	}
}

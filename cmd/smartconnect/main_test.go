package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// childEnv makes the test binary the program itself, for tests that need a
// process of their own.
const childEnv = "SMARTCONNECT_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		main()
	}
	os.Exit(m.Run())
}

// childEnviron is the environment of a child. With the race detector it would
// sleep for a second at its end.
func childEnviron() []string {
	return append(os.Environ(), childEnv+"=1", "GORACE=atexit_sleep_ms=0")
}

// patience is how long anything on this machine may take before it has failed.
const patience = 20 * time.Second

// result is what a command left behind.
type result struct {
	code     int
	out, err string
}

// call runs a command that ends by itself.
func call(t *testing.T, in string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var out, errs bytes.Buffer
	code := dispatch(ctx, world{strings.NewReader(in), &out, &errs}, args)
	if ctx.Err() != nil {
		t.Fatalf("%q did not end: %s%s", args, &out, &errs)
	}
	return result{code, out.String(), errs.String()}
}

// started is a command that runs until it is told to end.
type started struct {
	out, err tape
	cancel   context.CancelFunc
	code     chan int
}

// start runs f until end is called, or the test is over.
func start(t *testing.T, in io.Reader, f func(context.Context, world) int) *started {
	ctx, cancel := context.WithCancel(context.Background())
	s := &started{cancel: cancel, code: make(chan int, 1)}
	s.out.grown, s.err.grown = make(chan struct{}, 1), make(chan struct{}, 1)
	go func() { s.code <- f(ctx, world{in, &s.out, &s.err}) }()
	t.Cleanup(func() { s.end(t) })
	return s
}

// startCommand runs the command that args name.
func startCommand(t *testing.T, in io.Reader, args ...string) *started {
	return start(t, in, func(ctx context.Context, w world) int { return dispatch(ctx, w, args) })
}

// end ends the command and returns its exit code and how long it took to end.
func (s *started) end(t *testing.T) (code int, took time.Duration) {
	t.Helper()
	began := time.Now()
	s.cancel()
	select {
	case code = <-s.code:
		s.code <- code // for the next one who asks
		return code, time.Since(began)
	case <-time.After(patience):
		t.Fatalf("the command does not end: %s%s", &s.out, &s.err)
		return 0, 0
	}
}

// endsInASecond checks that the command ends well, within a second.
func (s *started) endsInASecond(t *testing.T) {
	t.Helper()
	if code, took := s.end(t); code != exitOK || took > time.Second {
		t.Errorf("ended with %d after %v, want 0 within a second: %s", code, took, &s.err)
	}
}

// startProgram starts the built program, or the test binary in its place, as
// the appliance of a simulated meter. It ends with the test.
func startProgram(t testing.TB, program, state string, d demo) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(program, append([]string{"run", "--state", state, "--meter", "sim:dsmr50", "--log-level", "warn"}, d.args()...)...)
	cmd.Env = childEnviron()
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil { // the test failed before terminate
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	return cmd
}

// terminate ends the program as an init system does, checks that it ends well
// and returns how long that took.
func terminate(t testing.TB, cmd *exec.Cmd) time.Duration {
	t.Helper()
	began := time.Now()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	return time.Since(began)
}

// tape is an output that can be read while it is written.
type tape struct {
	mu    sync.Mutex
	b     bytes.Buffer
	grown chan struct{}
}

func (p *tape) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case p.grown <- struct{}{}:
	default:
	}
	return p.b.Write(b)
}

func (p *tape) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.String()
}

// wait waits until the tape matches and returns the match and its groups.
func (p *tape) wait(t *testing.T, pattern string) []string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	late := time.After(patience)
	for {
		if m := re.FindStringSubmatch(p.String()); m != nil {
			return m
		}
		select {
		case <-p.grown:
		case <-late:
			t.Fatalf("nothing like %s in:\n%s", pattern, p)
		}
	}
}

// eventually tries until f succeeds.
func eventually(t testing.TB, f func() error) {
	t.Helper()
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if err = f(); err == nil {
			return
		}
	}
	t.Fatal(err)
}

// freePort returns a port of the loopback interface that nobody uses now.
func freePort(t testing.TB) int {
	t.Helper()
	for range 100 {
		// Below those that the system gives out: the tests of other packages, which
		// run meanwhile, take theirs from there.
		port := 10000 + rand.IntN(20000)
		ln, err := net.Listen("tcp", loopback(port))
		if err == nil {
			ln.Close()
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

// witness skips without a program that is not ours, unless nothing may skip.
func witness(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		if os.Getenv("SMARTCONNECT_REQUIRE") == "1" {
			t.Fatalf("%s is required: %v", program, err)
		}
		t.Skipf("%s is not installed", program)
	}
}

func TestWrongCalls(t *testing.T) {
	for _, c := range []struct {
		args []string
		says []string // beside each other in the message
	}{
		{nil, []string{"usage:"}},
		{[]string{""}, []string{`unknown command ""`, "usage:"}},
		{[]string{"fly"}, []string{`unknown command "fly"`, "usage:"}},
		{[]string{"--state"}, []string{`unknown command "--state"`}},

		{[]string{"run", "--fly"}, []string{"-fly"}},
		{[]string{"run", "now"}, []string{`unexpected argument "now"`}},
		{[]string{"run", "--state"}, []string{"needs an argument: -state"}},
		{[]string{"run", "--state", ""}, []string{`""`, "-state", "want a folder"}},
		{[]string{"run", "--meter", "sim:nothing"}, []string{`"sim:nothing"`, "-meter", "dsmr50"}},
		{[]string{"run", "--meter", "sim:dsmr50?speed=9"}, []string{"speed", "-meter"}},
		{[]string{"run", "--meter", "tcp://meter"}, []string{`"tcp://meter"`, "-meter", "tcp://HOST:PORT"}},
		{[]string{"run", "--meter", "tcp://meter:99999"}, []string{`"99999"`, "-meter"}},
		{[]string{"run", "--meter", "udp:meter"}, []string{`"udp:meter"`, "-meter", "unknown kind"}},
		{[]string{"run", "--meter", "file:"}, []string{`"file:"`, "-meter"}},
		{[]string{"run", "--modbus", "502"}, []string{`"502"`, "-modbus", "[IP]:PORT"}},
		{[]string{"run", "--mqtt", ":65536"}, []string{`":65536"`, "-mqtt", "[IP]:PORT"}},
		{[]string{"run", "--http", "box.local:80"}, []string{`"box.local:80"`, "-http", "[IP]:PORT"}},
		{[]string{"run", "--https", "127.0.0.1:https"}, []string{`"127.0.0.1:https"`, "-https", "[IP]:PORT"}},
		{[]string{"run", "--log-level", "loud"}, []string{`"loud"`, "-log-level", "debug, info, warn or error"}},

		{[]string{"demo", "--port", "1"}, []string{"-port"}},
		{[]string{"demo", "again"}, []string{`unexpected argument "again"`}},

		{[]string{"decode", "--key", "00"}, []string{"-key"}},
		{[]string{"decode", "--format", "dsmr9"}, []string{`"dsmr9"`, "-format", "auto", "p1"}},
		{[]string{"decode", "--utc-offset", "1"}, []string{`"1"`, "-utc-offset", "hours"}},
		{[]string{"decode", "--utc-offset", "99h"}, []string{`"99h"`, "-utc-offset", "14h"}},
		{[]string{"decode", "--no-checksum=perhaps"}, []string{`"perhaps"`, "-no-checksum"}},
		{[]string{"decode", "--profile", "e450"}, []string{"--profile", `"e450"`, "lg-e450"}},
		{[]string{"decode", "--scaler", "1-0:1.7.0"}, []string{`"1-0:1.7.0"`, "-scaler", "want OBIS=EXPONENT"}},
		{[]string{"decode", "--scaler", "1.7=2"}, []string{`"1.7=2"`, "-scaler", "code of an object"}},
		{[]string{"decode", "--scaler", "1-0:1.7.0=13"}, []string{"--scaler", "scaler 13 of 1-0:1.7.0"}},
		{[]string{"decode", "--scaler", "1.7.0=2"}, []string{`"1.7.0=2"`, "code of an object"}},
		{[]string{"decode", "--scaler", "1-0:1.7.0=2", "--scaler", "1-1:1.7.0=3"}, []string{`"1-1:1.7.0=3"`, "has a scaler already"}},
		{[]string{"decode", "--list", "1-0:1.7.0,x"}, []string{"-list", `"x"`}},
		{[]string{"decode", "--current-ratio", "-1"}, []string{"--current-ratio", "ratio -1"}},
		{[]string{"decode", "--voltage-ratio", "NaN"}, []string{"--voltage-ratio", "ratio NaN"}},
		{[]string{"decode", "a.txt", "b.txt"}, []string{`unexpected argument "b.txt"`}},
		{[]string{"decode", "a.txt", "--no-checksum"}, []string{`unexpected argument "--no-checksum"`, "flags come first"}},
		{[]string{"decode", "no/such/file.txt"}, []string{"no/such/file.txt", "no such file"}},

		{[]string{"simulate", "--format", "dsmr9"}, []string{`"dsmr9"`, "-format", "dsmr50"}},
		{[]string{"simulate", "--out", "loudspeaker"}, []string{`"loudspeaker"`, "--out", "tcp-listen:ADDR"}},
		{[]string{"simulate", "--out", "tcp-listen:here"}, []string{`"tcp-listen:here"`, "--out", "port"}},
		{[]string{"simulate", "--out", "tcp-listen:127.0.0.1:99999"}, []string{"--out", "99999"}},
		{[]string{"simulate", "--line", "9600"}, []string{`"9600"`, "-line", "115200 8N1"}},
		{[]string{"simulate", "--interval", "-1s"}, []string{`"-1s"`, "-interval"}},
		{[]string{"simulate", "--interval", "0"}, []string{`"0"`, "-interval"}},
		{[]string{"simulate", "--interval", "1"}, []string{`"1"`, "-interval", "unit"}},
		{[]string{"simulate", "--count", "-1"}, []string{`"-1"`, "-count"}},
		{[]string{"simulate", "--count", "all"}, []string{`"all"`, "-count"}},
		{[]string{"simulate", "--seed", "-1"}, []string{`"-1"`, "-seed"}},
		{[]string{"simulate", "dsmr50"}, []string{`unexpected argument "dsmr50"`}},

		{[]string{"label", "--print"}, []string{"-print"}},
		{[]string{"label", "--state", ""}, []string{`""`, "-state", "want a folder"}},
		{[]string{"label", "/tmp"}, []string{`unexpected argument "/tmp"`}},

		{[]string{"version", "--json"}, []string{"-json"}},
		{[]string{"version", "2"}, []string{`unexpected argument "2"`}},
	} {
		t.Run(strings.Join(append([]string{"smartconnect"}, c.args...), " "), func(t *testing.T) {
			r := call(t, "", c.args...)
			if r.code != exitUsage || r.out != "" {
				t.Errorf("exit code %d, output %q; want 2 and none", r.code, r.out)
			}
			for _, word := range c.says {
				if !strings.Contains(r.err, word) {
					t.Errorf("the message lacks %s: %s", word, r.err)
				}
			}
		})
	}
}

func TestHelp(t *testing.T) {
	for _, word := range []string{"help", "-h", "--help"} {
		r := call(t, "", word)
		if r.code != exitOK || r.err != "" {
			t.Errorf("%s: exit code %d, complaint %q", word, r.code, r.err)
		}
		for _, c := range commands {
			if !strings.Contains(r.out, "\n  "+c.name+" ") {
				t.Errorf("%s does not list %s:\n%s", word, c.name, r.out)
			}
		}
	}
	for name, flags := range map[string]string{
		"run":      "state meter modbus mqtt http https log-level",
		"decode":   "format no-checksum utc-offset profile scaler list current-ratio voltage-ratio estimate-phases estimate-export",
		"simulate": "format out interval count seed",
		"label":    "state json new-password",
		"demo":     "", "version": "",
	} {
		r := call(t, "", name, "-h")
		if r.code != exitOK || r.err != "" {
			t.Errorf("%s -h: exit code %d, complaint %q", name, r.code, r.err)
		}
		for flag := range strings.FieldsSeq(flags) {
			if !regexp.MustCompile(`(?m)^  -` + flag + `\b`).MatchString(r.out) {
				t.Errorf("%s -h does not list --%s:\n%s", name, flag, r.out)
			}
		}
	}
}

func TestVersion(t *testing.T) {
	if r := call(t, "", "version"); r.code != exitOK || !regexp.MustCompile(`^smartconnect \d+\.\d+\.\d+\S*\n$`).MatchString(r.out) {
		t.Errorf("%+v", r)
	}
}

// broken is an output that cannot be written to.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("no space left") }

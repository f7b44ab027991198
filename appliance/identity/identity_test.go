package identity

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"smartconnect/appliance/config"
)

// bench is a machine for tests: cheap hashes and a fixed network.
func bench() hardware {
	return hardware{
		hashCost:  bcrypt.MinCost,
		addresses: func() []netip.Addr { return []netip.Addr{netip.MustParseAddr("192.168.10.101")} },
		macs:      func() []string { return []string{"02:00:00:00:00:01", "02:00:00:00:00:02"} },
	}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func opened(t *testing.T, dir string) *Identity {
	t.Helper()
	id, err := open(dir, quiet(), bench())
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func labelOf(t *testing.T, id *Identity) Label {
	t.Helper()
	l, err := id.Label()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// accepts checks that the passwords of the label are those of the hashes, each
// for its own use only.
func accepts(t *testing.T, id *Identity, l Label) {
	t.Helper()
	api, mqtt := cheap(NewVerifier(id.APIHash)), cheap(NewVerifier(id.MQTTHash))
	for _, c := range []struct {
		name           string
		v              *Verifier
		user, password string
		want           bool
	}{
		{"API", api, l.User, l.Password, true},
		{"broker", mqtt, l.MQTTUser, l.MQTTPassword, true},
		{"API with the broker's", api, l.MQTTUser, l.MQTTPassword, false},
		{"API with the broker's password", api, l.User, l.MQTTPassword, false},
		{"broker with the API's", mqtt, l.User, l.Password, false},
		{"broker with the API's password", mqtt, l.MQTTUser, l.Password, false},
		{"API without a password", api, l.User, "", false},
	} {
		if got, _ := c.v.Check(c.name, c.user, c.password); got != c.want {
			t.Errorf("%s: %q with %q: %t, want %t", c.name, c.user, c.password, got, c.want)
		}
	}
}

// cheap makes an unknown user cost as little as the test's own hashes.
func cheap(v *Verifier) *Verifier {
	v.nobody = strings.Replace(v.nobody, "$10$", "$04$", 1)
	return v
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// Row S1 of the security table: unique, random, and only a hash is kept.
func TestNewIdentity(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	id := opened(t, dir)
	l := labelOf(t, id)
	accepts(t, id, l)
	if !regexp.MustCompile(`^[0-9A-Z]{12}$`).MatchString(l.Serial) || l.Serial != id.Serial() {
		t.Errorf("serial number %q", l.Serial)
	}
	if l.User != "user" || l.MQTTUser != "mqtt" || l.Note != "" {
		t.Errorf("label %+v", l)
	}
	if got := files(t, dir); !slices.Equal(got, []string{"ca.pem", "identity.json", "label.txt"}) {
		t.Errorf("files %q", got)
	}
	for _, name := range files(t, dir) {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: %v, mode %v, want 0600", name, err, info.Mode())
		}
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{l.Password, l.MQTTPassword} {
			if holds := bytes.Contains(b, []byte(secret)); holds != (name == labelName) {
				t.Errorf("%s holds a plain password: %t", name, holds)
			}
		}
	}
	other := labelOf(t, opened(t, t.TempDir()))
	if other.Serial == l.Serial || other.Password == l.Password || other.MQTTPassword == l.MQTTPassword || other.CAFingerprint == l.CAFingerprint {
		t.Errorf("two boxes of one hardware share something: %+v, %+v", l, other)
	}
	again := opened(t, dir)
	if got := labelOf(t, again); fmt.Sprint(got) != fmt.Sprint(l) {
		t.Errorf("the second start has another label: %+v, first %+v", got, l)
	}
}

func TestRandomPassword(t *testing.T) {
	form := regexp.MustCompile(`^([` + passwordAlphabet + `]{5}-){3}[` + passwordAlphabet + `]{5}$`)
	seen := map[string]bool{}
	count := map[rune]int{}
	for range 2000 {
		p := randomPassword()
		if !form.MatchString(p) || seen[p] {
			t.Fatalf("password %q", p)
		}
		seen[p] = true
		for _, r := range p {
			count[r]++
		}
	}
	if strings.ContainsAny(passwordAlphabet, "0oO1iIlL2zZ5sS8bB") {
		t.Error("characters that look alike")
	}
	if bits := passwordGroups * passwordGroup * 464 / 100; len(passwordAlphabet) < 25 || bits < 80 {
		t.Errorf("%d bits of randomness, want 80", bits)
	}
	for _, r := range passwordAlphabet { // 40000 characters, 1600 of each: sigma is 39
		if n := count[r]; n < 1400 || n > 1800 {
			t.Errorf("%q came %d times, want about 1600", r, n)
		}
	}
}

func TestNewPassword(t *testing.T) {
	dir := t.TempDir()
	id := opened(t, dir)
	first := labelOf(t, id)
	running := opened(t, dir) // another process
	api := cheap(NewVerifier(running.APIHash))
	if ok, _ := api.Check("a", User, first.Password); !ok {
		t.Fatal("the first password is refused")
	}
	if err := id.NewPassword(); err != nil {
		t.Fatal(err)
	}
	second := labelOf(t, id)
	if second.Password == first.Password || second.MQTTPassword == first.MQTTPassword || second.Serial != first.Serial || second.CAFingerprint != first.CAFingerprint {
		t.Errorf("label %+v, before %+v", second, first)
	}
	accepts(t, id, second)
	accepts(t, running, second)
	if ok, _ := api.Check("a", User, first.Password); ok {
		t.Error("the running appliance still takes the old password, which it remembers")
	}
	if got := labelOf(t, running); got.Password != second.Password {
		t.Errorf("the running appliance's label has %q", got.Password)
	}
	if got := files(t, dir); !slices.Equal(got, []string{"ca.pem", "identity.json", "label.txt"}) {
		t.Errorf("files %q", got)
	}
}

func TestLabelDeleted(t *testing.T) {
	dir := t.TempDir()
	opened(t, dir)
	if err := os.Remove(filepath.Join(dir, labelName)); err != nil {
		t.Fatal(err)
	}
	id := opened(t, dir)
	l := labelOf(t, id)
	if l.Password != "" || l.MQTTPassword != "" || !strings.Contains(l.Note, "label --new-password") {
		t.Errorf("label %+v", l)
	}
	if text := string(l.Text()); strings.Count(text, deleted) != 2 || !strings.Contains(text, l.Serial) {
		t.Errorf("label:\n%s", text)
	}
	if files := files(t, dir); slices.Contains(files, labelName) {
		t.Error("a label came back by itself")
	}
	if err := id.NewPassword(); err != nil {
		t.Fatal(err)
	}
	accepts(t, id, labelOf(t, id))
}

func TestLabelForms(t *testing.T) {
	l := Label{"ABCDEF012345", "user", "pass-word", "mqtt", "other-word", "AA:BB", []string{"02:00:00:00:00:01"}, ""}
	const want = `Serial number: ABCDEF012345
User:          user
Password:      pass-word
MQTT user:     mqtt
MQTT password: other-word
CA SHA-256:    AA:BB
MAC address:   02:00:00:00:00:01
`
	if got := string(l.Text()); got != want {
		t.Errorf("text:\n%s\nwant:\n%s", got, want)
	}
	const wantJSON = `{"serial":"ABCDEF012345","user":"user","password":"pass-word","mqtt_user":"mqtt","mqtt_password":"other-word","ca_fingerprint":"AA:BB","macs":["02:00:00:00:00:01"]}`
	if got, err := json.Marshal(l); err != nil || string(got) != wantJSON {
		t.Errorf("JSON: %v\n%s\nwant\n%s", err, got, wantJSON)
	}
	back := parseLabel(l.Text())
	if back.Password != l.Password || back.MQTTPassword != l.MQTTPassword {
		t.Errorf("read back: %+v", back)
	}
	for _, text := range []string{"", "\x00\xff", "Password", "Password:", "no: such: line\nPassword: (gone)\n"} {
		if got := parseLabel([]byte(text)); got.Password != "" {
			t.Errorf("%q: password %q", text, got.Password)
		}
	}
}

// Whatever is left when the process dies between two writes, the next start has
// a label that matches the hashes.
func TestInterrupted(t *testing.T) {
	old, next := t.TempDir(), t.TempDir()
	copyAll := func(from, to string) {
		t.Helper()
		if err := os.CopyFS(to, os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
	}
	first := labelOf(t, opened(t, old))
	copyAll(old, next)
	id := opened(t, next)
	if err := id.NewPassword(); err != nil {
		t.Fatal(err)
	}
	second := labelOf(t, id)
	take := func(dir, from, to string) func(*testing.T, string) {
		return func(t *testing.T, state string) {
			t.Helper()
			b, err := os.ReadFile(filepath.Join(dir, from))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(state, to), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	drop := func(name string) func(*testing.T, string) {
		return func(t *testing.T, state string) {
			t.Helper()
			if err := os.Remove(filepath.Join(state, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		name string
		left []func(*testing.T, string) // done to the state before the change
		want string                     // the password, "" for a new one
	}{
		{"after the pending label", []func(*testing.T, string){take(next, labelName, pendingName)}, first.Password},
		{"half a pending label", []func(*testing.T, string){func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, pendingName), second.Text()[:60], 0o600); err != nil {
				t.Fatal(err)
			}
		}}, first.Password},
		{"after the hashes", []func(*testing.T, string){take(next, labelName, pendingName), take(next, keptName, keptName)}, second.Password},
		{"after the label", []func(*testing.T, string){take(next, labelName, pendingName), take(next, keptName, keptName), take(next, labelName, labelName)}, second.Password},
		{"first start, after the authority", []func(*testing.T, string){drop(labelName), drop(keptName)}, ""},
		{"first start, after the pending label", []func(*testing.T, string){take(old, labelName, pendingName), drop(labelName), drop(keptName)}, ""},
		{"first start, after the hashes", []func(*testing.T, string){take(old, labelName, pendingName), drop(labelName)}, first.Password},
		{"temporary files", []func(*testing.T, string){take(old, labelName, ".label.txt.1.tmp"), take(old, keptName, ".identity.json.2.tmp"), drop(keptName)}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			copyAll(old, dir)
			for _, step := range c.left {
				step(t, dir)
			}
			id := opened(t, dir)
			l := labelOf(t, id)
			accepts(t, id, l)
			if c.want != "" && l.Password != c.want || c.want == "" && l.Password == first.Password {
				t.Errorf("password %q, want %q", l.Password, c.want)
			}
			if l.Serial != first.Serial {
				t.Errorf("serial number %s became %s", first.Serial, l.Serial)
			}
			if got := files(t, dir); !slices.Equal(got, []string{"ca.pem", "identity.json", "label.txt"}) {
				t.Errorf("files %q", got)
			}
		})
	}
}

// A disk that was full before the label had its name, and still is, keeps
// neither the box from starting nor the owner from the password. The limit on
// files that stands for it would hit the test's own, so that a process of its
// own has it.
func TestPendingLabelOnAFullDisk(t *testing.T) {
	const variable = "SMARTCONNECT_TEST_FULL_DISK"
	if dir := os.Getenv(variable); dir != "" {
		signal.Ignore(syscall.SIGXFSZ)
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{}); err != nil {
			t.Fatal(err)
		}
		id := opened(t, dir)
		accepts(t, id, labelOf(t, id))
		if err := id.NewPassword(); !errors.Is(err, syscall.EFBIG) {
			t.Errorf("new passwords on a full disk: %v", err)
		}
		accepts(t, id, labelOf(t, id))
		return
	}
	dir := t.TempDir()
	first := labelOf(t, opened(t, dir))
	if err := os.Rename(filepath.Join(dir, labelName), filepath.Join(dir, pendingName)); err != nil {
		t.Fatal(err)
	}
	full := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$")
	full.Env = append(os.Environ(), variable+"="+dir)
	if out, err := full.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if l := labelOf(t, opened(t, dir)); l.Password != first.Password {
		t.Errorf("label %+v, want the password %q", l, first.Password)
	}
}

// What stands in the way of the label does not keep the box from starting.
func TestLabelCannotBeNamed(t *testing.T) {
	dir := t.TempDir()
	first := labelOf(t, opened(t, dir))
	if err := errors.Join(
		os.Rename(filepath.Join(dir, labelName), filepath.Join(dir, pendingName)),
		os.Mkdir(filepath.Join(dir, labelName), 0o700)); err != nil {
		t.Fatal(err)
	}
	accepts(t, opened(t, dir), first)
}

// A process that makes new passwords all the time is killed again and again at
// moments of chance: every next start has a label that matches.
func TestKilled(t *testing.T) {
	if dir := os.Getenv("SMARTCONNECT_TEST_IDENTITY"); dir != "" {
		for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
			if err := opened(t, dir).NewPassword(); err != nil {
				t.Fatal(err)
			}
			fmt.Println("written")
		}
		os.Exit(1)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	unfinished := 0
	for i := range 20 {
		c := exec.Command(self, "-test.run=^TestKilled$")
		c.Env = append(os.Environ(), "SMARTCONNECT_TEST_IDENTITY="+dir)
		said, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		first, err := bufio.NewReader(said).ReadString('\n')
		time.Sleep(5*time.Millisecond + time.Duration(i)*1700*time.Microsecond)
		_ = c.Process.Kill()
		if waited := c.Wait(); c.ProcessState.Exited() || err != nil {
			t.Fatalf("the writer ended by itself: %v, %v: %s", err, waited, first)
		}
		if slices.Contains(files(t, dir), pendingName) {
			unfinished++
		}
		id := opened(t, dir)
		accepts(t, id, labelOf(t, id))
		if t.Failed() {
			t.Fatalf("after kill %d", i)
		}
	}
	t.Logf("20 kills, %d of them with a pending label", unfinished)
}

// Two first starts at once agree on one identity.
func TestTogether(t *testing.T) {
	dir := t.TempDir()
	var all sync.WaitGroup
	ids := make([]*Identity, 8)
	for i := range ids {
		all.Go(func() { ids[i] = opened(t, dir) })
	}
	all.Wait()
	for _, id := range ids {
		if id.Serial() != ids[0].Serial() || id.CAFingerprint() != ids[0].CAFingerprint() {
			t.Error("two identities in one folder")
		}
	}
	for i := range 4 {
		all.Go(func() {
			if err := ids[i].NewPassword(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	accepts(t, ids[7], labelOf(t, ids[7]))
}

func TestDamaged(t *testing.T) {
	for _, c := range []struct {
		name, file, content string
		aside               bool
		sameSerial, sameCA  bool
	}{
		{"empty identity", keptName, "", true, true, true},
		{"identity of zeros", keptName, strings.Repeat("\x00", 300), true, true, true},
		{"identity without hashes", keptName, `{"Version":1,"Serial":"ABCDEF012345"}`, true, true, true},
		{"empty authority", caName, "", true, true, false},
		{"authority cut off", caName, "-----BEGIN PRIVATE KEY-----\nMIGH", true, true, false},
		{"certificate of HTTPS", leafName, "zeros", false, true, true},
	} {
		dir := t.TempDir()
		before := labelOf(t, opened(t, dir))
		if err := os.WriteFile(filepath.Join(dir, c.file), []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		id, err := open(dir, slog.New(slog.NewTextHandler(&log, nil)), bench())
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		l := labelOf(t, id)
		accepts(t, id, l)
		if (l.Serial == before.Serial) != c.sameSerial || (l.CAFingerprint == before.CAFingerprint) != c.sameCA {
			t.Errorf("%s: label %+v, before %+v", c.name, l, before)
		}
		if b, err := os.ReadFile(filepath.Join(dir, c.file+".damaged")); c.aside && (err != nil || string(b) != c.content || !strings.Contains(log.String(), "put aside")) {
			t.Errorf("%s: put aside: %v, %q, log %s", c.name, err, b, &log)
		}
		if _, err := id.certificate(hello(nil)); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// What this user or this program cannot read is no reason for a new identity.
func TestNotReadable(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(path string) error
	}{
		{"a symbolic link", func(path string) error {
			if err := os.Rename(path, path+".real"); err != nil {
				return err
			}
			return os.Symlink(path+".real", path)
		}},
		{"a newer version", func(path string) error { return os.WriteFile(path, []byte(`{"Version":2}`), 0o600) }},
	} {
		dir := t.TempDir()
		opened(t, dir)
		label, err := os.ReadFile(filepath.Join(dir, labelName))
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, keptName)
		if err := c.change(path); err != nil {
			t.Fatal(err)
		}
		if _, err := open(dir, quiet(), bench()); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %v, want one that names it", c.name, err)
		}
		if b, _ := os.ReadFile(filepath.Join(dir, labelName)); !bytes.Equal(b, label) {
			t.Errorf("%s: the label changed", c.name)
		}
	}
	if _, err := open(filepath.Join("/dev/null", "state"), quiet(), bench()); err == nil {
		t.Error("an identity in a folder that cannot be")
	}
}

// A running box whose file was lost goes on with what it read.
func TestLostWhileRunning(t *testing.T) {
	dir := t.TempDir()
	id := opened(t, dir)
	l := labelOf(t, id)
	if err := os.WriteFile(filepath.Join(dir, keptName), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	accepts(t, id, l)
}

// The machine itself: the cost of the hashes, and an ordinary start without any.
func TestMachine(t *testing.T) {
	dir := t.TempDir()
	id, err := Open(dir, quiet())
	if err != nil {
		t.Fatal(err)
	}
	for _, hash := range []string{id.kept.PasswordHash, id.kept.MQTTPasswordHash} {
		if cost, err := bcrypt.Cost([]byte(hash)); err != nil || cost != config.HashCost {
			t.Errorf("hash of cost %d (%v), want %d", cost, err, config.HashCost)
		}
	}
	for _, mac := range labelOf(t, id).MACs {
		if !regexp.MustCompile(`^([0-9a-f]{2}:){5}[0-9a-f]{2}$`).MatchString(mac) {
			t.Errorf("hardware address %q", mac)
		}
	}
	// An ordinary start hashes nothing, which would fail at this cost, and writes
	// nothing.
	before, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	h := machine
	h.hashCost = bcrypt.MaxCost + 1
	if _, err := open(dir, quiet(), h); err != nil {
		t.Errorf("an ordinary start hashes: %v", err)
	}
	if after, err := os.Stat(dir); err != nil || !after.ModTime().Equal(before.ModTime()) {
		t.Errorf("an ordinary start writes: %v", err)
	}
}

func BenchmarkOpenExisting(b *testing.B) {
	dir := b.TempDir()
	id, err := Open(dir, quiet())
	if err != nil {
		b.Fatal(err)
	}
	if _, err := id.certificate(hello(nil)); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := Open(dir, quiet()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenFirst(b *testing.B) {
	for b.Loop() {
		if _, err := Open(b.TempDir(), quiet()); err != nil {
			b.Fatal(err)
		}
	}
}

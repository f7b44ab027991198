package history

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func put(t testing.TB, a *Archive, numbers ...int64) {
	t.Helper()
	for _, n := range numbers {
		if err := a.Put(example(n)); err != nil {
			t.Fatal(err)
		}
	}
}

func open(t testing.TB, path string) *Archive {
	t.Helper()
	a, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *Archive) numbers(from, to time.Time) (all []int64) {
	for q := range a.Between(from, to) {
		all = append(all, number(q.Start))
	}
	return all
}

// seam is the first quarter-hour of a turn of the ring.
const seam = 52 * places

func TestArchiveBetween(t *testing.T) {
	a := open(t, filepath.Join(t.TempDir(), "history"))
	if got := a.numbers(time.Unix(0, 0), noon); got != nil {
		t.Errorf("nothing is kept: %v", got)
	}
	put(t, a, seam-places-1, seam-65, seam-1, seam, seam+1, seam+63, seam+64, seam+200)
	put(t, a, seam-1) // again
	late := time.Second
	for _, c := range []struct {
		name     string
		from, to time.Time
		want     []int64
	}{
		{"the wrong way round", start(seam + 9), start(seam), nil},
		{"nothing", start(seam), start(seam), nil},
		{"one", start(seam), start(seam + 1), []int64{seam}},
		{"from its middle on, to a second of the next", start(seam).Add(late), start(seam + 1).Add(late), []int64{seam, seam + 1}},
		{"over the seam and pages", start(seam - 100), start(seam + 300), []int64{seam - 65, seam - 1, seam, seam + 1, seam + 63, seam + 64, seam + 200}},
		{"to before the last", start(seam + 64), start(seam + 200), []int64{seam + 64}},
		{"of longer than 400 days the latest", time.Unix(-1<<40, 0), start(seam + 2), []int64{seam - 65, seam - 1, seam, seam + 1}},
		{"what has given its place away", start(seam - places - 1), start(seam - places), nil},
		{"before 1970", time.Unix(-9000, 0), time.Unix(-900, 0), nil},
	} {
		if got := a.numbers(c.from, c.to); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	if q, ok := a.At(start(seam + 1).Add(899 * time.Second)); !ok || q != example(seam+1) {
		t.Errorf("%+v %v", q, ok)
	}
	if _, ok := a.At(start(seam + 2)); ok {
		t.Error("a quarter-hour that never was")
	}
	if got := a.numbers(start(seam), start(seam+400)); len(got) != 5 {
		t.Errorf("%v", got)
	}
	for range a.Between(start(seam), start(seam+400)) { // who has enough
		break
	}
}

// A file never grows, and only its owner reads it.
func TestArchiveIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	a := open(t, path)
	put(t, a, seam-1, seam, seam+places-1, seam+places)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() != places*recordSize || info.Mode().Perm() != 0o600 {
		t.Errorf("%d octets, mode %v", info.Size(), info.Mode())
	}
	if disk := info.Sys().(*syscall.Stat_t).Blocks * 512; disk > 64<<10 {
		t.Errorf("four records take %d octets of the disk", disk)
	}
	if err := os.Truncate(path, 10*places*recordSize); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	a = open(t, path)
	if info, err = os.Stat(path); err != nil || info.Size() != places*recordSize || info.Mode().Perm() != 0o600 {
		t.Errorf("put back from elsewhere: %d octets, mode %v, %v", info.Size(), info.Mode(), err)
	}
	if got := a.numbers(start(seam), start(seam+places+1)); !slices.Equal(got, []int64{seam + places - 1, seam + places}) {
		t.Errorf("%v", got)
	}
}

// What a power cut may leave of a file: its last write is not there, or torn at any
// octet.
func TestArchiveOfAPowerCut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	put(t, open(t, path), seam, seam+1, seam+2)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range recordSize {
		for name, b := range map[string][]byte{
			"shorter": whole[:2*recordSize+cut],
			"zero":    slices.Concat(whole[:2*recordSize+cut], make([]byte, recordSize-cut)),
		} {
			if name == "zero" && cut >= 48 { // which is what it ends with
				continue
			}
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			a := open(t, path)
			if got := a.numbers(start(seam), start(seam+9)); !slices.Equal(got, []int64{seam, seam + 1}) {
				t.Fatalf("%s at %d: %v", name, cut, got)
			}
			put(t, a, seam+2, seam+3)
			if got := a.numbers(start(seam), start(seam+9)); !slices.Equal(got, []int64{seam, seam + 1, seam + 2, seam + 3}) {
				t.Fatalf("%s at %d, gone on with: %v", name, cut, got)
			}
		}
	}
}

func TestArchiveThatCannotBeUsed(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, err := range []error{
		os.Mkdir(at("a folder"), 0o700),
		os.Symlink(at("elsewhere"), at("a link")),
		syscall.Mkfifo(at("a pipe"), 0o600),
		os.WriteFile(at("elsewhere"), nil, 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"a folder", "a link", "a pipe"} {
		a, err := Open(at(name))
		if err == nil || !strings.HasPrefix(err.Error(), "history: ") || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
		a = &Archive{path: at(name)}
		if err := a.Put(example(seam)); err == nil {
			t.Errorf("%s takes a record", name)
		}
		if got := a.numbers(start(seam), start(seam+1)); got != nil {
			t.Errorf("%s has %v", name, got)
		}
	}
	if err := open(t, at("no/folder")).Put(example(seam)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
}

// Personal data goes when its owner says so, and stays gone.
func TestWipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	if err := Remove(path); err != nil {
		t.Errorf("nothing to remove: %v", err)
	}
	a := open(t, path)
	put(t, a, seam)
	if err := a.Wipe(); err != nil {
		t.Fatal(err)
	}
	put(t, a, seam) // what the life that ends still knows
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there is a file: %v", err)
	}
	put(t, open(t, path), seam)
	if err := Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there is a file: %v", err)
	}
}

func BenchmarkArchive(b *testing.B) {
	a := open(b, filepath.Join(b.TempDir(), "history"))
	put(b, a, seam, seam+places-1)
	for _, days := range []int64{1, Days} {
		b.Run(fmt.Sprintf("days=%d", days), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				a.numbers(start(seam), start(seam+days*96))
			}
		})
	}
}

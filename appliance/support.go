package appliance

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"smartconnect/api"
	"smartconnect/appliance/config"
	"smartconnect/telegram"
)

// support gathers what helps to find a fault, beside the status.
func (l *life) support() api.Support {
	s := api.Support{
		Build: build(), Machine: readMachine(os.DirFS("/")), Process: l.process(), Files: files(os.DirFS(l.o.State)),
		Config: config.Public(l.saved.Config()), Meters: l.identifiers(),
	}
	s.Machine.DiskOctets, s.Machine.DiskFreeOctets = disk(l.o.State)
	for _, e := range l.o.journal.Latest() {
		s.Log = append(s.Log, api.LogLine(e))
	}
	return s
}

func build() api.Build {
	f := firmware()
	b := api.Build{Version: f.Version, Go: runtime.Version(), Revision: f.Revision, Built: f.Built, Modules: map[string]string{}}
	made, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	for _, m := range made.Deps {
		b.Modules[m.Path] = m.Version
	}
	b.Modified = slices.ContainsFunc(made.Settings, func(s debug.BuildSetting) bool { return s.Key == "vcs.modified" && s.Value == "true" })
	return b
}

func (l *life) process() api.Process {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return api.Process{
		UptimeSeconds: int64(time.Since(l.began).Seconds()), Goroutines: runtime.NumGoroutine(),
		HeapOctets: m.HeapAlloc, SystemOctets: m.Sys, Collections: m.NumGC,
	}
}

// maxFiles is how many files of the state folder are named.
const maxFiles = 200

// files names what is in the state folder, and opens none of it.
func files(folder fs.FS) (list []api.File) {
	_ = fs.WalkDir(folder, ".", func(path string, d fs.DirEntry, err error) error { // what cannot be read is left out
		if len(list) == maxFiles {
			return fs.SkipAll
		}
		if err != nil || d.IsDir() {
			return nil
		}
		if f, err := d.Info(); err == nil { // else it has gone meanwhile
			list = append(list, api.File{Name: filepath.ToSlash(path), Octets: f.Size(), Time: f.ModTime().UTC().Truncate(time.Second)})
		}
		return nil
	})
	return list
}

// identifiers are what the meters that were heard in this life call themselves,
// as far as they are still known.
func (l *life) identifiers() []string {
	known := map[string]bool{}
	add := func(t telegram.Text) {
		if s := strings.TrimSpace(t.String()); s != "" {
			known[s] = true
		}
	}
	if snap := l.store.Latest(); snap != nil {
		add(snap.Meter.ID)
		for _, c := range snap.Channels {
			add(c.ID)
		}
	}
	l.meter.mu.Lock()
	add(l.meter.count.turns.before.ID)
	add(l.meter.count.turns.now.ID)
	l.meter.mu.Unlock()
	return slices.Sorted(maps.Keys(known))
}

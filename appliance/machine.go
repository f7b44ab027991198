package appliance

import (
	"io/fs"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"smartconnect/api"
	"smartconnect/telegram"
)

// readMachine says what the host is, from its files below root. What cannot be
// read is left out.
func readMachine(root fs.FS) api.Machine {
	text := func(path string) string {
		b, _ := fs.ReadFile(root, path)
		return strings.TrimSpace(string(b))
	}
	m := api.Machine{
		OS: runtime.GOOS, Architecture: runtime.GOARCH, Processors: runtime.NumCPU(),
		Kernel:       text("proc/sys/kernel/osrelease"),
		Distribution: strings.Trim(member(text("etc/os-release"), "PRETTY_NAME="), `"`),
	}
	if up, _, ok := strings.Cut(text("proc/uptime"), " "); ok {
		m.UptimeSeconds = measure(up, 1)
	}
	if load := strings.Fields(text("proc/loadavg")); len(load) > 3 {
		m.Load = strings.Join(load[:3], " ")
	}
	memory := text("proc/meminfo")
	m.MemoryOctets = measure(member(memory, "MemTotal:"), 1024)
	m.MemoryFreeOctets = measure(member(memory, "MemAvailable:"), 1024)
	return m
}

// member returns what stands on the line that begins with name.
func member(file, name string) string {
	for line := range strings.Lines(file) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}

// measure reads a number, "927460 kB" too, in units of so many.
func measure(s string, unit float64) api.Number {
	n, err := strconv.ParseFloat(strings.TrimSuffix(s, " kB"), 64)
	if err != nil {
		return api.Number{}
	}
	return api.Number{Value: telegram.Of(n * unit)}
}

// disk returns how large the file system of a folder is, and what is left of it
// for this user.
func disk(folder string) (all, free api.Number) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(folder, &s); err != nil {
		return api.Number{}, api.Number{}
	}
	of := func(blocks uint64) api.Number {
		return api.Number{Value: telegram.Of(float64(blocks) * float64(s.Bsize))}
	}
	return of(s.Blocks), of(s.Bavail)
}

package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// Support is what an owner hands to who helps him, beside the status. The
// appliance fills it; it holds no secret and nothing of what a meter said.
type Support struct {
	Build   Build           `json:"build"`
	Machine Machine         `json:"machine"`
	Process Process         `json:"process"`
	Files   []File          `json:"files"`  // of the state folder, by name
	Config  json.RawMessage `json:"config"` // as GET /api/v1/config shows it
	Log     []LogLine       `json:"log"`    // the oldest first

	// Meters are identifiers that Log and the status may tell: in the file they
	// are masked.
	Meters []string `json:"-"`
}

// Build says what the program was made from.
type Build struct {
	Version  string            `json:"version"`
	Go       string            `json:"go"`
	Revision string            `json:"revision"` // commit it was built from, "" if unknown
	Built    string            `json:"built"`    // time of that commit
	Modified bool              `json:"modified"` // since that commit
	Modules  map[string]string `json:"modules"`  // version of each library by its path
}

// Machine is the host.
type Machine struct {
	OS               string `json:"os"`
	Distribution     string `json:"distribution"`
	Kernel           string `json:"kernel"`
	Architecture     string `json:"architecture"`
	Processors       int    `json:"processors"`
	UptimeSeconds    Number `json:"uptime_seconds"`
	Load             string `json:"load"` // of the last 1, 5 and 15 minutes
	MemoryOctets     Number `json:"memory_octets"`
	MemoryFreeOctets Number `json:"memory_free_octets"`
	DiskOctets       Number `json:"disk_octets"` // of the state folder's file system
	DiskFreeOctets   Number `json:"disk_free_octets"`
}

// Process is the running program.
type Process struct {
	UptimeSeconds int64  `json:"uptime_seconds"` // of this life
	Goroutines    int    `json:"goroutines"`
	HeapOctets    uint64 `json:"heap_octets"`
	SystemOctets  uint64 `json:"system_octets"` // taken from the system in all
	Collections   uint32 `json:"collections"`
}

// File is a file of the state folder; what is in it stays there.
type File struct {
	Name   string    `json:"name"` // below the folder: "uplink/0000000001.log"
	Octets int64     `json:"octets"`
	Time   time.Time `json:"time"`
}

// LogLine is one record of the log.
type LogLine struct {
	Time    time.Time         `json:"time"`
	Level   string            `json:"level"` // "INFO", "WARN", "ERROR"
	Message string            `json:"message"`
	Attrs   map[string]string `json:"attrs"`
}

// supportNote is the first that a reader of the file sees.
const supportNote = "Made for whoever helps the owner of this box. Left out: passwords, private keys, the keys of the meter and hashes of any of them (config says only whether one is set), " +
	"the contents of telegrams and every value of the meter, as consumption is personal. Identifiers of meters are cut to their first four characters, and values with a unit in texts are struck out. " +
	"Still in it: the addresses and names of the network, of brokers and of their users, the serial number of the box, its settings and its log. Read it before you hand it on."

// getSupport sends one file with everything that helps to find a fault.
func (s *Server) getSupport(w http.ResponseWriter, r *http.Request) {
	s.Log.Info("file for support exported", "event", "support_exported", "source", source(r))
	support, st := s.Support(), s.status()
	mask := masker(support.Meters, st.Serial)
	file := struct {
		Note string    `json:"note"`
		Made time.Time `json:"made"`
		Support
		Status json.RawMessage `json:"status"`
		Log    json.RawMessage `json:"log"`
	}{supportNote, time.Now().UTC().Truncate(time.Second), support, mask(withoutReadings(st)), mask(listed(support.Log))}
	file.Files = listed(file.Files)
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="smart-connect-%s-support.json"`, s.Serial))
	answer(w, http.StatusOK, file)
}

// withoutReadings is the status but for the values of the meter.
func withoutReadings(st Status) any {
	return struct {
		Status
		Readings any `json:"readings,omitempty"` // stands before the other
	}{Status: st}
}

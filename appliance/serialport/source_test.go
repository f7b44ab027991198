package serialport

import (
	"strings"
	"testing"
)

func TestParseSourceRefuses(t *testing.T) {
	for source, want := range map[string]string{
		"":                           "no source given",
		"ttyUSB0":                    "not an absolute path",
		"./dev/ttyUSB0":              "not an absolute path",
		"file:telegram.txt":          "not an absolute path",
		"file:":                      "not an absolute path",
		"udp://10.0.0.1:23":          `unknown kind "udp"`,
		"TCP://10.0.0.1:23":          `unknown kind "TCP"`,
		"COM3:":                      `unknown kind "COM3"`,
		"tcp://":                     "missing port",
		"tcp://10.0.0.1":             "missing port",
		"tcp://:23":                  `"" is no host name`,
		"tcp://host:":                `port ""`,
		"tcp://host:telnet":          `port "telnet"`,
		"tcp://host:0":               `port "0"`,
		"tcp://host:65536":           `port "65536"`,
		"tcp://host:23/path":         `port "23/path"`,
		"tcp://user@host:23":         `"user@host" is no host name`,
		"tcp://fe80::1:23":           "too many colons",
		"sim:":                       "want one of dsmr50",
		"sim:dsmr51":                 "warmtelink",
		"sim:dsmr50?seed=-1":         `seed="-1"`,
		"sim:dsmr50?seed=1&speed=2":  `speed="2": unknown setting`,
		"sim:dsmr50?lively=perhaps":  `lively="perhaps"`,
		"sim:dsmr50?%zz":             "invalid URL escape",
		"/dev/ttyUSB0\n":             "control character at octet 12",
		"tcp://10.0.0.1:23\x00.evil": "control character",
	} {
		_, err := ParseSource(source)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "serialport: ") {
			t.Errorf("%q: error %v, want one with %q", source, err, want)
		}
		if _, err := Open(t.Context(), source, line, Options{}); err == nil {
			t.Errorf("%q opens", source)
		}
	}
	if _, err := (Source{}).Open(t.Context(), line, Options{}); err == nil {
		t.Error("the zero Source opens")
	}
}

func TestParseSourceAccepts(t *testing.T) {
	for _, c := range []struct {
		source     string
		path, addr string
		serial     bool
	}{
		{"/dev/ttyUSB0", "/dev/ttyUSB0", "", true},
		{"/dev/serial/by-path/pci-0000:00:14.0-usb-0:1:1.0-port0", "/dev/serial/by-path/pci-0000:00:14.0-usb-0:1:1.0-port0", "", true},
		{"file:/tmp/a telegram.txt", "/tmp/a telegram.txt", "", false},
		{"file:///tmp/telegram.txt", "/tmp/telegram.txt", "", false},
		{"tcp://meter.local:23", "", "meter.local:23", false},
		{"tcp://[fe80::1%eth0]:2001", "", "[fe80::1%eth0]:2001", false},
	} {
		s, err := ParseSource(c.source)
		if err != nil {
			t.Error(err)
			continue
		}
		if s.String() != c.source || s.path != c.path || s.addr != c.addr || s.Serial() != c.serial {
			t.Errorf("%q: path %q, address %q, serial %v", s, s.path, s.addr, s.Serial())
		}
	}
	s, err := ParseSource("sim:emucs?seed=7&lively=true")
	if err != nil || s.meter.Name != "emucs" || s.seed != 7 || !s.lively {
		t.Errorf("simulator %q, seed %d, lively %v: %v", s.meter.Name, s.seed, s.lively, err)
	}
}

package appliance

import (
	"fmt"
	"testing"

	"smartconnect/appliance/broker"
	"smartconnect/appliance/config"
	"smartconnect/appliance/serialport"
	"smartconnect/modbusmap"
	"smartconnect/telegram/formats"
	"smartconnect/telegram/sim"
)

// What the configuration takes, the packages that act on it must take: they
// keep tables of their own, so that none of them needs the others.
func TestEveryWordOfTheConfigurationIsUnderstood(t *testing.T) {
	for _, w := range config.WhenStaleWords {
		if got, err := modbusmap.ParseWhenStale(w); err != nil || string(got) != w {
			t.Errorf("WhenStale %q: %v", w, err)
		}
		if staleAnswers[w] == "" {
			t.Errorf("the status has no words for WhenStale %q", w)
		}
	}
	for _, w := range config.WhenMissingWords {
		if got, err := modbusmap.ParseWhenMissing(w); err != nil || string(got) != w {
			t.Errorf("WhenMissing %q: %v", w, err)
		}
	}
	for _, w := range config.VerifyWords {
		if _, known := verifies[w]; !known || len(verifies) != len(config.VerifyWords) {
			t.Errorf("Meter.Verify %q means nothing", w)
		}
	}
	for _, w := range config.CurrentsWords {
		if got, err := modbusmap.ParseCurrents(w); err != nil || string(got) != w {
			t.Errorf("Currents %q: %v", w, err)
		}
	}
	for _, w := range config.AccessWords {
		if _, err := broker.ParseRule(w, "a/#"); err != nil {
			t.Errorf("Access %q: %v", w, err)
		}
	}
	for _, name := range append([]string{config.Auto}, known().Formats...) {
		if _, err := formats.Select(name); err != nil {
			t.Error(err)
		}
	}
	d := config.Default()
	if _, err := modbusmap.ByName(d.MeterType); err != nil {
		t.Error(err)
	}
	if err := d.Validate(known()); err != nil {
		t.Errorf("the configuration as delivered: %v", err)
	}
}

// A source that is configured must be one that can be opened, and the other
// way round.
func TestEverySourceOfTheConfigurationIsUnderstood(t *testing.T) {
	sources := []string{
		"", "ttyUSB0", "/dev/ttyUSB0", "/dev/serial/by-id/usb-FTDI_P1-if00-port0", "tcp://", "tcp://meter", "tcp://meter:", "tcp://meter:0",
		"tcp://meter:70000", "tcp://:2000", "tcp://10.0.0.7:2000", "tcp://meter.local:2000", "tcp://[fe80::1]:2000", "tcp://a/b:1", "udp://meter:1",
		"file:", "file:telegrams.txt", "file:/tmp/telegrams.txt", "sim:", "sim:nobody", "sim:dsmr50?seed=x", "sim:dsmr50?speed=3", "sim:dsmr50?seed=7&lively=true", "/dev/tty\x00",
	}
	for _, name := range sim.Names() {
		sources = append(sources, "sim:"+name)
	}
	for _, source := range sources {
		c := config.Default()
		_, _, patched := config.Patch(c, fmt.Appendf(nil, `{"Meter":{"Source":%q}}`, source), known())
		_, opened := serialport.ParseSource(source)
		if (patched == nil) != (opened == nil) {
			t.Errorf("source %q: the configuration says %v, the port %v", source, patched, opened)
		}
	}
}

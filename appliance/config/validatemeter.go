package config

import (
	"fmt"
	"path/filepath"

	"smartconnect/telegram"
)

func (m Meter) check(p *Problems, k Known) {
	const path = "/Meter/Source"
	p.line(path, m.Source, 1, maxText)
	if err := k.Source(m.Source); err != nil {
		p.add(path, "%v", err)
	}
	p.word("/Meter/Format", m.Format, append(words{Auto}, k.Formats...))
	if m.Out != "" {
		p.line("/Meter/Out", m.Out, 1, maxText)
		if !filepath.IsAbs(m.Out) {
			p.add("/Meter/Out", "%.80q is not the absolute path of a serial device such as /dev/ttyUSB1", m.Out)
		}
		if m.Out == m.Source {
			p.add("/Meter/Out", "is the source itself")
		}
	}
	if m.Share != "" {
		p.listen("/Meter/Share", m.Share)
	}
	p.word("/Meter/ShareAs", m.ShareAs, ShareAsWords)
	if m.DemandCap < 0 || m.DemandCap > maxDemand {
		p.add("/Meter/DemandCap", "%d is not from 0 to %d W", m.DemandCap, maxDemand)
	}
	p.word("/Meter/Verify", m.Verify, VerifyWords)
	p.word("/Meter/Profile", m.Profile, append(words{Auto}, k.Profiles...))
	for _, key := range []struct {
		path string
		telegram.Secret
	}{{keyPath, m.Key}, {authKeyPath, m.AuthKey}} {
		if _, err := telegram.ParseKey(key.Reveal()); err != nil && key.IsSet() {
			p.add(key.path, "%v", err)
		}
	}
	m.checkScalers(p)
	if n := len(m.List); n > maxObjects {
		p.add("/Meter/List", "has %d rows; it has at most %d", n, maxObjects)
	}
	for _, ratio := range []struct {
		path string
		of   float64
	}{{"/Meter/CurrentRatio", m.CurrentRatio}, {"/Meter/VoltageRatio", m.VoltageRatio}} {
		if ratio.of < telegram.MinRatio || ratio.of > telegram.MaxRatio {
			p.add(ratio.path, "%v is no transformer ratio from %v to %.0f", ratio.of, telegram.MinRatio, telegram.MaxRatio)
		}
	}
}

// Paths of the keys of an encrypted meter.
const (
	keyPath     = "/Meter/Key"
	authKeyPath = "/Meter/AuthKey"
)

func (m Meter) checkScalers(p *Problems) {
	if n := len(m.Scalers); n > maxObjects {
		p.add("/Meter/Scalers", "has %d rows; it has at most %d", n, maxObjects)
	}
	first := map[Code]int{}
	for i, s := range m.Scalers {
		path := fmt.Sprintf("/Meter/Scalers/%d", i)
		if s.OBIS == (Code{}) {
			p.add(path+"/OBIS", "is empty; it names an object such as \"1-0:1.7.0\"")
		}
		s.OBIS.B = 0 // whatever channel
		if j, twice := first[s.OBIS]; twice {
			p.add(path+"/OBIS", "is the object of /Meter/Scalers/%d too", j)
		} else {
			first[s.OBIS] = i
		}
		if s.Exponent < -telegram.MaxExponent || s.Exponent > telegram.MaxExponent {
			p.add(path+"/Exponent", "%d is not from -%d to %[2]d", s.Exponent, telegram.MaxExponent)
		}
	}
}

package main

import (
	"time"

	"smartconnect/telegram"
)

// decodedLine is a telegram as decode prints it: base units throughout, null or
// no key where the meter did not say.
type decodedLine struct {
	Format   string             `json:"format"`
	Meter    string             `json:"meter"`
	Header   string             `json:"header"`
	Version  string             `json:"version,omitempty"`
	Time     *time.Time         `json:"time"`
	Unit     string             `json:"power_unit"` // VA where the active powers are apparent ones
	Values   map[string]float64 `json:"values"`
	Derived  []string           `json:"derived,omitempty"`    // values computed from others
	Unread   []string           `json:"unreadable,omitempty"` // quantities sent in a form that cannot be read
	OBIS     map[string]any     `json:"obis"`
	Labels   map[string]any     `json:"labels,omitempty"`        // of TIC: the data as sent, with its horodate where it has one
	Raw      map[string]int64   `json:"raw,omitempty"`           // integers before scaling
	Scalers  map[string]string  `json:"scaler_source,omitempty"` // who says what they count in: transmitted, profile, override
	Seal     *sealLine          `json:"seal,omitempty"`
	Channels []channelLine      `json:"channels"`
	Peaks    []peakLine         `json:"peaks,omitempty"`
}

// sealLine says how an encrypted telegram was protected.
type sealLine struct {
	Authenticated bool   `json:"authenticated"`
	SystemTitle   string `json:"system_title"`
	Counter       uint32 `json:"counter"`
}

type channelLine struct {
	Channel int        `json:"channel"`
	Type    string     `json:"type"`
	ID      string     `json:"id"`
	Time    *time.Time `json:"time"`
	Value   *float64   `json:"value"`
	Unit    string     `json:"unit"`
}

type peakLine struct {
	Month *time.Time `json:"month"`
	Time  *time.Time `json:"time"`
	Value *float64   `json:"value"`
}

// lostLine is a telegram that was lost, by the class of the error.
type lostLine struct {
	Error  string `json:"error"`
	Detail string `json:"detail"`
}

// stampedLine is the data of a label with its time.
type stampedLine struct {
	Horodate string `json:"horodate"`
	Value    string `json:"value"`
}

func labelled(o telegram.Object) any {
	if o.Stamp != "" {
		return stampedLine{o.Stamp, string(o.Text)}
	}
	return string(o.Text)
}

func objectValue(o telegram.Object) any {
	if v, ok := o.Value.Get(); ok {
		return v
	}
	if o.Unreadable {
		return nil
	}
	return string(o.Text)
}

func line(m *telegram.Measurement, objects []telegram.Object) decodedLine {
	l := decodedLine{
		Format: m.Format, Meter: m.Meter.Name(), Header: m.Meter.Header.String(), Version: m.Meter.Version.String(),
		Time: orNull(m.Time), Unit: m.PowerUnit().String(), Values: map[string]float64{}, OBIS: map[string]any{}, Channels: []channelLine{},
	}
	for _, o := range objects {
		if o.Label != "" {
			if l.Labels == nil {
				l.Labels = map[string]any{}
			}
			l.Labels[o.Label] = labelled(o)
			continue
		}
		code := o.OBIS.String()
		l.OBIS[code] = objectValue(o)
		if o.Scaler != "" {
			if l.Raw == nil {
				l.Raw, l.Scalers = map[string]int64{}, map[string]string{}
			}
			l.Raw[code], l.Scalers[code] = o.Raw, string(o.Scaler)
		}
	}
	if m.Seal.Encrypted {
		l.Seal = &sealLine{m.Seal.Authenticated, m.Seal.Title.String(), m.Seal.Counter}
	}
	for q := range telegram.NumQuantities {
		if v, ok := m.Get(q).Get(); ok {
			l.Values[q.String()] = v
		}
		if m.Derived(q) {
			l.Derived = append(l.Derived, q.String())
		}
		if m.Unreadable(q) {
			l.Unread = append(l.Unread, q.String())
		}
	}
	for i, c := range m.Channels {
		if c.Device != 0 {
			l.Channels = append(l.Channels, channelLine{
				i + 1, c.Device.Class(), c.ID.String(), orNull(c.Time), number(c.Value), c.Unit.String(),
			})
		}
	}
	for _, p := range m.Peaks {
		if p.Value.OK() {
			l.Peaks = append(l.Peaks, peakLine{orNull(p.Month), orNull(p.Time), number(p.Value)})
		}
	}
	return l
}

func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func number(v telegram.Value) *float64 {
	if f, ok := v.Get(); ok {
		return &f
	}
	return nil
}

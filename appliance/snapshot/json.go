package snapshot

import (
	"bytes"
	"strconv"
	"time"

	"smartconnect/telegram"
)

// Quality says in one word whether the instantaneous values are fresh.
type Quality string

// The qualities of a snapshot.
const (
	OK    Quality = "ok"
	Stale Quality = "stale"
)

// Quality returns whether the snapshot is fresh at now.
func (s *Snapshot) Quality(now time.Time, staleAfter time.Duration) Quality {
	if s.Fresh(now, staleAfter) {
		return OK
	}
	return Stale
}

// AppendJSON appends the snapshot as one flat JSON object: seq, timestamp (Unix
// seconds UTC when the telegram came, null where that cannot be), instantaneous_timestamp (the same of the
// telegram the instantaneous values came in: their age, where a meter sends
// several lists), meter_timestamp (the meter's own clock, null if it has none or
// an impossible one), meter, quality, power_unit (VA where the active
// powers are apparent ones, as TIC sends them; W everywhere else), derived (the names of the quantities that
// were computed from others), and every quantity of the quantity table under its
// name, null where the meter did not say. The key set never changes.
func (s *Snapshot) AppendJSON(dst []byte, quality Quality) []byte {
	dst = append(dst, `{"seq":`...)
	dst = strconv.AppendUint(dst, s.Seq, 10)
	dst = append(dst, `,"timestamp":`...)
	dst = AppendTime(dst, s.Received)
	dst = append(dst, `,"instantaneous_timestamp":`...)
	dst = AppendTime(dst, s.At[telegram.Instantaneous])
	dst = append(dst, `,"meter_timestamp":`...)
	dst = AppendTime(dst, s.Time)
	dst = append(dst, `,"meter":`...)
	dst = AppendString(dst, s.Meter.Name())
	dst = append(dst, `,"quality":"`...)
	dst = append(append(dst, quality...), `","power_unit":"`...)
	dst = append(append(dst, s.PowerUnit().String()...), `","derived":[`...)
	for q := range telegram.NumQuantities {
		if s.Derived(q) {
			dst = append(append(append(dst, '"'), q.String()...), `",`...)
		}
	}
	dst = append(bytes.TrimSuffix(dst, []byte(",")), ']')
	for q := range telegram.NumQuantities {
		dst = append(append(append(dst, `,"`...), q.String()...), `":`...)
		dst = AppendValue(dst, s.Get(q))
	}
	return append(dst, '}')
}

// AppendValue appends a number in its shortest form, or null.
func AppendValue(dst []byte, v telegram.Value) []byte {
	if f, ok := v.Get(); ok {
		return strconv.AppendFloat(dst, f, 'f', -1, 64)
	}
	return append(dst, "null"...)
}

// AppendTime appends t as Unix seconds, or null for a time that cannot be meant.
func AppendTime(dst []byte, t time.Time) []byte {
	if !telegram.Plausible(t) {
		return append(dst, "null"...)
	}
	return strconv.AppendInt(dst, t.Unix(), 10)
}

// AppendString appends s as a JSON string; what is not printable ASCII becomes
// an escape, since meters have sent stranger things than letters.
func AppendString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < 0x20 || c > 0x7e:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

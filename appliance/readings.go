package appliance

import (
	"bytes"
	"context"
	"iter"
	"time"

	"smartconnect/api"
	"smartconnect/appliance/payload"
	"smartconnect/appliance/snapshot"
	"smartconnect/telegram"
)

// reading returns the latest reading for the API.
func (m *meter) reading(objects bool) api.Snapshot {
	snap, list := m.latest.get(objects)
	return apiReading(snap, list, objects, time.Now())
}

// readings is the latest reading and each one after it, until ctx is done. Nobody who
// listens may take the last one of a meter that has died for fresh: it comes once more
// when it is stale.
func (m *meter) readings(ctx context.Context, objects bool) iter.Seq[api.Snapshot] {
	return func(yield func(api.Snapshot) bool) {
		var last *snapshot.Snapshot
		fresh := false // as it was told
		for {
			pause := beat
			if fresh {
				stale := last.At[telegram.Instantaneous].Add(last.Limit(0) + time.Millisecond)
				pause = min(beat, time.Until(stale))
			}
			wait, cancel := context.WithTimeout(ctx, pause)
			newer := after(wait, m.store, last)
			cancel()
			if ctx.Err() != nil {
				return
			}
			var next api.Snapshot
			if newer != nil || fresh && !last.Fresh(time.Now(), 0) {
				snap, list := m.latest.get(objects) // no older than what came
				now := time.Now()
				last, fresh = snap, snap.Fresh(now, 0)
				next = apiReading(snap, list, objects, now)
			}
			if !yield(next) {
				return
			}
		}
	}
}

// after returns the newest snapshot that is not last, nil if there is none until ctx
// is done.
func after(ctx context.Context, store *snapshot.Store, last *snapshot.Snapshot) *snapshot.Snapshot {
	for snap := range store.Changes(ctx) {
		if snap != last {
			return snap
		}
	}
	return nil
}

// apiReading is what is known at now as one JSON object: the members of the topic
// electricity; age_seconds of the instantaneous values, and limit_seconds, past which
// they are stale, null before there are any; channels, the meters behind the M-Bus, as
// under their topics; and where they are wanted the objects of the meter, obis by
// their codes and labels by those of TIC. Before the first telegram every value is
// null.
func apiReading(snap *snapshot.Snapshot, list []object, objects bool, now time.Time) api.Snapshot {
	var age, limit telegram.Value
	if snap == nil {
		snap = &snapshot.Snapshot{}
	} else {
		limit = api.Seconds(snap.Limit(0)).Value
	}
	if d, ok := snap.Age(now); ok {
		age = api.Seconds(d).Value
	}
	b := make([]byte, 0, 4<<10+len(list)*96)
	b = snap.AppendJSON(b, snap.Quality(now, 0))
	b = append(bytes.TrimSuffix(b, []byte("}")), `,"age_seconds":`...)
	b = snapshot.AppendValue(b, age)
	b = append(b, `,"limit_seconds":`...)
	b = snapshot.AppendValue(b, limit)
	b = append(b, `,"channels":[`...)
	for i := range snap.Channels {
		if c := &snap.Channels[i]; c.Live() {
			b = append(payload.AppendChannel(b, i+1, c), ',')
		}
	}
	b = append(bytes.TrimSuffix(b, []byte(",")), ']')
	if objects {
		b = appendObjects(append(b, `,"obis":`...), list, false)
		b = appendObjects(append(b, `,"labels":`...), list, true)
	}
	return api.Snapshot{Seq: snap.Seq, JSON: append(b, '}')}
}

// appendObjects appends the objects with a code, or those with a label, as one JSON
// object: value (a number in the unit, a text, or null for what could not be read),
// unit ("" where it has none), timestamp (Unix seconds UTC when it came), and for a
// label the stamp that the meter gave it, null for none.
func appendObjects(dst []byte, list []object, labels bool) []byte {
	dst = append(dst, '{')
	for i := range list {
		o := &list[i]
		if (o.Label != "") != labels {
			continue
		}
		name, unit := o.Label, ""
		if !labels {
			name = o.OBIS.String()
		}
		dst = append(snapshot.AppendString(dst, name), `:{"value":`...)
		switch {
		case o.Value.OK():
			unit = o.Unit.String()
			dst = snapshot.AppendValue(dst, o.Value)
		case o.Unreadable:
			dst = append(dst, "null"...)
		default:
			dst = snapshot.AppendString(dst, string(o.Text))
		}
		dst = append(snapshot.AppendString(append(dst, `,"unit":`...), unit), `,"timestamp":`...)
		dst = snapshot.AppendTime(dst, o.At)
		switch {
		case labels && o.Stamp != "":
			dst = snapshot.AppendString(append(dst, `,"stamp":`...), o.Stamp)
		case labels:
			dst = append(dst, `,"stamp":null`...)
		}
		dst = append(dst, `},`...)
	}
	return append(bytes.TrimSuffix(dst, []byte(",")), '}')
}

package payload

import (
	"strconv"

	"smartconnect/appliance/snapshot"
	"smartconnect/telegram"
)

// channels writes what the meters behind the M-Bus say: one topic each, named by
// what they measure. It remembers the topics: one whose meter is gone is taken back.
type channels struct {
	base   string                       // without the last slash
	topics [telegram.NumChannels]string // each channel was last published under, "" for none
}

func (c *channels) write(w *sheet, s *snapshot.Snapshot) {
	for i := range s.Channels {
		ch, number := &s.Channels[i], i+1
		topic := ""
		if ch.Live() {
			topic = c.base + "/" + ch.Device.Class() + "/" + strconv.Itoa(number)
		}
		if old := c.topics[i]; old != "" && old != topic {
			w.octets = AppendChannel(w.octets, number, &telegram.Channel{})
			w.end(old)
		}
		c.topics[i] = topic
		if topic != "" {
			w.octets = AppendChannel(w.octets, number, ch)
			w.end(topic)
		}
	}
}

// AppendChannel appends the reading of M-Bus channel number (from 1) as one
// JSON object: channel, type, id, timestamp (Unix seconds UTC when the device
// was read), value, unit. A channel without a live reading keeps its keys and
// has nulls.
func AppendChannel(dst []byte, number int, c *telegram.Channel) []byte {
	dst = append(dst, `{"channel":`...)
	dst = strconv.AppendInt(dst, int64(number), 10)
	if !c.Live() {
		return append(dst, `,"type":null,"id":null,"timestamp":null,"value":null,"unit":null}`...)
	}
	dst = append(dst, `,"type":`...)
	dst = snapshot.AppendString(dst, c.Device.Class())
	dst = append(dst, `,"id":`...)
	dst = snapshot.AppendString(dst, c.ID.String())
	dst = append(dst, `,"timestamp":`...)
	dst = strconv.AppendInt(dst, c.Time.Unix(), 10)
	dst = append(dst, `,"value":`...)
	dst = snapshot.AppendValue(dst, c.Value)
	dst = append(dst, `,"unit":`...)
	dst = appendText(dst, c.Unit.String())
	return append(dst, '}')
}

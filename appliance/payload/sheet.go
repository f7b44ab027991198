package payload

// sheet is what the messages of one telegram are written on: what is appended to
// its octets becomes a message with end. All payloads share one allocation, which
// is never written to again: a broker keeps them.
type sheet struct {
	octets   []byte
	messages []Message
	qos      byte
	retain   bool
	from     int // where the payload begins that is being written
	need     int // octets the largest telegram so far took
}

// begin takes a new sheet. The messages of the last one are no longer valid, their
// payloads are.
func (w *sheet) begin() {
	w.need = max(w.need, len(w.octets)+len(w.octets)/8, 1<<10)
	w.octets, w.messages, w.from = make([]byte, 0, w.need), w.messages[:0], 0
}

func (w *sheet) end(topic string) {
	to := len(w.octets)
	w.messages = append(w.messages, Message{Topic: topic, Payload: w.octets[w.from:to:to], QoS: w.qos, Retain: w.retain})
	w.from = to
}

package broker

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/gorilla/websocket"
)

// The limits on what a WebSocket client says: its HTTP request, and one message,
// which need not hold more than the largest MQTT packet with its header.
const (
	maxRequest = 8 << 10
	maxFrame   = maxPacket + 4
)

// subprotocol is what client and server agree to speak (MQTT 5, [MQTT-6.0.0-3]).
const subprotocol = "mqtt"

var errText = errors.New("broker: websocket: a message that is not binary")

// upgrader lets pages of any origin in. There is nothing here that a page could
// use of the person who looks at it: no cookies, only a password in CONNECT that
// the page must know itself. Being in the house is the one thing it could borrow,
// so who comes with an origin does not get in without a name (see hook.login). Not
// even from the box's own: whoever rebinds a name of his to our address has that.
var upgrader = websocket.Upgrader{
	ReadBufferSize:  1 << 10,
	WriteBufferSize: 1 << 10,
	Subprotocols:    []string{subprotocol},
	CheckOrigin:     func(*http.Request) bool { return true },
}

// stream is a WebSocket as a stream of octets: MQTT packets may begin and end
// anywhere in its messages ([MQTT-6.0.0-2]).
type stream struct {
	*conn
	ws      *websocket.Conn
	message io.Reader // what is left of a message; nil between messages
	origin  string    // of the page the client is in; "" for a program
}

// upgrade answers the HTTP request of a WebSocket client, on any path: there is
// nothing else here, and clients differ in what they ask for by themselves. The
// deadline of reading is until again when it returns.
func upgrade(c *conn, until time.Time) (*stream, error) {
	in := bufio.NewReaderSize(io.LimitReader(c, maxRequest), 1<<10)
	r, err := http.ReadRequest(in)
	if err != nil {
		return nil, fmt.Errorf("broker: websocket: %w", err)
	}
	a := &answer{conn: c, in: in, header: http.Header{}}
	if !slices.Contains(websocket.Subprotocols(r), subprotocol) {
		http.Error(a, "MQTT over WebSocket: the subprotocol mqtt is wanted", http.StatusBadRequest)
		return nil, errors.Join(fmt.Errorf("broker: websocket: subprotocols %q", websocket.Subprotocols(r)), a.send())
	}
	ws, err := upgrader.Upgrade(a, r, nil)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("broker: websocket: %w", err), a.send())
	}
	ws.SetReadLimit(maxFrame)
	return &stream{conn: c, ws: ws, origin: r.Header.Get("Origin")}, c.SetDeadline(until)
}

// Read returns octets of one message at a time.
func (s *stream) Read(p []byte) (int, error) {
	for {
		if s.message == nil {
			kind, r, err := s.ws.NextReader()
			if err != nil {
				return 0, err
			}
			if kind != websocket.BinaryMessage { // [MQTT-6.0.0-1]
				s.bye(websocket.CloseUnsupportedData)
				return 0, errText
			}
			s.message = r
		}
		n, err := s.message.Read(p)
		if errors.Is(err, io.EOF) {
			s.message, err = nil, nil
		}
		if n > 0 || err != nil || len(p) == 0 {
			return n, err
		}
	}
}

// Write sends p as one message.
func (s *stream) Write(p []byte) (int, error) {
	if err := s.ws.WriteMessage(websocket.BinaryMessage, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Close says goodbye as a WebSocket does (RFC 6455, 7.1.2), and closes.
func (s *stream) Close() error {
	s.bye(websocket.CloseNormalClosure)
	return s.conn.Close()
}

func (s *stream) bye(code int) {
	_ = s.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, ""), time.Now().Add(flushLimit))
}

// answer is the http.ResponseWriter of the only request of a connection.
type answer struct {
	conn     *conn
	in       *bufio.Reader
	header   http.Header
	code     int
	body     bytes.Buffer
	hijacked bool
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(code int)        { a.code = code }
func (a *answer) Write(p []byte) (int, error) { return a.body.Write(p) }

// Hijack hands over the connection. The upgrade sees to it that nothing has been
// read beyond the request.
func (a *answer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	a.hijacked = true
	return a.conn, bufio.NewReadWriter(a.in, bufio.NewWriterSize(a.conn, 512)), nil
}

// send sends a refusal, if that is what it has become.
func (a *answer) send() error {
	if a.hijacked {
		return nil
	}
	return (&http.Response{
		StatusCode: a.code, ProtoMajor: 1, ProtoMinor: 1, Header: a.header,
		Body: io.NopCloser(&a.body), ContentLength: int64(a.body.Len()), Close: true,
	}).Write(a.conn)
}

package broker

import (
	"bufio"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
)

// request is what a WebSocket client asks for, with lines left out or put in.
func request(change func(lines []string) []string) []byte {
	lines := []string{
		"GET /mqtt HTTP/1.1", "Host: box", "Upgrade: websocket", "Connection: Upgrade",
		"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol: mqttv3.1, mqtt",
	}
	return []byte(strings.Join(append(change(lines), "", ""), "\r\n"))
}

func TestUpgrade(t *testing.T) {
	without := func(name string) func([]string) []string {
		return func(lines []string) (kept []string) {
			for _, l := range lines {
				if !strings.HasPrefix(l, name) {
					kept = append(kept, l)
				}
			}
			return kept
		}
	}
	with := func(line string) func([]string) []string {
		return func(lines []string) []string { return append(lines, line) }
	}
	first := func(line string) func([]string) []string {
		return func(lines []string) []string { lines[0] = line; return lines }
	}
	b := start(t, nil)
	for _, c := range []struct {
		name   string
		change func([]string) []string
		want   int // status; 0: closed without an answer
	}{
		{"no HTTP", first("\x10\x0c\x00\x04MQTT"), 0},
		{"header of 8 KiB", with("X: " + strings.Repeat("a", maxRequest)), 0},
		{"no subprotocol", without("Sec-WebSocket-Protocol"), 400},
		{"no key", without("Sec-WebSocket-Key"), 400},
		{"no upgrade", without("Upgrade"), 400},
		{"a version of yesterday", func(l []string) []string {
			return append(without("Sec-WebSocket-Version")(l), "Sec-WebSocket-Version: 8")
		}, 400},
		{"a POST", first("POST /mqtt HTTP/1.1"), 405},
		{"frames before the answer", with("\r\n\x82\x80aaaa"), 0},
		{"as it should be", with("X: y"), 101},
		{"another path", first("GET / HTTP/1.1"), 101},
		{"a page of another site", with("Origin: https://evil.example"), 101},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := b.raw(t, "ws")
			conn.send(request(c.change))
			r, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if c.want == 0 {
				if err == nil {
					t.Errorf("answered with %s", r.Status)
				}
				return
			}
			if err != nil || r.StatusCode != c.want {
				t.Fatalf("answered with %v, %v; want %d", r, err, c.want)
			}
			if p := r.Header.Get("Sec-WebSocket-Protocol"); c.want == 101 && p != "mqtt" {
				t.Errorf("subprotocol %q, want mqtt", p)
			}
			if c.want != 101 {
				if err := conn.closed(patience); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestWebSocketMessages(t *testing.T) {
	connect := packet(0x10, text("MQTT"), []byte{4, 0xc2, 0, 0}, text("ws"), text("mqtt"), text(pwReader))
	ping := []byte{0xc0, 0}
	type frame struct {
		kind   int
		octets []byte
	}
	binary := func(p []byte) frame { return frame{websocket.BinaryMessage, p} }
	giant := packet(0x30, text(base+"/electricity"), make([]byte, maxPacket-100))
	for _, c := range []struct {
		name  string
		send  []frame
		alive bool
		code  int // of the goodbye, 0: none or any
	}{
		{"text", []frame{{websocket.TextMessage, connect}}, false, websocket.CloseUnsupportedData},
		{"text after the login", []frame{binary(connect), {websocket.TextMessage, ping}}, false, websocket.CloseUnsupportedData},
		{"a message larger than a packet may be", []frame{binary(connect), binary(make([]byte, maxFrame+1))}, false, 0},
		{"a goodbye", []frame{binary(connect), {websocket.CloseMessage, websocket.FormatCloseMessage(1000, "")}}, false, websocket.CloseNormalClosure},
		{"one packet a message", []frame{binary(connect), binary(ping)}, true, 0},
		{"two packets in one message", []frame{binary(append(append([]byte{}, connect...), ping...))}, true, 0},
		{"a packet in pieces", []frame{binary(connect[:1]), binary(connect[1:20]), binary(connect[20:]), binary(ping[:1]), binary(ping[1:])}, true, 0},
		{"messages with nothing in them", []frame{binary(nil), binary(connect), binary(nil), binary(ping)}, true, 0},
		{"the largest packet", []frame{binary(connect), binary(giant), binary(ping)}, true, 0},
		{"a ping of the WebSocket", []frame{binary(connect), {websocket.PingMessage, []byte("x")}, binary(ping)}, true, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := start(t, nil)
			o, err := dialWebSocket(b.doors["ws"], false, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer o.Close()
			for _, f := range c.send {
				if err := o.WriteMessage(f.kind, f.octets); err != nil && c.alive {
					t.Fatal(err)
				}
			}
			client := &client{t, o, bufio.NewReader(o)}
			for {
				first, _, err := client.next(patience)
				if c.alive && first == 0xd0 {
					return
				}
				if err == nil {
					continue
				}
				if c.alive || c.code != 0 && !websocket.IsCloseError(err, c.code) {
					t.Errorf("%v; want it alive %t, or ended with %d", err, c.alive, c.code)
				}
				return
			}
		})
	}
}

// Being in the house is all that it takes to get in without a name; a page of
// another site is in the house with its reader.
func TestPagesNeedAPassword(t *testing.T) {
	b := start(t, func(b *Broker) { b.AllowAnonymous = true })
	own := fmt.Sprintf("http://%s", b.doors["ws"])
	for _, c := range []struct {
		name, origin string
		login        login
		want         byte
	}{
		{"a page of another site, without a name", "https://evil.example", login{id: "a"}, 5},
		{"a page of a rebound name", own, login{id: "a"}, 5},
		{"a page from a file", "null", login{id: "a"}, 5},
		{"a page with a password", "https://evil.example", reader, 0},
		{"a program", "", login{id: "a"}, 0},
	} {
		header := http.Header{}
		if c.origin != "" {
			header.Set("Origin", c.origin)
		}
		o, err := dialWebSocket(b.doors["ws"], false, header)
		if err != nil {
			t.Fatal(err)
		}
		if _, code := (&client{t, o, bufio.NewReader(o)}).connect(c.login); code != c.want {
			t.Errorf("%s: return code %d, want %d", c.name, code, c.want)
		}
		o.Close()
	}
}

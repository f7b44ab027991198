package uplink

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

func TestParseAddress(t *testing.T) {
	for _, c := range []struct {
		text, dial, host string
		secure           bool
	}{
		{"", "", "", false}, {"broker", "", "", false}, {"https://broker", "", "", false}, {"mqtt://", "", "", false},
		{"mqtt://nas.local", "nas.local:1883", "nas.local", false},
		{"mqtts://broker.example.com", "broker.example.com:8883", "broker.example.com", true},
		{"mqtts://10.0.0.2:8884", "10.0.0.2:8884", "10.0.0.2", true},
		{"mqtt://[fd00::1]", "[fd00::1]:1883", "fd00::1", false},
	} {
		got, err := parseAddress(c.text)
		if got != (address{c.secure, c.host, c.dial}) || (err == nil) != (c.dial != "") {
			t.Errorf("%q: %+v, %v", c.text, got, err)
		}
	}
}

func TestReasons(t *testing.T) {
	at := address{dial: "broker:8883"}
	for _, c := range []struct {
		err  error
		want Reason
	}{
		{nil, ReasonClosed},
		{errors.New("something new"), ReasonClosed},
		{packets.ErrorRefusedBadProtocolVersion, ReasonProtocol},
		{packets.ErrorRefusedIDRejected, ReasonIdentifier},
		{packets.ErrorRefusedServerUnavailable, ReasonBusy},
		{packets.ErrorRefusedBadUsernameOrPassword, ReasonLogin},
		{packets.ErrorRefusedNotAuthorised, ReasonRights},
		{fmt.Errorf("network Error : %w", io.EOF), ReasonClosed},
		{fmt.Errorf("%w: %w", errNoConnack, io.EOF), ReasonNoAnswer},
		{errNoAck, ReasonNoAck},
		{unsent(errors.New("publish was broken by timeout")), ReasonNoAck},
		{refusal(io.EOF, true), ReasonCertificate},
		{refusal(io.EOF, false), ReasonClosed},
		{&net.DNSError{IsTimeout: true}, ReasonName},
		{&ownError{errors.New("identity: no room")}, ReasonOwn},
		{errCode, ReasonProtocol},
		{&handshakeError{x509.UnknownAuthorityError{}}, ReasonUntrusted},
		{&handshakeError{errors.New("tls: no cipher suite")}, ReasonHandshake},
		{&handshakeError{io.EOF}, ReasonNoTLS},
	} {
		got, text := explain(c.err, at)
		if got != c.want || !strings.HasPrefix(text, "broker:8883") {
			t.Errorf("%v: %s: %s; want %s", c.err, got, text, c.want)
		}
	}
}

// A broker that lets the box in and then reads nothing keeps nothing from the disk,
// and a box that is stopped does not wait for it.
func TestBrokerThatDoesNotRead(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			_ = c.(*net.TCPConn).SetReadBuffer(1024)
			_, _ = c.Read(make([]byte, 200))
			_, _ = c.Write([]byte{0x20, 2, 0, 0})
			_, _ = c.Read(make([]byte, 300)) // the birth
			_, _ = c.Write([]byte{0x40, 2, 0, 1})
			t.Cleanup(func() { c.Close() })
		}
	}()
	u := up(t, "mqtt://", ln.Addr().String(), nil)
	eventually(t, 5*time.Second, "it is up, and says with whom", func() bool { s := u.Stats(); return s.Up && s.Peer.String() == "127.0.0.1" })
	for range 40 {
		u.say(100)
		time.Sleep(5 * time.Millisecond)
	}
	eventually(t, 20*time.Second, "everything is kept", func() bool { s := u.Stats(); return s.Waiting == u.said && s.Kept > 0 })
	began := time.Now()
	u.stop()
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("it took %v to stop", took)
	}
}

// Of a long outage fewer telegrams are kept where the owner wants that, and every
// event.
func TestThinning(t *testing.T) {
	u := up(t, "mqtt://", freePort(t), func(u *Uplink) {
		u.OfflineEvery, u.Limits.Thin = time.Hour, 300*time.Millisecond
	})
	u.say(5)
	time.Sleep(350 * time.Millisecond)
	for range 5 {
		u.say(1)
		time.Sleep(5 * time.Millisecond)
	}
	u.Event(1, "meter-lost", "")
	eventually(t, 2*time.Second, "five, one of five more, and the event", func() bool {
		s := u.Stats()
		return s.Waiting == 7 && s.Thinned == 4 && !s.Peer.IsValid()
	})
}

package uplink

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// address is a broker's.
type address struct {
	secure bool
	host   string // as it must stand in the certificate
	dial   string // HOST:PORT
}

func (a address) String() string { return a.dial }

// ports are the schemes of a broker's address, with their ports where the address
// names none.
var ports = map[string]string{"mqtt": "1883", "mqtts": "8883"}

func parseAddress(s string) (address, error) {
	u, err := url.Parse(s)
	if err != nil || ports[u.Scheme] == "" || u.Hostname() == "" {
		return address{}, fmt.Errorf("uplink: %.80q is not the address of a broker", s)
	}
	port := u.Port()
	if port == "" {
		port = ports[u.Scheme]
	}
	return address{secure: u.Scheme == "mqtts", host: u.Hostname(), dial: net.JoinHostPort(u.Hostname(), port)}, nil
}

// dial opens a connection to the broker: TCP, and TLS where the address says so.
func (u *Uplink) dial(ctx context.Context, at address, limits Limits) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, limits.Connect)
	defer cancel()
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", at.dial)
	if err != nil {
		return nil, err
	}
	conn := &guarded{Conn: raw}
	if !at.secure {
		return conn, nil
	}
	settings, err := u.TLS()
	if err != nil {
		_ = raw.Close()
		return nil, &ownError{err}
	}
	settings = settings.Clone()
	settings.ServerName = at.host
	settings.MinVersion = max(settings.MinVersion, tls.VersionTLS12)
	secure := tls.Client(raw, settings)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return nil, &handshakeError{err}
	}
	conn.Conn = secure
	return conn, nil
}

// peer returns the address at the other end of conn, in the form of its family.
func peer(conn net.Conn) netip.Addr {
	a, _ := netip.ParseAddrPort(conn.RemoteAddr().String()) // of what is no TCP there is none
	return a.Addr().Unmap()
}

// ownError is an error of the box's own certificate or settings.
type ownError struct{ error }

func (e *ownError) Unwrap() error { return e.error }

// handshakeError is an error of the TLS handshake.
type handshakeError struct{ error }

func (e *handshakeError) Unwrap() error { return e.error }

// client makes the MQTT client of one connection, which conn opens. lost is called
// when it is gone.
func (u *Uplink) client(at address, limits Limits, conn net.Conn, lost func(error), arrived mqtt.MessageHandler) mqtt.Client {
	o := mqtt.NewClientOptions()
	o.AddBroker("tcp://" + at.dial) // how it is reached is up to conn
	o.SetCustomOpenConnectionFn(func(*url.URL, mqtt.ClientOptions) (net.Conn, error) { return conn, nil })
	o.SetProtocolVersion(4)
	o.SetClientID(u.ClientID)
	if u.Username != "" {
		o.SetUsername(u.Username)
		o.SetPassword(u.Password.Reveal())
	}
	o.SetCleanSession(true)
	o.SetAutoReconnect(false)
	o.SetConnectRetry(false)
	o.SetOrderMatters(true) // what arrives is only taken note of
	o.SetConnectTimeout(limits.Connect)
	o.SetWriteTimeout(limits.Write)
	o.SetKeepAlive(keepAlive)
	o.SetPingTimeout(limits.Connect)
	o.SetStore(mqtt.NewMemoryStore())
	will := u.Tree.Will()
	o.SetBinaryWill(will.Topic, will.Payload, will.QoS, will.Retain)
	o.SetConnectionLostHandler(func(_ mqtt.Client, err error) { lost(err) })
	o.SetDefaultPublishHandler(arrived)
	return mqtt.NewClient(o)
}

const keepAlive = 30 * time.Second

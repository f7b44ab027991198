package uplink

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
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
	conn := &bounded{Conn: raw}
	if !at.secure {
		return conn, nil
	}
	settings, err := u.TLS()
	if err != nil {
		_ = raw.Close()
		return nil, err
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
	o.SetOrderMatters(false)
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

// bounded cuts a connection whose peer announces a packet longer than maxPacket.
// The library would make room for all of the 256 MiB that can be announced.
type bounded struct {
	net.Conn
	left  int  // octets of the packet that is read
	begun bool // its first octet has been read
	size  int  // its length as far as it has been read
	shift uint
}

// maxPacket is above any command, in octets.
const maxPacket = 128 << 10

// Read implements io.Reader.
func (c *bounded) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	for b := p[:n]; len(b) > 0; {
		if c.left > 0 {
			skip := min(c.left, len(b))
			c.left -= skip
			b = b[skip:]
			continue
		}
		octet := b[0]
		b = b[1:]
		if !c.begun {
			c.begun, c.size, c.shift = true, 0, 0
			continue
		}
		c.size |= int(octet&0x7f) << c.shift
		c.shift += 7
		if c.size > maxPacket || c.shift > 28 {
			return 0, fmt.Errorf("uplink: the broker sends a packet of more than %d octets", maxPacket)
		}
		if octet&0x80 == 0 {
			c.begun, c.left = false, c.size
		}
	}
	return n, err
}

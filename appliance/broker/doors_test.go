package broker

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// authority is the certificate that the clients here trust, and a server's by it.
var authority = sync.OnceValue(func() (a struct {
	pool *x509.CertPool
	pem  []byte
	cert tls.Certificate
}) {
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	signed, err := x509.CreateCertificate(rand.Reader, ca, ca, key.Public(), key)
	must(err)
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "box"},
		NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, key.Public(), key)
	must(err)
	a.pem = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed})
	a.pool = x509.NewCertPool()
	a.pool.AppendCertsFromPEM(a.pem)
	a.cert = tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	return a
})

// serverTLS asks for less than a door allows: MinVersion and the rest are the door's.
func serverTLS() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS10, NextProtos: []string{"h2"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { c := authority().cert; return &c, nil },
	}
}

func clientTLS() *tls.Config {
	return &tls.Config{RootCAs: authority().pool, ServerName: "127.0.0.1"}
}

// octets is a WebSocket as a stream, on the side of a client.
type octets struct {
	*websocket.Conn
	message io.Reader
}

func (o *octets) Read(p []byte) (int, error) {
	for o.message == nil {
		_, r, err := o.NextReader()
		if err != nil {
			return 0, err
		}
		o.message = r
	}
	n, err := o.message.Read(p)
	if err == io.EOF {
		o.message, err = nil, nil
	}
	return n, err
}

func (o *octets) Write(p []byte) (int, error) {
	return len(p), o.WriteMessage(websocket.BinaryMessage, p)
}

func (o *octets) SetDeadline(t time.Time) error { return o.SetReadDeadline(t) }

// dialWebSocket opens a WebSocket to a door, with what the header adds.
func dialWebSocket(addr net.Addr, secure bool, header http.Header) (*octets, error) {
	d := websocket.Dialer{Subprotocols: []string{"mqtt"}, TLSClientConfig: clientTLS(), HandshakeTimeout: patience}
	url := "ws://" + addr.String() + "/mqtt"
	if secure {
		url = "wss://" + addr.String() + "/mqtt"
	}
	ws, _, err := d.Dial(url, header)
	if err != nil {
		return nil, err
	}
	return &octets{Conn: ws}, nil
}

// through goes through a door as far as the first MQTT packet.
func (b *box) through(t testing.TB, door string) *client {
	t.Helper()
	var c net.Conn
	var err error
	switch door {
	case "tcp":
		return dial(t, b.addr)
	case "tls":
		c, err = tls.Dial("tcp", b.doors[door].String(), clientTLS())
	default:
		var o *octets
		if o, err = dialWebSocket(b.doors[door], door == "wss", nil); err == nil {
			c = o
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &client{t, c, bufio.NewReader(c)}
}

// everyDoor runs a test through each door of a box.
func everyDoor(t *testing.T, set func(*Broker), test func(t *testing.T, b *box, door string)) {
	for _, d := range ways {
		t.Run(d.Name, func(t *testing.T) { test(t, start(t, set), d.Name) })
	}
}

// let connects through a door.
func (c *client) let(l login) *client {
	c.t.Helper()
	if present, code := c.connect(l); code != 0 || present {
		c.t.Fatalf("CONNECT of %q as %q: session present %t, return code %d; want a new session", l.user, l.id, present, code)
	}
	return c
}

// raw opens the socket of a door and nothing more.
func (b *box) raw(t testing.TB, door string) *client { return dial(t, b.doors[door]) }

package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"smartconnect/telegram"
)

// pair returns a certificate and its private key in PEM.
func pair(t *testing.T) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
}

func TestValidateMQTT(t *testing.T) {
	cert, key := pair(t)
	otherCert, _ := pair(t)
	mqtt := func(change func(*MQTT)) func(*Config) { return func(c *Config) { change(&c.MQTT) } }
	login := func(cert, key string) func(*Config) {
		return mqtt(func(m *MQTT) { m.Certificate, m.Key = cert, telegram.NewSecret(key) })
	}
	authority := func(s string) func(*Config) { return mqtt(func(m *MQTT) { m.CA = s }) }
	door := func(change func(*Broker)) func(*Config) { return func(c *Config) { change(&c.Broker) } }
	for _, c := range []struct {
		name   string
		change func(*Config)
		want   string // the path, "" for none
		why    string
	}{
		{"an authority that is no PEM", authority("hello"), "/MQTT/CA", "is not a list of certificates in PEM"},
		{"an authority with something behind it", authority(cert + "hello"), "/MQTT/CA", "is not a list"},
		{"a private key as an authority", authority(key), "/MQTT/CA", `holds a "PRIVATE KEY"`},
		{"an authority cut short", authority("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"), "/MQTT/CA", "certificate 1 cannot be read"},
		{"an authority of 17 kB", authority(strings.Repeat(cert, 60)), "/MQTT/CA", "is longer than 16384 octets"},
		{"two authorities", authority(cert + otherCert), "", ""},
		{"a certificate and its key in one", login(cert+key, key), "/MQTT/Certificate", "belongs into Key"},
		{"a certificate without its key", login(cert, ""), "/MQTT/Certificate", "has no private key in Key"},
		{"a key without its certificate", login("", key), "/MQTT/Key", "none is set in Certificate"},
		{"a certificate and the key of another", login(otherCert, key), "/MQTT/Certificate", "private key does not match"},
		{"a key that is none", login(cert, "open sesame"), "/MQTT/Certificate", "is not a certificate in PEM with the private key in Key"},
		{"a certificate and its key", login(cert, key), "", ""},
		{"no such payload", mqtt(func(m *MQTT) { m.Format = "csv" }), "/MQTT/Format", `"csv" is none of xemex, rl-dsp or values`},
		{"commands perhaps", mqtt(func(m *MQTT) { m.Commands = "yes" }), "/MQTT/Commands", `"yes" is none of auto, on or off`},
		{"an outage of which nothing is kept", mqtt(func(m *MQTT) { m.KeepMiB = 0 }), "/MQTT/KeepMiB", "0 is not from 1 to 1024"},
		{"an outage of which a terabyte is kept", mqtt(func(m *MQTT) { m.KeepMiB = 1 << 20 }), "/MQTT/KeepMiB", "is not from 1 to 1024"},
		{"discovery of OBIS codes", mqtt(func(m *MQTT) { m.Format, m.Discovery = "rl-dsp", true }), "/MQTT/Discovery", "cannot read"},
		{"TLS on no port", door(func(b *Broker) { b.ListenTLS = "8883" }), "/Broker/ListenTLS", "is not a port"},
		{"TLS on the plain port", door(func(b *Broker) { b.ListenTLS = ":1883" }), "/Broker/ListenTLS", "taken by /Broker/Listen"},
		{"WebSocket on the port of Modbus", door(func(b *Broker) { b.WebSocket = ":502" }), "/Broker/WebSocket", "taken by /Modbus/Servers/0/Listen"},
		{"both WebSockets on a port", door(func(b *Broker) { b.WebSocket, b.WebSocketTLS = ":9001", ":9001" }), "/Broker/WebSocketTLS", "taken by /Broker/WebSocket"},
		{"no door but the plain one", door(func(b *Broker) { b.ListenTLS = "" }), "", ""},
		{"openWB's counter below zero", door(func(b *Broker) { b.OpenWB = -1 }), "/Broker/OpenWB", "-1 is not the number"},
		{"openWB's counter", door(func(b *Broker) { b.OpenWB = 4 }), "", ""},
	} {
		cfg := Default()
		c.change(&cfg)
		err := cfg.Validate(known)
		problems, _ := errors.AsType[Problems](err)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.want != "" && (len(problems) != 1 || problems[0].Path != c.want || !strings.Contains(problems[0].Text, c.why)):
			t.Errorf("%s: %v, want %s %s", c.name, err, c.want, c.why)
		}
		if err != nil && strings.Contains(err.Error(), "sesame") {
			t.Errorf("%s: the error tells the key: %v", c.name, err)
		}
	}
}

// The private key that goes with a certificate stays inside, and both stay as they
// were written.
func TestSecretPair(t *testing.T) {
	cert, key := pair(t)
	body, err := json.Marshal(map[string]any{"MQTT": map[string]any{"Certificate": cert, "Key": key, "CA": cert}})
	if err != nil {
		t.Fatal(err)
	}
	c := changed(t, string(body))
	if c.MQTT.Certificate != cert || c.MQTT.Key.Reveal() != key || c.MQTT.CA != cert {
		t.Errorf("%+v is not what was written", c.MQTT)
	}
	secret := strings.Split(key, "\n")[1]
	for door, text := range map[string]string{"GET": string(Public(c)), "a log": fmt.Sprintf("%v %+v", c, c.MQTT)} {
		if strings.Contains(text, secret) {
			t.Errorf("%s shows the key", door)
		}
	}
	if got := string(Public(c)); !strings.Contains(got, `"KeySet": true`) || !strings.Contains(got, "BEGIN CERTIFICATE") {
		t.Errorf("GET is %s", got)
	}
	back, err := read(file(c), known)
	if err != nil || back.config.MQTT.Key.Reveal() != key || back.config.MQTT.Certificate != cert {
		t.Errorf("read back: %v", err)
	}
}

func TestThin(t *testing.T) {
	for _, c := range []struct {
		text string
		want time.Duration
		ok   bool
	}{
		{"", 0, false}, {"1s", 0, false}, {"61m", 0, false}, {"ten", 0, false}, {"-5s", 0, false}, {"0s", 0, false},
		{"all", 0, true}, {"2s", 2 * time.Second, true}, {"1h", time.Hour, true},
	} {
		var got Thin
		err := got.UnmarshalText([]byte(c.text))
		if time.Duration(got) != c.want || (err == nil) != c.ok {
			t.Errorf("%q is %v, %v", c.text, got, err)
		}
		if back, _ := got.MarshalText(); c.ok && string(back) != c.text {
			t.Errorf("%q is written %q", c.text, back)
		}
	}
}

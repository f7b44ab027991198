package appliance

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"smartconnect/api"
	"smartconnect/appliance/identity"
)

// selfSigned writes a certificate for 127.0.0.1 that is its own authority, and its
// key, and returns both paths and the certificate in PEM.
func selfSigned(t *testing.T) (certFile, keyFile, cert string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "cloud"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for path, b := range map[string][]byte{certFile: text, keyFile: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})} {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile, string(text)
}

// A broker that trusts the authority of the box knows the box by its serial number,
// and lets it write below its own topics only.
func TestDeviceCertificate(t *testing.T) {
	b := start(t, "sim:dsmr50", "")
	who, err := identity.Open(b.o.State, b.o.Log)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	clients, rights := filepath.Join(dir, "clients.pem"), filepath.Join(dir, "rights")
	if err := os.WriteFile(clients, who.CACertificate(), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(rights, []byte("pattern readwrite devices/+/smart-connect/%u/#\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	certFile, keyFile, cert := selfSigned(t)
	outside := mosquitto(t, "cafile "+clients, "certfile "+certFile, "keyfile "+keyFile,
		"require_certificate true", "use_identity_as_username true", "acl_file "+rights)

	change := func(ca string) {
		t.Helper()
		body, err := json.Marshal(map[string]any{"MQTT": map[string]any{"Broker": "mqtts://" + outside, "CA": ca}})
		if err != nil {
			t.Fatal(err)
		}
		if r := b.patch(string(body)); !r.RestartRequired {
			t.Errorf("%+v", r)
		}
		b.stop()
		b.run()
	}
	change("")
	eventually(t, 5*time.Second, "the broker is not trusted", func() bool {
		s := b.mqttStatus()
		return s.State == api.Fault && s.Reason == "untrusted" && strings.Contains(s.Detail, "MQTT.CA")
	})
	change(cert)
	eventually(t, 10*time.Second, "telegrams are acknowledged", func() bool {
		s := b.mqttStatus()
		return s.State == api.OK && s.Sent > 1
	})
	if s, err := b.status(); err != nil || strings.Contains(fmt.Sprintf("%+v", s), "PRIVATE KEY") {
		t.Error("the status shows a key")
	}
}

// Home Assistant is told of the box on a broker of the owner's, and told to forget
// it when he does not want that any more; nobody else is.
func TestDiscoveryTakenBack(t *testing.T) {
	t.Parallel()
	outside := mosquitto(t, "allow_anonymous true")
	b := start(t, "sim:dsmr50", fmt.Sprintf(`{"MQTT":{"Broker":"mqtt://%s","Discovery":true}}`, outside))
	topic := "homeassistant/device/smart-connect-" + b.label.Serial + "/config"
	told := hear(t, 1, outside, "-t", topic)[topic]
	for _, want := range []string{`devices/unknown-site/smart-connect/` + b.label.Serial + `/data/energy`, `"device_class":"energy"`, `"device_class":"gas"`} {
		if !strings.Contains(told, want) {
			t.Errorf("%s is not in %s", want, told)
		}
	}
	inside := []string{"-u", b.label.MQTTUser, "-P", b.label.MQTTPassword, "-t", topic}
	hear(t, 1, b.mqtt, inside...)
	heard, heardInside := wiretap(t, outside, "-t", topic), ""
	b.patch(`{"MQTT":{"Discovery":false},"Broker":{"Discovery":false}}`)
	b.stop()
	b.run()
	eventually(t, 5*time.Second, "it is taken back", func() bool { return strings.Contains(heard.String(), topic+" (null)") })
	time.Sleep(1500 * time.Millisecond) // a telegram later
	tap := wiretap(t, b.mqtt, inside...)
	time.Sleep(300 * time.Millisecond) // for what is retained
	heardInside = tap.String()
	if strings.Contains(heardInside, "device_class") {
		t.Errorf("the broker in the box still tells: %s", heardInside)
	}
}

// A format that Home Assistant cannot be told of takes back what it was told of the
// one before: nothing comes any more under the topics named there.
func TestDiscoveryTakenBackForUtilities(t *testing.T) {
	outside := mosquitto(t, "allow_anonymous true")
	b := start(t, "sim:dsmr50", fmt.Sprintf(`{"MQTT":{"Broker":"mqtt://%s","Discovery":true}}`, outside))
	topic := "homeassistant/device/smart-connect-" + b.label.Serial + "/config"
	hear(t, 1, outside, "-t", topic)
	heard := wiretap(t, outside, "-t", topic)
	b.patch(`{"MQTT":{"Discovery":false,"Format":"rl-dsp"}}`)
	b.stop()
	b.run()
	eventually(t, 5*time.Second, "it is taken back", func() bool { return strings.Contains(heard.String(), topic+" (null)") })
}

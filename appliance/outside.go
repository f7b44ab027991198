package appliance

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"smartconnect/api"
	"smartconnect/appliance/config"
	"smartconnect/appliance/payload"
	"smartconnect/appliance/run"
	"smartconnect/appliance/snapshot"
	"smartconnect/appliance/uplink"
)

// addUplink makes the connection to a broker outside, where the owner wants one.
func (l *life) addUplink() error {
	c := &l.cfg.MQTT
	if !c.Enabled {
		return nil
	}
	obeys := obeysUplink(c)
	options := payload.OutsideOptions{Energy: c.Energy || c.Discovery} // Home Assistant's energy dashboard wants counters
	if obeys {
		options.Capabilities = l.desk.Names()
	}
	tree, err := payload.NewOutside(l.device(), c.Site, c.Format, options)
	if err != nil {
		return err
	}
	u := &uplink.Uplink{
		Broker: c.Broker, ClientID: l.identity.Serial(), Username: c.Username, Password: c.Password,
		TLS:  l.uplinkTLS(c),
		Tree: tree, Telegrams: l.store.Reader(),
		Folder:       filepath.Join(l.o.State, "uplink"),
		OfflineEvery: time.Duration(c.OfflineEvery),
		Clock:        clock,
		Limits:       uplink.Limits{MaxBytes: int64(c.KeepMiB) << 20},
		Log:          l.log,
	}
	if err := l.announceOutside(c, u); err != nil {
		return err
	}
	if obeys {
		u.Command = func(ctx context.Context, name string, body []byte, answer func([]byte) error) {
			l.desk.Do(ctx, viaUplink, name, body, answer)
		}
		u.Late = func() (late []payload.Message) {
			for _, a := range l.desk.Unanswered(viaUplink) {
				late = append(late, tree.Response(a.Name, a.Body))
			}
			return late
		}
	}
	l.uplink = u
	l.events.next, l.events.told = l.sequence("event-sequence"), u.Event
	l.tasks = append(l.tasks, run.Task{Name: "uplink", Run: u.Run})
	return nil
}

// announcedFile names the broker outside that was told of the box for Home
// Assistant: there, and nowhere else, it is taken back.
const announcedFile = "announced"

// announceOutside tells Home Assistant of the box, or takes back what it was told.
func (l *life) announceOutside(c *config.MQTT, u *uplink.Uplink) error {
	path := filepath.Join(l.o.State, announcedFile)
	told, _ := config.ReadFile(path) // none: nobody was told
	switch {
	case c.Discovery:
		home, err := u.Tree.HomeAssistant(l.homeAssistant(0))
		if err != nil {
			return err
		}
		u.Announce = func(s *snapshot.Snapshot) []payload.Message { return []payload.Message{home.Discovery(s)} }
		if string(told) != c.Broker {
			if err := config.WriteFile(path, []byte(c.Broker), 0o600); err != nil {
				l.log.Warn("whom Home Assistant's discovery is sent to cannot be kept", "error", err)
			}
		}
	case string(told) == c.Broker:
		u.Withdraw = []payload.Message{u.Tree.Removal()} // whatever its format is by now
	}
	return nil
}

// obeysUplink says whether commands through the broker outside are obeyed: without
// TLS anybody on the way could give them.
func obeysUplink(c *config.MQTT) bool {
	return c.Commands == "on" || c.Commands == config.Auto && strings.HasPrefix(c.Broker, "mqtts://")
}

// uplinkTLS returns what connections to the broker begin with: whom to trust, and,
// unless a user and a password say who the box is, its certificate.
func (l *life) uplinkTLS(c *config.MQTT) func() (*tls.Config, error) {
	return func() (*tls.Config, error) {
		t := &tls.Config{MinVersion: tls.VersionTLS12}
		if c.CA != "" {
			t.RootCAs = x509.NewCertPool()
			if !t.RootCAs.AppendCertsFromPEM([]byte(c.CA)) {
				return nil, errors.New("appliance: MQTT.CA holds no certificate")
			}
		}
		switch {
		case c.Certificate != "":
			pair, err := tls.X509KeyPair([]byte(c.Certificate), []byte(c.Key.Reveal()))
			if err != nil {
				return nil, err
			}
			t.Certificates = []tls.Certificate{pair}
		case c.Username == "":
			own, err := l.identity.ClientCertificate()
			if err != nil {
				return nil, err
			}
			// Whatever authorities the broker names: it may know the box all the same,
			// and a refusal says more than an empty certificate.
			t.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return own, nil }
		}
		return t, nil
	}
}

// uplinkStatus says how the connection to the broker outside is doing, and why.
func (l *life) uplinkStatus(now time.Time) api.MQTT {
	c := &l.cfg.MQTT
	if l.uplink == nil {
		return api.MQTT{State: api.Off, Broker: c.Broker}
	}
	u := l.uplink.Stats()
	s := api.MQTT{
		State: api.Waiting, Reason: string(u.Reason), Detail: u.Detail, Broker: c.Broker,
		Sent: u.Sent, Waiting: uint64(u.Waiting), KeptOctets: uint64(u.Kept),
		Dropped: u.Dropped, Damaged: u.Damaged, Strayed: u.Strayed, Thinned: u.Thinned,
		Commands: u.Commands, Refused: u.Refused,
	}
	if !u.Since.IsZero() {
		s.SinceSeconds = api.Seconds(now.Sub(u.Since))
	}
	if !u.NextTry.IsZero() {
		s.NextTrySeconds = api.Seconds(max(0, u.NextTry.Sub(now)))
	}
	switch {
	case u.Up:
		s.State = api.OK
	case u.Reason == uplink.ReasonConnecting || u.Reason == uplink.ReasonClock || u.Reason == "":
	default:
		s.State = api.Fault
	}
	if u.DiskFault != nil {
		s.Detail = strings.TrimPrefix(s.Detail+"; an outage is kept in memory only: "+u.DiskFault.Error(), "; ")
	}
	return s
}

// homeAssistant is what Home Assistant is told beside the values.
func (l *life) homeAssistant(staleAfter config.StaleAfter) payload.HomeAssistantOptions {
	o := payload.HomeAssistantOptions{StaleAfter: time.Duration(staleAfter)}
	if all := l.network.now().All; len(all) > 0 && l.o.HTTPS != "" {
		o.ConfigurationURL = fmt.Sprintf("https://%s/", net.JoinHostPort(all[0].String(), strconv.Itoa(portOf(l.o.HTTPS))))
	}
	return o
}

// device is the box as it presents itself.
func (l *life) device() payload.Device {
	return payload.Device{Serial: l.identity.Serial(), Model: model, Firmware: Version()}
}

package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"
)

// Door is a way in: what stands between a socket and the MQTT packets.
type Door struct {
	Name      string      // as the log calls it
	TLS       *tls.Config // the certificate to show; nil: plain
	WebSocket bool        // MQTT in the frames of a WebSocket (MQTT 5, 6), over TLS if there is one
}

// Admit lets in the clients that ln accepts until ctx is done, and closes ln. Any
// number of doors are open at once, and each comes and goes as it likes: a door
// that fails keeps nobody from the others, who is in stays, and while Run does
// not run it waits. The limits are of all doors together.
func (b *Broker) Admit(ctx context.Context, ln net.Listener, d Door) error {
	defer ln.Close()
	defer context.AfterFunc(ctx, func() { _ = ln.Close() })()
	d = d.locked()
	b.Log.Info("broker listens", "door", d.Name, "address", ln.Addr())
	for failures := 0; b.present.wait(ctx); {
		socket, err := ln.Accept()
		if err == nil {
			failures = 0
			b.welcome(ctx, socket, d)
			continue
		}
		if ctx.Err() != nil {
			return nil
		}
		// No descriptors left, for instance: those of others come back.
		if failures++; errors.Is(err, net.ErrClosed) || failures == maxFailures {
			return fmt.Errorf("broker: accept: %w", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(failures) * 20 * time.Millisecond):
		}
	}
	return nil
}

// maxFailures of accepting in a row, in some nine seconds, close a door.
const maxFailures = 30

// welcome gives a socket to the engine that runs now, or to the next one: what
// comes while the server is started again waits.
func (b *Broker) welcome(ctx context.Context, socket net.Conn, d Door) {
	for b.present.wait(ctx) {
		if e := b.present.get(); e != nil {
			e.sockets.admit(socket, d)
			return
		}
	}
	_ = socket.Close()
}

// locked returns the door with what its TLS must not do. A client that names the
// protocols it wants to speak inside (ALPN) is not refused for their names: what
// is spoken here is known. A browser means HTTP/1.1 by a WebSocket.
func (d Door) locked() Door {
	if d.TLS == nil {
		return d
	}
	d.TLS = d.TLS.Clone()
	d.TLS.MinVersion = max(d.TLS.MinVersion, tls.VersionTLS12)
	d.TLS.NextProtos = nil
	return d
}

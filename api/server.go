// Package api is how a person or a machine sees and configures the box over
// HTTP: the API below /api/v1, a status page, and on the plain port a landing
// page that leads to the secure one.
//
// # Adding an endpoint
//
// Write its handler as a method of [Server] in a file of its own, add a row to the
// table in routes.go, and describe it in openapi.yaml: a test of the appliance fails
// on a route that is not in there, and sends every example of it. Host check, origin
// check, credentials, media type, headers and time limits hold for every row alike.
//
// # Adding a setting to the page
//
// Add a row to a sheet in sheets.go, and its name, what it wants and its words to
// web/catalogue.json. Everything else follows: showing, changing, what is wrong with
// it, what waits for a restart.
//
// # Adding a language
//
// Add it to tongues in tongue.go, and to each sentence of the catalogue.
//
// The package knows nothing of the appliance: it is given plain fields and
// functions, and says in [Status], [Firmware], [Config] and [Problems] what
// shape it wants them in.
package api

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// Server answers HTTP for one life of the box. Fill the fields, then call
// Serve, again if need be but never twice at once. Fields without "optional"
// must be set.
type Server struct {
	Config   Config          // reads and changes the configuration
	Status   func() Status   // the state at this moment; called for every look at it
	Firmware func() Firmware // what runs, and the state of an update

	// Choices are the words of settings that are one of a few, by their JSON pointer
	// with * for the row of a list. The page offers them.
	Choices map[string][]string

	// Reset asks the appliance to end this life and start the next. It returns
	// at once; the answer to the client has left when it is called.
	Reset func()

	// FactoryReset makes the reset that follows one to the state of delivery.
	FactoryReset func() error

	Support func() Support // what helps to find a fault, beside the status

	// Telegrams yields the meter's telegrams from the next one on until ctx is done,
	// and an empty one now and then while there is none. It fails where there are
	// too many readers. Optional.
	Telegrams func(ctx context.Context) (iter.Seq[Telegram], error)

	// Reading returns the latest reading, and where objects is true every object that
	// the meter sends.
	Reading func(objects bool) Snapshot

	// Readings yields the latest reading and each one after it until ctx is done, the
	// last one again once it is stale, and an empty one now and then while there is
	// none. Who is slow gets the newest only.
	Readings func(ctx context.Context, objects bool) iter.Seq[Snapshot]

	Metrics http.Handler // of the scrapes of Prometheus
	History History      // what the box remembers of the readings; optional

	// ModbusLog returns the last requests of Modbus clients, the newest first.
	// Optional.
	ModbusLog func() []ModbusRequest

	// Check reports whether user and password are right. source is the
	// client's IP address. When the source has to wait before its next attempt
	// counts, ok is false and retryAfter positive. Every other refusal is one
	// line in the log, so that Check's waiting times bound those too.
	Check func(source, user, password string) (ok bool, retryAfter time.Duration)

	// Sessions is whose turn it is. Servers of one box share it; optional for one alone.
	Sessions *Sessions

	// Credential returns a text that changes with the password, and ends the sessions
	// that were begun with the old one; it is not told to anybody. Optional.
	Credential func() string

	// PlainAPI answers the API on the plain listener as well: for closed networks,
	// where the owner wants that.
	PlainAPI bool

	// SetCredentials changes passwords of the label, all of those given or none:
	// "Password" of the API, "MQTTPassword" of the broker's user. Check takes the new
	// one from then on, and no longer the old one. What the owner can put right is an
	// error that wraps [Problems].
	SetCredentials func(given map[string]string) error

	Tokens Tokens // of machines that may read

	// Token returns the name of the token with a secret. It takes as long whether
	// there is one or not.
	Token func(secret string) (name string, ok bool)

	TLS *tls.Config // certificate of the secure listener; optional without one
	CA  CA          // what clients may come to trust

	Serial  string // serial number of the box
	Version string // version of the firmware
	Contact string // a URI to report weaknesses to; optional, zero leads to the page of the policy

	// SecurePort is the port that links name; optional, zero takes that of the
	// secure listener. It is needed where another Server has the secure
	// listener, or a port is forwarded.
	SecurePort int

	// SecureFault says why the secure listener of another Server does not
	// answer, "" if it does; optional. The landing page shows it.
	SecureFault func() string

	// Hosts are further names under which the secure listener answers, beside
	// those every local network has (see hosts.go); optional.
	Hosts []string

	Limits Limits // optional, zero means DefaultLimits
	Log    *slog.Logger

	securePort int
	origins    http.CrossOriginProtection
	locked     pause
	foreign    pause
	stranger   pause
	streams    room // for streams of readings
}

// CA is the certificate authority of this box.
type CA struct {
	PEM         []byte // the certificate, as offered for download
	Fingerprint string // SHA-256 of the certificate, in the form the label shows
}

// Limits keep slow, greedy or broken clients from taking the box from others.
type Limits struct {
	Header         time.Duration // for the TLS handshake, and for the header of a request
	Read           time.Duration // for a whole request, body included
	Write          time.Duration // from the header read to the answer written
	Idle           time.Duration // between two requests of one connection
	Grace          time.Duration // for running requests when the server ends
	HeaderBytes    int           // length of a request's header
	BodyBytes      int64         // length of a request's body
	Conns          int           // open connections of one listener
	ConnsPerSource int           // of these, from one address
}

// DefaultLimits suit a small box in a house: a browser opens up to six
// connections, and a handful of people and machines look at it.
var DefaultLimits = Limits{
	Header:         5 * time.Second,
	Read:           15 * time.Second,
	Write:          15 * time.Second,
	Idle:           30 * time.Second,
	Grace:          200 * time.Millisecond,
	HeaderBytes:    16 << 10,
	BodyBytes:      64 << 10,
	Conns:          48,
	ConnsPerSource: 16,
}

// Serve answers on both listeners until ctx is done, and then returns nil, or
// until one of them fails. Either listener may be nil, not both. Serve closes
// them. Running requests get Limits.Grace to end, then their connections are
// closed; when Serve returns every handler has returned. (A connection on which
// too large a body was just refused lingers for up to half a second: net/http
// gives its client that long to read the refusal.)
func (s *Server) Serve(ctx context.Context, plain, secure net.Listener) error {
	if plain == nil && secure == nil {
		return errors.New("api: no listener given")
	}
	if secure != nil && s.TLS == nil {
		return errors.New("api: secure listener without a TLS configuration")
	}
	if s.Sessions == nil {
		s.Sessions = new(Sessions)
	}
	if s.Limits == (Limits{}) {
		s.Limits = DefaultLimits
	}
	s.securePort = s.SecurePort
	if s.securePort == 0 && secure != nil {
		if a, ok := secure.Addr().(*net.TCPAddr); ok {
			s.securePort = a.Port
		}
	}

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var both sync.WaitGroup
	var plainErr, secureErr error
	if plain != nil {
		both.Go(func() {
			defer cancel()
			plainErr = s.serve(ctx, plain, s.answerPlain, nil)
		})
	}
	if secure != nil {
		both.Go(func() {
			defer cancel()
			secureErr = s.serve(ctx, secure, s.answerSecure, s.TLS)
		})
	}
	both.Wait()
	return errors.Join(plainErr, secureErr)
}

// serve runs one listener until ctx is done or the listener fails.
func (s *Server) serve(ctx context.Context, ln net.Listener, answer http.HandlerFunc, secure *tls.Config) error {
	requests, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	var conns sync.WaitGroup
	// HTTP/1.1 alone: a few clients gain nothing from HTTP/2, and its streams
	// would slip past the limits on connections.
	var http1 http.Protocols
	http1.SetHTTP1(true)
	places := limit(ln, s.Limits.Conns, s.Limits.ConnsPerSource)
	srv := &http.Server{
		Handler:           s.recovering(answer),
		Protocols:         &http1,
		ReadHeaderTimeout: s.Limits.Header,
		ReadTimeout:       s.Limits.Read,
		WriteTimeout:      s.Limits.Write,
		IdleTimeout:       s.Limits.Idle,
		MaxHeaderBytes:    s.Limits.HeaderBytes,
		BaseContext:       func(net.Listener) context.Context { return requests },
		ConnContext:       withPlace,
		// Failed handshakes and the like: any port scan makes hundreds.
		ErrorLog: slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug),
		// Close does not wait for the goroutines of the connections. They are
		// counted here, as their last act is to report StateClosed.
		ConnState: func(conn net.Conn, state http.ConnState) {
			places.note(conn, state)
			switch state {
			case http.StateNew:
				conns.Add(1)
			case http.StateClosed, http.StateHijacked:
				conns.Done()
			}
		},
	}
	ended := make(chan error, 1)
	go func() {
		if secure == nil {
			ended <- srv.Serve(places)
			return
		}
		srv.TLSConfig = secure.Clone()
		srv.TLSConfig.MinVersion = max(srv.TLSConfig.MinVersion, tls.VersionTLS12)
		ended <- srv.ServeTLS(places, "", "")
	}()

	var failure error
	select {
	case <-ctx.Done():
	case err := <-ended:
		failure = fmt.Errorf("api: listener %s: %w", ln.Addr(), err)
		ended <- err
	}
	grace, cancel := context.WithTimeout(requests, s.Limits.Grace)
	defer cancel()
	if srv.Shutdown(grace) != nil {
		cut()
		_ = srv.Close() // the listener is closed already, and a connection that cannot close is gone
	}
	<-ended
	conns.Wait()
	return failure
}

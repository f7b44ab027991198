package uplink

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// Reason says in one word why there is no connection.
type Reason string

// The reasons, in the order of the way to a broker.
const (
	ReasonConnecting  Reason = "connecting"         // the first attempt is under way
	ReasonClock       Reason = "clock"              // the box does not know the time, or the certificate says so
	ReasonName        Reason = "name-unknown"       // the name has no address
	ReasonUnreachable Reason = "unreachable"        // no way there
	ReasonRefused     Reason = "refused"            // nobody listens there
	ReasonNoAnswer    Reason = "no-answer"          // somebody may, and says nothing
	ReasonNoTLS       Reason = "no-tls"             // what listens there does not speak TLS
	ReasonUntrusted   Reason = "untrusted"          // its certificate is signed by nobody known
	ReasonOtherName   Reason = "wrong-name"         // its certificate is another host's
	ReasonExpired     Reason = "expired"            // its certificate has run out
	ReasonHandshake   Reason = "tls"                // TLS fails for another reason
	ReasonOwn         Reason = "own-certificate"    // the box has none to show
	ReasonCertificate Reason = "certificate"        // it does not accept the box's certificate
	ReasonLogin       Reason = "login"              // it does not accept user and password
	ReasonRights      Reason = "not-authorised"     // it knows the box and lets it not in
	ReasonIdentifier  Reason = "identifier"         // it does not accept the client identifier
	ReasonProtocol    Reason = "protocol"           // it does not speak MQTT 3.1.1
	ReasonBusy        Reason = "server-unavailable" // it says so itself
	ReasonNoAck       Reason = "no-acknowledgement" // it takes messages and does not acknowledge them
	ReasonClosed      Reason = "closed"             // it has closed the connection
)

// reasons tells errors apart: the first row that fits counts. What its sentence
// says goes before the text of the error.
var reasons = [...]struct {
	fits   func(error) bool
	reason Reason
	advice string
}{
	{as(func(*ownError) bool { return true }), ReasonOwn, "the box cannot read or make the certificate that it logs in with"},
	{is(errNoAck), ReasonNoAck, "the broker takes messages and does not acknowledge them"},
	{says("pingresp not received"), ReasonNoAnswer, "the broker does not answer any more"},
	{is(errNoConnack), ReasonNoAnswer, "the broker accepts the connection and does not answer"},
	{is(packets.ErrorRefusedBadUsernameOrPassword), ReasonLogin, "the broker does not accept MQTT.Username and MQTT.Password"},
	{is(packets.ErrorRefusedNotAuthorised), ReasonRights, "the broker does not let this box in: it must know the serial number, the user or the certificate"},
	{is(packets.ErrorRefusedIDRejected), ReasonIdentifier, "the broker does not accept the serial number as the client identifier"},
	{is(packets.ErrorRefusedBadProtocolVersion), ReasonProtocol, "the broker does not speak MQTT 3.1.1"},
	{is(errCode), ReasonProtocol, "the broker does not speak MQTT 3.1.1"},
	{is(packets.ErrorRefusedServerUnavailable), ReasonBusy, "the broker says that it is not available"},
	{as(func(e x509.UnknownAuthorityError) bool { return true }), ReasonUntrusted, "the broker's certificate is signed by nobody that is trusted: set MQTT.CA to the certificate of its authority"},
	{as(func(e x509.HostnameError) bool { return true }), ReasonOtherName, "the broker's certificate is for another name than MQTT.Broker has"},
	{expired, ReasonExpired, "the broker's certificate has run out"},
	{notYet, ReasonClock, "the broker's certificate does not hold yet: the clock of this box is behind"},
	{as(func(e *tls.CertificateVerificationError) bool { return true }), ReasonUntrusted, "the broker's certificate cannot be trusted"},
	{is(errHungUp), ReasonCertificate, "the broker ends the connection when it has seen the certificate of this box: it must know the box's authority, or MQTT.Certificate must be one that it knows"},
	{alert, ReasonCertificate, "the broker does not accept the certificate of this box: it must know the box's authority, or MQTT.Certificate must be one that it knows"},
	{as(func(e tls.RecordHeaderError) bool { return true }), ReasonNoTLS, "what listens there does not speak TLS: is it mqtt://, or another port?"},
	{as(func(e *net.DNSError) bool { return !e.IsTimeout }), ReasonName, "the name of the broker has no address: is it spelled right, and is there a DNS server?"},
	{as(func(e *net.DNSError) bool { return true }), ReasonName, "no DNS server answers"},
	{is(syscall.ECONNREFUSED), ReasonRefused, "nobody listens there: is the broker running, and is the port right?"},
	{is(syscall.EHOSTUNREACH), ReasonUnreachable, "the broker's host cannot be reached"},
	{is(syscall.ENETUNREACH), ReasonUnreachable, "the broker's network cannot be reached: has the box an address and a gateway?"},
	{timeout, ReasonNoAnswer, "the broker does not answer"},
	{hangsUp, ReasonNoTLS, "what listens there ends the connection at the first word of TLS: is it mqtt://, or another port?"},
	{as(func(e *handshakeError) bool { return true }), ReasonHandshake, "TLS with the broker fails"},
	{is(io.EOF), ReasonClosed, "the broker has closed the connection: it may not like the client identifier, the user, or a topic"},
}

func is(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

// says is for what the library has no error of its own.
func says(text string) func(error) bool {
	return func(err error) bool { return strings.Contains(err.Error(), text) }
}

func as[E error](fits func(E) bool) func(error) bool {
	return func(err error) bool {
		e, ok := errors.AsType[E](err)
		return ok && fits(e)
	}
}

func invalid(err error) (x509.CertificateInvalidError, bool) {
	e, ok := errors.AsType[x509.CertificateInvalidError](err)
	return e, ok && e.Reason == x509.Expired
}

// expired and notYet: the standard library has one reason for both ends of the time
// that a certificate holds.
func expired(err error) bool {
	_, ok := invalid(err)
	return ok && !notYet(err)
}

func notYet(err error) bool {
	_, ok := invalid(err)
	return ok && strings.Contains(err.Error(), "is before")
}

// alert reports whether the peer has ended TLS because of our certificate.
func alert(err error) bool {
	e, ok := errors.AsType[*net.OpError](err)
	if !ok || e.Op != "remote error" {
		return false
	}
	text := e.Error()
	for _, word := range []string{"certificate", "unknown certificate authority", "access denied", "handshake failure"} {
		if strings.Contains(text, word) {
			return true
		}
	}
	return false
}

// hangsUp reports whether the peer has ended the connection in the handshake: a
// plain broker does so when it reads TLS.
func hangsUp(err error) bool {
	_, ok := errors.AsType[*handshakeError](err)
	return ok && (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET))
}

func timeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout() || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded)
}

// explain says why there is no connection, in a word and in a sentence.
func explain(err error, at address) (Reason, string) {
	if err == nil {
		return ReasonClosed, fmt.Sprintf("%s has closed the connection", at)
	}
	for _, r := range reasons {
		if r.fits(err) {
			return r.reason, fmt.Sprintf("%s: %s (%v)", at, r.advice, err)
		}
	}
	return ReasonClosed, fmt.Sprintf("%s: %v", at, err)
}

// refusal is the error of a connection that the broker has not taken. The library
// puts its own text before that of the network.
func refusal(err error, byCertificate bool) error {
	switch {
	case timeout(err):
		return fmt.Errorf("%w: %w", errNoConnack, err)
	case byCertificate && (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)):
		return fmt.Errorf("%w: %w", errHungUp, err)
	}
	return err
}

package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"

	"smartconnect/appliance"
	"smartconnect/appliance/identity"
	"smartconnect/appliance/serialport"
)

// The demo's house and its unprivileged ports, on loopback only.
const (
	demoMeter  = "sim:dsmr50?lively=true"
	demoModbus = "127.0.0.1:1502"
	demoMQTT   = "127.0.0.1:1883"
	demoHTTP   = "127.0.0.1:8080"
	demoHTTPS  = "127.0.0.1:8443"
)

// demoCommand is the appliance of a house with a PV roof and a car, with a state
// folder that goes when it ends.
func demoCommand(ctx context.Context, w world, args []string) int {
	if code, ok := parse(flags(w, "demo"), args, 0); !ok {
		return code
	}
	for _, addr := range []string{demoModbus, demoMQTT, demoHTTP, demoHTTPS} {
		ln, err := net.Listen("tcp", addr)
		if err != nil {
			return fail(w, exitFailed, fmt.Errorf("demo: %w: it is needed for the demo; end what uses it", err))
		}
		ln.Close()
	}
	state, err := os.MkdirTemp("", "smartconnect-demo-")
	if err != nil {
		return fail(w, exitFailed, fmt.Errorf("demo: %w", err))
	}
	defer os.RemoveAll(state)
	log, err := logger(w.err, "warn")
	if err != nil {
		return fail(w, exitUsage, err)
	}
	label, err := labelOf(state, log)
	if err != nil {
		return fail(w, exitFailed, fmt.Errorf("demo: %w", err))
	}
	if err := serialport.LimitDescriptors(maxDescriptors); err != nil {
		return fail(w, exitFailed, err)
	}
	fmt.Fprintf(w.out, demoText, label.Serial, label.User, label.Password, label.MQTTUser, label.MQTTPassword)
	err = appliance.Run(ctx, appliance.Options{
		State: state, Meter: demoMeter, Modbus: demoModbus, MQTT: demoMQTT, HTTP: demoHTTP, HTTPS: demoHTTPS, Log: log,
	})
	if err != nil {
		return fail(w, exitFailed, err)
	}
	fmt.Fprintln(w.out, "\nThe demo has ended; its state folder is gone.")
	return exitOK
}

func labelOf(state string, log *slog.Logger) (identity.Label, error) {
	box, err := identity.Open(state, log)
	if err != nil {
		return identity.Label{}, err
	}
	return box.Label()
}

// demoText takes serial number, user, password, MQTT user and MQTT password.
const demoText = `Smart Connect %[1]s reads a simulated house (DSMR 5, three phases, a PV roof, a car) once a second.

  Look at it          http://127.0.0.1:8080/   leads to   https://127.0.0.1:8443/
  Log in with         user %[2]s   password %[3]s
  (the certificate is this box's own: the browser asks once)

  What a charger reads (U1-U3, -, I1-I3, -, P, -, -, -, P1-P3):
    mbpoll -m tcp -0 -a 1 -p 1502 -r 32774 -c 15 -t 4:float -1 127.0.0.1

  What an energy manager receives, every second:
    mosquitto_sub -h 127.0.0.1 -p 1883 -u %[4]s -P %[5]s -t 'smart-connect/#' -v

  What an installer asks and changes:
    curl -k -u %[2]s:%[3]s https://127.0.0.1:8443/api/v1/status
    curl -k -u %[2]s:%[3]s https://127.0.0.1:8443/api/v1/config
    curl -k -u %[2]s:%[3]s -X PATCH -H 'Content-Type: application/json' \
      -d '{"Modbus":{"Servers":[{"WhenStale":"hold"}]}}' https://127.0.0.1:8443/api/v1/config
    curl -k -u %[2]s:%[3]s -X POST https://127.0.0.1:8443/api/v1/reset

Ctrl-C ends it.
`

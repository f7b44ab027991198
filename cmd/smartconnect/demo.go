package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"text/template"

	"smartconnect/appliance"
	"smartconnect/appliance/identity"
)

// demoMeter is a house where something happens while one watches.
const demoMeter = "sim:dsmr50?lively=true"

// demo is the appliance of a house with a PV roof and a car, on ports of the
// loopback interface.
type demo struct{ Modbus, MQTT, MQTTS, HTTP, HTTPS int }

// demoPorts want no privilege.
var demoPorts = demo{Modbus: 1502, MQTT: 1883, MQTTS: 8883, HTTP: 8080, HTTPS: 8443}

// demoCommand is the demo until ctx is done.
func demoCommand(ctx context.Context, w world, args []string) int {
	if code, ok := parse(w, flags("demo"), args, 0); !ok {
		return code
	}
	return demoPorts.command(ctx, w)
}

func (d demo) command(ctx context.Context, w world) int {
	if err := d.run(ctx, w); err != nil {
		return fail(w, exitFailed, fmt.Errorf("demo: %w", err))
	}
	fmt.Fprintln(w.out, "\nThe demo has ended; its state folder is gone.")
	return exitOK
}

// run is the demo until ctx is done, with a state folder that goes with it.
func (d demo) run(ctx context.Context, w world) (err error) {
	if err := d.free(); err != nil {
		return err
	}
	state, err := os.MkdirTemp("", "smartconnect-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(state)) }()
	log := logger(w.err, slog.LevelWarn)
	label, err := labelOf(state, false, log)
	if err != nil {
		return err
	}
	hints := template.Must(template.New("demo").Parse(demoText))
	if err := hints.Execute(w.out, struct {
		identity.Label
		demo
	}{label, d}); err != nil {
		return err
	}
	return appliance.Run(ctx, appliance.Options{
		State: state, Meter: demoMeter, Log: log,
		Modbus: loopback(d.Modbus), MQTT: loopback(d.MQTT), MQTTS: loopback(d.MQTTS), HTTP: loopback(d.HTTP), HTTPS: loopback(d.HTTPS),
	})
}

// free checks that the ports can be had. The appliance would start without and
// keep trying, which is of no use to somebody who came to look.
func (d demo) free() error {
	for _, p := range d.ports() {
		ln, err := net.Listen("tcp", loopback(p.number))
		if err != nil {
			return fmt.Errorf("port %d is needed for %s, end what uses it: %w", p.number, p.name, err)
		}
		ln.Close()
	}
	return nil
}

type namedPort struct {
	name   string
	number int
}

func (d demo) ports() []namedPort {
	return []namedPort{{"Modbus", d.Modbus}, {"MQTT", d.MQTT}, {"MQTT with TLS", d.MQTTS}, {"HTTP", d.HTTP}, {"HTTPS", d.HTTPS}}
}

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

const demoText = `Smart Connect {{.Serial}} reads a simulated house (DSMR 5, three phases, a PV roof, a car) once a second.

  Look at it          http://127.0.0.1:{{.HTTP}}/   leads to   https://127.0.0.1:{{.HTTPS}}/
  Log in with         user {{.User}}   password {{.Password}}
  (the certificate is this box's own: the browser asks once)

  What a charger reads (U1-U3, -, I1-I3, -, P, -, -, -, P1-P3):
    mbpoll -m tcp -0 -a 1 -p {{.Modbus}} -r 32774 -c 15 -t 4:float -1 127.0.0.1

  What an energy manager receives, every second:
    mosquitto_sub -h 127.0.0.1 -p {{.MQTT}} -u {{.MQTTUser}} -P {{.MQTTPassword}} -t 'smart-connect/#' -v

  The same with TLS, for who trusts this box's own authority:
    curl -s -o ca.crt http://127.0.0.1:{{.HTTP}}/ca.crt
    mosquitto_sub -h 127.0.0.1 -p {{.MQTTS}} --cafile ca.crt -u {{.MQTTUser}} -P {{.MQTTPassword}} -t 'smart-connect/+/electricity'

  What an installer asks and changes:
    curl -k -u {{.User}}:{{.Password}} https://127.0.0.1:{{.HTTPS}}/api/v1/readings
    curl -k -u {{.User}}:{{.Password}} https://127.0.0.1:{{.HTTPS}}/api/v1/status
    curl -k -u {{.User}}:{{.Password}} https://127.0.0.1:{{.HTTPS}}/api/v1/config
    curl -k -u {{.User}}:{{.Password}} -X PATCH -H 'Content-Type: application/json' \
      -d '{"Modbus":{"Servers":[{"WhenStale":"hold"}]}}' https://127.0.0.1:{{.HTTPS}}/api/v1/config
    curl -k -u {{.User}}:{{.Password}} -X POST https://127.0.0.1:{{.HTTPS}}/api/v1/reset

Ctrl-C ends it.
`

package appliance

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"smartconnect/api"
	"smartconnect/api/metrics"
	"smartconnect/appliance/config"
	"smartconnect/appliance/identity"
	"smartconnect/appliance/run"
	"smartconnect/modbusmap"
)

// port is an address that one of the servers listens on. An address that
// cannot be bound leaves the rest of the box up and is named in the status.
type port struct {
	addr    string
	refused error // why addr is not even tried

	mu    sync.Mutex
	bound net.Addr
	fault error
}

// listen binds the address.
func (p *port) listen(ctx context.Context) (net.Listener, error) {
	if p.refused != nil {
		return nil, p.refused
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", p.addr)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		return nil, fmt.Errorf("appliance: %w", err)
	}
	p.bound, p.fault = ln.Addr(), nil
	return ln, nil
}

func (p *port) failed(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bound, p.fault = nil, err
}

// state returns the address in use, or the wanted one and why it is not.
func (p *port) state() (addr string, up bool, fault error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bound != nil {
		return p.bound.String(), true, nil
	}
	return p.addr, false, p.fault
}

// health returns the address and how it is doing, for the status.
func (p *port) health() (addr string, state api.State, detail string) {
	addr, up, fault := p.state()
	switch {
	case fault != nil:
		return addr, api.Fault, fault.Error()
	case !up:
		return addr, api.Waiting, ""
	}
	return addr, api.OK, ""
}

type modbusServer struct {
	port
	row    config.Server
	server *modbusmap.Server
}

type webServer struct {
	port
	name string
}

// yield says why a server of the configuration may not have addr: it is one of
// the API's. Whichever came first would have the port, and who moved Modbus to
// 443 could never move it back.
func (l *life) yield(addr string) error {
	for _, web := range []string{l.o.HTTP, l.o.HTTPS} {
		if config.Overlap(addr, web) {
			return fmt.Errorf("appliance: %s is the port of the API (%s): choose another one", addr, web)
		}
	}
	return nil
}

// furnish makes the tasks of this life.
func (l *life) furnish() error {
	for _, add := range []func() error{l.addMeter, l.addShare, l.addModbus, l.addBroker, l.addUplink, l.addInternet, l.addHistory, l.addWeb, l.addWatch} {
		if err := add(); err != nil {
			return err
		}
	}
	return nil
}

func (l *life) addModbus() error {
	for i, row := range l.cfg.Modbus.Servers {
		m, err := modbusmap.ByName(row.MeterType)
		if err != nil {
			return err
		}
		registers, err := modbusmap.New(m, modbusmap.Settings{
			Serial: l.identity.Serial(), Version: Version(),
			StaleAfter:  time.Duration(row.StaleAfter),
			WhenStale:   modbusmap.WhenStale(row.WhenStale),
			WhenMissing: modbusmap.WhenMissing(row.WhenMissing),
			Currents:    modbusmap.Currents(row.Currents),
		}, l.store.Latest)
		if err != nil {
			return err
		}
		s := &modbusServer{port: port{addr: row.Listen, refused: l.yield(row.Listen)}, row: row, server: modbusmap.NewServer(registers, l.log)}
		s.server.MaxClients = row.MaxClients
		for _, n := range row.AllowFrom {
			s.server.AllowFrom = append(s.server.AllowFrom, n.Prefix)
		}
		l.modbus = append(l.modbus, s)
		l.serve(fmt.Sprintf("modbus %d", i+1), &s.port, s.server.Serve)
	}
	return nil
}

// addWeb makes the two listeners of the API independent of each other: a port
// 443 that is taken must not cost the landing page that says so.
func (l *life) addWeb() error {
	check := identity.NewVerifier(l.identity.APIHash).Check
	scrapes := metrics.Handler(l.look, l.log)
	common := func() *api.Server {
		return &api.Server{
			Config: settings{l}, Status: l.status, Firmware: firmware, Support: l.support, Reset: func() { l.restart() },
			Telegrams: l.meter.telegrams, Reading: l.meter.reading, Readings: l.meter.readings, Metrics: scrapes,
			History: l.remembered(), ModbusLog: l.modbusLog,
			FactoryReset: l.factoryReset, SetCredentials: l.setCredentials, Tokens: tokens{l.identity}, Token: l.identity.TokenName,
			Choices:  config.Choices(known()),
			Sessions: &l.past.sessions,
			Check:    check, TLS: l.identity.TLSConfig(),
			Credential: func() string {
				hash, _ := l.identity.APIHash(identity.User)
				return hash
			},
			PlainAPI: l.cfg.API.PlainHTTP, Hosts: l.cfg.API.Hosts,
			CA:     api.CA{PEM: l.identity.CACertificate(), Fingerprint: l.identity.CAFingerprint()},
			Serial: l.identity.Serial(), Version: Version(), Contact: contact, Log: l.log,
		}
	}
	secure := &webServer{} // without a fault while there is none
	if l.o.HTTPS != "" {
		s := common()
		secure = l.addPort("https", l.o.HTTPS, func(ctx context.Context, ln net.Listener) error { return s.Serve(ctx, nil, ln) })
	}
	if l.o.HTTP != "" {
		s := common()
		s.SecurePort = portOf(l.o.HTTPS)
		s.SecureFault = func() string {
			if _, _, fault := secure.state(); fault != nil {
				return fault.Error()
			}
			return ""
		}
		l.addPort("http", l.o.HTTP, func(ctx context.Context, ln net.Listener) error { return s.Serve(ctx, ln, nil) })
	}
	return nil
}

func (l *life) addPort(name, addr string, serve func(context.Context, net.Listener) error) *webServer {
	w := &webServer{port: port{addr: addr}, name: name}
	l.web = append(l.web, w)
	l.serve(name, &w.port, serve)
	return w
}

// serve adds a task that binds p and serves it.
func (l *life) serve(name string, p *port, serve func(context.Context, net.Listener) error) {
	l.tasks = append(l.tasks, run.Task{Name: name, Failed: p.failed, Run: func(ctx context.Context) error {
		ln, err := p.listen(ctx)
		if err != nil {
			return err
		}
		return serve(ctx, ln)
	}})
}

func portOf(addr string) int {
	a, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return 0
	}
	return a.Port
}

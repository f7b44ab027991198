package appliance

// What whoever ships the box promises with it. It is said when the program is built,
// and "" where nobody has:
//
//	go build -ldflags "-X smartconnect/appliance.contact=mailto:security@VENDOR -X smartconnect/appliance.supportUntil=2031-12-31" ./cmd/smartconnect
var (
	contact      string // where weaknesses are reported: a URI (RFC 9116 section 2.5.3)
	supportUntil string // the last day of security updates
)

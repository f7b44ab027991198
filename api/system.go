package api

import "strings"

// networkParts shows how the box stands in its network: three lamps, one part.
func (t tongue) networkParts(n Network) (link, network, internet part) {
	lamp := func(name string, l Lamp) part {
		p := t.newPart("network", name, l.State, "net."+l.Reason, "")
		if word := "net." + l.Reason + ".word"; t.has(word) {
			p.Word = t.T(word) // nobody has switched it off
		}
		return p
	}
	link, internet = lamp("lamp.link", n.Link.Lamp), lamp("lamp.internet", n.Internet)
	speed := ""
	if n.Link.SpeedMbit.OK() {
		speed = t.amount(n.Link.SpeedMbit, "Mbit/s")
	}
	network = t.newPart("network", "lamp.network", n.Address.State, "net."+n.Address.Reason, n.Address.Detail,
		fact{t.T("lamp.link"), t.says(link)},
		fact{t.T("fact.interface"), strings.TrimSpace(n.Link.Interface + " " + n.Link.Kind)},
		fact{t.T("fact.speed"), speed},
		fact{"MAC", n.Link.MAC},
		fact{t.T("fact.addresses"), strings.Join(n.Addresses, ", ")},
		fact{t.T("fact.gateway"), n.Address.Gateway},
		fact{"DNS", strings.Join(n.Address.DNS, ", ")},
		fact{t.T("lamp.internet"), t.says(internet)})
	return link, network, internet
}

func (t tongue) says(p part) string {
	if p.Why != "" && p.Lamp != "good" {
		return t.T("system.part", p.Word, p.Why)
	}
	return p.Word
}

// systemPart shows the box itself: it is as well as the worst of what belongs to it
// alone.
func (t tongue) systemPart(st Status, parts []part) part {
	state, why := OK, ""
	for _, p := range parts {
		if p.Lamp == "bad" && p.ID != "mqtt" { // that has a lamp of its own
			state, why = Fault, t.T("system.part", p.Name, p.Word)
		}
	}
	switch {
	case state != OK:
	case len(st.Warnings) > 0:
		state, why = Waiting, t.T("system.warning")
	case st.RestartRequired:
		state, why = Waiting, t.T("system.restart")
	}
	p := t.newPart("system", "lamp.system", state, "", "",
		fact{t.T("fact.serial"), st.Serial},
		fact{t.T("fact.version"), st.Version},
		fact{t.T("fact.uptime"), t.span(float64(st.UptimeSeconds))})
	p.Why = why
	if state == Waiting {
		p.Word = t.T("system.look")
	}
	p.Light = t.light(st.Light)
	return p
}

// lightView is the light on the box.
type lightView struct {
	Colours []string
	Said    string
}

func (t tongue) light(l Light) *lightView {
	if len(l.Colours) == 0 {
		return nil
	}
	return &lightView{l.Colours, t.T("light", t.T("light."+strings.Join(l.Colours, "-")), t.T("light.is."+l.Meaning))}
}

package appliance

import "smartconnect/api"

// lights says what the light of the box shows, by whether it is starting, the meter is
// heard and the network is there (manual, section 2.3 and chapter 7). The blue ones
// are those of the access point, which this box does not have.
var lights = map[lit]api.Light{
	{meter: true, network: true}: {Colours: []string{"green"}, Meaning: "ok"},
	{network: true}:              {Colours: []string{"red", "green"}, Meaning: "no-meter"},
	{meter: true}:                {Colours: []string{"green", "orange"}, Meaning: "no-network"},
	{}:                           {Colours: []string{"red", "orange"}, Meaning: "no-meter-no-network"},
}

type lit struct{ meter, network bool }

// starting is the light until the meter may have said something.
var starting = api.Light{Colours: []string{"red"}, Meaning: "starting"}

// light is what the light shows for a status.
func light(s *api.Status) api.Light {
	if s.Meter.Level == api.Waiting {
		return starting
	}
	return lights[lit{
		meter:   s.Meter.State == api.MeterOK,
		network: s.Network.Address.State == api.OK || s.Network.Address.State == api.Off,
	}]
}

package api

// Light is what the coloured light on the box shows (manual, section 2.3 and chapter 7).
type Light struct {
	Colours []string `json:"colours"` // one, or two that take turns once a second: "red", "green", "orange", "blue"
	Meaning string   `json:"meaning"` // a word: "ok", "no-meter", "no-network", "no-meter-no-network", "starting"
}

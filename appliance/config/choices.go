package config

// Choices returns the words of the settings that are one of a few, by their JSON
// pointer with * for the row of a list: what a page can offer.
func Choices(k Known) map[string][]string {
	return map[string][]string{
		"/MQTT/Format":                  k.Payloads,
		"/MQTT/Commands":                CommandsWords,
		"/Meter/Format":                 append([]string{Auto}, k.Formats...),
		"/Meter/Profile":                append([]string{Auto}, k.Profiles...),
		"/Meter/UTCOffset":              {"0s", "1h", "2h"}, // those of the countries whose meters are read
		"/Meter/ShareAs":                ShareAsWords,
		"/Meter/Verify":                 VerifyWords,
		"/Modbus/Servers/*/MeterType":   k.MeterTypes,
		"/Modbus/Servers/*/WhenStale":   WhenStaleWords,
		"/Modbus/Servers/*/WhenMissing": WhenMissingWords,
		"/Modbus/Servers/*/Currents":    CurrentsWords,
	}
}

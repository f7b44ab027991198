package payload

import (
	"embed"
	"io/fs"
)

//go:embed schema/*.json
var schemas embed.FS

// Schemas holds a JSON schema (draft 2020-12) for each kind of payload outside:
// one of the name of each format, energy.json, channel.json, status.json,
// info.json, event.json, command-request.json and command-response.json.
func Schemas() fs.FS {
	sub, err := fs.Sub(schemas, "schema")
	if err != nil {
		panic(err) // the name above is wrong
	}
	return sub
}

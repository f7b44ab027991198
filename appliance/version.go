package appliance

import (
	"runtime/debug"
	"strings"

	"smartconnect/api"
)

// release is the version of this source; a build from a tagged module carries
// its own.
const release = "0.1.0"

// model is what the box calls itself towards machines.
const model = "smartconnect"

// Version returns the version of the running program.
func Version() string {
	if info, ok := debug.ReadBuildInfo(); ok && strings.HasPrefix(info.Main.Version, "v") && !strings.HasPrefix(info.Main.Version, "v0.0.0-") {
		return strings.TrimPrefix(info.Main.Version, "v")
	}
	return release
}

// firmware says what runs. Updates are installed by whoever installed the
// program, so the state never leaves "idle".
func firmware() api.Firmware {
	f := api.Firmware{Version: Version(), State: "idle"}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				f.Revision = s.Value
			case "vcs.time":
				f.Built = s.Value
			}
		}
	}
	return f
}

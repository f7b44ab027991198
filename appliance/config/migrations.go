package config

// migrations bring the tree of a configuration of version i+1 to the next version.
// A setting that is new needs none: what a file does not say is as delivered. One
// is needed where that would change what an owner has, or where a name or a form
// changes. What it leaves wrong is found by reading the tree. A new version is a
// new row, and has its golden files in testdata/config.
var migrations = []func(tree map[string]any){
	leaveRoomForTLS,
}

// version is the form of the file that is written. A newer one is not read: what
// it says could mean something else.
var version = 1 + len(migrations)

// migrate brings a tree from a version that there was to the present one.
func migrate(tree map[string]any, from int) {
	for _, step := range migrations[from-1:] {
		step(tree)
	}
}

// leaveRoomForTLS is the step to version 2, in which the broker has a port with TLS
// as delivered, and the API, the history and the check of the internet have
// settings. An owner who gave port 8883 to somebody else keeps that.
func leaveRoomForTLS(tree map[string]any) {
	const port = ":8883"
	if tree["Broker"] == nil { // not said, or as delivered
		tree["Broker"] = map[string]any{}
	}
	broker, ok := tree["Broker"].(map[string]any)
	if _, said := broker["ListenTLS"]; said || !ok || broker["Enabled"] == false {
		return
	}
	meter, _ := tree["Meter"].(map[string]any)
	taken := []any{broker["Listen"], broker["WebSocket"], broker["WebSocketTLS"], meter["Share"]}
	if rows, ok := at(tree, "Modbus", "Servers"); ok {
		list, _ := rows.([]any)
		for _, row := range list {
			server, _ := row.(map[string]any)
			taken = append(taken, server["Listen"])
		}
	}
	for _, addr := range taken {
		if text, ok := addr.(string); ok && Overlap(text, port) {
			broker["ListenTLS"] = ""
		}
	}
}

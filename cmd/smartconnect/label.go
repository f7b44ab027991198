package main

import (
	"context"
	"encoding/json"
	"fmt"

	"smartconnect/appliance/identity"
)

// labelCommand prints the label of the box, and makes its identity if there is
// none.
func labelCommand(_ context.Context, w world, args []string) int {
	f := flags(w, "label")
	state := f.String("state", defaultState, "folder of the configuration and the identity")
	asJSON := f.Bool("json", false, "print JSON")
	renew := f.Bool("new-password", false, "make new passwords first; the old ones are void at once")
	if code, ok := parse(f, args, 0); !ok {
		return code
	}
	log, err := logger(w.err, "warn")
	if err != nil {
		return fail(w, exitUsage, err)
	}
	box, err := identity.Open(*state, log)
	if err != nil {
		return fail(w, exitFailed, err)
	}
	if *renew {
		if err := box.NewPassword(); err != nil {
			return fail(w, exitFailed, err)
		}
	}
	label, err := box.Label()
	if err != nil {
		return fail(w, exitFailed, err)
	}
	if !*asJSON {
		fmt.Fprintf(w.out, "%s", label.Text())
		return exitOK
	}
	out := json.NewEncoder(w.out)
	out.SetIndent("", "  ")
	if err := out.Encode(label); err != nil {
		return fail(w, exitFailed, err)
	}
	return exitOK
}

package main

import (
	"context"
	"encoding/json"
	"log/slog"

	"smartconnect/appliance/identity"
)

// labelCommand prints the label of the box, and makes its identity if there is
// none.
func labelCommand(_ context.Context, w world, args []string) int {
	f := flags("label")
	state := stateFlag(f)
	asJSON := f.Bool("json", false, "print JSON")
	renew := f.Bool("new-password", false, "make new passwords first; the old ones are void at once")
	if code, ok := parse(w, f, args, 0); !ok {
		return code
	}
	label, err := labelOf(*state, *renew, logger(w.err, slog.LevelWarn))
	if err != nil {
		return fail(w, exitFailed, err)
	}
	if !*asJSON {
		_, err = w.out.Write(label.Text())
	} else {
		out := json.NewEncoder(w.out)
		out.SetIndent("", "  ")
		err = out.Encode(label)
	}
	if err != nil {
		return fail(w, exitFailed, err)
	}
	return exitOK
}

// labelOf returns the label of the identity kept in state.
func labelOf(state string, renew bool, log *slog.Logger) (identity.Label, error) {
	box, err := identity.Open(state, log)
	if err != nil {
		return identity.Label{}, err
	}
	if renew {
		if err := box.NewPassword(); err != nil {
			return identity.Label{}, err
		}
	}
	return box.Label()
}

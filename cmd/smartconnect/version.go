package main

import (
	"context"
	"fmt"

	"smartconnect/appliance"
)

// versionCommand prints the version of the program.
func versionCommand(_ context.Context, w world, args []string) int {
	if code, ok := parse(w, flags("version"), args, 0); !ok {
		return code
	}
	fmt.Fprintf(w.out, "smartconnect %s\n", appliance.Version())
	return exitOK
}

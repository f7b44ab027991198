package main

import (
	"context"
	"fmt"

	"smartconnect/appliance"
)

func versionCommand(_ context.Context, w world, args []string) int {
	if code, ok := parse(flags(w, "version"), args, 0); !ok {
		return code
	}
	fmt.Fprintf(w.out, "smartconnect %s\n", appliance.Version())
	return exitOK
}

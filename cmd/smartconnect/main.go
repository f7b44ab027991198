// Smartconnect turns a Linux box into a Smart Connect: it reads a utility
// meter's consumer port and offers the reading over Modbus TCP, MQTT and HTTP.
//
// # Adding a subcommand
//
// Write a function of the type of command.run in a file of its own, and add a
// row to the table below.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"smartconnect/appliance/serialport"
)

// world is what a command may touch; tests hand in their own.
type world struct {
	in       io.Reader
	out, err io.Writer
}

// command is one subcommand. Its exit codes: 0 done, 1 it did not work out, 2 a
// wrong call.
type command struct {
	name, args, summary string
	run                 func(ctx context.Context, w world, args []string) int
}

var commands = []command{
	{"run", "[flags]", "be the appliance", runCommand},
	{"demo", "", "be the appliance on a simulated house, on loopback ports", demoCommand},
	{"decode", "[flags] [FILE|-]", "print the telegrams of a file as JSON lines", decodeCommand},
	{"simulate", "[flags]", "play a simulated meter", simulateCommand},
	{"label", "[flags]", "print what belongs on the label: serial number, passwords", labelCommand},
	{"version", "", "print the version", versionCommand},
}

const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// maxDescriptors keeps the serial library from its panic: it cannot handle a
// descriptor of 1024 or above.
const maxDescriptors = 1024

func main() {
	w := world{os.Stdin, os.Stdout, os.Stderr}
	if err := serialport.LimitDescriptors(maxDescriptors); err != nil {
		os.Exit(fail(w, exitFailed, err))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends at once what the first could not
	os.Exit(dispatch(ctx, w, os.Args[1:]))
}

// dispatch runs the command that args name.
func dispatch(ctx context.Context, w world, args []string) int {
	if len(args) == 0 {
		usage(w.err)
		return exitUsage
	}
	for _, c := range commands {
		if c.name == args[0] {
			return c.run(ctx, w, args[1:])
		}
	}
	switch args[0] {
	case "help", "-h", "-help", "--help":
		usage(w.out)
		return exitOK
	}
	fmt.Fprintf(w.err, "smartconnect: unknown command %q\n", args[0])
	usage(w.err)
	return exitUsage
}

func usage(out io.Writer) {
	fmt.Fprintln(out, "usage: smartconnect COMMAND [flags]   (COMMAND -h lists its flags)")
	for _, c := range commands {
		fmt.Fprintf(out, "  %-9s %-18s %s\n", c.name, c.args, c.summary)
	}
}

// fail reports err and returns code.
func fail(w world, code int, err error) int {
	fmt.Fprintf(w.err, "smartconnect: %v\n", err)
	return code
}

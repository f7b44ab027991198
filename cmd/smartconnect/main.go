// Smartconnect turns a Linux box into a Smart Connect: it reads a utility
// meter's consumer port and offers the reading over Modbus TCP, MQTT and HTTP.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
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

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(dispatch(ctx, world{os.Stdin, os.Stdout, os.Stderr}, os.Args[1:]))
}

func dispatch(ctx context.Context, w world, args []string) int {
	if len(args) > 0 {
		for _, c := range commands {
			if c.name == args[0] {
				return c.run(ctx, w, args[1:])
			}
		}
	}
	out, code := w.err, exitUsage
	switch {
	case len(args) > 0 && (args[0] == "help" || args[0] == "-h" || args[0] == "--help"):
		out, code = w.out, exitOK
	case len(args) > 0:
		fmt.Fprintf(w.err, "smartconnect: unknown command %q\n", args[0])
	}
	fmt.Fprintln(out, "usage: smartconnect COMMAND [flags]   (COMMAND -h lists its flags)")
	for _, c := range commands {
		fmt.Fprintf(out, "  %-9s %-18s %s\n", c.name, c.args, c.summary)
	}
	return code
}

// flags returns a flag set that reports to w and never ends the process.
func flags(w world, name string) *flag.FlagSet {
	f := flag.NewFlagSet("smartconnect "+name, flag.ContinueOnError)
	f.SetOutput(w.err)
	return f
}

// parse parses args; ok is false when the command must end with code.
func parse(f *flag.FlagSet, args []string, maxArgs int) (code int, ok bool) {
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return exitOK, false
	case err != nil:
		return exitUsage, false
	}
	if f.NArg() > maxArgs {
		fmt.Fprintf(f.Output(), "%s: unexpected argument %q\n", f.Name(), f.Arg(maxArgs))
		return exitUsage, false
	}
	return exitOK, true
}

// fail reports err and returns code.
func fail(w world, code int, err error) int {
	fmt.Fprintf(w.err, "smartconnect: %v\n", err)
	return code
}

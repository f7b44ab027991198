package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"smartconnect/telegram"
)

const defaultState = "/var/lib/smartconnect"

// flags returns a flag set that neither prints nor ends the process: parse says
// what is wrong. Values are checked where they are parsed, since the error of
// the set then names flag and value.
func flags(name string) *flag.FlagSet {
	f := flag.NewFlagSet("smartconnect "+name, flag.ContinueOnError)
	f.SetOutput(io.Discard)
	return f
}

// parse parses args; ok is false when the command must end with code.
func parse(w world, f *flag.FlagSet, args []string, maxArgs int) (code int, ok bool) {
	err := f.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(w.out, "flags of %s:\n", f.Name())
		f.SetOutput(w.out)
		f.PrintDefaults()
		return exitOK, false
	}
	if err == nil && f.NArg() > maxArgs {
		extra := f.Arg(maxArgs)
		err = fmt.Errorf("unexpected argument %q", extra)
		if strings.HasPrefix(extra, "-") {
			err = fmt.Errorf("%w: flags come first", err)
		}
	}
	if err != nil {
		fmt.Fprintf(w.err, "%s: %v (-h lists the flags)\n", f.Name(), err)
		return exitUsage, false
	}
	return exitOK, true
}

// stateFlag adds --state to f.
func stateFlag(f *flag.FlagSet) *string {
	dir := defaultState
	f.Func("state", "`DIR` of the configuration and the identity (default "+defaultState+")", func(s string) error {
		if s == "" {
			return errors.New("want a folder")
		}
		dir = s
		return nil
	})
	return &dir
}

// keyFlags adds --key and --auth-key to f. The function it returns reads them
// once f is parsed: the flag set itself would print a wrong key.
func keyFlags(f *flag.FlagSet) func() (key, auth telegram.Secret, err error) {
	k := f.String("key", "", "`HEX` key that decrypts the telegrams (GUEK), 32 digits")
	a := f.String("auth-key", "", "`HEX` key that authenticates them (GAK), 32 digits")
	return func() (key, auth telegram.Secret, err error) {
		for _, given := range []struct {
			name, text string
			into       *telegram.Secret
		}{{"--key", *k, &key}, {"--auth-key", *a, &auth}} {
			if given.text == "" {
				continue
			}
			if *given.into, err = telegram.ParseKey(given.text); err != nil {
				return key, auth, fmt.Errorf("%s: %w", given.name, err)
			}
		}
		return key, auth, nil
	}
}

func logger(out io.Writer, level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: level}))
}

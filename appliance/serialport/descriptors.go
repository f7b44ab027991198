package serialport

import (
	"errors"
	"fmt"

	"go.bug.st/serial"
	"golang.org/x/sys/unix"
)

// maxDescriptors is how many descriptors select(2) can name. The serial library
// waits with it and panics when a port, or its own pipe, gets a number beyond:
// a port reopened while a thousand sockets are open would end the process.
const maxDescriptors = unix.FD_SETSIZE

var errTooMany = fmt.Errorf("too many open files: a serial port needs a descriptor below %d", maxDescriptors)

// LimitDescriptors lowers the number of files this process may have open, soft
// and hard limit, to most or 1024 if that is less, so that the panic described
// above cannot come about: opening fails with EMFILE instead. Lowering the soft
// limit alone would not last, since it may be raised again. It never raises a
// limit. Call it first thing in main.
func LimitDescriptors(most uint64) error {
	var now unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &now); err != nil {
		return fmt.Errorf("serialport: limit of open files: %w", err)
	}
	most = min(most, maxDescriptors)
	then := unix.Rlimit{Cur: min(now.Cur, most), Max: min(now.Max, most)}
	if then == now {
		return nil
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &then); err != nil {
		return fmt.Errorf("serialport: limit of open files to %d: %w", most, err)
	}
	return nil
}

// usable makes the library build its set of descriptors once, with a read that
// does not wait and takes nothing: if one of them is beyond the set it panics
// here, and not in the middle of the night.
func usable(port serial.Port) (err error) {
	defer func() {
		if recover() != nil {
			err = errTooMany
		}
	}()
	if err := port.SetReadTimeout(0); err != nil {
		return err
	}
	var gone *serial.PortError
	// Reading nothing where something waits looks like the end of the port.
	if _, err := port.Read(nil); err != nil && !errors.As(err, &gone) {
		return err
	}
	return port.SetReadTimeout(serial.NoTimeout)
}

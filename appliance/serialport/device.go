package serialport

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"go.bug.st/serial"
	"golang.org/x/sys/unix"

	"smartconnect/telegram"
)

var (
	errGone = errors.New("the device is gone")
	errBusy = errors.New("in use by another program")
)

// device is a serial port with the lock that keeps others off it.
type device struct {
	port serial.Port
	lock *os.File
}

func openDevice(_ context.Context, s Source, line telegram.Line, o Options) (conn, error) {
	return newDevice(s.path, line, o)
}

func newDevice(path string, line telegram.Line, o Options) (*device, error) {
	mode, err := modeOf(line)
	if err != nil {
		return nil, err
	}
	lock, err := lockDevice(path, o)
	if err != nil {
		return nil, err
	}
	port, err := serial.Open(path, mode)
	if err != nil {
		_ = lock.Close()
		return nil, explain(err)
	}
	d := &device{port, lock}
	if err := usable(port); err != nil {
		_ = d.Close()
		return nil, err
	}
	// The data request of the P1 port is often wired to one of them. A port
	// that has none (ENOTTY: a pseudo-terminal, some gadgets) still reads.
	if err := errors.Join(port.SetDTR(true), port.SetRTS(true)); err != nil {
		o.Log.Warn("cannot set DTR and RTS of the serial port", "device", path, "error", err)
	}
	return d, nil
}

// lockDevice opens the device a second time, to look at it before anything is
// changed and to hold an advisory lock: TIOCEXCL, which the library sets, does
// not stop root.
func lockDevice(path string, o Options) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, explain(err)
	}
	if info.Mode()&fs.ModeCharDevice == 0 {
		return nil, fmt.Errorf("not a serial device but %s", kindOf(info.Mode()))
	}
	f, err := os.OpenFile(path, unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, explain(err)
	}
	err = control(f, func(fd int) error {
		if fd >= maxDescriptors {
			return errTooMany
		}
		if _, err := unix.IoctlGetTermios(fd, unix.TCGETS); err != nil {
			return fmt.Errorf("not a serial device: %w", err)
		}
		switch err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); {
		case errors.Is(err, unix.EWOULDBLOCK):
			return errBusy
		case err != nil:
			o.Log.Warn("cannot lock the serial port", "device", path, "error", err)
		}
		return nil
	})
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// control runs f on the descriptor; File.Fd would make the file blocking.
func control(file *os.File, f func(fd int) error) error {
	c, err := file.SyscallConn()
	if err != nil {
		return err
	}
	if e := c.Control(func(fd uintptr) { err = f(int(fd)) }); e != nil {
		return e
	}
	return err
}

func kindOf(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "a directory"
	case m.IsRegular():
		return "a file (file:PATH plays one)"
	case m&fs.ModeSocket != 0:
		return "a socket"
	case m&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case m&fs.ModeCharDevice != 0:
		return "a character device"
	}
	return "a block device"
}

// modeOf translates the line settings for the library.
func modeOf(line telegram.Line) (*serial.Mode, error) {
	if line == (telegram.Line{}) {
		return nil, errors.New("no line settings")
	}
	parities := map[telegram.Parity]serial.Parity{
		telegram.NoParity: serial.NoParity, telegram.EvenParity: serial.EvenParity, telegram.OddParity: serial.OddParity,
	}
	stops := map[int]serial.StopBits{1: serial.OneStopBit, 2: serial.TwoStopBits}
	parity, ok1 := parities[line.Parity]
	stop, ok2 := stops[line.StopBits]
	if !ok1 || !ok2 || line.Baud <= 0 || line.DataBits < 7 || line.DataBits > 8 {
		return nil, fmt.Errorf("line settings %v cannot be used", line)
	}
	return &serial.Mode{BaudRate: line.Baud, DataBits: line.DataBits, Parity: parity, StopBits: stop}, nil
}

// explain puts the errors of opening into words; errors.Is still sees them.
func explain(err error) error {
	var port *serial.PortError
	switch {
	case errors.Is(err, unix.EBUSY), errors.As(err, &port) && port.Code() == serial.PortBusy:
		return fmt.Errorf("%w: %w", errBusy, err)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("no such device: is the cable plugged in? %w", err)
	case errors.Is(err, fs.ErrPermission), errors.As(err, &port) && port.Code() == serial.PermissionDenied:
		return fmt.Errorf("no permission: is the user in the group of the device (dialout)? %w", err)
	}
	return err
}

func (d *device) Read(p []byte) (int, error) {
	n, err := d.port.Read(p)
	var port *serial.PortError
	switch {
	case err == nil:
		return n, nil
	// The library says the same for a port that was closed and one that was
	// pulled out; who closed it knows.
	case errors.As(err, &port) && port.Code() == serial.PortClosed:
		return n, errGone
	case errors.Is(err, unix.EIO), errors.Is(err, unix.ENXIO), errors.Is(err, unix.ENODEV):
		return n, fmt.Errorf("%w: %w", errGone, err)
	}
	return n, err
}

func (d *device) Close() error {
	return errors.Join(d.port.Close(), d.lock.Close())
}

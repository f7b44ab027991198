// Package identity is who the box is: its serial number, the passwords of its
// label, and the certificates it shows. All of it is made at the first start
// from random numbers alone and kept in the state folder:
//
//	identity.json  serial number and password hashes
//	label.txt      the label with the passwords it came with in plain; the owner may delete it
//	ca.pem         key and certificate of the authority of this one device
//	tls.pem        key and certificate that HTTPS shows, renewed by itself
//	client.pem     key and certificate that a broker outside is shown, made when one asks
//	tokens.json    hashes of the tokens of machines, made with the first token
//
// All of them have mode 0600. Nothing is ever derived from a MAC address, which
// everybody on the network can see.
package identity

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"golang.org/x/crypto/bcrypt"

	"smartconnect/appliance/config"
)

// The users of the label. Each password is good for one thing only: port 1883
// is plain, and what is said there may be overheard.
const (
	User     = "user"           // of the API, as in the manual
	MQTTUser = config.LabelUser // of the broker
)

const (
	keptName    = "identity.json"
	labelName   = "label.txt"
	pendingName = "label.txt.new"
	caName      = "ca.pem"
	leafName    = "tls.pem"
	clientName  = "client.pem"

	version = 1
	mode    = 0o600
)

// Identity is the identity kept in one state folder.
type Identity struct {
	dir string
	log *slog.Logger
	ca  *authority
	hardware

	mu      sync.Mutex
	kept    kept
	readAs  fs.FileInfo // identity.json as it was when kept was read
	refused string      // why it could not be read again, once said

	leaf leaf

	tokens tokens
}

// hardware is what an identity takes from the machine.
type hardware struct {
	hashCost  int
	addresses func() []netip.Addr // of this host now
	macs      func() []string
}

var machine = hardware{hashCost: config.HashCost, addresses: hostAddresses, macs: hostMACs}

// Open returns the identity kept in the folder dir, and makes one if there is
// none. An identity that exists costs a few files to read: no key is made and
// no password hashed. A damaged file is put aside and made anew with the same
// serial number as long as one of the files tells it.
func Open(dir string, log *slog.Logger) (*Identity, error) { return open(dir, log, machine) }

func open(dir string, log *slog.Logger, h hardware) (*Identity, error) {
	id := &Identity{dir: dir, log: log, hardware: h}
	if err := id.load(); err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	id.leaf.load(id.path(leafName), id.ca)
	id.loadTokens()
	return id, nil
}

func (id *Identity) path(name string) string { return filepath.Join(id.dir, name) }

// load reads what is kept, and makes whole what is not there or was being
// changed when the process died.
func (id *Identity) load() error {
	keptErr := id.read()
	ca, caErr := readAuthority(id.path(caName))
	_, pending := os.Lstat(id.path(pendingName))
	if keptErr == nil && caErr == nil && ca.serial == id.kept.Serial && !ca.ending() && errors.Is(pending, fs.ErrNotExist) {
		id.ca = ca
		return nil
	}
	return id.locked(id.mend)
}

// locked runs change while no other process changes the identity.
func (id *Identity) locked(change func() error) error {
	if err := os.MkdirAll(id.dir, 0o700); err != nil {
		return err
	}
	d, err := os.Open(id.dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := syscall.Flock(int(d.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("locking %s: %w", id.dir, err)
	}
	for _, name := range []string{keptName, labelName, pendingName, caName, leafName, clientName, tokensName} {
		if err := config.RemoveTemporary(id.path(name)); err != nil {
			return err
		}
	}
	return change()
}

// errDamaged is a file that was read and says nothing usable, as opposed to one
// that cannot be read by this user.
var errDamaged = errors.New("damaged")

func (id *Identity) mend() error {
	ca, caErr := readAuthority(id.path(caName))
	if err := id.aside(caName, caErr); err != nil {
		return err
	}
	keptErr := id.read()
	if err := id.aside(keptName, keptErr); err != nil {
		return err
	}
	serial := id.kept.Serial
	switch {
	case keptErr == nil:
	case caErr == nil:
		serial = ca.serial
	default:
		serial = randomText(serialAlphabet, serialLength)
	}
	if caErr != nil || ca.serial != serial || ca.ending() {
		var err error
		if ca, err = newAuthority(serial, ca); err != nil {
			return err
		}
		if err := config.WriteFile(id.path(caName), ca.pem(), mode); err != nil {
			return err
		}
	}
	id.ca = ca
	if keptErr != nil {
		return id.issue(serial)
	}
	if err := id.finish(); err != nil { // a label without its name must not keep the box from starting
		id.log.Error("label not finished", "file", id.path(pendingName), "error", err)
	}
	return nil
}

// aside puts a damaged file out of the way. A file that is not there is fine; one
// that cannot be read is an error, since a new identity would lock the owner out.
func (id *Identity) aside(name string, err error) error {
	if !errors.Is(err, errDamaged) {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	id.log.Error("damaged file of the identity put aside, making a new one", "file", id.path(name), "error", err)
	return os.Rename(id.path(name), id.path(name+".damaged"))
}

// finish gives a pending label its name if its passwords are those that count, and
// drops it otherwise. It takes no room: what was written on a disk that is full by
// now still becomes the label. A power cut before the folder is on the disk leaves
// a pending label again.
func (id *Identity) finish() error {
	b, err := config.ReadFile(id.path(pendingName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if id.counts(parseLabel(b)) {
		return os.Rename(id.path(pendingName), id.path(labelName))
	}
	return os.Remove(id.path(pendingName))
}

// counts reports whether a pending label is the one that goes with the hashes: a
// password it shows is right, and where it shows none, the one of the label before
// is no longer.
func (id *Identity) counts(pending Label) bool {
	before, _ := id.written()
	for _, at := range users {
		password, want := *at.shown(&pending), true
		if password == "" {
			password, want = *at.shown(&before), false
		}
		right := bcrypt.CompareHashAndPassword([]byte(*at.hash(&id.kept)), []byte(password)) == nil
		if password != "" && right != want {
			return false
		}
	}
	return pending.Serial == id.kept.Serial
}

// Serial returns the serial number: 12 characters 0-9A-Z.
func (id *Identity) Serial() string {
	id.mu.Lock()
	defer id.mu.Unlock()
	return id.kept.Serial
}

// NewPassword makes a new API password and a new MQTT password, and a label
// with both. The old ones are void at once.
func (id *Identity) NewPassword() error {
	id.mu.Lock()
	defer id.mu.Unlock()
	err := id.locked(func() error {
		if err := errors.Join(id.read(), id.finish()); err != nil {
			return err
		}
		return id.issue(id.kept.Serial)
	})
	if err != nil {
		return fmt.Errorf("identity: %w", err)
	}
	return nil
}

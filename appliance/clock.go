package appliance

import (
	"fmt"
	"time"

	"smartconnect/appliance/identity"
)

// clock says why the time of the box cannot be trusted, nil if it can. A box
// without a battery wakes up in 1970, and knows better once its system has asked a
// time server.
func clock() error {
	if now := time.Now(); now.Before(identity.Epoch) {
		return fmt.Errorf("the clock of this box says %s: it is not set, and without the time no certificate can be checked", now.UTC().Format(time.DateOnly))
	}
	return nil
}

package modbusmap

import (
	"os"
	"testing"
)

// The promise of the manual, that all values of one answer come from one
// telegram: 10^5 reads by 50 clients under a writer, 10^6 in the long run.
func TestNoAnswerIsTorn(t *testing.T) {
	reads := 100_000
	if os.Getenv("SMARTCONNECT_LONG") == "1" {
		reads = 1_000_000
	}
	pollUnderWriter(t, 50, reads)
}

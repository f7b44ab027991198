package appliance

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"smartconnect/api"
)

// BenchmarkFirstView is what a reader waits for the status in a browser that has
// nothing of it yet: from the request to the first paint, and to all of it. Beside it,
// a page of one word from a bare server with TLS, in the same browser.
func BenchmarkFirstView(b *testing.B) {
	box := start(b, "sim:dsmr50", "")
	eventually(b, 10*time.Second, "values", func() bool {
		s, err := box.status()
		return err == nil && s.Meter.State == api.MeterOK
	})
	window := browse(b, 390, 844)
	window.login(box)
	bare := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<!doctype html><title>one</title><main>word</main>"))
	}))
	bare.TLS = &tls.Config{}
	bare.StartTLS()
	b.Cleanup(bare.Close)
	view := func(address string) (painted, loaded float64) {
		window.to(address, "main")
		window.is("loaded", `performance.getEntriesByType("navigation")[0].loadEventEnd > 0 && performance.getEntriesByName("first-contentful-paint").length`)
		times, err := value[[]float64](window, `[performance.getEntriesByName("first-contentful-paint")[0].startTime, performance.getEntriesByType("navigation")[0].loadEventEnd]`)
		if err != nil {
			b.Fatal(err)
		}
		return times[0], times[1]
	}
	var painted, loaded, word float64
	for b.Loop() {
		p, l := view("https://" + box.https + "/")
		w, _ := view(bare.URL)
		painted, loaded, word = painted+p, loaded+l, word+w
	}
	b.ReportMetric(painted/float64(b.N), "ms/paint")
	b.ReportMetric(loaded/float64(b.N), "ms/load")
	b.ReportMetric(painted/word, "x-one-word")
	b.ReportMetric(0, "ns/op")
}

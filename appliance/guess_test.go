package appliance

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"smartconnect/appliance/config"
)

// tries asks with a password from an address of its own, at the API or at the page, and
// returns the status and how long to wait.
func (b *box) tries(from, path, password string) (code int, wait time.Duration, err error) {
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 10 * time.Second}
	client := http.Client{
		Transport:     &http.Transport{DialContext: dialer.DialContext, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       30 * time.Second,
	}
	r, err := http.NewRequest("GET", "https://"+b.https+path, nil)
	if path == "/login" {
		form := url.Values{"user": {"user"}, "password": {password}}
		r, err = http.NewRequest("POST", "https://"+b.https+path, strings.NewReader(form.Encode()))
	}
	if err != nil {
		return 0, 0, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if path != "/login" {
		r.SetBasicAuth("user", password)
	}
	resp, err := client.Do(r)
	if err != nil {
		return 0, 0, err
	}
	defer resp.Body.Close()
	seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After")) // none: 0
	return resp.StatusCode, time.Duration(seconds) * time.Second, nil
}

// hashCheaply gives the running box another password, as another process does, with a
// hash that costs little: how many are compared is counted, and not how long they take.
func (b *box) hashCheaply(password string) {
	b.t.Helper()
	path := filepath.Join(b.o.State, "identity.json")
	content, err := os.ReadFile(path)
	if err == nil {
		content, err = hashed(content, map[string]string{"PasswordHash": password})
	}
	if err == nil {
		err = config.WriteFile(path, content, 0o600)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// Row S3 of the security table, over HTTP: of a thousand wrong passwords from many
// addresses, at the API and at the page, few are compared, and the owner at an address of
// his own gets in within a minute while it goes on. The box has never seen his password.
func TestThousandGuesses(t *testing.T) {
	t.Parallel()
	const addresses, each = 250, 4
	b := start(t, "sim:dsmr50", "")
	old := b.label.Password
	b.label.Password = "chosen by the owner"
	b.hashCheaply(b.label.Password)
	if code, _, err := b.tries("127.2.0.1", "/api/v1/status", old); err != nil || code != 401 {
		t.Errorf("the password of before: %d %v", code, err)
	}

	var compared, refused atomic.Int64
	var crowd sync.WaitGroup
	next, half := make(chan int), make(chan struct{})
	began := time.Now()
	for range 8 {
		crowd.Go(func() {
			for i := range next {
				path := []string{"/api/v1/status", "/login"}[i%2]
				code, wait, err := b.tries(fmt.Sprint("127.1.0.", 1+i%addresses), path, fmt.Sprint("guess ", i))
				switch {
				case err == nil && (code == 401 || code == 403):
					compared.Add(1)
				case err == nil && code == 429 && wait > 0 && wait <= time.Minute:
					refused.Add(1)
				default:
					t.Errorf("guess %d at %s: %d, again after %s, %v", i, path, code, wait, err)
				}
			}
		})
	}
	crowd.Go(func() {
		defer close(next)
		for i := range addresses * each {
			if next <- i; i == addresses*each/2 {
				close(half)
			}
		}
	})

	<-half
	came := time.Now()
	for {
		code, wait, err := b.tries("127.2.0.2", "/api/v1/status", b.label.Password)
		if code == 200 && err == nil {
			break
		}
		if code != 429 || wait <= 0 || err != nil {
			t.Errorf("the owner: %d, again after %s, %v", code, wait, err)
		}
		if time.Since(came) > time.Minute {
			t.Fatal("the owner did not get in within a minute")
		}
		time.Sleep(wait)
	}
	waited := time.Since(came)
	crowd.Wait()
	took := time.Since(began)
	t.Logf("%d compared, %d refused in %s; the owner waited %s", compared.Load(), refused.Load(), took, waited)
	if most := 60 + 10 + 4*(took.Seconds()+1); float64(compared.Load()) > most {
		t.Errorf("%d guesses were compared in %s, want at most %.0f", compared.Load(), took, most)
	}
	if all := compared.Load() + refused.Load(); all != addresses*each {
		t.Errorf("%d answers, want %d", all, addresses*each)
	}
}

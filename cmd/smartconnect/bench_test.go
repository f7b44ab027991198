package main

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"smartconnect/appliance/identity"
)

// The figures of the README are those of the program as it is built, in a
// process of its own:
//
//	go test ./cmd/smartconnect -run '^$' -bench 'StartToServing|IdleRSS'

// BenchmarkStartToServing is the time from the start of the program, on a box
// that has its identity, to the first good answers: P over Modbus, an HTTPS
// answer, and the status for somebody who logs in, each after the other. Goal:
// under 200 ms.
func BenchmarkStartToServing(b *testing.B) {
	program, state := build(b), b.TempDir()
	out, err := exec.Command(program, "label", "--json", "--state", state).Output()
	if err != nil {
		b.Fatal(err)
	}
	var label identity.Label
	if err := json.Unmarshal(out, &label); err != nil {
		b.Fatal(err)
	}
	var toModbus, toHTTPS, toStatus time.Duration
	for b.Loop() {
		d := freePorts(b)
		began := time.Now()
		cmd := startProgram(b, program, state, d)
		eventually(b, func() error { _, err := power(d.Modbus); return err })
		toModbus += time.Since(began)
		eventually(b, func() error { return status(d.HTTPS, "", http.StatusUnauthorized) })
		toHTTPS += time.Since(began)
		eventually(b, func() error { return status(d.HTTPS, label.Password, http.StatusOK) })
		toStatus += time.Since(began)
		terminate(b, cmd)
	}
	for unit, sum := range map[string]time.Duration{"ms-to-modbus": toModbus, "ms-to-https": toHTTPS, "ms-to-status": toStatus, "ns/op": 0} {
		b.ReportMetric(sum.Seconds()*1000/float64(b.N), unit)
	}
}

// BenchmarkIdleRSS is the memory of the program that reads a meter every second
// and has no clients. Goal: under 25 MB.
func BenchmarkIdleRSS(b *testing.B) {
	program, state := build(b), b.TempDir()
	resident := regexp.MustCompile(`(?m)^VmRSS:\s+(\d+) kB$`)
	kB := 0
	for b.Loop() {
		cmd := startProgram(b, program, state, freePorts(b))
		time.Sleep(5 * time.Second) // by then it has found its size
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
		if err != nil {
			b.Fatal(err)
		}
		m := resident.FindSubmatch(text)
		if m == nil {
			b.Fatalf("no VmRSS in\n%s", text)
		}
		n, _ := strconv.Atoi(string(m[1]))
		kB += n
		terminate(b, cmd)
	}
	b.ReportMetric(float64(kB)*1024/1e6/float64(b.N), "MB")
	b.ReportMetric(0, "ns/op")
}

// build builds the program as the README says.
func build(b *testing.B) string {
	b.Helper()
	program := filepath.Join(b.TempDir(), "smartconnect")
	cmd := exec.Command("go", "build", "-o", program, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	return program
}

// status asks for the status over a connection of its own and checks the code
// of the answer.
func status(port int, password string, want int) error {
	client := http.Client{Timeout: patience, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true,
	}}
	request, err := http.NewRequest("GET", "https://"+loopback(port)+"/api/v1/status", nil)
	if err != nil {
		return err
	}
	if password != "" {
		request.SetBasicAuth(identity.User, password)
	}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != want {
		return fmt.Errorf("status %d, want %d", answer.StatusCode, want)
	}
	return nil
}

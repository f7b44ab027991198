package uplink_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fleet is a cluster of NATS servers as a cloud runs them: JetStream, every stream
// on every node, MQTT.
type fleet struct {
	nodes [3]*node
}

// node is one server of a fleet.
type node struct {
	name    string
	program string
	config  string // file
	mqtt    string // HOST:PORT
	http    string // of the monitoring
	command *exec.Cmd
}

// natsServer returns the path of the server that .ci/witness pins, built by the go
// command and kept in its cache. Where witnesses are required (CI) it may be
// fetched; elsewhere what is not on the disk yet skips the test.
func natsServer(t *testing.T) string {
	t.Helper()
	required := os.Getenv("SMARTCONNECT_REQUIRE") == "1"
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	build := exec.CommandContext(ctx, "go", "-C", "../../.ci/witness", "tool", "-n", "nats-server")
	build.Env = append(os.Environ(), "GOWORK=off")
	if !required {
		build.Env = append(build.Env, "GOPROXY=off")
	}
	var complaint strings.Builder
	build.Stderr = &complaint
	path, err := build.Output()
	if err == nil {
		return strings.TrimSpace(string(path))
	}
	if required {
		t.Fatalf("nats-server is required: %v\n%s", err, complaint.String())
	}
	t.Skipf("nats-server cannot be built without a network: %v\n%s", err, complaint.String())
	return ""
}

// newFleet starts a cluster and waits until each node says that it is sound.
func newFleet(t *testing.T) *fleet {
	t.Helper()
	program := natsServer(t)
	var f fleet
	var routes []string
	for range f.nodes {
		routes = append(routes, freeAddress(t))
	}
	for i := range f.nodes {
		dir := t.TempDir()
		n := &node{
			name: fmt.Sprintf("node-%d", i), program: program,
			config: filepath.Join(dir, "nats.conf"),
			mqtt:   freeAddress(t), http: freeAddress(t),
		}
		// ack_wait is how long the cluster waits for the subscriber, 30 s if nothing is said.
		config := fmt.Sprintf(`
server_name: %s
listen: %s
http: %s
log_file: %q
jetstream { store_dir: %q, max_memory_store: 64MB, max_file_store: 256MB }
cluster { name: fleet, listen: %s, routes: [%s] }
mqtt { listen: %s, ack_wait: "3s", stream_replicas: 3 }
`, n.name, freeAddress(t), n.http, filepath.Join(dir, "nats.log"), dir, routes[i], "nats://"+strings.Join(routes, ", nats://"), n.mqtt)
		if err := os.WriteFile(n.config, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		f.nodes[i] = n
	}
	for _, n := range f.nodes {
		n.start(t)
		t.Cleanup(func() { n.kill(t) })
	}
	for _, n := range f.nodes {
		n.awaitSound(t)
	}
	return &f
}

// at returns the node with the MQTT address.
func (f *fleet) at(mqtt string) *node {
	for _, n := range f.nodes {
		if n.mqtt == mqtt {
			return n
		}
	}
	return nil
}

func (n *node) start(t *testing.T) {
	t.Helper()
	n.command = exec.Command(n.program, "-c", n.config)
	if err := n.command.Start(); err != nil {
		t.Fatal(err)
	}
}

// kill ends the node as a power cut does (SIGKILL), if it runs.
func (n *node) kill(t *testing.T) {
	t.Helper()
	if n.command == nil {
		return
	}
	if err := n.command.Process.Kill(); err != nil {
		t.Errorf("%s: %v", n.name, err)
	}
	_ = n.command.Wait() // it says "killed"
	n.command = nil
}

// awaitSound waits until the node has a leader of the cluster, knows all of its
// nodes, and has what JetStream keeps.
func (n *node) awaitSound(t *testing.T) {
	t.Helper()
	defer func() {
		if t.Failed() {
			log, _ := os.ReadFile(filepath.Join(filepath.Dir(n.config), "nats.log"))
			t.Logf("%s says:\n%s", n.name, log[max(0, len(log)-4000):])
		}
	}()
	within(t, 30*time.Second, n.name+" is sound", func() bool {
		var jetstream struct {
			Meta struct {
				Leader string `json:"leader"`
				Size   int    `json:"cluster_size"`
			} `json:"meta_cluster"`
		}
		return n.asks("/healthz", nil) && n.asks("/jsz", &jetstream) &&
			jetstream.Meta.Leader != "" && jetstream.Meta.Size == 3
	})
}

// asks reports whether the monitoring answers with OK, and reads its answer.
func (n *node) asks(path string, answer any) bool {
	client := http.Client{Timeout: 2 * time.Second}
	response, err := client.Get("http://" + n.http + path)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return false
	}
	return answer == nil || json.NewDecoder(response.Body).Decode(answer) == nil
}

// within waits until something holds, at most for a time.
func within(t *testing.T, limit time.Duration, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}

// freeAddress returns an address nobody listens on. Its port is below those that
// the kernel gives to clients: a node that was killed must find it free again.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", 10000+rand.IntN(20000))
		if l, err := net.Listen("tcp", address); err == nil {
			_ = l.Close()
			return address
		}
	}
	t.Fatal("no free port")
	return ""
}

package appliance

import (
	"bytes"
	"fmt"
	"io/fs"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"smartconnect/api"
	"smartconnect/appliance/payload"
)

// request is a command as machines send it.
func request(id string) string {
	return fmt.Sprintf(`{"id":%q,"ts":%d,"args":{}}`, id, time.Now().Unix())
}

// pub publishes with mosquitto_pub.
func pub(t *testing.T, addr, topic, body string, args ...string) {
	t.Helper()
	host, port, _ := net.SplitHostPort(addr)
	all := append([]string{"-h", host, "-p", port, "-q", "1", "-t", topic, "-m", body}, args...)
	if out, err := exec.Command(program(t, "mosquitto_pub"), all...).CombinedOutput(); err != nil {
		t.Fatalf("mosquitto_pub: %v: %s", err, out)
	}
}

// wiretap writes down what comes on some topics until the test ends.
func wiretap(t *testing.T, addr string, args ...string) *lines {
	t.Helper()
	host, port, _ := net.SplitHostPort(addr)
	cmd := exec.Command(program(t, "stdbuf"), append([]string{"-oL", program(t, "mosquitto_sub"), "-h", host, "-p", port, "-d", "-v"}, args...)...)
	l := &lines{}
	cmd.Stdout, cmd.Stderr = l, l
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	eventually(t, 10*time.Second, "mosquitto_sub has subscribed", func() bool { return strings.Contains(l.String(), "Subscribed (mid") })
	return l
}

// A reset through the broker outside is answered before and after it, and not done
// again when the broker delivers it again. Another broker's commands are not obeyed
// where nobody knows who is on the way.
func TestCommandsOutside(t *testing.T) {
	t.Parallel()
	outside := mosquitto(t, "allow_anonymous true")
	b := start(t, "sim:dsmr50", fmt.Sprintf(`{"MQTT":{"Broker":"mqtt://%s","Commands":"on","Password":"uplink-secret"}}`, outside))
	base := "devices/unknown-site/smart-connect/" + b.label.Serial
	heard := wiretap(t, outside, "-t", base+"/cmd/+/response", "-t", base+"/event")
	eventually(t, 5*time.Second, "the uplink is up", func() bool { return b.mqttStatus().State == api.OK })
	lives := func() int { return strings.Count(b.log.String(), "life begins") }
	first := lives()

	pub(t, outside, base+"/cmd/ping", request("p1"))
	pub(t, outside, base+"/cmd/config-get", request("c1"))
	eventually(t, 5*time.Second, "both are answered", func() bool {
		return strings.Contains(heard.String(), `"id":"p1","state":"done"`) && strings.Contains(heard.String(), `"id":"c1","state":"done"`)
	})
	if text := heard.String(); strings.Contains(text, "uplink-secret") || !strings.Contains(text, `"PasswordSet":true`) {
		t.Errorf("config-get is answered %s", text)
	}
	reset := request("r1")
	pub(t, outside, base+"/cmd/reset", reset)
	eventually(t, 10*time.Second, "it is accepted, and done by the next life", func() bool {
		text := heard.String()
		accepted, done := strings.Index(text, `"id":"r1","state":"accepted"`), strings.Index(text, `"id":"r1","state":"done"`)
		return accepted >= 0 && done > accepted && lives() == first+1
	})
	pub(t, outside, base+"/cmd/reset", reset)
	eventually(t, 5*time.Second, "delivered again it is answered as before", func() bool {
		return strings.Count(heard.String(), `"id":"r1","state":"done"`) == 2
	})
	pub(t, outside, base+"/cmd/reset", `{"id":"r2","ts":1700000000,"args":{}}`)
	eventually(t, 5*time.Second, "what is old is rejected", func() bool {
		return strings.Contains(heard.String(), `"id":"r2","state":"rejected"`)
	})
	if lives() != first+1 {
		t.Errorf("%d lives, want %d", lives(), first+1)
	}
	answers(t, heard.String())
	eventually(t, 5*time.Second, "events are told", func() bool {
		return strings.Contains(heard.String(), `"kind":"meter-found"`) && strings.Contains(heard.String(), `"kind":"started"`)
	})
}

// answers checks what was answered against the schema in the repository.
func answers(t *testing.T, heard string) {
	t.Helper()
	b, err := fs.ReadFile(payload.Schemas(), "command-response.json")
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("response", document); err != nil {
		t.Fatal(err)
	}
	schema, n := c.MustCompile("response"), 0
	for line := range strings.Lines(heard) {
		topic, body, _ := strings.Cut(strings.TrimSpace(line), " ")
		if !strings.HasSuffix(topic, "/response") {
			continue
		}
		n++
		if answer, err := jsonschema.UnmarshalJSON(strings.NewReader(body)); err != nil || schema.Validate(answer) != nil {
			t.Errorf("not an answer as the schema has it: %s", body)
		}
	}
	if n < 6 {
		t.Errorf("%d answers", n)
	}
}

func TestCommandsWithoutTLS(t *testing.T) {
	outside := mosquitto(t, "allow_anonymous true")
	b := start(t, "sim:dsmr50", fmt.Sprintf(`{"MQTT":{"Broker":"mqtt://%s"}}`, outside))
	base := "devices/unknown-site/smart-connect/" + b.label.Serial
	heard := wiretap(t, outside, "-t", base+"/cmd/+/response", "-t", base+"/info")
	eventually(t, 5*time.Second, "the uplink is up", func() bool { return strings.Contains(heard.String(), `"capabilities":[]`) })
	pub(t, outside, base+"/cmd/ping", request("nobody-hears"))
	time.Sleep(500 * time.Millisecond)
	if text := heard.String(); strings.Contains(text, "nobody-hears") || b.mqttStatus().Commands != 0 {
		t.Errorf("answered: %s", text)
	}
}

// Who has the right may command through the broker in the box, and others not.
func TestCommandsInside(t *testing.T) {
	b := start(t, "sim:dsmr50", `{"Broker":{"Users":[{"Name":"ems","Password":"ems-password-1","Rules":[{"Access":"readwrite","Topic":"smart-connect/+/cmd/#"}]}]}}`)
	base := "smart-connect/" + b.label.Serial
	ems := []string{"-u", "ems", "-P", "ems-password-1"}
	heard := wiretap(t, b.mqtt, append(ems, "-t", base+"/cmd/+/response")...)
	pub(t, b.mqtt, base+"/cmd/ping", request("p1"), ems...)
	eventually(t, 5*time.Second, "the ping is answered", func() bool { return strings.Contains(heard.String(), `"id":"p1","state":"done"`) })
	lives := func() int { return strings.Count(b.log.String(), "life begins") }
	first := lives()
	host, port, _ := net.SplitHostPort(b.mqtt)
	_ = exec.Command(program(t, "mosquitto_pub"), "-h", host, "-p", port, "-u", b.label.MQTTUser, "-P", b.label.MQTTPassword,
		"-t", base+"/cmd/reset", "-m", request("forged")).Run() // QoS 0: nobody tells who may not
	pub(t, b.mqtt, base+"/cmd/reset", request("r1"), ems...)
	eventually(t, 5*time.Second, "accepted, and another life", func() bool {
		return strings.Contains(heard.String(), `"id":"r1","state":"accepted"`) && lives() == first+1
	})
	if strings.Contains(heard.String(), "forged") {
		t.Error("a user who may read only has given a command")
	}
}
